"""The two pages with lists of files: their templates, and what these show."""

from dataclasses import replace
from typing import Any

from flask import url_for

from webapp.http.context import caller
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
    settings = caller().settings
    common = {**vars(shown), "settings": settings, "days": settings.trash_retention_days}
    return common if shown.state.trash else {**common, **panel(shown.state, shown)}


def panel(state: ListState, shown: Shown | None = None) -> dict[str, Any]:
    """What the details of a file show, beside a list or alone."""
    here = {"state": state, "root": url_for("ui_files.browse"), "here": replace(state, select="").address}
    return {**here, **details.of(state, shown.found if shown else None)}


def state_of(address: str) -> ListState:
    """What the list at an address shows."""
    path = address.partition("?")[0]
    return states.read(query_of(address), trash=path == url_for("ui_trash.browse"))
