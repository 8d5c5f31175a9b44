"""Search in file names: a literal, caseless part, in any script, at a million rows as at ten.

PostgreSQL finds its trigram index (pg_trgm) by itself. On SQLite there is an FTS5
table of trigrams (first migration). Names look alike, so most trigrams of a
search are in most names and reading their lists would cost more than reading
the names; a sample of the names tells which ones are rare. If the rarest leave
few candidates, these are looked up one by one; if not, the list is walked in its
own order, which then soon has a page full.
"""

import random
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from webapp.services import filenames
from webapp.services.rows import files

RARE = 2_000
"""Up to this many candidates are looked up one by one."""
SAMPLE = 2_000
SAMPLE_SECONDS = 60
TRIGRAM = 3
MOST_TRIGRAMS = 3
FEW_IN_SAMPLE = 4
"""A text that is in so few names of the sample may be in few names at all."""
ESTIMATE_FROM = 20_000
"""In stores with more files than this, the number of frequent matches is estimated."""
EXAMINED = 2_000

_name_search = sa.text("file_storage_name_search MATCH :match")
_rowid: sa.ColumnClause[int] = sa.column("rowid", sa.Integer)
_candidates: sa.Select[Any] = sa.select(_rowid).select_from(sa.table("file_storage_name_search")).where(_name_search)


class Search:
    """The condition for one search text."""

    def __init__(self, connection: Connection, text: str, stored: int) -> None:
        """Decide how to search among ``stored`` files."""
        self.text = filenames.fold(text)
        self._candidates: list[int] | None = None
        if self.text and stored > RARE and connection.dialect.name == "sqlite":
            self._candidates = _few(connection, self.text)

    @property
    def is_rare(self) -> bool:
        """Whether the candidates are known: counting them is cheap and exact."""
        return self._candidates is not None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """What a row has to fulfil."""
        if not self.text:
            return []
        literal = files.c.filename_folded.contains(self.text, autoescape=True)
        return [literal] if self._candidates is None else [files.c.seq.in_(self._candidates), literal]


def _few(connection: Connection, text: str) -> list[int] | None:
    """The ``seq`` of all names that may match, or None where these are many."""
    sample = _sample(connection)
    match = " AND ".join(_quoted(trigram) for trigram in _rarest(sample, text))
    found: list[int] | None = None
    if match:
        found = list(connection.execute(_candidates.limit(RARE + 1), {"match": match}).scalars())
    if (found is None or len(found) > RARE) and sum(text in name for name in sample.names) <= FEW_IN_SAMPLE:
        # Every trigram is common or there is none, the text is not: read the names, from their own index, not the rows.
        found = list(connection.execute(_in_name_index(text).limit(RARE + 1)).scalars())
    return found if found is not None and len(found) <= RARE else None


def _in_name_index(text: str) -> sa.Select[Any]:
    """Naming both states lets SQLite answer from the index of state and name alone."""
    named = files.c.filename_folded.contains(text, autoescape=True)
    return sa.select(files.c.seq).where(files.c.is_deleted.in_([False, True]), named)


def estimate(connection: Connection, conditions: list[sa.ColumnElement[bool]], stored: int) -> int | None:
    """About how many of ``stored`` files match, judged by the newest ones; None where these tell too little.

    ``conditions`` begin with those of the list; the last one is that of the search.
    """
    newest = sa.select(files.c.seq).where(*conditions[:-1]).order_by(files.c.created_at.desc()).limit(EXAMINED)
    matching = sa.select(sa.func.count()).where(files.c.seq.in_(newest), conditions[-1])
    found: int = connection.execute(matching).scalar_one()
    return int(found * stored / EXAMINED) // 100 * 100 if found > EXAMINED // 100 else None


@dataclass
class _Sample:
    seen: Counter[str]
    names: list[str]
    newest: int
    until: float


_samples: dict[str, _Sample] = {}


def _rarest(sample: _Sample, text: str) -> list[str]:
    trigrams = {text[i : i + TRIGRAM] for i in range(len(text) - TRIGRAM + 1)}
    return sorted(trigrams, key=lambda trigram: (sample.seen[trigram], trigram))[:MOST_TRIGRAMS]


def _sample(connection: Connection) -> _Sample:
    """How often trigrams occur in a sample of the names, kept for a minute: it only decides how, not what."""
    database = str(connection.engine.url)
    newest = connection.execute(sa.select(sa.func.max(files.c.seq))).scalar() or 0
    kept = _samples.get(database)
    if kept is None or kept.until < time.monotonic() or newest > 2 * kept.newest:
        chosen = random.sample(range(1, newest + 1), min(SAMPLE, newest))
        names = connection.execute(sa.select(files.c.filename_folded).where(files.c.seq.in_(chosen))).scalars().all()
        seen = Counter(t for name in names for t in {name[i : i + TRIGRAM] for i in range(len(name) - TRIGRAM + 1)})
        kept = _samples[database] = _Sample(seen, list(names), newest, time.monotonic() + SAMPLE_SECONDS)
    return kept


def _quoted(trigram: str) -> str:
    return '"' + trigram.replace('"', '""') + '"'
