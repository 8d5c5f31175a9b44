"""A session begins at sign-in, ends at sign-out, and belongs to one browser."""

import uuid
from collections.abc import Callable

import pytest

from tests.support.browser import BROWSE, LOGIN, Browser
from tests.support.client import Client
from tests.support.problems import problem
from tests.support.server import USER_PASSWORD, Server

PASSWORD = "quite a long password"


@pytest.fixture
def somebody(admin: Client) -> dict:
    """A user of this test's own."""
    name = f"u{uuid.uuid4().hex[:10]}"
    answer = admin.post("/api/users", json={"username": name, "password": PASSWORD, "role": "user"})
    assert answer.status_code == 201, answer.text
    return answer.json()


def assert_is_out(browser: Browser) -> None:
    problem(browser.get("/api/me"), "unauthenticated")
    page = browser.get(BROWSE)
    assert page.status_code in {302, 303}
    assert LOGIN in page.headers["Location"]


def test_a_copied_cookie_is_worthless_after_sign_out(browser: Browser) -> None:
    with browser.twin() as thief:
        assert thief.is_signed_in()
        browser.sign_out()
        assert_is_out(thief)


def test_sign_out_here_leaves_other_browsers_signed_in(server: Server, browser: Browser) -> None:
    with Browser(server.url) as other:
        other.sign_in("uploader", USER_PASSWORD)
        browser.sign_out()
        assert other.is_signed_in()


@pytest.mark.parametrize("change", [{"password": "another long password"}, {"active": False}])
def test_a_new_password_and_a_disabled_account_end_all_sessions(
    admin: Client, new_browser: Browser, somebody: dict, change: dict
) -> None:
    new_browser.sign_in(somebody["username"], PASSWORD)
    with new_browser.twin() as thief:
        assert admin.patch(f"/api/users/{somebody['id']}", json=change).status_code == 200
        assert_is_out(new_browser)
        assert_is_out(thief)


def test_a_deleted_account_ends_all_sessions(admin: Client, new_browser: Browser, somebody: dict) -> None:
    new_browser.sign_in(somebody["username"], PASSWORD)
    assert admin.delete(f"/api/users/{somebody['id']}").status_code == 204
    assert_is_out(new_browser)


def test_the_old_password_is_worthless_after_a_change(admin: Client, new_browser: Browser, somebody: dict) -> None:
    admin.patch(f"/api/users/{somebody['id']}", json={"password": "another long password"})
    new_browser.try_sign_in(somebody["username"], PASSWORD)
    assert_is_out(new_browser)
    new_browser.sign_in(somebody["username"], "another long password")


def test_a_session_is_not_fixed_before_sign_in(server: Server, new_browser: Browser, somebody: dict) -> None:
    new_browser.open(LOGIN)
    with new_browser.twin() as attacker:
        before = new_browser.cookies()
        new_browser.sign_in(somebody["username"], PASSWORD)
        assert new_browser.cookies() != before
        assert not attacker.is_signed_in()


def test_a_cookie_invented_outside_becomes_no_session(server: Server, new_browser: Browser, somebody: dict) -> None:
    name = session_cookie(server)
    with Browser(server.url) as attacker:
        attacker.session.cookies.set(name, "invented-by-the-attacker")
        assert not attacker.is_signed_in()
    new_browser.session.cookies.set(name, "invented-by-the-attacker", domain="127.0.0.1", path="/")
    new_browser.sign_in(somebody["username"], PASSWORD)
    assert "invented-by-the-attacker" not in new_browser.cookies().values()


