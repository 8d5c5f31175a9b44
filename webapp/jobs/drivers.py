"""huey imports the drivers of all queues that are installed; those that are not used would take 20 MB."""

import importlib
import sys

_DRIVERS = {"psycopg": "postgres", "redis": "redis"}


def import_huey(url: str) -> None:
    """Import it with the driver of the queue at ``url`` alone. To be called before anything else imports it."""
    hidden = [name for name, scheme in _DRIVERS.items() if not url.startswith(scheme) and name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # as if it were not installed
    try:
        importlib.import_module("huey")
    finally:
        for name in hidden:
            del sys.modules[name]
