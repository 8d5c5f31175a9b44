"""For load balancers: alive, and ready to work. No details to strangers."""

import logging
from dataclasses import dataclass, field

import sqlalchemy as sa
from flask import Blueprint, Response

from webapp import db
from webapp.api.describe import describe
from webapp.contracts.errors import StorageError
from webapp.http import answers
from webapp.http.auth import public
from webapp.http.context import services
from webapp.models import User

log = logging.getLogger(__name__)
blueprint = Blueprint("health", __name__)


@dataclass(frozen=True, kw_only=True)
class HealthOut:
    """How it is."""

    status: str = field(metadata={"choices": ("ok", "ready", "degraded", "unavailable")})


@blueprint.get("/healthz")
@public
@describe(summary="Tell whether this process answers", answers={200: HealthOut})
def healthz() -> Response:
    """This process answers."""
    return answers.json(HealthOut(status="ok"))


@blueprint.get("/readyz")
@public
@describe(summary="Tell whether it can work: database and backend", answers={200: HealthOut, 503: HealthOut})
def readyz() -> Response:
    """The database is there with its tables. ``degraded``: the settings name no backend that can be made."""
    try:
        with db.read() as connection:
            connection.execute(sa.select(User.id).limit(1))
    except Exception:
        log.exception("not ready")
        return answers.json(HealthOut(status="unavailable"), 503)
    try:
        services().settings.active_place(services().settings.current())
    except StorageError:
        # All nodes share the settings: with 503, a proxy would take away the very page that mends them.
        log.warning("the backend in use cannot work", exc_info=True)
        return answers.json(HealthOut(status="degraded"))
    return answers.json(HealthOut(status="ready"))
