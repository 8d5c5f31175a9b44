"""Loads modules, plugins and backends. One that is broken, or hangs, is reported and left out."""

import logging
import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any, cast

import click
from flask import Flask

from webapp import __version__
from webapp.backends.registry import BackendRegistry
from webapp.contracts.errors import ConfigurationError
from webapp.contracts.events import EVENT_TYPES, Event, signal_for
from webapp.contracts.plugins import PluginHost
from webapp.plugins import guards
from webapp.plugins.host import Doors, Host, Menu
from webapp.plugins.installed import installed, package_of
from webapp.services import Services
from webapp.services.failures import told
from webapp.services.plugins import BACKEND, BUILT_IN, PLUGIN, Record

log = logging.getLogger(__name__)

PLUGINS = "stowage.plugins"
BACKENDS = "stowage.backends"
SECONDS = 10.0
"""So long a plugin may take to be imported and set up."""
Setup = Callable[[PluginHost], object]


@dataclass(frozen=True)
class Plugins:
    """What plugins brought for whoever runs the application."""

    commands: dict[str, click.Command]
    """Commands by name."""


def load(
    app: Flask,
    services: Services,
    registry: BackendRegistry,
    menu: Menu,
    built_in: Sequence[tuple[str, Setup]] = (),
) -> None:
    """Set up our own modules, whose failure is ours; then backends and plugins that are installed."""
    doors = Doors(app=app, services=services, registry=registry, menu=menu)
    app.extensions["stowage_plugins"] = Plugins(commands=doors.commands)
    for name, setup in built_in:
        record = Record(name=name, kind=BUILT_IN, title=name, package="stowage", version=__version__)
        host = Host(doors, record)
        setup(host)
        host.close()
        host.start()
        services.plugins.add(record)
    there = installed(BACKENDS, PLUGINS)
    for entry in there.entries[BACKENDS]:
        _Attempt(doors, entry, BACKEND).run(lambda host, loaded: host.add_backend(loaded))
    attempts = [_Attempt(doors, entry, PLUGIN) for entry in there.entries[PLUGINS]]
    names: set[str] = set()
    for attempt in attempts:
        if attempt.record.name in names:
            attempt.fail(ConfigurationError("another package has a plugin of this name"))
        else:
            names.add(attempt.record.name)
            attempt.run(lambda host, loaded: loaded(host))
    _start(attempts, {record.title for record in services.plugins.records() if record.kind == BUILT_IN})
    failed = {attempt.record.name for attempt in attempts if attempt.record.error is not None}
    for each in there.unreadable:
        error = f"its entry points cannot be read ({told(each.error)})"
        title = each.package or "?"
        services.plugins.add(Record(name=title, kind=PLUGIN, title=title, package=each.package, error=error))
    absent = guards.keep(
        services.checks,
        doors.config.instance_dir / "required_checks.json",
        loaded=names - failed,
        failed=failed,
        are_all=not there.unreadable,
    )
    reported = {record.name for record in services.plugins.records()}
    for name in (name for name in absent if name not in reported):
        error = "it is in none of the packages that can be read"
        services.plugins.add(Record(name=name, kind=PLUGIN, title=name, error=error))


def of(app: Flask) -> Plugins:
    """What plugins brought to an application."""
    return cast("Plugins", app.extensions["stowage_plugins"])


class _Attempt:
    """One entry point, from its import to its start."""

    def __init__(self, doors: Doors, entry: EntryPoint, kind: str) -> None:
        package, version = package_of(entry)
        self.record = Record(name=entry.name, kind=kind, title=entry.name, package=package, version=version)
        self._entry = entry
        self._host = Host(doors, self.record)
        self._connected: list[tuple[type[Event], Any]] = []
        doors.services.plugins.add(self.record)

    def run(self, use: Callable[[Host, Any], object]) -> None:
        """Import it and let it register, both within bounds."""
        before, failure = _connected(), cast("BaseException | None", None)
        try:
            _within(SECONDS, lambda: use(self._host, self._entry.load()))
        except BaseException as exc:  # noqa: BLE001 (whatever it is, it is not ours)
            failure = exc
        self._host.close()
        # Receivers that it connected by itself, past the host.
        self._connected = [each for key, each in _connected().items() if key not in before]
        if failure is not None:
            self.fail(failure)
            return
        for event_type, receiver in self._connected:
            self._host.adopt(event_type, receiver)

    def start(self) -> None:
        """Let it begin."""
        try:
            self._host.start()
        except BaseException as exc:  # noqa: BLE001 (as above)
            self.fail(exc)

    def fail(self, failure: BaseException) -> None:
        """Report it, and undo what it did."""
        self.record.error = told(failure)
        about = {"plugin": self.record.name, "error": self.record.error}
        log.error("a plugin could not be loaded", exc_info=failure, extra=about)
        self._host.take_back()
        for event_type, receiver in self._connected:
            signal_for(event_type).disconnect(receiver)


def _connected() -> dict[tuple[str, Any], tuple[type[Event], Any]]:
    """Who is connected to the signals of events now."""
    found: dict[tuple[str, Any], tuple[type[Event], Any]] = {}
    for event_type in EVENT_TYPES:
        for key, kept in list(signal_for(event_type).receivers.items()):
            receiver = kept() if isinstance(kept, weakref.ref) else kept
            if receiver is not None:
                found[event_type.topic, key] = event_type, receiver
    return found


def _start(attempts: Iterable[_Attempt], ready: set[str]) -> None:
    """Start each when all that it depends on has started."""
    waiting = [attempt for attempt in attempts if attempt.record.error is None]
    while able := [attempt for attempt in waiting if ready.issuperset(attempt.record.depends_on)]:
        for attempt in able:
            attempt.start()
            if attempt.record.error is None:
                ready.add(attempt.record.title)
        waiting = [attempt for attempt in waiting if attempt not in able]
    failed = {attempt.record.title for attempt in attempts if attempt.record.error is not None}
    for attempt in waiting:
        attempt.fail(ConfigurationError(_why(attempt, {each.record.title: each for each in waiting}, ready, failed)))


def _why(attempt: _Attempt, waiting: dict[str, _Attempt], ready: set[str], failed: set[str]) -> str:
    """Why it will never be ready."""
    path: list[str] = []
    while attempt.record.title not in path:
        path.append(attempt.record.title)
        missing = next(name for name in attempt.record.depends_on if name not in ready)
        if missing not in waiting:
            way = " → ".join([*path, missing])
            return f"depends on {missing}, which {'failed' if missing in failed else 'is not there'} ({way})"
        attempt = waiting[missing]
    return f"depends on itself ({' → '.join([*path, attempt.record.title])})"


def _within(seconds: float, act: Callable[[], object]) -> None:
    """Do it in a thread of its own, and leave it alone when it takes too long."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as exc:  # noqa: BLE001 (SystemExit would end the thread without a word)
            failures.append(exc)

    thread = threading.Thread(target=run, name="stowage-plugin", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError(f"it took longer than {seconds:g} seconds")
    if failures:
        raise failures[0]
