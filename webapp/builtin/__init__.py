"""What Stowage consists of: modules that come in by the door that plugins use (webapp/plugins).

The frame they fill is elsewhere: signing in and accounts, the documents of the API, and what operators look at.
"""

from collections.abc import Callable

from webapp.builtin import accounts, administration, file_storage, settings
from webapp.contracts.plugins import PluginHost

MODULES: tuple[tuple[str, Callable[[PluginHost], None]], ...] = (
    ("settings", settings.setup),
    ("file_storage", file_storage.setup),
    ("accounts", accounts.setup),
    ("administration", administration.setup),
)
"""In the order in which they depend on one another."""
