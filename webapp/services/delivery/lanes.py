"""One subscriber is told of the log: in order for each file, several files at once, and again if it fails.

A lane reads ahead a little, calls the receivers in threads, and writes down what
became of that in batches, together with how far it is. What a killed process had
not written down is told again.
"""

import contextlib
import logging
import math
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

from webapp import db
from webapp.services.delivery import event_log, leases, results, rows
from webapp.services.delivery.calls import Calls
from webapp.services.delivery.results import Result
from webapp.services.delivery.suspects import CAREFUL_CALLS, Suspects
from webapp.services.delivery.targets import Outcome, Target
from webapp.services.delivery.window import Call, Unit, Window

log = logging.getLogger(__name__)

READ_AHEAD = 100
BATCH = 50
COMMIT_SECONDS = 0.2
LOOK_SECONDS = 1.0
"""How often a lane looks for deliveries that are due again."""
COUNT_SECONDS = 5.0
"""How often deliveries that wait are counted anew where they are many."""
IDLE_LOOK_SECONDS = 5.0
"""How often it does where none waits that it knows of: somebody may have wanted one to be tried again."""
RETRY_COMMIT_SECONDS = 1.0
MOST_HUNG = 4
"""So many calls of one receiver may hang; after that it is not called any more until some return."""
STUCK_SECONDS = 30.0
"""So long what it was not called for waits at least."""
MOST_WAITING = 1000
"""A receiver that so many events wait for is not tried again for further ones; for one that hangs, the rest stays in
the log."""
CRASHED = "crashed"
"""Cause of an attempt in which the worker died."""
CURSOR_SECONDS = 5.0
"""How often it is written down that the log went on without anything to tell."""

Context = Callable[[], contextlib.AbstractContextManager[object]]


class LeaseLostError(Exception):
    """Another process tells this subscriber now."""


