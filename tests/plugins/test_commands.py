"""Commands of plugins are commands of ``stowage``."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support import packages
from tests.support.server import stowage

PLUGIN = """
import os
import click
from flask import current_app

@click.group("greet")
def greet():
    "Greetings."

@greet.command("by-name")
@click.argument("name")
def by_name(name):
    click.echo(f"{name} {current_app.extensions['stowage_config'].data_dir}")

def setup(host):
    with open(os.environ["SETUPS"], "a") as file:
        file.write("once\\n")
    host.add_command(greet)
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """With a plugin that has a command."""
    packages.described(tmp_path / "site", "greeter", "[stowage.plugins]\ngreeter = greeter:setup\n")
    (tmp_path / "site" / "greeter.py").write_text(PLUGIN)
    rest = {name: value for name, value in os.environ.items() if not name.startswith("STOWAGE_")}
    return {
        **rest,
        "STOWAGE_DATA": str(tmp_path / "data"),
        "PYTHONPATH": str(tmp_path / "site"),
        "SETUPS": str(tmp_path / "setups"),
    }


def run(environ: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([stowage(), *arguments], check=False, env=environ, capture_output=True, text=True, timeout=60)


def test_a_command_of_a_plugin_runs_inside_the_application(environ: dict[str, str], tmp_path: Path) -> None:
    done = run(environ, "greet", "by-name", "Ada")
    assert (done.returncode, done.stdout.strip()) == (0, f"Ada {tmp_path / 'data'}"), done.stderr


def test_a_plugin_is_set_up_once_for_a_command(environ: dict[str, str], tmp_path: Path) -> None:
    run(environ, "greet", "by-name", "Ada")  # makes the data directory
    (tmp_path / "setups").unlink()
    assert run(environ, "greet", "by-name", "Ada").returncode == 0
    assert (tmp_path / "setups").read_text() == "once\n"


def test_a_plugin_that_cannot_be_loaded_costs_a_command_one_line(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "site" / "greeter.py").write_text("def setup(host):\n    raise RuntimeError('no greeting')\n")
    done = run(environ, "db", "current")
    assert "RuntimeError: no greeting" in done.stderr
    assert "Traceback" not in done.stderr


def test_asking_for_help_lists_it_and_leaves_nothing_behind(environ: dict[str, str], tmp_path: Path) -> None:
    done = run(environ, "--help")
    assert "Greetings." in done.stdout
    assert run(environ, "great").returncode == 2
    assert not (tmp_path / "data").exists()
