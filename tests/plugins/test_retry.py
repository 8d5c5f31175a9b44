"""A plugin that failed at events too often is told of them again when an admin wants it, also one that was away."""

from collections.abc import Callable

import pytest

from tests.support.app import House
from webapp.contracts import FileUploaded, PluginHost
from webapp.services.delivery import receivers

heard: list[str] = []
broken = [True]


def mailer(host: PluginHost) -> None:
    host.subscribe(FileUploaded, send)


def send(event: FileUploaded) -> None:
    """What it does with an upload, as long as its server is there."""
    if broken:
        raise ConnectionError("the mail server is away")
    heard.append(event.filename)


@pytest.fixture
def parked(installed: Callable[..., House], monkeypatch: pytest.MonkeyPatch) -> House:
    """A house whose plugin has given up two events; its server is back."""
    monkeypatch.setattr(receivers, "DELAYS", ())
    heard.clear()
    broken[:] = [True]
    house = installed(plugins=["mailer"])
    for name in ("one.txt", "two.txt"):
        house.upload(name=name)
    house.deliver()
    broken.clear()
    house.deliver()
    assert not heard
    return house


def about(house: House) -> tuple[str, int, int]:
    with house.app.app_context():
        found = house.services.plugins.get(house.admin, "mailer")
    assert found.delivery is not None
    return found.state, found.delivery.waiting, found.delivery.parked


def retry(house: House) -> int:
    with house.app.app_context():
        return house.services.plugins.retry(house.admin, "mailer")


def test_it_is_told(parked: House) -> None:
    assert about(parked) == ("active", 0, 2)
    assert retry(parked) == 2
    assert about(parked) == ("active", 2, 0)
    parked.deliver()
    assert sorted(heard) == ["one.txt", "two.txt"]
    assert about(parked) == ("active", 0, 0)


def test_one_that_is_not_loaded_is_told_when_it_is(installed: Callable[..., House], parked: House) -> None:
    without = installed()
    assert retry(without) == 2
    assert about(without) == ("gone", 2, 0)
    without.deliver()
    assert not heard
    installed(plugins=["mailer"]).deliver()
    assert sorted(heard) == ["one.txt", "two.txt"]
