"""What a list shows, as its address says it: every address shows something, and each state has one address."""

import re
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from flask import url_for
from werkzeug.datastructures import MultiDict

from webapp.services import facets
from webapp.services.facets import PRESETS
from webapp.services.families import FAMILIES
from webapp.services.listing import SORTS, TRASH_SORTS, Listing

PER_PAGE = (25, 50, 100, 200)
SELECTS = ("page", "all")
MOST_PAGES = 1_000_000_000
MOST_QUERY = 255
MOST_CURSOR = 2048
MOST_CHOICES = 50
_NUMBER = re.compile(r"\s*(-?[0-9]{1,18})", re.ASCII)
_DESCENDING_FIRST = ("created_at", "deleted_at", "size")
_FILTERS = ("q", "type", "by", "backend", "date", "since", "until")


@dataclass(frozen=True, kw_only=True)
class ListState:
    """What a list shows. Field names are those of the address."""

    trash: bool = False
    q: str = ""
    type: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    backend: tuple[str, ...] = ()
    date: str = ""
    """One of the presets of :mod:`webapp.services.facets`."""
    since: str = ""
    """First day shown, in UTC; only without a preset."""
    until: str = ""
    """Last day shown, in UTC."""
    sort: str = "-created_at"
    per_page: int = 50
    page: int = 1
    cursor: str = ""
    """Where a long list goes on, instead of ``page``."""
    file: str = ""
    """The file whose details are open."""
    select: str = ""
    """``page``: all its rows are ticked; ``all``: so is whatever else matches."""

    def listing(self, now: datetime | None = None) -> Listing:
        """The same for the service."""
        return Listing(
            trash=self.trash,
            page=self.page,
            per_page=self.per_page,
            cursor=self.cursor or None,
            sort=self.sort,
            q=self.q,
            families=self.type,
            uploaders=tuple(UUID(account) for account in self.by),
            backends=self.backend,
            created_after=_after(self, now or datetime.now(UTC)),
            created_before=_before(self.until),
        )

    @property
    def values(self) -> dict[str, Any]:
        """The fields that differ from a fresh page, for an address or a form; several of one name as a list."""
        fresh = start(trash=self.trash)
        found: dict[str, Any] = {}
        for name in _NAMES:
            value = getattr(self, name)
            if value != getattr(fresh, name):
                found[name] = list(value) if isinstance(value, tuple) else str(value)
        return found

    @property
    def filters(self) -> dict[str, Any]:
        """The fields that say which files are shown, not how."""
        return {name: value for name, value in self.values.items() if name in _FILTERS}

    @property
    def is_filtered(self) -> bool:
        """Whether some files may be hidden."""
        return bool(self.filters)

    @property
    def address(self) -> str:
        """Where this is."""
        return url_for("ui_trash.browse" if self.trash else "ui_files.browse", **self.values)

    def change(self, **changes: Any) -> "ListState":
        """Another state of the same list: at its start, with nothing ticked."""
        return replace(self, **{"page": 1, "cursor": "", "select": "", **changes})

    def without(self, *names: str) -> str:
        """Where this is without some filters."""
        fresh = start(trash=self.trash)
        return self.change(**{name: getattr(fresh, name) for name in names}).address

    @property
    def unfiltered(self) -> str:
        """Where all files are, in the same order."""
        return self.without(*_FILTERS)

    def at(self, page: int) -> str:
        """Where another page of this is."""
        return self.change(page=page).address

    def from_cursor(self, cursor: str) -> str:
        """Where the list goes on from a cursor."""
        return self.change(cursor=cursor).address

    def of(self, per_page: int) -> str:
        """Where this is with another number of rows."""
        return self.change(per_page=per_page).address

    def by_column(self, column: str) -> str:
        """Where this is sorted by a column; asking again turns it round."""
        first, second = (f"-{column}", column) if column in _DESCENDING_FIRST else (column, f"-{column}")
        return self.change(sort=second if self.sort == first else first).address

    def ticked(self, *, select: str) -> str:
        """Where this is with all rows ticked, or all that match, or none."""
        return replace(self, select=select).address

    def opened(self, file_id: object) -> str:
        """Where this is with the details of a file; none for an empty id."""
        return replace(self, file=str(file_id), select="").address

    def direction(self, column: str) -> str:
        """How this is sorted by a column, in the words of aria-sort; empty if it is not."""
        if self.sort.removeprefix("-") != column:
            return ""
        return "descending" if self.sort.startswith("-") else "ascending"


_NAMES = tuple(f.name for f in fields(ListState) if f.name != "trash")


def start(*, trash: bool) -> ListState:
    """What the plain address shows."""
    return ListState(trash=trash, sort="-deleted_at" if trash else "-created_at")


def read(values: "MultiDict[str, str]", *, trash: bool) -> ListState:
    """Make the best of a query string."""
    fresh = start(trash=trash)
    sort = values.get("sort", "").strip().lower()
    per_page = _number(values.get("per_page"), fresh.per_page)
    preset = values.get("date", "")
    preset = preset if preset in PRESETS else ""
    return ListState(
        trash=trash,
        q=values.get("q", "").replace("\0", "")[:MOST_QUERY],
        type=tuple(family for family in FAMILIES if family in values.getlist("type")),
        by=_accounts(values.getlist("by")),
        backend=tuple(sorted({text for text in values.getlist("backend") if _is_id(text)}))[:MOST_CHOICES],
        date=preset,
        since="" if preset else day_of(values.get("since", "")),
        until="" if preset else day_of(values.get("until", "")),
        sort=sort if sort in (TRASH_SORTS if trash else SORTS) else fresh.sort,
        per_page=min(PER_PAGE, key=lambda choice: abs(choice - per_page)),
        page=min(max(_number(values.get("page"), 1), 1), MOST_PAGES),
        cursor=values.get("cursor", "")[:MOST_CURSOR],
        file=id_of(values.get("file", "")) or "",
        select=select if (select := values.get("select", "")) in SELECTS else "",
    )


def _number(text: str | None, otherwise: int) -> int:
    match = _NUMBER.match(text or "")
    return int(match[1]) if match else otherwise


def _accounts(texts: list[str]) -> tuple[str, ...]:
    return tuple(sorted({found for text in texts if (found := id_of(text))}))[:MOST_CHOICES]


def id_of(text: str) -> str | None:
    """An id in its usual form; None for what is none."""
    try:
        return str(UUID(text)) if len(text) <= 45 else None
    except ValueError:
        return None


def _is_id(text: str) -> bool:
    return 0 < len(text) <= 32 and text.isprintable()


def day_of(text: str) -> str:
    """A day as forms send it, or nothing."""
    try:
        return date.fromisoformat(text.strip()).isoformat() if len(text) <= 32 else ""
    except ValueError:
        return ""


def _after(state: ListState, now: datetime) -> datetime | None:
    """The listing shows what is later than this: the moment before the day begins."""
    if state.date:
        begins = facets.since(state.date, now)
    elif state.since:
        begins = datetime.combine(date.fromisoformat(state.since), time(), UTC)
    else:
        return None
    return begins - timedelta(microseconds=1) if begins > datetime.min.replace(tzinfo=UTC) else begins


def _before(until: str) -> datetime | None:
    if not until or until == date.max.isoformat():
        return None
    return datetime.combine(date.fromisoformat(until) + timedelta(days=1), time(), UTC)
