"""Which downloads are left to nginx (X-Accel-Redirect), and which configurations are none. nginx itself: tests/e2e."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.app import Answer, House, make_house
from webapp import config
from webapp.contracts.errors import ConfigurationError
from webapp.contracts.files import StoredFileOut

DATA = b"x" * 70_000
THROUGH_NGINX = {"X_Forwarded_For": "192.0.2.7"}


@pytest.fixture
def behind(sqlite_house: House) -> Iterator[House]:
    """The same house, with nginx in front that sends what is in ``uploads``."""
    root = sqlite_house.uploads
    house = make_house(
        sqlite_house.config.data_dir, STOWAGE_TRUSTED_PROXIES="1", STOWAGE_ACCEL_REDIRECT=f"/files/={root}"
    )
    yield house
    house.close()


def get(house: House, file: StoredFileOut, **headers: str) -> Answer:
    return house.api("uploader").download(file, **{**THROUGH_NGINX, **headers})


def is_left_to_nginx(answer: Answer) -> bool:
    left = "X-Accel-Redirect" in answer.headers
    assert bool(answer.content) is not left, "either the one sends the bytes or the other"
    return left


def test_a_file_is_left_to_nginx_with_all_that_is_said_about_it(behind: House) -> None:
    file = behind.upload(data=DATA, name="straße.bin", content_type="application/x-data")
    answer = get(behind, file)
    assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (200, b"", "0")
    assert answer.headers["X-Accel-Redirect"] == f"/files/{file.key[:2]}/{file.key}"
    assert answer.headers["ETag"] == f'"{file.checksum_sha256}"'
    for name in ("Content-Type", "Content-Disposition", "Last-Modified", "Content-Security-Policy", "Cache-Control"):
        assert answer.headers[name]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, True),
        ({"Range": "bytes=0-69999"}, True),
        ({"Range": "bytes=1-"}, True),
        ({"Range": "bytes=-69000"}, True),
        ({"Range": "bytes=0-99"}, False),  # small
        ({"Range": "bytes=5-4"}, False),  # nginx says 416
        ({"Range": "bytes=0-69999,5-6"}, False),
        ({"Range": "lines=0-69999"}, False),
        ({"Range": "bytes=0-99999999999999999999"}, False),
        ({"If_None_Match": '"other"'}, False),
        ({"If_Modified_Since": "Mon, 01 Jan 2001 00:00:00 GMT"}, False),
        ({"If_Match": '"other"'}, False),
        ({"If_Unmodified_Since": "Mon, 01 Jan 2001 00:00:00 GMT"}, False),
        ({"Range": "bytes=1-", "If_Range": '"other"'}, False),
    ],
)
def test_what_nginx_would_answer_in_another_way_it_does_not_get(
    behind: House, headers: dict[str, str], expected: bool
) -> None:
    assert is_left_to_nginx(get(behind, behind.upload(data=DATA), **headers)) is expected


def test_who_asks_past_the_proxy_gets_the_bytes(behind: House) -> None:
    answer = behind.api("uploader").download(behind.upload(data=DATA))
    assert answer.content == DATA
    assert not is_left_to_nginx(answer)


def test_without_the_variable_nothing_is_left_to_anybody(sqlite_house: House) -> None:
    assert not is_left_to_nginx(get(sqlite_house, sqlite_house.upload(data=DATA)))


def test_only_what_lies_in_the_directory_is_left_to_nginx(behind: House, tmp_path: Path) -> None:
    behind.configure(fs_root_path=str(behind.uploads / "with spaces, 100%"))
    inside = behind.upload(data=DATA)
    expected = f"/files/with%20spaces%2C%20100%25/{inside.key[:2]}/{inside.key}"
    assert get(behind, inside).headers["X-Accel-Redirect"] == expected
    behind.configure(fs_root_path=str(tmp_path / "uploads-of-others"))
    assert not is_left_to_nginx(get(behind, behind.upload(data=DATA)))


def test_a_file_is_where_it_really_is_whatever_link_leads_to_it(behind: House, tmp_path: Path) -> None:
    file = behind.upload(data=DATA)
    behind.uploads.rename(tmp_path / "moved")
    behind.uploads.symlink_to(tmp_path / "moved")
    assert not is_left_to_nginx(get(behind, file))


@pytest.mark.parametrize(
    ("value", "proxies"),
    [
        ("/files/", "1"),
        ("files/=/srv", "1"),
        ("/files=/srv", "1"),
        ("/files/=srv", "1"),
        ("/files/=", "1"),
        ("=/srv", "1"),
        ("/files/=/srv", "0"),
        ("/files/=/srv", ""),
    ],
)
def test_a_configuration_that_would_send_empty_files_stops_the_start(tmp_path: Path, value: str, proxies: str) -> None:
    environ = {"STOWAGE_DATA": str(tmp_path), "STOWAGE_ACCEL_REDIRECT": value, "STOWAGE_TRUSTED_PROXIES": proxies}
    with pytest.raises(ConfigurationError, match="STOWAGE_ACCEL_REDIRECT"):
        config.load(environ)
    assert config.load({**environ, "STOWAGE_ACCEL_REDIRECT": ""}).accel is None
