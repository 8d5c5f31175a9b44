"""Files that nginx sends itself: X-Accel-Redirect.

Stowage says who may have the file and what it is called; the bytes never pass
through it, and no thread waits for a slow client. docs/operations.md has the nginx
configuration that belongs to this, docs/decisions/0042-many-nodes.md the reasons.
"""

import re
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import quote

from flask import current_app, request

from webapp.config import Config

HEADER = "X-Accel-Redirect"
_CONDITIONS = frozenset({"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range"})
_PLAIN_RANGE = re.compile(r"bytes=(\d{1,18}-\d{0,18}|-\d{1,18})", re.ASCII)
_DELETED = " (deleted)"


def address(file: BinaryIO, *, is_part: bool) -> str | None:
    """Where nginx finds this open file; None where the bytes have to come from here.

    ``is_part`` says whether the answer is the part that ``Range`` asks for.
    """
    config = cast("Config", current_app.extensions["stowage_config"])
    if config.accel is None or not _is_for_nginx(is_part=is_part):
        return None
    # What the kernel says about the open file is where it really is, whatever links led to it.
    path = Path(f"/proc/self/fd/{file.fileno()}").readlink()
    if path.name.endswith(_DELETED) or not path.is_relative_to(config.accel.root):
        return None
    return config.accel.prefix + quote(str(path.relative_to(config.accel.root)))


def _is_for_nginx(*, is_part: bool) -> bool:
    # Somebody who asks past the proxy, on this machine, would get an empty file.
    if "X-Forwarded-For" not in request.headers:
        return False
    # nginx knows neither our tags nor our dates, and would answer conditions by its own.
    if any(name in request.headers for name in _CONDITIONS):
        return False
    # What nginx might understand in another way than we do, it does not get.
    asked = request.headers.get("Range")
    return asked is None or (is_part and _PLAIN_RANGE.fullmatch(asked) is not None)
