"""Each choice tells how many files it would leave, and never more than there are."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.app import House
from webapp.services import facets, search
from webapp.services.access import Caller, Permission
from webapp.services.errors import ForbiddenError
from webapp.services.facets import Count, Facets
from webapp.services.listing import Listing

NOW = datetime(2026, 8, 20, 15, tzinfo=UTC)
TYPES = ("image/png", "image/jpeg", "text/csv", "x/y")
AGES = (0, 6, 7, 29, 30, 231, 232, 300)


@pytest.fixture
def shelf(memory: House) -> House:
    """Files of all combinations of two people, two backends, three families and eight ages."""
    for number, (who, backend, kind, age) in enumerate(
        itertools.product(("uploader", "stranger"), ("filesystem", "memory"), TYPES, AGES)
    ):
        memory.configure(backend=backend)
        out = memory.upload(memory.caller(who), b"x" * number, f"{kind.partition('/')[0]}{number}", content_type=kind)
        memory.age(out, created_at=NOW - timedelta(days=age))
    return memory


def of(house: House, caller: Caller | None = None, **wanted: Any) -> Facets:
    return house.services.facets.of(caller or house.admin, Listing(**wanted), NOW)


def counts(found: list[Count]) -> dict[str, int]:
    return {each.label: each.count for each in found}


def listed(house: House, caller: Caller, **wanted: Any) -> int:
    return house.services.listing.list(caller, Listing(**wanted)).total


def test_without_filters_all_is_counted(shelf: House) -> None:
    found = of(shelf)
    assert counts(found.families) == {"image": 64, "sheet": 32, "other": 32}
    assert counts(found.uploaders) == {"stranger": 64, "uploader": 64}
    assert counts(found.backends) == {"filesystem": 64, "memory": 64}
    assert counts(found.dates) == {"today": 16, "7d": 32, "30d": 64, "year": 96}
    assert all(each.exact for each in [*found.families, *found.uploaders, *found.backends, *found.dates])


def test_accounts_are_chosen_by_id_and_dates_begin_at_midnight(shelf: House) -> None:
    found = of(shelf)
    assert {each.value for each in found.uploaders} == {str(shelf.uploader.user_id), str(shelf.stranger.user_id)}
    assert [each.since for each in found.dates] == [
        datetime(2026, 8, 20, tzinfo=UTC),
        datetime(2026, 8, 14, tzinfo=UTC),
        datetime(2026, 7, 22, tzinfo=UTC),
        datetime(2026, 1, 1, tzinfo=UTC),
    ]


OTHERS: list[dict[str, Any]] = [
    {},
    {"q": "im"},
    {"q": "image"},
    {"q": "1"},
    {"min_size": 40},
    {"min_size": 40, "max_size": 90, "q": "i"},
    {"content_type": "image/png"},
    {"created_before": NOW - timedelta(days=5)},
    {"created_after": NOW - timedelta(days=5), "created_before": NOW, "min_size": 20},
]
CHOSEN: list[dict[str, Any]] = [
    {},
    {"families": ("image",)},
    {"families": ("image", "other"), "backends": ("memory",)},
    {"backend": "filesystem", "uploaded_by": "stranger"},
    {"family": "sheet", "uploaded_by": "uploader"},
]


@pytest.mark.parametrize("visibility", ["all", "own"])
def test_each_number_is_what_the_list_would_have(shelf: House, visibility: str) -> None:
    shelf.configure(file_visibility=visibility)
    for others, chosen in itertools.product(OTHERS, CHOSEN):
        compare(shelf, shelf.uploader, {**others, **chosen})


def compare(shelf: House, caller: Caller, wanted: dict[str, Any]) -> None:
    found = of(shelf, caller, **wanted)
    free = {k: v for k, v in wanted.items() if k not in ("families", "family")}
    assert [(c.value, c.count) for c in found.families if c.count] == [
        (value, n) for value in ("image", "sheet", "other") if (n := listed(shelf, caller, **free, families=(value,)))
    ]
    free = {k: v for k, v in wanted.items() if k not in ("backends", "backend")}
    for each in found.backends:
        assert each.count == listed(shelf, caller, **free, backends=(each.value,)), each
    free = {k: v for k, v in wanted.items() if k != "uploaded_by"}
    for each in found.uploaders:
        assert each.count == listed(shelf, caller, **free, uploaded_by=each.value), each
    free = {k: v for k, v in wanted.items() if k not in ("created_after", "created_before")}
    for each in found.dates:
        assert each.since is not None
        begins = each.since - timedelta(microseconds=1)
        assert each.count == listed(shelf, caller, **free, created_after=begins), each
    assert all(each.exact for each in [*found.families, *found.uploaders, *found.backends, *found.dates])


def test_what_is_chosen_is_offered_even_if_nothing_is_left(shelf: House) -> None:
    found = of(shelf, families=("video",), backends=("tape",), uploaders=(shelf.admin.user_id, shelf.stranger.user_id))
    assert {"video": 0}.items() <= counts(found.families).items()
    assert {"tape": 0}.items() <= counts(found.backends).items()
    assert {"admin": 0, "stranger": 0}.items() <= counts(found.uploaders).items()


def test_where_others_cannot_be_seen_one_is_alone(shelf: House) -> None:
    shelf.configure(file_visibility="own")
    assert counts(of(shelf, shelf.stranger).uploaders) == {"stranger": 64}
    assert counts(of(shelf, shelf.stranger, q="1").uploaders).keys() == {"stranger"}


def test_the_trash_is_counted_by_itself(shelf: House) -> None:
    chosen = shelf.services.listing.list(shelf.admin, Listing(q="text1", per_page=200)).items
    shelf.services.files.trash_many(shelf.admin, [each.id for each in chosen][:3])
    assert counts(of(shelf, trash=True).families) == {"sheet": len(chosen[:3])}
    assert sum(counts(of(shelf, trash=True, q="text").families).values()) == len(chosen[:3])


FREQUENT: list[dict[str, Any]] = [{"q": "i"}, {"q": "image"}, {"min_size": 1}, {"content_type": "image/"}]


def test_where_too_many_match_the_numbers_are_the_least_there_are(
    shelf: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    wholes = [of(shelf, **wanted) for wanted in FREQUENT]
    monkeypatch.setattr(facets, "EXAMINED", 10)
    monkeypatch.setattr(search, "RARE", 1)
    for wanted, whole in zip(FREQUENT, wholes, strict=True):
        found = of(shelf, **wanted)
        for part, all_of_it in ((found.families, whole.families), (found.dates, whole.dates)):
            assert all(each.exact is False for each in part)
            most = counts(all_of_it)
            assert all(each.count <= most[each.label] for each in part)
        assert 0 < sum(each.count for each in found.backends) <= 11


def test_long_spans_are_counted_by_what_precedes_them(shelf: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facets, "DATED", 40)
    found = {each.value: (each.count, each.exact) for each in of(shelf).dates}
    assert found == {"today": (16, True), "7d": (32, True), "30d": (64, True), "year": (96, True)}
    monkeypatch.setattr(facets, "DATED", 31)
    found = {each.value: (each.count, each.exact) for each in of(shelf).dates}
    assert found == {"today": (16, True), "7d": (32, True), "30d": (63, False), "year": (63, False)}
    oldest = shelf.services.listing.list(shelf.admin, Listing(sort="created_at", per_page=16)).items
    shelf.services.files.trash_many(shelf.admin, [each.id for each in oldest])
    found = {each.value: (each.count, each.exact) for each in of(shelf).dates}
    assert found == {"today": (16, True), "7d": (32, True), "30d": (63, False), "year": (96, True)}


def test_at_most_so_many_accounts_are_offered(shelf: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facets, "MOST", 1)
    shelf.upload(shelf.stranger)
    assert counts(of(shelf).uploaders) == {"stranger": 65}
    assert counts(of(shelf, uploaders=(shelf.uploader.user_id,)).uploaders) == {"stranger": 65, "uploader": 64}


def test_it_takes_the_permission_to_list(inside: House) -> None:
    with pytest.raises(ForbiddenError):
        of(inside, inside.caller("uploader", Permission.UPLOAD))
    with pytest.raises(ForbiddenError):
        of(inside, inside.caller("uploader", Permission.DOWNLOAD), trash=True)
