"""Loads third-party plugins and backends; a broken one is reported and left out."""

import logging
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol, TypeVar

from webapp.backends.registry import BackendRegistry
from webapp.contracts.backends import StorageBackend
from webapp.contracts.events import Event, signal_for
from webapp.contracts.plugins import MenuEntry
from webapp.contracts.settings import SettingsModule

log = logging.getLogger(__name__)

PLUGINS = "stowage.plugins"
BACKENDS = "stowage.backends"
EventT = TypeVar("EventT", bound=Event)


class SettingsDoor(Protocol):
    """What plugins need of the settings."""

    def add(self, module: SettingsModule) -> None:
        """Add a module."""

    def values(self, module: str) -> Mapping[str, Any]:
        """The values of a module, its secrets included."""


class Host:
    """What plugins get; see :class:`webapp.contracts.PluginHost`."""

    def __init__(
        self, registry: BackendRegistry, settings: SettingsDoor, add_menu_entry: Callable[[MenuEntry], None]
    ) -> None:
        """Let plugins add backends to ``registry``, modules to ``settings`` and links to the menu."""
        self._registry = registry
        self._settings = settings
        self._add_menu_entry = add_menu_entry

    def subscribe(self, event_type: type[EventT], receiver: Callable[[EventT], object]) -> None:
        """Call ``receiver(event)`` after every such event."""

        def deliver(_sender: object, event: EventT, **_: Any) -> None:
            receiver(event)

        # Held strongly: nobody else keeps this closure.
        signal_for(event_type).connect(deliver, weak=False)

    def add_backend(self, backend_class: type[StorageBackend]) -> None:
        """Offer a storage backend."""
        self._registry.register(backend_class)

    def add_settings(self, module: SettingsModule) -> None:
        """Add a page of settings."""
        self._settings.add(module)

    def settings(self, module: str) -> Mapping[str, Any]:
        """The values of a module of settings as they are now."""
        return self._settings.values(module)

    def add_menu_entry(self, entry: MenuEntry) -> None:
        """Offer a link in the navigation."""
        self._add_menu_entry(entry)


def load(registry: BackendRegistry, settings: SettingsDoor, add_menu_entry: Callable[[MenuEntry], None]) -> None:
    """Register the backends and set up the plugins that are installed."""
    host = Host(registry, settings, add_menu_entry)
    for entry in entry_points(group=BACKENDS):
        _guarded(entry, registry.register)
    for entry in entry_points(group=PLUGINS):
        _guarded(entry, lambda loaded: loaded(host))


def _guarded(entry: EntryPoint, use: Callable[[Any], object]) -> None:
    try:
        use(entry.load())
    except Exception:
        log.exception("a plugin could not be loaded", extra={"plugin": entry.name})
