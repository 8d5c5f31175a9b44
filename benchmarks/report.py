"""The results as Markdown for people, and as JSON for whoever wants to compute."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby

from benchmarks.machine import Machine
from benchmarks.runner import Result, Verdict, judge
from benchmarks.stage import Plan

MISSING = "\N{EN DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True)
class Run:
    """One run of the harness, finished or not."""

    machine: Machine
    plan: Plan
    command: str
    results: list[Result] = field(default_factory=list)
    create_rates: dict[str, float] = field(default_factory=dict)
    """Files made per second in each server's folder before it started."""


def markdown(run: Run) -> str:
    """The whole report."""
    results = run.results
    parts = ["# Results", _about(run), "## Targets", _targets(results)]
    for group, members in groupby(results, key=lambda result: result.row.group):
        parts += [f"## {group}", _medians(list(members))]
    parts += ["## Memory", _memory(results)]
    if failures := list(_failures(results)):
        parts += ["## What failed", "\n".join(failures)]
    return "\n\n".join(parts) + "\n"


def raw(run: Run) -> str:
    """Every sample."""
    rows = [
        {
            "name": result.row.name,
            "unit": result.row.unit,
            "samples": {name: [asdict(sample) for sample in samples] for name, samples in result.samples.items()},
            "errors": result.errors,
        }
        for result in run.results
    ]
    about = {"machine": asdict(run.machine), "plan": asdict(run.plan), "command": run.command}
    return json.dumps(about | {"create_rates": run.create_rates, "rows": rows}, indent=1)


def _about(run: Run) -> str:
    machine, plan = run.machine, run.plan
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    size = f"{plan.large >> 20} MiB" if plan.large < 1 << 30 else f"{plan.large >> 30} GiB"
    return "\n".join(
        [
            f"* Date: {machine.date}; command: `{run.command}`",
            f"* Machine: {machine.cpu}, {machine.cores} cores shared by clients and servers, "
            f"{machine.memory_gb} GB memory, {machine.kernel}; load before the run {machine.load:g}",
            f"* Disk: {machine.file_system}; files of 1 KB made per second before the servers started: "
            f"{min(run.create_rates.values(), default=0):,.0f} to {max(run.create_rates.values(), default=0):,.0f}",
            f"* Versions: {versions}",
            f"* Medians of {plan.rounds} interleaved rounds of {plan.seconds:g} s "
            f"(slow clients: {plan.slow_rounds} of {plan.slow_seconds:g} s); large files have {size}; "
            "MB are 10^6 bytes. Ratios hold, absolute figures belong to this machine.",
        ]
    )


def _targets(results: Iterable[Result]) -> str:
    lines = []
    for result in results:
        for target in result.row.targets:
            verdict = judge(result, target)
            what = ", ".join(part for part in (result.row.title, target.subject, target.detail) if part)
            lines.append([what, *_judged(verdict, result.row.unit)])
    return _table(["operation", "measured", "reference", "ratio", "target", "met"], lines)


def _judged(verdict: Verdict, unit: str) -> list[str]:
    target = verdict.target
    sign = "≥" if target.at_least else "≤"
    met = {True: "yes", False: "**no**", None: MISSING}[verdict.met]
    if not target.reference:
        return [_number(verdict.value), MISSING, MISSING, f"{sign} {target.factor:g}", met]
    reference = f"{target.reference}: {_number(verdict.reference)}"
    ratio = MISSING if verdict.ratio is None else f"{verdict.ratio:.2f}"
    return [
        f"{_number(verdict.value)} {unit}",
        reference,
        ratio,
        f"{sign} {target.factor:g} {TIMES} {target.reference}",
        met,
    ]


def _medians(results: Sequence[Result]) -> str:
    subjects = list(dict.fromkeys(name for result in results for name in result.samples))
    lines = [
        [result.row.title, result.row.unit, *(_number(result.median(subject)) for subject in subjects)]
        for result in results
    ]
    return _table(["operation", "unit", *subjects], lines)


def _memory(results: Sequence[Result]) -> str:
    """The largest process of each server: before the first round, and its peak over all of them."""
    lines = []
    for result in results:
        for name, samples in result.samples.items():
            peaks = [sample.details["peak MB"] for sample in samples if "peak MB" in sample.details]
            if peaks:
                before = samples[0].details["before MB"]
                lines.append([result.row.title, name, f"{before:.0f}", f"{max(peaks):.0f}"])
    return _table(["operation", "server", "MB before", "MB at its peak"], lines)


def _failures(results: Iterable[Result]) -> Iterable[str]:
    for result in results:
        for name, error in result.errors.items():
            yield f"* {result.row.title}, {name}: {error.strip().splitlines()[-1]}"


def _number(value: float | None) -> str:
    if value is None:
        return MISSING
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
