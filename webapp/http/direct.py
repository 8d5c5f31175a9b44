"""Uploads that bypass the application, as pages offer them: to which store, and of which files."""

import logging
import re
from urllib.parse import urlsplit

from flask import g, request

from webapp.http.context import services
from webapp.services.access import Permission

log = logging.getLogger(__name__)

LARGE = 32 * 1024 * 1024
"""Files from this size on go straight to the store: smaller ones are there before the requests around it are."""

# What a policy has a grammar for (CSP 3, host-source), which is less than what URLs have. An IPv6 address is not in it.
_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*")
_USUAL_PORTS = {"http": 80, "https": 443}


def store_origin() -> str | None:
    """Where this page may send parts, as browsers write an origin; None where it offers no direct uploads."""
    if "store_origin" not in g:
        g.store_origin = _found()
    found: str | None = g.store_origin
    return found


def _found() -> str | None:
    caller = g.get("caller")
    if caller is None or Permission.UPLOAD not in caller.permissions:
        return None
    try:
        origin = _origin(services().direct.client_origin(caller.settings) or "")
    except Exception:  # every page asks: a mistake in somebody's backend must not take them all
        log.exception("the backend cannot tell where clients send parts")
        return None
    # Browsers send nothing in the clear from a page that came encrypted.
    return None if origin is None or (request.is_secure and origin.startswith("http:")) else origin


def _origin(text: str) -> str | None:
    """The origin of a URL, put together anew: it goes into a header, and is compared with what browsers call it."""
    parts = urlsplit(text)
    host, port = (parts.hostname or "").lower(), parts.port
    if parts.scheme not in _USUAL_PORTS or not _HOST.fullmatch(host):
        return None
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, _USUAL_PORTS[parts.scheme]) else "")
