"""What htmx asks for and is told: one view, two shapes."""

import json
from collections.abc import Mapping
from typing import Any

from flask import Response, current_app, make_response, request

from webapp.http import context
from webapp.ui.addresses import own_path, see


def wants_fragment() -> bool:
    """Whether a part of the page is asked for; boosted links and a walk through the history want all of it."""
    return context.wants_fragment()


def target() -> str:
    """Id of the element that is going to be replaced."""
    return request.headers.get("HX-Target", "")


def current_path(otherwise: str) -> str:
    """Path and query of the page the request comes from, if it is one of ours."""
    return own_path(context.page_path(), otherwise)


def fragment(template: str, blocks: tuple[str, ...], values: Mapping[str, Any], status: int = 200) -> Response:
    """Some blocks of a page, each as the page itself has it."""
    found = current_app.jinja_env.get_template(template)
    context = dict(values)
    current_app.update_template_context(context)
    made = found.new_context({**context, "fragment": True})
    text = "".join(part for block in blocks for part in found.blocks[block](made))
    return make_response(text, status)


def push(response: Response, address: str) -> Response:
    """Have the browser show this address."""
    response.headers["HX-Push-Url"] = address
    return response


def replace(response: Response, address: str) -> Response:
    """The same, without a new entry in the history."""
    response.headers["HX-Replace-Url"] = address
    return response


def trigger(response: Response, **events: Any) -> Response:
    """Have scripts hear of something."""
    response.headers["HX-Trigger-After-Settle"] = json.dumps(events)
    return response


def go(address: str) -> Response:
    """Send the browser to a page: by a redirect, or by the header that htmx follows."""
    if wants_fragment():
        return make_response("", 204, {"HX-Redirect": address})
    return see(address)
