"""Background work, for admins: what runs, how it went, and a button to have it run now."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from tests.support.app import House
from tests.support.german import assert_german
from tests.ui.conftest import HTMX, Visitor, page_of
from webapp.db import table
from webapp.models import Task, WorkerNode
from webapp.services.tasks import ALIVE, BackgroundTask

TASKS = "/admin/tasks"
tasks = table(Task)
nodes = table(WorkerNode)


def join(house: House, node: str = "a") -> None:
    known = [
        BackgroundTask(name="purge_expired", every=60, run=int),
        BackgroundTask(name="recover", every=5, run=int, per_node=True),
        BackgroundTask(name="of_a_plugin", every=3600, run=int),
    ]
    with house.app.app_context():
        house.services.tasks.join(node, f"{node}.example", 4711, "1.2.3", known)


def ran(house: House, name: str, result: int | str, ms: int = 1500) -> None:
    with house.app.app_context():
        assert house.services.tasks.claim(name, 60, "a")
        assert house.services.tasks.finish(name, 60, "a", ms, result)


def row_of(text: str, title: str) -> str:
    found = [row for row in re.findall(r'<tr role="row">.*?</tr>', text, re.DOTALL) if title in row]
    assert len(found) == 1, f"{title}: {len(found)} rows"
    return str(found[0])


def run(who: Visitor, name: str, **headers: str) -> object:
    return who.post(f"{TASKS}/{name}/run", {"csrf_token": who.token()}, headers={"Accept": "text/html", **headers})


def test_each_task_says_how_it_went(house: House, admin: Visitor) -> None:
    join(house)
    ran(house, "purge_expired", 1234)
    row = row_of(admin.get(TASKS).text, "Empty the trash of what has expired")
    for part in ("every minute", "just now", "1,234 done in 2 seconds", "in 1 minute", "Waits"):
        assert part in row, part
    assert "not yet" in row_of(admin.get(TASKS).text, "of_a_plugin")
    assert "every hour" in row_of(admin.get(TASKS).text, "of_a_plugin")


def test_a_task_that_failed_comes_first_and_says_what_it_was(house: House, admin: Visitor) -> None:
    join(house)
    ran(house, "recover@a", "StorageBackendError")
    text = admin.get(TASKS).text
    row = row_of(text, "Clear away what ended processes left")
    assert "Failed" in row
    assert "StorageBackendError" in row
    assert text.index("Clear away") < text.index("of_a_plugin")


def test_a_task_that_runs_says_since_when(house: House, admin: Visitor) -> None:
    join(house)
    with house.app.app_context():
        house.services.tasks.claim("purge_expired", 60, "a")
    row = row_of(admin.get(TASKS).text, "Empty the trash")
    assert ">Runs<" in re.sub(r"</svg>", ">", row)
    assert "since" in row


def test_a_run_that_never_ended_says_so(house: House, admin: Visitor) -> None:
    join(house)
    with house.app.app_context():
        house.services.tasks.claim("purge_expired", 60, "a")
        join(house)  # the worker was killed, and is there again
        house.services.tasks.claim("purge_expired", 60, "a")
    assert "the worker ended meanwhile" in row_of(admin.get(TASKS).text, "Empty the trash")


def test_workers_are_listed_and_missed(house: House, admin: Visitor) -> None:
    assert "No background worker is running" in admin.get(TASKS).text
    assert "No tasks yet" in admin.get(TASKS).text
    join(house, "a")
    join(house, "b")
    house.write(sa.update(nodes).where(nodes.c.id == "b").values(seen_at=datetime.now(UTC) - ALIVE))
    text = admin.get(TASKS).text
    assert "No background worker is running" not in text
    works, workers = text.split('id="workers-h"')
    assert "Works" in row_of(workers, "a.example")
    assert "process 4711" in row_of(workers, "a.example")
    assert "Not heard of" in row_of(workers, "b.example")
    assert "Clear away what ended processes left" in row_of(works, "b.example")
    house.write(sa.update(nodes).values(seen_at=datetime.now(UTC) - timedelta(hours=1)))
    assert "No background worker is running" in admin.get(TASKS).text


def test_the_button_has_a_task_run_without_a_script(house: House, admin: Visitor) -> None:
    join(house)
    ran(house, "purge_expired", 0)
    page = admin.open(TASKS)
    form = next(each for each in page.forms if each.action.endswith("/purge_expired/run"))
    answer = admin.send(form)
    assert answer.status_code == 303
    assert "Started: Empty the trash of what has expired" in page_of(admin.get(answer.headers["Location"])).text
    with house.app.app_context():
        assert "purge_expired" in house.services.tasks.due(["purge_expired"])


def test_what_a_node_that_is_away_does_for_itself_cannot_be_started(house: House, admin: Visitor) -> None:
    join(house, "a")
    join(house, "b")
    house.write(sa.update(nodes).where(nodes.c.id == "b").values(seen_at=datetime.now(UTC) - ALIVE))
    page = admin.open(TASKS)
    actions = {form.action.removeprefix("http://localhost") for form in page.forms}
    assert {f"{TASKS}/recover@a/run", f"{TASKS}/purge_expired/run"} <= actions
    assert f"{TASKS}/recover@b/run" not in actions
    assert "Node is away" in page.text


def test_without_a_worker_it_is_not_said_to_be_started(house: House, admin: Visitor) -> None:
    join(house)
    house.write(sa.update(nodes).values(seen_at=datetime.now(UTC) - ALIVE))
    answer = run(admin, "purge_expired", **HTMX)
    assert "Started:" not in answer.text
    assert "Runs as soon as its background worker is there" in answer.text


def test_the_focus_stays_with_its_task_when_the_order_changes(house: House, admin: Visitor) -> None:
    join(house)
    before = row_of(admin.get(TASKS).text, "of_a_plugin")
    ran(house, "of_a_plugin", "SomeError")  # failed ones come first
    after = row_of(admin.get(TASKS).text, "of_a_plugin")
    ids = [re.findall(r' id="(run-[^"]+)"', row) for row in (before, after)]
    assert ids[0] == ids[1] == ["run-of_a_plugin"]


def test_with_a_script_the_list_comes_anew_and_looks_a_few_times(house: House, admin: Visitor) -> None:
    join(house)
    answer = run(admin, "recover@a", **HTMX)
    assert "<html" not in answer.text
    assert "Started: Clear away" in answer.text
    looks = [re.search(r'hx-get="([^"]*looks[^"]*)"', answer.text)]
    while looks[-1]:
        answer = admin.get(looks[-1][1], headers={"Accept": "text/html", **HTMX})
        looks.append(re.search(r'hx-get="([^"]*looks[^"]*)"', answer.text))
    assert len(looks) == 6


@pytest.mark.parametrize("looks", ["99", "-1", "", "x", "٣"])
def test_nobody_has_it_look_for_ever(house: House, admin: Visitor, looks: str) -> None:
    join(house)
    assert "load delay" not in admin.get(f"{TASKS}?looks={looks}", headers={"Accept": "text/html", **HTMX}).text


def test_an_unknown_task_is_not_found(house: House, admin: Visitor) -> None:
    assert run(admin, "sweep").status_code == 404


def test_only_admins_see_it_and_have_it_run(house: House, visitor: Visitor, uploader: Visitor) -> None:
    join(house)
    assert visitor.get(TASKS).status_code == 303
    assert uploader.get(TASKS).status_code == 403
    assert run(uploader, "purge_expired").status_code == 403


def test_it_speaks_german(house: House, admin: Visitor) -> None:
    join(house)
    ran(house, "purge_expired", 3)
    ran(house, "recover@a", "lost")
    admin.http.set_cookie("fs_lang", "de")
    text = assert_german(admin.get(TASKS))
    assert "3 erledigt in 2 Sekunden" in text
    assert "der Prozess endete währenddessen" in text
