"""Background tasks: due by their rows, run by one worker of all, and never lost."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from tests.support.app import House
from webapp.db import table
from webapp.models import Task, WorkerNode
from webapp.services import tasks as rules
from webapp.services.errors import ForbiddenError, NotFoundError
from webapp.services.tasks import BackgroundTask, TaskOut, TaskService

tasks = table(Task)
nodes = table(WorkerNode)
HOUR = 3600.0


def nothing() -> int:
    return 0


def task(name: str = "sweep", every: float = HOUR, run: Callable[[], int] = nothing, **options: bool) -> BackgroundTask:
    return BackgroundTask(name=name, every=every, run=run, **options)


@pytest.fixture
def service(inside: House) -> TaskService:
    """With one task, and workers on two nodes."""
    join(inside, "a", task())
    join(inside, "b", task())
    return inside.services.tasks


def join(house: House, node: str, *known: BackgroundTask) -> None:
    house.services.tasks.join(node, f"{node}.example", 1, "1.0", known)


def test_a_task_is_due_at_once_and_then_after_its_interval(service: TaskService) -> None:
    assert service.due(["sweep"]) == ["sweep"]
    assert service.claim("sweep", HOUR, "a")
    assert service.due(["sweep"]) == []
    assert service.finish("sweep", HOUR, "a", 12, 3)
    assert service.due(["sweep"]) == []
    shown = only(service)
    assert (shown.state, shown.runs, shown.last_count, shown.last_ms, shown.failures) == ("waiting", 1, 3, 12, 0)
    assert timedelta(minutes=59) < shown.due_at - datetime.now(UTC) <= timedelta(minutes=60)


def test_of_many_that_want_it_at_once_one_gets_it(house: House) -> None:
    with house.app.app_context():
        join(house, "a", task())

    def claim(node: str) -> Callable[[], bool]:
        return lambda: house.services.tasks.claim("sweep", HOUR, node)

    assert sorted(house.together(*(claim(node) for node in "abcdefgh"))) == [False] * 7 + [True]


def test_a_running_task_says_since_when_and_where(service: TaskService) -> None:
    service.claim("sweep", HOUR, "a")
    shown = only(service)
    assert (shown.state, shown.running_on) == ("running", "a")
    assert shown.running_since is not None
    assert datetime.now(UTC) - shown.running_since < timedelta(seconds=5)


def test_what_a_dead_worker_had_claimed_is_run_by_another_when_the_lease_is_over(
    service: TaskService, house: House
) -> None:
    service.claim("sweep", HOUR, "a")
    assert not service.claim("sweep", HOUR, "b")
    lapse(house)
    assert service.due(["sweep"]) == ["sweep"]
    assert service.claim("sweep", HOUR, "b")
    shown = only(service)
    assert (shown.running_on, shown.failures, shown.last_error) == ("b", 1, rules.LOST)
    assert not service.finish("sweep", HOUR, "a", 1, 0), "the dead one's result came too late"
    assert service.finish("sweep", HOUR, "b", 1, 0)


def test_a_worker_that_beats_keeps_what_it_runs(service: TaskService, house: House) -> None:
    service.claim("sweep", HOUR, "a")
    lapse(house)
    service.beat("a", ["sweep"])
    assert not service.claim("sweep", HOUR, "b")
    lapse(house)
    service.beat("a", [])
    assert service.claim("sweep", HOUR, "b"), "it was kept by a worker that does not run it"


def test_a_new_worker_of_the_same_node_goes_on_at_once(service: TaskService, house: House) -> None:
    service.claim("sweep", HOUR, "a")
    join(house, "b", task())
    assert service.due(["sweep"]) == []
    join(house, "a", task())
    assert service.due(["sweep"]) == ["sweep"]


def test_a_task_that_failed_is_tried_again_soon_and_says_what_it_was(service: TaskService) -> None:
    service.claim("sweep", HOUR, "a")
    service.finish("sweep", HOUR, "a", 5, "OSError")
    shown = only(service)
    assert (shown.last_error, shown.failures, shown.runs, shown.last_count) == ("OSError", 1, 1, None)
    assert shown.due_at - datetime.now(UTC) <= timedelta(seconds=rules.RETRY_SECONDS)
    service.beat("a", [])


def test_who_wants_a_task_now_gets_it_even_while_it_runs(service: TaskService, house: House) -> None:
    service.claim("sweep", HOUR, "a")
    service.run_now(house.admin, "sweep")
    assert service.due(["sweep"]) == []
    service.finish("sweep", HOUR, "a", 1, 0)
    assert service.due(["sweep"]) == ["sweep"], "that run had begun before it was wanted"


def test_only_admins_have_tasks_run_and_only_those_there_are(service: TaskService, house: House) -> None:
    with pytest.raises(ForbiddenError):
        service.run_now(house.uploader, "sweep")
    with pytest.raises(NotFoundError):
        service.run_now(house.admin, "sweep floors")


def test_each_node_has_its_own_row_of_what_it_does_for_itself(inside: House) -> None:
    join(inside, "a", task("recover", per_node=True))
    join(inside, "b", task("recover", per_node=True))
    assert [(each.name, each.title, each.node) for each in inside.services.tasks.overview()] == [
        ("recover@a", "recover", "a"),
        ("recover@b", "recover", "b"),
    ]


def test_what_a_node_does_for_itself_is_away_with_it(inside: House) -> None:
    join(inside, "a", task("recover", per_node=True), task())
    join(inside, "b", task("recover", per_node=True))
    longer_ago = datetime.now(UTC) - 2 * rules.ALIVE
    inside.write(sa.update(nodes).where(nodes.c.id == "a").values(seen_at=longer_ago))
    inside.write(sa.update(tasks).values(due_at=longer_ago))
    states = {each.name: each.state for each in inside.services.tasks.overview()}
    assert states == {"recover@a": "away", "recover@b": "overdue", "sweep": "overdue"}
    assert inside.services.tasks.get("recover@a").state == "away"


def test_a_new_interval_counts_and_what_was_due_long_ago_is_due_now(service: TaskService, house: House) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=30)
    house.write(sa.update(tasks).values(due_at=long_ago))
    assert only(service).state == "overdue"
    join(house, "a", task(every=60))
    shown = only(service)
    assert (shown.every_seconds, shown.state) == (60, "waiting")


def test_workers_are_alive_while_they_are_heard_of(service: TaskService, house: House) -> None:
    assert service.is_alive()
    assert [(node.id, node.host, node.alive) for node in service.nodes()] == [
        ("a", "a.example", True),
        ("b", "b.example", True),
    ]
    house.write(sa.update(nodes).values(seen_at=datetime.now(UTC) - rules.ALIVE))
    assert not service.is_alive()
    service.beat("b", [])
    assert service.is_alive()
    assert [node.alive for node in service.nodes()] == [False, True]


def test_nodes_that_are_gone_are_forgotten_with_their_tasks(inside: House) -> None:
    service = inside.services.tasks
    join(inside, "a", task("recover", per_node=True), task())
    join(inside, "b", task("recover", per_node=True), task())
    inside.write(sa.update(nodes).where(nodes.c.id == "a").values(seen_at=datetime.now(UTC) - rules.GONE))
    assert service.forget_gone() == 2
    assert [each.name for each in service.overview()] == ["recover@b", "sweep"]
    inside.write(sa.update(tasks).where(tasks.c.name == "sweep").values(due_at=datetime.now(UTC) - rules.UNKNOWN))
    assert service.forget_gone() == 1


def test_what_a_node_had_begun_when_it_was_killed_is_forgotten_with_it(inside: House) -> None:
    service = inside.services.tasks
    join(inside, "a", task("recover", per_node=True))
    join(inside, "b", task("recover", per_node=True))
    assert service.claim("recover@a", HOUR, "a")
    long_ago = datetime.now(UTC) - rules.GONE
    inside.write(sa.update(nodes).where(nodes.c.id == "a").values(seen_at=long_ago))
    inside.write(sa.update(tasks).where(tasks.c.name == "recover@a").values(lease_until=long_ago))
    assert service.forget_gone() == 2
    assert [each.name for each in service.overview()] == ["recover@b"]


def lapse(house: House) -> None:
    """Nobody has renewed a claim in time."""
    house.write(sa.update(tasks).values(lease_until=datetime.now(UTC) - timedelta(seconds=1)))


def only(service: TaskService) -> TaskOut:
    (shown,) = service.overview()
    return shown


def test_a_worker_that_was_silent_so_long_that_it_is_forgotten_is_told_to_join_again(inside: House) -> None:
    service = inside.services.tasks
    join(inside, "a", task("recover", per_node=True))
    assert service.beat("a", [])
    inside.write(sa.update(nodes).values(seen_at=datetime.now(UTC) - rules.GONE))
    service.forget_gone()
    assert not service.beat("a", [])
    join(inside, "a", task("recover", per_node=True))
    assert service.beat("a", [])
    assert [each.name for each in service.overview()] == ["recover@a"]
