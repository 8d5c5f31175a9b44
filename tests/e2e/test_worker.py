"""The background worker as a process: killed it loses no task, asked to stop it finishes, and there is one per node."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.app import House, make_house
from tests.support.missing import missing
from tests.support.postgres import Postgres
from tests.support.processes import is_alive
from tests.support.server import Server, eventually, stowage
from tests.support.slow_worker import NAME, note
from webapp.services.tasks import LOST

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 40


class Worker:
    """A process with one task that is as slow as the test wants."""

    def __init__(self, folder: Path, data_dir: Path, database_url: str | None = None) -> None:
        self.folder = folder
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("STOWAGE_")},
            "STOWAGE_DATA": str(data_dir),
            "STOWAGE_SECRET_KEY": "secret of the tests",
            **({"STOWAGE_DATABASE_URL": database_url} if database_url else {}),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Worker":
        command = [sys.executable, "-m", "tests.support.slow_worker", str(self.folder / "notes")]
        with (self.folder / "worker.log").open("ab") as log:
            self.process = subprocess.Popen(command, env=self.environ, stdout=log, stderr=log, cwd=ROOT)
        return self

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self) -> int:
        assert self.process is not None
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def log(self) -> str:
        return (self.folder / "worker.log").read_text()


class Scene:
    """The one task of all workers, and what they wrote about it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workers: list[Worker] = []

    def worker(self, data_dir: Path, database_url: str | None = None) -> Worker:
        self.workers.append(Worker(self.folder, data_dir, database_url))
        return self.workers[-1].start()

    def notes(self) -> list[str]:
        path = self.folder / "notes"
        return path.read_text().split() if path.exists() else []

    def go(self) -> None:
        note(self.folder / "notes.go", "go")

    def until(self, *notes: str) -> None:
        assert eventually(lambda: self.notes() == list(notes), PATIENCE), f"{self.notes()}\n{self.workers[0].log()}"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    for worker in made.workers:
        worker.kill()


def test_a_killed_worker_loses_no_task(scene: Scene, sqlite_house: House) -> None:
    first = scene.worker(sqlite_house.config.data_dir)
    scene.until("begun")
    first.signal(signal.SIGKILL)
    first.wait()
    scene.worker(sqlite_house.config.data_dir)
    scene.until("begun", "begun")
    scene.go()
    scene.until("begun", "begun", "ended")
    with sqlite_house.app.app_context():
        service = sqlite_house.services.tasks
        assert eventually(lambda: service.get(NAME).runs == 1, 10)
        shown = service.get(NAME)
    assert (shown.failures, shown.last_error, shown.state) == (1, LOST, "waiting")


def test_a_worker_that_is_asked_to_stop_finishes_its_task(scene: Scene, sqlite_house: House) -> None:
    worker = scene.worker(sqlite_house.config.data_dir)
    scene.until("begun")
    worker.signal(signal.SIGTERM)
    time.sleep(1)
    assert scene.notes() == ["begun"]
    scene.go()
    assert worker.wait() == 0
    assert scene.notes() == ["begun", "ended"]
    with sqlite_house.app.app_context():
        shown = sqlite_house.services.tasks.get(NAME)
    assert (shown.runs, shown.failures, shown.last_count) == (1, 0, 1)


def test_a_second_worker_of_a_node_waits_for_the_first_to_end(scene: Scene, sqlite_house: House) -> None:
    first = scene.worker(sqlite_house.config.data_dir)
    scene.until("begun")
    second = scene.worker(sqlite_house.config.data_dir)
    time.sleep(6)  # longer than a claim holds that nobody renews
    assert scene.notes() == ["begun"]
    first.signal(signal.SIGKILL)
    scene.until("begun", "begun")
    assert second.process is not None
    second.signal(signal.SIGTERM)
    scene.go()
    assert second.wait() == 0


def test_another_node_takes_over_when_one_is_killed(
    scene: Scene, postgres: Postgres, postgres_database: tuple[str, object], tmp_path: Path
) -> None:
    with postgres.fresh_database("house") as url:
        first = scene.worker(tmp_path / "one", url)
        scene.until("begun")
        scene.worker(tmp_path / "two", url)
        time.sleep(6)
        assert scene.notes() == ["begun"], "it is run twice at once"
        first.signal(signal.SIGKILL)
        scene.until("begun", "begun")
        scene.go()
        scene.until("begun", "begun", "ended")
        house = make_house(tmp_path / "three", url)
        with house.app.app_context():
            service = house.services.tasks
            assert eventually(lambda: service.get(NAME).runs == 1, 10)
            assert service.get(NAME).last_error == LOST
        house.close()
        for worker in scene.workers:
            worker.kill()


