"""Pages go out compressed; files and data as they are."""

import gzip
import secrets

from flask import Flask, Response, request

from webapp.http.headers import is_page

LEAST = 1024
"""Below this, a packet is not saved."""
LEVEL = 4
"""A page of 50 rows: 9.0 KB in 0.4 ms; level 1 makes 10.2 KB in 0.2 ms, level 6 8.8 KB in 0.7 ms."""
MOST_PADDING = 100
_HEADER = 10
_FNAME = 8


def register(app: Flask) -> None:
    """Compress the pages of this application for those who take it."""
    app.after_request(_compressed)


def accepts_gzip() -> bool:
    """Whether the client takes gzip."""
    return request.accept_encodings["gzip"] > 0


def packed(page: bytes) -> bytes:
    """``page`` compressed, with a random length.

    Pages hold a secret (the token of forms) and text that others choose (names, searches).
    Who can count the bytes of many answers could guess the one by way of the other
    (BREACH). A file name of random length in the gzip header, which nobody reads, hides
    what a right guess saves ("Heal the Breach", as Django does it).
    """
    compressed = gzip.compress(page, compresslevel=LEVEL, mtime=0)
    header = bytearray(compressed[:_HEADER])
    header[3] |= _FNAME
    return bytes(header) + b"a" * secrets.randbelow(MOST_PADDING) + b"\0" + compressed[_HEADER:]


def _compressed(response: Response) -> Response:
    if not is_page(response) or response.is_streamed:
        return response
    response.vary.add("Accept-Encoding")
    if _is_worth_it(response) and accepts_gzip():
        response.set_data(packed(response.get_data()))
        response.headers["Content-Encoding"] = "gzip"
    return response


def _is_worth_it(response: Response) -> bool:
    has_body = request.method != "HEAD" and response.status_code not in (204, 304)
    return has_body and "Content-Encoding" not in response.headers and (response.content_length or 0) >= LEAST
