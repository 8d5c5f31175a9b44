"""What was sent can be looked at and sent again; tests are sent at once."""

import time
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from tests.support.app import House
from tests.support.hooks import Hook, Message, due, made, sent, tell
from webapp.db import table
from webapp.models import Delivery
from webapp.services.errors import ConflictError, NotFoundError, RateLimitedError
from webapp.services.webhooks.views import DeliveryOut

UPLOADED, DELETED = "file_storage.file.uploaded", "file_storage.file.deleted"


def test_a_delivery_is_sent_again_when_asked_for(hooks: House, hook: Hook) -> None:
    webhook, service = made(hooks, hook.url, UPLOADED), hooks.services.webhooks
    hooks.upload()
    tell(hooks)
    [delivered] = sent(hooks, webhook)
    again = service.replay(hooks.admin, webhook.id, delivered.id)
    assert (again.state, again.finished_at) == ("waiting", None)
    tell(hooks)
    [found] = sent(hooks, webhook)
    assert (found.id, found.state, found.attempts) == (delivered.id, "delivered", 2)
    assert [message.headers["webhook-id"] for message in hook.messages] == [str(delivered.event_id)] * 2


def test_a_parked_delivery_has_its_day_again(hooks: House, hook: Hook) -> None:
    webhook, service = made(hooks, hook.url, UPLOADED), hooks.services.webhooks
    hooks.upload()
    tell(hooks)
    [delivery] = sent(hooks, webhook)
    longago = datetime.now(UTC) - timedelta(days=3)
    rows = table(Delivery)
    hooks.write(sa.update(rows).values(state="parked", attempts=11, due_at=None, first_tried_at=longago))
    hook.answer = 500
    service.replay(hooks.admin, webhook.id, delivery.id)
    tell(hooks)
    [found] = sent(hooks, webhook)
    assert (found.state, found.attempts) == ("waiting", 12)


def test_a_delivery_whose_event_is_gone_cannot_be_sent_again(hooks: House, hook: Hook) -> None:
    webhook, service = made(hooks, hook.url, UPLOADED), hooks.services.webhooks
    hooks.upload()
    tell(hooks)
    [delivery] = sent(hooks, webhook)
    hooks.write(sa.text("DELETE FROM event"))
    assert not sent(hooks, webhook)[0].replayable
    with pytest.raises(ConflictError):
        service.replay(hooks.admin, webhook.id, delivery.id)


def test_a_test_is_sent_at_once_and_kept(hooks: House, hook: Hook) -> None:
    webhook, service = made(hooks, hook.url, UPLOADED), hooks.services.webhooks
    result = service.test(hooks.admin, webhook.id)
    assert (result.ok, result.code, result.cause) == (True, 204, None)
    [message] = hook.messages
    assert (message.type, message.event["subject"]) == ("stowage.webhook.test", str(webhook.id))
    assert "sequence" not in message.event
    [kept] = sent(hooks, webhook)
    assert (kept.id, kept.name, kept.state, kept.attempts) == (result.delivery_id, "WebhookTest", "delivered", 1)
    hook.answer = 500
    failed = service.test(hooks.admin, webhook.id)
    assert (failed.ok, failed.code, failed.cause) == (False, 500, "status")
    assert [each.state for each in sent(hooks, webhook)] == ["failed", "delivered"]
    assert sent(hooks, webhook, "waiting") == []
    with pytest.raises(ConflictError):
        service.replay(hooks.admin, webhook.id, kept.id)
    hook.messages.clear()
    due(hooks)
    tell(hooks)
    assert hook.messages == []


def test_what_waits_is_due_at_once_when_a_test_gets_through(hooks: House, hook: Hook) -> None:
    webhook, service = made(hooks, hook.url, UPLOADED), hooks.services.webhooks
    hook.answer = 500
    hooks.upload()
    tell(hooks)
    service.test(hooks.admin, webhook.id)
    [waits] = sent(hooks, webhook, "waiting")
    assert waits.due_at is not None
    assert waits.due_at > datetime.now(UTC)
    hook.answer = 204
    service.test(hooks.admin, webhook.id)
    [waits] = sent(hooks, webhook, "waiting")
    assert waits.due_at is not None
    assert waits.due_at <= datetime.now(UTC)
    tell(hooks)
    assert hook.types().count(UPLOADED) == 2


