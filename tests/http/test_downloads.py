"""Files as answers: whole, in part, unchanged, elsewhere."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import pytest
from werkzeug.http import http_date

from tests.backends.fakes import MemoryBackend
from tests.support.app import FILES, Answer, House
from tests.support.problems import problem
from webapp.contracts.errors import NotSupportedError, StorageBackendError
from webapp.contracts.files import StoredFileOut

DATA = bytes(range(256)) * 1000  # more than fits one read
CREATED = datetime(2026, 5, 6, 7, 8, 9, 500_000, tzinfo=UTC)


@pytest.fixture(params=["filesystem", "memory"])
def file(request: pytest.FixtureRequest, served: House) -> StoredFileOut:
    """A file on the disk of this machine, and one that a backend streams."""
    served.configure(backend=request.param)
    out = served.upload(data=DATA, name="data.bin", content_type="application/x-data")
    served.age(out, created_at=CREATED)
    return out


def get(house: House, out: StoredFileOut, **headers: str) -> Answer:
    return house.api("uploader").download(out, **headers)


def etag(out: StoredFileOut) -> str:
    return f'"{out.checksum_sha256}"'


def test_a_whole_file(served: House, file: StoredFileOut) -> None:
    answer = get(served, file)
    assert (answer.status_code, answer.content) == (200, DATA)
    expected = {
        "Content-Type": "application/x-data",
        "Content-Length": str(len(DATA)),
        "Content-Disposition": 'attachment; filename="data.bin"',
        "ETag": etag(file),
        "Last-Modified": "Wed, 06 May 2026 07:08:09 GMT",
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
    }
    assert {name: answer.headers[name] for name in expected} == expected
    assert "private" in answer.headers["Cache-Control"]
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "Content-Range" not in answer.headers


def test_the_head_of_a_file(served: House, file: StoredFileOut) -> None:
    api = served.api("uploader")
    whole = api.download(file)
    head = api.head(f"{FILES}/files/{file.id}/download", headers={"Range": "bytes=0-0"})
    assert (head.status_code, head.content) == (200, b"")
    names = ("Content-Type", "Content-Length", "Content-Disposition", "ETag", "Last-Modified", "Accept-Ranges")
    assert {name: head.headers[name] for name in names} == {name: whole.headers[name] for name in names}


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=100-", 100, None),
        ("bytes=255999-", 255_999, None),
        ("bytes=1000-999999999", 1000, None),
        ("bytes=-1", 255_999, None),
        ("bytes=-100", 255_900, None),
        ("bytes=-999999999", 0, None),
        ("bytes=70000-200000", 70_000, 200_001),
        ("Bytes=5-9", 5, 10),
        (" bytes = 5 - 9 ", 5, 10),
        ("bytes=5-9999999999999999999999999", 5, None),
    ],
)
def test_a_part(served: House, file: StoredFileOut, asked: str, start: int, stop: int | None) -> None:
    answer = get(served, file, Range=asked)
    assert (answer.status_code, answer.content) == (206, DATA[start:stop])
    end = (len(DATA) if stop is None else stop) - 1
    assert answer.headers["Content-Range"] == f"bytes {start}-{end}/{len(DATA)}"
    assert answer.headers["Content-Length"] == str(end - start + 1)
    assert answer.headers["ETag"] == etag(file)


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=5-4",
        "bytes=a-b",
        "bytes=",
        "bytes=-",
        "lines=0-5",
        "bytes=0-1,5-6",
        "0-5",
        "bytes=0x1-0x5",
        "bytes=1.5-2",
    ],
)
def test_a_range_that_makes_no_sense_is_ignored(served: House, file: StoredFileOut, asked: str) -> None:
    answer = get(served, file, Range=asked)
    assert (answer.status_code, answer.content) == (200, DATA)


@pytest.mark.parametrize("asked", ["bytes=256000-", "bytes=256000-256001", "bytes=-0", "bytes=9999999999999999999999-"])
def test_a_range_past_the_end_is_not_satisfiable(served: House, file: StoredFileOut, asked: str) -> None:
    answer = get(served, file, Range=asked)
    problem(answer, "range_not_satisfiable")
    assert answer.headers["Content-Range"] == "bytes */256000"


def test_if_range_decides_between_the_part_and_the_whole(served: House, file: StoredFileOut) -> None:
    same = [etag(file), http_date(CREATED)]
    other = ['"other"', f"W/{etag(file)}", http_date(CREATED + timedelta(seconds=1)), http_date(0), "nonsense"]
    for condition in same:
        assert get(served, file, Range="bytes=0-4", If_Range=condition).status_code == 206, condition
    for condition in other:
        answer = get(served, file, Range="bytes=0-4", If_Range=condition)
        assert (answer.status_code, len(answer.content)) == (200, len(DATA)), condition
    assert get(served, file, Range="bytes=999999-", If_Range='"other"').status_code == 200


def test_what_the_client_has_already_is_not_sent(served: House, file: StoredFileOut) -> None:
    tag = etag(file)
    for tags in (tag, f"W/{tag}", f'"a", {tag}', f'{tag}, "b"', "*"):
        answer = get(served, file, If_None_Match=tags)
        assert (answer.status_code, answer.content) == (304, b""), tags
        assert answer.headers["ETag"] == tag
        assert "Content-Length" not in answer.headers
    for tags in ('"other"', tag.strip('"'), tag[:-2] + '"', ""):
        assert get(served, file, If_None_Match=tags).status_code == 200, tags


def test_what_has_not_changed_since_is_not_sent(served: House, file: StoredFileOut) -> None:
    for moment, status in ((CREATED, 304), (CREATED + timedelta(days=1), 304), (CREATED - timedelta(seconds=1), 200)):
        assert get(served, file, If_Modified_Since=http_date(moment)).status_code == status
    assert get(served, file, If_Modified_Since="nonsense").status_code == 200
    later = http_date(CREATED + timedelta(days=1))
    assert get(served, file, If_None_Match='"other"', If_Modified_Since=later).status_code == 200


def test_what_the_client_has_already_comes_before_ranges(served: House, file: StoredFileOut) -> None:
    assert get(served, file, If_None_Match=etag(file), Range="bytes=999999-").status_code == 304


@pytest.mark.parametrize("backend", ["filesystem", "memory"])
def test_an_empty_file(served: House, backend: str) -> None:
    served.configure(backend=backend)
    out = served.upload(data=b"")
    answer = get(served, out)
    assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (200, b"", "0")
    answer = get(served, out, Range="bytes=0-")
    problem(answer, "range_not_satisfiable")
    assert answer.headers["Content-Range"] == "bytes */0"
    assert get(served, out, If_None_Match=etag(out)).status_code == 304


@pytest.mark.parametrize("size", [1, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 3 * 1024 * 1024 + 1])
def test_files_of_any_size(served: House, size: int) -> None:
    data = b"abcdefg" * (size // 7 + 1)
    out = served.upload(data=data[:size])
    assert get(served, out).content == data[:size]
    assert get(served, out, Range=f"bytes={size // 2}-").content == data[size // 2 : size]


def test_a_backend_with_links_is_a_redirect_with_name_and_type(served: House) -> None:
    served.configure(backend="links")
    out = served.upload(name="straße.txt", content_type="text/plain")
    answer = get(served, out, Range="bytes=0-1")
    assert (answer.status_code, answer.content) == (302, b"")
    where = unquote(answer.headers["Location"])
    assert where == f"https://bytes.example/{out.key}?name=straße.txt&type=text/plain"
    assert answer.headers["Cache-Control"] == "no-store"
    assert ("get", out.key) not in MemoryBackend.calls
    assert get(served, out, If_None_Match=etag(out)).status_code == 304
    head = served.api("uploader").head(f"{FILES}/files/{out.id}/download")
    assert (head.status_code, head.headers["Content-Length"]) == (200, "5")


def test_a_backend_whose_settings_forbid_links_is_streamed(served: House, monkeypatch: pytest.MonkeyPatch) -> None:
    served.configure(backend="links")
    out = served.upload(data=DATA)
    monkeypatch.setitem(MemoryBackend.failing, "presigned_get_url", NotSupportedError("not with these settings"))
    whole = get(served, out)
    assert (whole.status_code, whole.content) == (200, DATA)
    part = get(served, out, Range="bytes=5-9")
    assert (part.status_code, part.content) == (206, DATA[5:10])


def test_a_backend_without_local_files_is_read_only_where_asked(served: House) -> None:
    served.configure(backend="memory")
    out = served.upload(data=DATA)
    asked: list[tuple[int, int | None]] = []
    real = MemoryBackend.get

    def watched(self: MemoryBackend, key: str, *, start: int = 0, length: int | None = None) -> object:
        asked.append((start, length))
        return real(self, key, start=start, length=length)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryBackend, "get", watched)
        assert get(served, out, Range="bytes=100-199").content == DATA[100:200]
    assert asked == [(100, 100)]


@pytest.mark.parametrize("backend", ["filesystem", "memory"])
def test_lost_bytes_are_a_server_error_and_not_a_missing_file(served: House, backend: str) -> None:
    served.configure(backend=backend)
    out = served.upload()
    MemoryBackend.rooms.get("one", {}).clear()
    for path in served.uploads.rglob("*"):
        if path.is_file():
            path.unlink()
    problem(get(served, out), "backend_error")


def test_a_backend_that_does_not_answer_is_a_server_error_without_details(served: House) -> None:
    served.configure(backend="memory")
    out = served.upload()
    MemoryBackend.failing["get"] = StorageBackendError("host 10.0.0.7 bucket secret-bucket key " + out.key)
    document = problem(get(served, out), "backend_error")
    assert not re.search(r"10\.0|secret|" + out.key, str(document))


@pytest.mark.parametrize(
    "name", ["ä.txt", 'a"b.txt', "a\\b", "漢字.pdf", "100%.txt", "a;b=c.txt", "'x'.txt", "a,b.txt"]
)
def test_the_name_survives_in_the_header(served: House, name: str) -> None:
    out = served.upload(name=name)
    header = get(served, out).headers["Content-Disposition"]
    assert header.isascii()
    extended = re.search(r"filename\*=UTF-8''(\S+)", header)
    plain = re.search(r'filename="([^"]*)"', header)
    assert plain
    assert (unquote(extended[1]) if extended else plain[1]) == out.filename


# --- before the checksum is known -----------------------------------------------------


def test_a_file_whose_checksum_is_being_found_out_has_a_tag_of_its_own(served: House, file: StoredFileOut) -> None:
    served.age(file, checksum_sha256="")
    other = served.upload(data=b"other", name="other.bin")
    served.age(other, checksum_sha256="")
    tag = get(served, file).headers["ETag"]
    assert tag == f'"{file.key}"'
    assert tag != get(served, other).headers["ETag"]
    assert get(served, file, If_None_Match=tag).status_code == 304
    for empty in ('""', 'W/""'):
        assert get(served, file, If_None_Match=empty).status_code == 200
        assert get(served, file, Range="bytes=1-2", If_Range=empty).status_code == 200


def test_a_download_goes_on_when_the_checksum_becomes_known_meanwhile(served: House, file: StoredFileOut) -> None:
    served.age(file, checksum_sha256="")
    before = get(served, file).headers["ETag"]
    served.age(file, checksum_sha256=file.checksum_sha256)
    assert get(served, file).headers["ETag"] == etag(file) != before
    for tag in (before, etag(file)):
        part = get(served, file, Range="bytes=1000-1999", If_Range=tag)
        assert (part.status_code, part.content) == (206, DATA[1000:2000])
        assert get(served, file, If_None_Match=tag).status_code == 304
