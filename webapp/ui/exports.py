"""What happened as a table for spreadsheets: written batch by batch, so that a long one takes no memory."""

import csv
import io
import re
from collections.abc import Callable, Iterator

from webapp.http.i18n import t
from webapp.services.activity import ActivityPage, EventOut
from webapp.ui import filters, history

BATCH = 200
COLUMNS = ("time", "event", "who", "account", "what", "subject", "about", "subject_id", "request")
# Spreadsheets calculate what begins so; some take the wide forms for the narrow ones.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", *"\uff1d\uff0b\uff0d\uff20")

# Where semicolons or tabs part cells, a formula may begin in the middle of ours.
_INNER = re.compile(r"([;\t|]\s*[\"']*\s*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")


def table(fetch: Callable[[int | None], ActivityPage]) -> Iterator[bytes]:
    """The lines; ``fetch`` gives what is older than a number."""
    # The mark at the beginning tells Excel that this is UTF-8.
    yield "\ufeff".encode() + _lines([[t(f"activity.columns.{name}") for name in COLUMNS]])
    before = None
    while True:
        page = fetch(before)
        if page.items:
            yield _lines([_cells(event) for event in page.items])
        if page.older is None or (before is not None and page.older >= before):
            return
        before = page.older


def safe(text: str) -> str:
    """A cell that no spreadsheet takes for a formula, wherever it thinks that cells end."""
    text = _INNER.sub(r"\1'", text)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def _cells(event: EventOut) -> list[str]:
    told = history.tell(event)
    return [
        filters.iso(event.occurred_at),
        event.name,
        told.actor_name,
        event.actor_id or "",
        told.action,
        told.subject,
        told.extra,
        event.subject_id or "",
        event.request_id or "",
    ]


def _lines(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([[safe(cell) for cell in row] for row in rows])
    return text.getvalue().encode("utf-8", "replace")
