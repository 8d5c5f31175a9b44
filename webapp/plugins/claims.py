"""Names that belong to one plugin each."""

import threading

from webapp.contracts.errors import ConfigurationError


class Claims:
    """Who has which name of which kind."""

    def __init__(self) -> None:
        """Begin with nothing taken."""
        self._lock = threading.Lock()
        self._owners: dict[tuple[str, str], str] = {}

    def add(self, kind: str, name: str, owner: str) -> None:
        """Take a name.

        Raises:
            ConfigurationError: somebody has it.
        """
        with self._lock:
            if (kind, name) in self._owners:
                raise ConfigurationError(f"the {kind} {name} belongs to {self._owners[kind, name]} already")
            self._owners[kind, name] = owner

    def remove(self, kind: str, name: str) -> None:
        """Give it up."""
        with self._lock:
            self._owners.pop((kind, name), None)
