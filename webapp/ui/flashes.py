"""What a form did, told once on the next page.

It travels in the session cookie, which holds 4 KB: so few and short details.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import flask

from webapp.http.i18n import t
from webapp.services import filenames

MOST_DETAILS = 5
MOST_UNDO = 20
MOST_NAME = 36


@dataclass(frozen=True, kw_only=True)
class Flash:
    """A message: ``ok``, ``warn`` or ``bad``."""

    kind: str
    text: str
    details: Sequence[tuple[str, str]] = ()
    """Names of files, and what there is to say about each."""
    more: str = ""
    undo: Sequence[str] = field(default=())
    """Ids of files that can be brought back from here."""


def tell(kind: str, text: str, *, details: Sequence[tuple[str, str]] = (), undo: Sequence[UUID] = ()) -> None:
    """Keep a message for the next page, instead of one that no page has shown yet."""
    flask.session.pop("_flashes", None)
    rest = len(details) - MOST_DETAILS
    flask.flash(
        {  # type: ignore[arg-type]
            "kind": kind,
            "text": text,
            "details": [(_short(name), reason) for name, reason in details[:MOST_DETAILS]],
            "more": t("toasts.more", count=rest) if rest > 0 else "",
            "undo": [file_id.hex for file_id in undo] if len(undo) <= MOST_UNDO else [],
        }
    )


def told() -> list[Flash]:
    """The messages kept for this page."""
    messages: list[Any] = flask.get_flashed_messages()
    return [Flash(**message) for message in messages if isinstance(message, dict)]


def tell_of(what: str, wanted: Sequence[UUID], done: Sequence[UUID], *, undo: bool = False) -> None:
    """Tell what became of the files that were asked for; some may have been gone already."""
    gone = len(wanted) - len(done)
    if not wanted:
        return tell("warn", t("toasts.none_selected"))
    if not done:
        return tell("warn", t("toasts.all_gone", count=gone))
    text = t(f"toasts.{what}", count=len(done))
    if gone:
        text = f"{t(f'toasts.{what}_some', done=len(done), count=len(wanted))} {t('toasts.some_gone', count=gone)}"
    return tell("warn" if gone else "ok", text, undo=done if undo else ())


def _short(name: str) -> str:
    """The name a file would have been stored under, without its middle where it is long."""
    name = filenames.clean(name)
    return name if len(name) <= MOST_NAME else f"{name[: MOST_NAME - 13]}…{name[-12:]}"
