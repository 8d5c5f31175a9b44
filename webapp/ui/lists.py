"""Lists of files as pages: one page of a list, where one is in it, and what it can be narrowed to."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from webapp.contracts.files import StoredFileListOut
from webapp.http.context import caller, services
from webapp.http.i18n import t
from webapp.services import usage
from webapp.services.errors import ValidationError
from webapp.services.facets import Count, Facets
from webapp.services.listing import last_cursor
from webapp.ui import filters, selections
from webapp.ui.states import ListState

NUMBERED_BELOW = 100_000
"""Longer lists are walked: a numbered page far down would cost all rows before it."""


@dataclass(frozen=True, kw_only=True)
class Pager:
    """Where one is in a list; addresses are empty where nothing is."""

    rows: int
    total: int
    exact: bool
    page: int
    pages: int
    numbered: bool
    at_start: bool
    per_page: int
    previous: str = ""
    next: str = ""
    first_page: str = ""
    last_page: str = ""

    @property
    def numbers(self) -> list[int | None]:
        """Pages to offer: the ends and the neighbours; None is a gap."""
        near = {1, self.page - 1, self.page, self.page + 1, self.pages}
        found: list[int | None] = []
        for number in sorted(n for n in near if 1 <= n <= self.pages):
            if found and number - (found[-1] or 0) > 1:
                found.append(number - 1 if number - (found[-1] or 0) == 2 else None)
            found.append(number)
        return found

    @property
    def tally(self) -> str:
        """How many files there are."""
        return filters.number(self.total) if self.exact else t("browse.tally_of_many", total=filters.number(self.total))

    @property
    def label(self) -> str:
        """Which rows these are."""
        if not (self.numbered or self.at_start):
            return t("table.part", rows=filters.number(self.rows), total=self.tally)
        before = (self.page - 1) * self.per_page
        return t(
            "table.range",
            first=filters.number(before + 1),
            last=filters.number(before + self.rows),
            total=self.tally,
        )


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One choice of a facet, with its number of files as people read it."""

    value: str
    label: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What a list can be narrowed to."""

    families: list[Choice]
    uploaders: list[Choice]
    backends: list[Choice]
    dates: list[Choice]


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What it is narrowed to, in words; empty where it is not."""

    type: str
    by: str
    backend: str
    date: str


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One page of a list."""

    state: ListState
    found: StoredFileListOut
    pager: Pager
    facets: Choices
    chosen: Chosen
    used: int
    """Bytes of all files of this kind that the caller sees, whatever the filters."""
    used_files: int
    """The number of these files."""
    here: str
    """The address to come back to: nothing is ticked there."""
    selection: str
    """Stands for all files that match, if they are selected."""


def show(state: ListState, now: datetime | None = None) -> Shown:
    """Find the page asked for or, past the end, the last one there is."""
    now = now or datetime.now(UTC)
    state, found = _found(state, now)
    facets = _choices(services().facets.of(caller(), state.listing(now), now))
    pager = _pager(state, found)
    everything = state.select == "all"
    stored = usage.stored(caller(), trash=state.trash)
    return Shown(
        state=state,
        found=found,
        pager=pager,
        facets=facets,
        chosen=_chosen(state, facets),
        used=stored.size_bytes,
        used_files=stored.files,
        here=replace(state, select="").address,
        selection=selections.make(state, now, rows=len(found.items)) if everything else "",
    )


def _found(state: ListState, now: datetime) -> tuple[ListState, StoredFileListOut]:
    listing = services().listing
    try:
        found = listing.list(caller(), state.listing(now))
    except ValidationError:  # a cursor that is none, or of another order
        state = state.change()
        return state, listing.list(caller(), state.listing(now))
    if not found.items and state.page > 1:
        state = replace(state, page=_pages(found))
    elif not found.items and state.cursor:
        state = state.change()
    else:
        return state, found
    return state, listing.list(caller(), state.listing(now))


def _pager(state: ListState, found: StoredFileListOut) -> Pager:
    numbered = not state.cursor and found.total_is_exact and found.total < NUMBERED_BELOW
    common: dict[str, Any] = {
        "rows": len(found.items),
        "total": max(found.total, len(found.items)),
        "exact": found.total_is_exact,
        "page": found.page,
        "pages": max(_pages(found), found.page),
        "per_page": found.per_page,
        "numbered": numbered,
        "at_start": not state.cursor,
    }
    if numbered:
        return Pager(
            **common,
            previous=state.at(found.page - 1) if found.page > 1 else "",
            next=state.at(found.page + 1) if found.next_cursor else "",
        )
    back, on = found.previous_cursor, found.next_cursor
    return Pager(
        **common,
        previous=state.from_cursor(back) if back else "",
        next=state.from_cursor(on) if on else "",
        first_page=state.change().address if back else "",
        last_page=state.from_cursor(last_cursor(state.sort)) if on else "",
    )


def _pages(found: StoredFileListOut) -> int:
    return max(1, -(-found.total // found.per_page))


# --- facets ------------------------------------------------------------------------


def _choices(facets: Facets) -> Choices:
    return Choices(
        families=[_choice(count, t(f"filters.families.{count.value}")) for count in facets.families],
        uploaders=[_choice(count, count.label) for count in facets.uploaders],
        backends=[_choice(count, filters.backend_label(count.value)) for count in facets.backends],
        dates=[Choice(value="", label=t("filters.dates.any"), text="")]
        + [_choice(count, t(f"filters.dates.{count.value}")) for count in facets.dates],
    )


def _choice(count: Count, label: str) -> Choice:
    return Choice(value=count.value, label=label, text=filters.number(count.count) + ("" if count.exact else "+"))


def _chosen(state: ListState, facets: Choices) -> Chosen:
    date = t(f"filters.dates.{state.date}") if state.date else ""
    if state.since or state.until:
        date = filters.days(state.since, state.until)
    return Chosen(
        type=_listed(facets.families, state.type),
        by=_listed(facets.uploaders, state.by),
        backend=_listed(facets.backends, state.backend),
        date=date,
    )


def _listed(choices: list[Choice], values: tuple[str, ...]) -> str:
    labels = {choice.value: choice.label for choice in choices}
    named = [labels.get(value, value) for value in values]
    return ", ".join(named[:2]) + (f" +{len(named) - 2}" if len(named) > 2 else "")
