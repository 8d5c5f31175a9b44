"""Only addresses of this house are followed, and a list's address says what it shows."""

from dataclasses import replace
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from tests.support.app import House
from webapp.services.facets import PRESETS
from webapp.services.families import FAMILIES
from webapp.services.listing import SORTS
from webapp.ui import states
from webapp.ui.addresses import own_path, query_of
from webapp.ui.lists import Pager
from webapp.ui.states import PER_PAGE, ListState, read, start

HERE = "https://files.example/account/login"


@given(st.text(alphabet="/\\.:@?#%a2f5c9\t\n\r \u2215\u3002", max_size=12))
def test_whatever_comes_in_what_goes_out_is_on_this_host(target: str) -> None:
    found = own_path(target, "/otherwise")
    assert found.startswith("/")
    assert found.isascii()
    # As a browser reads it: backslashes are slashes, tabs and line breaks are nothing.
    as_browsers_do = found.replace("\\", "/").translate({9: None, 10: None, 13: None})
    assert urlsplit(urljoin(HERE, as_browsers_do)).netloc == "files.example"


@pytest.mark.parametrize("target", ["/", "/file-storage/?q=a%20b", "/file-storage/trash?page=2#x", "/a?b=//c"])
def test_own_paths_stay_as_they_are(target: str) -> None:
    assert own_path(target, "/otherwise") == target


def test_other_scripts_are_encoded() -> None:
    assert own_path("/file-storage/?q=ä", "/") == "/file-storage/?q=%C3%A4"


@given(
    page=st.integers(1, 10**9),
    per_page=st.sampled_from(PER_PAGE),
    sort=st.sampled_from(SORTS),
    q=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=255),
)
def test_an_address_says_it_all(page: int, per_page: int, sort: str, q: str) -> None:
    state = replace(start(trash=False), page=page, per_page=per_page, sort=sort, q=q)
    assert read(MultiDict(state.values), trash=False) == state


@given(
    type=st.sets(st.sampled_from(FAMILIES)),
    by=st.sets(st.uuids().map(str), max_size=5),
    backend=st.sets(st.text("abcz_-09ä", min_size=1, max_size=32), max_size=5),
    date=st.sampled_from(("", *PRESETS)),
    days=st.lists(st.dates().map(str), min_size=2, max_size=2),
    file=st.just("") | st.uuids().map(str),
    select=st.sampled_from(("", "page", "all")),
    cursor=st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=100),
)
def test_an_address_says_all_filters_too(date: str, days: list[str], **values: Any) -> None:
    several: dict[str, Any] = {name: tuple(sorted(values.pop(name))) for name in ("by", "backend")}
    chosen = values.pop("type")
    families = tuple(family for family in FAMILIES if family in chosen)
    since, until = ("", "") if date else days
    state = ListState(type=families, date=date, since=since, until=until, **several, **values)
    assert read(MultiDict(state.values), trash=False) == state


def test_the_plain_address_is_plain_and_survives_a_round_trip(house: House) -> None:
    with house.app.test_request_context():
        assert start(trash=False).address == "/file-storage/"
        assert start(trash=True).address == "/file-storage/trash"
        state = replace(start(trash=True), q='a&b=c "#%+ä', page=3, sort="size")
        assert read(query_of(state.address), trash=True) == state


@given(st.dictionaries(st.sampled_from([*states._NAMES, "nonsense"]), st.lists(st.text(max_size=40), max_size=3)))
def test_any_query_is_some_list(values: dict[str, list[str]]) -> None:
    for trash in (False, True):
        state = read(MultiDict(values), trash=trash)
        assert 1 <= state.page <= states.MOST_PAGES
        assert state.per_page in PER_PAGE
        assert "\0" not in state.q
        assert state.listing().per_page == state.per_page
        assert read(MultiDict(state.values), trash=trash) == state, "it has one address"


@pytest.mark.parametrize(
    ("page", "pages", "numbers"),
    [
        (1, 1, [1]), (1, 2, [1, 2]), (1, 9, [1, 2, None, 9]), (5, 9, [1, None, 4, 5, 6, None, 9]),
        (3, 5, [1, 2, 3, 4, 5]), (4, 9, [1, 2, 3, 4, 5, None, 9]), (9, 9, [1, None, 8, 9]),
    ],
)  # fmt: skip
def test_numbers_of_pages(page: int, pages: int, numbers: list[int | None]) -> None:
    pager = Pager(rows=1, total=1, exact=True, page=page, pages=pages, numbered=True, at_start=page == 1, per_page=1)
    assert pager.numbers == numbers
