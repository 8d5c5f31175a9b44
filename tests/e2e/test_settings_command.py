"""`stowage settings`: the same rules from a shell, also when the pages cannot be reached."""

import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.server import stowage


class Shell:
    """Runs `stowage` on a data directory."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.environ = {"PATH": "/usr/bin:/bin", "STOWAGE_DATA": str(data_dir), "STOWAGE_SECRET_KEY": "of the shell"}

    def run(self, *arguments: str, given: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [stowage(), *arguments],
            env={**self.environ, **environ},
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def settings(self, *arguments: str, given: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        return self.run("settings", *arguments, given=given, **environ)

    def sql(self, statement: str) -> None:
        with closing(sqlite3.connect(self.data_dir / "instance" / "stowage.db")) as database, database:
            database.execute(statement)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    made = Shell(tmp_path / "data")
    assert made.run("db", "upgrade").returncode == 0
    return made


def test_a_value_is_set_shown_and_unset(shell: Shell) -> None:
    assert shell.settings("set", "file_storage", "trash_retention_days", "7").returncode == 0
    assert shell.settings("get", "file_storage", "trash_retention_days").stdout == "trash_retention_days = 7\n"
    assert shell.settings("unset", "file_storage", "trash_retention_days").returncode == 0
    assert shell.settings("get", "file_storage", "trash_retention_days").stdout == "trash_retention_days = 30\n"


def test_without_a_module_all_settings_are_shown_each_with_its_module(shell: Shell) -> None:
    shown = shell.settings("get").stdout.splitlines()
    assert "file_storage trash_retention_days = 30" in shown
    assert "activity retention_days = 365" in shown
    for module in ("file_storage", "activity"):
        alone = shell.settings("get", module).stdout.splitlines()
        assert [f"{module} {each}" for each in alone] == [each for each in shown if each.startswith(f"{module} ")]
    copied = next(each for each in shown if each.startswith("activity retention_days "))
    assert shell.settings("set", *copied.replace("= 365", "7").split()).returncode == 0
    assert "activity retention_days = 7" in shell.settings("get").stdout.splitlines()


def test_what_is_wrong_is_one_line_and_nothing_is_saved(shell: Shell) -> None:
    for name, value in (
        ("trash_retention_days", "0"),
        ("backend", "tape"),
        ("fs_root_path", "/etc"),
        ("colour", "red"),
    ):
        refused = shell.settings("set", "file_storage", name, value)
        assert refused.returncode == 1
        assert refused.stderr.startswith(f"stowage: {name}: ")
        assert len(refused.stderr.splitlines()) == 1
    assert shell.settings("get", "nothing").returncode == 1
    assert shell.settings("get", "file_storage", "nothing").returncode == 1


def test_several_values_are_saved_together_or_not_at_all(shell: Shell) -> None:
    refused = shell.settings("set", "file_storage", "trash_retention_days", "7", "max_file_size_bytes", "0")
    assert refused.returncode == 1
    assert "trash_retention_days = 30" in shell.settings("get").stdout
    assert shell.settings("set", "file_storage", "trash_retention_days", "7", "file_visibility", "own").returncode == 0
    shown = shell.settings("get").stdout
    assert "trash_retention_days = 7" in shown
    assert 'file_visibility = "own"' in shown
    assert shell.settings("set", "file_storage", "trash_retention_days").returncode == 2


def test_a_secret_is_read_from_standard_input_and_never_printed(shell: Shell) -> None:
    secret = "wJalrXUtnFEMI/K7MDENG"
    done = shell.settings("set", "file_storage", "s3_secret_access_key", "-", given=f"{secret}\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    shown = shell.settings("get")
    assert "s3_secret_access_key = (set)" in shown.stdout
    assert secret not in shown.stdout + shown.stderr
    assert secret.encode() not in (shell.data_dir / "instance" / "stowage.db").read_bytes()


def test_check_is_content_with_a_store_that_works(shell: Shell) -> None:
    checked = shell.settings("check")
    assert (checked.returncode, checked.stdout) == (0, "The settings are fine.\n")
    assert list((shell.data_dir / "uploads").rglob("*.*")) == []


def test_check_says_what_is_broken_and_set_mends_it(shell: Shell) -> None:
    for name, value in (("trash_retention_days", "garbage"), ("backend", '"gone"')):
        shell.sql(
            "INSERT INTO setting (module, name, value, updated_at)"
            f" VALUES ('file_storage', '{name}', '{value}', '2026-01-01 00:00:00')"
        )
    checked = shell.settings("check", "--offline")
    assert checked.returncode == 1
    assert "file_storage.trash_retention_days: What is stored makes no sense." in checked.stdout
    assert "file_storage.backend: This backend is not installed." in checked.stdout
    assert shell.settings("set", "file_storage", "trash_retention_days", "30").returncode == 0
    assert shell.settings("set", "file_storage", "backend", "filesystem").returncode == 0
    assert shell.settings("check").returncode == 0


def test_check_says_why_the_store_does_not_work(shell: Shell) -> None:
    (shell.data_dir / "uploads").write_text("a file in its place", encoding="utf-8")
    checked = shell.settings("check")
    assert checked.returncode == 1
    assert checked.stdout


def test_what_the_environment_sets_is_shown_with_its_name_and_cannot_be_set(shell: Shell) -> None:
    pinned = {"FILE_STORAGE_TRASH_RETENTION_DAYS": "9"}
    shown = shell.settings("get", "file_storage", "trash_retention_days", **pinned)
    assert shown.stdout == "trash_retention_days = 9  # set by FILE_STORAGE_TRASH_RETENTION_DAYS\n"
    refused = shell.settings("set", "file_storage", "trash_retention_days", "5", **pinned)
    assert refused.returncode == 1
    assert "FILE_STORAGE_TRASH_RETENTION_DAYS" in refused.stderr


def test_a_secret_key_is_changed_without_losing_the_secrets(shell: Shell) -> None:
    shell.settings("set", "file_storage", "s3_secret_access_key", "quiet")
    new = {"STOWAGE_SECRET_KEY": "newer"}
    assert "can" not in shell.settings("check", "--offline").stdout
    assert shell.settings("check", "--offline", **new).returncode == 1
    resealed = shell.settings("reseal", **new, STOWAGE_SECRET_KEY_FALLBACKS="of the shell")
    assert resealed.returncode == 0, resealed.stderr
    assert shell.settings("check", "--offline", **new).returncode == 0


def test_a_pair_of_keys_is_cleared_together(shell: Shell) -> None:
    bucket = ("backend", "s3", "s3_bucket", "files", "s3_region", "eu-1")
    keys = ("s3_access_key_id", "AKIA", "s3_secret_access_key", "quiet")
    assert shell.settings("set", "file_storage", *bucket, *keys).returncode == 0
    assert shell.settings("unset", "file_storage", "s3_access_key_id").returncode == 1
    assert shell.settings("unset", "file_storage", "s3_access_key_id", "s3_secret_access_key").returncode == 0


def test_check_names_what_the_environment_sets_wrongly(shell: Shell) -> None:
    checked = shell.settings("check", "--offline", FILE_STORAGE_FS_ROOT_PATH="/etc")
    assert checked.returncode == 1
    assert checked.stdout.startswith("file_storage.fs_root_path: ")
    checked = shell.settings("check", "--offline", FILE_STORAGE_BACKEND="s3")
    assert "file_storage.s3_bucket: " in checked.stdout


def test_places_are_listed_without_what_opens_them(shell: Shell) -> None:
    keys = ("s3_access_key_id", "AKIAZ5XN", "s3_secret_access_key", "quiet")
    shell.settings("set", "file_storage", "s3_bucket", "files", *keys)
    listed = shell.settings("places")
    assert listed.stdout.startswith('s3 {"s3_bucket":"files"}')
    assert "quiet" not in listed.stdout
    assert "AKIA" not in listed.stdout


def test_without_tables_the_answer_is_one_line(tmp_path: Path) -> None:
    for command in (("get",), ("set", "file_storage", "trash_retention_days", "7"), ("check",)):
        refused = Shell(tmp_path / "empty").settings(*command)
        assert refused.returncode == 1
        assert refused.stderr.startswith("stowage: The database is not ready")
        assert len(refused.stderr.splitlines()) == 1
