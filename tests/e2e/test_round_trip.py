"""A file goes in, the same file comes out."""

import base64
import hashlib
import uuid
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from tests.support.client import FILES, Client, created
from tests.support.corpora import noise, pieces, sha256
from tests.support.problems import problem

TEXT = b"Stowage keeps what you give it.\n"


def test_a_form_upload_comes_back_as_it_was(uploader: Client) -> None:
    file = created(uploader.post_file(TEXT, "note.txt", "text/plain"))
    assert uploader.content(file) == TEXT


def test_a_raw_upload_comes_back_as_it_was(uploader: Client) -> None:
    assert uploader.content(uploader.upload(TEXT, "note.txt", "text/plain")) == TEXT


def test_a_raw_upload_without_content_length_comes_back_as_it_was(uploader: Client) -> None:
    data = noise(300_000)
    file = uploader.upload(pieces(data, 10_000), "stream.bin")
    assert file["size_bytes"] == len(data)
    assert uploader.content(file) == data


def test_fields_before_and_after_the_file_do_not_matter(uploader: Client) -> None:
    answer = uploader.post(
        f"{FILES}/upload",
        files=[("note", (None, "before")), ("file", ("a.txt", TEXT, "text/plain")), ("more", (None, "after"))],
    )
    assert uploader.content(created(answer)) == TEXT


@pytest.mark.parametrize(
    "size", [0, 1, 2, 4095, 4096, 65_535, 65_536, 65_537, 1024 * 1024 - 1, 1024 * 1024 + 1, 5_000_011]
)
def test_every_size_is_kept_to_the_byte(uploader: Client, size: int) -> None:
    data = noise(size, size)
    for file in (
        uploader.upload(data, "raw.bin"),
        uploader.upload(pieces(data), "stream.bin"),
        created(uploader.post_file(data, "form.bin")),
    ):
        assert file["size_bytes"] == size
        assert file["checksum_sha256"] == sha256(data)
        assert uploader.content(file) == data


def test_the_answer_describes_the_file(uploader: Client) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    file = uploader.upload(TEXT, "note.txt", "text/plain")
    assert uuid.UUID(file["id"])
    assert 0 < len(file["key"]) <= 512
    assert file["filename"] == "note.txt"
    assert file["content_type"] == "text/plain"
    assert file["size_bytes"] == len(TEXT)
    assert file["backend"] == "filesystem"
    assert file["checksum_sha256"] == sha256(TEXT)
    assert file["uploaded_by"] == uploader.get("/api/me").json()["id"]
    created_at = datetime.fromisoformat(file["created_at"])
    assert created_at.utcoffset() == timedelta(0)
    assert before <= created_at <= datetime.now(UTC) + timedelta(seconds=2)


def test_the_location_leads_to_the_file(uploader: Client) -> None:
    for answer in (uploader.put_file(TEXT, "a.txt"), uploader.post_file(TEXT, "a.txt")):
        file = created(answer)
        location = answer.headers["Location"].removeprefix(uploader.url)
        assert uploader.get(location).json() == file
        assert uploader.info(file).json() == file


def test_the_download_describes_the_file(uploader: Client) -> None:
    file = uploader.upload(TEXT, "note.txt", "text/plain")
    answer = uploader.download(file)
    assert answer.headers["Content-Type"].split(";")[0] == "text/plain"
    assert answer.headers["Content-Length"] == str(len(TEXT))
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "private" in answer.headers["Cache-Control"]
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "note.txt" in answer.headers["Content-Disposition"]
    assert answer.headers["ETag"].startswith('"')
    modified = parsedate_to_datetime(answer.headers["Last-Modified"])
    assert abs(modified - datetime.fromisoformat(file["created_at"])) <= timedelta(seconds=1)


def test_head_tells_the_same_without_the_bytes(uploader: Client) -> None:
    file = uploader.upload(TEXT, "note.txt", "text/plain")
    whole, head = uploader.download(file), uploader.head(f"{FILES}/files/{file['id']}/download")
    assert head.status_code == 200
    assert head.content == b""
    for name in ("Content-Type", "Content-Length", "ETag", "Last-Modified", "Content-Disposition", "Accept-Ranges"):
        assert head.headers[name] == whole.headers[name]


def test_a_client_that_has_the_file_gets_304(uploader: Client) -> None:
    file = uploader.upload(TEXT, "note.txt", "text/plain")
    tag = uploader.download(file).headers["ETag"]
    for value in (tag, f'"other", {tag}', "*", f"W/{tag}"):
        answer = uploader.download(file, If_None_Match=value)
        assert (answer.status_code, answer.content) == (304, b""), value
        assert answer.headers["ETag"] == tag
    assert uploader.download(file, If_None_Match='"other"').status_code == 200


def test_if_modified_since_counts_only_without_if_none_match(uploader: Client) -> None:
    file = uploader.upload(TEXT, "note.txt", "text/plain")
    modified = uploader.download(file).headers["Last-Modified"]
    assert uploader.download(file, If_Modified_Since=modified).status_code == 304
    assert uploader.download(file, If_Modified_Since=modified, If_None_Match='"x"').status_code == 200
    assert uploader.download(file, If_Modified_Since="garbage").status_code == 200


