"""Forms of the pages."""

from uuid import UUID

from flask import request, url_for

from webapp.services.errors import ValidationError
from webapp.ui.addresses import own_path

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


def back(otherwise: str = "ui_files.browse") -> str:
    """Where the form was."""
    return own_path(request.form.get("back"), url_for(otherwise))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if len(text) <= 36 else None
    except ValueError:
        return None
