"""For load balancers: alive, and ready to work. No details to strangers."""

import logging
import time
from dataclasses import dataclass, field

import sqlalchemy as sa
from flask import Blueprint, Response

from webapp import db, logs
from webapp.api.describe import describe
from webapp.http import answers
from webapp.http.auth import may, public
from webapp.http.context import services
from webapp.models import User
from webapp.services.access import Permission

log = logging.getLogger(__name__)
blueprint = Blueprint("health", __name__)

GRACE_SECONDS = 60.0
"""A server that has just begun does not miss its background worker yet."""
_BEGAN = time.monotonic()
_rarely = logs.Rarely(60)  # anybody may ask, as often as they like
OK, FAILING, MISSING = "ok", "failing", "missing"


@dataclass(frozen=True, kw_only=True)
class HealthOut:
    """How it is."""

    status: str = field(metadata={"choices": ("ok", "ready", "degraded", "unavailable")})


@dataclass(frozen=True, kw_only=True)
class ReadinessOut(HealthOut):
    """How it is, and for those who may see it, why."""

    checks: dict[str, str] | None = field(
        default=None,
        metadata={
            "help": "For `admin.system` alone: `database`, `storage` and `worker` are `ok`, `failing` or `missing`.",
            "optional": True,
        },
    )


@blueprint.get("/healthz")
@public
@describe(summary="Tell whether this process answers", answers={200: HealthOut})
def healthz() -> Response:
    """This process answers."""
    return answers.json(HealthOut(status="ok"))


@blueprint.get("/readyz")
@public
@describe(
    summary="Tell whether it can work: database, storage and background worker",
    details="Callers with the permission `admin.system` are told which of them fails.",
    answers={200: ReadinessOut, 503: HealthOut},
)
def readyz() -> Response:
    """The database is there with its tables. ``degraded``: storage or worker cannot work."""
    try:
        with db.read() as connection:
            connection.execute(sa.select(User.id).limit(1))
        storage = OK if services().storage_health.is_working() else FAILING
        checks = {"database": OK, "storage": storage, "worker": _worker()}
    except Exception as exc:
        if _rarely.is_due("not ready", exc):
            log.exception("not ready")
        return answers.json(HealthOut(status="unavailable"), 503)
    # All nodes share settings and tasks: with 503, a proxy would take away the very pages that mend them.
    status = "ready" if set(checks.values()) == {OK} else "degraded"
    if may(Permission.SYSTEM):
        return answers.json(ReadinessOut(status=status, checks=checks))
    return answers.json(HealthOut(status=status))


def _worker() -> str:
    if services().tasks.is_alive() or time.monotonic() - _BEGAN < GRACE_SECONDS:
        return OK
    if _rarely.is_due("worker"):
        log.warning("no background worker was heard of lately")
    return MISSING
