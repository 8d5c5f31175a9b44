"""Accessibility as axe-core sees it: WCAG 2.0 to 2.2 at levels A and AA, and its best practices."""

from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

SOURCE = Path(__file__).parent / "vendor" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Colours in the middle of a transition are nobody's colours. What never ends (a spinner) is not waited for.
AT_REST = """
    () => Promise.allSettled(document.getAnimations()
        .filter((each) => each.effect?.getComputedTiming().endTime !== Infinity)
        .map((each) => each.finished))
"""
RUN = """
    ([root, tags]) => axe.run(root ?? document, {
        runOnly: tags, resultTypes: ["violations"], elementRef: false,
    }).then((results) => results.violations)
"""


def assert_accessible(page: Page, within: str | None = None) -> None:
    """axe finds nothing on this page as it is now, or in the part that a selector names."""
    # Evaluated by the debugger, the source is no script of the page: its policy stays in force.
    page.evaluate(_source())
    page.evaluate(AT_REST)
    found = page.evaluate(RUN, [within, TAGS])
    assert not found, f"axe on {page.url}:" + "".join(_told(violation) for violation in found)


@cache
def _source() -> str:
    return SOURCE.read_text(encoding="utf-8")


def _told(violation: dict[str, Any]) -> str:
    nodes = [f"\n    {node['target']}: {node['html'][:200]}\n      {_why(node)}" for node in violation["nodes"][:5]]
    return f"\n  {violation['id']} ({violation['impact']}): {violation['help']}" + "".join(nodes)


def _why(node: dict[str, Any]) -> str:
    return "; ".join(check["message"] for kind in ("any", "all", "none") for check in node[kind])
