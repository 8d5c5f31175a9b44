"""A cookie alone changes nothing."""

import uuid

import pytest

from tests.support.browser import BROWSE, LOGOUT, Browser
from tests.support.client import FILES, NO_SUCH_ID, Client, created
from tests.support.problems import problem
from tests.support.raw import Wire, field_part, file_part, form_headers, head, multipart
from tests.support.server import USER_PASSWORD, Server

UNSAFE = [
    ("POST", f"{FILES}/upload"),
    ("PUT", f"{FILES}/upload/x.txt"),
    ("DELETE", f"{FILES}/files/{NO_SUCH_ID}"),
    ("POST", f"{FILES}/files/{NO_SUCH_ID}/restore"),
    ("POST", f"{FILES}/files/bulk-delete"),
    ("POST", f"{FILES}/files/bulk-restore"),
    ("POST", "/api/tokens"),
    ("DELETE", f"/api/tokens/{NO_SUCH_ID}"),
]


def other_session_token(server: Server) -> str:
    with Browser(server.url) as other:
        return other.sign_in("stranger", USER_PASSWORD).csrf()


@pytest.mark.parametrize(("method", "path"), UNSAFE)
def test_a_cookie_without_the_token_is_refused(browser: Browser, server: Server, method: str, path: str) -> None:
    with server.unchanged():
        problem(browser.request(method, path), "csrf_failed")
        problem(browser.request(method, path, json={"ids": []}), "csrf_failed")


@pytest.mark.parametrize("method_and_path", UNSAFE)
@pytest.mark.parametrize("kind", ["wrong", "empty", "of another session", "in the query", "long", "truncated"])
def test_a_wrong_token_is_refused(
    browser: Browser, server: Server, method_and_path: tuple[str, str], kind: str
) -> None:
    right = browser.csrf()
    method, path = method_and_path
    headers, params = {"X-CSRFToken": "wrong"}, {}
    match kind:
        case "empty":
            headers = {"X-CSRFToken": ""}
        case "of another session":
            headers = {"X-CSRFToken": other_session_token(server)}
        case "in the query":
            headers, params = {}, {"csrf_token": right, "X-CSRFToken": right}
        case "long":
            headers = {"X-CSRFToken": right + "A" * 3000}
        case "truncated":
            headers = {"X-CSRFToken": right[:-2]}
    with server.unchanged():
        problem(browser.request(method, path, headers=headers, params=params, data=b""), "csrf_failed")


def test_the_right_token_in_the_header_is_accepted(browser: Browser) -> None:
    headers = {"X-CSRFToken": browser.csrf()}
    file = created(browser.put(f"{FILES}/upload/x.txt", data=b"data", headers=headers))
    created(browser.post(f"{FILES}/upload", files={"file": ("x.txt", b"data")}, headers=headers))
    assert browser.delete(f"{FILES}/files/{file['id']}", headers=headers).status_code == 204
    assert browser.post(f"{FILES}/files/{file['id']}/restore", headers=headers).status_code == 200


def test_other_sites_are_refused_whatever_they_send(browser: Browser, server: Server) -> None:
    evil = {"Origin": "https://evil.example", "Referer": "https://evil.example/", "Sec-Fetch-Site": "cross-site"}
    with server.unchanged():
        for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            answer = browser.put(f"{FILES}/upload/x", data=b"{}", headers={**evil, "Content-Type": content_type})
            problem(answer, {"csrf_failed"})
            answer = browser.post(
                f"{FILES}/files/bulk-delete", data=b"{}", headers={**evil, "Content-Type": content_type}
            )
            problem(answer, {"csrf_failed"})


def test_the_cookie_is_kept_from_scripts_and_other_sites(browser: Browser) -> None:
    cookies = [cookie for cookie in browser.session.cookies if "session" in cookie.name.lower()]
    assert cookies
    for cookie in cookies:
        rest = {key.lower(): value for key, value in cookie._rest.items()}
        assert "httponly" in rest
        assert (rest.get("samesite") or "").lower() in {"lax", "strict"}
        assert not cookie.domain_specified


def test_a_refused_body_is_not_waited_for(browser: Browser, server: Server) -> None:
    """Checked before a body byte is read: the answer comes while nothing of the body was sent."""
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies().items())
    with server.unchanged(), Wire(server.url, timeout=5) as wire:
        headers = [("Cookie", cookies), ("Content-Length", str(50_000_000))]
        wire.send(head("PUT", f"{FILES}/upload/x.txt", headers))
        problem(wire.answer(), "csrf_failed")