@pytest.mark.parametrize(
    "tamper",
    [
        # Of the last letter only the upper bits mean something: A to D are the same signature.
        lambda value: value[:-1] + ("A" if value[-1] not in "ABCD" else "Q"),
        lambda value: ("A" if value[0] != "A" else "B") + value[1:],
        lambda value: value[:-4],
        lambda value: value + "x",
        lambda value: value.swapcase(),
        lambda value: "",
        lambda value: "x" * 4000,
        lambda value: "'; DROP TABLE user; --",
        lambda value: "eyJ1c2VyX2lkIjoxfQ.aaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbb",
        lambda value: '""',
    ],
)
def test_a_tampered_cookie_signs_nobody_in(server: Server, browser: Browser, tamper: Callable[[str], str]) -> None:
    name = session_cookie(server)
    value = browser.cookies()[name]
    with Browser(server.url) as thief:
        thief.session.headers["Cookie"] = f"{name}={tamper(value)}"
        answer = thief.get("/api/me")
        problem(answer, "unauthenticated")
        assert thief.get(LOGIN).status_code == 200


def session_cookie(server: Server) -> str:
    with Browser(server.url) as person:
        person.open(LOGIN)
        before = person.cookies()
        person.sign_in("uploader", USER_PASSWORD)
        changed = [name for name, value in person.cookies().items() if before.get(name) != value]
    assert len(changed) == 1, changed
    return changed[0]


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "http://evil.example/",
        "//evil.example/",
        "///evil.example/",
        "////evil.example",
        "/\\evil.example/",
        "\\\\evil.example/",
        "\\/evil.example",
        "/\t/evil.example/",
        "/\n/evil.example/",
        "\t//evil.example/",
        " https://evil.example/",
        "https:evil.example",
        "https:/evil.example",
        "javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "evil.example",
        "@evil.example",
        "/@evil.example/..//evil.example",
        "/..//evil.example/",
        "/./\\evil.example",
        "http:///evil.example",
        "/%2f/evil.example",
        "\u2215\u2215evil.example",
        "\x00//evil.example",
    ],
)
def test_sign_in_leads_nowhere_else(server: Server, new_browser: Browser, target: str) -> None:
    answer = new_browser.try_sign_in("uploader", USER_PASSWORD, next_url=target)
    assert answer.status_code in {302, 303}
    location = answer.headers["Location"].removeprefix(server.url)
    assert location.startswith("/"), location
    assert not location.startswith(("//", "/\\")), location
    assert not any(character in location for character in "\\\t\r\n\0"), location
    assert not location.replace("/..", "").replace("/.", "").startswith("//"), location


def test_sign_in_leads_back_to_where_one_was_going(new_browser: Browser) -> None:
    where = new_browser.get(f"{BROWSE}?q=abc").headers["Location"]
    form = new_browser.open(where).form(password=True)
    answer = new_browser.send(form, username="uploader", **{form.password_fields[0]: USER_PASSWORD})
    assert "q=abc" in answer.headers["Location"]


def test_a_wrong_password_and_an_unknown_name_are_told_alike(new_browser: Browser, somebody: dict) -> None:
    wrong = new_browser.try_sign_in(somebody["username"], "wrong")
    unknown = new_browser.try_sign_in(f"u{uuid.uuid4().hex[:10]}", "wrong")
    assert wrong.status_code == unknown.status_code
    assert wrong.status_code in {200, 400, 401, 403, 422}
    assert not new_browser.is_signed_in()


@pytest.mark.parametrize(
    "name", ["", " ", "admin\0", "ad\u0000min", "admin' --", "x" * 10_000, "\ud800", "\u202eadmin", "ADMIN "]
)
@pytest.mark.parametrize("password", ["", "\0", "x" * 100_000, "\ud800"])
def test_strange_credentials_sign_nobody_in(new_browser: Browser, name: str, password: str) -> None:
    form = new_browser.open(LOGIN).form(password=True)
    values = {**form.fields, "username": name, form.password_fields[0]: password}
    encoded = {key: value.encode("utf-8", "surrogatepass") for key, value in values.items()}
    answer = new_browser.session.post(form.action, data=encoded, allow_redirects=False, timeout=30)
    assert answer.status_code in {200, 400, 401, 403, 413, 422, 429}, answer.status_code
    assert not new_browser.is_signed_in()


def test_pages_for_people_are_not_kept_by_caches(browser: Browser) -> None:
    for path in (BROWSE, "/api/me"):
        control = browser.get(path).headers.get("Cache-Control", "")
        assert "no-store" in control or "private" in control or "no-cache" in control, (path, control)
