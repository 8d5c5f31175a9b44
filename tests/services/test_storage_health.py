"""Whether the store in use answers is told in time, asked rarely, and known again as soon as it does."""

import threading
import time
from typing import Any

import pytest

from tests.services.odd import OddBackend, eventually, raises
from tests.support.app import House
from tests.support.s3 import Bucket
from tests.support.talking import Server
from webapp import logs
from webapp.contracts.errors import StorageBackendError, StorageNotFoundError
from webapp.services import storage_health


@pytest.fixture
def odd(odd_house: House) -> House:
    odd_house.configure(backend="odd", odd_secret="x", odd_key_id="y")
    return odd_house


@pytest.fixture
def always_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_health, "FRESH_SECONDS", -1.0)


def is_working(house: House) -> bool:
    return house.services.storage_health.is_working()


def test_a_store_that_does_not_have_the_file_is_well(odd: House) -> None:
    assert is_working(odd)


def test_one_that_fails_is_not_and_one_that_answers_again_is(odd: House, always_stale: None) -> None:
    OddBackend.instead["get"] = raises(StorageBackendError("no", cause="unreachable"))
    assert not is_working(odd)
    OddBackend.instead["get"] = raises(RuntimeError("not even an error of ours"))
    assert not is_working(odd)
    OddBackend.instead["get"] = raises(StorageNotFoundError("not there"))
    assert is_working(odd)


def test_the_log_says_it_once_for_each_reason(
    odd: House, always_stale: None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(*failures: Exception) -> int:
        caplog.clear()
        for each in failures:
            OddBackend.instead["get"] = raises(each)
            assert not any(is_working(odd) for _ in range(3))
        return len(caplog.records)

    away, slow = (StorageBackendError("no", cause=cause) for cause in ("unreachable", "timeout"))
    assert said(away) == 1
    assert said(slow, away, RuntimeError("not even an error of ours")) == 2
    assert said(away, slow) == 0
    monkeypatch.setattr(odd.services.storage_health, "_rarely", logs.Rarely(0.0))
    assert said(away) == 3


def test_who_may_not_list_a_bucket_is_told_denied_of_what_is_not_there(odd: House) -> None:
    OddBackend.instead["get"] = raises(StorageBackendError("no", cause="denied"))
    assert is_working(odd)


def test_many_probes_are_one_question(odd: House) -> None:
    asked: list[str] = []

    def method(self: OddBackend, key: str) -> Any:
        asked.append(key)
        raise StorageNotFoundError("not there")

    OddBackend.instead["get"] = method
    assert all(is_working(odd) for _ in range(50))
    assert len(asked) == 1


def test_one_that_hangs_holds_nobody_up_and_is_not_asked_again(
    odd: House, gate: threading.Event, always_stale: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_health, "PATIENCE_SECONDS", 0.2)
    asked: list[str] = []

    def method(self: OddBackend, key: str) -> Any:
        asked.append(key)
        gate.wait(30)
        raise StorageNotFoundError("not there")

    OddBackend.instead["get"] = method
    begun = time.monotonic()
    assert not any(is_working(odd) for _ in range(20))
    assert time.monotonic() - begun < 5
    assert len(asked) == 1
    gate.set()
    eventually(lambda: is_working(odd))


def test_other_settings_are_asked_at_once(odd: House, gate: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_health, "PATIENCE_SECONDS", 0.2)
    OddBackend.instead["get"] = lambda self, key: gate.wait(30)
    assert not is_working(odd)
    odd.configure(backend="filesystem")
    assert is_working(odd)


def test_a_directory_that_cannot_be_one_is_failing(odd_house: House, always_stale: None) -> None:
    assert is_working(odd_house)  # it is made when the first file comes
    odd_house.uploads.rmdir() if odd_house.uploads.exists() else None
    odd_house.uploads.write_text("in its place")
    assert not is_working(odd_house)
    odd_house.uploads.unlink()
    assert is_working(odd_house)


def test_a_bucket_and_one_that_is_gone(sqlite_house: House, bucket: Bucket, always_stale: None) -> None:
    house = sqlite_house
    object.__setattr__(house.config, "allow_private_endpoints", True)
    names = ("s3_bucket", "s3_region", "s3_endpoint_url", "s3_access_key_id", "s3_secret_access_key")
    values = {name: bucket.options()[name] for name in names}
    with house.app.app_context():
        house.configure(backend="s3", **values)
        assert is_working(house)
        house.configure(s3_bucket="no-such-bucket")
        assert not is_working(house)
        house.configure(**{**values, "s3_secret_access_key": "wrong"})
        assert not is_working(house)


def test_a_server_that_says_nothing_is_failing_in_two_seconds(sqlite_house: House, bucket: Bucket) -> None:
    house = sqlite_house
    object.__setattr__(house.config, "allow_private_endpoints", True)
    opened = threading.Event()
    silent = Server(lambda caller: opened.wait(30))
    names = ("s3_bucket", "s3_region", "s3_access_key_id", "s3_secret_access_key")
    values = {name: bucket.options()[name] for name in names}
    try:
        with house.app.app_context():
            house.configure(backend="s3", s3_endpoint_url=f"http://127.0.0.1:{silent.port}", **values)
            begun = time.monotonic()
            assert not is_working(house)
            assert time.monotonic() - begun < 5
    finally:
        opened.set()
        silent.close()
