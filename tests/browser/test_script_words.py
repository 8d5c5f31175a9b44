"""What scripts write reads like what the server writes: sizes, numbers, plural forms."""

import random
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.looks import on_desktop
from tests.support.app import House
from tests.support.chromium import Visits
from webapp.ui import filters

CORE = "document.querySelector('script[type=module]').src.replace('app.js', 'js/core.js')"
EDGES = [
    0,
    1,
    2,
    999,
    1000,
    1023,
    1024,
    1150,
    1250,
    1350,
    1536,
    1750,
    999_949,
    999_950,
    1_048_575,
    1_048_576,
    5 * 10**15,
]
RANDOM = [random.Random(digits).randrange(10**digits) for digits in range(1, 16) for _ in range(40)]
SIZES = [*EDGES, *RANDOM, *range(0, 20_000, 50)]


def in_core(page: Page, script: str, value: Any) -> Any:
    """Run ``(core, value) => …`` with the module that all scripts of the page use."""
    return page.evaluate(f"async (value) => ({script})(await import({CORE}), value)", value)


@on_desktop
@pytest.mark.parametrize("units", ["decimal", "binary"])
def test_sizes_are_the_same_on_both_sides(visit: Visits, sqlite_house: House, units: str) -> None:
    page = visit(None)
    page.goto("/account/login")
    page.evaluate("(units) => { document.documentElement.dataset.units = units }", units)
    with sqlite_house.app.test_request_context(headers={"Cookie": f"{filters.UNITS_COOKIE}={units}"}):
        expected = [filters.size(count) for count in SIZES]
    assert in_core(page, "(core, counts) => counts.map(core.size)", SIZES) == expected


@on_desktop
def test_plural_forms_numbers_and_durations_are_those_of_the_language(visit: Visits) -> None:
    page = visit(None)
    page.goto("/account/login")
    say = "(core, count) => core.t('upload.title_going', { count })"
    assert in_core(page, say, 1) == "Uploading 1 file"
    assert in_core(page, say, 1234) == "Uploading 1,234 files"
    last = "(core, times) => times.map(core.duration)"
    assert in_core(page, last, [0.2, 12, 59.6, 200, 7300]) == ["1 s", "12 s", "1 min", "3 min", "2 h 2 min"]


@on_desktop
def test_a_word_that_is_missing_shows_its_key_and_markup_stays_text(visit: Visits) -> None:
    page = visit(None)
    page.goto("/account/login")
    assert in_core(page, "(core) => core.t('no.such')", None) == "no.such"
    page.evaluate(f"async () => (await import({CORE})).toast({{ kind: 'bad', text: '<b>bold</b>', sub: '<i>' }})")
    assert page.locator("#toasts p").inner_text() == "<b>bold</b>\n<i>"
    assert page.locator("#toasts b, #toasts i").count() == 0
