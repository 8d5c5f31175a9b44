"""Third parties come in through entry points and are told of events; a broken one stays outside and harms nobody."""

import gc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.backends.fakes import MemoryBackend
from tests.support.app import House
from webapp.contracts import (
    Event,
    FileDeleted,
    FileUploaded,
    PluginHost,
    SettingsModule,
    UserCreated,
    signal_for,
)
from webapp.contracts.errors import ConfigurationError
from webapp.services.delivery.receivers import plugin_targets

heard: list[Event] = []
signed: list[object] = []


def listening(host: PluginHost) -> None:
    """A plugin that listens."""
    host.subscribe(FileUploaded, heard.append)


def hearing_everything(host: PluginHost) -> None:
    host.subscribe(Event, heard.append)


def in_its_own_name(host: PluginHost) -> None:
    """One that connects to the signals by itself, as any blinker receiver."""

    def receive(sender: object, event: FileUploaded, **_: Any) -> None:
        signed.append(sender)

    signal_for(FileUploaded).connect(receive, weak=False)


def one_function_for_two_events(host: PluginHost) -> None:
    host.subscribe(FileUploaded, heard.append)
    host.subscribe(FileDeleted, heard.append)
    host.subscribe(FileDeleted, heard.append)


def twice(host: PluginHost) -> None:
    host.subscribe(FileUploaded, heard.append)
    host.subscribe(FileUploaded, heard.append)


def bringing_a_backend(host: PluginHost) -> None:
    host.add_backend(MemoryBackend)


def broken(host: PluginHost) -> None:
    raise RuntimeError("a plugin of somebody else")


def failing_later(host: PluginHost) -> None:
    def fail(event: FileUploaded) -> None:
        raise RuntimeError("a receiver of somebody else")

    host.subscribe(FileUploaded, fail)


class NoBackend:
    """Lacks everything."""


class TakesAnotherName(MemoryBackend):
    backend_id = "filesystem"


class Refuses(MemoryBackend):
    backend_id = "refuses"

    def __init__(self, options: Mapping[str, object]) -> None:
        raise ConfigurationError("no")


@pytest.fixture(autouse=True)
def _forget() -> None:
    heard.clear()
    signed.clear()
    MemoryBackend.forget()


def uploads() -> list[Any]:
    return [event.file_id for event in heard if isinstance(event, FileUploaded)]


# --- events ------------------------------------------------------------------------


def test_a_plugin_hears_of_uploads_and_of_nothing_else(installed: Any) -> None:
    house = installed(plugins=["listening"])
    out = house.upload()
    with house.app.app_context():
        house.services.files.trash(house.uploader, out.id)
    house.deliver()
    assert [type(event) for event in heard] == [FileUploaded]
    assert uploads() == [out.id]


def test_a_plugin_can_hear_of_everything(installed: Any) -> None:
    house = installed(plugins=["hearing_everything"])
    out = house.upload()
    with house.app.app_context():
        house.services.files.trash(house.uploader, out.id)
        house.services.users.create("ada", "a long password", "user")
    house.deliver()
    assert {"FileUploaded", "FileDeleted", "UserCreated"} <= {type(event).__name__ for event in heard}
    assert [event.username for event in heard if isinstance(event, UserCreated)] == ["ada"]


def test_a_subscription_outlives_the_plugin_function(installed: Any) -> None:
    house = installed(plugins=["listening"])
    gc.collect()
    house.upload()
    house.deliver()
    assert len(heard) == 1


def test_a_plugin_of_one_application_does_not_hear_of_another(installed: Any) -> None:
    """The sender of the signal is the application, and a plugin listens to its own."""
    house, other = installed(plugins=["listening"]), installed()
    assert "plugin:listening" in {target.name for target in plugin_targets(house.app)}
    assert "plugin:listening" not in {target.name for target in plugin_targets(other.app)}


def test_who_connects_to_the_signals_by_itself_is_told_too_with_the_application_as_sender(installed: Any) -> None:
    house = installed(plugins=["in_its_own_name"])
    house.upload()
    house.deliver()
    assert signed == [house.app]


