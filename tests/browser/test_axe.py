"""axe-core looks at pages as they are, and finds what there is to find."""

import pytest

from tests.browser import axe
from tests.browser.looks import on_desktop
from tests.browser.pages import LOGIN
from tests.support.chromium import Visits


@on_desktop
@pytest.mark.parametrize(
    ("markup", "rule"),
    [
        ("<input>", "label"),
        ("<button></button>", "button-name"),
        ("<img src='/static/img/mark.svg'>", "image-alt"),
        ("<h1>Another</h1><h3>Skipped</h3>", "heading-order"),
        ("<p class='pale'>pale</p>", "color-contrast"),
    ],
)
def test_it_finds(visit: Visits, markup: str, rule: str) -> None:
    page = visit(None)
    page.goto(LOGIN)
    axe.assert_accessible(page)
    page.locator("main").evaluate("(main, markup) => main.insertAdjacentHTML('beforeend', markup)", markup)
    page.evaluate("() => { const p = document.querySelector('.pale'); if (p) p.style.color = '#ccc' }")
    with pytest.raises(AssertionError, match=rf"\n  {rule} \("):
        axe.assert_accessible(page, within="main")
