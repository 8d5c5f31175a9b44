"""The loop in docs/events.md does what it says, before a real server."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.missing import missing
from tests.support.server import Server

DOCS = Path(__file__).resolve().parents[2] / "docs"
LOOP = re.search(r"```sh\n(.*?)```", (DOCS / "events.md").read_text(encoding="utf-8"), re.DOTALL)
PATIENCE = 20.0


@pytest.fixture
def follow(server: Server, admin: Client, tmp_path: Path) -> Callable[[], "Follower"]:
    """Start the loop; what it has printed is in a file."""
    for tool in ("bash", "curl", "jq"):
        if shutil.which(tool) is None:
            missing(f"There is no {tool}.")
    answer = admin.post("/api/tokens", json={"name": "mirror", "scopes": ["admin.activity"]})
    (tmp_path / "mirror.token").write_text(answer.json()["token"])
    assert LOOP is not None
    script = LOOP[1].replace("http://127.0.0.1:8000", server.url)
    assert server.url in script
    return lambda: Follower(script, tmp_path)


class Follower:
    def __init__(self, script: str, folder: Path) -> None:
        self.script = script
        self.folder = folder
        self.printed = folder / "printed"

    @contextmanager
    def running(self) -> Iterator[None]:
        with self.printed.open("ab") as out:
            process = subprocess.Popen(
                ["bash", "-c", self.script], cwd=self.folder, stdout=out, stderr=out, start_new_session=True
            )
        try:
            yield
            assert process.poll() is None, self.printed.read_text()
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def names(self) -> list[str]:
        lines = self.printed.read_text().splitlines() if self.printed.exists() else []
        return [line.split(" ")[1] for line in lines if "feed-" in line]

    def wait_for(self, *names: str) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and set(self.names()) < set(names):
            time.sleep(0.05)
        assert set(self.names()) >= set(names), self.printed.read_text()


def test_it_prints_each_file_and_goes_on_where_it_was_after_a_break(
    admin: Client, follow: Callable[[], Follower]
) -> None:
    follower = follow()
    upload(admin, "feed-1.txt")
    with follower.running():
        follower.wait_for("feed-1.txt")
        upload(admin, "feed-2.txt")  # it is waiting for this one
        follower.wait_for("feed-1.txt", "feed-2.txt")
        time.sleep(0.5)  # the cursor is written
    upload(admin, "feed-3.txt")
    with follower.running():
        follower.wait_for("feed-1.txt", "feed-2.txt", "feed-3.txt")
    assert follower.names() == ["feed-1.txt", "feed-2.txt", "feed-3.txt"]


def test_whoever_waits_is_told_at_once_by_whichever_worker(server: Server, admin: Client) -> None:
    after = admin.get("/api/events?after=latest").json()["next_cursor"]
    for number in range(4):
        with ThreadPoolExecutor(1) as pool:
            started = time.monotonic()
            asked = pool.submit(admin.get, f"/api/events?type=FileUploaded&wait=20&after={after}")
            time.sleep(0.5)
            upload(server.client("uploader"), f"feed-now-{number}.txt")
            page = asked.result().json()
        assert time.monotonic() - started < 10
        after = page["next_cursor"]
        assert f"feed-now-{number}.txt" in [item["data"]["filename"] for item in page["items"]]


def upload(client: Client, name: str) -> None:
    answer = client.put(f"/api/file-storage/upload/{name}", data=b"hello")
    assert answer.status_code == 201, answer.text


def test_a_server_that_is_asked_to_stop_waits_for_no_event(fresh_server: Callable[..., Server]) -> None:
    server = fresh_server(workers=2)
    follower = server.client("admin")
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(follower.get, "/api/events?after=latest&wait=20")
        time.sleep(1)
        started = time.monotonic()
        server.terminate()
        assert asked.result().json()["items"] == []
        assert server.wait() == 0
    assert time.monotonic() - started < 15
