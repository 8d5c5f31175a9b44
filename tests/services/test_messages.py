"""Events as JSON: the shape of CloudEvents 1.0, with nothing missing and nothing empty."""

import re
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import orjson
import pytest
import sqlalchemy as sa

from tests.support.app import House
from webapp.contracts.events import EVENT_TYPES
from webapp.db import table
from webapp.models import User
from webapp.services.delivery import message
from webapp.services.delivery.targets import Logged

ATTRIBUTES = ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "sequence", "data"]


def logged(**values: Any) -> Logged:
    usual: dict[str, Any] = {
        "seq": 7,
        "position": 9,
        "event_id": uuid4(),
        "name": "FileUploaded",
        "occurred_at": datetime.now(UTC),
        "actor_id": None,
        "actor_name": None,
        "request_id": None,
        "subject_id": "subject",
        "payload": {"key": "k"},
    }
    return Logged(**{**usual, **values})


def test_a_whole_event(inside: House) -> None:
    event = logged()
    found = message.as_json(event)
    assert list(found) == ATTRIBUTES
    assert (found["specversion"], found["id"]) == ("1.0", str(event.event_id))
    assert found["sequence"] == "0000000000000000009"
    assert found["data"] == {"key": "k", "actor_id": None, "actor_name": None}
    assert re.fullmatch(rb'.*"time":"2[0-9T:.-]+Z".*', orjson.dumps(found, option=orjson.OPT_UTC_Z))


def test_attributes_without_a_value_are_left_out(inside: House) -> None:
    assert set(ATTRIBUTES) - set(message.as_json(logged(subject_id=None, position=0))) == {"subject", "sequence"}


def test_sequences_sort_as_texts(inside: House) -> None:
    places = [1, 9, 10, 99, 10**12, 2**63 - 1]
    assert [message.as_json(logged(position=each))["sequence"] for each in places] == sorted(
        message.as_json(logged(position=each))["sequence"] for each in reversed(places)
    )


def test_the_source_is_one_for_an_installation_whatever_changes(inside: House) -> None:
    source = message.source()
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", source)
    users = table(User)
    inside.services.users.create("somebody", "a long password", "admin")
    inside.services.users.delete(inside.stranger.user_id)
    del message.db.db.engine.stowage_source
    assert message.source() == source
    del message.db.db.engine.stowage_source
    inside.write(sa.delete(users))
    assert message.source() == "urn:stowage"
    assert not hasattr(message.db.db.engine, "stowage_source")


def test_each_kind_of_event_has_its_topic_and_no_name_is_taken_for_another() -> None:
    assert {message.topic_of(each.__name__) for each in EVENT_TYPES} == {each.topic for each in EVENT_TYPES}
    assert message.topic_of("WebhookTest") == "stowage.webhook.test"
    assert message.topic_of("SomethingOld") == "unknown.SomethingOld"


@pytest.mark.parametrize(
    "wrong", ["", "file_storage", "file_storage.file", "file_storage.fil*", ".*", "nothing.*", "**"]
)
def test_types_that_are_none_are_told_of(wrong: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 (its text is looked at below)
        message.canonical(["FileUploaded", wrong])
    assert refused.value.args == (wrong,)


def test_types_are_read_in_three_ways() -> None:
    assert message.canonical(["FileUploaded", "file_storage.file.uploaded", "account.*"]) == [
        "file_storage.file.uploaded",
        "account.*",
    ]
    assert message.canonical([]) == message.canonical(["FileUploaded", "*"]) == []
    assert message.names_of([]) is None
    assert message.names_of(["file_storage.file.uploaded", "account.session.*"]) == {"FileUploaded", "SignedIn"}
    assert message.names_of(["of.another.version"]) == frozenset()
