"""Addresses that a setting may name: one policy, however they are written and whatever they resolve to."""

import socket
import threading
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.http.i18n import LOCALES, own_words
from webapp.services import outbound
from webapp.services.outbound import origin, problem

PUBLIC = "8.8.8.8"
SENTENCES = set.intersection(*(set(own_words(language)) for language in LOCALES))
PARTS = "0x7f 127 1 . : [ ] @ / \\ %2e a ü ß 。 localhost 256 0377 - _ # ?"


def wide(text: str) -> str:
    """In full-width letters, which IDNA takes for the usual ones."""
    return "".join(chr(ord(letter) + 0xFEE0) if letter.isalnum() else letter for letter in text)


@pytest.mark.parametrize(
    "url",
    [
        "https://s3.example.org", "http://s3.example.org", "HTTPS://S3.Example.ORG", "https://s3.example.org/",
        "https://s3.example.org:9000", "https://s3.example.org/storage/v1/s3", "https://a_b.example", "https://minio:9000",
        f"http://{PUBLIC}", f"http://{PUBLIC}:9000/x", "http://[2606:4700:4700::1111]:80", "https://xn--bcher-kva.example",
        "https://bücher.example", "https://BÜCHER.example", "https://xn--strae-oqa.example", "https://1st.example",
        "https://a.example/%C3%A4/~x", "https://" + ".".join(["a" * 60] * 4),
    ],
)  # fmt: skip
def test_addresses_of_servers_are_fine(names: dict[str, list[str]], url: str) -> None:
    assert problem(url, allow_private=False) is None
    assert problem(url, allow_private=True) is None


@pytest.mark.parametrize(
    "url",
    ["", "s3.example.org", "minio:9000", "ftp://s3.example.org", "file:///etc/passwd", "//s3.example.org", "s3://bucket",
     "javascript:alert(1)", " https://s3.example.org", "https:/s3.example.org", "https:s3", "gopher://x", "httpss://x",
     "http\u017f://s3.example.org", "HTTP\u017f://s3.example.org"],
)  # fmt: skip
def test_other_schemes_are_refused(url: str) -> None:
    assert problem(url, allow_private=True) == "url_scheme"


@pytest.mark.parametrize(
    "url",
    [
        "https://", "https:///x", "https://:9000", "https://s3.example.org:", "https://s3.example.org:0", "https://x:00080",
        "https://x:65536", "https://x:99999999", "https://x:-1", "https://x:٨٠", "https://x:80:80", "https://user@x",
        "https://user:secret@x", "https://@x", "https://x?a=b", "https://x/?a", "https://x#", "https://x/#a",
        "https://x y", "https://x /", "https://x\t", "https://x\n", "https://x/\r\nHost: y", "https://x\x00", "https://x\\y",
        "https://x/\\y", "https://x\x7f", "https://a%2eb", "https://[::1%25eth0]", "https://[fe80::1%eth0]", "https://[::1",
        "https://::1", "https://[]", "https://[v1.x]", "https://[1.2.3.4]", "https://[::g]", "https://[1:2:3:4:5:6:7:8:9]",
        "https://s3..example", "https://.example", "https://-a.example", "https://a-.example", "https://" + "a" * 64,
        "https://" + ".".join(["a" * 60] * 5), "https://x/%zz", "https://x/ä", "https://x/a b", "https://x/../y", "https://x/.",
        "https://x/" + "y" * 2048, "https://s3.example.org.", f"https://{PUBLIC}.", "https://1.2.3.4.5", "https://256.1.1.1",
        "https://8.8.2056", "https://0x8.8.8.8", "https://134744072", "https://010.8.8.8", "https://a.123", "https://a.0x1",
        "https://straße.example", f"https://{wide('s3')}.example", "https://s3。example", "https://a\u200db.example",
        "https://\ud800.example", "https://*.example", "https://a,b", "https://<x>", "https://" + "ü" * 64 + ".example",
        "https://x/\u017f", "https://x/\u212a", "https://x\xa0y", "https://x\u2003", "https://x\x1fy", "https://[::1\u017f]",
    ],
)  # fmt: skip
def test_what_is_no_plain_address_is_refused(names: dict[str, list[str]], url: str) -> None:
    assert problem(url, allow_private=True) == "url_malformed"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "127.0.1", "0x7f.1", "0x7f000001", "0X7F.0.0.1", "2130706433",
        "127.0.0.1.", "10.0.0.1", "10.1", "192.168.1.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[fd00::1]",
        "[0:0:0:0:0:0:0:1]", "[64:ff9b::10.0.0.1]", "[2002:7f00:1::]", "localhost", "LOCALHOST", "localhost.",
        "a.localhost", "localhost.localhost", wide("127.0.0.1"), "127。0。0。1", "①27.0.0.1", wide("localhost"),
        "017700000001", "0177.0.0.1",
    ],
)  # fmt: skip
def test_private_ones_are_for_those_who_said_so_at_the_start(names: dict[str, list[str]], host: str) -> None:
    assert problem(f"http://{host}:9000/x", allow_private=False) == "url_private"
    assert problem(f"http://{host}:9000/x", allow_private=True) in (None, "url_malformed")


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1", "[::1]", "[::ffff:10.0.0.1]", "localhost", "a.localhost"])
def test_they_are_open_then(names: dict[str, list[str]], host: str) -> None:
    assert problem(f"http://{host}:9000", allow_private=True) is None


