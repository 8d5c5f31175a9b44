"""Links to the store: names of any kind, types, how long they work, and where they lead."""

import re
import secrets
import time
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import requests

from tests.support.corpora import NAMES as HOSTILE_NAMES
from tests.support.s3 import Bucket
from webapp.backends.s3 import S3Backend
from webapp.contracts.errors import NotSupportedError
from webapp.services.filenames import clean

NAMES = (
    *("plain.txt", "with space.txt", "a+b.txt", "100%.txt", "50%25.txt", "a#b.txt", "a?b=c.txt", "a&b.txt", "a;b.txt"),
    *('quote".txt', "back\\slash.txt", "it's.txt", "straße.txt", "日本語.txt", "😀🏳️‍🌈.png", "e\u0301.txt", "عربي.pdf"),
    *("a,b=c:d@e.txt", "(1) [2] {3}.txt", "~tilde^`|.txt", "..hidden", "a" * 200 + ".bin", "ä" * 120),
    *("tab\there", "line\r\nX-Evil: yes", "nul\0", "\x1b[31m", "\u202egnp.exe", "trailing ", "<script>.html"),
)
DISPOSITION = re.compile(r"""attachment; filename="([ !#-\[\]-~]*)"(?:; filename\*=UTF-8''(.*))?""")


def stored(backend: S3Backend, data: bytes = b"hello") -> str:
    key = secrets.token_hex(16)
    backend.put(key, [data], content_type="text/plain", size=len(data))
    return key


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_the_answer_carries_the_name_and_the_type(bucket: Bucket, name: str) -> None:
    backend = bucket.backend()
    url = backend.presigned_get_url(stored(backend), filename=name, content_type="text/html; charset=utf-8")
    answer = requests.get(url, timeout=10)
    assert (answer.status_code, answer.content) == (200, b"hello")
    assert answer.headers["Content-Type"].lower() == "text/html; charset=utf-8"
    assert "X-Evil" not in answer.headers
    match = DISPOSITION.fullmatch(answer.headers["Content-Disposition"])
    assert match, answer.headers["Content-Disposition"]
    plain, extended = match.groups()
    assert (plain if extended is None else unquote(extended)) == name


def test_every_name_a_file_can_have(bucket: Bucket) -> None:
    backend, key = bucket.backend(), secrets.token_hex(16)
    backend.put(key, [b"x"], content_type="text/plain")
    with requests.Session() as session:
        for sent in HOSTILE_NAMES:
            name = clean(sent)
            url = backend.presigned_get_url(key, filename=name, content_type="application/octet-stream")
            answer = session.get(url, timeout=10)
            assert answer.status_code == 200, name
            match = DISPOSITION.fullmatch(answer.headers["Content-Disposition"])
            assert match
            assert (match[1] if match[2] is None else unquote(match[2])) == name


def test_a_link_serves_parts_too(bucket: Bucket) -> None:
    backend = bucket.backend()
    url = backend.presigned_get_url(stored(backend), filename="a", content_type="text/plain")
    answer = requests.get(url, headers={"Range": "bytes=1-3"}, timeout=10)
    assert (answer.status_code, answer.content) == (206, b"ell")


def test_a_link_ends(bucket: Bucket) -> None:
    backend = bucket.backend()
    url = backend.presigned_get_url(stored(backend), filename="a", content_type="text/plain", expires_in=1)
    assert requests.get(url, timeout=10).status_code == 200
    time.sleep(2.1)
    assert requests.get(url, timeout=10).status_code == 403


def test_a_link_that_was_changed_is_refused(bucket: Bucket) -> None:
    backend = bucket.backend()
    url = backend.presigned_get_url(stored(backend), filename="a.txt", content_type="text/plain")
    for old, new in (("a.txt", "b.txt"), ("text%2Fplain", "text%2Fhtml"), ("X-Amz-Expires=300", "X-Amz-Expires=900")):
        assert old in url
        assert requests.get(url.replace(old, new), timeout=10).status_code == 403


@pytest.mark.parametrize(
    ("setting", "asked", "lasts"), [(300, None, 300), (1234, None, 1234), (300, 60, 60), (300, 10**9, 604_800)]
)
def test_how_long_it_works(bucket: Bucket, setting: int, asked: int | None, lasts: int) -> None:
    backend = bucket.backend(s3_presign_ttl_seconds=setting)
    url = backend.presigned_get_url("0" * 32, filename="a", content_type="text/plain", expires_in=asked)
    assert parse_qs(urlsplit(url).query)["X-Amz-Expires"] == [str(lasts)]


def test_browsers_may_reach_the_store_elsewhere(bucket: Bucket) -> None:
    public = bucket.url.replace("127.0.0.1", "localhost")
    backend = bucket.backend(s3_public_endpoint_url=public)
    url = backend.presigned_get_url(stored(backend), filename="a", content_type="text/plain")
    assert url.startswith(f"{public}/{bucket.name}/")
    assert requests.get(url, timeout=10).content == b"hello"


def test_a_public_endpoint_that_cannot_be_reached_from_here_is_none_of_our_business(bucket: Bucket) -> None:
    backend = bucket.backend(s3_public_endpoint_url="https://files.example.invalid")
    url = backend.presigned_get_url(stored(backend), filename="a", content_type="text/plain")
    assert url.startswith(f"https://files.example.invalid/{bucket.name}/")


def test_links_of_amazon_name_bucket_and_region() -> None:
    keys = {"s3_access_key_id": "AKIAEXAMPLE", "s3_secret_access_key": "secret"}
    backend = S3Backend({"s3_bucket": "files-of-ours", "s3_region": "eu-central-1", **keys})
    url = urlsplit(backend.presigned_get_url("0" * 32, filename="a", content_type="text/plain"))
    assert (url.scheme, url.hostname) == ("https", "files-of-ours.s3.eu-central-1.amazonaws.com")
    assert "AKIAEXAMPLE/" in parse_qs(url.query)["X-Amz-Credential"][0]
    assert "secret" not in url.query


def test_the_settings_can_forbid_links(bucket: Bucket) -> None:
    backend = bucket.backend(s3_presigned_downloads=False)
    key = stored(backend)
    with pytest.raises(NotSupportedError):
        backend.presigned_get_url(key, filename="a", content_type="text/plain")
    assert b"".join(backend.get(key, start=1)) == b"ello"
