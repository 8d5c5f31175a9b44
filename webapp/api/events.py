"""What happened, for programs that follow it: ``/api/events``."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, g

from webapp.api.describe import describe
from webapp.contracts.events import EVENT_TYPES
from webapp.http import answers, params
from webapp.http.auth import permission
from webapp.http.context import caller, services
from webapp.services.access import Permission
from webapp.services.delivery.feed import LATEST, LONGEST_WAIT, MOST

blueprint = Blueprint("api_events", __name__, url_prefix="/events")
_TOPICS = tuple(event_type.topic for event_type in EVENT_TYPES)
_FAMILIES = tuple(dict.fromkeys(f"{topic.rpartition('.')[0]}.*" for topic in _TOPICS))
_TYPES = (*_TOPICS, *_FAMILIES, *(event_type.__name__ for event_type in EVENT_TYPES))


@dataclass(frozen=True, kw_only=True)
class FeedQuery:
    """Where to go on, and with what."""

    after: str = field(
        default="",
        metadata={"help": f"`next_cursor` of the page before; `{LATEST}`: from now on; empty: all that is kept."},
    )
    type: list[str] = field(
        default_factory=list,
        metadata={
            "help": "Topics such as `file_storage.file.uploaded`, families such as `file_storage.file.*`, or names such"
            " as `FileUploaded`; of several, any. None: all events.",
            "known": _TYPES,
            "max_items": 50,
            "max_length": 100,
        },
    )
    limit: int = field(default=100, metadata={"help": "Most events of a page.", "minimum": 1, "maximum": MOST})
    wait: int = field(
        default=0,
        metadata={"help": "Seconds to wait for an event where there is none.", "minimum": 0, "maximum": LONGEST_WAIT},
    )


@dataclass(frozen=True, kw_only=True)
class EventMessage:
    """A fact, as a CloudEvent (1.0)."""

    specversion: str
    id: str = field(metadata={"help": "Tells repetitions apart."})
    source: str = field(metadata={"help": "This installation."})
    type: str = field(metadata={"help": "The topic of the event."})
    subject: str | None = field(
        default=None, metadata={"help": "What it is about; missing where it is about none.", "optional": True}
    )
    time: datetime
    datacontenttype: str
    sequence: str = field(metadata={"help": "Its place in the log: texts that sort as the events do."})
    data: dict[str, Any] = field(metadata={"help": "The fields of the event, `actor_id` and `actor_name`."})


@dataclass(frozen=True, kw_only=True)
class FeedOut:
    """Events, the oldest first."""

    items: list[EventMessage]
    next_cursor: str = field(metadata={"help": "Where to go on: there always is one, also where nothing is new."})
    has_more: bool = field(metadata={"help": "Whether to go on at once. A page with no items may say so."})


@blueprint.get("")
@permission(Permission.ACTIVITY)
@describe(
    summary="Follow what happens",
    details=(
        "Events in the order of their commits, none left out. Keep `next_cursor` and give it as `after`: at once where"
        " `has_more` is true, else when it suits you, or with `wait`. `subject` of an event is the id of the file,"
        " account, token or webhook that it is about; other events have none."
        " 410 `cursor_expired` if what follows was removed by then: ask for `after=latest`, read the"
        " store itself once, and follow from the cursor that you got before."
    ),
    query=FeedQuery,
    answers={200: FeedOut},
    errors=("cursor_expired",),
)
def follow() -> Response:
    wanted = params.query(FeedQuery)
    g.waits = wanted.wait > 0  # on purpose: it is not slow
    page = services().feed.read(caller(), wanted.after, wanted.type, wanted.limit, wanted.wait)
    return answers.json({"items": page.items, "next_cursor": page.cursor, "has_more": page.has_more})
