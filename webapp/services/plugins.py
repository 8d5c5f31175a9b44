"""What was loaded beside the frame of Stowage: its own modules, plugins and backends of others, and how they fare."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from webapp import db
from webapp.db import table
from webapp.models import Delivery
from webapp.services.access import Caller, Permission
from webapp.services.checks import CheckOut, UploadChecks
from webapp.services.delivery import targets
from webapp.services.delivery.results import PARKED, WAITING
from webapp.services.delivery.service import DeliveryService, SubscriberOut
from webapp.services.errors import NotFoundError

log = logging.getLogger(__name__)

_deliveries = table(Delivery)

BUILT_IN, PLUGIN, BACKEND, STRANGER = "built_in", "plugin", "backend", "stranger"
KINDS = (BUILT_IN, PLUGIN, BACKEND, STRANGER)
ACTIVE, FAILED, GONE = "active", "failed", "gone"
STATES = (ACTIVE, FAILED, GONE)
RECENTLY = timedelta(hours=1)
"""So long a check that failed is in trouble: nothing tells whether it would work by now."""
BRINGS = ("events", "checks", "pages", "menu", "settings", "permissions", "backends", "commands")


@dataclass(kw_only=True, slots=True)
class Record:
    """What became of one module when this process started; the loader fills it in."""

    name: str
    """Of its entry point."""
    kind: str
    title: str = ""
    """What it calls itself."""
    package: str = ""
    version: str = ""
    description: str = ""
    depends_on: tuple[str, ...] = ()
    error: str | None = None
    brought: dict[str, list[str]] = field(default_factory=dict)
    receivers: dict[str, list[str]] = field(default_factory=dict)
    """Receiver to the events it is told of."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceiverOut:
    """A function of a plugin that is told of events."""

    name: str
    events: list[str] = field(metadata={"help": "Names of the events it is told of."})
    waiting: int = field(metadata={"help": "Events it failed at, that it will be told of again.", "minimum": 0})
    parked: int = field(metadata={"help": "Events it failed at too often.", "minimum": 0})


@dataclass(frozen=True, kw_only=True, slots=True)
class PluginDeliveryOut:
    """How the background worker gets on with telling a plugin."""

    behind: int = field(metadata={"help": "Events of the log that it was not told of yet.", "minimum": 0})
    oldest_at: datetime | None = field(metadata={"help": "When the first of them happened."})
    waiting: int = field(metadata={"help": "Calls that failed and will be tried again.", "minimum": 0})
    parked: int = field(metadata={"help": "Calls that failed too often.", "minimum": 0})
    delivered: int = field(metadata={"help": "Calls that went well.", "minimum": 0})
    failed: int = field(metadata={"help": "Calls that did not.", "minimum": 0})
    last_delivered_at: datetime | None
    last_failed_at: datetime | None
    last_error: str | None = field(metadata={"help": "Why the last failed call failed."})
    hung_since: datetime | None = field(metadata={"help": "A call of then has not come back."})


@dataclass(frozen=True, kw_only=True, slots=True)
class PluginOut:
    """A module: of Stowage itself, or of somebody else."""

    name: str = field(metadata={"help": "Of its entry point."})
    kind: str = field(metadata={"choices": KINDS})
    title: str = field(metadata={"help": "What it calls itself."})
    package: str = field(metadata={"help": "The package it came with; empty where it is not known."})
    version: str
    description: str
    state: str = field(
        metadata={"choices": STATES, "help": "`gone`: it listened once, and this process does not know it."}
    )
    error: str | None = field(metadata={"help": "Why it could not be loaded: type and first line."})
    depends_on: list[str]
    brings: dict[str, list[str]] = field(metadata={"help": f"What it brought, under {', '.join(BRINGS)}."})
    receivers: list[ReceiverOut]
    checks: list[CheckOut] = field(metadata={"help": "How its checks of uploads did in the process that answers."})
    delivery: PluginDeliveryOut | None = field(metadata={"help": "Null while it was never told of anything."})

    @property
    def troubled(self) -> bool:
        """Whether somebody should look after it."""
        about = self.delivery
        told = bool(about and (about.hung_since or about.parked or about.waiting))
        return self.state == FAILED or told or any(map(_fails, self.checks))

    @property
    def hangs(self) -> bool:
        """Whether some call has not come back."""
        return bool(self.delivery and self.delivery.hung_since) or any(check.hangs for check in self.checks)


