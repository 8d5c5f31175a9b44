"""What came of a connection test, in words."""

from dataclasses import dataclass

from webapp.http.i18n import has, number, t
from webapp.services.probe import ProbeResult, ProbeStep

SKIPPED = "skipped"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step: ``ok``, ``fail`` or ``skip``."""

    state: str
    label: str
    took: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Probed:
    """A test that was asked for; one whose values do not fit was never run."""

    ran: bool
    ok: bool
    took: str
    steps: list[Step]
    wrong: list[tuple[str, str, str]]
    """Name, label and what is wrong with it."""


def ran(result: ProbeResult) -> Probed:
    """A test that was run."""
    seconds = sum(step.ms for step in result.steps) / 1000
    return Probed(ran=True, ok=result.ok, took=number(seconds, 2), steps=[_told(s) for s in result.steps], wrong=[])


def not_ran(wrong: list[tuple[str, str, str]]) -> Probed:
    """One that could not be run."""
    return Probed(ran=False, ok=False, took="", steps=[], wrong=wrong)


def _told(step: ProbeStep) -> Step:
    label = f"settings.probe.steps.{step.name}"
    state = "ok" if step.ok else "skip" if step.cause == SKIPPED else "fail"
    return Step(
        state=state,
        label=t(label) if has(label) else step.name,
        took=t("settings.probe.not_run") if state == "skip" else _time(step.ms),
        why=_cause(step.cause) if state == "fail" else "",
    )


def _cause(cause: str | None) -> str:
    key = f"settings.probe.causes.{cause}"
    return t(key) if has(key) else t("settings.probe.causes.unknown")


def _time(ms: int) -> str:
    return t("settings.probe.ms", value=ms) if ms < 1000 else t("settings.probe.s", value=number(ms / 1000, 2))
