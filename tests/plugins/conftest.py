"""Plugins that are installed, as far as the program can tell: entry points of the test that asks."""

import weakref
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from tests.support.app import House, make_house
from webapp.contracts import EVENT_TYPES, signal_for
from webapp.plugins import loader
from webapp.plugins.installed import Installed
from webapp.services.delivery.receivers import plugin_targets

collect_ignore = ["stowage-sqlite-archive", "sample"]
"""Packages of their own, whose tests see nothing of ours: others here run them."""


@pytest.fixture(autouse=True)
def _receivers_as_before() -> Iterator[None]:
    """Receivers are of the process: take back those of the test."""
    before = {event_type: set(signal_for(event_type).receivers) for event_type in EVENT_TYPES}
    yield
    for event_type, kept in before.items():
        signal = signal_for(event_type)
        for key, receiver in list(signal.receivers.items()):
            if key not in kept:
                signal.disconnect(receiver() if isinstance(receiver, weakref.ref) else receiver)


@pytest.fixture
def install(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make these objects of the test's module the installed entry points."""

    def make(**groups: list[str]) -> None:
        module = request.module.__name__
        entries = {
            f"stowage.{group}": [EntryPoint(name.lower(), f"{module}:{name}", f"stowage.{group}") for name in names]
            for group, names in groups.items()
        }
        monkeypatch.setattr(
            loader, "installed", lambda *groups: Installed({each: entries.get(each, []) for each in groups}, [])
        )

    return make


@pytest.fixture
def installed(sqlite_house: House, install: Any) -> Iterator[Any]:
    """A house on the same directory, made with plugins."""
    made: list[House] = []

    def make(**groups: list[str]) -> House:
        install(**groups)
        house = make_house(sqlite_house.config.data_dir)
        made.append(house)
        with house.app.app_context():  # as `stowage serve` does: what happens from now on is theirs
            house.services.delivery.subscribe(target.name for target in plugin_targets(house.app))
        return house

    yield make
    for house in made:
        house.close()
