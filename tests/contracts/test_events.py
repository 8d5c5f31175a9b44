"""Events are facts: they do not change, and whoever listens gets them."""

import dataclasses
from datetime import UTC
from uuid import uuid4

import pytest

from webapp.contracts.events import EVENT_TYPES, FileDeleted, FileRenamed, FileUploaded, SignedIn, signal_for


def uploaded() -> FileUploaded:
    return FileUploaded(
        file_id=uuid4(),
        key="k" * 32,
        filename="a.txt",
        content_type="text/plain",
        size_bytes=1,
        backend="filesystem",
        checksum_sha256="0" * 64,
    )


def test_a_file_and_its_key_are_enough() -> None:
    file_id = uuid4()
    deleted = FileDeleted(file_id=file_id, key="k" * 32)
    assert (deleted.file_id, deleted.key, deleted.filename, deleted.permanent) == (file_id, "k" * 32, "", False)
    stored = FileUploaded(file_id=file_id, key="k" * 32, backend="filesystem", size_bytes=1, uploaded_by="ada")
    assert (stored.backend, stored.size_bytes, stored.uploaded_by) == ("filesystem", 1, "ada")
    assert (stored.content_type, stored.checksum_sha256) == ("", "")


def test_an_event_cannot_be_changed() -> None:
    event = uploaded()
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.filename = "b.txt"  # type: ignore[misc]


def test_each_event_has_its_own_id_and_a_moment_in_utc() -> None:
    first, second = uploaded(), uploaded()
    assert first.event_id != second.event_id
    assert first.occurred_at.tzinfo is UTC


def test_events_are_made_by_name_only() -> None:
    with pytest.raises(TypeError):
        SignedIn("id", "name", "address")  # type: ignore[misc]


def test_each_kind_of_event_has_one_signal_of_its_own() -> None:
    signals = {signal_for(event_type) for event_type in EVENT_TYPES}
    assert len(signals) == len(EVENT_TYPES)
    assert signal_for(FileUploaded) is signal_for(FileUploaded)
    assert signal_for(FileUploaded) is not signal_for(FileDeleted)


def test_a_deletion_is_no_purge_unless_it_says_so() -> None:
    fields = {f.name: getattr(uploaded(), f.name) for f in dataclasses.fields(FileUploaded)}
    assert FileDeleted(**fields).permanent is False


def test_a_new_name_does_not_hide_the_one_before() -> None:
    fields = {f.name: getattr(uploaded(), f.name) for f in dataclasses.fields(FileUploaded)}
    event = FileRenamed(**{**fields, "filename": "b.txt"}, previous_filename="a.txt")
    assert (event.filename, event.previous_filename) == ("b.txt", "a.txt")
    with pytest.raises(TypeError):
        FileRenamed(**fields)
