"""Webhooks are told of what was committed, in messages that are signed and of one shape."""

import time
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from tests.support.app import House
from tests.support.hooks import Hook, serving
from webapp.contracts.events import Event, FileUploaded, WebhookCreated
from webapp.db import table
from webapp.models import Delivery, DeliveryAttempt, Subscriber, Webhook
from webapp.services.webhooks.views import WebhookIn, WebhookOut

UPLOADED, DELETED = "file_storage.file.uploaded", "file_storage.file.deleted"


def made(house: House, url: str, *types: str, **more: Any) -> tuple[WebhookOut, str]:
    return house.services.webhooks.create(house.admin, WebhookIn(url=url, types=list(types), **more))


def test_an_event_comes_as_a_signed_cloud_event(hooks: House, hook: Hook, heard: list[Event]) -> None:
    webhook, secret = made(hooks, hook.url + "?token=abc", UPLOADED)
    file = hooks.upload(name="ä.txt")
    hooks.deliver()
    [message] = hook.messages
    event = next(each for each in heard if isinstance(each, FileUploaded))
    assert message.path == "/hook?token=abc"
    assert message.headers["content-type"] == "application/cloudevents+json"
    assert message.headers["webhook-id"] == str(event.event_id)
    assert abs(int(message.headers["webhook-timestamp"]) - time.time()) < 30
    assert message.is_signed_by(secret)
    found = message.event
    assert UUID(found.pop("source").removeprefix("urn:uuid:"))
    assert datetime.fromisoformat(found.pop("time")) == event.occurred_at
    assert int(found.pop("sequence")) > 0
    assert found.pop("data") == {
        "file_id": str(file.id),
        "key": file.key,
        "filename": "ä.txt",
        "content_type": file.content_type,
        "size_bytes": 5,
        "backend": "filesystem",
        "checksum_sha256": file.checksum_sha256,
        "uploaded_by": str(hooks.uploader.user_id),
        "actor_id": str(hooks.uploader.user_id),
        "actor_name": "uploader",
    }
    assert found == {
        "specversion": "1.0",
        "id": str(event.event_id),
        "type": UPLOADED,
        "subject": str(file.id),
        "datacontenttype": "application/json",
    }
    assert hooks.services.webhooks.get(hooks.admin, webhook.id).failures == 0


def test_only_what_happens_after_it_was_made_and_only_once(hooks: House, hook: Hook) -> None:
    hooks.upload()
    made(hooks, hook.url)
    hooks.deliver()
    hooks.deliver()
    assert hook.types() == ["admin.webhook.created"]


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ([], [UPLOADED, DELETED]),
        (["*"], [UPLOADED, DELETED]),
        ([UPLOADED, "*"], [UPLOADED, DELETED]),
        (["FileDeleted"], [DELETED]),
        ([UPLOADED, "FileUploaded"], [UPLOADED]),
        (["file_storage.file.*"], [UPLOADED, DELETED]),
        (["file_storage.*"], [UPLOADED, DELETED]),
        (["account.user.*", "SettingsChanged"], []),
    ],
)
def test_types_choose_the_events(hooks: House, hook: Hook, types: list[str], expected: list[str]) -> None:
    made(hooks, hook.url, *types)
    file = hooks.upload()
    hooks.services.files.trash(hooks.uploader, file.id)
    hooks.deliver()
    assert [each for each in hook.types() if each != "admin.webhook.created"] == expected


def test_types_are_kept_as_topics_and_can_be_changed(hooks: House, hook: Hook) -> None:
    webhook, _ = made(hooks, hook.url, "FileUploaded", "account.user.*", UPLOADED)
    assert webhook.types == [UPLOADED, "account.user.*"]
    hooks.services.webhooks.change(hooks.admin, webhook.id, {"types": [DELETED]})
    file = hooks.upload()
    hooks.services.files.trash(hooks.uploader, file.id)
    hooks.deliver()
    assert hook.types() == [DELETED]


def test_events_of_a_file_come_in_their_order(hooks: House, hook: Hook) -> None:
    made(hooks, hook.url, "file_storage.file.*")
    files = [hooks.upload() for _ in range(12)]
    for file in files:
        hooks.services.files.rename(hooks.uploader, file.id, "other.bin")
        hooks.services.files.trash(hooks.uploader, file.id)
    hooks.deliver()
    for file in files:
        own = [message.type for message in hook.messages if message.event["subject"] == str(file.id)]
        assert own == [f"file_storage.file.{what}" for what in ("uploaded", "renamed", "deleted")]


def test_several_webhooks_are_told_and_one_that_fails_delays_nobody(hooks: House, hook: Hook) -> None:
    with serving(500) as broken:
        made(hooks, broken.url)
        made(hooks, hook.url, UPLOADED)
        hooks.upload()
        hooks.deliver()
    assert broken.messages
    assert hook.types() == [UPLOADED]


