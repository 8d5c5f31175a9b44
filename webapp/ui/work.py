"""What is done to all files that match: step by step, so that no request takes long and a closed browser harms none."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from webapp.http.context import caller, services
from webapp.ui import selections
from webapp.ui.addresses import query_of
from webapp.ui.selections import Selection
from webapp.ui.states import read

SECONDS = 1.5
"""About how long one request works."""
STEP = 1000


@dataclass(frozen=True, kw_only=True)
class Work:
    """Something that is done to many files."""

    kind: str
    """``trashed``, ``restored``, ``purged`` or ``undone``."""
    query: str = ""
    trash: bool = False
    moment: datetime
    """Only files that were there at this moment."""
    stamp: datetime
    """What goes to the trash together bears this time: by it, it can be brought back together."""
    total: int
    done: int = 0
    finished: bool = False

    @property
    def token(self) -> str:
        """Stands for what is left."""
        return selections.work(asdict(self))


def start(kind: str, selection: Selection) -> Work:
    """Prepare to do something to all files of a selection."""
    listing = selection.state.listing(selection.moment)
    total, _ = services().bulk.count(caller(), listing, selection.moment)
    now = datetime.now(UTC)
    return Work(
        kind=kind, query=selection.query, trash=selection.trash, moment=selection.moment, stamp=now, total=total
    )


def undo(token: str) -> Work:
    """Prepare to bring back what went to the trash together."""
    moment = selections.read_batch(token)
    return Work(kind="undone", trash=True, moment=moment, stamp=moment, total=0)


def go_on(token: str) -> Work:
    """Take up work where it was left."""
    return Work(**selections.read_work(token))


def step(work: Work) -> Work:
    """Do a part of it, for about :data:`SECONDS`."""
    do = _doing(work)
    until = time.monotonic() + SECONDS
    done = work.done
    while True:
        moved = do()
        done += moved
        if moved < STEP:
            return replace(work, done=done, total=max(work.total, done), finished=True)
        if time.monotonic() > until:
            return replace(work, done=done, total=max(work.total, done))


def _doing(work: Work) -> Callable[[], int]:
    bulk, who = services().bulk, caller()
    if work.kind == "undone":
        return lambda: bulk.restore_batch(who, work.stamp, STEP)
    listing = read(query_of(f"?{work.query}"), trash=work.trash).listing(work.moment)
    if work.kind == "trashed":
        return lambda: bulk.trash(who, listing, work.moment, work.stamp, STEP)
    if work.kind == "restored":
        return lambda: bulk.restore(who, listing, work.moment, STEP)
    return lambda: bulk.purge(who, listing, work.moment, STEP)
