"""What live settings cost: they are read from the database at each request."""

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import settings
from benchmarks.shapes import Row, Sample, Subjects, Target
from benchmarks.stage import Stage

STORED = (0, 25)
MOST_MS = 0.3


def rows() -> list[Row]:
    """One row, with few and with many settings stored."""
    targets = tuple(Target(subject=_subject(stored), factor=MOST_MS, at_least=False) for stored in STORED)
    return [
        Row(
            name="settings-read",
            title="what reading the settings adds to a request",
            group="Settings",
            unit="ms",
            open=_reading,
            targets=targets,
        )
    ]


@contextmanager
def _reading(stage: Stage) -> Iterator[Subjects]:
    yield {_subject(stored): lambda stored=stored: _measured(stage, stored) for stored in STORED}


def _measured(stage: Stage, stored: int) -> Sample:
    found = settings.run(stage.folder("settings"), stored)
    return Sample(found["added"], {"with ms": found["with"], "without ms": found["without"]})


def _subject(stored: int) -> str:
    return f"{stored} stored"
