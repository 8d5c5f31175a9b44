"""Packages that cannot be read: they hide nobody else, and no door stands open because of one."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.app import House, make_house
from tests.support.packages import described
from webapp.contracts import PluginHost
from webapp.plugins import installed as reading
from webapp.plugins.installed import installed
from webapp.services.errors import CheckFailedError

BROKEN = "[stowage.plugins]\na line that was cut sho"


def guarding(host: PluginHost) -> None:
    """What the package guard brings."""
    host.check_uploads(lambda info: None)


def harmless(host: PluginHost) -> None:
    """What the package harmless brings."""


def failing(host: PluginHost) -> None:
    """What the package failing would bring."""
    raise RuntimeError("no")


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that programs are imported from."""
    where = tmp_path / "site-packages"
    where.mkdir()
    monkeypatch.syspath_prepend(str(where))
    return where


def put(where: Path, name: str, entry_points: str = "") -> Path:
    """Install a package that has this function of this module as its plugin, or these entry points."""
    return described(where, name, entry_points or f"[stowage.plugins]\n{name} = {__name__}:{name}\n")


@pytest.fixture
def start(sqlite_house: House) -> Iterator[Callable[[], House]]:
    """Starts Stowage on the same directory, again and again."""
    made: list[House] = []

    def make() -> House:
        made.append(make_house(sqlite_house.config.data_dir))
        return made[-1]

    yield make
    for house in made:
        house.close()


def remembered(house: House) -> Path:
    return house.config.instance_dir / "required_checks.json"


def errors(house: House) -> dict[str, str | None]:
    return {each.name: each.error for each in house.services.plugins.records() if each.kind == "plugin"}


def test_a_package_that_cannot_be_read_is_reported_and_hides_nobody(packages: Path, start: Callable[[], House]) -> None:
    put(packages, "broken", BROKEN)
    put(packages, "harmless")
    house = start()
    found = errors(house)
    assert found.pop("harmless") is None
    assert found.pop("broken") is not None
    assert house.upload()


def test_a_list_of_packages_that_breaks_off_does_not_stop_the_start(
    start: Callable[[], House], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> Iterator[object]:
        raise PermissionError("a directory of the path")
        yield

    monkeypatch.setattr(reading, "distributions", fail)
    house = start()
    assert set(errors(house)) == {"?"}
    assert house.upload()


def test_a_package_on_two_entries_of_the_path_is_one(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(packages, "harmless")
    other = tmp_path / "elsewhere"
    other.mkdir()
    put(other, "harmless")
    monkeypatch.setattr(sys, "path", [*sys.path, str(other)])
    assert [entry.name for entry in installed("stowage.plugins").entries["stowage.plugins"]].count("harmless") == 1


def test_a_required_check_that_cannot_be_found_stops_uploads_until_it_is(
    packages: Path, start: Callable[[], House]
) -> None:
    put(packages, "guarding")
    assert start().upload()
    put(packages, "guarding", BROKEN)
    for _ in range(2):  # what is remembered is still there the second time
        house = start()
        with pytest.raises(CheckFailedError):
            house.upload()
        assert errors(house)["guarding"] is not None
    put(packages, "guarding")
    assert start().upload()


def test_it_stops_them_too_where_somebody_else_s_package_hides_it(packages: Path, start: Callable[[], House]) -> None:
    info = put(packages, "guarding")
    assert start().upload()
    (info / "entry_points.txt").unlink()
    put(packages, "broken", BROKEN)
    house = start()
    with pytest.raises(CheckFailedError):
        house.upload()
    assert errors(house)["guarding"] == "it is in none of the packages that can be read"
    (packages / "broken-1.0.dist-info" / "entry_points.txt").unlink()
    assert start().upload(), "now everything can be read, and it is not there: it was taken out"


@pytest.mark.parametrize("content", ["", "{", "5", "\N{LATIN SMALL LETTER E WITH ACUTE}"])
def test_what_cannot_be_remembered_counts_as_required(packages: Path, start: Callable[[], House], content: str) -> None:
    put(packages, "guarding")
    house = start()
    remembered(house).write_text(content, encoding="latin-1")
    put(packages, "failing")
    with pytest.raises(CheckFailedError):
        start().upload()
    assert remembered(house).read_text(encoding="latin-1") == content, "nobody knows better yet"
    put(packages, "failing", "[nothing]")
    assert start().upload(), "all that is installed was loaded"
    assert json.loads(remembered(house).read_text()) == ["guarding"]
