"""The page of plugins: what was loaded, what each brought, how it fares, and a button to tell it again."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, make_response, render_template, request, url_for

from webapp.http.auth import permission
from webapp.http.context import caller, services
from webapp.http.i18n import t
from webapp.services.access import Permission
from webapp.services.plugins import ACTIVE, BUILT_IN, FAILED, GONE, PluginOut
from webapp.ui import flashes, htmx
from webapp.ui.addresses import see
from webapp.ui.flashes import Flash

blueprint = Blueprint("ui_plugins", __name__, url_prefix="/admin/plugins")

_TEMPLATE = "admin/plugins.html"
MOST_LOOKS = 5
"""So often the page looks by itself how far a plugin is that is told again."""
_IN_FULL = 12
"""So many of a kind are named; of the rest, only the number is told."""


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """How a module fares, in one word."""

    label: str
    icon: str
    look: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Brought:
    """What a module brought, of one kind."""

    label: str
    names: list[str]
    more: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A module, as the page shows it."""

    plugin: PluginOut
    id: str
    """Of its part of the page: the same one wherever it stands, so that the focus stays with it."""
    state: State
    brought: list[Brought]


@blueprint.get("")
@permission(Permission.SYSTEM)
def browse() -> Response:
    looks = request.args.get("looks", "")
    return _answer(looks=int(looks) if looks in set("12345") else 0)


@blueprint.post("/<name>/retry")
@permission(Permission.SYSTEM)
def retry(name: str) -> Response:
    count = services().plugins.retry(caller(), name)
    message = _retried(services().plugins.get(caller(), name), count)
    if not htmx.wants_fragment():
        flashes.keep(message)
        return see(url_for("ui_plugins.browse"))
    return _answer(("plugins", "said"), (message,), focus=name, looks=MOST_LOOKS if count else 0)


def _answer(
    blocks: tuple[str, ...] = ("plugins",), messages: tuple[Flash, ...] = (), *, focus: str = "", looks: int = 0
) -> Response:
    """The page, or the part of it about plugins; that looks ``looks`` times more how they fare."""
    shown = [_shown(plugin, number) for number, plugin in enumerate(services().plugins.overview(caller()))]
    values: dict[str, Any] = {
        "others": [each for each in shown if each.plugin.kind != BUILT_IN],
        "ours": [each for each in shown if each.plugin.kind == BUILT_IN],
        "look": url_for("ui_plugins.browse", looks=looks - 1) if looks > 0 else "",
        "messages": messages,
        "focus": _id(focus),
        "here": url_for("ui_plugins.browse"),
    }
    if htmx.wants_fragment():
        return htmx.fragment(_TEMPLATE, blocks, values)
    return make_response(render_template(_TEMPLATE, **values))


def _retried(plugin: PluginOut, count: int) -> Flash:
    """What telling it again has come to."""
    if not count:
        return flashes.made("warn", t("plugins.not_retried", plugin=plugin.title))
    soon = plugin.state == ACTIVE and services().tasks.is_alive()
    key = "plugins.retried" if soon else "plugins.retried_later"
    return flashes.made("ok" if soon else "warn", t(key, count=count, plugin=plugin.title))


def _id(name: str) -> str:
    return f"plugin-{quote(name, safe='')}"


def _shown(plugin: PluginOut, number: int) -> Shown:
    brought = [
        Brought(label=t(f"plugins.brings.{kind}"), names=names[:_IN_FULL], more=len(names[_IN_FULL:]))
        for kind, names in plugin.brings.items()
    ]
    # Of those of one name only one is told of events.
    own_id = _id(plugin.name) if plugin.delivery else f"module-{number}"
    return Shown(plugin=plugin, id=own_id, state=_state(plugin), brought=brought)


def _state(plugin: PluginOut) -> State:
    if plugin.state == FAILED:
        return State(label=t("plugins.states.failed"), icon="circle-alert", look="badge-bad")
    if plugin.hangs:
        return State(label=t("plugins.states.hung"), icon="clock", look="badge-bad")
    if plugin.state == GONE:
        return State(label=t("plugins.states.gone"), icon="circle-dashed", look="badge-warn")
    if plugin.troubled:
        return State(label=t("plugins.states.failing"), icon="triangle-alert", look="badge-warn")
    return State(label=t("plugins.states.active"), icon="circle-check", look="badge-ok")
