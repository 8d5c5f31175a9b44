"""API tokens of one's own: made with scopes and an end, shown once, revoked."""

from datetime import UTC, datetime, timedelta

import pytest
from werkzeug.test import TestResponse

from tests.support.app import House
from tests.ui.conftest import HTMX, Visitor, focused, page_of

TOKENS = "/account/tokens"
SECRET = "secret"


def create(who: Visitor, headers: dict[str, str] | None = None, **values: object) -> TestResponse:
    page = who.open(f"{TOKENS}/new")
    sent = {"name": "backup", "scopes": ["file_storage.download"], "expires": "90", "until": "", **values}
    data = {**sent, "csrf_token": page.csrf_token()}
    return who.post(TOKENS, data, headers={"Accept": "text/html", **(headers or {})})


def secret_of(answer: TestResponse) -> str:
    return next(v["value"] for tag, v in page_of(answer).tags if tag == "input" and v.get("id") == SECRET)


def revoke_address(who: Visitor) -> str:
    return next(v["href"] for _, v in who.open(TOKENS).tags if v.get("href", "").endswith("/revoke"))


def test_a_secret_is_shown_once_and_works(house: House, uploader: Visitor) -> None:
    answer = create(uploader)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    secret = secret_of(answer)
    assert house.api().get("/api/me", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
    assert secret not in uploader.get(TOKENS).text
    assert secret[:12] in uploader.get(TOKENS).text


def test_the_secret_is_copied_by_a_button_and_has_the_focus_near(uploader: Visitor) -> None:
    answer = create(uploader)
    page = page_of(answer)
    assert any(v.get("data-copy") == f"#{SECRET}" for tag, v in page.tags if tag == "button")
    assert focused(answer) == ["secret-h"]


def test_with_htmx_the_secret_comes_as_a_part_of_the_page_at_the_plain_address(uploader: Visitor) -> None:
    answer = create(uploader, HTMX)
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert secret_of(answer).startswith("stw_")
    assert answer.headers["HX-Replace-Url"] == TOKENS, "a reload must not show the form again"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("name", "offered"), [("admin", True), ("uploader", False)])
def test_only_what_one_may_oneself_can_be_given(house: House, name: str, offered: bool) -> None:
    who = Visitor(house)
    who.sign_in(name)
    values = [v["value"] for _, v in who.open(f"{TOKENS}/new").tags if v.get("name") == "scopes"]
    assert "file_storage.download" in values
    assert ("admin.users" in values) is offered
    answer = create(who, scopes=["admin.users"])
    assert answer.status_code == (200 if offered else 422)


@pytest.mark.parametrize(("expires", "days"), [("30", 30), ("90", 90), ("365", 365), ("never", None), ("date", 11)])
def test_a_token_lasts_as_long_as_was_chosen(house: House, uploader: Visitor, expires: str, days: int | None) -> None:
    now = datetime.now(UTC)
    create(uploader, expires=expires, until=(now.date() + timedelta(days=10)).isoformat())
    with house.app.app_context():
        (token,) = house.services.tokens.list(house.uploader)
    if days is None:
        assert token.expires_at is None
    else:
        assert token.expires_at is not None
        assert timedelta(days=days - 1) < token.expires_at - now <= timedelta(days=days, minutes=1)


@pytest.mark.parametrize(
    ("values", "sentence", "focus"),
    [
        ({"name": " "}, "This is needed.", "name"),
        ({"name": "x" * 101}, "too long", "name"),
        ({"scopes": []}, "Choose at least one.", "scopes"),
        ({"scopes": ["admin.users"]}, "cannot do more than you", "scopes"),
        ({"expires": "date", "until": "2001-01-01"}, "in the past", "until"),
        ({"expires": "date", "until": "9999-12-31"}, "This is needed.", "until"),
        ({"expires": "date", "until": ""}, "This is needed.", "until"),
        ({"expires": "<b>"}, "none of the choices", "expires"),
    ],
)
@pytest.mark.parametrize("headers", [{}, None], ids=["page", "htmx"])
def test_what_is_wrong_is_told_beside_the_field_which_gets_the_focus(
    uploader: Visitor, values: dict[str, object], sentence: str, focus: str, headers: dict[str, str] | None
) -> None:
    answer = create(uploader, HTMX if headers is None else headers, **values)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert focused(answer) == [focus]
    assert uploader.open(TOKENS).text.count("stw_") == 0


