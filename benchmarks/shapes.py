"""What a measurement is made of."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial

from benchmarks.clients import ClientError, Outcome
from benchmarks.servers import Server
from benchmarks.stage import Stage

KB, MB = 1 << 10, 1 << 20


@dataclass(frozen=True)
class Sample:
    """One measured figure, and what was seen beside it."""

    value: float
    details: dict[str, float] = field(default_factory=dict)


Measure = Callable[[], Sample]
Subjects = dict[str, Measure]


@dataclass(frozen=True, kw_only=True)
class Target:
    """``subject`` is at least (or at most) ``factor`` times ``reference``, or ``factor`` itself without one."""

    subject: str
    factor: float
    reference: str = ""
    at_least: bool = True
    detail: str = ""
    """The detail of the samples that is meant, instead of their value: its worst, not its median."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """An operation; ``open`` starts what it needs and yields what is then measured in turn."""

    name: str
    title: str
    group: str
    unit: str
    open: Callable[[Stage], AbstractContextManager[Subjects]]
    targets: tuple[Target, ...] = ()
    slow: bool = False


def watched(server: Server, measure: Measure) -> Measure:
    """Note the memory of the largest process beside the figure: before, and at its peak."""

    def measured() -> Sample:
        before = server.process.memory()
        server.process.reset_peak()
        sample = measure()
        memory = {"before MB": before, "peak MB": server.process.memory("VmHWM")}
        return replace(sample, details=sample.details | memory)

    return measured


def prepared(prepare: Callable[[], Measure]) -> Measure:
    """What ``prepare`` returns; where it fails, a subject that fails so, and leaves the others alone."""
    try:
        return prepare()
    except ClientError as error:
        return partial(_fail, str(error))


def _fail(sentence: str) -> Sample:
    raise ClientError(sentence)


def sample_of(outcome: Outcome) -> Sample:
    """Requests per second; an answer that was refused makes the whole measurement void."""
    if outcome.refused or not outcome.latencies:
        raise ClientError(f"answers that are none: {outcome.refused}")
    milliseconds = sorted(seconds * 1e3 for seconds in outcome.latencies)
    details = {"p50 ms": milliseconds[len(milliseconds) // 2], "p99 ms": milliseconds[int(len(milliseconds) * 0.99)]}
    return Sample(outcome.rate, details | {"reconnects": float(outcome.reconnects)})


def size_text(size: int) -> str:
    """As it is written in the names of rows."""
    return {KB: "1KB", MB: "1MB"}[size]


def clients_text(clients: int) -> str:
    """As it is written in titles."""
    return "1 client" if clients == 1 else f"{clients} clients"
