"""Background work, for admins: ``/api/tasks``."""

from dataclasses import dataclass

from flask import Blueprint, Response

from webapp.api.describe import describe
from webapp.http import answers
from webapp.http.auth import permission
from webapp.http.context import caller, services
from webapp.services.access import Permission
from webapp.services.tasks import NodeOut, TaskOut

blueprint = Blueprint("api_tasks", __name__, url_prefix="/tasks")


@dataclass(frozen=True, kw_only=True)
class TaskListOut:
    """All tasks, by name, and the workers that run them."""

    items: list[TaskOut]
    workers: list[NodeOut]


@blueprint.get("")
@permission(Permission.SYSTEM)
@describe(summary="List background tasks and workers", answers={200: TaskListOut})
def list_tasks() -> Response:
    tasks = services().tasks
    return answers.json(TaskListOut(items=tasks.overview(), workers=tasks.nodes()))


@blueprint.post("/<name>/run")
@permission(Permission.SYSTEM)
@describe(
    summary="Have a task run now",
    details="A worker begins it within seconds. One that is running is run once more afterwards.",
    answers={202: TaskOut},
    errors=("not_found",),
)
def run(name: str) -> Response:
    services().tasks.run_now(caller(), name)
    return answers.json(services().tasks.get(name), 202)
