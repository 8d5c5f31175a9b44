"""The plugin by itself: no Stowage runs here."""

import uuid
from pathlib import Path
from typing import Any

import pytest
from webapp.contracts import FileDeleted, FileUploaded
from webapp.contracts.checks import UploadInfo, UploadRefusedError

from stowage_ledger import META, SETTINGS, setup
from stowage_ledger.checks import LineCounter, NameCheck
from stowage_ledger.ledger import Ledger

VALUES = {field.name: field.default for field in SETTINGS.fields}


def settings(_module: str) -> dict[str, Any]:
    return VALUES


def uploaded(**values: Any) -> FileUploaded:
    about = {"file_id": uuid.uuid4(), "key": "k", "filename": "a.txt", "content_type": "text/plain", "size_bytes": 5}
    return FileUploaded(**{**about, "backend": "filesystem", "checksum_sha256": "", "actor_name": "ada", **values})


def info(filename: str, content_type: str = "application/octet-stream") -> UploadInfo:
    return UploadInfo(filename=filename, content_type=content_type, size=None, user_id="1", username="ada", head=b"")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(lambda: tmp_path)


def test_an_event_that_comes_twice_is_one_line(ledger: Ledger) -> None:
    event = uploaded()
    ledger.enter(event)
    ledger.enter(event)
    assert [(line.what, line.filename, line.who) for line in ledger.lines()] == [("in", "a.txt", "ada")]


def test_what_goes_is_written_down_too(ledger: Ledger) -> None:
    event = uploaded()
    ledger.enter(event)
    about = {name: value for name, value in vars(event).items() if name != "event_id"}
    ledger.enter(FileDeleted(**about))
    assert [line.what for line in ledger.lines()] == ["out", "in"]
    assert ledger.clear() == 2
    assert ledger.lines() == []


@pytest.mark.parametrize("name", ["a.exe", "SETUP.EXE", "x.scr"])
def test_names_on_the_list_are_refused(name: str) -> None:
    for ask in (NameCheck(settings).begin, NameCheck(settings).announce):
        with pytest.raises(UploadRefusedError) as caught:
            ask(info(name))
        assert caught.value.reason == "ledger.name"


def test_other_names_are_fine() -> None:
    assert NameCheck(settings).begin(info("exe.txt")) is None


def test_lines_are_counted_across_pieces() -> None:
    counting = LineCounter(settings).begin(info("a.txt", "text/plain"))
    assert counting is not None
    for chunk in (b"a\nb", b"\n", b"c\n"):
        counting.feed(chunk)
    assert counting.finish(6, "") == {"lines": 3}


def test_of_other_files_there_is_nothing_to_say() -> None:
    assert LineCounter(settings).begin(info("a.png", "image/png")) is None


def test_setup_uses_nothing_that_the_host_does_not_have(tmp_path: Path) -> None:
    """A host that writes down what it is asked; what is missing would be an AttributeError of the protocol."""
    from webapp.contracts import PluginHost

    called: list[str] = []

    class Recorder:
        def __getattr__(self, name: str) -> Any:
            assert hasattr(PluginHost, name), name
            return lambda *args, **kwargs: called.append(name) or tmp_path

    setup(Recorder())  # type: ignore[arg-type]
    assert called[0] == "describe"
    assert {"subscribe", "check_uploads", "add_pages", "add_command", "add_settings", "add_menu_entry"} <= set(called)
    assert META.permissions[0].code == "ledger.see"
