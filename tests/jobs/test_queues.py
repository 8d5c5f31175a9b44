"""Whatever the queue is, and whatever becomes of it: a task that is due is run, by one worker."""

import pickle
import threading
import time
from pathlib import Path

import pytest

from tests.jobs.conftest import MakeNode
from tests.support.app import House
from tests.support.redis import RedisServer
from tests.support.server import eventually, free_port
from webapp.contracts.errors import ConfigurationError
from webapp.jobs import runner
from webapp.jobs.queues import Queue, storage_at
from webapp.services.tasks import BackgroundTask

PATIENCE = 15


class Work:
    """A task that counts who runs it."""

    def __init__(
        self, name: str = "sweep", seconds: float = 0.0, every: float = 3600.0, per_node: bool = False
    ) -> None:
        self.name, self.seconds, self.every, self.per_node = name, seconds, every, per_node
        self.runs: list[str] = []
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()

    def on(self, node: str) -> BackgroundTask:
        return BackgroundTask(name=self.name, every=self.every, run=lambda: self._run(node), per_node=self.per_node)

    def _run(self, node: str) -> int:
        with self._lock:
            self.runs.append(node)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(self.seconds)
        with self._lock:
            self.at_once -= 1
        return 1


def test_two_nodes_share_what_is_for_all_and_do_their_own(make_node: MakeNode, queue_url: str) -> None:
    shared, own = Work(), Work("recover", per_node=True)
    for name in ("a", "b"):
        make_node(name, queue_url, shared.on(name), own.on(name))
    for node in make_node.made:
        node.start()
    assert eventually(lambda: len(own.runs) == 2 and shared.runs != [], PATIENCE)
    time.sleep(1.5)
    assert sorted(own.runs) == ["a", "b"]
    assert len(shared.runs) == 1


def test_a_task_is_never_run_twice_at_once(make_node: MakeNode, queue_url: str) -> None:
    work = Work(seconds=0.3, every=0.01)
    for name in ("a", "b"):
        make_node(name, queue_url, work.on(name)).start()
    assert eventually(lambda: len(work.runs) >= 4, PATIENCE)
    assert work.most_at_once == 1


def test_what_the_queue_has_lost_is_told_again(
    make_node: MakeNode, queue_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "TOLD_AGAIN_SECONDS", 1.0)
    work = Work()
    node = make_node("a", queue_url, work.on("a"))
    node.runner.tell_due(["sweep"], node.queues[0].tell)
    assert len(node.queues[0]) == 1
    node.queues[0].flush()
    node.start()
    assert eventually(lambda: work.runs == ["a"], PATIENCE)


def test_garbage_in_the_queue_runs_nothing_and_stops_nothing(
    make_node: MakeNode, queue_url: str, tmp_path: Path
) -> None:
    class Evil:
        def __reduce__(self) -> object:
            return (Path.touch, (tmp_path / "owned",))

    work = Work()
    node = make_node("a", queue_url, work.on("a"))
    node.queues[0].prepare()
    for garbage in (pickle.dumps(Evil()), b"", b"[]", b'{"task": ["sweep"]}', b'{"task": "unknown"}'):
        node.queues[0].storage.enqueue(garbage)
    node.start()
    assert eventually(lambda: work.runs == ["a"], PATIENCE)
    assert not (tmp_path / "owned").exists()


def test_a_queue_that_is_gone_stops_nothing(make_node: MakeNode, redis_server: RedisServer) -> None:
    work = Work(every=1)
    make_node("a", redis_server.url, work.on("a")).start()
    assert eventually(lambda: len(work.runs) >= 1, PATIENCE)
    redis_server.stop()
    before = len(work.runs)
    assert eventually(lambda: len(work.runs) >= before + 2, PATIENCE)
    redis_server.start()
    before = len(work.runs)
    assert eventually(lambda: len(work.runs) >= before + 2, PATIENCE)


def test_a_queue_that_was_never_there_stops_nothing(make_node: MakeNode) -> None:
    work = Work()
    make_node("a", f"redis://127.0.0.1:{free_port()}/0", work.on("a")).start()
    assert eventually(lambda: work.runs == ["a"], PATIENCE)


def test_a_task_that_raises_is_noted_and_the_others_go_on(
    make_node: MakeNode, sqlite_house: House, queue_url: str
) -> None:
    def fail() -> int:
        raise ZeroDivisionError("a secret")

    work = Work()
    broken = BackgroundTask(name="broken", every=3600, run=fail)
    make_node("a", queue_url, broken, work.on("a")).start()
    assert eventually(lambda: work.runs == ["a"], PATIENCE)
    with sqlite_house.app.app_context():
        service = sqlite_house.services.tasks
        assert eventually(lambda: service.get("broken").failing, PATIENCE)
        assert service.get("broken").last_error == "ZeroDivisionError"


@pytest.mark.parametrize("url", ["", "queue.db", "mysql://somewhere/db", "memory://"])
def test_there_are_three_kinds_of_queues(url: str) -> None:
    with pytest.raises(ConfigurationError):
        storage_at(url)


def test_a_name_that_comes_twice_does_no_harm_to_the_run_that_has_begun(make_node: MakeNode, tmp_path: Path) -> None:
    work = Work(seconds=1.5)
    node = make_node("a", f"sqlite:///{tmp_path / 'queue.db'}", work.on("a")).start()
    assert eventually(lambda: work.runs == ["a"], PATIENCE)
    node.queues[0].tell("sweep")
    node.runner.run("sweep")
    assert node.runner.running() == ["sweep"], "nobody would renew its claim any more"
    assert eventually(lambda: node.runner.running() == [], PATIENCE)
    assert work.runs == ["a"]


def test_threads_that_end_at_once_close_the_queue_once(tmp_path: Path) -> None:
    queue = Queue("stowage", storage_at(f"sqlite:///{tmp_path}/queue.db"), print)
    failures: list[BaseException] = []

    class Connection:
        def close(self) -> None:
            time.sleep(0.02)

    def close(ready: threading.Barrier) -> None:
        ready.wait(PATIENCE)
        try:
            queue._shutdown["close"]()
        except AttributeError as exc:
            failures.append(exc)

    queue.storage._conn = Connection()
    ready = threading.Barrier(4)
    threads = [threading.Thread(target=close, args=(ready,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
