"""The connection test: values that nobody has saved, tried for real and told in one word, and nothing stays behind."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.odd import OddBackend, causes, nothing_is_left, raises, tried
from tests.support.app import House
from tests.support.missing import missing
from tests.support.talking import Server
from webapp.backends.filesystem import FilesystemBackend
from webapp.config import PROJECT_ROOT
from webapp.contracts.errors import (
    CAUSES,
    ConfigurationError,
    NotSupportedError,
    StorageBackendError,
    StorageError,
    StorageFullError,
    StorageNotFoundError,
)
from webapp.models import Setting
from webapp.services.errors import NotFoundError, ValidationError
from webapp.services.probe import STEPS, ProbeService
from webapp.services.settings import FILE_STORAGE

# --- all is well --------------------------------------------------------------------


def test_the_file_system_is_tried_for_real(probe: ProbeService) -> None:
    result = probe.run(FILE_STORAGE, {})
    assert causes(result) == dict.fromkeys(("settings", "write", "read", "range", "list", "delete"))
    assert (result.ok, result.backend_id) == (True, "filesystem")


def test_values_that_are_not_saved_are_tried_and_not_saved(
    odd_house: House, probe: ProbeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[str] = []
    real = FilesystemBackend.put
    monkeypatch.setattr(
        FilesystemBackend, "put", lambda self, *args, **named: (used.append(self._root), real(self, *args, **named))[1]
    )
    (tmp_path / "there").mkdir()
    for place in (tmp_path / "there", tmp_path / "new" / "er"):
        assert probe.run(FILE_STORAGE, {"fs_root_path": str(place)}).ok
    assert used == [str(tmp_path / "there"), str(tmp_path / "new" / "er")]
    assert list((tmp_path / "there").iterdir()) == []
    assert not (tmp_path / "new").exists()
    assert odd_house.count(Setting) == 0
    assert odd_house.services.settings.current().values["fs_root_path"] == "./uploads"


def test_a_store_with_files_is_as_it_was(odd_house: House, probe: ProbeService) -> None:
    file = odd_house.upload()
    before = sorted(odd_house.uploads.rglob("*"))
    assert probe.run(FILE_STORAGE, {}).ok
    after = sorted(path for path in odd_house.uploads.rglob("*") if not path.is_dir())
    assert after == [path for path in before if not path.is_dir()]
    assert odd_house.on_disk() == {f"{file.key[:2]}/{file.key}"}


def test_all_steps_of_a_backend_that_can_do_everything(probe: ProbeService, links: Server) -> None:
    result = tried(probe)
    assert causes(result) == dict.fromkeys(STEPS)
    assert result.backend_id == "odd"
    assert links.calls == 1
    [key] = {key for _, key in OddBackend.calls if len(key) == 32}
    assert set(key) <= set("0123456789abcdef")
    assert nothing_is_left()


def test_a_backend_is_tried_that_is_not_the_one_in_use(odd_house: House, probe: ProbeService, links: Server) -> None:
    result = probe.run(FILE_STORAGE, {}, "odd")
    assert (result.ok, result.backend_id) == (True, "odd")
    assert odd_house.services.settings.current().backend == "filesystem"


def test_the_instance_is_one_of_its_own(odd_house: House, probe: ProbeService, links: Server) -> None:
    seen: list[OddBackend] = []
    OddBackend.instead["init"] = lambda self, _: seen.append(self)
    odd_house.configure(backend="odd")
    used = odd_house.services.settings.active_place(odd_house.services.settings.current()).backend
    assert tried(probe).ok
    assert len(seen) == 2
    assert seen[0] is used


def test_what_a_backend_cannot_do_is_left_out(probe: ProbeService) -> None:
    OddBackend.instead["presign"] = raises(NotSupportedError("switched off"))
    result = tried(probe)
    assert result.ok
    assert "presign" not in causes(result)
    assert "fetch" not in causes(result)
    OddBackend.instead["list"] = raises(NotSupportedError("switched off"))
    assert list(causes(tried(probe))) == ["settings", "write", "read", "range", "delete"]


# --- what is wrong, in one word -------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        *((StorageBackendError("x", cause=cause), cause) for cause in CAUSES),
        (StorageBackendError("x"), "unknown"),
        (StorageBackendError("x", cause="what the vendor said"), "unknown"),
        (StorageFullError("x"), "full"),
        (StorageNotFoundError("x"), "not_found"),
        (ConfigurationError("x"), "settings"),
        (NotSupportedError("x"), "unknown"),
        (StorageError("x"), "unknown"),
        (TimeoutError("x"), "timeout"),
        (OSError("x"), "unknown"),
        (KeyError("x"), "unknown"),
        (RecursionError("x"), "unknown"),
    ],
)
def test_a_write_that_fails_is_told_and_the_rest_skipped(probe: ProbeService, error: Exception, cause: str) -> None:
    OddBackend.instead["put"] = raises(error)
    skipped = dict.fromkeys(("read", "range", "list", "presign", "fetch", "delete"), "skipped")
    assert causes(tried(probe)) == {"settings": None, "write": cause, **skipped}


@pytest.mark.parametrize("name", ["get", "range", "list", "presign"])
def test_one_step_that_fails_does_not_keep_others_from_being_tried(
    probe: ProbeService, links: Server, name: str
) -> None:
    OddBackend.instead[name] = raises(StorageBackendError("x", cause="denied"))
    step = {"get": "read"}.get(name, name)
    expected: dict[str, str | None] = {**dict.fromkeys(STEPS), step: "denied"}
    if name == "presign":
        expected["fetch"] = "skipped"
    assert causes(tried(probe)) == expected
    assert nothing_is_left()


@pytest.mark.parametrize(
    "pieces",
    [[], [b"x"], [b"x" * 1500], [b"x" * 100] * 100_000, [b""] * 100],
    ids=["none", "few", "other", "far", "mt"],
)
def test_other_bytes_than_were_put_are_told(probe: ProbeService, links: Server, pieces: list[bytes]) -> None:
    OddBackend.instead["get"] = OddBackend.instead["range"] = lambda *_: iter(pieces)
    found = causes(tried(probe))
    assert (found["read"], found["range"]) == ("corrupted", "corrupted")


def test_a_range_that_is_ignored_is_told(probe: ProbeService, links: Server) -> None:
    OddBackend.instead["range"] = lambda self, key: iter([self.store[key]])
    assert causes(tried(probe))["range"] == "corrupted"


def test_a_byte_that_changed_is_told(probe: ProbeService, links: Server) -> None:
    OddBackend.instead["get"] = lambda self, key: iter([self.store[key][:-1], bytes([self.store[key][-1] ^ 1])])
    assert causes(tried(probe))["read"] == "corrupted"


@pytest.mark.parametrize("keys", [[], ["f" * 32], ["f" * 32] * 5])
def test_a_list_without_the_key_is_told(probe: ProbeService, links: Server, keys: list[str]) -> None:
    OddBackend.instead["list"] = lambda *_: iter(keys)
    assert causes(tried(probe))["list"] == "not_found"


def test_a_delete_that_does_nothing_is_told(probe: ProbeService, links: Server) -> None:
    OddBackend.instead["delete"] = lambda *_: None
    assert causes(tried(probe))["delete"] == "unknown"


def test_a_delete_that_fails_is_tried_again(probe: ProbeService, links: Server) -> None:
    failures = iter([StorageBackendError("x", cause="overloaded")])

    def delete(self: OddBackend, key: str) -> None:
        for failure in failures:
            raise failure
        self.store.pop(key)

    OddBackend.instead["delete"] = delete
    assert causes(tried(probe))["delete"] == "overloaded"
    assert nothing_is_left()


def test_a_write_that_failed_but_was_done_is_cleared_up(probe: ProbeService, links: Server) -> None:
    def put(self: OddBackend, key: str) -> None:
        self.store[key] = b"it did arrive"
        raise StorageBackendError("cut off", cause="unreachable")

    OddBackend.instead["put"] = put
    assert causes(tried(probe))["write"] == "unreachable"
    assert nothing_is_left()


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nsomething else", "corrupted"),
        (b"HTTP/1.1 403 Forbidden\r\n\r\n<Error>vendor text</Error>", "denied"),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "not_found"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\n\r\n", "protocol"),
        (b"HTTP/1.1 503 Slow Down\r\n\r\n", "overloaded"),
        (b"nonsense\r\n\r\n", "protocol"),
    ],
)
def test_what_a_presigned_address_answers_is_told(
    probe: ProbeService, links: Server, answer: bytes, cause: str
) -> None:
    def talk(caller: socket.socket) -> None:
        caller.recv(4096)
        caller.sendall(answer)

    links.talk = talk
    assert causes(tried(probe))["fetch"] == cause


def test_a_presigned_address_is_guarded_like_any_other(odd_house: House, probe: ProbeService, links: Server) -> None:
    object.__setattr__(odd_house.config, "allow_private_endpoints", False)
    assert causes(tried(probe))["fetch"] == "address"
    OddBackend.instead["presign"] = lambda *_: "http://169.254.169.254/latest"
    object.__setattr__(odd_house.config, "allow_private_endpoints", True)
    assert causes(tried(probe))["fetch"] == "address"
    assert links.calls == 0


def test_a_backend_that_refuses_its_settings_is_told(probe: ProbeService) -> None:
    skipped = dict.fromkeys(("write", "read", "range", "delete"), "skipped")
    for error, cause in ((ConfigurationError("no"), "settings"), (RuntimeError("bug"), "settings")):
        OddBackend.instead["init"] = raises(error)
        result = tried(probe)
        assert causes(result) == {"settings": cause, **skipped}
        assert result.backend_id == "odd"


def test_values_that_do_not_fit_are_errors_of_their_fields(probe: ProbeService) -> None:
    with pytest.raises(ValidationError) as refused:
        probe.run(FILE_STORAGE, {"fs_root_path": "/etc", "max_file_size_bytes": 0})
    assert set(refused.value.errors) == {"fs_root_path", "max_file_size_bytes"}
    with pytest.raises(NotFoundError):
        probe.run("no_such_module", {})
    assert probe.run(FILE_STORAGE, {}).ok  # and none of that took a place


# --- the disk, for real ---------------------------------------------------------------

_TRIAL = """
import os, sys
from types import SimpleNamespace
from webapp.backends.filesystem import FilesystemBackend
from webapp.services.probe import ProbeService
from webapp.services.settings import Place