def test_what_was_typed_is_still_there_after_a_mistake(uploader: Visitor) -> None:
    tags = page_of(
        create(uploader, name="<b>", scopes=["file_storage.upload"], expires="date", until="2001-01-01")
    ).tags
    assert next(v["value"] for _, v in tags if v.get("name") == "name") == "<b>"
    assert [v["value"] for _, v in tags if v.get("name") == "scopes" and "checked" in v] == ["file_storage.upload"]
    assert next(v["value"] for tag, v in tags if tag == "option" and "selected" in v) == "date"


def test_a_token_is_revoked_after_a_question(house: House, uploader: Visitor) -> None:
    secret = secret_of(create(uploader))
    address = revoke_address(uploader)
    page = uploader.open(address)
    assert "Revoke “backup”?" in page.text
    answer = uploader.send(page.form(action="/revoke"))
    assert answer.status_code == 303
    assert "Token revoked." in uploader.open(answer.headers["Location"]).text
    assert house.api().get("/api/me", headers={"Authorization": f"Bearer {secret}"}).status_code == 401


def test_with_htmx_the_question_is_a_dialog_and_the_list_comes_anew(uploader: Visitor) -> None:
    create(uploader)
    address = revoke_address(uploader)
    dialog = uploader.get(address, headers=HTMX)
    assert dialog.text.startswith("<dialog")
    (form,) = page_of(dialog).forms
    answer = uploader.post(address, form.fields, headers=HTMX)
    assert answer.status_code == 200
    assert 'id="tokens"' in answer.text
    assert 'hx-swap-oob="beforeend:#toasts"' in answer.text
    assert focused(answer) == ["tokens-h"]


def test_revoking_twice_is_no_error(uploader: Visitor) -> None:
    create(uploader)
    form = uploader.open(revoke_address(uploader)).form(action="/revoke")
    uploader.send(form)
    assert uploader.send(form).status_code == 303
    assert "revoked already" in uploader.open(TOKENS).text


def test_tokens_of_others_are_not_there(uploader: Visitor, admin: Visitor) -> None:
    create(uploader)
    address = revoke_address(uploader)
    assert "stw_" not in admin.open(TOKENS).text
    assert admin.get(address).status_code == 404
    admin.post(address, {"csrf_token": admin.token()})
    assert "stw_" in uploader.open(TOKENS).text


def test_a_name_with_markup_is_text_everywhere(uploader: Visitor) -> None:
    name = "<img src=x onerror=alert(1)>\"'&"
    answer = create(uploader, name=name)
    question = uploader.get(revoke_address(uploader))
    for page in (answer, uploader.get(TOKENS), question):
        assert "<img src=x" not in page.text
        assert name in page_of(page).text
    assert "<title>Revoke “&lt;img" in question.text


def test_a_stranger_signs_in_first_and_a_token_cannot_use_the_form(house: House, visitor: Visitor) -> None:
    assert visitor.get(TOKENS).status_code == 303
    limited = house.api("uploader", "file_storage.download")
    assert limited.get(TOKENS).status_code == 403


def test_making_one_needs_the_token_of_the_page(uploader: Visitor) -> None:
    answer = uploader.post(TOKENS, {"name": "x", "scopes": "file_storage.download", "expires": "90"})
    assert answer.status_code == 403
    assert "stw_" not in uploader.open(TOKENS).text
