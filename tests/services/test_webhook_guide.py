"""What docs/webhooks.md prints for people to copy works, and what it lists is what there is."""

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.app import House
from tests.support.hooks import Hook
from tests.support.markdown import DOCS, block
from webapp.services.webhooks import schedule, signing
from webapp.services.webhooks.signing import Secrets
from webapp.services.webhooks.views import CAUSES, REASONS, STATES, WebhookIn

GUIDE = (DOCS / "webhooks.md").read_text(encoding="utf-8")
Check = Callable[[str, dict[str, str], bytes], bool]


@pytest.fixture
def is_genuine() -> Check:
    found: dict[str, Any] = {}
    exec(block("webhooks.md", "python"), found)
    return found["is_genuine"]  # type: ignore[no-any-return]


def test_the_function_believes_what_we_send_and_nothing_else(hooks: House, hook: Hook, is_genuine: Check) -> None:
    webhook, secret = hooks.services.webhooks.create(hooks.admin, WebhookIn(url=hook.url))
    hooks.services.webhooks.test(hooks.admin, webhook.id)
    [message] = hook.messages
    headers = dict(message.headers)
    assert is_genuine(secret, headers, message.body)
    assert not is_genuine(secret, headers, message.body + b" ")
    assert not is_genuine(signing.new_secret(), headers, message.body)
    assert not is_genuine(secret, {**headers, "webhook-id": "other"}, message.body)
    assert not is_genuine(secret, {**headers, "webhook-timestamp": str(int(time.time()) + 1)}, message.body)
    assert not is_genuine(secret, {**headers, "webhook-signature": "v1,"}, message.body)
    hooks.services.webhooks.rotate(hooks.admin, webhook.id)
    hooks.services.webhooks.test(hooks.admin, webhook.id)
    assert is_genuine(secret, dict(hook.messages[-1].headers), hook.messages[-1].body)


def test_the_function_refuses_what_is_old(is_genuine: Check) -> None:
    secret, then = signing.new_secret(), datetime.now(UTC) - timedelta(minutes=6)
    assert not is_genuine(secret, dict(signing.headers(Secrets(current=secret), "id", then, b"{}")), b"{}")


def test_the_message_that_is_shown_is_like_one_that_comes(hooks: House, hook: Hook) -> None:
    hooks.services.webhooks.create(hooks.admin, WebhookIn(url=hook.url, types=["FileUploaded"]))
    hooks.upload()
    hooks.deliver()
    shown, came = json.loads(block("webhooks.md", "json")), hook.messages[0].event
    assert list(shown) == list(came)
    assert list(shown["data"]) == list(came["data"])
    assert {type(value) for value in shown.values()} == {type(value) for value in came.values()}
    assert [len(str(value)) for value in (shown["id"], shown["source"], shown["sequence"])] == [
        len(str(value)) for value in (came["id"], came["source"], came["sequence"])
    ]
    for header in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        assert f"    {header}: " in GUIDE
        assert header in hook.messages[0].headers


def test_causes_states_and_reasons_are_listed() -> None:
    listed = re.findall(
        r"^\| (`\w+`(?: · `\w+`)*) \|", GUIDE.partition("| cause |")[2].partition("\n\n")[0], re.MULTILINE
    )
    assert {name for line in listed for name in re.findall(r"\w+", line)} == set(CAUSES)
    for word in (*STATES, *REASONS):
        assert word == "manual" or f"`{word}`" in GUIDE


def test_the_waits_are_those_of_the_schedule() -> None:
    seconds = {"s": 1, "min": 60, "h": 3600}
    sentence = re.search(r"sent again after (.*?), each wait", GUIDE)
    assert sentence is not None
    found = [int(number) * seconds[unit] for number, unit in re.findall(r"(\d+) (s|min|h)\b", sentence[1])]
    assert found == list(schedule.WAITS)


def test_all_routes_are_listed(hooks: House) -> None:
    listed = GUIDE.replace("`…/resume`", "`/api/webhooks/{id}/resume`")
    for rule in hooks.app.url_map.iter_rules():
        if rule.rule.startswith("/api/webhooks"):
            path = re.sub(r"<uuid:\w+>", "{id}", rule.rule)
            assert path in listed, path
