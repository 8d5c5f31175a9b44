"""Sees to it that every subscriber has a lane that is awake when the log grows."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable

from webapp import db
from webapp.events import Bell
from webapp.services.delivery import event_log, leases
from webapp.services.delivery.lanes import Context, Lane
from webapp.services.delivery.suspects import Suspects
from webapp.services.delivery.targets import Target

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
"""How often the log is looked at without a bell: other nodes ring only their own."""
TARGETS_SECONDS = 1.0
PACE_SECONDS = 0.05
"""On a server, giving events their places is a transaction, which competes with those that make them: one for many."""


class Dispatcher:
    """Runs one lane for each target that this process has the lease of."""

    def __init__(
        self,
        targets: Callable[[], list[Target]],
        holder: str,
        context: Context,
        bell: Bell | None = None,
        suspects: Suspects | None = None,
    ) -> None:
        """``targets()`` is asked again and again; ``holder`` names this node, ``context()`` is of the application."""
        self._suspects = suspects
        self._targets = targets
        self._holder = holder
        self._context = context
        self._bell = bell
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._lanes: dict[str, tuple[Lane, threading.Thread]] = {}
        self._leased = self._looked = 0.0
        self._is_embedded = True
        self._asked = 0.0

    def start(self) -> None:
        """Tell in the background until :meth:`stop`."""
        self._thread = threading.Thread(target=self._run, name="dispatcher", daemon=True)
        self._thread.start()

    def stop(self, seconds: float = 10.0) -> None:
        """Begin nothing more, and wait so long for what is running."""
        until = time.monotonic() + seconds
        self._stopping.set()
        if self._bell is not None:
            self._bell.ring()
        if self._thread is not None:
            self._thread.join(max(0.0, until - time.monotonic()))
        for lane, _ in self._lanes.values():
            lane.stop()
        for _, thread in self._lanes.values():
            thread.join(max(0.0, until - time.monotonic()))
        with self._context(), contextlib.suppress(Exception):
            leases.give_back(self._lanes, self._holder)
        self._lanes.clear()

    def stuck_seconds(self) -> float:
        """For how long some receiver cannot be called, as too many of its calls have not returned; 0: there is none."""
        since = [lane.stuck_since for lane, _ in list(self._lanes.values()) if lane.stuck_since is not None]
        return time.monotonic() - min(since) if since else 0.0

    def pump(self, patience: float = 30.0) -> None:
        """Tell all that is due now, in this thread, and return when nothing is left that does not have to wait."""
        with self._context():
            event_log.place_new()
            targets = self._targets()
            leases.take((target.name for target in targets), self._holder)
            until = time.monotonic() + patience
            for target in targets:
                lane = Lane(target, self._holder, self._context)
                lane.open()
                with db.read() as connection:
                    lane.wake(event_log.end(connection))
                while lane.step(look=True) and time.monotonic() < until:
                    time.sleep(0.002)
                lane.close()

    # --- the thread -----------------------------------------------------------------

    def _run(self) -> None:
        with contextlib.ExitStack() as stack:
            wait: Callable[[float], object] = self._stopping.wait
            if self._bell is not None:
                try:
                    wait = stack.enter_context(self._bell.listening())
                except OSError:
                    # Some file systems have no pipes.
                    log.warning("there is no bell: the log is looked at twice a second", exc_info=True)
            while not self._stopping.is_set():
                try:
                    with self._context():
                        self._look()
                except Exception:
                    log.exception("the log could not be looked at")
                    self._stopping.wait(LOOK_SECONDS)
                # Where nobody is to be told, nobody need be woken.
                (wait if self._lanes else self._stopping.wait)(LOOK_SECONDS)
                if not self._is_embedded:
                    self._stopping.wait(max(0.0, self._looked + PACE_SECONDS - time.monotonic()))

    def _look(self) -> None:
        now = self._looked = time.monotonic()
        self._is_embedded = db.db.engine.dialect.name == "sqlite"
        if now - self._asked >= TARGETS_SECONDS:
            self._asked = now
            self._match_lanes({target.name: target for target in self._targets()}, now)
        if not self._lanes:
            return  # whoever reads the log then gives the places
        event_log.place_new()
        with db.read() as connection:
            end = event_log.end(connection)
        for lane, _ in self._lanes.values():
            lane.wake(end)

    def _match_lanes(self, wanted: dict[str, Target], now: float) -> None:
        """A lane for each target we have the lease of, and no other."""
        for name, (lane, thread) in list(self._lanes.items()):
            if name not in wanted or not thread.is_alive():
                lane.stop()
                del self._lanes[name]
        missing = wanted.keys() - self._lanes.keys()
        if not missing and now - self._leased < leases.RENEW_SECONDS:
            self._renew_targets(wanted)
            return
        self._leased = now
        held = leases.take(wanted, self._holder)
        for name in self._lanes.keys() - held:
            self._lanes.pop(name)[0].stop()
        self._renew_targets(wanted)
        for name in sorted(held - self._lanes.keys()):
            self._begin(wanted[name])

    def _renew_targets(self, wanted: dict[str, Target]) -> None:
        for name, (lane, _) in self._lanes.items():
            lane.target = wanted.get(name, lane.target)

    def _begin(self, target: Target) -> None:
        lane = Lane(target, self._holder, self._context, self._suspects)
        thread = threading.Thread(target=self._lane, args=(lane,), name=f"lane {target.name}", daemon=True)
        self._lanes[target.name] = lane, thread
        thread.start()

    def _lane(self, lane: Lane) -> None:
        try:
            with self._context():
                lane.run()
        except Exception:
            log.exception("a lane ended", extra={"subscriber": lane.target.name})
