"""The details of one file, beside the list."""

import logging
from typing import Any
from uuid import UUID

from webapp.contracts.errors import StorageError
from webapp.contracts.files import StoredFileListOut, StoredFileOut
from webapp.http.context import caller, services
from webapp.services import thumbnails
from webapp.services.errors import NotFoundError
from webapp.services.previews import preview_kind
from webapp.ui import history
from webapp.ui.states import ListState

log = logging.getLogger(__name__)


def of(state: ListState, found: StoredFileListOut | None = None) -> dict[str, Any]:
    """What the panel shows of the file that the address names; ``found`` is the list beside it."""
    shown: dict[str, Any] = {"file": None, "errors": {}, "neighbours": _neighbours(state, found)}
    if not state.file:
        return shown
    try:
        file = services().files.get(caller(), UUID(state.file))
    except NotFoundError:
        return shown
    return {**shown, "file": file, **_preview(file), "history": _history(file)}


def _preview(file: StoredFileOut) -> dict[str, Any]:
    """How it is looked at; a storage that does not answer costs the preview, not the facts."""
    kind = preview_kind(file.content_type)
    if kind == "image" and not thumbnails.is_possible(file.content_type, file.size_bytes):
        kind = "direct"
    text, truncated = None, False
    if kind == "text":
        try:
            text, truncated = services().previews.text_head(caller(), file.id)
        except StorageError:
            log.warning("the beginning of a text could not be read", extra={"key": file.key}, exc_info=True)
            kind = "unreadable"
    dimensions = services().thumbnails.original_size(file.id) if kind == "image" else None
    return {"preview": kind, "text": text, "truncated": truncated, "dimensions": dimensions}


def _history(file: StoredFileOut) -> list[history.Told]:
    return [history.tell(event) for event in services().activity.of_file(caller(), file.id)]


def _neighbours(state: ListState, found: StoredFileListOut | None) -> dict[int, str]:
    """The files before and after, as far as they are on this page."""
    ids = [str(file.id) for file in found.items] if found else []
    if state.file not in ids:
        return {}
    at = ids.index(state.file)
    return {step: ids[at + step] for step in (-1, 1) if 0 <= at + step < len(ids)}
