"""Where pages are allowed to send parts is where the URLs of parts lead."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.backends.fakes import MemoryBackend
from webapp.backends.filesystem import FilesystemBackend
from webapp.backends.s3 import S3Backend
from webapp.contracts.backends import BrowserUploads

KEY = "0" * 32
OPTIONS = {
    "s3_bucket": "a-bucket",
    "s3_region": "eu-central-1",
    "s3_addressing_style": "auto",
    "s3_access_key_id": "an id",
    "s3_secret_access_key": "a secret",
}
FROM_THE_MACHINE = {"s3_access_key_id": None, "s3_secret_access_key": None}
INSIDE_AND_OUTSIDE = {
    "s3_endpoint_url": "http://store.internal:9000",
    "s3_public_endpoint_url": "https://files.example.org",
}
PLACES: list[tuple[dict[str, Any], str]] = [
    ({}, "https://a-bucket.s3.eu-central-1.amazonaws.com"),
    (FROM_THE_MACHINE, "https://a-bucket.s3.eu-central-1.amazonaws.com"),
    ({"s3_region": "us-east-1"}, "https://a-bucket.s3.amazonaws.com"),
    ({"s3_region": "cn-north-1"}, "https://a-bucket.s3.cn-north-1.amazonaws.com.cn"),
    ({"s3_addressing_style": "path"}, "https://s3.eu-central-1.amazonaws.com"),
    ({**FROM_THE_MACHINE, "s3_addressing_style": "path"}, "https://s3.eu-central-1.amazonaws.com"),
    ({"s3_bucket": "with.dots"}, "https://s3.eu-central-1.amazonaws.com"),
    ({"s3_endpoint_url": "https://store.example.org:9000"}, "https://store.example.org:9000"),
    (
        {"s3_endpoint_url": "https://store.example.org:9000", "s3_addressing_style": "virtual"},
        "https://a-bucket.store.example.org:9000",
    ),
    (INSIDE_AND_OUTSIDE, "https://files.example.org"),
    ({**INSIDE_AND_OUTSIDE, "s3_addressing_style": "virtual"}, "https://a-bucket.files.example.org"),
]


@pytest.mark.parametrize(("values", "expected"), PLACES)
def test_it_is_where_urls_lead(monkeypatch: pytest.MonkeyPatch, values: dict[str, Any], expected: str) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of the machine")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of the machine")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://somewhere.example.com")
    backend = S3Backend({**OPTIONS, **values})
    assert backend.client_origin() == expected
    url = urlsplit(backend.part_url(KEY, "upload", 1, size=5, expires_in=60))
    assert f"{url.scheme}://{url.netloc}" == expected


def test_no_credentials_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """That may mean asking the machine's own network, which a page does not wait for."""
    looked: list[str] = []
    monkeypatch.setattr("botocore.session.Session.get_credentials", lambda *_: looked.append("there"))
    assert S3Backend({**OPTIONS, **FROM_THE_MACHINE}).client_origin()
    assert not looked


def test_only_who_says_so_is_one() -> None:
    assert isinstance(S3Backend(OPTIONS), BrowserUploads)
    assert not isinstance(MemoryBackend({}), BrowserUploads)
    assert not hasattr(FilesystemBackend, "client_origin")
