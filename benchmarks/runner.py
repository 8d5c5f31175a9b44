"""Measure rows: their subjects in turn, round after round, so that a noisy minute hits all of them."""

import statistics
import sys
from dataclasses import dataclass, field

from benchmarks.clients import ClientError
from benchmarks.processes import StartError
from benchmarks.shapes import Row, Sample, Subjects, Target
from benchmarks.stage import Stage

FAILURES = (ClientError, StartError, OSError)


@dataclass
class Result:
    """The samples of one row."""

    row: Row
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def median(self, subject: str) -> float | None:
        """The median of a subject; None where it was not measured, or not without failures."""
        values = [sample.value for sample in self._good(subject)]
        return statistics.median(values) if values else None

    def worst(self, target: Target) -> float | None:
        """The sample whose detail is furthest from what the target wants: a ceiling holds for all of them."""
        values = [sample.details[target.detail] for sample in self._good(target.subject)]
        return (min if target.at_least else max)(values, default=None)

    def _good(self, subject: str) -> list[Sample]:
        return [] if subject in self.errors else self.samples.get(subject, [])


@dataclass(frozen=True)
class Verdict:
    """What became of a target: the figure it is judged by, and whether that is enough."""

    target: Target
    value: float | None
    reference: float | None
    ratio: float | None
    met: bool | None


def measure(row: Row, stage: Stage) -> Result:
    """All rounds of a row. A failing subject is left out of the rest, and said so."""
    result = Result(row)
    try:
        with row.open(stage) as subjects:
            result.samples = {name: [] for name in subjects}
            for turn in range(stage.plan.slow_rounds if row.slow else stage.plan.rounds):
                _round(result, subjects, backwards=turn % 2 == 1)
    except FAILURES as error:
        result.errors["all"] = str(error)
        _say(f"{row.name}: {error}")
    return result


def _round(result: Result, subjects: Subjects, *, backwards: bool) -> None:
    for name in reversed(subjects) if backwards else subjects:
        if name in result.errors:
            continue
        try:
            sample = subjects[name]()
        except FAILURES as error:
            result.errors[name] = str(error)
            _say(f"{result.row.name}, {name}: {error}")
        else:
            result.samples[name].append(sample)
            _say(f"{result.row.name}, {name}: {sample.value:,.2f} {result.row.unit}")


def judge(result: Result, target: Target) -> Verdict:
    """Hold the medians of a row to one of its targets."""
    value = result.worst(target) if target.detail else result.median(target.subject)
    reference = result.median(target.reference) if target.reference else 1.0
    if value is None or not reference:
        return Verdict(target, value, reference, None, None)
    ratio = value / reference
    met = ratio >= target.factor if target.at_least else ratio <= target.factor
    return Verdict(target, value, reference, ratio, met)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
