"""Asks once before something that cannot be undone: a dialog, or a page where no scripts run."""

from dataclasses import dataclass

from flask import Response, make_response, render_template

from webapp.ui import htmx

_TEMPLATE = "partials/confirm.html"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question: what is about to happen, and where each answer leads."""

    title: str
    text: str
    keep: str
    """The safe answer, in words."""
    do: str
    action: str
    """Where the other one is sent."""
    target: str
    """Id of the part of the page that it changes."""
    back: str
    icon: str = "triangle-alert"


def ask(asked: Asked) -> Response:
    """The question."""
    values = {"asked": asked}
    if htmx.wants_fragment():
        return htmx.fragment(_TEMPLATE, ("dialog",), values)
    return make_response(render_template(_TEMPLATE, **values))