class PluginService:
    """Knows what was loaded, and asks the log how far each is."""

    def __init__(self, delivery: DeliveryService, checks: UploadChecks) -> None:
        """The log is that of ``delivery``; ``checks`` knows how checks did."""
        self._delivery = delivery
        self._checks = checks
        self._records: list[Record] = []

    def add(self, record: Record) -> None:
        """Keep what became of a module."""
        self._records.append(record)

    def records(self) -> tuple[Record, ...]:
        """All of this process, in the order they were loaded."""
        return tuple(self._records)

    def overview(self, caller: Caller) -> list[PluginOut]:
        """All modules: what is in trouble first, then plugins and backends, then our own.

        Raises:
            ForbiddenError: the caller may not see them.
        """
        caller.require(Permission.SYSTEM)
        told = {each.name: each for each in self._delivery.overview() if each.name.startswith(targets.PLUGIN)}
        stuck = self._stuck(told)
        checks = self._checks.overview()
        found = [
            _as_out(
                record,
                told.pop(f"{targets.PLUGIN}{record.name}", None) if record.kind == PLUGIN else None,
                stuck,
                [check for check in checks if (record.kind, record.name) == (PLUGIN, check.plugin)],
            )
            for record in self._records
        ]
        found += [_as_out(_stranger(name), about, stuck, []) for name, about in told.items()]
        order = (PLUGIN, BACKEND, STRANGER, BUILT_IN)
        return sorted(found, key=lambda each: (not each.troubled, order.index(each.kind), each.title.casefold()))

    def get(self, caller: Caller, name: str) -> PluginOut:
        """One plugin, also one that was told of events once and is not loaded here.

        Raises:
            ForbiddenError: the caller may not see it.
            NotFoundError: there is no plugin of this name; modules of Stowage and backends are none.
        """
        # A name may be used twice, but only one of them is told of events.
        found = [each for each in self.overview(caller) if each.name == name and each.kind in (PLUGIN, STRANGER)]
        if not found:
            raise NotFoundError(f"no plugin {name!r}")
        return max(found, key=lambda each: each.delivery is not None)

    def retry(self, caller: Caller, name: str) -> int:
        """Have a plugin told again of events that it failed at too often; returns how many calls that makes.

        One that is not loaded now is told when it is. Events that are not kept any more stay parked.

        Raises:
            ForbiddenError: the caller may not.
            NotFoundError: there is no plugin of this name.
        """
        self.get(caller, name)
        count = self._delivery.retry_parked(f"{targets.PLUGIN}{name}")
        log.info("a plugin is told again of what it failed at", extra={"plugin": name, "count": count})
        return count

    @staticmethod
    def _stuck(names: Iterable[str]) -> dict[tuple[str, str, str], int]:
        """How many calls wait or are parked, by subscriber, receiver and state."""
        by = (_deliveries.c.subscriber, _deliveries.c.receiver, _deliveries.c.state)
        theirs = sa.and_(_deliveries.c.subscriber.in_(list(names)), _deliveries.c.state.in_((WAITING, PARKED)))
        with db.read() as connection:
            rows = connection.execute(sa.select(*by, sa.func.count()).where(theirs).group_by(*by))
            return {(subscriber, receiver, state): count for subscriber, receiver, state, count in rows}


def _stranger(subscriber: str) -> Record:
    name = subscriber.removeprefix(targets.PLUGIN)
    return Record(name=name, kind=STRANGER, title=name)


def _fails(check: CheckOut) -> bool:
    lately = check.last_failed_at is not None and datetime.now(UTC) - check.last_failed_at < RECENTLY
    return lately or check.hangs > 0


def _as_out(
    record: Record, about: SubscriberOut | None, stuck: dict[tuple[str, str, str], int], checks: list[CheckOut]
) -> PluginOut:
    subscriber = f"{targets.PLUGIN}{record.name}"
    names = dict.fromkeys(record.receivers)
    names.update(dict.fromkeys(receiver for whose, receiver, _ in stuck if whose == subscriber))
    return PluginOut(
        name=record.name,
        kind=record.kind,
        title=record.title or record.name,
        package=record.package,
        version=record.version,
        description=record.description,
        state=FAILED if record.error else GONE if record.kind == STRANGER else ACTIVE,
        error=record.error,
        depends_on=list(record.depends_on),
        brings={name: list(record.brought[name]) for name in BRINGS if record.brought.get(name)},
        receivers=[
            ReceiverOut(
                name=name,
                events=record.receivers.get(name, []),
                waiting=stuck.get((subscriber, name, WAITING), 0),
                parked=stuck.get((subscriber, name, PARKED), 0),
            )
            for name in names
        ],
        checks=checks,
        delivery=_delivery(about),
    )


def _delivery(about: SubscriberOut | None) -> PluginDeliveryOut | None:
    if about is None:
        return None
    return PluginDeliveryOut(
        behind=about.behind,
        oldest_at=about.oldest_at,
        waiting=about.waiting,
        parked=about.parked,
        delivered=about.delivered,
        failed=about.failed,
        last_delivered_at=about.last_delivered_at,
        last_failed_at=about.last_failed_at,
        last_error=about.last_error,
        hung_since=about.hung_since,
    )
