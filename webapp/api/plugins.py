"""Modules, plugins and backends, and how they fare: ``/api/plugins``."""

from dataclasses import dataclass

from flask import Blueprint, Response

from webapp.api.describe import describe
from webapp.http import answers
from webapp.http.auth import permission
from webapp.http.context import caller, services
from webapp.services.access import Permission
from webapp.services.plugins import PluginOut

blueprint = Blueprint("api_plugins", __name__, url_prefix="/plugins")


@dataclass(frozen=True, kw_only=True)
class PluginListOut:
    """What was loaded: what is in trouble first, then plugins and backends, then the modules of Stowage."""

    items: list[PluginOut]


@blueprint.get("")
@permission(Permission.SYSTEM)
@describe(
    summary="List the plugins",
    details="As the process that answers has loaded them, with how far the background worker is in telling them.",
    answers={200: PluginListOut},
)
def list_plugins() -> Response:
    return answers.json(PluginListOut(items=services().plugins.overview(caller())))


@blueprint.post("/<name>/retry")
@permission(Permission.SYSTEM)
@describe(
    summary="Try again what a plugin failed at too often",
    details="All its `parked` calls wait again, with attempts as for new ones. They are made as soon as a background "
    "worker has the plugin loaded. Those whose event is not kept any more stay parked.",
    answers={202: PluginOut},
    errors=("not_found",),
)
def retry(name: str) -> Response:
    services().plugins.retry(caller(), name)
    return answers.json(services().plugins.get(caller(), name), 202)
