"""What a plugin gets into its hands.

A plugin is a callable ``setup(host)`` in the entry-point group ``stowage.plugins``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from webapp.contracts.backends import StorageBackend
from webapp.contracts.events import Event
from webapp.contracts.settings import SettingsModule

EventT = TypeVar("EventT", bound=Event)


@dataclass(frozen=True)
class MenuEntry:
    """A link in the navigation."""

    label: str
    """Shown as it is given, at most 40 characters."""
    href: str
    """A path of this server, such as ``/reports``."""
    icon: str
    """Name of an icon of the sprite ``webapp/static/icons.svg``, without its ``i-``."""
    section: str = "SIDEBAR"
    """Where the link is: there is only the sidebar so far."""
    group: str = "Content"
    """``Content``, ``Admin`` and ``Account`` are there; any other makes a group of that name."""
    order: int = 100
    """Smaller ones come first; Files has 40, Trash 50, Activity 60, Users 70, API tokens 80."""
    roles: tuple[str, ...] = ("admin",)
    """Who sees it. It is no lock: whatever answers at ``href`` has to check for itself."""


class PluginHost(Protocol):
    """The doors of Stowage that are open to plugins."""

    def subscribe(self, event_type: type[EventT], receiver: Callable[[EventT], object]) -> None:
        """Call ``receiver(event)`` after every commit that published such an event.

        A receiver that raises is logged; neither the request nor the other
        receivers notice. Receivers run in the thread of the request: be quick.
        """

    def add_backend(self, backend_class: type[StorageBackend]) -> None:
        """Offer a storage backend, as an entry point in ``stowage.backends`` would.

        Raises:
            ConfigurationError: the class lacks part of the protocol or its id is taken.
        """

    def add_settings(self, module: SettingsModule) -> None:
        """Add settings: they get the page ``/settings/modules/<name>``, the same in the API, and ``stowage settings``.

        Raises:
            ConfigurationError: the name is taken, or a field cannot be used.
        """

    def settings(self, module: str) -> Mapping[str, Any]:
        """The values of a module as they are now, secrets included; by name.

        Read afresh each time: ask when you need them, in a receiver or a view, and keep nothing.

        Raises:
            StowageError: there is no such module.
        """

    def add_menu_entry(self, entry: MenuEntry) -> None:
        """Offer a link in the navigation of those with one of its roles.

        Raises:
            ConfigurationError: it leads elsewhere or where another entry leads, its icon,
                section or a role is unknown, or a field is of a wrong type.
        """