def test_a_secret_can_be_given_and_is_kept_sealed(hooks: House, hook: Hook) -> None:
    given = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    webhook, secret = made(hooks, hook.url, UPLOADED, secret=given)
    assert secret == given
    [row] = hooks.query(sa.select(table(Webhook)))
    assert given not in str(row)
    assert "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" not in str(row)
    assert given not in str(hooks.services.webhooks.get(hooks.admin, webhook.id))
    hooks.upload()
    hooks.deliver()
    assert hook.messages[0].is_signed_by(given)


def test_each_generated_secret_is_another_one(hooks: House, hook: Hook) -> None:
    secrets = {made(hooks, hook.url)[1] for _ in range(3)}
    assert len(secrets) == 3
    assert all(secret.startswith("whsec_") and len(secret) == 50 for secret in secrets)


def test_after_a_change_messages_are_signed_with_both_secrets_for_a_day(
    hooks: House, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook, old = made(hooks, hook.url, UPLOADED)
    new = hooks.services.webhooks.rotate(hooks.admin, webhook.id)
    assert new != old
    hooks.upload()
    hooks.deliver()
    assert hook.messages[0].is_signed_by(new)
    assert hook.messages[0].is_signed_by(old)
    third = hooks.services.webhooks.rotate(hooks.admin, webhook.id, "whsec_" + "A" * 32)
    monkeypatch.setattr("webapp.services.webhooks.signing.BOTH_COUNT", timedelta(days=-1))
    last = hooks.services.webhooks.rotate(hooks.admin, webhook.id)
    hooks.upload()
    hooks.deliver()
    assert hook.messages[1].is_signed_by(last)
    assert not hook.messages[1].is_signed_by(third)


def test_what_is_known_of_a_webhook_is_shown_without_its_secret(hooks: House, hook: Hook) -> None:
    webhook, secret = made(hooks, hook.url, UPLOADED, description=" Search ")
    assert (webhook.url, webhook.host, webhook.description) == (hook.url, f"127.0.0.1:{hook.port}", "Search")
    assert (webhook.state, webhook.paused_reason, webhook.failures) == ("active", None, 0)
    assert [each.id for each in hooks.services.webhooks.list(hooks.admin)] == [webhook.id]
    assert secret not in str(hooks.services.webhooks.list(hooks.admin))


def test_making_one_is_an_event_that_names_the_host_only(hooks: House, hook: Hook, heard: list[Event]) -> None:
    webhook, _ = made(hooks, hook.url + "?token=abc")
    hooks.services.webhooks.change(hooks.admin, webhook.id, {"url": hook.url + "?token=def", "description": ""})
    hooks.services.webhooks.rotate(hooks.admin, webhook.id)
    hooks.services.webhooks.pause(hooks.admin, webhook.id)
    hooks.services.webhooks.pause(hooks.admin, webhook.id)
    hooks.services.webhooks.resume(hooks.admin, webhook.id)
    hooks.services.webhooks.delete(hooks.admin, webhook.id)
    told = [(type(each).__name__, getattr(each, "names", None)) for each in heard]
    assert told == [
        ("WebhookCreated", None),
        ("WebhookChanged", ("url",)),
        ("WebhookChanged", ("secret",)),
        ("WebhookChanged", ("active",)),
        ("WebhookChanged", ("active",)),
        ("WebhookDeleted", None),
    ]
    assert all(each.actor_name == "admin" for each in heard)
    assert isinstance(heard[0], WebhookCreated)
    assert heard[0].host == f"127.0.0.1:{hook.port}"
    assert not [each for each in heard if "token" in str(each)]


def test_a_deleted_webhook_is_told_nothing_more_and_leaves_nothing(hooks: House, hook: Hook) -> None:
    webhook, _ = made(hooks, hook.url)
    hooks.deliver()
    hook.messages.clear()
    hooks.services.webhooks.delete(hooks.admin, webhook.id)
    hooks.upload()
    hooks.deliver()
    assert hook.messages == []
    assert hooks.services.webhooks.targets() == []
    for model in (Webhook, Delivery, DeliveryAttempt):
        assert hooks.count(model) == 0
    assert not [name for (name,) in hooks.query(sa.select(table(Subscriber).c.name)) if name.startswith("webhook:")]


def test_resealing_covers_webhooks(hooks: House, hook: Hook) -> None:
    webhook, secret = made(hooks, hook.url, UPLOADED)
    rows = table(Webhook)
    before = hooks.query(sa.select(rows.c.sealed))[0][0]
    assert hooks.services.settings.reseal() == 1
    assert hooks.query(sa.select(rows.c.sealed))[0][0] != before
    hooks.upload()
    hooks.deliver()
    assert hook.messages[0].is_signed_by(secret)
    hooks.write(sa.update(rows).values(sealed="nothing that a key opens"))
    hooks.services.webhooks.pause(hooks.admin, webhook.id)
    hooks.services.webhooks.resume(hooks.admin, webhook.id)
    result = hooks.services.webhooks.test(hooks.admin, webhook.id)
    assert (result.ok, result.cause, result.code) == (False, "secret", None)
    anew = hooks.services.webhooks.rotate(hooks.admin, webhook.id)
    assert hooks.services.webhooks.test(hooks.admin, webhook.id).ok
    assert hook.messages[-1].is_signed_by(anew)
