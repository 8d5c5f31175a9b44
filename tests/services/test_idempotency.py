"""An upload that is sent again with its key answers with the first result."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from tests.db.test_shared_commits import behind_one
from tests.support.app import House, incoming
from webapp import db
from webapp.contracts.events import Event
from webapp.db import table
from webapp.models import IdempotencyKey, StoredFile
from webapp.services.access import Caller
from webapp.services.errors import ChecksumMismatchError, CutUploadError, TooLargeError, ValidationError
from webapp.services.upkeep import forget_expired
from webapp.services.uploads import Uploaded


def upload(house: House, caller: Caller, data: bytes = b"hello", key: str = "k1", **options: object) -> Uploaded:
    return house.services.uploads.upload(caller, incoming(data, idempotency_key=key, **options))


def test_the_second_answer_is_the_first(inside: House, heard: list[Event]) -> None:
    caller = inside.uploader
    first = upload(inside, caller, name="straße.txt")
    second = upload(inside, caller, name="other.txt")
    assert second.file == first.file
    assert (first.replayed, second.replayed) == (False, True)
    assert inside.count(StoredFile) == 1
    assert len(heard) == 1
    inside.assert_consistent()


def test_another_key_is_another_file(inside: House) -> None:
    caller = inside.uploader
    assert upload(inside, caller, key="k1").file.id != upload(inside, caller, key="k2").file.id


def test_keys_of_other_people_do_not_matter(inside: House) -> None:
    assert not upload(inside, inside.uploader).replayed
    assert not upload(inside, inside.stranger, b"something else").replayed


def test_other_content_under_the_same_key_is_refused(inside: House) -> None:
    caller = inside.uploader
    upload(inside, caller, b"hello")
    with pytest.raises(ValidationError) as refused:
        upload(inside, caller, b"hellO")
    assert refused.value.errors == {"Idempotency-Key": "key_reused"}
    inside.assert_consistent()


def test_a_failed_upload_does_not_use_up_its_key(inside: House) -> None:
    caller = inside.uploader
    with pytest.raises(ChecksumMismatchError):
        upload(inside, caller, sha256=b"0" * 32)
    assert not upload(inside, caller).replayed


def test_a_repetition_that_is_cut_is_cut(inside: House) -> None:
    caller = inside.uploader
    upload(inside, caller)

    def cut() -> object:
        yield b"hel"
        raise CutUploadError("gone")

    with pytest.raises(CutUploadError):
        upload(inside, caller, cut())  # type: ignore[arg-type]


def test_a_repetition_over_the_limit_is_refused(inside: House) -> None:
    upload(inside, inside.uploader)
    inside.configure(max_file_size_bytes=10)
    with pytest.raises(TooLargeError):
        upload(inside, inside.uploader, b"x" * 11)


def test_keys_are_forgotten_after_a_day(inside: House) -> None:
    caller = inside.uploader
    upload(inside, caller)
    keys = table(IdempotencyKey)
    inside.write(sa.update(keys).values(created_at=datetime.now(UTC) - timedelta(hours=23)))
    forget_expired()
    assert upload(inside, caller).replayed
    inside.write(sa.update(keys).values(created_at=datetime.now(UTC) - timedelta(hours=25)))
    assert forget_expired() == 1
    assert not upload(inside, caller).replayed


def test_the_same_upload_sent_at_once_is_stored_once(inside: House) -> None:
    caller = inside.uploader
    outcomes = inside.together(*[lambda: upload(inside, caller)] * 8)
    assert [outcome for outcome in outcomes if not isinstance(outcome, Uploaded)] == []
    assert sorted(outcome.replayed for outcome in outcomes) == [False] + [True] * 7
    assert len({outcome.file.id for outcome in outcomes}) == 1
    assert inside.count(StoredFile) == 1
    inside.assert_consistent()


def test_other_content_sent_at_once_under_one_key_is_refused_for_all_but_one(inside: House) -> None:
    caller = inside.uploader
    calls = [lambda n=n: upload(inside, caller, f"content {n}".encode()) for n in range(6)]
    outcomes = inside.together(*calls)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Uploaded"] + ["ValidationError"] * 5
    inside.assert_consistent()


def test_the_loser_of_a_shared_commit_waits_for_the_winner(sqlite_house: House) -> None:
    """Both meet in one batch, so the winner's row is not committed yet when the loser looks for it."""
    house, caller = sqlite_house, sqlite_house.uploader
    slow: list[Callable[[], object]] = [_write_slowly] * 3
    calls = [lambda: upload(house, caller)] * 3
    outcomes = behind_one(house, calls[0], slow[0], calls[1], slow[1], calls[2], slow[2])
    uploads = [outcomes[0], outcomes[2], outcomes[4]]
    assert [outcome for outcome in uploads if not isinstance(outcome, Uploaded)] == []
    assert sorted(outcome.replayed for outcome in uploads) == [False, True, True]  # type: ignore[attr-defined]
    house.assert_consistent()


def _write_slowly() -> None:
    with db.transaction() as tx:
        tx.execute(sa.text("SELECT 1"))
        time.sleep(0.15)


def test_a_retry_does_not_promise_a_file_that_is_gone(inside: House) -> None:
    caller = inside.uploader
    first = inside.services.uploads.upload(caller, incoming(idempotency_key="gone")).file
    inside.services.files.purge(inside.admin, first.id)
    again = inside.services.uploads.upload(caller, incoming(idempotency_key="gone"))
    assert not again.replayed
    assert inside.services.files.get(caller, again.file.id).checksum_sha256 == first.checksum_sha256
