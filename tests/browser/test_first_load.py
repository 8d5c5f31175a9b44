"""What the first look at the list costs, and that nothing jumps while it comes."""

from typing import Any

from playwright.sync_api import Page

from tests.browser.looks import in_both_widths, on_desktop
from tests.browser.pages import FILES
from tests.browser.shelf import Shelf
from tests.support.chromium import Look, Visits

BUDGET = 120_000
SHIFTS = """
    window.shifts = [];
    new PerformanceObserver((list) => {
        for (const { value, sources } of list.getEntries())
            // To a thousandth, as the measure (CLS) is told: less is a fraction of a pixel.
            if (Math.round(value * 1000))
                shifts.push([value, ...sources.map(({ node }) => node?.id || node?.className || node?.nodeName)]);
    }).observe({ type: "layout-shift", buffered: true });
"""


@on_desktop
def test_it_is_within_the_budget(visit: Visits, shelf: Shelf) -> None:
    for number in range(40):
        shelf.put(f"another file with a name of usual length {number}.pdf", content_type="application/pdf")
    page = visit("admin")
    received: dict[str, int] = {}
    addresses: dict[str, str] = {}
    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")

    def asked(event: dict[str, Any]) -> None:
        addresses[event["requestId"]] = event["request"]["url"]

    def came(event: dict[str, Any]) -> None:
        received[addresses[event["requestId"]]] = event["encodedDataLength"]

    devtools.on("Network.requestWillBeSent", asked)
    devtools.on("Network.loadingFinished", came)
    page.goto(FILES)
    page.wait_for_load_state("networkidle")
    # Thumbnails are what is in the store, not what the page is made of.
    parts = {address: size for address, size in received.items() if "/thumbnail/" not in address}
    assert sum(parts.values()) <= BUDGET, sorted(parts.items(), key=lambda part: -part[1])
    received.clear()
    page.goto(f"{FILES}?q=another")
    page.wait_for_load_state("networkidle")
    assert [address for address, size in received.items() if size and "/static/" in address] == [], (
        "kept by the browser"
    )


@in_both_widths
def test_nothing_jumps(visit: Visits, shelf: Shelf, look: Look) -> None:
    page = visit("admin")
    page.add_init_script(SHIFTS)
    for address in (FILES, f"{FILES}?file={shelf.id('holiday at the sea.png')}", f"{FILES}?type=image"):
        page.goto(address)
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(200)
        assert _shifts(page) == [], address


@in_both_widths
def test_the_head_of_the_panel_is_as_high_before_the_rest_has_come(page: Page, shelf: Shelf) -> None:
    page.goto(f"{FILES}?file={shelf.id('holiday at the sea.png')}")
    whole = _height(page, ".insp-head")
    page.evaluate("() => document.querySelector('.insp-body').replaceChildren()")
    assert _height(page, ".insp-head") == whole


def _height(page: Page, selector: str) -> float:
    height: float = page.evaluate("(it) => document.querySelector(it).getBoundingClientRect().height", selector)
    return height


def _shifts(page: Page) -> list[Any]:
    found: list[Any] = page.evaluate("() => window.shifts")
    return found
