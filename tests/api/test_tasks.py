"""Background work over JSON, for admins."""

from datetime import UTC, datetime

from tests.support.app import Api, House
from tests.support.problems import problem
from webapp.services.access import Permission
from webapp.services.tasks import BackgroundTask

TASKS = "/api/tasks"


def join(house: House) -> None:
    known = [BackgroundTask(name="recover", every=5, run=int, per_node=True)]
    with house.app.app_context():
        house.services.tasks.join("host-1", "host", 4711, "1.2.3", known)


def test_tasks_and_workers_are_listed(house: House, admin: Api) -> None:
    assert admin.get(TASKS).json() == {"items": [], "workers": []}
    join(house)
    with house.app.app_context():
        house.services.tasks.claim("recover@host-1", 5, "host-1")
        house.services.tasks.finish("recover@host-1", 5, "host-1", 12, 3)
    document = admin.get(TASKS).json()
    (task,) = document["items"]
    assert (task["name"], task["title"], task["node"]) == ("recover@host-1", "recover", "host-1")
    assert (task["state"], task["runs"], task["last_count"], task["last_ms"]) == ("waiting", 1, 3, 12)
    assert task["failing"] is False
    assert task["last_error"] is None
    (worker,) = document["workers"]
    assert (worker["host"], worker["pid"], worker["version"], worker["alive"]) == ("host", 4711, "1.2.3", True)


def test_a_task_is_run_when_an_admin_wants_it(house: House, admin: Api) -> None:
    join(house)
    with house.app.app_context():
        house.services.tasks.claim("recover@host-1", 3600, "host-1")
        house.services.tasks.finish("recover@host-1", 3600, "host-1", 12, 3)
    answer = admin.post(f"{TASKS}/recover@host-1/run")
    assert answer.status_code == 202
    assert answer.json()["name"] == "recover@host-1"
    assert datetime.fromisoformat(answer.json()["due_at"]) <= datetime.now(UTC)
    problem(admin.post(f"{TASKS}/recover/run"), "not_found")


def test_others_neither_see_nor_start_anything(house: House, uploader: Api, nobody: Api) -> None:
    join(house)
    problem(nobody.get(TASKS), "unauthenticated")
    problem(uploader.get(TASKS), "forbidden")
    problem(uploader.post(f"{TASKS}/recover@host-1/run"), "forbidden")
    problem(house.api("admin", Permission.USERS.value).get(TASKS), "forbidden")
