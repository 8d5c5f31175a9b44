"""What a view gets at: the services and whoever is asking."""

from typing import cast
from urllib.parse import urlsplit

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


def here() -> str:
    """The address of this request on this host."""
    path = f"{request.script_root}{request.path}"
    return f"{path}?{request.query_string.decode('ascii', 'replace')}" if request.query_string else path


def page_path() -> str:
    """Path and query of the page that htmx asks from, as it says; empty where that is no address."""
    try:
        address = urlsplit(request.headers.get("HX-Current-URL", ""))
    except ValueError:
        return ""
    return f"{address.path}?{address.query}" if address.query else address.path


def wants_fragment() -> bool:
    """Whether a part of the page is asked for; boosted links and a walk through the history want all of it."""
    return "HX-Request" in request.headers and not wants_whole_page()


def wants_whole_page() -> bool:
    """Whether htmx fetches what a browser would have."""
    return "HX-Boosted" in request.headers or "HX-History-Restore-Request" in request.headers


def is_api() -> bool:
    """Whether this request is one to the JSON API."""
    return request.path.startswith("/api/")
