"""What a plugin gets into its hands: :class:`webapp.contracts.PluginHost`.

What can be refused is entered at once, so that the plugin learns of it, and taken back should the plugin fail.
What runs its code later (receivers, pages, commands) is only noted, and starts when all of it is fine.
"""

import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click
from flask import Flask, g, has_app_context, has_request_context

from webapp.backends.registry import BackendRegistry
from webapp.config import Config
from webapp.contracts.backends import StorageBackend
from webapp.contracts.checks import Check
from webapp.contracts.errors import ConfigurationError
from webapp.contracts.events import EVENT_TYPES, Event, signal_for
from webapp.contracts.pages import PageCaller
from webapp.contracts.plugins import MenuEntry, ModuleMeta, PluginPermission
from webapp.contracts.settings import SettingsModule
from webapp.plugins import pages
from webapp.plugins.claims import Claims
from webapp.services import Services
from webapp.services.plugins import BUILT_IN, Record

log = logging.getLogger(__name__)

COMMANDS = frozenset({"db", "openapi", "serve", "settings", "token", "user", "worker"})
"""What ``stowage`` can do by itself."""
LONGEST_NAME = 200
EventT = TypeVar("EventT", bound=Event)


class Menu(Protocol):
    """What plugins need of the navigation."""

    def add(self, entry: MenuEntry, *, ours: bool = False) -> None:
        """Add an entry; the label of one of ours is a key of the locale files."""

    def remove(self, entry: MenuEntry) -> None:
        """Take it back."""


@dataclass(frozen=True, kw_only=True)
class Doors:
    """Where what plugins add goes."""

    app: Flask
    services: Services
    registry: BackendRegistry
    menu: Menu
    claims: Claims = field(default_factory=Claims)
    commands: dict[str, click.Command] = field(default_factory=dict)

    @property
    def config(self) -> Config:
        """The configuration of the application."""
        found: Config = self.app.extensions["stowage_config"]
        return found


