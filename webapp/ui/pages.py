"""The two pages with lists of files: their templates, and what these show."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import url_for

from webapp.contracts.files import StoredFileOut
from webapp.http.context import caller, services
from webapp.services import thumbnails
from webapp.ui import details, states
from webapp.ui.addresses import query_of
from webapp.ui.lists import Shown
from webapp.ui.states import ListState

FILES = "files/browse.html"
TRASH = "files/trash.html"


def template(state: ListState) -> str:
    """The page of a list."""
    return TRASH if state.trash else FILES


def values(shown: Shown) -> dict[str, Any]:
    """What the page of a list shows."""
    return of_list(shown) if shown.state.trash else {**of_list(shown), **panel(shown.state, shown)}


def of_list(shown: Shown) -> dict[str, Any]:
    """The same without the details of a file: a list that comes anew does not wait for a preview."""
    settings = caller().settings
    found = {**vars(shown), "settings": settings, "days": settings.trash_retention_days}
    if shown.state.trash:
        return found
    return {**found, "root": url_for("ui_files.browse"), "pictured": _pictured(shown.found.items)}


def _pictured(files: list[StoredFileOut]) -> set[UUID]:
    """Those that have a thumbnail, as far as is known: the others show their icon at once."""
    images = [file.id for file in files if thumbnails.is_possible(file.content_type, file.size_bytes)]
    return set(images) - services().thumbnails.without(images) if images else set()


def panel(state: ListState, shown: Shown | None = None) -> dict[str, Any]:
    """What the details of a file show, beside a list or alone."""
    here = {"state": state, "root": url_for("ui_files.browse"), "here": replace(state, select="").address}
    return {**here, **details.of(state, shown.found if shown else None)}


def state_of(address: str) -> ListState:
    """What the list at an address shows."""
    path = address.partition("?")[0]
    return states.read(query_of(address), trash=path == url_for("ui_trash.browse"))
