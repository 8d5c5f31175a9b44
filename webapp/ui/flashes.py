"""What a form did: told once on the next page, or beside the part of the page that is its answer.

Between pages it travels in the session cookie, which holds 4 KB: so few and short details.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import flask

from webapp.http.i18n import t
from webapp.services import filenames

MOST_DETAILS = 5
MOST_NAME = 36
MOST_REASONS = 500
"""Characters of all reasons together: those of plugins may be as long as one alone may be."""


@dataclass(frozen=True, kw_only=True)
class Flash:
    """A message: ``ok``, ``warn`` or ``bad``."""

    kind: str
    text: str
    details: Sequence[tuple[str, str]] = ()
    """Names of files, and what there is to say about each."""
    more: str = ""
    undo: str = ""
    """Stands for the files that can be brought back from here."""


def made(kind: str, text: str, *, details: Sequence[tuple[str, str]] = (), undo: str = "") -> Flash:
    """A message, cut to what a cookie can carry."""
    rest = len(details) - MOST_DETAILS
    most = MOST_REASONS // max(1, min(len(details), MOST_DETAILS))
    return Flash(
        kind=kind,
        text=text,
        details=[(_short(name), _cut(reason, most)) for name, reason in details[:MOST_DETAILS]],
        more=t("toasts.more", count=rest) if rest > 0 else "",
        undo=undo,
    )


def tell(kind: str, text: str, *, details: Sequence[tuple[str, str]] = ()) -> None:
    """Keep a message for the next page."""
    keep(made(kind, text, details=details))


def keep(message: Flash) -> None:
    """Keep a message for the next page, instead of one that no page has shown yet."""
    flask.session.pop("_flashes", None)
    flask.flash(asdict(message))  # type: ignore[arg-type]


def told() -> list[Flash]:
    """The messages kept for this page."""
    messages: list[Any] = flask.get_flashed_messages()
    return [Flash(**message) for message in messages if isinstance(message, dict)]


def made_of(what: str, wanted: int, done: int, *, undo: str = "") -> Flash:
    """What became of the files that were asked for; some may have been gone already."""
    gone = wanted - done
    if not wanted:
        return made("warn", t("toasts.none_selected"))
    if not done:
        return made("warn", t("toasts.all_gone", count=gone))
    text = t(f"toasts.{what}", count=done)
    if gone > 0:
        text = f"{t(f'toasts.{what}_some', done=done, count=wanted)} {t('toasts.some_gone', count=gone)}"
    return made("warn" if gone > 0 else "ok", text, undo=undo)


def _short(name: str) -> str:
    """The name a file would have been stored under, without its middle where it is long."""
    name = filenames.clean(name)
    return name if len(name) <= MOST_NAME else f"{name[: MOST_NAME - 13]}…{name[-12:]}"


def _cut(reason: str, most: int) -> str:
    return reason if len(reason) <= most else f"{reason[: most - 1]}…"
