"""Addresses that come from forms and links: only those of this house are followed."""

from urllib.parse import parse_qsl, urlsplit

from flask import Response, make_response, redirect
from werkzeug.datastructures import MultiDict
from werkzeug.urls import iri_to_uri

MOST = 8190
"""As long as a request line may be: a search of 255 characters takes up to 3,060."""


def own_path(target: str | None, otherwise: str) -> str:
    r"""``target`` if it is a path of ours, whatever a browser makes of it; else ``otherwise``.

    A browser takes ``//host`` and ``/\host`` for another host, forgets tabs and
    line breaks wherever they stand, and resolves dots before it looks.
    """
    if not target or len(target) > MOST or "\\" in target or not target.isprintable():
        return otherwise
    path = target.partition("?")[0].partition("#")[0]
    plain = path.startswith("/") and "//" not in path and not {".", ".."} & set(path.split("/"))
    return iri_to_uri(target) if plain else otherwise


def see(address: str) -> Response:
    """Send the browser to a page after a form has done its work."""
    return make_response(redirect(address, 303))


def query_of(address: str) -> MultiDict[str, str]:
    """The query of an address as the request for it would have it."""
    return MultiDict(parse_qsl(urlsplit(address).query, keep_blank_values=True))
