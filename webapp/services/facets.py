"""What a list can be narrowed by, with the number of files that each choice would leave.

Each choice counts what all other filters leave, so that several can be ticked.
The counters know the numbers of families, accounts and backends. With a search
or a span they do not: then a fixed number of files is looked at, the newest
where that is cheap, and what was found there is the least there is.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from webapp import db
from webapp.services import tallies, ways
from webapp.services.access import Caller, Permission
from webapp.services.families import FAMILIES
from webapp.services.filters import PARTS, Listing, Matching
from webapp.services.rows import files, users
from webapp.services.search import TRIGRAM
from webapp.services.ways import Way

PRESETS = ("today", "7d", "30d", "year")
EXAMINED = 1_000
"""So many files are looked at where the counters do not know."""
DATED = 5_000
"""So many entries of an index are counted for a span of time."""
MOST = 50
"""So many choices of a kind are offered."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Count:
    """One choice. Unless ``exact``, there are at least ``count`` files."""

    value: str
    label: str
    count: int
    exact: bool
    since: datetime | None = None
    """For dates: the first moment that counts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facets:
    """The choices of each kind. What is chosen is among them, even if it leaves nothing."""

    families: list[Count]
    uploaders: list[Count]
    backends: list[Count]
    dates: list[Count]


class FacetService:
    """Counts choices."""

    def of(self, caller: Caller, wanted: Listing, now: datetime) -> Facets:
        """The choices for a list, at this moment.

        Raises:
            ForbiddenError: the caller may not see lists.
        """
        caller.require(Permission.DELETE if wanted.trash else Permission.DOWNLOAD)
        with db.read() as connection:
            counting = _Counting(connection, caller, now)
            family = counting.part("family", replace(wanted, families=(), family=""))
            owner = counting.part("owner", replace(wanted, uploaders=(), uploaded_by=""), wanted.uploaders)
            backend = counting.part("backend", replace(wanted, backends=(), backend=""))
            dates = counting.dates(replace(wanted, created_after=None, created_before=None))
            # Of others, those who see only their own files do not even learn the names.
            chosen = [str(each) for each in wanted.uploaders if caller.sees_everything or each == caller.user_id]
            names = _names(connection, {*owner.counts, *chosen})
        return Facets(
            families=family.choices(_in_order(family, wanted.families), lambda value: value),
            uploaders=owner.choices([o for o in _most_first(owner, chosen) if o in names], names.__getitem__),
            backends=backend.choices(_most_first(backend, wanted.backends), lambda value: value),
            dates=dates,
        )


def since(preset: str, now: datetime) -> datetime:
    """The midnight, in UTC, at which a span begins; the present day, week, 30 days and year."""
    midnight = datetime.combine(now.astimezone(UTC).date(), time(), UTC)
    if preset == "year":
        return midnight.replace(month=1, day=1)
    return midnight - timedelta(days={"today": 0, "7d": 6, "30d": 29}[preset])


@dataclass(frozen=True, slots=True)
class _Counted:
    counts: dict[str, int]
    exact: bool

    def choices(self, values: Iterable[str], label: Callable[[str], str]) -> list[Count]:
        return [
            Count(value=value, label=label(value), count=self.counts.get(value, 0), exact=self.exact)
            for value in values
        ]


def _in_order(counted: _Counted, chosen: Iterable[str]) -> list[str]:
    return [family for family in FAMILIES if family in counted.counts or family in chosen]


def _most_first(counted: _Counted, chosen: Iterable[str]) -> list[str]:
    ordered = sorted(counted.counts, key=lambda value: (-counted.counts[value], value))[:MOST]
    return [*ordered, *(value for value in chosen if value not in ordered)]


def _names(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    wanted = [UUID(each) for each in ids if each]
    rows = connection.execute(sa.select(users.c.id, users.c.username).where(users.c.id.in_(wanted))).all()
    return {str(row.id): row.username for row in rows}


@dataclass(frozen=True, slots=True)
class _Sample:
    """What was found among the files that were looked at, by column."""

    by: dict[str, Counter[str]]
    exact: bool


class _Counting:
    """The counting of one call. What two kinds of choices share is looked at once."""

    def __init__(self, connection: Connection, caller: Caller, now: datetime) -> None:
        self._connection = connection
        self._caller = caller
        self._now = now
        self._matchings: dict[Listing, Matching] = {}
        self._samples: dict[Listing, _Sample] = {}

    def part(self, column: str, wanted: Listing, chosen: tuple[UUID, ...] = ()) -> _Counted:
        matching = self._matching(wanted)
        if matching.counted:
            most = dict(tallies.counts(self._connection, column, matching.scope, MOST))
            missing = tuple(each for each in chosen if str(each) not in most)
            if missing and matching.scope.owners is None:
                scope = replace(matching.scope, owners=missing)
                most |= dict(tallies.counts(self._connection, column, scope, MOST))
            return _Counted(most, exact=True)
        sample = self._sample(wanted)
        return _Counted(dict(sample.by[column]), sample.exact)

    def dates(self, wanted: Listing) -> list[Count]:
        matching = self._matching(wanted)
        spans = [(preset, since(preset, self._now)) for preset in PRESETS]
        if matching.counted and len(matching.sizes.by) <= 1:
            counts = _from_index(matching, spans)
        else:
            sample = self._sample(wanted)
            counts = {preset: (sample.by["date"][preset], sample.exact) for preset, _ in spans}
        return [
            Count(value=preset, label=preset, count=counts[preset][0], exact=counts[preset][1], since=begins)
            for preset, begins in spans
        ]

    def _matching(self, wanted: Listing) -> Matching:
        if wanted not in self._matchings:
            like = next(iter(self._matchings.values()), None)
            self._matchings[wanted] = Matching(self._connection, self._caller, wanted, like=like)
        return self._matchings[wanted]

    def _sample(self, wanted: Listing) -> _Sample:
        if wanted not in self._samples:
            self._samples[wanted] = _look(self._matching(wanted), self._now)
        return self._samples[wanted]


def _look(matching: Matching, now: datetime) -> _Sample:
    """Look at the newest files of the list without its search, and count those that match with it."""
    way, indexed = _way(matching), _is_indexed(matching)
    fits = sa.literal(1) if indexed else sa.case((sa.and_(sa.true(), *matching.residue(way)), 1), else_=0)
    within = [sa.case((files.c.created_at >= since(preset, now), 1), else_=0).label(preset) for preset in PRESETS]
    some = sa.select(*PARTS.values(), fits.label("fits"), *within).where(*matching.where(way, residue=indexed))
    if way.in_order and not indexed:
        some = some.order_by(files.c.created_at.desc())
    found = some.limit(EXAMINED + 1).subquery()
    by = [found.c[column.key] for column in PARTS.values()]
    sums = [sa.func.sum(found.c.fits * found.c[preset]) for preset in PRESETS]
    query = sa.select(*by, sa.func.count(), sa.func.sum(found.c.fits), *sums).group_by(*by)
    return _summed(matching.connection.execute(query).all())


def _is_indexed(matching: Matching) -> bool:
    """Whether an index finds what is searched for: then these files are looked at, not the newest."""
    return matching.search.is_rare or (matching.dialect == "postgresql" and len(matching.search.text) >= TRIGRAM)


def _summed(rows: Iterable[Any]) -> _Sample:
    by: dict[str, Counter[str]] = {name: Counter() for name in (*PARTS, "date")}
    examined = 0
    for owner, backend, family, looked_at, fits, *within in rows:
        examined += looked_at
        if fits:
            for name, value in (("owner", str(owner or "")), ("backend", backend), ("family", family)):
                by[name][value] += int(fits)
            by["date"].update({preset: int(n) for preset, n in zip(PRESETS, within, strict=True)})
    return _Sample(by, exact=examined <= EXAMINED)


def _way(matching: Matching) -> Way:
    if matching.search.is_rare:
        return Way(frozenset({"seq"}))
    if matching.wanted.sized and not matching.wanted.dated and matching.sizes.by.keys() <= {"family"}:
        return Way(frozenset({ways.STATE, ways.SIZE, *matching.sizes.by}))
    return matching.way(ways.CREATED, EXAMINED, matching.sizes.matching, exact=False)


def _from_index(matching: Matching, spans: list[tuple[str, datetime]]) -> dict[str, tuple[int, bool]]:
    """The numbers of nested spans, the shortest first; long ones as what their past leaves of all."""
    found: dict[str, tuple[int, bool]] = {}
    count, exact, end = 0, True, None
    for preset, begins in spans:
        if exact:
            more, exact = _entries(matching, begins, end)
            count, end = count + more, begins
        if exact:
            found[preset] = (count, True)
            continue
        older, known = _entries(matching, None, begins)
        found[preset] = (matching.sizes.matching - older, True) if known else (count, False)
    return found


def _entries(matching: Matching, begins: datetime | None, end: datetime | None) -> tuple[int, bool]:
    """How many files there are of a span, as far as is counted."""
    way = Way(frozenset({ways.STATE, ways.CREATED, *(PARTS[name].key for name in matching.sizes.by)}))
    conditions = matching.where(way)
    if begins is not None:
        conditions.append(files.c.created_at >= begins)
    if end is not None:
        conditions.append(files.c.created_at < end)
    some = sa.select(sa.literal(1)).select_from(files).where(*conditions).limit(DATED + 1).subquery()
    found: int = matching.connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()
    return min(found, DATED), found <= DATED
