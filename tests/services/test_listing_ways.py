"""Whatever the way to the rows, the list is the same; and the way taken is a cheap one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.app import House
from webapp import db
from webapp.services import listing, tallies, ways
from webapp.services.filters import Matching
from webapp.services.listing import SORTS, TRASH_SORTS, Listing
from webapp.services.ways import CREATED, DELETED, NAME, SIZE, STATE, Facts, Way

START = datetime(2026, 1, 1, tzinfo=UTC)
TYPES = ("image/png", "video/mp4", "text/csv")

FILTERS: list[dict[str, Any]] = [
    {},
    {"families": ("image",)},
    {"families": ("image", "sheet")},
    {"families": ("sheet", "image", "video"), "backends": ("filesystem",)},
    {"uploaded_by": "uploader", "families": ("video", "image")},
    {"backends": ("filesystem", "tape")},
    {"content_type": "image/", "family": "image"},
    {"families": ("image",), "created_after": START + timedelta(hours=3)},
    {"families": ("image", "video"), "min_size": 3, "max_size": 9},
    {"created_after": START, "created_before": START + timedelta(hours=9), "q": "f"},
    {"families": ("image",), "family": "video"},
    {"uploaded_by": "uploader", "q": "f1"},
]


def fill(house: House) -> None:
    for number in range(15):
        caller = house.uploader if number % 2 else house.stranger
        out = house.upload(caller, b"x" * (number * 7 % 11), f"f{number * 5 % 13}", content_type=TYPES[number % 3])
        house.age(out, created_at=START + timedelta(hours=number // 2))
    trashed = house.services.listing.list(house.admin, Listing(per_page=5, sort="name")).items
    for item in trashed:
        house.services.files.trash_many(house.admin, [item.id])


def ids(house: House, **wanted: Any) -> list[str]:
    """All pages, two rows each, by number or by cursor."""
    found: list[str] = []
    cursor, page = wanted.pop("cursor", None), 1
    while True:
        some = Listing(per_page=2, cursor=cursor, page=page if cursor is None else 1, **wanted)
        answer = house.services.listing.list(house.admin, some)
        found += [str(item.id) for item in answer.items]
        if answer.next_cursor is None:
            assert answer.total == len(found)
            return found
        page, cursor = page + 1, cursor if cursor is None else answer.next_cursor


CHOICES: dict[str, Callable[[list[tuple[float, Way]]], tuple[float, Way]]] = {
    "first": lambda found: found[0],
    "last": lambda found: found[-1],
    "dearest": lambda found: max(found, key=lambda priced: priced[0]),
    "merged": lambda found: max(found, key=lambda priced: priced[1].each),
    "sorted": lambda found: min(found, key=lambda priced: priced[1].in_order),
}


def test_every_way_leads_to_the_same_list(inside: House, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(inside)
    cases = [(f, s, trash) for f in FILTERS for trash in (False, True) for s in (TRASH_SORTS if trash else SORTS)]
    expected = [ids(inside, sort=sort, trash=trash, **wanted) for wanted, sort, trash in cases]
    for name, choose in CHOICES.items():
        monkeypatch.setattr(ways, "min", lambda found, key, choose=choose: choose(found), raising=False)
        for (wanted, sort, trash), right in zip(cases, expected, strict=True):
            cursor = None if name == "first" else ""
            assert ids(inside, sort=sort, trash=trash, cursor=cursor, **wanted) == right, (name, sort, trash, wanted)


def test_filters_and_orders_are_what_a_plain_sort_says(inside: House) -> None:
    fill(inside)
    everything = inside.services.listing.list(inside.admin, Listing(per_page=200)).items
    two = inside.services.listing.list(inside.admin, Listing(per_page=200, families=("image", "sheet"), sort="size"))
    right = [item for item in everything if item.content_type in ("image/png", "text/csv")]
    assert [item.size_bytes for item in two.items] == sorted(item.size_bytes for item in right)
    assert {item.id for item in two.items} == {item.id for item in right}


MILLION = 1_000_000


def facts(**changes: Any) -> Facts:
    usual = {"column": NAME, "rows": 51, "state": MILLION, "matching": MILLION, "exact": True}
    return Facts(**{**usual, "parts": {}, "ranges": {}, "only": True, **changes})


@pytest.mark.parametrize(
    ("known", "way"),
    [
        (facts(), Way(frozenset({STATE, NAME}), in_order=True)),
        # A family has an index for each order.
        (
            facts(parts={"family": (30_000, 1)}, matching=30_000),
            Way(frozenset({STATE, "family", NAME}), in_order=True),
        ),
        (
            facts(parts={"family": (60_000, 2)}, matching=60_000, column=SIZE),
            Way(frozenset({STATE, "family", SIZE}), each="family"),
        ),
        # Few files of an account are sorted, many are met soon along the order.
        (facts(parts={"created_by": (2_000, 1)}, matching=2_000), Way(frozenset({STATE, "created_by", CREATED}))),
        (facts(parts={"created_by": (200_000, 1)}, matching=200_000), Way(frozenset({STATE, NAME}), in_order=True)),
        # Of two filters, the one that leaves less.
        (
            facts(parts={"created_by": (900, 1), "backend": (500_000, 1)}, matching=450),
            Way(frozenset({STATE, "created_by", CREATED})),
        ),
        # A short span is sorted, a long one walked.
        (facts(ranges={CREATED: 5_000}, matching=5_000), Way(frozenset({STATE, CREATED}))),
        (facts(ranges={CREATED: None}, matching=500_000), Way(frozenset({STATE, NAME}), in_order=True)),
        (facts(ranges={SIZE: None}, matching=10_000, column=SIZE), Way(frozenset({STATE, SIZE}), in_order=True)),
    ],
)
def test_the_cheapest_way_is_taken(known: Facts, way: Way) -> None:
    assert ways.cheapest(known) == way


FAMILY_SIZE = frozenset({STATE, "family", SIZE})
TOLD: list[tuple[dict[str, Any], Way, str]] = [
    ({"families": ("image",), "sort": "size"}, Way(FAMILY_SIZE, in_order=True), "family_size"),
    ({"families": ("image",), "sort": "name"}, Way(frozenset({STATE, NAME}), in_order=True), "deleted_filename"),
    ({"families": ("image",), "sort": "name"}, Way(frozenset({STATE, "family", CREATED})), "file_family"),
    ({"uploaded_by": "uploader", "sort": "size"}, Way(frozenset({STATE, "created_by", CREATED})), "file_created_by"),
    ({"uploaded_by": "uploader", "sort": "size"}, Way(frozenset({STATE, SIZE}), in_order=True), "deleted_size"),
    ({"created_after": START, "sort": "name"}, Way(frozenset({STATE, NAME}), in_order=True), "deleted_filename"),
    ({"created_after": START, "sort": "name"}, Way(frozenset({STATE, CREATED})), "deleted_created"),
    ({"trash": True, "sort": "deleted_at"}, Way(frozenset({DELETED}), in_order=True), "file_trash"),
    ({"families": ("image", "sheet"), "sort": "size"}, Way(FAMILY_SIZE, each="family"), "family_size"),
]  # fmt: skip


def test_sqlite_goes_the_way_it_is_told(sqlite_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its planner has no statistics: left alone it takes another index for some of these."""
    with sqlite_house.app.app_context(), db.read() as connection:
        for wanted, way, index in TOLD:
            monkeypatch.setattr(ways, "cheapest", lambda _facts, way=way: way)
            matching = Matching(connection, sqlite_house.admin, Listing(**wanted))
            page = listing._page(matching, None, 10, exact=True).compile(
                connection, compile_kwargs={"literal_binds": True}
            )
            steps = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {page}")]
            used = [step for step in steps if "ix_file_storage_stored_file_" in step]
            assert used, steps
            assert all(index in step for step in used), steps
            # What comes in order is not sorted as well.
            assert way.in_order is not any("TEMP B-TREE FOR ORDER" in step for step in steps), steps


def test_counters_tell_what_each_filter_would_leave_alone(inside: House) -> None:
    fill(inside)
    scope = tallies.Scope(is_deleted=False, owners=(inside.uploader.user_id,), families=("image", "nothing"))
    with db.read() as connection:
        sizes = tallies.sizes(connection, scope)
        families = dict(tallies.counts(connection, "family", tallies.Scope(is_deleted=False), 9))
    assert sizes.state == sum(families.values()) == 10
    assert sizes.by["family"] == families["image"]
    assert sizes.matching <= min(sizes.by.values())
