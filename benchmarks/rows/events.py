"""What events cost an upload: the same program with its outbox, without it, and with somebody who listens."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial

from benchmarks import events, servers
from benchmarks.clients import Load, Outcome, Request, run_load
from benchmarks.shapes import KB, Row, Sample, Subjects, Target, clients_text, sample_of
from benchmarks.stage import Stage
from benchmarks.stowage import Stowage

WITHOUT, WITH, HEARD = "without events", "with events", "with a listener"
WORKER = "webapp.cli worker"
MOST = 3_000
TURNS = 10
LEAST = 1 / 1.1
"""An upload takes at most a tenth longer."""
WARM_UP = Load(clients=4, seconds=0.5, most=200)


def rows() -> list[Row]:
    """Each database, by one client and by 16."""
    return [_row(database, clients) for database in ("sqlite", "postgresql") for clients in (1, 16)]


def _row(database: str, clients: int) -> Row:
    return Row(
        name=f"events-{database}-{clients}",
        title=f"upload 1 KB, {clients_text(clients)}, {'SQLite' if database == 'sqlite' else 'PostgreSQL'}",
        group="Events",
        unit="requests/s",
        open=partial(_uploads, database=database, clients=clients),
        targets=(Target(subject=WITH, reference=WITHOUT, factor=LEAST),),
    )


@contextmanager
def _uploads(stage: Stage, database: str, clients: int) -> Iterator[Subjects]:
    plugins = {
        WITHOUT: events.with_plugin(stage.folder("silent"), "silent", events.SILENT),
        WITH: {},
        HEARD: events.with_plugin(stage.folder("listening"), "listening", events.LISTENING),
    }
    load = Load(clients=clients, seconds=stage.plan.seconds, most=MOST)
    with ExitStack() as stack:
        databases = None if database == "sqlite" else stack.enter_context(events.postgres())
        turns = _Turns(load)
        for name, environ in plugins.items():
            own: Mapping[str, str] = databases.new() if databases else {}
            server = stack.enter_context(stage.stowage({**environ, **own}))
            if server is not None:
                requests = server.puts(KB)
                run_load(server.process.port, requests, replace(WARM_UP, clients=min(clients, WARM_UP.clients)))
                turns.add(name, server, requests)
        yield {name: partial(turns.sample, name) for name in turns.names}


class _Turns:
    """Measures all subjects of a round together, in many short turns: the difference is small, and noise is not."""

    def __init__(self, load: Load) -> None:
        self.names: list[str] = []
        self._load = replace(load, seconds=load.seconds / TURNS)
        self._subjects: dict[str, tuple[Stowage, Iterator[Request]]] = {}
        self._measured: dict[str, Sample] = {}

    def add(self, name: str, server: Stowage, requests: Iterator[Request]) -> None:
        self.names.append(name)
        self._subjects[name] = server, requests

    def sample(self, name: str) -> Sample:
        if name not in self._measured:
            self._measured = self._round()
        return self._measured.pop(name)

    def _round(self) -> dict[str, Sample]:
        os.sync()
        before = {name: _used(server) for name, (server, _) in self._subjects.items()}
        found = {name: Outcome() for name in self.names}
        for turn in range(TURNS):
            for name in self.names if turn % 2 else reversed(self.names):
                server, requests = self._subjects[name]
                _add(found[name], run_load(server.process.port, requests, self._load))
        return {name: self._seen(name, outcome, before[name]) for name, outcome in found.items()}

    def _seen(self, name: str, outcome: Outcome, before: dict[str, float]) -> Sample:
        server, _ = self._subjects[name]
        sample = sample_of(outcome)
        used = {what: (now - before[what]) * 1000 / len(outcome.latencies) for what, now in _used(server).items()}
        servers.empty(server)
        return replace(sample, details=sample.details | used)


def _add(total: Outcome, part: Outcome) -> None:
    total.seconds += part.seconds
    total.latencies += part.latencies
    total.reconnects += part.reconnects
    for status, count in part.refused.items():
        total.refused[status] = total.refused.get(status, 0) + count


def _used(server: Stowage) -> dict[str, float]:
    """Processor time per upload: of all processes, and of the background worker among them."""
    return {"cpu ms": server.process.cpu_seconds(), "of the worker": server.process.cpu_seconds(WORKER)}
