"""What reads from a backend stops where there can be no more."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.services.odd import OddBackend
from tests.support.app import House
from tests.support.images import picture
from webapp.contracts.errors import StorageBackendError
from webapp.services.checksums import of_small
from webapp.services.reading import at_most

given: list[int] = []


def endless(*_: object) -> Iterator[bytes]:
    given.clear()
    for number in range(1000):
        given.append(number)
        yield b"x" * 1000


def corrupted(action: Any) -> None:
    with pytest.raises(StorageBackendError) as caught:
        action()
    assert caught.value.data == {"cause": "corrupted"}
    assert len(given) < 10


@pytest.fixture
def odd(odd_house: House) -> Iterator[House]:
    odd_house.configure(backend="odd")
    yield odd_house
    OddBackend.instead.clear()


def test_pieces_are_passed_on_and_let_go_of() -> None:
    pieces = endless()
    assert b"".join(at_most(iter([b"ab", b"c"]), 3)) == b"abc"
    corrupted(lambda: list(at_most(pieces, 2500)))
    assert next(pieces, None) is None  # closed


def test_a_text(odd: House) -> None:
    file = odd.upload(data=b"hello", name="a.txt")
    OddBackend.instead["get"] = endless
    corrupted(lambda: odd.services.previews.text_head(odd.uploader, file.id))


def test_an_image(odd: House) -> None:
    file = odd.upload(data=picture((30, 20)), name="a.png")
    wanted = odd.services.thumbnails.find(odd.uploader, file.id, 64)
    OddBackend.instead["get"] = endless
    corrupted(lambda: odd.services.thumbnails.read(wanted))


def test_a_checksum(odd: House) -> None:
    OddBackend.instead["get"] = endless
    corrupted(lambda: of_small(OddBackend({"odd_secret": None}), "0" * 32, 5, None))
