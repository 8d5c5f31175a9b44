"""What docs/operations.md prints to be copied is taken by the programs it is for."""

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from tests.architecture.sources import ROOT, document
from tests.support.markdown import block, blocks
from tests.support.missing import missing
from webapp.cli import cli

UNITS = blocks("operations.md", "ini")
PRINTED_ROOT = "/opt/stowage"


def options(words: list[str]) -> None:
    """Check a ``stowage …`` command as the command line would."""
    command: click.Command = cli
    context = click.Context(cli)
    assert isinstance(command, click.Group)
    found = command.get_command(context, words[0])
    assert found is not None, f"there is no stowage {words[0]}"
    found.make_context(words[0], words[1:])


@pytest.mark.parametrize("unit", UNITS, ids=range(len(UNITS)))
def test_systemd_knows_every_line_of_the_units(unit: str, tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        missing("There is no systemd-analyze here. On Debian: apt-get install systemd")
    command = Path(re.findall(r"ExecStart=(\S+)", unit)[0].replace(PRINTED_ROOT, str(ROOT)))
    assert command.name == "stowage"
    file = tmp_path / "stowage-under-test.service"
    # It looks whether the command is there; in the tests it is at another place.
    file.write_text(unit.replace(f"{PRINTED_ROOT}/.venv/bin/stowage", "/bin/true").replace(PRINTED_ROOT, str(ROOT)))
    done = subprocess.run([program, "verify", str(file)], check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_units_start_what_there_is() -> None:
    started = [re.findall(r"^ExecStart=\S+/stowage (.*)$", unit, re.MULTILINE)[0].split() for unit in UNITS]
    assert started == [["serve"], ["worker"]]
    for words in started:
        options(words)


def test_a_unit_waits_longer_than_stowage_does() -> None:
    """Else systemd would kill what is still finishing."""
    grace = int(re.findall(r'"STOWAGE_GRACEFUL_SECONDS", (\d+)', (ROOT / "gunicorn.conf.py").read_text())[0])
    for unit in UNITS:
        parsed = configparser.ConfigParser(strict=False)
        parsed.optionxform = str  # type: ignore[assignment,method-assign]
        parsed.read_string(unit)
        assert parsed.getint("Service", "TimeoutStopSec") > grace
        assert parsed.get("Service", "Restart") == "always"


def test_commands_run_as_the_services_do(tmp_path: Path) -> None:
    """Another user, directory or environment would make another store."""
    for name, text in (("systemd-run", '#!/bin/sh\nprintf "%s\\n" "$@"\n'), ("stowage", block("operations.md", "sh"))):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    words = ["token", "create", "admin", "--name", "my laptop"]
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    command = [str(tmp_path / "stowage"), *words]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=10, env={"PATH": path})
    said = done.stdout.splitlines()
    program = said.index(f"{PRINTED_ROOT}/.venv/bin/stowage")
    assert said[program + 1 :] == words
    for unit in UNITS:
        lines = dict(re.findall(r"^(\w+)=(.*)$", unit, re.MULTILINE))
        assert lines["ExecStart"].split()[0] == said[program]
        assert {
            f"--uid={lines['User']}",
            f"--working-directory={lines['WorkingDirectory']}",
            f"--setenv={lines['Environment']}",
            f"--property=StateDirectory={lines['StateDirectory']}",
            f"--property=EnvironmentFile={lines['EnvironmentFile']}",
        } <= set(said[:program])


def test_what_is_backed_up_is_restored() -> None:
    section = document("operations.md").partition("## Backup and restore\n")[2].partition("\n## ")[0]
    backup, _, restore = section.partition("\nRestore")
    copied = re.findall(r"^    (?:sqlite3|rsync|cp|STOWAGE_DATA=)[^#\n]*", backup, re.MULTILINE)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [each for each in copied if each.rstrip() not in readme] == []
    kept = set(re.findall(r"\$STOWAGE_DATA/(?:instance/)?([\w.]+)", "".join(copied)))
    assert kept == {"stowage.db", "uploads", "plugins", "secret_key"}
    assert kept <= set(re.findall(r"(?<=/backup/)[\w.]+", restore))


def test_the_container_is_made_of_what_there_is() -> None:
    text = block("operations.md", "dockerfile")
    assert re.findall(r"^RUN make (\S+)$", text, re.MULTILINE) == [".venv/.runtime"]
    assert re.search(r"^\$\(VENV\)/\.runtime:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    words = re.findall(r'"([^"]*)"', re.findall(r"^CMD (.*)$", text, re.MULTILINE)[0])
    assert words[0] == f"{PRINTED_ROOT}/.venv/bin/stowage"
    options(words[1:])
    least = re.findall(r'requires-python = ">=3\.(\d+)"', (ROOT / "pyproject.toml").read_text())[0]
    assert int(re.findall(r"FROM python:3\.(\d+)", text)[0]) >= int(least)


def test_every_background_task_is_described() -> None:
    from webapp.jobs import catalogue  # noqa: PLC0415

    named = set(re.findall(r'name="(\w+)"', Path(catalogue.__file__).read_text()))
    section = document("operations.md").partition("## Background work\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == named