def test_broken_authorization_beside_a_cookie_is_no_way_around(browser: Browser, server: Server) -> None:
    with server.unchanged():
        for value in ("Bearer garbage", "Bearer", "Basic eDp5", "garbage"):
            answer = browser.put(f"{FILES}/upload/x", data=b"x", headers={"Authorization": value})
            problem(answer, {"csrf_failed", "unauthenticated"})


def test_a_token_needs_no_csrf_even_beside_a_cookie(browser: Browser, uploader: Client) -> None:
    answer = browser.put(f"{FILES}/upload/x", data=b"x", headers=dict(uploader.auth))
    assert answer.status_code == 201


def test_without_any_credentials_it_is_401_and_not_csrf(nobody: Client) -> None:
    for method, path in UNSAFE:
        problem(nobody.request(method, path), "unauthenticated")
        problem(nobody.request(method, path, headers={"X-CSRFToken": "x"}), "unauthenticated")


def send_form(browser: Browser, parts: list, target: str):
    body = multipart(parts)
    headers = dict(form_headers())
    return browser.session.post(target, data=body, headers=headers, allow_redirects=False, timeout=30)


def upload_form(browser: Browser):
    form = browser.open(BROWSE).form(file=True)
    extra = [field_part(name, value) for name, value in form.fields.items() if name != "csrf_token"]
    file = file_part(b"data", f"{uuid.uuid4()}.txt", form.file_fields[0])
    return form, extra, file


def test_the_plain_form_with_its_token_stores_the_file(browser: Browser, admin: Client) -> None:
    form, extra, file = upload_form(browser)
    before = admin.total()
    answer = send_form(browser, [field_part("csrf_token", form.fields["csrf_token"]), *extra, file], form.action)
    assert answer.status_code in {200, 302, 303}
    assert admin.total() == before + 1


@pytest.mark.parametrize("kind", ["none", "wrong", "after the file", "as a file", "of another session"])
def test_the_plain_form_without_a_right_token_before_the_file_stores_nothing(
    browser: Browser, server: Server, kind: str
) -> None:
    form, extra, file = upload_form(browser)
    right = form.fields["csrf_token"]
    parts = {
        "none": [*extra, file],
        "wrong": [field_part("csrf_token", "wrong"), *extra, file],
        "after the file": [*extra, file, field_part("csrf_token", right)],
        "as a file": [file_part(right.encode(), "t", "csrf_token"), *extra, file],
        "of another session": [field_part("csrf_token", other_session_token(server)), *extra, file],
    }[kind]
    with server.unchanged():
        answer = send_form(browser, parts, form.action)
        assert answer.status_code in {400, 403}, answer.status_code


def test_every_form_of_the_pages_carries_the_token(browser: Browser, uploader: Client) -> None:
    uploader.upload(b"data", "listed.txt")
    for path in (BROWSE, f"{BROWSE}trash", "/account/", "/account/tokens"):
        answer = browser.get(path, allow_redirects=True)
        if answer.status_code == 404:
            continue
        for form in browser.open(path).forms:
            if form.method == "POST":
                assert form.fields.get("csrf_token"), (path, form)
            else:
                assert "csrf_token" not in form.fields, (path, form)


def test_signing_out_needs_the_token_and_no_link_does_it(browser: Browser) -> None:
    browser.get(LOGOUT, allow_redirects=True)
    assert browser.is_signed_in()
    assert browser.post(LOGOUT).status_code in {400, 403}
    assert browser.is_signed_in()
    browser.sign_out()
    assert not browser.is_signed_in()


def test_reading_changes_nothing(browser: Browser, uploader: Client, server: Server) -> None:
    file = uploader.upload(b"data")
    with server.unchanged():
        for path in (
            f"/files/{file['id']}/restore",
            "/files/bulk-delete",
            "/upload",
            "/upload/x",
            f"/files/{file['id']}",
        ):
            for override in ({"X-HTTP-Method-Override": "DELETE"}, {"X-HTTP-Method": "DELETE"}, {}):
                browser.get(f"{FILES}{path}", headers=override, params={"_method": "DELETE"})
