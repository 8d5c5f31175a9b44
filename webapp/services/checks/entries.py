"""The checks that are entered, and how they did."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from webapp.contracts.checks import Check, DirectUploadCheck, UploadCheck, UploadInfo
from webapp.contracts.errors import ConfigurationError
from webapp.services.checks.runs import Run
from webapp.services.failures import told

PATIENCE = 30.0
"""Seconds that one call of a check may take, unless it says otherwise."""
MOST_PATIENCE = 300.0

Outcome = Literal["passed", "refused", "failed", "hung"]
Tell = Callable[[str, Outcome], object]
"""Told the plugin, and how one of its checks ended."""
Call = Callable[[UploadInfo], Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckOut:
    """A check, and how it did in this process since its start."""

    plugin: str
    name: str
    """What its author calls it: the function or class."""
    required: bool
    passed: int
    refused: int
    failed: int
    """It raised something else, or gave an answer that cannot be used."""
    hung: int
    """It did not return in time."""
    hangs: int
    """How many of those calls have not returned until now."""
    last_error: str | None
    """Type and first line."""
    last_failed_at: datetime | None


class Entry:
    """A check that is entered."""

    def __init__(self, plugin: str, check: Check, *, required: bool, tell: Tell) -> None:
        """Take ``check`` in.

        Raises:
            ConfigurationError: it is none.
        """
        begin: Any = check.begin if isinstance(check, UploadCheck) else check
        is_class_of_checks = isinstance(check, type) and begin is not check
        if not callable(begin) or is_class_of_checks:
            raise ConfigurationError("a check of uploads is a function, or an object with begin(info)")
        self.plugin = plugin
        self.required = required
        self.begin: Call = begin
        self.announce: Call | None = check.announce if isinstance(check, DirectUploadCheck) else None
        self.patience = _patience(check)
        self.name = str(getattr(check, "__qualname__", type(check).__qualname__))
        self._tell = tell
        self._counts: dict[Outcome, int] = {"passed": 0, "refused": 0, "failed": 0, "hung": 0}
        self._last_error: str | None = None
        self._last_failed_at: datetime | None = None
        self._hanging: list[Run] = []
        self._lock = threading.Lock()

    def count(self, outcome: Outcome, error: BaseException | None = None) -> None:
        """Note how it ended this time."""
        with self._lock:
            self._counts[outcome] += 1
            if error is not None:
                self._last_error = told(error)
                self._last_failed_at = datetime.now(UTC)
        self._tell(self.plugin, outcome)

    def keeps_thread(self, run: Run) -> None:
        """Note a run that hangs."""
        with self._lock:
            self._hanging.append(run)

    def hanging(self) -> int:
        """How many runs hang now."""
        with self._lock:
            if self._hanging:
                self._hanging = [run for run in self._hanging if not run.is_over()]
            return len(self._hanging)

    def shown(self) -> CheckOut:
        """What people see of it."""
        return CheckOut(
            plugin=self.plugin,
            name=self.name,
            required=self.required,
            hangs=self.hanging(),
            last_error=self._last_error,
            last_failed_at=self._last_failed_at,
            **self._counts,
        )


def _patience(check: Check) -> float:
    patience = getattr(check, "patience", PATIENCE)
    if not isinstance(patience, int | float) or not 0 < patience <= MOST_PATIENCE:
        raise ConfigurationError(f"patience is a number of seconds, at most {MOST_PATIENCE:g}")
    return float(patience)
