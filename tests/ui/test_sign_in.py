"""The way in and the way out."""

import re
from urllib.parse import quote

import pytest

from tests.support.app import House
from tests.ui.conftest import BROWSE, LOGIN, Visitor, page_of
from webapp.services import passwords


def test_the_front_door_leads_to_the_files(visitor: Visitor) -> None:
    assert visitor.get("/").headers["Location"] == BROWSE
    bare = visitor.get("/file-storage?q=x")
    assert bare.status_code == 308
    assert bare.headers["Location"].endswith("/file-storage/?q=x")


@pytest.mark.parametrize("path", [BROWSE, "/file-storage/trash", "/account/"])
def test_a_stranger_is_asked_to_sign_in_and_then_comes_to_where_they_were_going(visitor: Visitor, path: str) -> None:
    answer = visitor.get(f"{path}?q=a%20b%26c")
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(LOGIN)
    form = visitor.open(answer.headers["Location"]).form(password=True)
    answer = visitor.send(form, username="admin", password="correct horse battery staple")
    assert answer.headers["Location"] == f"{path}?q=a%20b%26c"
    assert visitor.get(answer.headers["Location"]).status_code == 200


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example/",
        "https:evil.example", "javascript:alert(1)", "data:text/html,x", "evil.example", "/\t/evil.example",
        "/\n/evil.example", "/\r/evil.example", "\t//evil.example", " //evil.example", "/a//evil.example",
        "/..//evil.example", "/./\\evil.example", "/\x00/evil.example", "/a\u2028b", "x" * 5000, "",
    ],
)  # fmt: skip
def test_sign_in_leads_nowhere_else(visitor: Visitor, target: str) -> None:
    answer = visitor.sign_in("admin", target=quote(target, safe=""))
    assert answer.status_code == 303
    assert answer.headers["Location"] == BROWSE


@pytest.mark.parametrize("target", ["/%2f%2fevil.example", "/%5cevil.example", "/%09/x", "/account/?a=//b", "/a#//b"])
def test_what_only_looks_like_elsewhere_stays_a_path_of_ours(visitor: Visitor, target: str) -> None:
    location = visitor.sign_in("admin", target=quote(target, safe="")).headers["Location"]
    assert location == target


def test_the_target_of_a_tampered_form_is_not_followed(visitor: Visitor) -> None:
    form = visitor.open(LOGIN).form(password=True)
    answer = visitor.send(form, username="admin", password="correct horse battery staple", next="//evil.example")
    assert answer.headers["Location"] == BROWSE


def test_the_cookie_is_another_one_after_signing_in(visitor: Visitor) -> None:
    visitor.open(LOGIN)
    before = visitor.http.get_cookie("stowage_session")
    visitor.sign_in("admin")
    after = visitor.http.get_cookie("stowage_session")
    assert before is not None
    assert after is not None
    assert before.value != after.value
    with visitor.http.session_transaction() as session:
        assert set(session) == {"_permanent", "sid"}
        first = session["sid"]
    visitor.sign_in("admin")
    with visitor.http.session_transaction() as session:
        assert session["sid"] != first


def test_a_wrong_name_and_a_wrong_password_look_alike(
    house: House, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str | None] = []
    real = passwords.matches

    def matches(known: str | None, sent: str) -> bool:
        checked.append(known)
        return real(known, sent)

    monkeypatch.setattr(passwords, "matches", matches)
    pages = []
    for name in ("admin", "nobody-here"):
        form = visitor.open(LOGIN).form(password=True)
        answer = visitor.send(form, username=name, password="wrong")
        assert answer.status_code == 401
        pages.append(re.sub(r'data-token="[^"]*"', "", answer.text.replace(f'value="{name}"', "")))
        again = page_of(answer).form(password=True)
        assert again.fields["username"] == name
        assert again.fields["password"] == ""
    pages = [page.split("csrf_token")[0] + page.split("</form>")[1] for page in pages]
    assert pages[0] == pages[1]
    assert "do not match" in pages[0]
    assert len(checked) == 2, "both cost one check"
    assert not visitor.is_in()


def test_too_many_attempts_are_told_when_to_come_back(visitor: Visitor) -> None:
    answers = [visitor.sign_in("admin", "wrong") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 15 * 60
    assert "Try again in 15 minutes." in answers[-1].text
    right = visitor.sign_in("admin")
    assert right.status_code == 429
    assert not visitor.is_in()


def test_signing_in_needs_the_token(visitor: Visitor) -> None:
    form = visitor.open(LOGIN).form(password=True)
    for wrong in ("", "wrong", form.fields["csrf_token"] + "x"):
        answer = visitor.send(form, username="admin", password="correct horse battery staple", csrf_token=wrong)
        assert answer.status_code == 403
    assert not visitor.is_in()


def test_signing_out_needs_the_form_and_ends_the_session(admin: Visitor) -> None:
    with admin.http.session_transaction() as session:
        kept = session["sid"]
    assert admin.get("/account/logout").status_code == 405
    assert admin.post("/account/logout").status_code == 403
    assert admin.is_in()
    answer = admin.send(admin.open().form(action="/account/logout"))
    assert answer.headers["Location"] == LOGIN
    assert not admin.is_in()
    with admin.http.session_transaction() as session:
        session["sid"] = kept
    assert not admin.is_in()


def test_the_first_run_says_how_to_make_an_admin(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "stowage user create" not in visitor.open(LOGIN).text
    monkeypatch.setattr(visitor.house.services.users, "has_admin", lambda: False)
    assert "stowage user create NAME --role admin" in visitor.open(LOGIN).text


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '"><img src=x>', "\u202eadmin", "😀" * 255, "a\nb"])
def test_a_name_that_was_typed_comes_back_as_text(visitor: Visitor, name: str) -> None:
    answer = visitor.sign_in(name, "wrong")
    assert page_of(answer).form(password=True).fields["username"] == name
    assert "<script>" not in answer.text
    assert "<img" not in answer.text
