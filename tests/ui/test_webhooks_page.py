"""Webhooks on their pages: made, changed, tested, paused, removed."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tests.support.app import House
from tests.support.hooks import Hook, allow_private, serving
from tests.ui.conftest import Visitor, focused, page_of
from tests.ui.webhooks import HOST, PART, URL, WEBHOOKS, create, make, only, press, said, secret_of, webhooks
from webapp import db
from webapp.contracts.events import EVENT_TYPES, WebhookPaused
from webapp.http.i18n import has
from webapp.models import Webhook
from webapp.services.webhooks.views import CAUSES, REASONS, STATES


@pytest.fixture
def house(sqlite_house: House) -> House:
    """Receivers of these tests are on this machine."""
    allow_private(sqlite_house)
    return sqlite_house


@pytest.fixture
def listener() -> Iterator[Hook]:
    with serving() as made:
        yield made


# --- the list ------------------------------------------------------------------------


def test_the_list_says_where_events_go_and_how_that_goes(house: House, admin: Visitor, listener: Hook) -> None:
    make(house, listener.url, description="Search index")
    make(house, types=["FileUploaded", "FileDeleted", "FilePurged", "UserCreated"], description="<b>Billing</b>")
    assert "Last delivered" in said(admin.get(WEBHOOKS))
    house.upload(name="a.txt")
    assert " never " in said(admin.get(WEBHOOKS))
    house.deliver()
    answer = admin.get(WEBHOOKS)
    told = said(answer)
    assert listener.url.split("/")[2] in told
    assert "Search index All events just now 0 Active" in told
    assert f"{HOST} <b>Billing</b> Uploaded Moved to trash Deleted for good +1" in told
    assert "of-theirs" not in answer.text, "what is in the query may be a secret: only its own page shows it"


def test_without_any_it_says_what_they_are_for(admin: Visitor) -> None:
    assert "No webhooks yet" in said(admin.get(WEBHOOKS))


@pytest.mark.parametrize("path", ["", "/new"])
def test_only_admins_have_them(house: House, visitor: Visitor, uploader: Visitor, path: str) -> None:
    assert visitor.get(WEBHOOKS + path).status_code == 303
    assert uploader.get(WEBHOOKS + path).status_code == 403


def test_what_a_user_sends_changes_nothing(house: House, uploader: Visitor) -> None:
    webhook_id = make(house)
    for what in ("pause", "resume", "test", "secret", "delete", "edit"):
        assert press(uploader, webhook_id, what).status_code == 403, what
    assert press(uploader, webhook_id, f"deliveries/{webhook_id}/replay").status_code == 403
    assert house.count(Webhook) == 1


def test_forms_need_the_token_of_the_page(house: House, admin: Visitor) -> None:
    webhook_id = make(house)
    assert admin.post(f"{WEBHOOKS}/{webhook_id}/delete", {}).status_code == 403
    assert house.count(Webhook) == 1


# --- made and changed ----------------------------------------------------------------


def test_a_secret_is_made_and_shown_once(house: House, admin: Visitor) -> None:
    answer = create(admin, description="Search")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    secret = secret_of(answer)
    assert secret.startswith("whsec_")
    assert focused(answer) == ["secret-h"]
    assert any(v.get("data-copy") == "#secret" for tag, v in page_of(answer).tags if tag == "button")
    webhook_id = only(house)
    assert answer.headers["HX-Push-Url"] == f"{WEBHOOKS}/{webhook_id}", "a reload must not make another one"
    assert secret not in admin.get(f"{WEBHOOKS}/{webhook_id}").text


def test_a_secret_of_ones_own_is_taken(house: House, admin: Visitor) -> None:
    mine = "whsec_" + "QUJDRA" * 8
    assert secret_of(create(admin, secret=mine)) == mine


def test_all_kinds_of_events_can_be_chosen(admin: Visitor) -> None:
    tags = admin.open(f"{WEBHOOKS}/new").tags
    assert [v["value"] for _, v in tags if v.get("name") == "types"] == [each.topic for each in EVENT_TYPES]


def test_those_that_are_chosen_are_kept_and_ticked_again(house: House, admin: Visitor) -> None:
    create(admin, which="some", types=["file_storage.file.uploaded", "account.user.deleted"])
    ((webhook_id, types),) = house.query(sa.select(webhooks.c.id, webhooks.c.types))
    assert types == ["file_storage.file.uploaded", "account.user.deleted"]
    tags = admin.open(f"{WEBHOOKS}/{webhook_id}/edit").tags
    assert [v["value"] for _, v in tags if v.get("name") == "types" and "checked" in v] == types
    assert [v["value"] for _, v in tags if v.get("name") == "which" and "checked" in v] == ["some"]


def test_all_events_means_all_whatever_is_ticked(house: House, admin: Visitor) -> None:
    create(admin, which="all", types=["file_storage.file.uploaded"])
    assert house.query(sa.select(webhooks.c.types))[0][0] == []


def test_a_family_that_the_api_has_set_stays_when_the_form_is_saved(house: House, admin: Visitor) -> None:
    webhook_id = make(house, types=["file_storage.file.*", "SignedIn"])
    page = admin.open(f"{WEBHOOKS}/{webhook_id}/edit")
    ticked = [v["value"] for _, v in page.tags if v.get("name") == "types" and "checked" in v]
    press(admin, webhook_id, "edit", url=URL, description="saved", which="some", types=ticked)
    assert sorted(house.query(sa.select(webhooks.c.types))[0][0]) == [
        "account.session.signed_in",
        "file_storage.file.*",
    ]


def test_it_is_changed_and_that_is_told(house: House, admin: Visitor) -> None:
    webhook_id = make(house)
    answer = press(admin, webhook_id, "edit", url="https://other.invalid/x", description="New", which="all")
    assert answer.status_code == 303
    told = said(admin.get(answer.headers["Location"]))
    assert "Webhook saved." in told
    assert "other.invalid" in told
    assert "Changed webhook other.invalid description, address" in said(admin.get("/admin/activity"))


def test_the_activity_says_why_stowage_gave_up_on_one(house: House, admin: Visitor) -> None:
    with house.app.app_context(), db.transaction() as tx:
        tx.emit(WebhookPaused(webhook_id="x", host=HOST, reason="dead"))
    told = said(admin.get("/admin/activity?kind=WebhookPaused"))
    assert f"Stowage Paused webhook {HOST} Nothing but failures for a day." in told


@pytest.mark.parametrize(
    ("values", "sentence", "focus"),
    [
        ({"url": ""}, "This is needed.", "url"),
        ({"url": "ftp://example.invalid/"}, "", "url"),
        ({"url": "https://me:secret@example.invalid/"}, "", "url"),
        ({"description": "x" * 201}, "too long", "description"),
        ({"which": "some"}, "Choose at least one.", "which"),
        ({"which": "some", "types": ["nonsense"]}, "", "which"),
        ({"which": "<b>"}, "none of the choices", "which"),
    ],
)
@pytest.mark.parametrize("kind", ["new", "edit"])
def test_what_is_wrong_is_told_beside_the_field_which_gets_the_focus(
    house: House, admin: Visitor, values: dict[str, Any], sentence: str, focus: str, kind: str
) -> None:
    if kind == "new":
        answer = create(admin, **values)
    else:
        sent = {"url": URL, "description": "", "which": "all", **values}
        answer = press(admin, make(house), "edit", **sent)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert focused(answer) == [focus]
    assert 'class="error"' in answer.text
    assert house.count(Webhook) == (0 if kind == "new" else 1)


def test_what_is_no_secret_is_told_beside_its_field(admin: Visitor) -> None:
    answer = create(admin, secret="short")
    assert answer.status_code == 422
    assert focused(answer) == ["secret"]


def test_what_was_typed_is_still_there_after_a_mistake_and_the_secret_is_not(admin: Visitor) -> None:
    mine = "whsec_" + "QUJDRA" * 8
    answer = create(admin, url="nowhere", description='"><i>', which="some", types=["file_storage.file.*"], secret=mine)
    values = {v.get("id"): v.get("value") for tag, v in page_of(answer).tags if tag == "input"}
    assert (values["url"], values["description"], values["secret"]) == ("nowhere", '"><i>', "")
    assert mine not in answer.text
    assert 'value="file_storage.file.*"' in answer.text


# --- one of them ---------------------------------------------------------------------


def test_its_page_shows_the_address_and_what_it_is_sent(house: House, admin: Visitor) -> None:
    webhook_id = make(house, types=["SignedIn"], description="<script>alert(1)</script>")
    answer = admin.get(f"{WEBHOOKS}/{webhook_id}")
    told = said(answer)
    assert URL in told
    assert "Events Signed in" in told
    assert "<script>alert(1)</script>" in told, "as text"
    assert "<script>alert" not in answer.text
    assert "Nothing was sent yet" in told


def test_one_that_is_not_there_is_not_found(admin: Visitor, house: House) -> None:
    webhook_id = make(house)
    press(admin, webhook_id, "delete")
    for address in ("", "/edit", "/secret", "/delete"):
        assert admin.get(f"{WEBHOOKS}/{webhook_id}{address}").status_code == 404
    for what in ("pause", "resume", "test", "secret", "delete", "edit"):
        assert press(admin, webhook_id, what).status_code == 404, what


def test_a_test_is_sent_and_its_answer_shown_in_place(house: House, admin: Visitor, listener: Hook) -> None:
    secret = secret_of(create(admin, url=listener.url))
    webhook_id = only(house)
    answer = press(admin, webhook_id, "test", PART)
    told = said(answer)
    assert "The test was accepted Answered 204" in told
    assert "<html" not in answer.text
    assert re.search(r'id="deliveries"[^>]*hx-swap-oob="true"', answer.text)
    (message,) = listener.messages
    assert message.type == "stowage.webhook.test"
    assert message.is_signed_by(secret)
    assert "Test stowage.webhook.test Delivered Answered 204" in told
    assert "/replay" not in answer.text, "a test cannot be sent again"


def test_a_test_that_fails_says_why(house: House, admin: Visitor, listener: Hook) -> None:
    webhook_id = make(house, listener.url)
    listener.answer = 400
    plain = press(admin, webhook_id, "test")
    assert plain.status_code == 200, "without a script it is the page"
    told = said(plain)
    assert "The test failed Answered 400" in told
    assert "Test stowage.webhook.test Failed Answered 400" in told
    listener.close()
    assert "The test failed Connection refused" in said(press(admin, webhook_id, "test"))


def test_too_many_tests_at_once_are_told(house: House, admin: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    webhook_id = make(house)
    busy = house.services.webhooks._testing
    while busy.acquire(blocking=False):
        pass
    try:
        assert press(admin, webhook_id, "test", PART).status_code == 429
        answer = press(admin, webhook_id, "test")
        assert "Too many attempts." in said(admin.get(answer.headers["Location"]))
    finally:
        busy.release()


def test_it_rests_while_it_is_paused_and_goes_on(house: House, admin: Visitor, listener: Hook) -> None:
    webhook_id = make(house, listener.url)
    answer = press(admin, webhook_id, "pause", PART)
    assert "Paused by hand" in said(answer)
    assert focused(answer) == ["resume"]
    house.upload(name="later.txt")
    house.deliver()
    assert listener.messages == []
    assert "Paused" in said(admin.get(WEBHOOKS))
    assert "not looked at yet" in said(admin.get(f"{WEBHOOKS}/{webhook_id}"))
    answer = press(admin, webhook_id, "resume")
    assert "Webhook resumed." in said(admin.get(answer.headers["Location"]))
    house.deliver()
    assert "file_storage.file.uploaded" in listener.types()


@pytest.mark.parametrize(
    ("reason", "sentence"), [("dead", "nothing but failures for a day"), ("gone", "it is gone for good")]
)
def test_it_says_why_stowage_gave_up(house: House, admin: Visitor, reason: str, sentence: str) -> None:
    webhook_id = make(house)
    house.write(sa.update(webhooks).values(paused_reason=reason, paused_at=datetime.now(UTC)))
    assert sentence in said(admin.get(f"{WEBHOOKS}/{webhook_id}"))


def test_one_that_does_not_take_messages_is_told_before_it_is_paused(house: House, admin: Visitor) -> None:
    webhook_id = make(house)
    house.write(sa.update(webhooks).values(failures=7, failing_since=datetime.now(UTC) - timedelta(hours=3)))
    told = said(admin.get(f"{WEBHOOKS}/{webhook_id}"))
    assert "The last 7 attempts failed The first of them was 3 hours ago ." in told
    assert "Failing" in said(admin.get(WEBHOOKS))


def test_a_few_failures_have_a_milder_word(house: House, admin: Visitor) -> None:
    make(house)
    house.write(sa.update(webhooks).values(failures=4, failing_since=datetime.now(UTC)))
    told = said(admin.get(WEBHOOKS))
    assert "Some failures" in told
    assert "Failing" not in told


def test_another_secret_after_a_question(house: House, admin: Visitor) -> None:
    first = secret_of(create(admin))
    webhook_id = only(house)
    dialog = admin.get(f"{WEBHOOKS}/{webhook_id}/secret", headers=PART)
    assert dialog.text.startswith("<dialog")
    page = admin.open(f"{WEBHOOKS}/{webhook_id}/secret")
    answer = admin.send(page.form(action="/secret"))
    assert secret_of(answer) not in ("", first)
    assert "has a new secret" in said(answer)
    assert focused(answer) == ["secret-h"]


def test_it_goes_after_a_question(house: House, admin: Visitor) -> None:
    webhook_id, other = make(house), make(house, "https://other.invalid/")
    page = admin.open(f"{WEBHOOKS}/{webhook_id}/delete")
    assert f"Delete the webhook for “{HOST}”?" in page.text
    answer = admin.send(page.form(action="/delete"))
    assert f"Webhook for {HOST} deleted." in said(admin.get(answer.headers["Location"]))
    part = press(admin, other, "delete", PART)
    assert part.headers["HX-Push-Url"] == WEBHOOKS
    assert part.text.startswith("<title>Webhooks · ")
    assert focused(part) == ["webhooks-h"]
    assert house.count(Webhook) == 0


def test_every_cause_has_words() -> None:
    assert [cause for cause in CAUSES if not has(f"webhooks.causes.{cause}")] == []
    assert [reason for reason in REASONS if not has(f"webhooks.reasons.{reason}")] == []
    assert [state for state in STATES if not has(f"webhooks.states.{state}")] == []
