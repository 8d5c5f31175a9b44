"""`stowage serve` and `stowage worker` do the same wherever they are started, and whatever lies there."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.server import Server, eventually, stowage

PATIENCE = 40


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[Path]:
    """A directory with modules that are called like ours; nobody is to run them."""
    trap = tmp_path / "trap"
    for name in ("webapp", "gunicorn", "wsgi"):
        (trap / name).mkdir(parents=True)
        (trap / name / "__init__.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w'); raise SystemExit('{name}')")
    yield trap
    assert not (tmp_path / "ran").exists()


def started(server: Server, *command: str, cwd: Path) -> "subprocess.Popen[bytes]":
    with (server.data_dir.parent / "server.log").open("ab") as log:
        return subprocess.Popen(
            [stowage(), *command], env=server.environ, stdout=log, stderr=log, cwd=cwd, start_new_session=True
        )


@pytest.mark.slow
def test_the_server_runs_nothing_that_lies_where_it_is_started(tmp_path: Path, trap: Path) -> None:
    server = Server(tmp_path, workers=1)
    server._process = started(server, "serve", "--port", str(server.port), cwd=trap)
    with closing(server):
        server.wait_until_ready()
        assert eventually(lambda: "background worker started" in server.log(), PATIENCE), server.log()
        assert len(server.background()) == 1


@pytest.mark.slow
def test_a_worker_runs_nothing_that_lies_where_it_is_started(tmp_path: Path, trap: Path) -> None:
    server = Server(tmp_path)
    server.cli("db", "upgrade")
    worker = started(server, "worker", cwd=trap)
    try:
        assert eventually(lambda: "background worker started" in server.log() or worker.poll() is not None, PATIENCE)
    finally:
        worker.terminate()
        assert worker.wait(PATIENCE) == 0, server.log()


@pytest.mark.slow
def test_a_relative_data_directory_is_one_of_where_it_is_started(tmp_path: Path) -> None:
    server = Server(tmp_path, workers=1, environ={"STOWAGE_DATA": os.curdir})
    with closing(server):
        server.start()
        assert (server.data_dir / "instance" / "stowage.db").exists()
        assert server.browser().sign_in("admin", server.environ["STOWAGE_ADMIN_PASSWORD"])


@pytest.mark.slow
def test_files_that_variables_name_are_those_of_where_it_is_started(tmp_path: Path) -> None:
    environ = {"STOWAGE_SECRET_KEY_FILE": "key", "FILE_STORAGE_TRASH_RETENTION_DAYS_FILE": "days"}
    server = Server(tmp_path, workers=1, environ=environ)
    (server.data_dir / "key").write_text("a key that is long enough for anybody")
    (server.data_dir / "days").write_text("7")
    with closing(server):
        server.start()
        assert eventually(lambda: "background worker started" in server.log(), PATIENCE), server.log()
        browser = server.browser().sign_in("admin", server.environ["STOWAGE_ADMIN_PASSWORD"])
        settings = browser.get("/api/settings/modules/file_storage").json()
        assert settings["values"]["trash_retention_days"] == 7


def test_a_first_password_that_is_no_good_is_named_by_its_variable(tmp_path: Path) -> None:
    server = Server(tmp_path, environ={"STOWAGE_ADMIN_PASSWORD": "secret"})
    refused = server.run("serve", "--port", str(server.port))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("stowage: STOWAGE_ADMIN_PASSWORD: At least 8 characters")
    assert "secret" not in refused.stderr
