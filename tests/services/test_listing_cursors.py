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
from webapp.services.listing import SORTS, Listing

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
