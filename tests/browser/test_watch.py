"""The watch over the browsers notices what it is there to notice."""

import re

import pytest

from tests.browser.looks import on_desktop
from tests.support.chromium import Visits, Watch

INLINE = "const it = document.createElement('script'); it.textContent = '1'; document.body.append(it)"
ELSEWHERE = "const it = new Image(); it.src = 'http://elsewhere.example/pixel.png'; document.body.append(it)"
STYLED = "document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">x</p>')"
BROKEN = "setTimeout(() => { throw new Error('broken on purpose') }, 0)"


@on_desktop
@pytest.mark.parametrize(
    ("script", "trouble"),
    [
        ("console.error('said on purpose')", "console: said on purpose"),
        (BROKEN, "script: .*broken on purpose"),
        (INLINE, "Policy violated: script-src-elem by inline"),
        (STYLED, "Policy violated: style-src-attr by inline"),
        (ELSEWHERE, "Policy violated: img-src by http://elsewhere.example"),
        ("fetch('/nowhere')", "status of 404"),
    ],
)
def test_it_notices(visit: Visits, watch: Watch, script: str, trouble: str) -> None:
    page = visit(None)
    page.goto("/account/login")
    assert not watch.complaints()
    page.evaluate(f"() => {{ {script} }}")
    page.wait_for_timeout(200)
    assert re.search(trouble, "\n".join(watch.complaints()))
    watch.troubles.clear()


@on_desktop
def test_it_notices_requests_to_another_host(visit: Visits, watch: Watch) -> None:
    page = visit(None, bypass_csp=True)
    page.goto("/account/login")
    page.evaluate(f"() => {{ {ELSEWHERE} }}")
    page.wait_for_timeout(200)
    assert "request to another host: http://elsewhere.example/pixel.png" in watch.complaints()
    assert "ERR_NAME_NOT_RESOLVED" in "".join(watch.complaints()), "it did not get there"
    watch.troubles.clear()


@on_desktop
def test_it_notices_what_does_not_come(visit: Visits, watch: Watch) -> None:
    watch.expect("a trouble")
    assert watch.complaints() == ["expected, but it did not come: a trouble"]
    watch.troubles.append("a trouble")
