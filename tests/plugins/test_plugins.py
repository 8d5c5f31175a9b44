"""Third parties come in through entry points; a broken one stays outside and harms nobody."""

import gc
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.backends.fakes import MemoryBackend
from webapp import plugins
from webapp.backends.registry import BackendRegistry
from webapp.contracts import (
    EVENT_TYPES,
    Event,
    FileDeleted,
    FileUploaded,
    MenuEntry,
    PluginHost,
    SettingsModule,
    signal_for,
)
from webapp.contracts.errors import ConfigurationError

heard: list[Event] = []


def listening(host: PluginHost) -> None:
    """A plugin that listens."""
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


class NoSettings:
    """A door that nothing may come through."""

    def add(self, module: SettingsModule) -> None:
        raise AssertionError(module)

    def values(self, module: str) -> Mapping[str, Any]:
        raise AssertionError(module)


class TakesAnotherName(MemoryBackend):
    backend_id = "filesystem"


class Refuses(MemoryBackend):
    backend_id = "refuses"

    def __init__(self, options: Mapping[str, object]) -> None:
        raise ConfigurationError("no")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Receivers are of the process: take back those of the test."""
    heard.clear()
    MemoryBackend.forget()
    before = {event_type: set(signal_for(event_type).receivers) for event_type in EVENT_TYPES}
    yield
    for event_type, kept in before.items():
        signal = signal_for(event_type)
        for key, receiver in list(signal.receivers.items()):
            if key not in kept:
                signal.disconnect(receiver)


def test_a_plugin_hears_of_uploads_and_of_nothing_else(installed: Any) -> None:
    house = installed(plugins=["listening"])
    out = house.upload()
    with house.app.app_context():
        house.services.files.trash(house.uploader, out.id)
    [event] = heard
    assert isinstance(event, FileUploaded)
    assert not isinstance(event, FileDeleted)
    assert event.file_id == out.id


def test_a_subscription_outlives_the_plugin_function(installed: Any) -> None:
    house = installed(plugins=["listening"])
    gc.collect()
    house.upload()
    assert len(heard) == 1


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


def test_a_broken_plugin_is_reported_and_left_out(installed: Any, caplog: pytest.LogCaptureFixture) -> None:
    house = installed(plugins=["broken", "not_there", "listening"], backends=["NoBackend", "TakesAnotherName"])
    house.upload()
    assert len(heard) == 1, "the plugin after the broken ones works"
    assert house.registry.ids() == ("filesystem", "s3")
    assert type(house.registry.get("filesystem", {"fs_root_path": str(Path("/x"))})).__name__ == "FilesystemBackend"


def test_each_broken_plugin_is_named_in_the_log(install: Any, caplog: pytest.LogCaptureFixture) -> None:
    install(plugins=["broken", "not_there"], backends=["NoBackend"])
    plugins.load(BackendRegistry(), NoSettings(), [].append)
    assert [record.__dict__["plugin"] for record in caplog.records] == ["nobackend", "broken", "not_there"]


def test_a_receiver_that_fails_harms_neither_the_upload_nor_other_receivers(installed: Any) -> None:
    house = installed(plugins=["failing_later", "listening"])
    out = house.upload()
    assert [event.file_id for event in heard if isinstance(event, FileUploaded)] == [out.id]
    house.assert_consistent()


def test_a_backend_that_refuses_its_settings_harms_only_itself(installed: Any) -> None:
    house = installed(backends=["Refuses"])
    assert house.upload()
    house.configure(backend="refuses")
    answer = house.api("uploader").put("/api/file-storage/upload/a", data=b"x")
    assert (answer.status_code, answer.json()["code"]) == (500, "backend_error")
    # Not 503: that would take the page away where the backend can be changed.
    assert (house.api().get("/readyz").status_code, house.api().get("/readyz").json()) == (200, {"status": "degraded"})


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


def test_the_host_keeps_its_promise() -> None:
    registry = BackendRegistry()
    entries: list[MenuEntry] = []
    host: PluginHost = plugins.Host(registry, NoSettings(), entries.append)
    host.add_backend(MemoryBackend)
    assert registry.ids() == ("memory",)
    host.add_menu_entry(MenuEntry("Reports", "/reports", "chart-pie"))
    assert [entry.label for entry in entries] == ["Reports"]
    with pytest.raises(ConfigurationError):
        host.add_backend(NoBackend)  # type: ignore[arg-type]
