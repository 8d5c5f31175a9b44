"""The page of plugins: what was loaded, what each brought, and how it fares."""

from dataclasses import dataclass

from flask import Blueprint, Response, make_response, render_template

from webapp.http.auth import permission
from webapp.http.context import caller, services
from webapp.http.i18n import t
from webapp.services.access import Permission
from webapp.services.plugins import BUILT_IN, FAILED, GONE, PluginOut

blueprint = Blueprint("ui_plugins", __name__, url_prefix="/admin/plugins")

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
    state: State
    brought: list[Brought]


@blueprint.get("")
@permission(Permission.SYSTEM)
def browse() -> Response:
    shown = [_shown(plugin) for plugin in services().plugins.overview(caller())]
    others = [each for each in shown if each.plugin.kind != BUILT_IN]
    ours = [each for each in shown if each.plugin.kind == BUILT_IN]
    return make_response(render_template("admin/plugins.html", others=others, ours=ours))


def _shown(plugin: PluginOut) -> Shown:
    brought = [
        Brought(label=t(f"plugins.brings.{kind}"), names=names[:_IN_FULL], more=len(names[_IN_FULL:]))
        for kind, names in plugin.brings.items()
    ]
    return Shown(plugin=plugin, state=_state(plugin), brought=brought)


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
