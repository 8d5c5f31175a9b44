"""A backend of somebody else: a package of its own, installed by pip, chosen on the page, used like our own."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support import packages
from tests.support.client import Client
from tests.support.corpora import noise
from tests.support.images import opened, picture
from tests.support.problems import problem
from tests.support.raw import Wire, head
from tests.support.server import ADMIN_PASSWORD, Server, eventually
from tests.ui.settings_forms import fields_of

HERE = "/api/settings/modules/file_storage"
PAGE = "/settings/modules/file_storage"
PACKAGE = Path(__file__).parent / "stowage-sqlite-archive"
ID = "sqlite_archive"
MIB = 1024 * 1024
MakeServer = Callable[..., Server]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packages.copied(PACKAGE, tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def installed(package: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a Python in which pip has installed the package."""
    return packages.installed(package, tmp_path_factory.mktemp("installed"))


@pytest.fixture(scope="module")
def running(installed: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the package; files still go to the file system."""
    server = Server(tmp_path_factory.mktemp("server"), environ=installed)
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture
def archived(running: Server) -> Iterator[Server]:
    """The same while files go to an archive."""
    choose(running.admin)
    yield running
    choose(running.admin, "filesystem")


def choose(client: Client, backend: str = ID) -> None:
    save(client, backend=backend, sqlite_archive_directory="archives", sqlite_archive_name="sales")


def save(client: Client, **values: object) -> dict[str, Any]:
    answer = client.put(HERE, json={"values": values})
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def keys(server: Server, archive: str = "archives/sales") -> list[str]:
    """What is in an archive, unfinished or not, as anybody can see who has the file."""
    with closing(sqlite3.connect(server.data_dir / f"{archive}.sqlite")) as connection:
        return [key for (key,) in connection.execute("SELECT key FROM file ORDER BY key")]


# --- offered -----------------------------------------------------------------------


def test_its_settings_are_in_the_api_with_all_that_they_say(running: Server) -> None:
    fields = running.admin.get(HERE).json()["schema"]["properties"]
    assert ID in fields["backend"]["enum"]
    assert {name for name in fields if name.startswith(ID)} == {
        f"{ID}_{name}" for name in ("directory", "name", "most_bytes", "chunk_bytes", "durability")
    }
    chunk = fields[f"{ID}_chunk_bytes"]
    assert (chunk["type"], chunk["default"], chunk["minimum"]) == (["integer", "null"], MIB, 65536)
    assert fields[f"{ID}_durability"]["enum"] == ["full", "normal", None]
    assert fields[f"{ID}_name"]["pattern"] == "^(?:[a-z0-9][a-z0-9_-]{0,63})$"


def test_its_settings_are_on_the_page_with_the_words_of_its_author(running: Server) -> None:
    with running.browser().sign_in("admin", ADMIN_PASSWORD) as admin:
        page = admin.open(PAGE)
    assert ("backend", ID) in [(values.get("name"), values.get("value")) for _, values in page.tags]
    controls = {values.get("name") for _, values in page.tags if values.get("id", "").startswith("f-")}
    assert {f"{ID}_directory", f"{ID}_name", f"{ID}_most_bytes", f"{ID}_chunk_bytes"} <= controls
    for words in ("SQLite archive", "easy to move and to back up", "Largest size of the archive"):
        assert words in page.text


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({f"{ID}_name": "../x"}, f"{ID}_name", "Lower-case letters, digits, - and _"),
        ({f"{ID}_chunk_bytes": 1}, f"{ID}_chunk_bytes", "from 65536 to 16777216"),
        ({f"{ID}_durability": "some"}, f"{ID}_durability", ""),
        ({f"{ID}_directory": "instance"}, f"{ID}_directory", ""),
        ({f"{ID}_directory": None}, f"{ID}_directory", ""),
        ({f"{ID}_most_bytes": MIB}, f"{ID}_most_bytes", "The archive has to hold four chunks at least."),
    ],
)
def test_what_cannot_work_is_refused_with_its_words(
    running: Server, values: dict[str, object], field: str, words: str
) -> None:
    before = running.admin.get(HERE).json()["version"]
    good = {"backend": ID, f"{ID}_directory": "archives"}
    answer = running.admin.put(HERE, json={"values": {**good, **values}})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
    [error] = answer.json()["errors"]
    assert error["field"] == field
    assert words in error["message"]
    assert running.admin.get(HERE).json()["version"] == before


def test_it_can_be_tried_before_it_is_saved(running: Server) -> None:
    values = {f"{ID}_directory": "tried", f"{ID}_name": "tried"}
    answer = running.admin.post(f"{HERE}/test", json={"values": values, "backend": ID})
    result = answer.json()
    assert (answer.status_code, result["ok"], result["backend"]) == (200, True, ID), result
    assert [step["name"] for step in result["steps"]] == ["settings", "write", "read", "range", "list", "delete"]
    assert running.admin.get(HERE).json()["values"][f"{ID}_directory"] is None


def test_a_test_that_fails_says_why(running: Server) -> None:
    (running.data_dir / "notes").mkdir()
    (running.data_dir / "notes/files.sqlite").write_text("These are notes.\n" * 1000)
    answer = running.admin.post(f"{HERE}/test", json={"values": {f"{ID}_directory": "notes"}, "backend": ID})
    steps = {step["name"]: step["cause"] for step in answer.json()["steps"]}
    assert (answer.json()["ok"], steps["settings"], steps["write"]) == (False, None, "protocol")


# --- chosen ------------------------------------------------------------------------


def test_it_is_chosen_on_the_page_and_what_is_stored_stays_readable(running: Server) -> None:
    before = running.admin.upload(b"a file of the file system", "before.txt")
    with running.browser().sign_in("admin", ADMIN_PASSWORD) as admin:
        form = fields_of(admin.open(PAGE))
        for name, value in (("backend", ID), (f"{ID}_directory", "chosen"), (f"{ID}_most_bytes", "64 MiB")):
            form[name] = value
        answer = admin.post(PAGE, data=form.to_dict(flat=False))
        assert answer.status_code == 303, answer.text
        assert "Saved" in admin.open(PAGE).text
        without_token = admin.post(PAGE, data={**form.to_dict(flat=False), "csrf_token": "x"})
        assert without_token.status_code == 403
    after = running.admin.upload(b"a file of the archive", "after.txt")
    assert (before["backend"], after["backend"]) == ("filesystem", ID)
    assert running.admin.get(HERE).json()["values"][f"{ID}_most_bytes"] == 64 * MIB
    save(running.admin, backend="filesystem", **{f"{ID}_most_bytes": None})
    assert running.admin.content(before) == b"a file of the file system"
    assert running.admin.content(after) == b"a file of the archive"


def test_it_is_chosen_in_a_shell(running: Server) -> None:
    running.cli("settings", "set", "file_storage", "backend", ID, f"{ID}_directory", "shell", f"{ID}_name", "legal")
    try:
        assert running.run("settings", "check").returncode == 0
        out = running.admin.upload(b"x")
        assert keys(running, "shell/legal") == [out["key"]]
    finally:
        running.cli("settings", "set", "file_storage", "backend", "filesystem")


def test_the_environment_sets_it(fresh_server: MakeServer, installed: dict[str, str]) -> None:
    pinned = {"FILE_STORAGE_BACKEND": ID, "FILE_STORAGE_SQLITE_ARCHIVE_DIRECTORY": "archives"}
    server = fresh_server(environ={**installed, **pinned, "FILE_STORAGE_SQLITE_ARCHIVE_NAME": "sales"})
    assert server.admin.get(HERE).json()["pinned"][f"{ID}_name"] == "FILE_STORAGE_SQLITE_ARCHIVE_NAME"
    out = server.admin.upload(b"x")
    assert (out["backend"], keys(server)) == (ID, [out["key"]])


# --- used --------------------------------------------------------------------------


def test_files_come_and_go_as_with_any_backend(archived: Server) -> None:
    admin, data = archived.admin, noise(3 * MIB + 17)
    out = admin.upload(data, "large.bin")
    assert admin.content(out) == data
    part = admin.download(out, Range="bytes=1048570-2097160")
    assert (part.status_code, part.content) == (206, data[1048570:2097161])
    assert admin.download(out, Range="bytes=-5").content == data[-5:]
    assert out["id"] in {row["id"] for row in admin.every("files", backend=ID)}
    admin.trash(out)
    assert out["key"] in keys(archived)
    assert admin.restore(out).status_code == 200
    assert admin.content(out) == data
    admin.purge(out)
    assert eventually(lambda: out["key"] not in keys(archived), 5)
    assert admin.content(admin.upload(b"", "empty")) == b""


def test_images_get_thumbnails(archived: Server) -> None:
    out = archived.admin.upload(picture(), "a.png", "image/png")
    before = keys(archived)
    answer = archived.admin.get(f"/file-storage/files/{out['id']}/thumbnail/64")
    assert answer.status_code == 200
    assert max(opened(answer.content).size) == 64
    assert len(keys(archived)) == len(before) + 1, "the thumbnail is beside its image"
    archived.admin.purge(out)
    assert eventually(lambda: len(keys(archived)) == len(before) - 1, 5)


def test_a_full_archive_is_a_full_store(archived: Server) -> None:
    save(archived.admin, sqlite_archive_name="small", sqlite_archive_most_bytes=8 * MIB)
    try:
        problem(archived.admin.put_file(noise(9 * MIB)), "storage_full")
        assert keys(archived, "archives/small") == []
        assert archived.admin.upload(noise(MIB))
    finally:
        save(archived.admin, sqlite_archive_name="sales", sqlite_archive_most_bytes=None)


def test_what_a_crash_cuts_short_is_gone_soon_after_the_next_start(
    fresh_server: MakeServer, installed: dict[str, str]
) -> None:
    server = fresh_server(environ=installed)
    choose(server.admin)
    kept = server.admin.upload(b"kept")
    sent = [("Content-Length", str(64 * MIB)), ("Content-Type", "text/plain"), *server.admin.auth]
    with Wire(server.url) as wire:
        wire.send(head("PUT", "/api/file-storage/upload/cut.bin", sent) + bytes(8 * MIB))
        assert eventually(lambda: len(keys(server)) == 2, 10)
        server.kill()
    assert len(keys(server)) == 2
    server.start()
    assert eventually(lambda: keys(server) == [kept["key"]], 30)
    assert server.admin.content(kept) == b"kept"


# --- missing, and back -------------------------------------------------------------


def test_without_the_package_its_files_wait_and_all_others_are_served(
    fresh_server: MakeServer, installed: dict[str, str]
) -> None:
    server = fresh_server(environ=installed)
    on_disk = server.admin.upload(b"on the disk")
    choose(server.admin)
    in_archive = server.admin.upload(b"in the archive")
    server.stop()
    del server.environ["PYTHONPATH"]
    server.start(ready="/healthz")
    assert server.admin.total() == 2
    assert server.admin.content(on_disk) == b"on the disk"
    problem(server.admin.download(in_archive), "backend_error")
    problem(server.admin.put_file(b"by guess"), "backend_error")
    with server.browser().sign_in("admin", ADMIN_PASSWORD) as admin:
        text = admin.open(PAGE).text
    assert f"1 file is in “{ID}”, which is not installed." in text
    assert "This backend is not installed. Nothing is stored until another one is chosen." in text
    assert server.run("settings", "check").returncode == 1
    save(server.admin, backend="filesystem")
    assert server.admin.upload(b"meanwhile")["backend"] == "filesystem"
    server.stop()
    server.environ.update(installed)
    server.start()
    assert server.admin.content(in_archive) == b"in the archive"
    assert server.admin.get(HERE).json()["values"][f"{ID}_name"] == "sales"


# --- what its author runs ----------------------------------------------------------


def test_its_own_tests_pass_against_what_was_installed(package: Path, installed: dict[str, str]) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))}
    done = subprocess.run(
        command, check=False, cwd=package, env={**environ, **installed}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-5000:]


def test_it_needs_the_contracts_and_the_standard_library_alone(package: Path) -> None:
    allowed = {"webapp.contracts", "stowage_sqlite_archive", *sys.stdlib_module_names}
    lines = [line.split() for path in (package / "src").rglob("*.py") for line in path.read_text().splitlines()]
    imported = {line[1] for line in lines if line[:1] in (["import"], ["from"])}
    assert {name for name in imported if name not in allowed and name.split(".")[0] not in allowed} == set()
