"""What was saved counts at once: whoever paused, changed or removed a webhook has not to wait for anybody."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from tests.services.lane import go_on, lane_of
from tests.support.app import House
from tests.support.hooks import Hook, due, made, sent, serving, tell
from webapp import db
from webapp.db import table
from webapp.models import Delivery, Subscriber, Webhook
from webapp.services.delivery import rows
from webapp.services.delivery.lanes import Lane, LeaseLostError
from webapp.services.webhooks import schedule, service
from webapp.services.webhooks.views import WebhookOut

UPLOADED, DELETED = "file_storage.file.uploaded", "file_storage.file.deleted"


@pytest.fixture(autouse=True)
def _nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the second after another process was asked."""
    monkeypatch.setattr(service, "LOOK_SECONDS", 3600.0)
    monkeypatch.setattr(service.WebhookService, "_changing", lambda self: db.transaction())


@pytest.fixture
def other() -> Iterator[Hook]:
    with serving() as hook:
        yield hook


def lane_for(house: House, webhook: WebhookOut) -> Lane:
    house.services.webhooks._looked = float("-inf")
    [target] = [each for each in house.services.webhooks.targets() if each.id == webhook.id]
    lane = lane_of(house, target)
    go_on(lane)
    return lane


def test_a_pause(hooks: House, hook: Hook) -> None:
    webhook = made(hooks, hook.url, UPLOADED)
    lane = lane_for(hooks, webhook)
    hooks.services.webhooks.pause(hooks.admin, webhook.id)
    hooks.upload()
    go_on(lane, 2)
    assert hook.messages == []
    assert sent(hooks, webhook) == []
    hooks.services.webhooks.resume(hooks.admin, webhook.id)
    with db.read() as connection:
        lane.target.refresh(connection)
    go_on(lane)
    assert hook.types() == [UPLOADED]


def test_a_pause_while_messages_are_ready(hooks: House, hook: Hook) -> None:
    webhook = made(hooks, hook.url, UPLOADED)
    lane = lane_for(hooks, webhook)

    def pause(_message: Any) -> int:
        with hooks.app.app_context():
            hooks.services.webhooks.pause(hooks.admin, webhook.id)
        return 200

    hook.answer = pause
    lane.target.concurrency = 1
    for _ in range(3):
        hooks.upload()
    go_on(lane, 2)
    assert len(hook.messages) == 1
    assert len(sent(hooks, webhook)) == 1


def test_a_removal(hooks: House, hook: Hook) -> None:
    webhook = made(hooks, hook.url, UPLOADED)
    lane = lane_for(hooks, webhook)
    hooks.services.webhooks.delete(hooks.admin, webhook.id)
    hooks.upload()
    with pytest.raises(LeaseLostError):
        go_on(lane)
    assert hook.messages == []
    assert hooks.count(Delivery) == 0


def test_a_removal_during_a_call_leaves_nothing(hooks: House, hook: Hook) -> None:
    webhook = made(hooks, hook.url, UPLOADED)
    lane = lane_for(hooks, webhook)

    def remove(_message: Any) -> int:
        with hooks.app.app_context():
            hooks.services.webhooks.delete(hooks.admin, webhook.id)
        return 500

    hook.answer = remove
    hooks.upload()
    with pytest.raises(LeaseLostError):
        go_on(lane)
    assert hooks.count(Delivery) == 0
    assert not hooks.query(sa.select(table(Subscriber).c.name).where(table(Subscriber).c.name.startswith("webhook:")))


def test_another_address(hooks: House, hook: Hook, other: Hook) -> None:
    webhook = made(hooks, hook.url, UPLOADED)
    lane = lane_for(hooks, webhook)
    hooks.services.webhooks.change(hooks.admin, webhook.id, {"url": other.url})
    hooks.upload()
    go_on(lane)
    assert hook.messages == []
    assert other.types() == [UPLOADED]


def test_another_secret(hooks: House, hook: Hook) -> None:
    webhook = made(hooks, hook.url, UPLOADED)
    lane = lane_for(hooks, webhook)
    secret = hooks.services.webhooks.rotate(hooks.admin, webhook.id)
    hooks.upload()
    go_on(lane)
    [message] = hook.messages
    assert message.is_signed_by(secret)


def test_other_types(hooks: House, hook: Hook) -> None:
    webhook = made(hooks, hook.url, DELETED)
    lane = lane_for(hooks, webhook)
    hooks.services.webhooks.change(hooks.admin, webhook.id, {"types": [UPLOADED]})
    file = hooks.upload()
    hooks.services.files.trash(hooks.uploader, file.id)
    go_on(lane)
    assert hook.types() == [UPLOADED]


def test_when_the_address_is_back_what_failed_is_sent_at_once(
    hooks: House, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "rest", lambda _failures: 0.0)
    webhook = made(hooks, hook.url, UPLOADED)
    lane = lane_for(hooks, webhook)
    hook.answer = 503
    for _ in range(schedule.RESTS_AFTER + 1):
        hooks.upload()
    go_on(lane)
    hours = {"due_at": datetime(2099, 1, 1, tzinfo=UTC)}
    hooks.write(sa.update(table(Delivery)).where(table(Delivery).c.state == "waiting").values(**hours))
    hook.answer = 200
    hooks.upload()
    go_on(lane)
    go_on(lane)
    assert {each.state for each in sent(hooks, webhook)} == {"delivered"}


def test_a_node_that_takes_over_knows_that_the_address_is_down(hooks: House, hook: Hook) -> None:
    webhook = made(hooks, hook.url, UPLOADED)
    [target] = hooks.services.webhooks.targets()
    assert target.width() == target.concurrency
    hooks.write(sa.update(table(Webhook)).values(failures=schedule.RESTS_AFTER))
    with db.read() as connection:
        target.refresh(connection)
    assert target.width() == 1
    assert webhook.failures == 0


def test_one_with_a_long_history_goes_in_parts(hooks: House, hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    """All rows in one transaction would keep everybody else from writing for so long."""
    monkeypatch.setattr(rows, "MOST_REMOVED", 3)
    webhook, kept = made(hooks, hook.url, UPLOADED), made(hooks, hook.url, UPLOADED)
    for _ in range(8):
        hooks.upload()
    hooks.services.webhooks._looked = float("-inf")
    tell(hooks)
    due(hooks)
    assert hooks.count(Delivery) == 16
    hooks.services.webhooks.delete(hooks.admin, webhook.id)
    assert hooks.count(Delivery) == 13
    hooks.services.upkeep.prune_deliveries()
    assert hooks.count(Delivery) == 8
    assert len(sent(hooks, kept)) == 8


def test_the_row_of_the_webhook_is_locked_before_all_others(hooks: House, hook: Hook) -> None:
    """As everybody does who changes it: else two that have one row each would wait for each other's."""
    webhook = made(hooks, hook.url, UPLOADED)
    lane = lane_for(hooks, webhook)
    hooks.upload()
    asked: list[str] = []
    sa.event.listen(db.db.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    go_on(lane)
    begun = next(index for index, each in enumerate(asked) if "INSERT INTO delivery " in each or "FROM lease" in each)
    assert "FROM webhook" in asked[begun - 1], asked[: begun + 1]
