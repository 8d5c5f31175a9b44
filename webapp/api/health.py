"""For load balancers: alive, and ready to work. No details to strangers."""

import logging

import sqlalchemy as sa
from flask import Blueprint, Response

from webapp import db
from webapp.http import answers
from webapp.http.auth import public
from webapp.http.context import services
from webapp.models import User

log = logging.getLogger(__name__)
blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@public
def healthz() -> Response:
    """This process answers."""
    return answers.json({"status": "ok"})


@blueprint.get("/readyz")
@public
def readyz() -> Response:
    """The database is there with its tables, and the settings name a backend that can be made."""
    try:
        with db.read() as connection:
            connection.execute(sa.select(User.id).limit(1))
        services().settings.active_place(services().settings.current())
    except Exception:
        log.exception("not ready")
        return answers.json({"status": "unavailable"}, 503)
    return answers.json({"status": "ready"})
