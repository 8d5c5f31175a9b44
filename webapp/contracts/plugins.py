"""What a plugin gets into its hands.

A plugin is a callable ``setup(host)`` in the entry-point group ``stowage.plugins``.
Stowage's own modules come in through the same door.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from webapp.contracts.backends import StorageBackend
from webapp.contracts.checks import Check
from webapp.contracts.events import Event
from webapp.contracts.pages import PageCaller
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
    """Smaller ones come first; Files has 40, Trash 50, Activity 60, Settings 65, Webhooks 66, Plugins 67,
    Background work 68, Users 70, API tokens 80."""
    roles: tuple[str, ...] = ("admin",)
    """Who sees it. It is no lock: whatever answers at ``href`` has to check for itself."""


@dataclass(frozen=True)
class PluginPermission:
    """Something that a role may do, and that an API token can be made for."""

    code: str
    """The name of the plugin and what may be done, such as ``reports.see``: lower-case letters, digits
    and underscores, with dots between them, at most 64 characters."""
    label: str
    """What that is, for people: ``See the reports``. At most 80 characters."""
    roles: tuple[str, ...] = ("admin",)
    """The roles that have it: ``admin``, which has all there are, and perhaps ``user``."""


@dataclass(frozen=True, kw_only=True)
class ModuleMeta:
    """What a module of Stowage says about itself: a plugin, or a part that Stowage comes with."""

    name: str
    """What it is called, on the page *Plugins* and where others depend on it; at most 40 characters."""
    version: str = ""
    """Its version; empty: that of its package."""
    description: str = ""
    """A sentence about what it does."""
    route_prefix: str = ""
    """Its part of the JSON API: every route of ``add_pages(blueprint, api=True)`` is below it.
    Empty: ``/api/plugins/<name of the entry point>``."""
    view_prefix: str = ""
    """Its part of the pages. Empty: ``/plugins/<name of the entry point>``."""
    depends_on: tuple[str, ...] = ()
    """Names of modules without which it cannot work. They are ready before it; if one of them is missing
    or failed, so does this."""
    permissions: tuple[PluginPermission, ...] = ()
    """The same as ``host.add_permission`` for each."""


class PluginHost(Protocol):
    """The doors of Stowage that are open to plugins.

    They are open while ``setup`` runs. What came through them counts once ``setup`` has returned: of a
    plugin that raises, or takes longer than ten seconds, nothing stays. The three that ask instead of
    adding, ``settings``, ``caller`` and ``data_dir``, may be used at any time.
    """

    def describe(self, meta: ModuleMeta) -> None:
        """Say what this module is; at most once, and before pages are added.

        Raises:
            ConfigurationError: a field cannot be used, or the name or a prefix belongs to another module.
        """

    def subscribe(self, event_type: type[EventT], receiver: Callable[[EventT], object]) -> None:
        """Call ``receiver(event)`` for every such event; for :class:`~webapp.contracts.Event` itself, for all.

        The background worker calls it, after the commit: at least once (``event_id`` tells), and in order
        for each file. A receiver that raises is called again a few times. One that raises or hangs is
        shown on the page *Plugins*, and holds up neither a request nor another receiver.

        Raises:
            ConfigurationError: there is no such event, or nothing to call.
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

    def add_permission(self, permission: PluginPermission) -> None:
        """Add a permission, for views (:func:`webapp.contracts.pages.permission`) and API tokens.

        Raises:
            ConfigurationError: the code does not begin with the plugin's name, or is taken, or a field cannot be used.
        """

    def add_pages(self, blueprint: Any, *, api: bool = False) -> None:
        """Add views: a ``flask.Blueprint`` with all its routes, below this module's prefix.

        With ``api`` that is its ``route_prefix`` in the JSON API, else its ``view_prefix``. Every view has
        a policy (:mod:`webapp.contracts.pages`). Pages extend the template ``plugin.html``.

        Raises:
            ConfigurationError: it is no blueprint, a view states no policy or asks for an unknown permission, an
                address or a name is taken, or it reaches beyond its own pages.
        """

    def add_command(self, command: Any) -> None:
        """Add a command to ``stowage``: a ``click.Command`` or a group. It runs inside an application context.

        Raises:
            ConfigurationError: it is no command, or its name is taken.
        """

    def check_uploads(self, check: Check, *, required: bool = True) -> None:
        """Look at every upload before it is stored: refuse it, or add facts to the file.

        :mod:`webapp.contracts.checks` says how. While a required check fails or hangs, nothing is
        uploaded; one that is not required is passed by.

        Raises:
            ConfigurationError: it is no check.
        """

    def caller(self) -> PageCaller | None:
        """Who is asking; None on public pages and outside of requests."""

    def data_dir(self) -> Path:
        """A directory of this plugin's own on this node. It is made when it is asked for."""
