"""Checks of uploads that go straight to the store, past Stowage."""

import hashlib
from collections.abc import Iterator

import pytest

from tests.backends.fakes import DirectBackend
from tests.support.app import House
from tests.support.checks import INFECTED, Announced, Watching
from tests.support.direct import begin, complete, row_of, sent, store, taking_parts
from webapp.contracts.checks import UploadRefusedError
from webapp.contracts.errors import StorageBackendError
from webapp.contracts.events import Event, FileUploaded
from webapp.models import DirectUpload, PendingChecksum, StoredFile
from webapp.services.errors import (
    CheckFailedError,
    ChecksumMismatchError,
    DirectUploadUnsupportedError,
    NotFoundError,
)

SHORT = bytes(range(35))
LONG = bytes(range(95))


@pytest.fixture
def direct(inside: House) -> Iterator[House]:
    with taking_parts(inside):
        yield inside


def test_where_a_check_does_not_know_of_that_way_files_come_through_stowage(direct: House) -> None:
    assert direct.services.checks.allow_direct
    direct.services.checks.add("clever", Announced())
    assert direct.services.checks.allow_direct
    direct.services.checks.add("simple", Watching())
    with pytest.raises(DirectUploadUnsupportedError):
        begin(direct, SHORT)
    assert direct.services.direct.client_origin(direct.uploader.settings) is None
    assert (direct.count(DirectUpload), DirectBackend.begun) == (0, {})


def test_what_is_refused_when_it_is_announced_need_not_be_sent(direct: House) -> None:
    check = Announced(announce=INFECTED)
    direct.services.checks.add("antivirus", check)
    with pytest.raises(UploadRefusedError) as caught:
        begin(direct, LONG, filename="../a.exe", content_type="application/x-thing")
    assert (caught.value.plugin, caught.value.reason) == ("antivirus", "infected")
    [info] = check.infos
    assert (info.filename, info.content_type, info.size, info.head) == ("a.exe", "application/x-thing", 95, b"")
    assert (info.username, check.closed) == ("uploader", 0)
    assert (direct.count(DirectUpload), DirectBackend.begun) == (0, {})


def test_what_cannot_be_checked_when_it_is_announced_is_not_begun(direct: House) -> None:
    direct.services.checks.add("antivirus", Announced(announce=ValueError("a bug")))
    with pytest.raises(CheckFailedError):
        begin(direct, LONG)
    assert (direct.count(DirectUpload), DirectBackend.begun) == (0, {})


@pytest.mark.parametrize("data", [SHORT, LONG])
def test_its_bytes_are_read_from_the_store_before_it_is_a_file(direct: House, data: bytes, heard: list[Event]) -> None:
    check = Announced({"clean": True})
    direct.services.checks.add("antivirus", check)
    upload = sent(direct, data)
    assert check.seen == b""
    file = complete(direct, upload)
    assert check.seen == data
    assert check.infos[1].head == data
    assert check.ends == [(len(data), hashlib.sha256(data).hexdigest())]
    assert file.annotations == {"antivirus": {"clean": True}}
    assert file.checksum_sha256 == hashlib.sha256(data).hexdigest(), "read once is enough"
    assert direct.count(PendingChecksum) == 0
    assert direct.services.files.get(direct.uploader, file.id) == file
    assert complete(direct, upload) == file
    assert len(check.ends) == 1
    assert [type(event) for event in heard] == [FileUploaded]


def test_a_check_that_does_not_want_them_costs_no_reading(direct: House) -> None:
    class Named:
        def announce(self, info: object) -> None: ...

        def begin(self, info: object) -> dict[str, str]:
            return {"class": "internal"}

    direct.services.checks.add("policy", Named())
    file = complete(direct, sent(direct, LONG))
    assert (file.annotations, file.checksum_sha256) == ({"policy": {"class": "internal"}}, "")
    assert direct.count(PendingChecksum) == 1


@pytest.mark.parametrize("where", ["begin", "feed", "finish"])
def test_what_is_refused_when_it_is_completed_is_thrown_away(direct: House, where: str, heard: list[Event]) -> None:
    check = Announced()
    direct.services.checks.add("antivirus", check)
    upload = sent(direct, LONG)
    check.raising[where] = INFECTED
    with pytest.raises(UploadRefusedError):
        complete(direct, upload)
    assert (direct.count(StoredFile), store(), DirectBackend.begun, heard) == (0, {}, {}, [])
    assert row_of(direct, upload.id).is_aborted
    check.raising.clear()
    with pytest.raises(NotFoundError):
        complete(direct, upload)


def test_when_it_cannot_be_checked_completing_again_goes_on(direct: House) -> None:
    check = Announced({"clean": True}, finish=ValueError("a bug"))
    direct.services.checks.add("antivirus", check)
    upload = sent(direct, LONG)
    with pytest.raises(CheckFailedError):
        complete(direct, upload)
    assert direct.count(StoredFile) == 0
    check.raising.clear()
    check.seen = b""
    assert complete(direct, upload).annotations == {"antivirus": {"clean": True}}


def test_an_upload_that_was_begun_before_there_was_a_check_is_checked_too(direct: House) -> None:
    upload = sent(direct, LONG)
    check = Watching(finish=INFECTED)
    direct.services.checks.add("antivirus", check)
    with pytest.raises(UploadRefusedError):
        complete(direct, upload)
    assert check.seen == LONG
    assert (direct.count(StoredFile), store()) == (0, {})


def test_a_file_that_is_not_what_was_announced_is_not_judged(direct: House) -> None:
    check = Announced()
    direct.services.checks.add("antivirus", check)
    upload = sent(direct, LONG, sha256=bytes(32))
    with pytest.raises(ChecksumMismatchError):
        complete(direct, upload)
    assert (check.ends, check.closed, store()) == ([], 1, {})


def test_a_store_that_loses_bytes_is_not_believed(direct: House, monkeypatch: pytest.MonkeyPatch) -> None:
    direct.services.checks.add("antivirus", Announced())
    upload = sent(direct, LONG)
    whole = DirectBackend.get

    def short(self: DirectBackend, key: str, *, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        return whole(self, key, start=start, length=90 if length is None else length)

    monkeypatch.setattr(DirectBackend, "get", short)
    with pytest.raises(StorageBackendError):
        complete(direct, upload)
    assert direct.count(StoredFile) == 0


def test_the_answer_to_an_announcement_is_not_kept(direct: House) -> None:
    class Odd(Announced):
        def announce(self, info: object) -> dict[str, str]:  # type: ignore[override]
            return {"a": "b"}

    direct.services.checks.add("odd", Odd())
    assert complete(direct, sent(direct, SHORT)).annotations == {}
