"""The page of what happened: who did what, and when."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, make_response, render_template, request, stream_with_context

from webapp.contracts.headers import content_disposition
from webapp.http.auth import permission
from webapp.http.context import caller, services
from webapp.http.i18n import t
from webapp.services.access import Permission
from webapp.services.activity import NOBODY, ActivityPage, EventOut
from webapp.services.errors import NotFoundError
from webapp.ui import exports, feeds, filters, history, htmx
from webapp.ui.feeds import Choice, FeedState
from webapp.ui.history import Told

blueprint = Blueprint("ui_activity", __name__, url_prefix="/admin/activity")

_TEMPLATE = "admin/activity.html"
PER_PAGE = 50
MOST_PEOPLE = 50
"""So many accounts can be chosen; what others did is found by their name, or from a row of theirs."""
_TABLE = "feed-table"


@dataclass(frozen=True, kw_only=True)
class Row:
    """An event, as the feed shows it."""

    event: EventOut
    told: Told

    @property
    def clock(self) -> str:
        """The time of day, in UTC."""
        return f"{self.event.occurred_at.astimezone(UTC):%H:%M}"


@dataclass(frozen=True, kw_only=True)
class Day:
    """What happened on one day."""

    iso: str
    label: str
    """Empty if this goes on with a day whose head is there already."""
    rows: list[Row]


@blueprint.get("")
@permission(Permission.ACTIVITY)
def browse() -> Response:
    state, now = feeds.read(request.args), datetime.now(UTC)
    page = services().activity.list(caller(), state.wanted(now, PER_PAGE))
    appended = htmx.wants_fragment() and htmx.target() == _TABLE
    values = _values(state, page, now, request.args.get("day", "") if appended else "")
    if appended:
        return htmx.fragment(_TEMPLATE, ("rows", "more"), {**values, "appended": True, "appends": True})
    if htmx.wants_fragment():
        response = htmx.fragment(_TEMPLATE, ("feed", "chips", "menus", "exported"), values)
        return htmx.push(response, state.address)
    return make_response(render_template(_TEMPLATE, **values))


@blueprint.get("/export")
@permission(Permission.ACTIVITY)
def export() -> Response:
    now = datetime.now(UTC)
    wanted = replace(feeds.read(request.args), before=None).wanted(now, exports.BATCH)
    activity, who = services().activity, caller()
    lines = exports.table(lambda before: activity.list(who, replace(wanted, before=before)))
    name = f"{t('activity.file')}-{now:%Y-%m-%d}.csv"
    response = Response(stream_with_context(lines), mimetype="text/csv")
    response.headers["Content-Disposition"] = content_disposition(name)
    return response


def _values(state: FeedState, page: ActivityPage, now: datetime, shown_day: str) -> dict[str, Any]:
    last = page.items[-1].occurred_at.astimezone(UTC).date().isoformat() if page.items else shown_day
    older = state.older(page.older) if page.older is not None else ""
    return {
        "state": state,
        "days": _days(page.items, now, shown_day),
        "older": older,
        # Where the rows are appended, the head of their day may be there already.
        "append": f"{older}&day={last}" if older else "",
        "filters": feeds.filters_of(state, _people(state, page)),
        "appends": bool(page.items),
        "searched_to": page.searched_to,
        "per_page": PER_PAGE,
        "table": _TABLE,
    }


def _days(events: list[EventOut], now: datetime, shown_day: str) -> list[Day]:
    def day_of(event: EventOut) -> str:
        return event.occurred_at.astimezone(UTC).date().isoformat()

    days = []
    for iso, group in groupby(events, day_of):
        rows = [Row(event=event, told=history.tell(event)) for event in group]
        label = "" if iso == shown_day else _label(rows[0].event.occurred_at, now)
        days.append(Day(iso=iso, label=label, rows=rows))
    return days


def _label(moment: datetime, now: datetime) -> str:
    day, today = filters.day(moment), now.date()
    days = (today - moment.astimezone(UTC).date()).days
    return t("activity.today", day=day) if days == 0 else t("activity.yesterday", day=day) if days == 1 else day


def _people(state: FeedState, page: ActivityPage) -> list[Choice]:
    users = services().users.list(limit=MOST_PEOPLE)
    found = [Choice(value=str(user.id), label=user.username) for user in users]
    if state.by not in ("", NOBODY) and state.by not in {choice.value for choice in found}:
        found.append(Choice(value=state.by, label=_name_of(state.by, page)))
    return found


def _name_of(account: str, page: ActivityPage) -> str:
    """The name of an account that may be gone: then, what it was called when it did something."""
    try:
        return services().users.get(UUID(account)).username
    except NotFoundError:
        names = (event.actor_name for event in page.items if event.actor_name)
        return next(names, account)
