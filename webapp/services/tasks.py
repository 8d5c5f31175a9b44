"""Background tasks: when each is due, who runs it, and how it went.

The rows are the truth. A queue only carries the names of tasks that are due, and it may
lose them or carry them twice: whoever gets a name has to claim its row before it runs it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from webapp import db
from webapp.db import table
from webapp.models import Task, WorkerNode
from webapp.services.access import Caller, Permission
from webapp.services.errors import NotFoundError

BEAT_SECONDS = 10.0
"""How often a worker says that it is alive, and renews what it has claimed."""
LEASE = timedelta(seconds=30)
"""How long a claim holds that is not renewed: then the one that made it is taken for dead."""
ALIVE = timedelta(seconds=30)
RETRY_SECONDS = 60.0
"""A task that failed is tried again after its interval, or after this if that is shorter."""
GONE = timedelta(days=1)
"""Nodes that were not heard of for so long are forgotten, with what was for them alone."""
UNKNOWN = timedelta(days=7)
"""So are tasks that were due for so long: no version that still runs knows them."""
LOST = "lost"
"""The error of a run that never ended: its worker was killed, or cut off from the database."""

_tasks = table(Task)
_nodes = table(WorkerNode)


@dataclass(frozen=True, kw_only=True)
class BackgroundTask:
    """Something that is done again and again. It has to be idempotent: after a crash it is done once more."""

    name: str
    every: float
    """Seconds from the beginning of one run to that of the next."""
    run: Callable[[], int]
    """Returns how many things were done."""
    per_node: bool = False
    """Each node does it for itself, instead of one node for all."""

    def row(self, node: str) -> str:
        """The name of its row."""
        return f"{self.name}@{node}" if self.per_node else self.name


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskOut:
    """A task and how its runs went."""

    name: str = field(metadata={"help": "Of its row: with the node, if each node does it for itself."})
    title: str = field(metadata={"help": "What is done."})
    node: str | None = field(metadata={"help": "The node that does it for itself; null: one does it for all."})
    every_seconds: int = field(metadata={"minimum": 0})
    state: str = field(
        metadata={"choices": ("waiting", "running", "overdue", "away"), "help": "`away`: its node is not there."}
    )
    due_at: datetime
    running_since: datetime | None
    running_on: str | None
    last_run_at: datetime | None = field(metadata={"help": "When the last run ended."})
    last_ms: int | None = field(metadata={"help": "How long that took."})
    last_count: int | None = field(metadata={"help": "How many things the last run without an error did."})
    failing: bool = field(metadata={"help": "The last run failed, or never ended."})
    last_error: str | None = field(metadata={"help": "The kind of the last error; the log has the rest."})
    last_error_at: datetime | None
    runs: int
    failures: int


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeOut:
    """A background worker."""

    id: str
    host: str
    pid: int
    version: str
    started_at: datetime
    seen_at: datetime
    alive: bool = field(metadata={"help": "It was heard of within the last 30 seconds."})


class TaskService:
    """The rows of tasks and of the workers that run them."""

    # --- for workers ----------------------------------------------------------------

    def join(self, node: str, host: str, pid: int, version: str, tasks: Iterable[BackgroundTask]) -> None:
        """Say that this node has a worker now, and make sure that its tasks have their rows.

        What the node had claimed before is free: the worker that had claimed it is gone.
        """
        now = datetime.now(UTC)
        worker = {"id": node, "host": host, "pid": pid, "version": version, "started_at": now, "seen_at": now}
        rows = {task.row(node): task.every for task in tasks}
        with db.transaction() as tx:
            insert = postgresql.insert if tx.connection.dialect.name == "postgresql" else sqlite.insert
            new = insert(_nodes).values(worker)
            tx.execute(new.on_conflict_do_update(index_elements=[_nodes.c.id], set_=worker))
            for name, every in rows.items():
                row = {"name": name, "interval_seconds": every, "due_at": now, "runs": 0, "failures": 0}
                again = {"interval_seconds": every}
                added = insert(_tasks).values(row)
                tx.execute(added.on_conflict_do_update(index_elements=[_tasks.c.name], set_=again))
            # All run at the start, for what may have been left; and what nobody was there for is not due since long.
            tx.execute(sa.update(_tasks).where(_tasks.c.name.in_(rows)).values(due_at=now))
            tx.execute(sa.update(_tasks).where(_tasks.c.holder == node).values(lease_until=now - LEASE))

    def beat(self, node: str, running: Iterable[str]) -> bool:
        """Say that the worker of this node is alive, and keep what it is running.

        False where it was so long silent that it is forgotten: it has to :meth:`join` again.
        """
        now = datetime.now(UTC)
        mine = sa.and_(_tasks.c.holder == node, _tasks.c.name.in_(sorted(running)))
        with db.transaction() as tx:
            known = tx.execute(sa.update(_nodes).where(_nodes.c.id == node).values(seen_at=now)).rowcount
            tx.execute(sa.update(_tasks).where(mine).values(lease_until=now + LEASE))
        return bool(known)

    def due(self, names: Sequence[str]) -> list[str]:
        """Which of these are to be run now, the longest waiting first."""
        now = datetime.now(UTC)
        wanted = sa.select(_tasks.c.name).where(_tasks.c.name.in_(names), _is_free(now)).order_by(_tasks.c.due_at)
        with db.read() as connection:
            return list(connection.execute(wanted).scalars())

    def claim(self, name: str, every: float, node: str) -> bool:
        """Whether this node is the one to run it now; it counts as running until :meth:`finish`."""
        now = datetime.now(UTC)
        lost = _tasks.c.holder.is_not(None)
        values: dict[str, Any] = {
            "holder": node,
            "lease_until": now + LEASE,
            "started_at": now,
            "due_at": now + timedelta(seconds=every),
            "failures": _tasks.c.failures + sa.case((lost, 1), else_=0),
            "last_error": sa.case((lost, LOST), else_=_tasks.c.last_error),
            "last_error_at": sa.case((lost, _tasks.c.started_at), else_=_tasks.c.last_error_at),
        }
        with db.transaction() as tx:
            claimed = sa.update(_tasks).where(_tasks.c.name == name, _is_free(now)).values(values)
            return tx.execute(claimed).rowcount == 1

    def finish(self, name: str, every: float, node: str, ms: int, result: int | str) -> bool:
        """Note how the run went: how many things it did, or the kind of its error.

        False where another node has claimed it meanwhile: then this run does not count.
        """
        now = datetime.now(UTC)
        values: dict[str, Any] = {"holder": None, "lease_until": None, "finished_at": now, "ms": ms}
        values["runs"] = _tasks.c.runs + 1
        if isinstance(result, str):
            again = now + timedelta(seconds=min(every, RETRY_SECONDS))
            failure = {"failures": _tasks.c.failures + 1, "last_error": result, "last_error_at": now, "due_at": again}
            values |= failure
        else:
            # due_at stays: it was set by the claim, and by whoever wanted another run meanwhile.
            values["last_count"] = result
        with db.transaction() as tx:
            mine = sa.and_(_tasks.c.name == name, _tasks.c.holder == node)
            return tx.execute(sa.update(_tasks).where(mine).values(values)).rowcount == 1

    def forget_gone(self) -> int:
        """Delete workers that are gone and tasks that nobody runs any more; returns how many rows that were."""
        now = datetime.now(UTC)
        # What a node had claimed that was killed, and that no other one may claim, is free as well.
        free = sa.or_(_tasks.c.holder.is_(None), _tasks.c.lease_until < now)
        with db.transaction() as tx:
            gone = tx.execute(sa.delete(_nodes).where(_nodes.c.seen_at < now - GONE)).rowcount
            known = list(tx.execute(sa.select(_nodes.c.id)).scalars())
            rows = tx.execute(sa.select(_tasks.c.name, _tasks.c.due_at).where(free)).all()
            old = [row.name for row in rows if row.due_at < now - UNKNOWN or _node_of(row.name) not in (None, *known)]
            return int(gone + tx.execute(sa.delete(_tasks).where(_tasks.c.name.in_(old))).rowcount)

    # --- for those who look -----------------------------------------------------------

    def overview(self) -> list[TaskOut]:
        """All tasks, by name."""
        now = datetime.now(UTC)
        with db.read() as connection:
            here = _here(connection, now)
            return [_out(row, now, here) for row in connection.execute(sa.select(_tasks).order_by(_tasks.c.name))]

    def nodes(self) -> list[NodeOut]:
        """All workers that were there lately, by host."""
        now = datetime.now(UTC)
        with db.read() as connection:
            rows = connection.execute(sa.select(_nodes).order_by(_nodes.c.host, _nodes.c.id)).mappings().all()
        return [NodeOut(**row, alive=row["seen_at"] > now - ALIVE) for row in rows]

    def is_alive(self) -> bool:
        """Whether some worker was heard of lately."""
        recent = sa.select(_nodes.c.id).where(_nodes.c.seen_at > datetime.now(UTC) - ALIVE).limit(1)
        with db.read() as connection:
            return connection.execute(recent).first() is not None

    def run_now(self, caller: Caller, name: str) -> None:
        """Have a task run as soon as a worker sees to it; one that is running is run once more afterwards.

        Raises:
            ForbiddenError: the caller may not.
            NotFoundError: there is no such task.
        """
        caller.require(Permission.SYSTEM)
        with db.transaction() as tx:
            wanted = sa.update(_tasks).where(_tasks.c.name == name).values(due_at=datetime.now(UTC))
            if tx.execute(wanted).rowcount != 1:
                raise NotFoundError(f"no task {name!r}")

    def get(self, name: str) -> TaskOut:
        """One task.

        Raises:
            NotFoundError: there is no such task.
        """
        with db.read() as connection:
            now = datetime.now(UTC)
            row = connection.execute(sa.select(_tasks).where(_tasks.c.name == name)).first()
            here = _here(connection, now)
        if row is None:
            raise NotFoundError(f"no task {name!r}")
        return _out(row, now, here)


def _is_free(now: datetime) -> sa.ColumnElement[bool]:
    """Due and not running; or begun by one that is not heard of any more, which is due at once."""
    waiting = sa.and_(_tasks.c.holder.is_(None), _tasks.c.due_at <= now)
    return sa.or_(waiting, sa.and_(_tasks.c.holder.is_not(None), _tasks.c.lease_until < now))


def _node_of(name: str) -> str | None:
    return name.partition("@")[2] or None


def _here(connection: Connection, now: datetime) -> set[str]:
    """The nodes whose workers are alive."""
    return set(connection.execute(sa.select(_nodes.c.id).where(_nodes.c.seen_at > now - ALIVE)).scalars())


def _out(row: Any, now: datetime, here: set[str]) -> TaskOut:
    running = row.holder is not None and row.lease_until >= now
    away = _node_of(row.name) not in (None, *here)
    overdue = not running and row.due_at < now - ALIVE
    return TaskOut(
        name=row.name,
        title=row.name.partition("@")[0],
        node=_node_of(row.name),
        every_seconds=round(row.interval_seconds),
        state="running" if running else "away" if away else "overdue" if overdue else "waiting",
        due_at=row.due_at,
        running_since=row.started_at if running else None,
        running_on=row.holder if running else None,
        last_run_at=row.finished_at,
        last_ms=row.ms,
        last_count=row.last_count,
        failing=row.last_error_at is not None and (row.finished_at is None or row.last_error_at >= row.finished_at),
        last_error=row.last_error,
        last_error_at=row.last_error_at,
        runs=row.runs,
        failures=row.failures,
    )
