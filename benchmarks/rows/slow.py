"""What others notice while many clients upload slowly."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from benchmarks import slow
from benchmarks.servers import Server
from benchmarks.shapes import KB, Row, Sample, Subjects, Target, watched
from benchmarks.stage import Plan, Stage
from benchmarks.wrk import get_head


def rows(plan: Plan) -> list[Row]:
    """One row per server, each against its own idle value."""
    with_slow = f"with {plan.slow_clients} slow uploads"
    targets = (
        Target(subject=with_slow, reference="idle", factor=3.0, at_least=False),
        Target(subject=with_slow, detail="finished", factor=plan.slow_clients),
    )
    return [
        Row(
            name=f"slow-{name.lower()}",
            title=f"p95 of others, {name}",
            group="Slow clients",
            unit="ms",
            open=partial(_with_slow_clients, name=name, with_slow=with_slow),
            targets=targets if name == "Stowage" else (),
            slow=True,
        )
        for name in ("Stowage", "copyparty", "nginx")
    ]


@contextmanager
def _with_slow_clients(stage: Stage, name: str, with_slow: str) -> Iterator[Subjects]:
    with stage.all() as everyone:
        subjects: Subjects = {}
        for server in everyone:
            if server.name == name:
                request = get_head(server.place(KB), server.headers | {"Connection": "close"})
                subjects["idle"] = partial(_probe, server, request, stage.plan)
                subjects[with_slow] = watched(server, partial(_probe_among_slow, server, request, stage.plan))
        yield subjects


def _probe(server: Server, request: bytes, plan: Plan) -> Sample:
    return _waited(slow.probe(server.process.port, request, plan.slow_seconds / 2))


def _probe_among_slow(server: Server, request: bytes, plan: Plan) -> Sample:
    size = slow.file_size(plan.slow_seconds + 1)
    heads = [server.put_head(size) for _ in range(plan.slow_clients)]
    with slow.uploading(server.process.port, heads, size) as clients:
        seen = _waited(slow.probe(server.process.port, request, plan.slow_seconds))
    return replace(seen, details=seen.details | {"finished": float(clients.finished)})


def _waited(seen: slow.Probe) -> Sample:
    return Sample(seen.p95, {"p50 ms": seen.p50, "worst ms": seen.worst})
