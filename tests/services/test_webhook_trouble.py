"""What becomes of messages that do not get through: tried again, then parked; an address that is dead is left alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tests.services.lane import in_log
from tests.support.app import House
from tests.support.hooks import Hook, closed_port, due, made, sent, serving, tell
from webapp.contracts.events import Event, WebhookPaused
from webapp.db import table
from webapp.models import Delivery, Webhook
from webapp.services.webhooks import schedule
from webapp.services.webhooks import target as targeting
from webapp.services.webhooks.views import CAUSES, WebhookOut

UPLOADED, DELETED = "file_storage.file.uploaded", "file_storage.file.deleted"


@pytest.fixture
def restless(monkeypatch: pytest.MonkeyPatch) -> None:
    """No address is left alone; waits are over when the test says so."""
    monkeypatch.setattr(schedule, "rest", lambda _failures: 0.0)


def now(house: House, webhook: WebhookOut) -> WebhookOut:
    return house.services.webhooks.get(house.admin, webhook.id)


def set_row(house: House, **values: Any) -> None:
    """As if it had been so for long; with another place of the cursor of time, so that everybody looks again."""
    house.write(sa.update(table(Webhook)).values(**values))
    house.services.webhooks._looked = float("-inf")


@pytest.mark.parametrize(
    ("status", "cause"), [(400, "status"), (404, "status"), (500, "status"), (503, "status"), (302, "redirect")]
)
def test_every_answer_but_success_is_tried_again(hooks: House, hook: Hook, status: int, cause: str) -> None:
    webhook = made(hooks, hook.url, UPLOADED)
    hook.answer = status
    hook.headers["Location"] = hook.url
    hooks.upload()
    tell(hooks)
    [waiting] = sent(hooks, webhook)
    assert (waiting.state, waiting.attempts, waiting.code, waiting.cause) == ("waiting", 1, status, cause)
    assert waiting.due_at is not None
    assert 4 <= (waiting.due_at - waiting.created_at).total_seconds() <= 7
    found = now(hooks, webhook)
    assert (found.state, found.failures, found.failing_since is not None) == ("active", 1, True)
    hook.answer = 200
    due(hooks)
    tell(hooks)
    [delivered], tries = sent(hooks, webhook), hooks.services.webhooks.delivery(hooks.admin, webhook.id, waiting.id)[1]
    assert (delivered.state, delivered.attempts, delivered.code, delivered.cause) == ("delivered", 2, 200, None)
    assert [(each.number, each.code, each.cause) for each in tries] == [(1, status, cause), (2, 200, None)]
    assert len({message.headers["webhook-id"] for message in hook.messages}) == 1
    found = now(hooks, webhook)
    assert (found.failures, found.failing_since) == (0, None)


def test_a_redirect_is_not_followed(hooks: House, hook: Hook) -> None:
    with serving() as other:
        made(hooks, hook.url, UPLOADED)
        hook.answer, hook.headers["Location"] = 307, other.url
        hooks.upload()
        tell(hooks)
    assert len(hook.messages) == 1
    assert other.messages == []


def test_an_address_that_nobody_answers_at(hooks: House) -> None:
    webhook = made(hooks, f"http://127.0.0.1:{closed_port()}/", UPLOADED)
    hooks.upload()
    tell(hooks)
    [waiting] = sent(hooks, webhook)
    assert (waiting.code, waiting.cause) == (None, "refused")
    assert waiting.cause in CAUSES


def test_a_message_is_parked_after_its_day(hooks: House, hook: Hook, restless: None) -> None:
    webhook = made(hooks, hook.url, UPLOADED)
    hook.answer = 500
    hooks.upload()
    first = datetime.now(UTC)
    deliveries = table(Delivery)
    for wait in (0.0, *schedule.WAITS):
        first -= timedelta(seconds=wait)
        hooks.write(sa.update(deliveries).values(first_tried_at=first, due_at=datetime.now(UTC)))
        tell(hooks)
    [parked] = sent(hooks, webhook)
    assert (parked.state, parked.attempts, parked.due_at) == ("parked", len(schedule.WAITS) + 1, None)
    assert parked.replayable
    assert schedule.DEAD_AFTER < timedelta(seconds=sum(schedule.WAITS)) < timedelta(hours=26)
    hook.answer = 200
    due(hooks)
    tell(hooks)
    assert sent(hooks, webhook)[0].state == "parked"


def test_later_events_of_a_file_wait_for_the_one_that_failed(hooks: House, hook: Hook) -> None:
    webhook = made(hooks, hook.url, "file_storage.file.*")
    hook.answer = lambda message: 500 if message.type == UPLOADED else 200
    file, other = hooks.upload(), hooks.upload()
    tell(hooks)
    hooks.services.files.trash(hooks.uploader, file.id)
    tell(hooks)
    assert hook.types() == [UPLOADED, UPLOADED]
    hook.answer = 200
    due(hooks)
    for _ in range(3):
        tell(hooks)
    own = [message.type for message in hook.messages if message.event["subject"] == str(file.id)]
    assert own == [UPLOADED, UPLOADED, DELETED]
    assert {each.state for each in sent(hooks, webhook)} == {"delivered"}
    assert other.id


# --- pausing ------------------------------------------------------------------------


def test_a_paused_webhook_is_told_later(hooks: House, hook: Hook) -> None:
    webhook = made(hooks, hook.url, UPLOADED)
    paused = hooks.services.webhooks.pause(hooks.admin, webhook.id)
    assert (paused.state, paused.paused_reason, paused.paused_at is not None) == ("paused", "manual", True)
    hooks.upload()
    tell(hooks)
    assert hook.messages == []
    resumed = hooks.services.webhooks.resume(hooks.admin, webhook.id)
    assert (resumed.state, resumed.paused_reason, resumed.paused_at) == ("active", None, None)
    tell(hooks)
    assert hook.types() == [UPLOADED]


def test_an_address_that_is_gone_is_paused_at_once_and_nothing_is_lost(
    hooks: House, hook: Hook, heard: list[Event]
) -> None:
    webhook = made(hooks, hook.url, UPLOADED)
    hook.answer = 410
    hooks.upload()
    tell(hooks)
    hooks.upload()
    tell(hooks)
    found = now(hooks, webhook)
    assert len(hook.messages) == 1
    assert (found.state, found.paused_reason) == ("paused", "gone")
    told = [each for each in heard if isinstance(each, WebhookPaused)]
    assert [(each.webhook_id, each.reason, each.actor_id) for each in told] == [(str(webhook.id), "gone", None)]
    hook.answer = 200
    hooks.services.webhooks.resume(hooks.admin, webhook.id)
    tell(hooks)
    assert [each.state for each in sent(hooks, webhook)] == ["delivered", "delivered"]
    assert len(hook.messages) == 3


def test_an_address_that_failed_for_a_day_is_paused(
    hooks: House, hook: Hook, restless: None, heard: list[Event]
) -> None:
    webhook = made(hooks, hook.url, UPLOADED)
    hook.answer = 500
    hooks.upload()
    tell(hooks)
    set_row(hooks, failing_since=datetime.now(UTC) - timedelta(hours=25), failures=8)
    due(hooks)
    tell(hooks)
    assert now(hooks, webhook).state == "active"  # it has been long, but they are too few
    set_row(hooks, failing_since=datetime.now(UTC) - timedelta(hours=23), failures=500)
    due(hooks)
    tell(hooks)
    assert now(hooks, webhook).state == "active"  # they are many, but it has not been long
    set_row(hooks, failing_since=datetime.now(UTC) - timedelta(hours=25))
    due(hooks)
    tell(hooks)
    found = now(hooks, webhook)
    assert (found.state, found.paused_reason) == ("paused", "dead")
    assert [each.reason for each in heard if isinstance(each, WebhookPaused)] == ["dead"]
    hook.answer = 204
    hook.messages.clear()
    hooks.services.webhooks.resume(hooks.admin, webhook.id)
    tell(hooks)
    assert hook.types() == [UPLOADED]


def test_a_success_ends_the_day(hooks: House, hook: Hook, restless: None) -> None:
    webhook = made(hooks, hook.url, UPLOADED)
    set_row(hooks, failing_since=datetime.now(UTC) - timedelta(hours=25), failures=500)
    hooks.upload()
    tell(hooks)
    found = now(hooks, webhook)
    assert (found.state, found.failures, found.failing_since) == ("active", 0, None)


# --- leaving an address alone ---------------------------------------------------------


def test_after_failures_in_a_row_it_is_left_alone_and_then_tried_one_by_one(hooks: House, hook: Hook) -> None:
    webhook = made(hooks, hook.url, UPLOADED)
    hook.answer = 503
    for _ in range(30):
        hooks.upload()
    tell(hooks)
    [target] = hooks.services.webhooks.targets()
    assert len(hook.messages) <= schedule.RESTS_AFTER + target.concurrency
    assert target.width() == 0
    target._rests_until = 0.0
    assert target.width() == 1
    assert now(hooks, webhook).failures == len(hook.messages)
    hook.answer = 200
    due(hooks)
    tell(hooks)
    assert target.width() == target.concurrency
    assert not sent(hooks, webhook, "waiting")
    assert len(sent(hooks, webhook, "delivered")) == 30


@pytest.mark.parametrize("way", ["resume", "replay", "test", "change"])
def test_somebody_who_looks_after_it_ends_the_rest(hooks: House, hook: Hook, way: str) -> None:
    webhook, service = made(hooks, hook.url, UPLOADED), hooks.services.webhooks
    hook.answer = 503
    for _ in range(6):
        hooks.upload()
    tell(hooks)
    [target] = service.targets()
    assert target.width() == 0
    hook.answer = 200
    if way == "replay":
        service.replay(hooks.admin, webhook.id, sent(hooks, webhook)[0].id)
    elif way == "change":
        service.change(hooks.admin, webhook.id, {"url": hook.url + "/other"})
    else:
        getattr(service, way)(hooks.admin, webhook.id)
    service.targets()
    assert target.width() == target.concurrency


@pytest.mark.parametrize("status", [429, 503])
def test_a_pause_that_the_other_side_asks_for_is_kept(hooks: House, hook: Hook, status: int) -> None:
    webhook = made(hooks, hook.url, UPLOADED)
    hook.answer, hook.headers["Retry-After"] = status, "120"
    hooks.upload()
    tell(hooks)
    hooks.upload()
    tell(hooks)
    [waiting] = sent(hooks, webhook)
    assert waiting.due_at is not None
    assert 119 <= (waiting.due_at - waiting.created_at).total_seconds() <= 125
    assert len(hook.messages) == 1
    assert hooks.services.webhooks.targets()[0].width() == 0


def test_an_address_that_is_gone_is_asked_again_where_nobody_wrote_that_down(
    hooks: House, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease was lost meanwhile, say, or the answer came when the call had been given up."""
    made(hooks, hook.url, UPLOADED)
    hooks.upload()
    with hooks.app.app_context():
        [target] = hooks.services.webhooks.targets()
        hook.answer = 410
        assert target.call("", in_log(0, ["FileUploaded"])[0], 1).cause == "gone"
        assert target.width() == 0
        monkeypatch.setattr(targeting, "GONE_SECONDS", 0.0)
        monkeypatch.setattr(schedule, "rest", lambda _failures: 0.0)
        target.call("", in_log(0, ["FileUploaded"])[0], 1)
        assert target.width() > 0
