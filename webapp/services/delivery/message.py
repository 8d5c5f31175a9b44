"""An event as JSON, wherever it leaves Stowage: CloudEvents 1.0, in structured mode.

Webhooks send it and ``GET /api/events`` lists it, so that whoever reads one reads the other.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid5

import sqlalchemy as sa

from webapp import db
from webapp.contracts.events import EVENT_TYPES
from webapp.db import table
from webapp.models import User
from webapp.services.delivery.targets import Logged

TEST_NAME = "WebhookTest"
TEST_TOPIC = "stowage.webhook.test"

TOPICS: dict[str, str] = {event_type.__name__: event_type.topic for event_type in EVENT_TYPES}
"""Name of the class to topic."""
_NAMES = {topic: name for name, topic in TOPICS.items()}
_INSTALLATIONS = UUID("8f0f3f7e-2f0f-5d0e-9c55-6d5e0c2a7d11")

_users = table(User)


def as_json(logged: Logged) -> dict[str, Any]:
    """The event as a CloudEvent. Its keys are in the order of the specification; unset ones are left out."""
    found: dict[str, Any] = {
        "specversion": "1.0",
        "id": str(logged.event_id),
        "source": source(),
        "type": topic_of(logged.name),
        "subject": logged.subject_id,
        "time": logged.occurred_at,
        "datacontenttype": "application/json",
        # The "sequence" extension of CloudEvents wants texts that sort as the events do.
        "sequence": f"{logged.position:019d}" if logged.position else None,
        "data": {**logged.payload, "actor_id": logged.actor_id, "actor_name": logged.actor_name},
    }
    return {name: value for name, value in found.items() if value is not None}


def topic_of(name: str) -> str:
    """The topic of an event class; classes that are not there any more have one that cannot be mistaken."""
    return TEST_TOPIC if name == TEST_NAME else TOPICS.get(name, f"unknown.{name}")


def canonical(types: Iterable[str]) -> list[str]:
    """Topics and families (``file_storage.file.*``) for topics, class names and families; empty: all events.

    Raises:
        ValueError: one of them is none; it is the text of the error.
    """
    found: dict[str, None] = {}
    everything = False
    for each in types:
        topic = TOPICS.get(each, each)
        if topic == "*":
            everything = True
        elif topic in _NAMES or _family(topic):
            found[topic] = None
        else:
            raise ValueError(each)
    return [] if everything else list(found)


def names_of(types: Iterable[str]) -> frozenset[str] | None:
    """Names of the classes that canonical types stand for; None: all. Those that are not known stand for nothing."""
    wanted = list(types)
    if not wanted:
        return None
    return frozenset(name for each in wanted for name in ([_NAMES[each]] if each in _NAMES else _family(each)))


def _family(pattern: str) -> list[str]:
    prefix = pattern.removesuffix("*")
    if prefix == pattern or not prefix.endswith("."):
        return []
    return [name for name, topic in TOPICS.items() if topic.startswith(prefix)]


def source() -> str:
    """This installation, as a URI: the same on every node, and of every copy of its database.

    It is made of the first account: that is there before the first event, and rows of
    accounts stay. An address would not do: Stowage has several, or knows none.
    """
    engine = db.db.engine
    cached: str | None = getattr(engine, "stowage_source", None)
    if cached is None:
        first = sa.select(_users.c.id).order_by(_users.c.created_at, _users.c.id).limit(1)
        with db.read() as connection:
            found = connection.execute(first).scalar()
        if found is None:
            return "urn:stowage"
        cached = f"urn:uuid:{uuid5(_INSTALLATIONS, str(found))}"
        engine.stowage_source = cached  # type: ignore[attr-defined]
    return cached
