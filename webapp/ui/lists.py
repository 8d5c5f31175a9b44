"""Lists of files as pages: the address says what is shown, and every address shows something."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from flask import url_for

from webapp import db
from webapp.contracts.files import StoredFileListOut
from webapp.http.context import caller, services
from webapp.services import tallies
from webapp.services.listing import SORTS, TRASH_SORTS, Listing

PER_PAGE = (25, 50, 100, 200)
MOST_PAGES = 1_000_000_000
MOST_QUERY = 255
_NUMBER = re.compile(r"\s*(-?[0-9]{1,18})", re.ASCII)
_DESCENDING_FIRST = ("created_at", "deleted_at", "size")


@dataclass(frozen=True, kw_only=True)
class ListState:
    """What a list shows."""

    trash: bool = False
    page: int = 1
    per_page: int = 50
    sort: str = "-created_at"
    q: str = ""
    select: bool = False
    """All rows of the page are ticked."""

    @property
    def listing(self) -> Listing:
        """The same for the service."""
        return Listing(trash=self.trash, page=self.page, per_page=self.per_page, sort=self.sort, q=self.q)

    @property
    def values(self) -> dict[str, str]:
        """The fields that differ from a fresh page, for an address or a form."""
        fresh = start(trash=self.trash)
        found: dict[str, str] = {}
        for name in ("q", "sort", "per_page", "page"):
            if getattr(self, name) != getattr(fresh, name):
                found[name] = str(getattr(self, name))
        if self.select:
            found["select"] = "page"
        return found

    @property
    def address(self) -> str:
        """Where this is."""
        return url_for("ui_trash.browse" if self.trash else "ui_files.browse", **self.values)  # type: ignore[arg-type]

    def searching(self, q: str) -> str:
        """Where another search is."""
        return replace(self, page=1, q=q, select=False).address

    def at(self, page: int) -> str:
        """Where another page of this is."""
        return replace(self, page=page, select=False).address

    def of(self, per_page: int) -> str:
        """Where this is with another number of rows."""
        return replace(self, page=1, per_page=per_page, select=False).address

    def by(self, column: str) -> str:
        """Where this is sorted by a column; asking again turns it round."""
        first, second = (f"-{column}", column) if column in _DESCENDING_FIRST else (column, f"-{column}")
        return replace(self, page=1, sort=second if self.sort == first else first, select=False).address

    def ticked(self, *, select: bool) -> str:
        """Where this is with all rows ticked, or none."""
        return replace(self, select=select).address

    def direction(self, column: str) -> str:
        """How this is sorted by a column, in the words of aria-sort; empty if it is not."""
        if self.sort.removeprefix("-") != column:
            return ""
        return "descending" if self.sort.startswith("-") else "ascending"


def start(*, trash: bool) -> ListState:
    """What the plain address shows."""
    return ListState(trash=trash, sort="-deleted_at" if trash else "-created_at")


def read(values: Mapping[str, str], *, trash: bool) -> ListState:
    """Make the best of a query string."""
    fresh = start(trash=trash)
    sort = values.get("sort", "").strip().lower()
    per_page = _number(values.get("per_page"), fresh.per_page)
    return ListState(
        trash=trash,
        page=min(max(_number(values.get("page"), 1), 1), MOST_PAGES),
        per_page=min(PER_PAGE, key=lambda choice: abs(choice - per_page)),
        sort=sort if sort in (TRASH_SORTS if trash else SORTS) else fresh.sort,
        q=values.get("q", "").replace("\0", "")[:MOST_QUERY],
        select=values.get("select") == "page",
    )


def _number(text: str | None, otherwise: int) -> int:
    match = _NUMBER.match(text or "")
    return int(match[1]) if match else otherwise


@dataclass(frozen=True, kw_only=True)
class Pager:
    """Where one is in a list."""

    first: int
    last: int
    total: int
    exact: bool
    page: int
    pages: int
    more: bool

    @property
    def numbers(self) -> list[int | None]:
        """Pages to offer: the ends and the neighbours; None is a gap."""
        near = {1, self.page - 1, self.page, self.page + 1, *([self.pages] if self.exact else [])}
        shown = sorted(n for n in near if 1 <= n <= max(self.pages, self.page + self.more))
        found: list[int | None] = []
        for number in shown:
            if found and number - (found[-1] or 0) > 1:
                found.append(number - 1 if number - (found[-1] or 0) == 2 else None)
            found.append(number)
        return found


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One page of a list."""

    state: ListState
    found: StoredFileListOut
    pager: Pager
    used: int
    """Bytes of all files of this kind that the caller sees, whatever the search."""
    here: str
    """The address to come back to: nothing is ticked there."""


def show(state: ListState) -> Shown:
    """Find the page asked for or, past the end, the last one there is."""
    found = services().listing.list(caller(), state.listing)
    if not found.items and state.page > 1:
        state = replace(state, page=_pages(found))
        found = services().listing.list(caller(), state.listing)
    return Shown(
        state=state,
        found=found,
        pager=_pager(found),
        used=_used(trash=state.trash),
        here=replace(state, select=False).address,
    )


def _pager(found: StoredFileListOut) -> Pager:
    before = (found.page - 1) * found.per_page
    return Pager(
        first=before + 1,
        last=before + len(found.items),
        total=max(found.total, before + len(found.items)),
        exact=found.total_is_exact,
        page=found.page,
        pages=max(_pages(found), found.page),
        more=found.next_cursor is not None,
    )


def _pages(found: StoredFileListOut) -> int:
    return max(1, -(-found.total // found.per_page))


def _used(*, trash: bool) -> int:
    owner = None if caller().sees_everything else caller().user_id
    with db.read() as connection:
        return tallies.total(connection, is_deleted=trash, owner=owner)[1]
