"""What a browser gets after a form of a list: the list anew and a message or, without scripts, the way back."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import Response, make_response, render_template, request, url_for

from webapp.http.i18n import t
from webapp.ui import flashes, forms, htmx, lists, pages, selections
from webapp.ui.addresses import see
from webapp.ui.flashes import Flash
from webapp.ui.work import Work

_PARTS = "partials/parts.html"


def list_of(shown: lists.Shown, *messages: Flash, closing: bool = False) -> Response:
    """The list and what changes with it: numbers, filters, used space."""
    values = pages.of_list(shown)
    response = htmx.fragment(
        pages.template(shown.state), ("list", "tally", "used", *(("emptying",) if shown.state.trash else ())), values
    )
    more: list[tuple[str, tuple[str, ...]]] = [
        ("files/_filters.html", ("chips", "menus")),
        (_PARTS, ("counts", "toasts")),
    ]
    values.update(messages=messages, back=shown.here, closing=closing)
    if closing:
        more.append((pages.FILES, ("inspector",)))
    for template, blocks in more:
        _append(response, htmx.fragment(template, blocks, values))
    if request.method != "GET":
        return response
    address = shown.state.address
    # Where the browser is already, it needs no new step in its history.
    return htmx.push(response, address if address != htmx.current_path("") else "false")


def after(message: Flash, otherwise: str = "ui_files.browse", gone: list[UUID] | None = None) -> Response:
    """The list a form came from, with a message; the details of a file that is gone are closed."""
    back = forms.back(otherwise)
    here = _looked_at(back)
    if not here:
        return beside(message, back)
    state = replace(pages.state_of(here), select="")
    closing = bool(state.file) and state.file in {str(file_id) for file_id in gone or ()}
    if closing:
        state = replace(state, file="")
    if not htmx.wants_fragment():
        flashes.keep(message)
        return see(state.address)
    response = list_of(lists.show(state), message, closing=closing)
    # The form may stand outside of all lists: in a message, or in a dialog.
    response.headers.update({"HX-Retarget": "#list", "HX-Reswap": "outerHTML"})
    return htmx.replace(response, state.address) if closing else response


def worked(done: Work) -> Response:
    """The list after work on many files; while that is not finished, it goes on by itself or by a button."""
    otherwise = "ui_files.browse" if done.kind == "trashed" else "ui_trash.browse"
    if done.finished:
        return after(_message(done), otherwise)
    action = url_for({"trashed": "ui_files.delete", "purged": "ui_trash.purge"}.get(done.kind, "ui_files.restore"))
    values = {"work": done, "action": action, "back": forms.back(otherwise)}
    if not htmx.wants_fragment():
        return make_response(render_template("files/work.html", **values))
    return _only_beside(htmx.fragment("files/work.html", ("progress",), values))


def beside(message: Flash, back: str) -> Response:
    """A message, and nothing else changes but the numbers of the sidebar."""
    return _only_beside(htmx.fragment(_PARTS, ("counts", "toasts"), {"messages": (message,), "back": back}))


def renamed(file_id: UUID) -> Response:
    """The details under the new name; a script fetches the list."""
    message = flashes.made("ok", t("toasts.renamed"))
    state = replace(pages.state_of(forms.back()), file=str(file_id))
    if not htmx.wants_fragment():
        flashes.keep(message)
        return see(state.address)
    values: dict[str, Any] = {**pages.panel(state), "messages": (message,), "back": state.address}
    response = htmx.fragment(pages.FILES, ("inspector",), values)
    _append(response, htmx.fragment(_PARTS, ("toasts",), values))
    return htmx.trigger(response, **{"stowage:changed": {"id": str(file_id)}})


def _looked_at(back: str) -> str:
    """The list in the browser, which a form beside another page has not come from; empty where there is none."""
    here = htmx.current_path(back) if htmx.wants_fragment() else back
    path = here.partition("?")[0]
    if path == back.partition("?")[0]:
        return back
    return here if path in (url_for("ui_files.browse"), url_for("ui_trash.browse")) else ""


def _message(done: Work) -> Flash:
    undo = selections.batch(done.stamp) if done.kind == "trashed" and done.done else ""
    what = "restored" if done.kind == "undone" else done.kind
    return flashes.made_of(what, max(done.total, done.done), done.done, undo=undo)


def _only_beside(response: Response) -> Response:
    response.headers["HX-Reswap"] = "none"
    return response


def _append(response: Response, other: Response) -> None:
    response.set_data(response.get_data() + other.get_data())
