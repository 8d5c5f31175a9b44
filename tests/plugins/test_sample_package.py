"""A plugin of somebody else, with all that a plugin can bring: a package of its own, installed by pip, and used."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support import packages
from tests.support.problems import problem
from tests.support.server import ADMIN_PASSWORD, USER_PASSWORD, Server, eventually

PACKAGE = Path(__file__).parent / "sample"
API = "/api/plugins/ledger/entries"
PAGE = "/plugins/ledger/"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packages.copied(PACKAGE, tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def installed(package: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a Python in which pip has installed the package."""
    return packages.installed(package, tmp_path_factory.mktemp("installed"))


@pytest.fixture(scope="module")
def running(installed: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"), environ=installed)
    try:
        yield server.start()
    finally:
        server.close()


def plugin(server: Server) -> dict[str, Any]:
    items = server.admin.get("/api/plugins").json()["items"]
    [found] = [each for each in items if each["name"] == "ledger"]
    document: dict[str, Any] = found
    return document


def entries(server: Server, name: str) -> list[str]:
    """What the ledger says of files of this name, the newest first."""
    items = server.admin.get(API).json()["items"]
    return [line["what"] for line in items if line["filename"] == name]


def test_it_is_on_the_page_of_plugins_with_all_it_brought(running: Server) -> None:
    found = plugin(running)
    assert (found["title"], found["package"], found["version"], found["state"]) == (
        "Ledger",
        "stowage-ledger",
        "1.2.0",
        "active",
    )
    assert found["depends_on"] == ["FileStorage"]
    assert found["brings"] == {
        "events": ["FileUploaded", "FileDeleted"],
        "checks": ["stowage_ledger.checks.NameCheck", "stowage_ledger.checks.LineCounter"],
        "pages": [
            "/plugins/ledger/",
            "/plugins/ledger/clear",
            "/plugins/ledger/ledger.csv",
            "/plugins/ledger/static/<path:filename>",
            "/api/plugins/ledger/entries",
        ],
        "menu": ["/plugins/ledger"],
        "settings": ["ledger"],
        "permissions": ["ledger.see"],
        "commands": ["ledger"],
    }


def test_it_hears_of_what_comes_and_goes(running: Server) -> None:
    out = running.admin.upload(b"one\ntwo\n", "heard.txt", "text/plain")
    running.admin.trash(out)
    assert eventually(lambda: entries(running, "heard.txt") == ["out", "in"], 20), plugin(running)
    # How it went is written down a moment later, for many events at once.
    assert eventually(lambda: plugin(running)["delivery"]["delivered"] >= 2, 20), plugin(running)
    assert plugin(running)["delivery"]["failed"] == 0


def test_it_refuses_files_with_its_own_words(running: Server) -> None:
    before = running.admin.total()
    answer = running.admin.put_file(b"MZ", "setup.EXE")
    assert answer.status_code == 422
    assert answer.json()["code"] == "ledger.name"
    assert answer.json()["detail"] == "Files called *.exe are not taken here."
    assert running.admin.total() == before


def test_it_tells_of_text_how_many_lines_it_has(running: Server) -> None:
    out = running.admin.upload(b"one\ntwo\n", "lines.txt", "text/plain")
    assert out["annotations"] == {"ledger": {"lines": 2}}
    assert running.admin.upload(b"\x00\n", "bytes.bin")["annotations"] == {}


def test_its_settings_count_at_once(running: Server) -> None:
    here = "/api/settings/modules/ledger"
    assert running.admin.get(here).json()["values"]["refused_names"] == ["*.exe", "*.scr"]
    running.admin.put(here, json={"values": {"refused_names": ["*.zip"], "count_lines": False}})
    try:
        assert running.admin.put_file(b"PK", "a.zip").json()["code"] == "ledger.name"
        assert running.admin.upload(b"MZ", "setup.exe")
        assert running.admin.upload(b"a\n", "uncounted.txt", "text/plain")["annotations"] == {}
    finally:
        running.admin.put(here, json={"values": {"refused_names": None, "count_lines": None}})


def test_its_page_is_in_the_navigation_and_its_form_works(running: Server) -> None:
    running.admin.upload(b"x", "on the page.txt")
    assert eventually(lambda: entries(running, "on the page.txt") == ["in"], 20)
    with running.browser().sign_in("admin", ADMIN_PASSWORD) as admin:
        page = admin.open(PAGE)
        assert "on the page.txt" in page.text
        assert [v["href"] for tag, v in page.tags if tag == "a" and v.get("aria-current") == "page"] == [PAGE]
        assert requests.get(f"{running.url}/plugins/ledger/static/ledger.css", timeout=10).status_code == 200
        assert admin.post(f"{PAGE}clear", data={}).status_code == 403
        sent = admin.post(f"{PAGE}clear", data={"csrf_token": page.csrf_token()})
        assert (sent.status_code, sent.headers["Location"]) == (303, PAGE)
        after = admin.open(PAGE).text
    assert "The ledger begins anew" in after
    assert "Nothing yet." in after


def test_who_may_see_it_is_a_matter_of_permissions(running: Server) -> None:
    running.cli("user", "create", "reader", stdin=USER_PASSWORD)
    with running.browser().sign_in("reader", USER_PASSWORD) as reader:
        assert reader.get(PAGE).status_code == 403
    token = running.cli("token", "create", "admin", "--name", "for the ledger", "--scope", "ledger.see").strip()
    bearer = {"Authorization": f"Bearer {token}"}
    assert requests.get(f"{running.url}{API}", headers=bearer, timeout=10).status_code == 200
    refused = requests.get(f"{running.url}/api/file-storage/files", headers=bearer, timeout=10)
    problem(refused, "forbidden")


def test_its_command_is_one_of_ours(running: Server) -> None:
    running.admin.upload(b"12345", "in the shell.txt")
    assert eventually(lambda: entries(running, "in the shell.txt") == ["in"], 20)
    assert "in the shell.txt" in running.cli("ledger", "--most", "5")
    assert "ledger" in running.cli("--help")


def test_without_the_package_everything_else_goes_on(fresh_server: Any, installed: dict[str, str]) -> None:
    server = fresh_server(environ=installed)
    out = server.admin.upload(b"a\n", "kept.txt", "text/plain")
    assert eventually(lambda: entries(server, "kept.txt") == ["in"], 20)
    server.stop()
    del server.environ["PYTHONPATH"]
    server.start()
    assert server.admin.content(out) == b"a\n"
    assert server.admin.get(f"/api/file-storage/files/{out['id']}").json()["annotations"] == {"ledger": {"lines": 1}}
    assert server.admin.upload(b"MZ", "setup.exe"), "nobody refuses it any more"
    assert plugin(server)["state"] == "gone"
    server.stop()
    server.environ.update(installed)
    server.start()
    assert eventually(lambda: entries(server, "setup.exe") == ["in"], 20), "what happened meanwhile is told"


def test_a_reload_takes_what_was_installed_and_changed_meanwhile(
    fresh_server: Any, installed: dict[str, str], tmp_path: Path
) -> None:
    server = fresh_server(environ={"PYTHONPATH": str(tmp_path)}, workers=1)
    assert server.admin.get(API).status_code == 404
    shutil.copytree(installed["PYTHONPATH"], tmp_path, dirs_exist_ok=True)
    server.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: server.admin.get(API).status_code != 404, 20)
    admin = server.client("admin")  # a token may what there was when it was made
    module = tmp_path / "stowage_ledger" / "pages.py"
    module.write_text(module.read_text().replace('return {"items":', 'return {"changed": True, "items":'))
    server.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: "changed" in admin.get(API).json(), 20)


# --- what its author runs ----------------------------------------------------------


def test_its_own_tests_pass_against_what_was_installed(package: Path, installed: dict[str, str]) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))}
    done = subprocess.run(
        command, check=False, cwd=package, env={**environ, **installed}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-5000:]


def test_it_needs_the_contracts_flask_and_click_alone(package: Path) -> None:
    allowed = {"webapp.contracts", "stowage_ledger", "flask", "werkzeug", "click", *sys.stdlib_module_names}
    lines = [line.split() for path in (package / "src").rglob("*.py") for line in path.read_text().splitlines()]
    imported = {line[1] for line in lines if line[:1] in (["import"], ["from"])}
    strangers = {
        name for name in imported if name.split(".")[0] not in allowed and not name.startswith("webapp.contracts")
    }
    assert strangers == set()
