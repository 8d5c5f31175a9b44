"""The connection test against a real store that speaks S3."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.services.odd import causes
from tests.support.app import House
from tests.support.s3 import Bucket
from tests.support.talking import Server
from webapp.api.settings import SettingsIn, SettingsTestIn
from webapp.backends import s3_store
from webapp.services import outbound
from webapp.services import probe as probes
from webapp.services.errors import ValidationError
from webapp.services.probe import STEPS, ProbeService
from webapp.services.settings import FILE_STORAGE
from webapp.services.settings.plans import Plan


@pytest.fixture
def inside(sqlite_house: House) -> Iterator[House]:
    object.__setattr__(sqlite_house.config, "allow_private_endpoints", True)
    with sqlite_house.app.app_context():
        yield sqlite_house


def tried(house: House, bucket: Bucket, **others: object) -> dict[str, str | None]:
    """What is entered on the page and not saved."""
    names = ("s3_bucket", "s3_region", "s3_endpoint_url", "s3_access_key_id", "s3_secret_access_key")
    values = {name: bucket.options()[name] for name in names} | {"backend": "s3", **others}
    begun = time.monotonic()
    result = ProbeService(house.services.settings, house.config).run(FILE_STORAGE, values)
    assert time.monotonic() - begun < 10
    assert result.backend_id == "s3"
    assert bucket.keys() == []
    assert bucket.uploads() == []
    return causes(result)


def test_a_bucket_that_works_passes_every_step(inside: House, bucket: Bucket) -> None:
    assert tried(inside, bucket) == dict.fromkeys(STEPS)


def test_links_that_are_switched_off_are_not_tried(inside: House, bucket: Bucket) -> None:
    found = tried(inside, bucket, s3_presigned_downloads=False)
    assert found == dict.fromkeys(name for name in STEPS if name not in ("presign", "fetch"))


@pytest.mark.parametrize(
    ("others", "cause"),
    [
        ({"s3_secret_access_key": "another secret, not the right one"}, "credentials"),
        ({"s3_access_key_id": "nobody:nobody"}, "credentials"),
        ({"s3_bucket": "there-is-no-such-bucket"}, "no_container"),
    ],
)
def test_what_does_not_fit_is_told(inside: House, bucket: Bucket, others: dict[str, object], cause: str) -> None:
    found = tried(inside, bucket, **others)
    assert (found["settings"], found["write"]) == (None, cause)


def test_a_port_without_a_store_is_told(inside: House, bucket: Bucket) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        found = tried(inside, bucket, s3_endpoint_url=f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert found["write"] == "refused"


@pytest.mark.slow
def test_a_store_that_is_silent_is_told_in_time(inside: House, bucket: Bucket) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        found = tried(inside, bucket, s3_endpoint_url=f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert found["write"] == "timeout"


def test_a_browsers_endpoint_that_leads_elsewhere_is_told(inside: House, bucket: Bucket) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        elsewhere = f"http://127.0.0.1:{taken.getsockname()[1]}"
        found = tried(inside, bucket, s3_public_endpoint_url=elsewhere)
    assert found == {**dict.fromkeys(STEPS), "fetch": "refused"}


def test_a_private_endpoint_is_not_even_tried_without_the_option(inside: House, bucket: Bucket) -> None:
    object.__setattr__(inside.config, "allow_private_endpoints", False)
    with pytest.raises(ValidationError) as refused:
        tried(inside, bucket)
    assert refused.value.errors == {"s3_endpoint_url": "url_private"}


def test_stores_that_drip_give_their_places_back(inside: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def drip(caller: socket.socket) -> None:
        caller.recv(65536)
        caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while True:
            caller.sendall(b"x")
            time.sleep(0.1)

    monkeypatch.setattr(probes, "SECONDS", 2)
    monkeypatch.setattr(s3_store, "CLEARING_SECONDS", 1)
    stores = [Server(drip) for _ in range(probes.AT_ONCE)]
    service = ProbeService(inside.services.settings, inside.config)
    keys = {"s3_bucket": "bucket", "s3_region": "x", "s3_access_key_id": "x", "s3_secret_access_key": "x"}
    for store in stores:
        values = {"backend": "s3", "s3_endpoint_url": f"http://127.0.0.1:{store.port}", **keys}
        assert causes(service.run(FILE_STORAGE, values))["write"] == "timeout"
    deadline = time.monotonic() + 8
    while any(each.name == "probe" for each in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    for store in stores:
        store.close()
    assert service.run(FILE_STORAGE, {"backend": "filesystem"}).ok


def test_names_that_hang_hold_a_save_for_three_seconds_in_all(inside: House, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(30) and [])
    monkeypatch.setattr(outbound, "SECONDS_TO_RESOLVE", 1)
    values = {"s3_endpoint_url": "http://hang.example", "s3_public_endpoint_url": "http://hang2.example"}
    begun = time.monotonic()
    inside.services.settings.update(FILE_STORAGE, values)
    assert time.monotonic() - begun < 1.8
    over.set()


def test_no_value_is_in_what_is_printed() -> None:
    secret = {"s3_secret_access_key": "hush"}
    for each in (SettingsIn(values=secret), SettingsTestIn(values=secret), Plan(secret, {}, {})):
        assert "hush" not in repr(each)