class Lane:
    """Tells one target. All methods but ``wake`` and ``stop`` belong to one thread."""

    def __init__(self, target: Target, holder: str, context: Context, suspects: Suspects | None = None) -> None:
        """Tell ``target`` while ``holder`` has its lease; calls run inside ``context()``."""
        self.target = target
        self._holder = holder
        self._context = context
        self._suspects = suspects or Suspects()
        self._careful = CAREFUL_CALLS if target.is_foreign and self._suspects.careful else 0
        self._calls = Calls(f"tell {target.name}")
        self._done: queue.SimpleQueue[tuple[Call, Outcome]] = queue.SimpleQueue()
        self._awake = threading.Event()
        self._stopping = threading.Event()
        self._end = 0
        self._hung: Counter[str] = Counter()
        self._hung_since: datetime | None = None
        self._told_hung: datetime | None = None
        self._committed = 0.0
        self._commit_again = 0.0
        self._looked = 0.0
        self._is_more_due = False
        self._window = Window()
        self._is_open = False
        self.stuck_since: float | None = None
        """Since when (:func:`time.monotonic`) a receiver cannot be called: too many of its calls have not returned."""
        self._position = self._read_to = 0
        self._waiting = rows.Waiting()
        self._is_counted, self._counted_at = False, -math.inf

    # --- from other threads ---------------------------------------------------------

    def wake(self, end: int) -> None:
        """The log ends there now."""
        if end != self._end:
            self._end = end
            self._awake.set()

    def stop(self) -> None:
        """Begin nothing more; :meth:`run` returns when what runs has ended."""
        self._stopping.set()
        self._awake.set()

    # --- the thread of the lane -----------------------------------------------------

    def run(self, patience: float = 10.0) -> None:
        """Tell until stopped; then wait so many seconds for what is running."""
        while not self._stopping.is_set():
            try:
                if not self._is_open:
                    self.open()
                self.step()
            except LeaseLostError:
                return
            except Exception:
                log.exception("a lane stumbled", extra={"subscriber": self.target.name})
                self._stopping.wait(RETRY_COMMIT_SECONDS)
            self._awake.wait(self._pause())
            self._awake.clear()
        self.close(patience)

    def close(self, patience: float = 10.0) -> None:
        """Wait so many seconds for what is running, and write it down."""
        until = time.monotonic() + patience
        while self._running() and time.monotonic() < until:
            self._collect()
            self._awake.wait(0.05)
            self._awake.clear()
        with contextlib.suppress(LeaseLostError):
            self._collect()
            self._commit()

    def open(self) -> None:
        """Read where the target is.

        Raises:
            LeaseLostError: it is gone.
        """
        position = rows.position(self.target.name)
        if position is None:
            raise LeaseLostError(self.target.name)
        self._position = self._read_to = position
        self._is_counted, self._counted_at = False, -math.inf
        self._count()
        self._is_open = True

    def step(self, *, look: bool = False) -> bool:
        """Do what can be done now; returns whether anything is left that does not have to wait.

        Raises:
            LeaseLostError: somebody else has this target.
        """
        self._collect()
        self._pass_by_hung()
        self.stuck_since = (self.stuck_since or time.monotonic()) if any(map(self._is_stuck, self._hung)) else None
        self._commit_if_due(at_once=look)
        if self._may_look(at_once=look):
            self._look_for_due()
        self._fill()
        if self._window.results and not self._running():
            self._commit_if_due(at_once=True)
        if self._running() or self._window.results:
            return True
        if self.target.width() <= 0:
            return False
        if self._holds():
            return any(unit.retried is not None for unit in self._window.ready)
        return bool(self._window.ready or self._end > self._read_to)

    def _pause(self) -> float:
        if self._window.results or self._window.calls:
            return COMMIT_SECONDS
        return LOOK_SECONDS

    def _running(self) -> int:
        return sum(not call.given_up for call in self._window.calls)

    # Beginning

    def _fill(self) -> None:
        width = min(self.target.width(), 1 if self._careful else self.target.concurrency)
        if width <= 0 or len(self._window.results) > 4 * BATCH:
            return
        if len(self._window.ready) < READ_AHEAD // 2 and self._end > self._read_to:
            self._read()
        while len(self._window.busy) < width and (unit := self._next()):
            self._begin(unit)

    def _read(self) -> None:
        end = self._end
        with db.read() as connection:
            # In this order: whoever changed their wishes before an event up to ``end`` has changed them by now.
            self.target.refresh(connection)
            found = event_log.read(connection, self._read_to, READ_AHEAD, self.target.wanted, end)
        for logged in found:
            unit = Unit(logged, self.target.receivers(logged.name))
            self._window.open[logged.position] = unit
            self._window.ready.append(unit)
        self._read_to = found[-1].position if len(found) == READ_AHEAD else end

    def _look_for_due(self) -> None:
        self._looked = time.monotonic()
        self._count()
        due: list[Unit] = []
        found = rows.due(self.target.name, READ_AHEAD)
        self._is_more_due = len(found) == READ_AHEAD
        for logged, retried in found:
            if retried.seq in self._window.retrying:
                continue
            if logged is None:
                rows.park(retried.seq, "pruned")
                self._waiting.add(retried.receiver, retried.ordering_key, -1)
                continue
            due.append(Unit(logged, (retried.receiver,), retried))
        self._window.retrying.update(unit.retried.seq for unit in due if unit.retried is not None)
        # Before all that is fresh: they have waited, and while one call is made at a time each has to count.
        self._window.ready.extendleft(reversed(due))

    def _may_look(self, *, at_once: bool) -> bool:
        ago = time.monotonic() - self._looked
        waits = self.target.keeps_all or self._waiting.any()
        more = self._is_more_due and not self._window.retrying
        due = at_once or more or ago >= (LOOK_SECONDS if waits else IDLE_LOOK_SECONDS)
        return due and not any(unit.retried is not None for unit in self._window.ready)

    def _next(self) -> Unit | None:
        """The first unit whose key is free; none passes an earlier one of its key."""
        taken, holds = set(self._window.busy), self._holds()
        for index, unit in enumerate(self._window.ready):
            key = unit.logged.ordering_key
            if key not in taken and not (holds and unit.retried is None):
                del self._window.ready[index]
                return unit
            taken.add(key)
        return None

    def _is_stuck(self, receiver: str) -> bool:
        return self._hung[receiver] >= MOST_HUNG

    def _holds(self) -> bool:
        """Whether to go no further in the log: a receiver that cannot be called has as many rows as it may have."""
        return any(self._is_stuck(each) and self._waiting.of(each) >= MOST_WAITING for each in self._hung)

    def _begin(self, unit: Unit) -> None:
        key, called = unit.logged.ordering_key, []
        for receiver in unit.receivers:
            if unit.retried is None and self._waiting.has(receiver, key):
                self._record(unit, receiver, None)
            elif self._suspects.has_killed(self.target.name, receiver, unit.logged.event_id):
                self._record(unit, receiver, _failed(CRASHED, "the background worker died in this call"))
            elif self._is_stuck(receiver):
                self._record(unit, receiver, None, STUCK_SECONDS)
            else:
                called.append(receiver)
        unit.open = len(called)
        if not called:
            self._close(unit)
            return
        self._window.busy.add(key)
        if careful := self._careful > 0 or (unit.retried is not None and unit.retried.cause == CRASHED):
            self._careful = max(0, self._careful - 1)
        for receiver in called:
            # A careful one waits for its turn first.
            call = Call(unit, receiver, math.inf if careful else time.monotonic(), careful)
            self._window.calls.add(call)
            self._calls.start(lambda call=call: self._call(call))  # type: ignore[misc]

    def _call(self, call: Call) -> None:
        """In a thread of its own."""
        if call.is_careful:
            self._suspects.begin(self.target.name, call.receiver, call.unit.logged.event_id)
            call.started = time.monotonic()
        attempt = 1 if call.unit.retried is None else call.unit.retried.attempts + 1
        try:
            with self._context():
                outcome = self.target.call(call.receiver, call.unit.logged, attempt)
        except BaseException as exc:
            log.exception("a delivery failed", extra={"subscriber": self.target.name})
            outcome = _failed("error", type(exc).__name__)
        self._done.put((call, outcome))
        self._awake.set()

    # Ending

    def _collect(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                call, outcome = self._done.get_nowait()
                self._window.calls.discard(call)
                if call.given_up:
                    self._hung[call.receiver] -= 1
                    self._hung_since = self._hung_since if self._hung.total() else None
                else:
                    self._end_call(call, outcome)

    def _pass_by_hung(self) -> None:
        late = time.monotonic() - self.target.patience
        for call in [each for each in self._window.calls if not each.given_up and each.started < late]:
            call.given_up = True
            self._hung[call.receiver] += 1
            self._hung_since = self._hung_since or datetime.now(UTC)
            log.error(
                "a receiver hangs; others do not wait for it",
                extra={"subscriber": self.target.name, "receiver": call.receiver, "event": call.unit.logged.name},
            )
            self._end_call(call, _failed("timeout", f"no end after {self.target.patience:g} seconds"))

    def _end_call(self, call: Call, outcome: Outcome) -> None:
        unit = call.unit
        unit.open -= 1
        self._suspects.end(self.target.name, call.receiver, unit.logged.event_id)
        if outcome.held:
            self._window.busy.discard(unit.logged.ordering_key)
            self._window.ready.appendleft(unit)
            return
        self._record(unit, call.receiver, outcome)
        if not unit.open:
            self._window.busy.discard(unit.logged.ordering_key)
            self._close(unit)

    def _close(self, unit: Unit) -> None:
        if unit.retried is None:
            self._window.open.pop(unit.logged.position, None)

    def _record(self, unit: Unit, receiver: str, outcome: Outcome | None, delay: float | None = None) -> None:
        if outcome is not None and not outcome.ok:
            tried = 1 if unit.retried is None else unit.retried.attempts + 1
            first = (unit.retried and unit.retried.first_tried_at) or outcome.at
            delay = self.target.delay(tried, outcome, first)
            if not self.target.keeps_all and unit.retried is None and self._waiting.of(receiver) >= MOST_WAITING:
                delay = None
        result = Result(logged=unit.logged, receiver=receiver, outcome=outcome, retried=unit.retried, delay=delay)
        self._window.results.append(result)
        if unit.retried is None and result.state == results.WAITING:
            self._waiting.add(receiver, unit.logged.ordering_key)

    # Writing down

    def _commit_if_due(self, *, at_once: bool) -> None:
        now = time.monotonic()
        if now < self._commit_again:
            return
        news = bool(self._window.results) or self._hung_since != self._told_hung
        moved = self._reached() > self._position
        pause = COMMIT_SECONDS if news else CURSOR_SECONDS
        due = at_once or now - self._committed >= pause or len(self._window.results) >= BATCH
        if (news or moved) and due:
            try:
                self._commit()
            except LeaseLostError:
                raise
            except Exception:
                self._commit_again = now + RETRY_COMMIT_SECONDS
                log.exception("deliveries could not be written down", extra={"subscriber": self.target.name})

    def _commit(self) -> None:
        batch, position, hung_since = self._window.results, self._reached(), self._hung_since
        if not batch and position == self._position and hung_since == self._told_hung:
            return
        with db.transaction() as tx:
            # The row of the target first, as all who change it do; so nobody waits for anybody in a circle.
            held = self.target.lock(tx) and leases.is_held(tx, self.target.name, self._holder)
            if not held or not results.write(tx, self.target, batch, position, hung_since):
                raise LeaseLostError(self.target.name)
        self._window.results = []
        again = {result.retried.seq for result in batch if result.retried is not None}
        self._window.retrying -= again
        self._position, self._told_hung, self._committed = position, hung_since, time.monotonic()
        self._is_counted = self._is_counted and not again
        self._count()  # last: the database may fail between the two

    def _count(self) -> None:
        """Those that were tried again may never have been counted: they are not counted down but anew."""
        now = time.monotonic()
        if self._is_counted or (self._waiting.total() > MOST_WAITING and now - self._counted_at < COUNT_SECONDS):
            return
        self._waiting = rows.waiting(self.target.name)
        self._is_counted, self._counted_at = True, now

    def _reached(self) -> int:
        """Everything up to here has been told, or waits in a row of its own."""
        return min(self._window.open, default=self._read_to + 1) - 1


def _failed(cause: str, error: str) -> Outcome:
    return Outcome(ok=False, at=datetime.now(UTC), ms=0, cause=cause, error=error)
