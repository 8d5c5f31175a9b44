"""Stored files as HTTP answers: conditions and ranges (RFC 9110, sections 13 and 14), by sendfile(2) for both."""

import re
from datetime import datetime
from typing import Any

from flask import Response, request
from werkzeug.http import http_date, parse_date

from webapp.contracts.files import StoredFileOut
from webapp.contracts.headers import content_disposition
from webapp.http import accel, bodies, transfers
from webapp.http.headers import CSP_FILE, CSP_PDF
from webapp.http.transfers import Transfer
from webapp.services.errors import RangeError
from webapp.services.files import LocalFile, Redirect, Stored, Stream
from webapp.services.previews import PDF

SMALL = 64 * 1024
"""Up to this size one read and one send are faster than sendfile."""
_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,40})\s*-\s*(\d{0,40})\s*", re.IGNORECASE | re.ASCII)


def answer(stored: Stored, *, inline: bool = False) -> Response:
    """Send a file, the part asked for, or the news that nothing has changed.

    ``inline`` is for files that a page shows, of the kinds that are harmless
    (webapp/services/previews.py): they never come from elsewhere by a redirect.

    Raises:
        RangeError: the part asked for lies outside the file.
        StorageError: the backend failed.
    """
    out = stored.out
    headers = _headers(out, inline=inline)
    if _unchanged(out):
        del headers["Content-Length"]
        return _response([], 304, headers)
    if request.method == "HEAD":
        return _response([], 200, headers)
    if not inline and (redirect := stored.redirect()):
        Transfer(out.backend, 0).is_elsewhere()
        return _redirected(redirect)
    asked = _range(out)
    start, length = asked or (0, out.size_bytes)
    transfer = Transfer(out.backend, length)
    opened = stored.open()
    if length > SMALL and isinstance(opened, LocalFile) and (uri := accel.address(opened.file, is_part=bool(asked))):
        opened.file.close()
        transfer.is_elsewhere()
        del headers["Accept-Ranges"]  # nginx says so itself
        return _response([], 200, headers | {accel.HEADER: uri, "Content-Length": "0"})
    if asked:
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{out.size_bytes}"
        headers["Content-Length"] = str(length)
    return _response(_body(opened, start, transfer), 206 if asked else 200, headers)


def _redirected(redirect: Redirect) -> Response:
    # no-store: the link is only good for a while.
    return _response([], 302, {"Location": redirect.url, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})


def _headers(out: StoredFileOut, *, inline: bool) -> dict[str, str]:
    return {
        "Content-Type": out.content_type,
        "Content-Length": str(out.size_bytes),
        "Content-Disposition": content_disposition(out.filename, "inline" if inline else "attachment"),
        "ETag": _etag(out),
        "Last-Modified": http_date(out.created_at),
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Security-Policy": CSP_PDF if inline and out.content_type == PDF else CSP_FILE,
        "Cross-Origin-Resource-Policy": "same-origin",
    }


def _etag(out: StoredFileOut) -> str:
    """The checksum, or while that is being found out, the key: it too stands for these bytes alone, and for ever."""
    return f'"{out.checksum_sha256 or out.key}"'


def _is_etag(tag: str, out: StoredFileOut) -> bool:
    """Whether the tag is or was that of the file: what was begun before its checksum was known goes on."""
    return tag in (f'"{out.checksum_sha256}"', f'"{out.key}"') and tag != '""'


def _response(body: Any, status: int, headers: dict[str, str]) -> Response:
    response = Response(body, status, headers, direct_passthrough=True)
    if status == 302 or "Content-Type" not in headers:
        response.headers.pop("Content-Type", None)
    return response


def _body(opened: LocalFile | Stream, start: int, transfer: Transfer) -> Any:
    bodies.set_idle_timeout(bodies.IDLE_SECONDS)
    length = transfer.length
    if not isinstance(opened, LocalFile):
        return transfers.Pieces(opened.read(start, length) if length else iter(()), transfer)
    file = opened.file
    if length <= SMALL:
        with file:
            if start:
                file.seek(start)
            return transfers.Pieces(iter((file.read(length),)), transfer)
    # The server sends from the position of the file as many bytes as Content-Length says.
    if wrap := request.environ.get("wsgi.file_wrapper"):
        return wrap(transfers.OpenFile(file, start, transfer))
    return transfers.Pieces(transfers.pieces_of(file, start, length), transfer)


# --- conditions and ranges ----------------------------------------------------------


def _unchanged(out: StoredFileOut) -> bool:
    if tags := request.headers.get("If-None-Match"):
        # Weak comparison (13.1.2): W/ does not matter here.
        return tags.strip() == "*" or any(_is_etag(tag.strip().removeprefix("W/"), out) for tag in tags.split(","))
    if since := request.headers.get("If-Modified-Since"):
        date = parse_date(since)
        return date is not None and _seconds(out.created_at) <= date
    return False


def _range(out: StoredFileOut) -> tuple[int, int] | None:
    """First byte and length of the part asked for; None for the whole file.

    Several ranges, other units and malformed headers are answered with the whole
    file, as section 14.2 allows.
    """
    header = request.headers.get("Range")
    match = _RANGE.fullmatch(header) if header else None
    if match is None or not any(match.groups()) or not _still_the_same(out):
        return None
    first, last = match.groups()
    size = out.size_bytes
    if not first:
        length = min(int(last), size)
        if length == 0:
            raise RangeError("nothing there", size=size)
        return size - length, length
    start, end = int(first), min(int(last) if last else size - 1, size - 1)
    if last and int(last) < start:
        return None
    if start >= size:
        raise RangeError("past the end", size=size)
    return start, end - start + 1


def _still_the_same(out: StoredFileOut) -> bool:
    """If-Range: strong comparison of a tag, or exactly the date that was sent (13.1.5)."""
    condition = request.headers.get("If-Range")
    if condition is None:
        return True
    condition = condition.strip()
    if condition.startswith(('"', "W/")):
        return _is_etag(condition, out)
    return parse_date(condition) == _seconds(out.created_at)


def _seconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
