"""A list shows exactly what was asked for."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.app import House
from webapp.contracts.files import StoredFileOut
from webapp.services.access import Caller, Permission
from webapp.services.errors import ForbiddenError
from webapp.services.families import family
from webapp.services.listing import SORTS, TRASH_SORTS, Listing

START = datetime(2026, 1, 1, tzinfo=UTC)


def names(house: House, caller: Caller | None = None, **wanted: Any) -> list[str]:
    found = house.services.listing.list(caller or house.admin, Listing(**{"per_page": 200, **wanted}))
    assert found.total == len(found.items) or len(found.items) == wanted.get("per_page")
    return [item.filename for item in found.items]


@pytest.fixture
def shelf(memory: House) -> dict[str, StoredFileOut]:
    """Six files, a day apart, of several people, types, sizes and backends."""
    people = {"u": memory.uploader, "s": memory.stranger}
    made = {}
    for day, (name, who, kind, size, backend) in enumerate(
        [
            ("a.png", "u", "image/png", 10, "filesystem"),
            ("b.jpg", "s", "image/jpeg", 20, "filesystem"),
            ("c.txt", "u", "text/plain", 30, "memory"),
            ("d.txt", "s", "text/plain", 40, "memory"),
            ("e.bin", "u", "application/octet-stream", 50, "filesystem"),
            ("f.imagex", "u", "imagex/odd", 60, "filesystem"),
        ]
    ):
        memory.configure(backend=backend)
        caller = memory.caller("uploader" if people[who] is people["u"] else "stranger")
        out = memory.upload(caller, b"x" * size, name)
        memory.age(out, created_at=START + timedelta(days=day), content_type=kind, family=family(kind))
        made[name] = out
    return made


FILTERS: list[tuple[dict[str, Any], str]] = [
    ({}, "abcdef"),
    ({"content_type": "image/png"}, "a"),
    ({"content_type": "IMAGE/PNG"}, "a"),
    ({"content_type": "image/"}, "ab"),
    ({"content_type": "image/*"}, "ab"),
    ({"content_type": "image"}, ""),
    ({"content_type": "text/plain"}, "cd"),
    ({"content_type": "text/%"}, ""),
    ({"uploaded_by": "stranger"}, "bd"),
    ({"uploaded_by": "STRANGER"}, "bd"),
    ({"uploaded_by": "nobody at all"}, ""),
    ({"backend": "memory"}, "cd"),
    ({"backend": "tape"}, ""),
    ({"created_after": START + timedelta(days=3)}, "ef"),
    ({"created_before": START + timedelta(days=3)}, "abc"),
    ({"created_after": START, "created_before": START + timedelta(days=2)}, "b"),
    ({"min_size": 30}, "cdef"),
    ({"max_size": 30}, "abc"),
    ({"min_size": 20, "max_size": 40}, "bcd"),
    ({"min_size": 61}, ""),
    ({"content_type": "image/", "uploaded_by": "uploader", "backend": "filesystem", "max_size": 10}, "a"),
    ({"q": "txt", "uploaded_by": "uploader"}, "c"),
]


def test_filters(memory: House, shelf: dict[str, StoredFileOut]) -> None:
    found = ["".join(sorted(name[0] for name in names(memory, **wanted))) for wanted, _ in FILTERS]
    assert list(zip(map(str, FILTERS), found, strict=True)) == [(str(row), row[1]) for row in FILTERS]


def test_an_uploader_can_be_named_by_id(memory: House, shelf: dict[str, StoredFileOut]) -> None:
    assert names(memory, uploaded_by=str(memory.stranger.user_id)) == ["d.txt", "b.jpg"]


def test_a_deleted_account_can_still_be_named(memory: House, shelf: dict[str, StoredFileOut]) -> None:
    memory.services.users.delete(memory.stranger.user_id)
    assert names(memory, uploaded_by="stranger") == ["d.txt", "b.jpg"]


def test_sorts(memory: House, shelf: dict[str, StoredFileOut]) -> None:
    for column in ("created_at", "name", "size"):
        assert "".join(name[0] for name in names(memory, sort=column)) == "abcdef"
        assert "".join(name[0] for name in names(memory, sort=f"-{column}")) == "fedcba"


def test_names_are_sorted_without_case(inside: House) -> None:
    for name in ("b", "A", "c", "É", "e", "Z", "ß"):
        inside.upload(name=name)
    assert names(inside, sort="name") == ["A", "b", "c", "e", "ß", "Z", "É"]


def test_the_trash_is_a_list_of_its_own(memory: House, shelf: dict[str, StoredFileOut]) -> None:
    files = memory.services.files
    files.trash(memory.admin, shelf["c.txt"].id)
    files.trash(memory.admin, shelf["a.png"].id)
    assert names(memory, sort="name") == ["b.jpg", "d.txt", "e.bin", "f.imagex"]
    assert names(memory, trash=True, sort="-deleted_at") == ["a.png", "c.txt"]
    assert names(memory, trash=True, sort="deleted_at") == ["c.txt", "a.png"]
    assert names(memory, trash=True, q="png") == ["a.png"]


@pytest.mark.parametrize("sort", TRASH_SORTS)
def test_every_sort_works_in_the_trash(inside: House, sort: str) -> None:
    out = [inside.upload(name=str(n)) for n in range(3)]
    inside.services.files.trash_many(inside.admin, [o.id for o in out])
    found = inside.services.listing.list(inside.admin, Listing(trash=True, sort=sort, per_page=2, cursor=""))
    rest = inside.services.listing.list(
        inside.admin, Listing(trash=True, sort=sort, per_page=2, cursor=found.next_cursor)
    )
    assert {item.id for item in [*found.items, *rest.items]} == {o.id for o in out}


def test_pages_are_numbered_from_one(inside: House) -> None:
    for number in range(5):
        inside.upload(name=str(number))
    pages = [
        inside.services.listing.list(inside.admin, Listing(page=page, per_page=2, sort="name")) for page in (1, 2, 3, 4)
    ]
    assert [[item.filename for item in page.items] for page in pages] == [["0", "1"], ["2", "3"], ["4"], []]
    assert [(page.page, page.per_page, page.total) for page in pages] == [(n, 2, 5) for n in (1, 2, 3, 4)]
    assert [page.next_cursor is None for page in pages] == [False, False, True, True]


@pytest.mark.parametrize("sort", SORTS)
def test_ties_are_neither_repeated_nor_skipped(inside: House, sort: str) -> None:
    for _ in range(7):
        inside.age(inside.upload(name="same"), created_at=START)
    seen = []
    for page in (1, 2, 3, 4):
        found = inside.services.listing.list(inside.admin, Listing(page=page, per_page=2, sort=sort))
        seen += [item.id for item in found.items]
    assert len(seen) == len(set(seen)) == 7


def test_lists_need_a_permission(inside: House) -> None:
    with pytest.raises(ForbiddenError):
        inside.services.listing.list(inside.caller("uploader", Permission.UPLOAD), Listing())
    with pytest.raises(ForbiddenError):
        inside.services.listing.list(inside.caller("uploader", Permission.DOWNLOAD), Listing(trash=True))


def test_what_is_listed_is_what_is_shown(inside: House) -> None:
    out = inside.upload(name="a.txt")
    found = inside.services.listing.list(inside.uploader, Listing())
    assert found.items == [out]
    assert found.items[0].uploaded_by_name == "uploader"