def test_a_delivery_says_what_it_is_about(hooks: House, hook: Hook) -> None:
    webhook, service = made(hooks, hook.url), hooks.services.webhooks
    hooks.upload(name="photo.jpg")
    made(hooks, "https://other.invalid/")
    service.test(hooks.admin, webhook.id)
    tell(hooks)
    about = {(each.name, each.about) for each in sent(hooks, webhook)}
    assert {("FileUploaded", "photo.jpg"), ("WebhookCreated", "other.invalid"), ("WebhookTest", None)} <= about
    hooks.write(sa.text("DELETE FROM event"))
    assert {each.about for each in sent(hooks, webhook)} == {None}


def test_later_ones_of_a_file_are_behind_the_first_that_waits(hooks: House, hook: Hook) -> None:
    webhook = made(hooks, hook.url, UPLOADED, DELETED)
    hook.answer = 500
    file = hooks.upload()
    hooks.services.files.trash(hooks.uploader, file.id)
    hooks.upload()
    tell(hooks)
    behind = [(each.topic, each.behind) for each in sent(hooks, webhook)]
    assert sorted(behind) == [(DELETED, True), (UPLOADED, False), (UPLOADED, False)]
    hook.answer = 204
    due(hooks)
    tell(hooks)
    assert not any(each.behind for each in sent(hooks, webhook))


def test_a_list_takes_as_many_queries_as_one_delivery(hooks: House, hook: Hook) -> None:
    webhook = made(hooks, hook.url, UPLOADED)
    counted = []
    for _ in range(2):
        hooks.upload()
        tell(hooks)
        statements: list[str] = []

        def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
            statements.append(statement)  # noqa: B023 (removed before the next one is made)

        sa.event.listen(sa.Engine, "before_cursor_execute", note)
        try:
            assert len(sent(hooks, webhook)) == len(counted) + 1
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", note)
        counted.append(len(statements))
    assert counted[0] == counted[1]


def test_a_test_goes_to_a_paused_webhook_too(hooks: House, hook: Hook) -> None:
    webhook, service = made(hooks, hook.url, UPLOADED), hooks.services.webhooks
    service.pause(hooks.admin, webhook.id)
    assert service.test(hooks.admin, webhook.id).ok
    assert hooks.services.webhooks.get(hooks.admin, webhook.id).state == "paused"


def test_not_all_threads_of_the_server_can_be_tied_up_by_tests(hooks: House, hook: Hook) -> None:
    webhook, service = made(hooks, hook.url, UPLOADED), hooks.services.webhooks
    hook.answer = slowly
    calls = [lambda: service.test(hooks.admin, webhook.id) for _ in range(6)]
    results = hooks.together(*calls)
    assert sum(isinstance(result, RateLimitedError) for result in results) == 2
    assert service.test(hooks.admin, webhook.id).ok


def slowly(_message: Message) -> int:
    time.sleep(1)
    return 204


def test_deliveries_are_listed_newest_first_in_pages(hooks: House, hook: Hook) -> None:
    webhook, service = made(hooks, hook.url, UPLOADED), hooks.services.webhooks
    files = [hooks.upload() for _ in range(5)]
    tell(hooks)
    seen: list[DeliveryOut] = []
    before = None
    for size in (2, 2, 1):
        page = service.deliveries(hooks.admin, webhook.id, before=before, limit=2)
        assert len(page.items) == size
        seen += page.items
        before = page.older
    assert before is None
    assert {each.subject_id for each in seen} == {str(file.id) for file in files}
    assert [each.created_at for each in seen] == sorted((each.created_at for each in seen), reverse=True)


def test_deliveries_of_another_webhook_are_not_found(hooks: House, hook: Hook) -> None:
    webhook, other = made(hooks, hook.url, UPLOADED), made(hooks, hook.url, DELETED)
    service = hooks.services.webhooks
    delivery_id = service.test(hooks.admin, webhook.id).delivery_id
    assert sent(hooks, other) == []
    for call in (service.delivery, service.replay):
        with pytest.raises(NotFoundError):
            call(hooks.admin, other.id, delivery_id)
