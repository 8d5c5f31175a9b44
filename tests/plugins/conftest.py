"""Plugins that are installed, as far as the program can tell: entry points of the test that asks."""

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from tests.support.app import House, make_house
from webapp import plugins

collect_ignore = ["stowage-sqlite-archive"]
"""A package of its own, whose tests see nothing of ours: ``test_backend_package`` runs them."""


@pytest.fixture
def install(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make these objects of the test's module the installed entry points."""

    def make(**groups: list[str]) -> None:
        module = request.module.__name__
        entries = {
            f"stowage.{group}": [EntryPoint(name.lower(), f"{module}:{name}", f"stowage.{group}") for name in names]
            for group, names in groups.items()
        }
        monkeypatch.setattr(plugins, "entry_points", lambda *, group: entries.get(group, []))

    return make


@pytest.fixture
def installed(sqlite_house: House, install: Any) -> Iterator[Any]:
    """A house on the same directory, made with plugins."""
    made: list[House] = []

    def make(**groups: list[str]) -> House:
        install(**groups)
        made.append(make_house(sqlite_house.config.data_dir))
        return made[-1]

    yield make
    for house in made:
        house.close()
