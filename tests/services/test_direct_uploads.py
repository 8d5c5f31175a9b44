"""Uploads that go straight to the store: begun, sent, completed, thrown away."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from tests.backends.fakes import DirectBackend
from tests.support.app import House
from tests.support.direct import age, begin, complete, row_of, send, sent, store, taking_parts
from webapp.contracts.errors import ConfigurationError, StorageBackendError
from webapp.contracts.events import Event, FileUploaded
from webapp.models import DirectUpload, PendingChecksum, StoredFile
from webapp.services import direct as direct_module
from webapp.services import removals
from webapp.services.errors import (
    BadTypeError,
    ChecksumMismatchError,
    DirectUploadUnsupportedError,
    ForbiddenError,
    NotFoundError,
    PartsMissingError,
    RateLimitedError,
    TooLargeError,
    ValidationError,
)

DATA = bytes(range(35))
LONG = bytes(range(95))
PNG = b"\x89PNG\r\n\x1a\n" + bytes(30)
LATER = timedelta(minutes=16)


@pytest.fixture
def direct(inside: House) -> Iterator[House]:
    with taking_parts(inside):
        yield inside


def nothing_is_left(house: House) -> bool:
    return (house.count(StoredFile), store(), DirectBackend.begun) == (0, {}, {})


# --- the way it should go -----------------------------------------------------------


def test_parts_become_a_file(direct: House, heard: list[Event]) -> None:
    upload = begin(direct, DATA, filename="../a b.bin", content_type="application/x-thing")
    assert (upload.filename, upload.parts, upload.part_size, upload.received) == ("a b.bin", 4, 10, [])
    send(direct, upload, DATA)
    assert direct.services.direct.get(direct.uploader, upload.id).received == [1, 2, 3, 4]
    file = complete(direct, upload)
    assert (file.filename, file.size_bytes, file.content_type) == ("a b.bin", 35, "application/x-thing")
    assert file.checksum_sha256 == hashlib.sha256(DATA).hexdigest()
    assert store() == {file.key: DATA}
    assert direct.services.files.get(direct.uploader, file.id) == file
    assert [type(event) for event in heard] == [FileUploaded]
    assert direct.tallies() == direct.counted()


def test_a_large_file_has_no_checksum_yet(direct: House) -> None:
    file = complete(direct, sent(direct, LONG))
    assert file.checksum_sha256 == ""
    assert direct.count(PendingChecksum) == 1


def test_completing_again_gives_the_same_file(direct: House) -> None:
    upload = sent(direct, DATA)
    first = complete(direct, upload)
    assert complete(direct, upload) == first
    shown = direct.services.direct.get(direct.uploader, upload.id)
    assert (shown.file_id, shown.received) == (first.id, [1, 2, 3, 4])
    assert direct.count(StoredFile) == 1


def test_what_it_has_become_is_not_thrown_away(direct: House) -> None:
    upload = sent(direct, DATA)
    file = complete(direct, upload)
    direct.services.direct.abort(direct.uploader, upload.id)
    assert store() == {file.key: DATA}
    with pytest.raises(NotFoundError):
        direct.services.direct.get(direct.uploader, upload.id)


def test_completing_again_once_its_file_is_purged_finds_nothing(direct: House) -> None:
    upload = sent(direct, DATA)
    file = complete(direct, upload)
    direct.services.files.purge(direct.admin, file.id)
    with pytest.raises(NotFoundError):
        complete(direct, upload)


def test_with_files_of_ones_own_alone_completing_again_still_shows_ones_own(direct: House) -> None:
    direct.configure(file_visibility="own")
    upload = sent(direct, DATA)
    assert complete(direct, upload) == complete(direct, upload)
    with pytest.raises(NotFoundError):
        direct.services.files.get(direct.stranger, complete(direct, upload).id)


def test_an_upload_is_its_beginners_alone(direct: House) -> None:
    upload, service = sent(direct, DATA), direct.services.direct
    for ask in (service.get, lambda who, it: service.urls(who, it, [1]), service.complete, service.abort):
        for caller in (direct.stranger, direct.admin):
            with pytest.raises(NotFoundError):
                ask(caller, upload.id)
    assert complete(direct, upload).size_bytes == 35


def test_whoever_may_not_upload_may_do_nothing_here(direct: House) -> None:
    upload = sent(direct, DATA)
    reader = direct.caller("uploader", "file_storage.download")
    with pytest.raises(ForbiddenError):
        begin(direct, DATA, reader)
    for ask in (direct.services.direct.get, direct.services.direct.complete, direct.services.direct.abort):
        with pytest.raises(ForbiddenError):
            ask(reader, upload.id)


# --- what is refused at the beginning -----------------------------------------------


def test_an_announcement_over_the_limit(direct: House) -> None:
    direct.configure(max_file_size_bytes=34)
    with pytest.raises(TooLargeError):
        begin(direct, DATA)
    assert nothing_is_left(direct)


def test_more_than_the_store_takes(direct: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DirectBackend, "most_part_bytes", 10)
    assert begin(direct, DATA, size_bytes=1000).parts == 100
    with pytest.raises(TooLargeError) as refused:
        begin(direct, DATA, size_bytes=1001)
    assert refused.value.data["max_bytes"] == 1000


def test_a_type_that_is_not_allowed(direct: House) -> None:
    direct.configure(allowed_content_types=["image/*"])
    with pytest.raises(BadTypeError):
        begin(direct, DATA, content_type="text/plain")
    with pytest.raises(BadTypeError):
        begin(direct, DATA, filename="a.txt")
    assert begin(direct, PNG, content_type="image/png").parts == 4


def test_a_store_that_takes_no_parts(direct: House) -> None:
    assert begin(direct, DATA)
    for values in ({"backend": "filesystem"}, {"backend": "direct", "direct_open": False}):
        direct.configure(**values)
        with pytest.raises(DirectUploadUnsupportedError):
            begin(direct, DATA)


def test_a_store_that_does_not_answer_at_the_beginning(direct: House) -> None:
    DirectBackend.failing["begin_parts"] = StorageBackendError("down")
    with pytest.raises(StorageBackendError):
        begin(direct, DATA)
    assert direct.count(DirectUpload) == 0


def test_numbers_of_parts(direct: House) -> None:
    upload = begin(direct, DATA)
    urls = direct.services.direct.urls(direct.uploader, upload.id, [4, 1, 4])
    assert [(each.number, each.size) for each in urls] == [(4, 5), (1, 10)]
    assert "seconds=900" in urls[0].url or "seconds=899" in urls[0].url
    for numbers in ([], [0], [5], [1, 5], range(1, 1002)):
        with pytest.raises(ValidationError):
            direct.services.direct.urls(direct.uploader, upload.id, numbers)
    send(direct, upload, DATA)
    complete(direct, upload)
    with pytest.raises(NotFoundError):
        direct.services.direct.urls(direct.uploader, upload.id, [1])


# --- what is refused at the end -----------------------------------------------------


def test_parts_that_are_missing_are_named_and_may_still_come(direct: House) -> None:
    upload = begin(direct, DATA)
    for each in direct.services.direct.urls(direct.uploader, upload.id, [1, 3]):
        assert DirectBackend.receive(each.url, bytes(each.size))
    with pytest.raises(PartsMissingError) as refused:
        complete(direct, upload)
    assert refused.value.data["missing"] == [2, 4]
    send(direct, upload, DATA)
    assert complete(direct, upload).size_bytes == 35


def test_a_part_of_another_size_is_missing(direct: House) -> None:
    upload = sent(direct, DATA)
    row = row_of(direct, upload.id)
    DirectBackend.begun[row.key, row.reference][2] = b"short"
    assert direct.services.direct.get(direct.uploader, upload.id).received == [1, 3, 4]
    with pytest.raises(PartsMissingError):
        complete(direct, upload)


def test_a_file_that_is_not_what_was_announced(direct: House) -> None:
    digest = hashlib.sha256(DATA).digest()
    assert complete(direct, sent(direct, DATA, sha256=digest)).checksum_sha256 == digest.hex()
    upload = sent(direct, DATA[::-1], sha256=digest)
    with pytest.raises(ChecksumMismatchError):
        complete(direct, upload)
    assert (direct.count(StoredFile), len(store()), DirectBackend.begun) == (1, 1, {})
    with pytest.raises(NotFoundError):
        complete(direct, upload)


def test_first_bytes_of_a_type_that_is_not_allowed(direct: House) -> None:
    direct.configure(allowed_content_types=["image/*"])
    upload = sent(direct, b"%PDF-1.7\n" + bytes(30), content_type="image/png")
    with pytest.raises(BadTypeError):
        complete(direct, upload)
    assert nothing_is_left(direct)
    assert complete(direct, sent(direct, PNG, content_type="image/png")).content_type == "image/png"


def test_the_limit_was_lowered_meanwhile(direct: House) -> None:
    upload = sent(direct, DATA)
    direct.configure(max_file_size_bytes=34)
    with pytest.raises(TooLargeError):
        complete(direct, upload)
    assert nothing_is_left(direct)


def test_what_is_refused_is_told_even_if_the_store_fails_to_forget_it(direct: House) -> None:
    upload = sent(direct, DATA)
    direct.configure(max_file_size_bytes=34)
    DirectBackend.failing["abort_parts"] = StorageBackendError("down")
    with pytest.raises(TooLargeError):
        complete(direct, upload)
    DirectBackend.failing.clear()
    age(direct, upload.id, expires_at=datetime.now(UTC) - LATER)
    assert direct.services.direct.clear_expired() == 1
    assert nothing_is_left(direct)


# --- elsewhere meanwhile --------------------------------------------------------------


def test_an_upload_ends_where_it_began(direct: House) -> None:
    upload = sent(direct, DATA)
    direct.configure(backend="filesystem")
    file = complete(direct, upload)
    assert (file.backend, store()) == ("direct", {file.key: DATA})
    with pytest.raises(DirectUploadUnsupportedError):
        begin(direct, DATA)


@pytest.mark.parametrize("values", [{"direct_room": "two"}, {"direct_open": False}])
def test_settings_that_change_meanwhile_change_nothing_about_it(direct: House, values: dict[str, object]) -> None:
    upload = begin(direct, DATA)
    direct.configure(**values)
    send(direct, upload, DATA)
    file = complete(direct, upload)
    assert (store("one"), store("two")) == ({file.key: DATA}, {})


def test_a_backend_that_is_gone_is_an_error_that_passes(direct: House) -> None:
    upload = sent(direct, DATA)
    direct.configure(backend="filesystem")
    classes = direct.registry._classes
    gone = classes.pop("direct")
    with pytest.raises(ConfigurationError):
        complete(direct, upload)
    classes["direct"] = gone
    assert complete(direct, upload).size_bytes == 35


def test_an_account_that_is_removed_leaves_its_upload_to_the_broom(direct: House) -> None:
    upload = sent(direct, DATA)
    direct.services.users.delete(direct.uploader.user_id)
    age(direct, upload.id, expires_at=datetime.now(UTC) - LATER)
    assert direct.services.direct.clear_expired() == 1
    assert nothing_is_left(direct)


# --- the end of it --------------------------------------------------------------------


def test_an_upload_that_is_thrown_away_is_gone(direct: House) -> None:
    upload = sent(direct, DATA)
    direct.services.direct.abort(direct.uploader, upload.id)
    assert nothing_is_left(direct)
    for ask in (
        lambda: direct.services.direct.get(direct.uploader, upload.id),
        lambda: direct.services.direct.urls(direct.uploader, upload.id, [1]),
        lambda: direct.services.direct.complete(direct.uploader, upload.id),
        lambda: direct.services.direct.abort(direct.uploader, upload.id),
    ):
        with pytest.raises(NotFoundError):
            ask()


def test_what_is_thrown_away_is_cleared_away_once_more(direct: House) -> None:
    upload = sent(direct, DATA)
    direct.services.direct.abort(direct.uploader, upload.id)
    assert direct.services.direct.clear_expired() == 0
    row = row_of(direct, upload.id)
    store()[row.key] = b"put together by somebody late"
    age(direct, upload.id, expires_at=datetime.now(UTC) - LATER)
    assert direct.services.direct.clear_expired() == 1
    assert (store(), direct.count(DirectUpload)) == ({}, 0)


@pytest.mark.parametrize("put_together", [False, True])
def test_what_is_not_completed_in_time_is_thrown_away(direct: House, put_together: bool) -> None:
    upload = sent(direct, DATA)
    row = row_of(direct, upload.id)
    if put_together:  # and then the process died
        backend = DirectBackend({"direct_room": "one"})
        backend.complete_parts(row.key, row.reference, backend.list_parts(row.key, row.reference))
        assert store() == {row.key: DATA}
    assert direct.services.direct.clear_expired() == 0
    age(direct, upload.id, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(NotFoundError):
        complete(direct, upload)
    assert direct.services.direct.clear_expired() == 1
    assert nothing_is_left(direct)


def test_what_was_completed_is_forgotten_in_time_and_its_file_stays(direct: House) -> None:
    upload = sent(direct, DATA)
    file = complete(direct, upload)
    age(direct, upload.id, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert complete(direct, upload) == file, "until it is forgotten, it is answered"
    assert direct.services.direct.clear_expired() == 1
    assert (direct.count(DirectUpload), store()) == (0, {file.key: DATA})


def test_a_store_that_is_down_keeps_nobody_else_waiting(direct: House) -> None:
    stuck, other = sent(direct, DATA), sent(direct, DATA)
    before = datetime.now(UTC)
    age(direct, stuck.id, expires_at=before - timedelta(hours=2), location={"direct_room": "two"})
    age(direct, other.id, expires_at=before - timedelta(hours=1))
    key = row_of(direct, stuck.id).key

    real = DirectBackend.abort_parts

    def abort(self: DirectBackend, of: str, upload: str) -> None:
        if of == key:
            raise StorageBackendError("down")
        real(self, of, upload)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DirectBackend, "abort_parts", abort)
        assert direct.services.direct.clear_expired() == 1
    assert row_of(direct, other.id).is_aborted
    assert row_of(direct, stuck.id).expires_at > before
    age(direct, stuck.id, expires_at=before)
    assert direct.services.direct.clear_expired() == 1
    assert nothing_is_left(direct)


def test_the_recovery_of_backends_knows_what_is_still_open(direct: House) -> None:
    upload = begin(direct, DATA)
    assert removals._is_known(row_of(direct, upload.id).key)
    assert not removals._is_known("0" * 32)


def test_nobody_begins_uploads_without_end(direct: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct_module, "MOST_OPEN", 2)
    first = begin(direct, DATA)
    begin(direct, DATA)
    with pytest.raises(RateLimitedError):
        begin(direct, DATA)
    direct.services.direct.abort(direct.uploader, first.id)
    begin(direct, DATA)


def test_nothing_is_completed_while_nobody_knows_which_types_are_allowed(direct: House) -> None:
    upload = sent(direct, DATA)
    direct.write(
        sa.text(
            "INSERT INTO setting (module, name, value, updated_at)"
            " VALUES ('file_storage', 'allowed_content_types', 'garbage', '2026-01-01 00:00:00')"
        )
    )
    with pytest.raises(ConfigurationError):
        complete(direct, upload)
    direct.configure(allowed_content_types=None)
    assert complete(direct, upload)