@pytest.mark.parametrize("allow_private", [True, False])
@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254", "169.254.43518", "0xa9fea9fe", "2852039166", "0251.0376.0251.0376", "169.254.169.254.",
        "0xA9.0xFE.0xA9.0xFE", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[::169.254.169.254]", "[fe80::1]",
        "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]", "[fd00:ec2::254]", "0.0.0.0", "0", "0x0", "[::]",
        "[::ffff:0.0.0.0]", "255.255.255.255", "224.0.0.1", "[ff02::1]", "100.100.100.200", "168.63.129.16", "metadata",
        "metadata.google.internal", "METADATA.Google.Internal.", "metadata.goog", "metadata.azure.internal",
        "instance-data", "instance-data.ec2.internal", "metadata.tencentyun.com", wide("169.254.169.254"),
        "169。254。169。254", "192.0.2.1",
    ],
)  # fmt: skip
def test_metadata_services_and_the_like_are_for_nobody(
    names: dict[str, list[str]], host: str, allow_private: bool
) -> None:
    assert problem(f"http://{host}/latest", allow_private=allow_private) == "url_address"


@pytest.mark.parametrize(
    ("addresses", "strict", "lenient"),
    [
        ([PUBLIC], None, None),
        ([PUBLIC, "10.0.0.1"], "url_private", None),
        (["127.0.0.1"], "url_private", None),
        (["fd00::5", PUBLIC], "url_private", None),
        ([PUBLIC, "169.254.169.254"], "url_address", "url_address"),
        (["10.0.0.1", "169.254.169.254"], "url_address", "url_address"),
        (["::ffff:169.254.169.254"], "url_address", "url_address"),
        (["fe80::1"], "url_address", "url_address"),
        ([PUBLIC] * 20 + ["0.0.0.0"], "url_address", "url_address"),
    ],
)
def test_every_address_of_a_name_counts(
    names: dict[str, list[str]], addresses: list[str], strict: str | None, lenient: str | None
) -> None:
    names["s3.example"] = names["xn--bcher-kva.example"] = addresses
    for url in ("https://s3.example:9000", "https://bücher.example"):
        assert problem(url, allow_private=False) == strict
        assert problem(url, allow_private=True) == lenient


def test_names_that_merely_look_like_metadata_are_fine(names: dict[str, list[str]]) -> None:
    for host in ("minio.internal", "metadata.example.org", "my-metadata.internal", "instance-data.example"):
        assert problem(f"https://{host}", allow_private=False) is None


def test_a_name_that_does_not_resolve_in_time_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(30) and [])
    monkeypatch.setattr(outbound, "SECONDS_TO_RESOLVE", 0.2)
    begun = time.monotonic()
    assert problem("https://slow.example", allow_private=False) is None
    assert time.monotonic() - begun < 2
    over.set()


def test_a_slow_name_may_take_three_seconds_at_most() -> None:
    assert outbound.SECONDS_TO_RESOLVE <= 3


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://S3.Example", "https://s3.example:443/path"),
        ("http://s3.example", "HTTP://s3.example:80/"),
        ("https://bücher.example", "https://XN--BCHER-KVA.example"),
        ("http://[::1]:9000", "http://[0:0:0:0:0:0:0:1]:9000/x"),
    ],
)
def test_one_server_has_one_origin(one: str, other: str) -> None:
    assert origin(one) == origin(other)


def test_different_servers_have_different_origins() -> None:
    urls = [
        "https://s3.example", "http://s3.example", "https://s3.example:8443", "http://s3.example:443", "https://s4.example",
        "https://xn--strae-oqa.example", "https://strasse.example", "http://[::1]", "http://[::2]", "http://127.0.0.1",
    ]  # fmt: skip
    assert len({origin(url) for url in urls}) == len(urls)
    assert origin("https://S3.example/x") == ("https", "s3.example", 443)


@pytest.mark.parametrize(
    "url", ["", "x", "ftp://x", "https://x@y", "https://127.1", "https://x.", "https://straße.example"]
)
def test_what_is_no_address_has_no_origin(url: str) -> None:
    with pytest.raises(ValueError, match=r"^url_(scheme|malformed)$"):
        origin(url)


@given(
    st.text(max_size=30).map("https://".__add__)
    | st.text(max_size=30)
    | st.lists(st.sampled_from(str.split(PARTS))).map(lambda parts: "http://" + "".join(parts))
)
def test_any_text_is_answered_with_a_key_or_none(url: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", _nothing_resolves)
        answer = problem(url, allow_private=False)
    if answer in ("url_scheme", "url_malformed"):
        with pytest.raises(ValueError, match=answer):
            origin(url)
    else:
        assert answer is None or answer in {"url_private", "url_address"}
    assert answer is None or f"validation.{answer}" in SENTENCES


def _nothing_resolves(*_: object, **__: object) -> Any:
    raise socket.gaierror(socket.EAI_NONAME, "not known")
