"""The settings of the S3 backend: which values can work together, and whose credentials go where."""

import re
import subprocess
import sys
from typing import Any

import pytest

from webapp.backends.registry import BackendRegistry
from webapp.backends.s3 import S3Backend
from webapp.backends.s3_fields import FIELDS, Options
from webapp.contracts.errors import ConfigurationError

PLAIN: dict[str, Any] = {"s3_bucket": "files-of-ours", "s3_region": "eu-central-1", "s3_addressing_style": "auto"}
KEYS = {"s3_access_key_id": "AKIAEXAMPLE", "s3_secret_access_key": "a secret"}
STORE = {"s3_endpoint_url": "https://store.example:9000"}


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(next(field.pattern for field in FIELDS if field.name == name))


@pytest.mark.parametrize("name", ["abc", "a-b.c", "0-9", "x" * 63, "logs.2026.example", "1.2.3", "1.2.3.4.5"])
def test_names_of_buckets(name: str) -> None:
    assert _pattern("s3_bucket").fullmatch(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "ab",
        "x" * 64,
        "Abc",
        "a_b",
        "-ab",
        "ab-",
        ".ab",
        "ab.",
        "a..b",
        "192.168.5.4",
        "a/b",
        "ab c",
        "äbc",
        "abc\n",
    ],
)
def test_no_names_of_buckets(name: str) -> None:
    assert not _pattern("s3_bucket").fullmatch(name)
    with pytest.raises(ConfigurationError):
        Options.of({**PLAIN, **KEYS, "s3_bucket": name.rstrip(" ")} if name != "abc\n" else {})


@pytest.mark.parametrize("name", ["us-east-1", "auto", "RegionOne", "eu_west", "default"])
def test_regions(name: str) -> None:
    assert _pattern("s3_region").fullmatch(name)
    assert not _pattern("s3_region").fullmatch(f"{name}/../x")


@pytest.mark.parametrize(
    "name", ["xn--abc", "sthree-abc", "amzn-s3-demo-abc", "abc-s3alias", "abc--ol-s3", "abc--x-s3"]
)
def test_reserved_names_are_refused(name: str) -> None:
    assert list(S3Backend.check({**PLAIN, "s3_bucket": name})) == ["s3_bucket"]


def test_a_key_needs_its_secret_and_a_secret_its_key() -> None:
    assert S3Backend.check({**PLAIN, **KEYS}) == {}
    assert list(S3Backend.check({**PLAIN, **KEYS, "s3_secret_access_key": None})) == ["s3_secret_access_key"]
    assert list(S3Backend.check({**PLAIN, **KEYS, "s3_access_key_id": ""})) == ["s3_access_key_id"]
    assert S3Backend.check({}) == {}


@pytest.mark.parametrize(
    ("endpoint", "allowed"),
    [
        ("", True),
        ("https://s3.eu-central-1.amazonaws.com", True),
        ("https://bucket.vpce-1.s3.eu-west-1.vpce.amazonaws.com", True),
        ("https://s3.cn-north-1.amazonaws.com.cn", True),
        ("http://s3.eu-central-1.amazonaws.com", False),
        ("https://store.example", False),
        ("https://amazonaws.com.store.example", False),
        ("https://notamazonaws.com", False),
        ("https://s3.amazonaws.com@store.example", False),
        ("https://s3.amazonaws.com", True),
        ("https://S3.us-gov-west-1.amazonaws.com:443", True),
        ("https://s3-us-west-2.amazonaws.com", True),
        ("https://s3.dualstack.ap-southeast-2.amazonaws.com", True),
        ("https://s3-fips.dualstack.us-east-1.amazonaws.com", True),
        ("https://s3-accelerate.amazonaws.com", True),
        ("https://abc123.execute-api.us-east-1.amazonaws.com", False),
        ("https://s3.execute-api.us-east-1.amazonaws.com", False),
        ("https://mine.s3.us-east-1.amazonaws.com", False),
        ("https://mine-123456789012.s3-object-lambda.us-east-1.amazonaws.com", False),
        ("https://s3-object-lambda.us-east-1.amazonaws.com", False),
        ("https://s3.elb.us-east-1.amazonaws.com", False),
        ("https://vpce-1-2.s3.vpce-svc-1.us-east-1.vpce.amazonaws.com", False),
        ("https://ec2-192-0-2-7.compute-1.amazonaws.com", False),
    ],
)
def test_what_the_environment_holds_goes_to_amazon_alone(endpoint: str, *, allowed: bool) -> None:
    values = {**PLAIN, "s3_endpoint_url": endpoint}
    assert (S3Backend.check(values) == {}) is allowed
    if allowed:
        assert S3Backend(values)
        return
    with pytest.raises(ConfigurationError) as caught:
        S3Backend(values)
    assert caught.value.data == {"cause": "credentials"}