def test_a_worker_waits_until_there_are_tables(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    environ = Worker(tmp_path, tmp_path / "data").environ
    with (tmp_path / "worker.log").open("wb") as log:
        worker = subprocess.Popen([stowage(), "worker"], env=environ, stdout=log, stderr=log)
    try:
        said = lambda text: text in (tmp_path / "worker.log").read_text()  # noqa: E731
        assert eventually(lambda: said("cannot be used yet"), PATIENCE)
        subprocess.run([stowage(), "db", "upgrade"], env=environ, check=True, timeout=60)
        assert eventually(lambda: said("background worker started"), PATIENCE)
    finally:
        worker.terminate()
        status = worker.wait(PATIENCE)
    assert status == 0
    assert said("background worker stopped")


@pytest.mark.slow
def test_the_server_has_one_that_is_there_again_within_seconds(fresh_server: Callable[..., Server]) -> None:
    server = fresh_server(workers=2)
    assert eventually(lambda: len(server.background()) == 1, PATIENCE)
    (first,) = server.background()
    assert first not in server.workers()
    assert eventually(lambda: tasks_ran(server) > 0, PATIENCE)
    os.kill(first, signal.SIGKILL)
    assert eventually(lambda: server.background() not in ([], [first]), 5)
    before = tasks_ran(server)
    assert eventually(lambda: tasks_ran(server) > before + 1, PATIENCE)

    (second,) = server.background()
    server.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: server.background() not in ([], [second]), PATIENCE), "HUP makes a new one"
    (third,) = server.background()
    assert eventually(lambda: server.admin.get("/api/tasks").json()["workers"][0]["pid"] == third, PATIENCE)
    assert server.stop() == 0
    assert not is_alive(third)


@pytest.mark.slow
def test_it_does_not_outlive_a_killed_server(fresh_server: Callable[..., Server]) -> None:
    server = fresh_server(workers=1)
    assert eventually(lambda: tasks_ran(server) > 0, PATIENCE)
    (worker,) = server.background()
    os.kill(server.process.pid, signal.SIGKILL)  # the master alone
    assert eventually(lambda: not is_alive(worker), 10)
    server.kill()


@pytest.mark.slow
def test_without_one_the_server_serves_and_a_worker_can_be_started_by_hand(fresh_server: Callable[..., Server]) -> None:
    server = fresh_server(workers=1, environ={"STOWAGE_BACKGROUND_WORKER": "off"})
    time.sleep(2)
    assert server.background() == []
    document = server.admin.get("/api/tasks").json()
    assert document == {"items": [], "workers": []}
    worker = subprocess.Popen([stowage(), "worker"], env=server.environ)
    try:
        assert eventually(lambda: tasks_ran(server) > 0, PATIENCE)
    finally:
        worker.terminate()
        assert worker.wait(PATIENCE) == 0


def tasks_ran(server: Server) -> int:
    return sum(task["runs"] for task in server.admin.get("/api/tasks").json()["items"])


@pytest.mark.slow
def test_with_a_full_disk_what_dead_processes_left_is_cleared_away_all_the_same(
    fresh_server: Callable[..., Server],
) -> None:
    rights = ["--mount"] if os.geteuid() == 0 else ["--map-root-user", "--mount"]
    prefix = ["unshare", *rights, "sh", "-c"]
    if not shutil.which("unshare") or subprocess.run([*prefix, "mount -t tmpfs t /mnt"], check=False).returncode:
        missing("A small disk cannot be mounted here: install util-linux, and run the tests as root.")
    script = 'mount -t tmpfs -o size=16m tmpfs "$STOWAGE_DATA" && cd "$STOWAGE_DATA" && exec "$@"'
    server = fresh_server(workers=1, prefix=[*prefix, script, "sh"])
    incoming = server.uploads / ".incoming"
    incoming.mkdir(parents=True, exist_ok=True)
    assert eventually(lambda: "background worker started" in server.log(), PATIENCE)
    with contextlib.suppress(OSError), (server.uploads.parent / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(100_000))
    with contextlib.suppress(OSError), (server.uploads.parent / "filler2").open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(512))
    left = incoming / ("0123456789abcdef" * 2)
    left.touch()
    assert eventually(lambda: not left.exists(), 30), server.log()[-3000:]
