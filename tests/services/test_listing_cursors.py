"""Walking a list by cursor meets every row that stays exactly once, whatever comes and goes."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.app import House
from webapp.contracts.files import StoredFileOut
from webapp.services.errors import ValidationError
from webapp.services.listing import SORTS, Listing, last_cursor

START = datetime(2026, 1, 1, tzinfo=UTC)


def page(house: House, cursor: str | None = "", **wanted: Any) -> tuple[list[str], str | None]:
    found = house.services.listing.list(house.admin, Listing(**{"per_page": 3, **wanted, "cursor": cursor}))
    return [str(item.id) for item in found.items], found.next_cursor


def walk(house: House, **wanted: Any) -> list[str]:
    ids, cursor = page(house, **wanted)
    while cursor:
        more, cursor = page(house, cursor, **wanted)
        ids += more
        assert len(ids) < 100, "the walk does not end"
    return ids


def fill(house: House, count: int) -> list[StoredFileOut]:
    """Files with ties in every sort value."""
    made = []
    for number in range(count):
        out = house.upload(data=b"x" * (number % 4), name=f"{number % 3}é.txt")
        house.age(out, created_at=START + timedelta(microseconds=number // 2))
        made.append(out)
    return made


@pytest.mark.parametrize("sort", SORTS)
def test_a_walk_is_the_whole_list_in_its_order(inside: House, sort: str) -> None:
    made = fill(inside, 11)
    whole = inside.services.listing.list(inside.admin, Listing(sort=sort, per_page=200))
    assert walk(inside, sort=sort) == [str(item.id) for item in whole.items]
    assert len(whole.items) == len(made)


def test_the_end_is_told(inside: House) -> None:
    fill(inside, 12)
    for per_page in (1, 3, 11, 12, 13):
        ids = walk(inside, sort="name", per_page=per_page)
        assert len(ids) == len(set(ids)) == 12


@pytest.mark.parametrize("sort", SORTS)
def test_rows_that_stay_are_met_once_under_inserts_and_deletes(inside: House, sort: str) -> None:
    made = fill(inside, 12)
    gone = {str(made[n].id) for n in (0, 4, 5, 11)}
    ids, cursor = page(inside, sort=sort)
    while cursor:
        for out in made:
            if str(out.id) in gone and str(out.id) not in ids:
                inside.services.files.trash_many(inside.admin, [out.id])
                break
        inside.upload(data=b"x", name="0new")
        more, cursor = page(inside, cursor, sort=sort)
        ids += more
        if len(ids) > 60:
            break
    assert len(ids) == len(set(ids))
    assert set(ids) >= {str(out.id) for out in made} - gone


def test_the_row_a_cursor_stands_on_may_go(inside: House) -> None:
    made = fill(inside, 6)
    ids, cursor = page(inside, sort="name")
    inside.services.files.purge(inside.admin, next(out.id for out in made if str(out.id) == ids[-1]))
    assert cursor
    more, _ = page(inside, cursor, sort="name")
    assert set(ids) | set(more) == {str(out.id) for out in made}


def test_a_cursor_keeps_the_filter_that_comes_with_it(inside: House) -> None:
    made = fill(inside, 12)
    wanted = {str(out.id) for out in made if out.filename == "1é.txt"}
    assert set(walk(inside, q="1É", per_page=1)) == wanted


def cursor_of(*values: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(values)).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "é",
        "!!!!",
        "AAAA",
        cursor_of(),
        cursor_of("name", "a"),
        cursor_of("name", "a", 1, 2),
        cursor_of("-name", "a", 1),
        cursor_of("size", 5, 1),
        cursor_of("name", 5, 1),
        cursor_of("name", None, 1),
        cursor_of("name", ["a"], 1),
        cursor_of("name", "a\x00b", 1),
        cursor_of("name", "a", "1"),
        cursor_of("name", "a", -1),
        cursor_of("name", "a", 2**63),
        cursor_of("name", "a", 1.5),
        base64.urlsafe_b64encode(b'{"name": 1, "b": 2, "c": 3}').decode(),
        base64.urlsafe_b64encode(b'"abc"').decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
def test_what_is_no_cursor_of_this_list_is_refused(inside: House, cursor: str) -> None:
    with pytest.raises(ValidationError) as refused:
        page(inside, cursor, sort="name")
    assert refused.value.errors == {"cursor": "not_a_cursor"}


@pytest.mark.parametrize(
    ("sort", "value"),
    [
        ("size", 2**63),
        ("size", 2**64 - 1),
        ("size", "5"),
        ("size", 1.5),
        ("created_at", "yesterday"),
        ("created_at", 5),
        ("created_at", None),
    ],
)
def test_a_value_of_another_kind_is_refused(inside: House, sort: str, value: object) -> None:
    with pytest.raises(ValidationError):
        page(inside, cursor_of(sort, value, 1), sort=sort)


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999-23:59", "0001-01-01T00:00:00"]
)
def test_a_forged_moment_at_the_end_of_time_is_no_accident(inside: House, moment: str) -> None:
    try:
        page(inside, cursor_of("created_at", moment, 1), sort="created_at")
    except ValidationError as refused:
        assert refused.errors == {"cursor": "not_a_cursor"}  # noqa: PT017 (either answer is fine)


_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
    st.lists(st.integers(0, 5)),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sort=st.sampled_from(SORTS), value=_values, seq=_values, kept=st.booleans())
def test_a_forged_cursor_is_an_answer_or_a_refusal(
    inside: House, sort: str, value: object, seq: object, kept: bool
) -> None:
    forged = cursor_of(sort if kept else "x", value, seq)
    try:
        page(inside, forged, sort=sort)
    except ValidationError as refused:
        assert refused.errors == {"cursor": "not_a_cursor"}  # noqa: PT017 (either answer is fine)


# --- backwards -------------------------------------------------------------------


def pages(house: House, step: str, cursor: str | None, **wanted: Any) -> list[list[str]]:
    """The pages met by following one of the two cursors."""
    found = []
    while cursor is not None:
        answer = house.services.listing.list(house.admin, Listing(**{"per_page": 3, **wanted, "cursor": cursor}))
        found.append([str(item.id) for item in answer.items])
        cursor = getattr(answer, step)
        assert len(found) < 100, "the walk does not end"
    return found


@pytest.mark.parametrize("sort", SORTS)
def test_a_walk_from_the_end_meets_the_same_rows_in_the_same_order(inside: House, sort: str) -> None:
    fill(inside, 11)
    whole = walk(inside, sort=sort)
    back = pages(inside, "previous_cursor", last_cursor(sort), sort=sort)
    assert [len(page) for page in back] == [3, 3, 3, 2]
    assert [row for page in reversed(back) for row in page] == whole


@pytest.mark.parametrize("sort", ["name", "-created_at"])
def test_next_and_previous_lead_to_and_fro(inside: House, sort: str) -> None:
    fill(inside, 10)
    listing = inside.services.listing
    answer = listing.list(inside.admin, Listing(per_page=4, cursor="", sort=sort))
    assert answer.previous_cursor is None
    first, there = answer.items, listing.list(inside.admin, Listing(per_page=4, cursor=answer.next_cursor, sort=sort))
    back = listing.list(inside.admin, Listing(per_page=4, cursor=there.previous_cursor, sort=sort))
    assert (back.items, back.previous_cursor) == (first, None)
    again = listing.list(inside.admin, Listing(per_page=4, cursor=back.next_cursor, sort=sort))
    assert again.items == there.items
    end = listing.list(inside.admin, Listing(per_page=4, cursor=again.next_cursor, sort=sort))
    assert (len(end.items), end.next_cursor) == (2, None)
    assert listing.list(inside.admin, Listing(per_page=4, cursor=end.previous_cursor, sort=sort)).items == there.items


def test_numbered_pages_have_cursors_of_both_directions(inside: House) -> None:
    fill(inside, 7)
    listing = inside.services.listing
    first, second, third, fourth = (
        listing.list(inside.admin, Listing(per_page=3, page=page, sort="name")) for page in (1, 2, 3, 4)
    )
    assert (first.previous_cursor, third.next_cursor, fourth.items) == (None, None, [])
    at = [
        listing.list(inside.admin, Listing(per_page=3, cursor=cursor, sort="name")).items
        for cursor in (second.previous_cursor, second.next_cursor, third.previous_cursor, fourth.previous_cursor)
    ]
    assert at[:3] == [first.items, third.items, second.items]
    assert at[3][-1] == third.items[-1], "what precedes a page past the end is the last one"


def test_going_back_is_filtered_too(inside: House) -> None:
    made = fill(inside, 12)
    wanted = {str(out.id) for out in made if out.filename == "1é.txt"}
    for how in ({"q": "1É"}, {"families": ("doc", "image"), "q": "1"}, {"uploaded_by": "uploader", "q": "1é"}):
        back = pages(inside, "previous_cursor", last_cursor("name"), sort="name", per_page=1, **how)
        assert {row for page in back for row in page} == wanted
        assert [row for page in reversed(back) for row in page] == walk(inside, sort="name", **how)


def test_where_the_rows_before_a_page_are_gone_the_cursors_still_lead_on(inside: House) -> None:
    fill(inside, 6)
    listing = inside.services.listing
    first = listing.list(inside.admin, Listing(per_page=3, cursor="", sort="name"))
    second = listing.list(inside.admin, Listing(per_page=3, cursor=first.next_cursor, sort="name"))
    inside.services.files.trash_many(inside.admin, [item.id for item in first.items])
    nothing = listing.list(inside.admin, Listing(per_page=3, cursor=second.previous_cursor, sort="name"))
    assert (nothing.items, nothing.previous_cursor) == ([], None)
    on = listing.list(inside.admin, Listing(per_page=3, cursor=nothing.next_cursor, sort="name"))
    assert on.items == second.items
    inside.services.files.trash_many(inside.admin, [item.id for item in second.items])
    nothing = listing.list(inside.admin, Listing(per_page=3, cursor=first.next_cursor, sort="name"))
    assert (nothing.items, nothing.next_cursor, nothing.previous_cursor) == ([], None, None)


@pytest.mark.parametrize(
    "parts", [("name", "a", 1, ">"), ("name", "a", 1, None), ("name", "<", "<"), ("-name", "<"), ("name",), ("<",)]
)
def test_what_is_no_cursor_of_a_direction_is_refused(inside: House, parts: tuple[object, ...]) -> None:
    with pytest.raises(ValidationError):
        page(inside, cursor_of(*parts), sort="name")
