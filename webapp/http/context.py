"""What a view gets at: the services and whoever is asking."""

from typing import cast

from flask import current_app, g, request

from webapp import logs
from webapp.services import Services
from webapp.services.access import Caller
from webapp.services.sessions import Client


def services() -> Services:
    """The services of this application."""
    return cast("Services", current_app.extensions["stowage"])


def caller() -> Caller:
    """Who is asking; only in views that are not public."""
    return cast("Caller", g.caller)


def client() -> Client:
    """Where the request comes from."""
    return Client(request.remote_addr or "", request.headers.get("User-Agent", ""), request_id())


def request_id() -> str | None:
    """Id of this request, as in its logs and in ``X-Request-ID``."""
    return logs.request_id.get()


def is_api() -> bool:
    """Whether this request is one to the JSON API."""
    return request.path.startswith("/api/")
