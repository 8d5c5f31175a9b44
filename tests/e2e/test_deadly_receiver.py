"""A plugin whose receiver kills the background worker: everybody else is told, and it is seen who it was."""

from collections.abc import Callable
from pathlib import Path

from tests.support import packages
from tests.support.server import Server, eventually

DEADLY = """
import os
import signal

from webapp.contracts import FileUploaded


def setup(host):
    def index(event, **_):
        if event.filename == "deadly.bin":
            os.kill(os.getpid(), signal.SIGKILL)
        with open(os.environ["DEADLY_FILE"], "a") as heard:
            heard.write(event.filename + "\\n")

    host.subscribe(FileUploaded, index)
"""


def test_a_receiver_that_kills_the_worker_stops_neither_itself_nor_anybody_else(
    fresh_server: Callable[..., Server], tmp_path: Path
) -> None:
    packages.described(tmp_path / "package", "deadly", "[stowage.plugins]\ndeadly = deadly:setup\n")
    (tmp_path / "package" / "deadly.py").write_text(DEADLY)
    heard = tmp_path / "heard"
    server = fresh_server(environ={"PYTHONPATH": str(tmp_path / "package"), "DEADLY_FILE": str(heard)})
    server.admin.put("/api/file-storage/upload/deadly.bin", data=b"x").raise_for_status()
    server.admin.put("/api/file-storage/upload/harmless.txt", data=b"x").raise_for_status()

    def attempts() -> list[tuple[int, str]]:
        [plugin] = [each for each in server.admin.get("/api/plugins").json()["items"] if each["name"] == "deadly"]
        return [(each["waiting"], each["parked"]) for each in plugin["receivers"]]

    # Twice the worker dies: without knowing in whose call, and then knowing.
    assert eventually(lambda: heard.exists() and heard.read_text() == "harmless.txt\n", 60), server.log()
    assert eventually(lambda: attempts() == [(1, 0)], 20), attempts()
