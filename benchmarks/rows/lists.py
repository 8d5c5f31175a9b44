"""What a list costs as the table grows: Stowage against itself."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from benchmarks import wrk
from benchmarks.clients import Load
from benchmarks.shapes import Row, Sample, Subjects, Target, watched
from benchmarks.stage import Plan, Stage
from benchmarks.stowage import API, Stowage

PER_PAGE = 20
PAGE = "/file-storage/"
Paths = Callable[[Stowage, int], list[str]]


def rows(plan: Plan) -> list[Row]:
    """The operations of OPERATIONS, at each number of rows."""
    few, many = f"{min(plan.depths):,} rows", f"{max(plan.depths):,} rows"
    return [
        Row(
            name=f"lists-{name}",
            title=title,
            group="Lists",
            unit="ms",
            open=partial(_at_depths, paths=paths),
            targets=(Target(subject=many, reference=few, factor=1.5, at_least=False),),
        )
        for name, title, paths in OPERATIONS
    ]


def _first(_server: Stowage, _rows: int) -> list[str]:
    return [f"{API}/files?per_page={PER_PAGE}"]


def _ids(server: Stowage, rows: int) -> list[str]:
    pages = rows // 200
    spread = sorted({1, max(1, pages // 4), max(1, pages // 2), max(1, pages)})
    found = [item for page in spread for item in _page(server, f"page={page}&per_page=200")["items"][::20]]
    return [f"{API}/files/{item['id']}" for item in found]


def _few_match(_server: Stowage, _rows: int) -> list[str]:
    return [f"{API}/files?per_page={PER_PAGE}&q=report-000001"]


def _many_match(_server: Stowage, _rows: int) -> list[str]:
    return [f"{API}/files?per_page={PER_PAGE}&q=report-"]


def _half_way(server: Stowage, rows: int, sort: str = "-created_at") -> list[str]:
    order = f"per_page={PER_PAGE}&sort={sort}"
    cursor = _page(server, f"page={rows // 2 // PER_PAGE}&{order}")["next_cursor"]
    return [f"{API}/files?{order}&cursor={cursor}"]


def _at(path: str, _server: Stowage, _rows: int) -> list[str]:
    return [path]


OPERATIONS: tuple[tuple[str, str, Paths], ...] = (
    ("first", "list: the first 20", _first),
    ("get", "get one by id", _ids),
    ("search-few", "search by prefix, 10 names match", _few_match),
    ("search-many", "search by prefix, a tenth of all names match", _many_match),
    ("cursor", "page by cursor, half way down", _half_way),
    ("cursor-name", "page by cursor, sorted by name, half way down", partial(_half_way, sort="name")),
    ("page", "HTML page Files, 50 rows", partial(_at, PAGE)),
    ("page-name", "HTML page Files, sorted by name", partial(_at, f"{PAGE}?sort=name")),
    ("page-type", "HTML page Files, one family of types", partial(_at, f"{PAGE}?type=doc")),
    ("page-date", "HTML page Files, of the last 7 days", partial(_at, f"{PAGE}?date=7d")),
    ("page-search", "HTML page Files, a tenth of all names match", partial(_at, f"{PAGE}?q=report-")),
)


def _page(server: Stowage, query: str) -> dict[str, Any]:
    return server.json(f"{API}/files?{query}")


@contextmanager
def _at_depths(stage: Stage, paths: Paths) -> Iterator[Subjects]:
    subjects = {}
    for rows in stage.plan.depths:
        if server := stage.seeded(rows):
            ask = partial(_ask, server, paths(server, rows), stage.plan.seconds / 2)
            ask()
            subjects[f"{rows:,} rows"] = watched(server, ask)
    yield subjects


def _ask(server: Stowage, paths: list[str], seconds: float) -> Sample:
    load = Load(clients=1, seconds=seconds, most=10**9)
    gets = wrk.run_gets(server.process.port, paths, server.headers, load)
    return Sample(gets.p50, {"p95 ms": gets.p95, "requests/s": gets.rate})
