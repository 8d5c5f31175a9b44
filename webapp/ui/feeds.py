"""What the feed of activity shows, as its address says it: every address shows something."""

from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, time
from typing import Any

from flask import url_for
from werkzeug.datastructures import MultiDict

from webapp.contracts.events import EVENT_TYPES
from webapp.http.i18n import has, t
from webapp.services import facets
from webapp.services.activity import NOBODY, Wanted
from webapp.services.facets import PRESETS
from webapp.ui import filters, states

KINDS = tuple(event_type.__name__ for event_type in EVENT_TYPES)
MOST_QUERY = 255
_DATES = ("date", "since", "until")


@dataclass(frozen=True, kw_only=True)
class FeedState:
    """A part of what happened. Field names are those of the address."""

    q: str = ""
    kind: tuple[str, ...] = ()
    """Names of events; none means all."""
    by: str = ""
    """Id of the account that did it, or :data:`NOBODY`."""
    date: str = ""
    """One of :data:`PRESETS`."""
    since: str = ""
    """First day, in UTC; only without a preset."""
    until: str = ""
    """Last day, in UTC."""
    before: int | None = None
    """Only what is older than the event with this number."""

    def wanted(self, now: datetime, limit: int) -> Wanted:
        """The same for the service."""
        return Wanted(
            names=self.kind,
            actor=self.by,
            text=self.q,
            since=facets.since(self.date, now) if self.date else _start_of(self.since),
            until=_end_of(self.until),
            before=self.before,
            limit=limit,
        )

    @property
    def values(self) -> dict[str, Any]:
        """The fields that say something, for an address or a form."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in found.items() if value}

    @property
    def address(self) -> str:
        """Where this is shown."""
        return url_for("ui_activity.browse", **self.values)

    @property
    def export(self) -> str:
        """Where all that matches comes as a table."""
        return url_for("ui_activity.export", **replace(self, before=None).values)

    @property
    def is_filtered(self) -> bool:
        """Whether something is left out, besides what is newer."""
        return bool(replace(self, before=None).values)

    def without(self, *names: str) -> str:
        """Where this is without some filters."""
        fresh = FeedState()
        return replace(self, before=None, **{name: getattr(fresh, name) for name in names}).address

    def of_person(self, account: str) -> str:
        """Where that of one person is."""
        return replace(self, by=account, before=None).address

    def older(self, before: int) -> str:
        """Where older events are."""
        return replace(self, before=before).address

    @property
    def newest(self) -> str:
        """Where this begins."""
        return replace(self, before=None).address


def read(values: "MultiDict[str, str]") -> FeedState:
    """Make the best of a query string."""
    preset = values.get("date", "")
    preset = preset if preset in PRESETS else ""
    before = values.get("before", "")
    return FeedState(
        q=values.get("q", "").replace("\0", "")[:MOST_QUERY],
        kind=tuple(name for name in KINDS if name in values.getlist("kind")),
        by=_account(values.get("by", "")),
        date=preset,
        since="" if preset else states.day_of(values.get("since", "")),
        until="" if preset else states.day_of(values.get("until", "")),
        before=int(before) if before.isascii() and before.isdigit() and len(before) <= 18 else None,
    )


def kind_label(name: str) -> str:
    """What a kind of event is called."""
    return t(f"events.{name}.action") if has(f"events.{name}.action") else name


# --- filters -------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One choice of a filter."""

    value: str
    label: str
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Filter:
    """A chip, the menu that it opens, and how to take it away."""

    name: str
    label: str
    icon: str
    chosen: str
    """What it is narrowed to, in words; empty where it is not."""
    without: str
    choices: list[Choice]
    values: tuple[str, ...]
    several: bool = False


def filters_of(state: FeedState, people: list[Choice]) -> list[Filter]:
    """All filters; ``people`` are those to choose from."""
    kinds = [Choice(value=name, label=kind_label(name)) for name in KINDS]
    anyone = [Choice(value="", label=t("activity.anyone")), Choice(value=NOBODY, label=t("events.nobody"))]
    dates = [Choice(value="", label=t("filters.dates.any"))]
    dates += [Choice(value=preset, label=t(f"filters.dates.{preset}")) for preset in PRESETS]
    names = {person.value: person.label for person in [*anyone, *people]}
    return [
        Filter(
            name="kind",
            label=t("activity.what"),
            icon="activity",
            chosen=_listed([kind_label(name) for name in state.kind]),
            without=state.without("kind"),
            choices=kinds,
            values=state.kind,
            several=True,
        ),
        Filter(
            name="by",
            label=t("activity.who"),
            icon="user",
            chosen=names.get(state.by, state.by) if state.by else "",
            without=state.without("by"),
            choices=[*anyone, *people],
            values=(state.by,),
        ),
        Filter(
            name="date",
            label=t("activity.when"),
            icon="calendar",
            chosen=_dates(state),
            without=state.without(*_DATES),
            choices=dates,
            values=(state.date,),
        ),
    ]


def _dates(state: FeedState) -> str:
    if state.date:
        return t(f"filters.dates.{state.date}")
    if state.since or state.until:
        return filters.days(state.since, state.until)
    return ""


def _listed(labels: list[str]) -> str:
    return ", ".join(labels[:2]) + (f" +{len(labels) - 2}" if len(labels) > 2 else "")


def _account(text: str) -> str:
    return text if text == NOBODY else states.id_of(text) or ""


def _start_of(day: str) -> datetime | None:
    return datetime.combine(date.fromisoformat(day), time(), UTC) if day else None


def _end_of(day: str) -> datetime | None:
    return datetime.combine(date.fromisoformat(day), time.max, UTC) if day else None