if "nobody" in sys.argv and os.geteuid() == 0:
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
# Validation would have refused some of these places: here they change right after it.
settings = SimpleNamespace(
    candidate=lambda *_, **__: Place("filesystem", FilesystemBackend({"fs_root_path": sys.argv[1]}), {}),
    module=lambda _: SimpleNamespace(fields=()),
    values=lambda _: {},
)
result = ProbeService(settings, SimpleNamespace(allow_private_endpoints=False)).run("file_storage", {})
print(*(step.cause for step in result.steps))
"""


def tried_elsewhere(*arguments: str, mounting: str = "") -> list[str]:
    """The causes of a trial in a process of its own, perhaps with a mount that only that process sees."""
    program = [sys.executable, "-c", _TRIAL, *arguments]
    if mounting:
        program = ["unshare", "--mount", "--map-root-user", "sh", "-c", f'{mounting} && exec "$0" "$@"', *program]
    run = subprocess.run(program, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    if mounting and run.returncode != 0:
        missing(f"mounting in a namespace of one's own is not allowed here: {run.stderr.strip()[-200:]}")
    assert run.returncode == 0, run.stderr
    return run.stdout.split()


SKIPPED = ["skipped"] * 4


def test_a_directory_without_rights_is_told(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir(mode=0o555)
    assert tried_elsewhere(str(place), "nobody") == ["None", "denied", *SKIPPED]


def test_a_read_only_file_system_is_told(tmp_path: Path) -> None:
    mounting = f"mount --bind {tmp_path} {tmp_path} && mount -o remount,bind,ro {tmp_path}"
    assert tried_elsewhere(str(tmp_path), mounting=mounting) == ["None", "read_only", *SKIPPED]


@pytest.mark.parametrize("inodes", [1, 2, 3])
def test_a_full_file_system_is_told_and_left_as_it_was(tmp_path: Path, inodes: int) -> None:
    mounting = f"mount -t tmpfs -o size=1m,nr_inodes={inodes} none {tmp_path}"
    assert tried_elsewhere(str(tmp_path), mounting=mounting) == ["None", "full", *SKIPPED]
    assert tried_elsewhere(str(tmp_path), mounting=f"mount -t tmpfs -o size=1m none {tmp_path}") == ["None"] * 6


def test_a_file_in_the_place_of_the_directory_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert tried_elsewhere(str(tmp_path / "file")) == ["None", "no_container", *SKIPPED]