def test_no_link_with_what_the_environment_holds_leads_elsewhere() -> None:
    for host, allowed in (("files.example", False), ("s3.eu-central-1.amazonaws.com", True)):
        values = {**PLAIN, "s3_public_endpoint_url": f"https://{host}"}
        assert list(S3Backend.check(values)) == ([] if allowed else ["s3_access_key_id"])
        assert S3Backend.check({**values, **KEYS}) == {}


@pytest.mark.parametrize(
    ("values", "style"),
    [
        ({}, "virtual"),
        ({"s3_bucket": "a.b.c"}, "path"),
        (STORE, "path"),
        ({"s3_addressing_style": "path"}, "path"),
        ({**STORE, "s3_addressing_style": "virtual"}, "virtual"),
    ],
)
def test_addressing(values: dict[str, Any], style: str) -> None:
    assert Options.of({**PLAIN, **KEYS, **values}).style == style


@pytest.mark.parametrize(
    "values",
    [
        {"s3_bucket": "a.b.c"},
        {**STORE, "s3_bucket": "a.b.c"},
        {"s3_endpoint_url": "http://192.0.2.7:9000"},
        {"s3_endpoint_url": "https://[2001:db8::1]"},
    ],
)
def test_buckets_that_can_be_no_host_names(values: dict[str, Any]) -> None:
    everything = {**PLAIN, **KEYS, **values, "s3_addressing_style": "virtual"}
    assert list(S3Backend.check(everything)) == ["s3_addressing_style"]


def test_every_sentence_is_one() -> None:
    texts = [field.help for field in FIELDS] + [field.pattern_help for field in FIELDS if field.pattern]
    texts += S3Backend.check({**PLAIN, "s3_bucket": "xn--abc", **STORE}).values()
    assert all(text[0].isupper() and text.endswith(".") for text in texts)
    assert all(field.label for field in FIELDS)


def test_no_credentials_are_part_of_a_location() -> None:
    assert {field.name for field in FIELDS if field.location} == {
        *("s3_bucket", "s3_region", "s3_endpoint_url", "s3_addressing_style", "s3_public_endpoint_url")
    }
    assert {field.name for field in FIELDS if field.secret} == {"s3_secret_access_key"}
    assert {field.name for field in FIELDS if field.masked} == {"s3_access_key_id"}


def test_it_enters_by_the_door_of_all_backends() -> None:
    registry = BackendRegistry()
    registry.register(S3Backend)
    assert registry.get("s3", {**PLAIN, **KEYS}) is registry.get("s3", {**PLAIN, **KEYS})


def test_a_secret_is_not_in_what_is_printed() -> None:
    assert "a secret" not in repr(Options.of({**PLAIN, **KEYS}))


def test_boto3_is_not_imported_before_it_is_needed() -> None:
    script = (
        "import sys; from webapp.backends.s3 import S3Backend;"
        f"S3Backend({PLAIN | KEYS!r}); print('boto3' in sys.modules, 'botocore' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False"]


def test_without_boto3_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("webapp.backends.s3_")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.setitem(sys.modules, "boto3.session", None)
    monkeypatch.setitem(sys.modules, "boto3.exceptions", None)
    with pytest.raises(ConfigurationError, match="boto3 is not installed") as caught:
        S3Backend(PLAIN | KEYS).exists("0" * 32)
    assert caught.value.data == {"cause": "settings"}
