"""The page about background work: the workers, what they do, and how it went."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request, url_for

from webapp.http.auth import permission
from webapp.http.context import caller, services
from webapp.http.i18n import has, t
from webapp.services.access import Permission
from webapp.services.tasks import ALIVE, LOST, TaskOut
from webapp.ui import flashes, htmx
from webapp.ui.addresses import see
from webapp.ui.flashes import Flash

blueprint = Blueprint("ui_tasks", __name__, url_prefix="/admin/tasks")

_TEMPLATE = "admin/tasks.html"
MOST_LOOKS = 5
"""So often the page looks by itself how a task is doing that was just started."""
_SPANS = ((86_400, "days"), (3600, "hours"), (60, "minutes"), (1, "seconds"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A task, as the page shows it."""

    task: TaskOut
    title: str
    about: str
    state: str
    look: str
    icon: str
    result: str
    error: str
    next: str


@blueprint.get("")
@permission(Permission.SYSTEM)
def browse() -> Response:
    looks = request.args.get("looks", "")
    return _answer(looks=int(looks) if looks in set("12345") else 0)


@blueprint.post("/<name>/run")
@permission(Permission.SYSTEM)
def run(name: str) -> Response:
    services().tasks.run_now(caller(), name)
    task, alive = services().tasks.get(name), services().tasks.is_alive()
    said = t("tasks.started" if alive and task.state != "away" else "tasks.will_start", task=_title(task))
    message = flashes.made("ok" if alive else "warn", said)
    if not htmx.wants_fragment():
        flashes.keep(message)
        return see(url_for("ui_tasks.browse"))
    return _answer(("tasks", "said"), (message,), looks=MOST_LOOKS)


def _answer(blocks: tuple[str, ...] = ("tasks",), messages: tuple[Flash, ...] = (), *, looks: int = 0) -> Response:
    """The page, or the part of it that changes by itself; that looks ``looks`` times more."""
    now = datetime.now(UTC)
    tasks, workers = services().tasks.overview(), services().tasks.nodes()
    values: dict[str, Any] = {
        "lines": [_line(task, now) for task in sorted(tasks, key=lambda each: (not each.failing, each.name))],
        "workers": workers,
        "alive": any(worker.alive for worker in workers),
        "hosts": {worker.id: f"{worker.host}, {worker.id}" for worker in workers} if len(workers) > 1 else {},
        "look": url_for("ui_tasks.browse", looks=looks - 1) if looks > 0 else "",
        "messages": messages,
        "here": url_for("ui_tasks.browse"),
    }
    if htmx.wants_fragment():
        return htmx.fragment(_TEMPLATE, blocks, values)
    return make_response(render_template(_TEMPLATE, **values))


def _line(task: TaskOut, now: datetime) -> Line:
    look, icon = {
        "running": ("badge-ok", "loader-circle"),
        "overdue": ("badge-warn", "clock"),
        "away": ("badge-warn", "circle-dashed"),
        "waiting": ("badge-bad", "circle-alert") if task.failing else ("", "clock"),
    }[task.state]
    state = "failing" if task.failing and task.state == "waiting" else task.state
    return Line(
        task=task,
        title=_title(task),
        about=_span(task.every_seconds, "every"),
        state=t(f"tasks.states.{state}"),
        look=look,
        icon=icon,
        result=_result(task),
        error=_error(task),
        next=_next(task, now),
    )


def _title(task: TaskOut) -> str:
    """What it does; one of another version has a name only."""
    key = f"tasks.names.{task.title}"
    return t(key) if has(key) else task.title


def _result(task: TaskOut) -> str:
    if task.last_ms is None or task.last_count is None:
        return ""
    took = t("tasks.ms", value=task.last_ms) if task.last_ms < 1000 else _span(round(task.last_ms / 1000))
    return t("tasks.did", count=task.last_count, took=took)


def _error(task: TaskOut) -> str:
    if task.last_error is None:
        return ""
    return t("tasks.lost") if task.last_error == LOST else task.last_error


def _next(task: TaskOut, now: datetime) -> str:
    seconds = round((task.due_at - now).total_seconds())
    if task.state == "away":
        return ""
    if task.state == "running" or -ALIVE.total_seconds() < seconds < 1:
        return t("tasks.now")
    return t("tasks.in", span=_span(seconds)) if seconds > 0 else t("tasks.due_since", span=_span(-seconds))


def _span(seconds: int, key: str = "spans") -> str:
    """5 seconds, 2 minutes, 3 hours: the largest unit that fits, or nearly does."""
    size, unit = next((each for each in _SPANS if seconds >= each[0] * 0.95), _SPANS[-1])
    return t(f"tasks.{key}.{unit}", count=round(seconds / size))
