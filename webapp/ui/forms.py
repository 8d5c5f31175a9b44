"""Forms of the pages."""

from uuid import UUID

from flask import request, url_for

from webapp.services.errors import ValidationError
from webapp.ui import selections, work
from webapp.ui.addresses import own_path
from webapp.ui.work import Work

MOST_IDS = 200


def ids(one: UUID | None = None) -> list[UUID]:
    """The file of the address, else those that are ticked; what is no id is not there.

    Raises:
        ValidationError: more than one page can hold.
    """
    if one is not None:
        return [one]
    texts = dict.fromkeys(request.form.getlist("id"))
    if len(texts) > MOST_IDS:
        raise ValidationError({"id": ("too_many", {"most": MOST_IDS})})
    return list(dict.fromkeys(found for text in texts if (found := _uuid(text)) is not None))


def everything(one: UUID | None = None) -> str:
    """What stands for all files that match, if they are all meant: not for one row, nor after some were unticked."""
    token = request.form.get("all", "")
    if one is not None or not token:
        return ""
    return token if len(ids()) >= selections.read(token).rows else ""


def many(kind: str, one: UUID | None = None) -> Work | None:
    """Work on more files than a form can name: begun, or gone on with."""
    if one is None and (left := request.form.get("work")):
        return work.go_on(left)
    if one is None and (undo := request.form.get("undo")):
        return work.undo(undo)
    token = everything(one)
    return work.start(kind, selections.read(token)) if token else None


def back(otherwise: str = "ui_files.browse") -> str:
    """Where the form was."""
    return own_path(request.form.get("back"), url_for(otherwise))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if len(text) <= 36 else None
    except ValueError:
        return None
