"""Uploads past the application, in tests: a house whose store takes parts, small enough to be typed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from tests.backends.fakes import DirectBackend
from tests.support.app import House
from webapp.contracts.files import StoredFileOut
from webapp.db import table
from webapp.models import DirectUpload
from webapp.services import checksums, parts
from webapp.services.access import Caller
from webapp.services.parts import Announced, DirectUploadOut

PART = 10
SMALL = 40
"""Up to this size the checksum is found out at once."""
ROOM: dict[str, object] = {"direct_room": "one"}


@contextmanager
def taking_parts(house: House) -> Iterator[House]:
    """The house with a store that takes parts of 10 bytes."""
    DirectBackend.forget()
    house.registry.register(DirectBackend)
    house.configure(backend="direct")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "USUAL_PART", PART)
        patch.setattr(parts, "_ROUND", 1)
        patch.setattr(checksums, "AT_ONCE", SMALL)
        yield house
    DirectBackend.forget()


def store(room: str = "one") -> dict[str, bytes]:
    """What is in the store."""
    return DirectBackend.rooms.get(room, {})


def begin(house: House, data: bytes, caller: Caller | None = None, **about: Any) -> DirectUploadOut:
    announced = Announced(**{"filename": "a.bin", "content_type": None, "size_bytes": len(data), **about})
    return house.services.direct.begin(caller or house.uploader, announced)


def send(house: House, upload: DirectUploadOut, data: bytes, caller: Caller | None = None) -> None:
    """Send all parts, as a client does."""
    numbers = range(1, upload.parts + 1)
    for each in house.services.direct.urls(caller or house.uploader, upload.id, numbers):
        start = (each.number - 1) * upload.part_size
        assert DirectBackend.receive(each.url, data[start : start + each.size])


def sent(house: House, data: bytes, caller: Caller | None = None, **about: Any) -> DirectUploadOut:
    """An upload whose parts have all arrived."""
    upload = begin(house, data, caller, **about)
    send(house, upload, data, caller)
    return upload


def complete(house: House, upload: DirectUploadOut, caller: Caller | None = None) -> StoredFileOut:
    return house.services.direct.complete(caller or house.uploader, upload.id)


def row_of(house: House, upload_id: UUID) -> Any:
    """Its row, or None."""
    uploads = table(DirectUpload)
    found = house.query(sa.select(uploads).where(uploads.c.id == upload_id))
    return found[0] if found else None


def age(house: House, upload_id: UUID, **values: object) -> None:
    """Give the row of an upload other values."""
    uploads = table(DirectUpload)
    house.write(sa.update(uploads).where(uploads.c.id == upload_id).values(values))