def test_a_part_can_be_fetched(uploader: Client) -> None:
    file = uploader.upload(TEXT, "note.txt", "text/plain")
    answer = uploader.download(file, Range="bytes=8-12")
    assert (answer.status_code, answer.content) == (206, TEXT[8:13])
    assert answer.headers["Content-Range"] == f"bytes 8-12/{len(TEXT)}"
    assert answer.headers["Content-Length"] == "5"


def test_if_range_that_fits_gives_the_part_and_else_the_whole(uploader: Client) -> None:
    file = uploader.upload(TEXT, "note.txt", "text/plain")
    tag = uploader.download(file).headers["ETag"]
    assert uploader.download(file, Range="bytes=0-3", If_Range=tag).status_code == 206
    for other in ('"stale"', f"W/{tag}", "Mon, 01 Jan 2001 00:00:00 GMT"):
        answer = uploader.download(file, Range="bytes=0-3", If_Range=other)
        assert (answer.status_code, answer.content) == (200, TEXT), other
        beyond = uploader.download(file, Range="bytes=99999-", If_Range=other)
        assert (beyond.status_code, beyond.content) == (200, TEXT), other


def test_a_deleted_file_goes_to_the_trash_and_comes_back(uploader: Client) -> None:
    file = uploader.upload(TEXT, f"{uuid.uuid4()}.txt", "text/plain")
    uploader.trash(file)
    problem(uploader.info(file), "not_found")
    problem(uploader.download(file), "not_found")
    problem(uploader.delete(f"{FILES}/files/{file['id']}"), "not_found")
    assert file["id"] in {row["id"] for row in uploader.every("trash")}
    assert not uploader.every(q=file["filename"])
    restored = uploader.restore(file)
    assert (restored.status_code, restored.json()["id"]) == (200, file["id"])
    assert uploader.content(file) == TEXT
    assert file["id"] not in {row["id"] for row in uploader.every("trash")}


def test_a_purged_file_is_gone_with_its_bytes(admin: Client, uploader: Client, server) -> None:
    live, trashed = uploader.upload(TEXT, "a.txt"), uploader.upload(TEXT, "b.txt")
    uploader.trash(trashed)
    assert {f"{file['key'][:2]}/{file['key']}" for file in (live, trashed)} <= server.stored()
    for file in (live, trashed):
        admin.purge(file)
        problem(admin.info(file), "not_found")
        assert f"{file['key'][:2]}/{file['key']}" not in server.stored()
        problem(admin.delete(f"{FILES}/files/{file['id']}", params={"permanent": "true"}), "not_found")
        problem(uploader.restore(file), {"not_found"})


def test_many_are_deleted_and_restored_at_once(uploader: Client) -> None:
    files = [uploader.upload(TEXT, f"bulk{n}.txt") for n in range(5)]
    ids = [file["id"] for file in files]
    deleted = uploader.post(f"{FILES}/files/bulk-delete", json={"ids": [*ids, str(uuid.uuid4())]})
    assert (deleted.status_code, set(deleted.json()["ids"])) == (200, set(ids))
    again = uploader.post(f"{FILES}/files/bulk-delete", json={"ids": ids})
    assert (again.status_code, again.json()["ids"]) == (200, [])
    restored = uploader.post(f"{FILES}/files/bulk-restore", json={"ids": [*ids[:3], str(uuid.uuid4())]})
    assert (restored.status_code, set(restored.json()["ids"])) == (200, set(ids[:3]))
    assert [uploader.info(one).status_code for one in ids] == [200, 200, 200, 404, 404]


@pytest.mark.parametrize("header", ["Content-Digest", "Repr-Digest"])
def test_a_digest_that_matches_is_accepted(uploader: Client, header: str) -> None:
    headers = {header: f"sha-256=:{base64.b64encode(hashlib.sha256(TEXT).digest()).decode()}:"}
    assert uploader.put(f"{FILES}/upload/a.txt", data=TEXT, headers=headers).status_code == 201
    assert uploader.post_file(TEXT, headers=headers).status_code == 201


@pytest.mark.parametrize("header", ["Content-Digest", "Repr-Digest"])
def test_a_digest_that_does_not_match_is_refused_and_nothing_is_kept(uploader: Client, server, header: str) -> None:
    headers = {header: f"sha-256=:{base64.b64encode(hashlib.sha256(b'else').digest()).decode()}:"}
    with server.unchanged():
        problem(uploader.put(f"{FILES}/upload/a.txt", data=TEXT, headers=headers), "checksum_mismatch")
        problem(uploader.post_file(TEXT, headers=headers), "checksum_mismatch")


def test_a_retried_upload_answers_with_the_first_result(uploader: Client, admin: Client) -> None:
    key = str(uuid.uuid4())
    first = uploader.upload(TEXT, "once.txt", Idempotency_Key=key)
    before = admin.total()
    second = uploader.put_file(TEXT, "once.txt", Idempotency_Key=key)
    assert second.status_code in {200, 201}
    assert second.json() == first
    assert admin.total() == before


def test_the_same_bytes_twice_are_two_files(uploader: Client) -> None:
    first, second = uploader.upload(TEXT, "same.txt"), uploader.upload(TEXT, "same.txt")
    assert first["id"] != second["id"]
    assert first["key"] != second["key"]
    uploader.trash(first)
    assert uploader.content(second) == TEXT


def test_what_one_worker_stores_every_worker_serves(uploader: Client) -> None:
    file = uploader.upload(TEXT, "shared.txt")
    for _ in range(12):
        with uploader.fork() as another:
            assert another.content(file) == TEXT
