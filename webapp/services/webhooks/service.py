"""Webhooks: made, changed, paused, tested; and what was sent to them."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa

from webapp import db
from webapp.config import Config
from webapp.contracts.events import WebhookChanged, WebhookCreated, WebhookDeleted
from webapp.services.access import Caller, Permission
from webapp.services.delivery import event_log, message
from webapp.services.delivery import rows as subscribers
from webapp.services.delivery.targets import Logged
from webapp.services.errors import NotFoundError, RateLimitedError, ValidationError
from webapp.services.settings import SettingsService
from webapp.services.settings.sealing import Sealer, UnreadableSecretError
from webapp.services.webhooks import deliveries, rows, signing
from webapp.services.webhooks.checking import checked
from webapp.services.webhooks.rows import as_out, webhooks
from webapp.services.webhooks.sending import Sender
from webapp.services.webhooks.signing import Secrets
from webapp.services.webhooks.target import WebhookTarget
from webapp.services.webhooks.views import (
    STATES,
    AttemptOut,
    DeliveryOut,
    DeliveryPage,
    TestResult,
    WebhookIn,
    WebhookOut,
)

MOST = 100
"""Webhooks of an installation: each has a thread of the worker."""
MOST_DELIVERIES = 200
TESTS_AT_ONCE = 4
"""Each of them holds a thread that requests need too."""
LOOK_SECONDS = 1.0
"""Nobody waits longer for a change in another process."""
_HOPEFUL: Mapping[str, Any] = {"failures": 0, "failing_since": None}


class WebhookService:
    """The webhooks of this installation. Every method with a caller needs the permission ``admin.webhooks``."""

    def __init__(self, settings: SettingsService, config: Config) -> None:
        """Secrets are sealed as those of the settings are, and resealed with them."""
        self._sender = Sender(settings.sealer, config)
        settings.also_reseal(_reseal)
        self._testing = threading.BoundedSemaphore(TESTS_AT_ONCE)
        self._lock = threading.Lock()
        self._targets: dict[UUID, WebhookTarget] = {}
        self._looked = float("-inf")

    # --- webhooks -------------------------------------------------------------------

    def create(self, caller: Caller, wanted: WebhookIn) -> tuple[WebhookOut, str]:
        """Make a webhook that is told of what happens from now on; returns its secret too.

        Raises:
            ValidationError: a field is wrong.
        """
        caller.require(Permission.WEBHOOKS)
        given = {"url": wanted.url, "description": wanted.description, "types": wanted.types}
        values = self._checked({**given, "secret": wanted.secret} if wanted.secret else given)
        secret = values.pop("secret", None) or signing.new_secret()
        webhook_id, now = uuid4(), datetime.now(UTC)
        row = {
            "id": webhook_id,
            **values,
            **_HOPEFUL,
            "sealed": signing.sealed(self._sender.sealer, webhook_id, Secrets(current=secret)),
            "created_at": now,
            "created_by": caller.user_id,
            "updated_at": now,
        }
        event_log.place_new()
        with self._changing() as tx:
            if tx.execute(sa.select(sa.func.count()).select_from(webhooks)).scalar_one() >= MOST:
                raise ValidationError({"url": ("too_many", {"most": MOST})})
            tx.execute(sa.insert(webhooks).values(row))
            subscribers.subscribe(tx, [rows.subscriber(webhook_id)])
            tx.emit(WebhookCreated(webhook_id=str(webhook_id), host=rows.host(row["url"]), **caller.actor))
            made = as_out(rows.one(tx.connection, webhook_id))
        return made, secret

    def list(self, caller: Caller) -> list[WebhookOut]:
        """All webhooks, the newest first."""
        caller.require(Permission.WEBHOOKS)
        query = sa.select(webhooks).order_by(webhooks.c.created_at.desc(), webhooks.c.id)
        with db.read() as connection:
            return [as_out(row) for row in connection.execute(query)]

    def get(self, caller: Caller, webhook_id: UUID) -> WebhookOut:
        """One webhook.

        Raises:
            NotFoundError: there is none of this id.
        """
        caller.require(Permission.WEBHOOKS)
        with db.read() as connection:
            return as_out(rows.one(connection, webhook_id))

    def change(self, caller: Caller, webhook_id: UUID, values: Mapping[str, object]) -> WebhookOut:
        """Change any of ``url``, ``description`` and ``types``. Another address is tried at once.

        Raises:
            NotFoundError: there is none of this id.
            ValidationError: a field is wrong.
        """
        self.get(caller, webhook_id)
        if "secret" in values:
            raise ValidationError({"secret": "unknown_field"})
        wanted = self._checked(values)
        with self._changing() as tx:
            row = rows.one(tx.connection, webhook_id, to_change=True)
            changes = {name: value for name, value in wanted.items() if value != getattr(row, name)}
            if "url" in changes:
                deliveries.hurry(tx, rows.subscriber(webhook_id))
            more = _HOPEFUL if "url" in changes else {}
            return self._changed(tx, caller, webhook_id, sorted(changes), {**changes, **more})

    def delete(self, caller: Caller, webhook_id: UUID) -> None:
        """Remove a webhook, with what waits for it and what was sent.

        Raises:
            NotFoundError: there is none of this id.
        """
        caller.require(Permission.WEBHOOKS)
        with self._changing() as tx:
            row = tx.execute(sa.delete(webhooks).where(webhooks.c.id == webhook_id).returning(webhooks.c.url)).first()
            if row is None:
                raise NotFoundError("no such webhook")
            subscribers.forget(tx, rows.subscriber(webhook_id))
            tx.emit(WebhookDeleted(webhook_id=str(webhook_id), host=rows.host(row.url), **caller.actor))

    def rotate(self, caller: Caller, webhook_id: UUID, secret: str | None = None) -> str:
        """Give it another secret, and return that. For a day messages are signed with both.

        Raises:
            NotFoundError: there is none of this id.
            ValidationError: that is no secret.
        """
        caller.require(Permission.WEBHOOKS)
        secret = self._checked({"secret": secret})["secret"] if secret else signing.new_secret()
        with self._changing() as tx:
            row = rows.one(tx.connection, webhook_id, to_change=True)
            try:
                keys = signing.opened(self._sender.sealer, webhook_id, row.sealed).replaced(secret, datetime.now(UTC))
            except UnreadableSecretError:
                keys = Secrets(current=secret)
            sealed = signing.sealed(self._sender.sealer, webhook_id, keys)
            self._changed(tx, caller, webhook_id, ["secret"], {"sealed": sealed})
        return secret

    # --- sending --------------------------------------------------------------------

    def pause(self, caller: Caller, webhook_id: UUID) -> WebhookOut:
        """Send nothing until it is resumed; nothing is lost meanwhile.

        Raises:
            NotFoundError: there is none of this id.
        """
        caller.require(Permission.WEBHOOKS)
        with self._changing() as tx:
            row = rows.one(tx.connection, webhook_id, to_change=True)
            names = ["active"] if row.paused_reason is None else []
            values = {"paused_reason": "manual", "paused_at": datetime.now(UTC)} if names else {}
            return self._changed(tx, caller, webhook_id, names, values)

    def resume(self, caller: Caller, webhook_id: UUID) -> WebhookOut:
        """Go on where it stopped, at once.

        Raises:
            NotFoundError: there is none of this id.
        """
        caller.require(Permission.WEBHOOKS)
        with self._changing() as tx:
            row = rows.one(tx.connection, webhook_id, to_change=True)
            names = [] if row.paused_reason is None else ["active"]
            deliveries.hurry(tx, rows.subscriber(webhook_id))
            values = {"paused_reason": None, "paused_at": None, **_HOPEFUL}
            return self._changed(tx, caller, webhook_id, names, values)

    def test(self, caller: Caller, webhook_id: UUID) -> TestResult:
        """Send a test now, also to one that is paused, and tell how that went. If well, what waits is due at once.

        Raises:
            NotFoundError: there is none of this id.
            RateLimitedError: too many tests are under way.
        """
        caller.require(Permission.WEBHOOKS)
        with db.read() as connection:
            row = rows.one(connection, webhook_id)
        if not self._testing.acquire(blocking=False):
            raise RateLimitedError("too many test deliveries", retry_after=10)
        try:
            logged = _test_event(caller, webhook_id)
            outcome = self._sender.send(row.id, row.url, row.sealed, logged)
        finally:
            self._testing.release()
        with self._changing() as tx:
            rows.one(tx.connection, webhook_id, to_change=True)
            delivery_id = deliveries.keep_test(tx, rows.subscriber(webhook_id), logged, outcome)
            if outcome.ok:
                tx.execute(sa.update(webhooks).where(webhooks.c.id == webhook_id).values(_HOPEFUL))
                deliveries.hurry(tx, rows.subscriber(webhook_id))
        return TestResult(ok=outcome.ok, code=outcome.code, ms=outcome.ms, cause=outcome.cause, delivery_id=delivery_id)

    def targets(self) -> "Sequence[WebhookTarget]":
        """Every webhook as something that can be told of events."""
        with self._lock:
            if time.monotonic() - self._looked >= LOOK_SECONDS:
                self._look()
            return [*self._targets.values()]

    # --- what was sent --------------------------------------------------------------

    def deliveries(
        self, caller: Caller, webhook_id: UUID, state: str | None = None, before: int | None = None, limit: int = 50
    ) -> DeliveryPage:
        """What was sent, or waits, the newest first.

        Raises:
            NotFoundError: there is none of this id.
            ValidationError: there is no such state.
        """
        caller.require(Permission.WEBHOOKS)
        if state is not None and state not in STATES:
            raise ValidationError({"state": "not_a_choice"})
        limit = max(1, min(limit, MOST_DELIVERIES))
        with db.read() as connection:
            rows.one(connection, webhook_id)
            return deliveries.page(connection, rows.subscriber(webhook_id), state, before, limit)

    def delivery(
        self, caller: Caller, webhook_id: UUID, delivery_id: UUID
    ) -> tuple[DeliveryOut, "Sequence[AttemptOut]"]:
        """One delivery with its attempts, the first one first.

        Raises:
            NotFoundError: there is no such webhook or delivery.
        """
        caller.require(Permission.WEBHOOKS)
        with db.read() as connection:
            return deliveries.one(connection, rows.subscriber(webhook_id), delivery_id)

    def replay(self, caller: Caller, webhook_id: UUID, delivery_id: UUID) -> DeliveryOut:
        """Send it again, as soon as the worker comes to it.

        Raises:
            NotFoundError: there is no such webhook or delivery.
            ConflictError: it was a test, or the event is not kept any more.
        """
        caller.require(Permission.WEBHOOKS)
        with self._changing() as tx:
            rows.one(tx.connection, webhook_id, to_change=True)
            found = deliveries.replay(tx, rows.subscriber(webhook_id), delivery_id)
            # Whoever replays expects it to be tried now, also where the address is left alone for a while.
            tx.execute(sa.update(webhooks).where(webhooks.c.id == webhook_id).values(failures=0))
        return found

    # --- inside ---------------------------------------------------------------------

    def _checked(self, values: Mapping[str, object]) -> dict[str, Any]:
        return checked(values, allow_private=self._sender.allow_private)

    @contextmanager
    def _changing(self) -> Iterator[db.Transaction]:
        with db.transaction() as tx:
            yield tx
        with self._lock:
            self._looked = float("-inf")

    def _changed(
        self, tx: db.Transaction, caller: Caller, webhook_id: UUID, names: "Sequence[str]", values: Mapping[str, Any]
    ) -> WebhookOut:
        """Write the values, and that of these names something changed."""
        if names or values:
            now = {"updated_at": datetime.now(UTC)} if names else {}
            tx.execute(sa.update(webhooks).where(webhooks.c.id == webhook_id).values({**values, **now}))
        out = as_out(rows.one(tx.connection, webhook_id))
        if names:
            event = WebhookChanged(webhook_id=str(webhook_id), host=out.host, names=tuple(names), **caller.actor)
            tx.emit(event)
        return out

    def _look(self) -> None:
        looked = time.monotonic()
        with db.read() as connection:
            found = connection.execute(sa.select(webhooks).order_by(webhooks.c.created_at, webhooks.c.id)).all()
        for row in found:
            if row.id in self._targets:
                self._targets[row.id].update(row)
            else:
                self._targets[row.id] = WebhookTarget(row, self._sender)
        self._targets = {row.id: self._targets[row.id] for row in found}
        self._looked = looked


def _reseal(tx: db.Transaction, sealer: Sealer) -> int:
    done = 0
    # Locked: what is sealed again must not be a secret that somebody changes meanwhile.
    for row in tx.execute(sa.select(webhooks.c.id, webhooks.c.sealed).order_by(webhooks.c.id).with_for_update()).all():
        if (anew := sealer.reseal(row.sealed)) is not None:
            tx.execute(sa.update(webhooks).where(webhooks.c.id == row.id).values(sealed=anew))
            done += 1
    return done


def _test_event(caller: Caller, webhook_id: UUID) -> Logged:
    return Logged(
        seq=0,
        position=0,
        event_id=uuid4(),
        name=message.TEST_NAME,
        occurred_at=datetime.now(UTC),
        actor_id=str(caller.user_id),
        actor_name=caller.username,
        request_id=caller.request_id,
        subject_id=str(webhook_id),
        payload={"webhook_id": str(webhook_id)},
    )
