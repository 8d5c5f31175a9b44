"""Where one is signed in: seen, and ended, on the page of the account."""

import re
from collections.abc import Callable

import pytest

from tests.support.app import House
from tests.ui.conftest import HTMX, Visitor, focused, page_of
from webapp.ui import browsers

ACCOUNT = "/account/"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
EDGE = f"{CHROME.replace('X11; Linux x86_64', 'Windows NT 10.0')} Edg/142.0.0.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.0 Mobile/15E148 Safari/604.1"
)


@pytest.fixture
def other(house: House, person: Callable[[str], Visitor]) -> Visitor:
    """A second browser of the same person."""
    visitor = Visitor(house)
    visitor.http.environ_base["HTTP_USER_AGENT"] = FIREFOX
    assert visitor.sign_in("uploader").status_code == 303
    return visitor


def ends(who: Visitor) -> list[str]:
    """Where the buttons of the list send."""
    return [form.action for form in who.open(ACCOUNT).forms if re.search(r"/sessions/.*/end$", form.action)]


def test_each_browser_is_listed_and_this_one_marked(uploader: Visitor, other: Visitor) -> None:
    text = " ".join(uploader.open(ACCOUNT).text.split())
    assert "Firefox on Windows 127.0.0.1" in text
    assert text.count("This one") == 1
    assert len(ends(uploader)) == 1, "this one ends by signing out"


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
def test_one_is_ended(uploader: Visitor, other: Visitor, headers: dict[str, str]) -> None:
    (address,) = ends(uploader)
    answer = uploader.post(address, {"csrf_token": uploader.token()}, headers={"Accept": "text/html", **headers})
    assert answer.status_code == (200 if headers else 303)
    page = page_of(answer) if headers else uploader.open(ACCOUNT)
    assert "Session ended." in page.text
    assert "Firefox" not in page.text
    assert not other.is_in()
    assert uploader.is_in()
    assert focused(answer) == (["sessions-h"] if headers else [])


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
def test_all_others_are_ended_at_once(
    uploader: Visitor, other: Visitor, person: Callable[[str], Visitor], headers: dict[str, str]
) -> None:
    third = person("uploader")
    address = uploader.open(ACCOUNT).form(action="/end-others").action
    answer = uploader.post(address, {"csrf_token": uploader.token()}, headers={"Accept": "text/html", **headers})
    text = answer.text if headers else uploader.get(ACCOUNT).text
    assert "2 other sessions ended." in text
    assert [who.is_in() for who in (uploader, other, third)] == [True, False, False]
    assert "/end-others" not in text


def test_what_is_ended_already_is_no_error(uploader: Visitor, other: Visitor) -> None:
    (address,) = ends(uploader)
    for _ in range(2):
        assert uploader.post(address, {"csrf_token": uploader.token()}).status_code == 303
    assert "had ended already" in uploader.open(ACCOUNT).text


def test_sessions_of_others_cannot_be_ended(uploader: Visitor, other: Visitor, admin: Visitor) -> None:
    (address,) = ends(uploader)
    admin.post(address, {"csrf_token": admin.token()})
    assert other.is_in()


def test_ending_the_own_session_leads_to_the_sign_in(house: House, uploader: Visitor) -> None:
    with house.app.app_context(), uploader.http.session_transaction() as session:
        mine = house.services.sessions.authenticate(session["sid"]).session_id
    answer = uploader.post(f"/account/sessions/{mine}/end", {"csrf_token": uploader.token()})
    assert answer.headers["Location"] == "/account/login"
    assert not uploader.is_in()


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (FIREFOX, "Firefox on Windows"),
        (CHROME, "Chrome on Linux"),
        (EDGE, "Edge on Windows"),
        (SAFARI, "Safari on iPhone"),
        ("curl/8.0", "Unknown browser"),
        ("", "Unknown browser"),
    ],
)
def test_a_browser_is_told_in_words(user_agent: str, words: str) -> None:
    assert browsers.described(user_agent) == words


def test_what_a_browser_calls_itself_is_text(house: House, uploader: Visitor) -> None:
    visitor = Visitor(house)
    visitor.http.environ_base["HTTP_USER_AGENT"] = '"><img src=x>'
    visitor.sign_in("uploader")
    assert "<img src=x" not in uploader.get(ACCOUNT).text