class Host:
    """The doors for one plugin."""

    def __init__(self, doors: Doors, record: Record) -> None:
        """What it brings is written down in ``record``."""
        self._doors = doors
        self._record = record
        self._ours = record.kind == BUILT_IN
        self._slug = slug(record.name)
        self._lock = threading.Lock()
        self._undo: list[Callable[[], object]] = []
        self._starts: list[Callable[[], object]] = []
        self._closed = False
        self._described = False
        self._prefixes: dict[bool, str] = {}
        self._named: dict[str, object] = {}

    # --- what it is ---------------------------------------------------------------

    def describe(self, meta: ModuleMeta) -> None:
        """Say what this module is."""
        if self._described or self._prefixes:
            raise ConfigurationError("a module is described once, before it adds pages")
        _require(isinstance(meta, ModuleMeta), "no ModuleMeta")
        _require(_is_label(meta.name, 40), "a name has 1 to 40 printable characters")
        _require(all(isinstance(each, str) for each in (meta.version, meta.description)), "version is text")
        deps: object = meta.depends_on
        _require(isinstance(deps, tuple) and all(isinstance(each, str) for each in deps), "depends_on is a tuple")
        with self._all_or_nothing():
            self._described_by(meta)

    def _described_by(self, meta: ModuleMeta) -> None:
        name = meta.name
        self._claim("module", name.casefold())
        self._described = True
        self._record.title, self._record.depends_on = name, meta.depends_on
        self._record.version = meta.version[:40] or self._record.version
        self._record.description = meta.description[:200]
        for api, prefix in ((True, meta.route_prefix), (False, meta.view_prefix)):
            if prefix:
                self._own(prefix, api=api)
        for permission in meta.permissions:
            self.add_permission(permission)

    # --- what it brings -----------------------------------------------------------

    def subscribe(self, event_type: type[EventT], receiver: Callable[[EventT], object]) -> None:
        """Call ``receiver(event)`` for every such event."""
        wanted = EVENT_TYPES if event_type is Event else (event_type,)
        _require(all(each in EVENT_TYPES for each in wanted), f"there is no event {event_type!r}")
        _require(callable(receiver), f"{receiver!r} cannot be called")
        name = self._receiver_name(receiver, [each.__name__ for each in wanted])
        for each in wanted:
            self._later(partial(self._connect, each, receiver, name))
            self._bring("events", each.__name__)
            self._record.receivers.setdefault(name, []).append(each.__name__)

    def add_backend(self, backend_class: type[StorageBackend]) -> None:
        """Offer a storage backend."""
        registry = self._doors.registry
        known = getattr(backend_class, "backend_id", None) in registry.ids()
        self._now(partial(registry.register, backend_class), partial(registry.unregister, backend_class))
        if not known:
            self._bring("backends", backend_class.backend_id)

    def add_settings(self, module: SettingsModule) -> None:
        """Add a page of settings."""
        settings = self._doors.services.settings
        self._now(partial(settings.add, module), partial(settings.remove, module))
        self._bring("settings", module.name)

    def add_menu_entry(self, entry: MenuEntry) -> None:
        """Offer a link in the navigation."""
        menu = self._doors.menu
        self._now(partial(menu.add, entry, ours=self._ours), partial(menu.remove, entry))
        self._bring("menu", entry.href)

    def add_permission(self, permission: PluginPermission) -> None:
        """Add a permission."""
        permissions = self._doors.services.permissions
        code = getattr(permission, "code", "")
        space = f"{self._slug.replace('-', '_').replace('.', '_')}."
        _require(self._ours or str(code).startswith(space), f"a permission of this plugin begins with {space}")
        self._now(partial(permissions.add, permission), partial(permissions.remove, code))
        self._bring("permissions", str(code))

    def add_pages(self, blueprint: Any, *, api: bool = False) -> None:
        """Add views below this module's prefix."""
        prefix = self._prefixes.get(api) or self._own(self._default_prefix(api=api), api=api)
        found = pages.examined(self._doors.app, blueprint, prefix, self._doors.services.permissions.codes())
        self._claim("blueprint", found.name)
        self._later(partial(pages.register, self._doors.app, blueprint, found))
        for rule in found.rules:
            self._bring("pages", rule)

    def add_command(self, command: Any) -> None:
        """Add a command to ``stowage``."""
        _require(isinstance(command, click.Command), f"{command!r} is no command")
        name = command.name or ""
        _require(re.fullmatch(r"[a-z][a-z0-9-]*", name) is not None, "a command is called by lower-case letters")
        _require(name not in COMMANDS, f"{name} is a command of Stowage itself")
        self._claim("command", name)
        self._later(partial(self._doors.commands.__setitem__, name, command))
        self._bring("commands", name)

    def check_uploads(self, check: Check, *, required: bool = True) -> None:
        """Look at every upload before it is stored."""
        checks, name = self._doors.services.checks, self._record.name
        self._now(partial(checks.add, name, check, required=required), partial(checks.remove, name))
        self._bring("checks", name_of(check))

    # --- what it asks -------------------------------------------------------------

    def settings(self, module: str) -> Mapping[str, Any]:
        """The values of a module of settings as they are now."""
        if has_app_context():
            return self._doors.services.settings.values(module)
        with self._doors.app.app_context():  # in a thread of the plugin's own
            return self._doors.services.settings.values(module)

    def caller(self) -> PageCaller | None:
        """Who is asking."""
        who = g.get("caller") if has_request_context() else None
        if who is None:
            return None
        permissions = frozenset(str(each) for each in who.permissions)
        return PageCaller(user_id=str(who.user_id), username=who.username, role=who.role, permissions=permissions)

    def data_dir(self) -> Path:
        """A directory of this plugin's own on this node."""
        made = self._doors.config.instance_dir / "plugins" / self._slug
        made.mkdir(parents=True, exist_ok=True)
        return made

    # --- for the loader -----------------------------------------------------------

    def close(self) -> None:
        """Let nothing in any more: ``setup`` has returned, or its time is over."""
        with self._lock:
            self._closed = True

    def start(self) -> None:
        """Let what was noted begin."""
        for start in self._starts:
            start()

    def adopt(self, event_type: type[Event], receiver: object) -> None:
        """Know a receiver that the plugin has connected by itself as one of its own."""
        try:
            receiver.stowage_plugin = self._record.name  # type: ignore[attr-defined]
        except AttributeError:
            return  # a method takes no attributes: it is known by its package
        name = name_of(receiver)
        receiver.stowage_receiver = name  # type: ignore[attr-defined]
        self._bring("events", event_type.__name__)
        self._record.receivers.setdefault(name, []).append(event_type.__name__)

    def take_back(self) -> None:
        """Undo all that came through these doors."""
        self.close()
        for undo in reversed(self._undo):
            try:
                undo()
            except Exception:  # what it brought may be as broken as itself
                log.exception("what a plugin brought could not be taken back", extra={"plugin": self._record.name})
        self._record.brought.clear()
        self._record.receivers.clear()

    # --- parts of the above -------------------------------------------------------

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """What is refused may be caught, and tried again in another way."""
        done = len(self._undo)
        kept = {name: list(codes) for name, codes in self._record.brought.items()}
        about = (self._record.title, self._record.depends_on, self._record.version, self._record.description)
        try:
            yield
        except BaseException:
            while len(self._undo) > done:
                self._undo.pop()()
            self._record.title, self._record.depends_on, self._record.version, self._record.description = about
            self._record.brought.clear()
            self._record.brought.update(kept)
            self._described = False
            self._prefixes.clear()
            raise

    def _now(self, do: Callable[[], object], undo: Callable[[], object]) -> None:
        self._require_open()
        do()
        with self._lock:
            if not self._closed:
                self._undo.append(undo)
                return
        undo()  # it was closed in the meantime
        self._require_open()

    def _later(self, start: Callable[[], object]) -> None:
        self._require_open()
        self._starts.append(start)

    def _require_open(self) -> None:
        if self._closed:
            raise ConfigurationError("what a plugin brings it brings in setup, which is over")

    def _claim(self, kind: str, name: str) -> None:
        claims = self._doors.claims
        self._now(partial(claims.add, kind, name, self._record.name), partial(claims.remove, kind, name))

    def _own(self, prefix: str, *, api: bool) -> str:
        pages.require_prefix(prefix, api=api)
        area, default = pages.area(prefix), self._default_prefix(api=api)
        of_all = default.rpartition("/")[0]
        _require(not f"{area}/".startswith(f"{of_all}/") or area == default, f"{prefix} is for another")
        _require(self._ours or area not in pages.areas(self._doors.app), f"{prefix} belongs to Stowage")
        self._claim("prefix", area)
        self._prefixes[api] = prefix
        return prefix

    def _default_prefix(self, *, api: bool) -> str:
        return f"{'/api' if api else ''}/plugins/{self._slug}"

    def _bring(self, kind: str, name: str) -> None:
        found = self._record.brought.setdefault(kind, [])
        if name not in found:
            found.append(name)

    def _receiver_name(self, receiver: object, events: list[str]) -> str:
        """One that stays the same at the next start: calls that failed are tried again by this name.

        One function has one name for all its events, so that those of a file stay in order when a call failed.
        """
        name, number = name_of(receiver), 1
        while name in self._record.receivers:
            if self._named[name] == receiver and not set(events) & set(self._record.receivers[name]):
                break
            number += 1
            name = f"{name_of(receiver)}#{number}"
        self._named[name] = receiver
        return name

    def _connect(self, event_type: type[Event], receiver: Callable[[Any], object], name: str) -> None:
        def deliver(_sender: object, event: Event, **_: Any) -> None:
            receiver(event)

        deliver.stowage_plugin = self._record.name  # type: ignore[attr-defined]
        deliver.stowage_receiver = name  # type: ignore[attr-defined]
        signal, app = signal_for(event_type), self._doors.app
        # Held strongly: nobody else keeps this closure.
        signal.connect(deliver, sender=app, weak=False)
        self._undo.append(lambda: signal.disconnect(deliver, sender=app))


def slug(name: str) -> str:
    """A name as it is in addresses and of directories."""
    return re.sub(r"[^a-z0-9_.]+", "-", name.casefold()).strip("-.") or "plugin"


def name_of(thing: object) -> str:
    """A name for people: module and name of a function, or of the class of anything else."""
    found = thing.func if isinstance(thing, partial) else thing
    named = found if hasattr(found, "__qualname__") else type(found)
    with suppress(Exception):
        module = named.__module__ or type(getattr(found, "__self__", found)).__module__
        return f"{module}.{named.__qualname__}"[: LONGEST_NAME - 5]
    return type(found).__name__


def _is_label(text: object, longest: int) -> bool:
    return isinstance(text, str) and bool(text.strip()) and len(text) <= longest and text.isprintable()


def _require(fine: bool, problem: str) -> None:
    if not fine:
        raise ConfigurationError(problem)