def test_receivers_have_names_that_are_the_same_at_the_next_start(installed: Any) -> None:
    def names(house: House) -> set[str]:
        [target] = [each for each in plugin_targets(house.app) if each.name == "plugin:twice"]
        return set(target.receivers("FileUploaded"))

    first = names(installed(plugins=["twice"]))
    assert first == names(installed(plugins=["twice"]))
    assert len(first) == 2


def test_one_function_has_one_name_for_all_its_events(installed: Any) -> None:
    """The name tells which events of a file wait behind one that failed."""
    house = installed(plugins=["one_function_for_two_events"])
    [target] = [each for each in plugin_targets(house.app) if each.name == "plugin:one_function_for_two_events"]
    [uploaded] = target.receivers("FileUploaded")
    first, second = target.receivers("FileDeleted")
    assert first == uploaded
    assert second == f"{uploaded}#2", "subscribed twice: called twice"


def test_a_receiver_that_fails_harms_neither_the_upload_nor_other_receivers(installed: Any) -> None:
    house = installed(plugins=["failing_later", "listening"])
    out = house.upload()
    house.deliver()
    assert uploads() == [out.id]
    house.assert_consistent()


def test_what_is_no_event_is_refused(installed: Any, caplog: pytest.LogCaptureFixture) -> None:
    refused: list[str] = []

    def wrong(host: PluginHost) -> None:
        for event_type, receiver in ((str, print), (SettingsModule, print), (FileUploaded, "print"), (None, print)):
            try:
                host.subscribe(event_type, receiver)  # type: ignore[arg-type]
            except ConfigurationError as exc:
                refused.append(str(exc))

    globals()["wrong"] = wrong
    installed(plugins=["wrong"])
    assert len(refused) == 4


# --- backends ------------------------------------------------------------------------


def test_a_backend_that_is_installed_stores_files(installed: Any) -> None:
    house = installed(backends=["MemoryBackend"])
    house.configure(backend="memory", memory_room="plugins")
    out = house.upload(data=b"hello")
    assert out.backend == "memory"
    assert MemoryBackend.rooms["plugins"] == {out.key: b"hello"}
    assert house.api("uploader").download(out).content == b"hello"


def test_a_plugin_can_bring_a_backend_too(installed: Any) -> None:
    house = installed(plugins=["bringing_a_backend"])
    assert house.registry.ids() == ("filesystem", "s3", "memory")


def test_a_backend_that_refuses_its_settings_harms_only_itself(installed: Any) -> None:
    house = installed(backends=["Refuses"])
    assert house.upload()
    house.configure(backend="refuses")
    answer = house.api("uploader").put("/api/file-storage/upload/a", data=b"x")
    assert (answer.status_code, answer.json()["code"]) == (500, "backend_error")


def test_the_files_of_a_backend_that_was_uninstalled_are_listed_but_cannot_be_read(installed: Any) -> None:
    house = installed(backends=["MemoryBackend"])
    house.configure(backend="memory")
    out = house.upload()
    house.configure(backend="filesystem")
    house = installed()
    api = house.api("uploader")
    assert api.get("/api/file-storage/files").json()["total"] == 1
    assert api.download(out).json()["code"] == "backend_error"
    assert api.delete(f"/api/file-storage/files/{out.id}").status_code == 204


# --- broken ones ------------------------------------------------------------------------


def test_a_broken_plugin_is_reported_and_left_out(installed: Any) -> None:
    house = installed(plugins=["broken", "not_there", "listening"], backends=["NoBackend", "TakesAnotherName"])
    house.upload()
    house.deliver()
    assert len(heard) == 1, "the plugin after the broken ones works"
    assert house.registry.ids() == ("filesystem", "s3")
    assert type(house.registry.get("filesystem", {"fs_root_path": str(Path("/x"))})).__name__ == "FilesystemBackend"


def test_each_broken_plugin_is_named_in_the_log(installed: Any, capsys: pytest.CaptureFixture[str]) -> None:
    installed(plugins=["broken", "not_there"], backends=["NoBackend"])
    told = capsys.readouterr().err
    for name in ("nobackend", "broken", "not_there"):
        assert f"plugin={name}" in told
    assert told.count("a plugin could not be loaded") == 3
