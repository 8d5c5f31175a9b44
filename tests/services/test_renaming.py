"""A file can be given another name; everything else about it stays."""

from dataclasses import replace
from uuid import uuid4

import pytest
import sqlalchemy as sa

from tests.support.app import House
from webapp.contracts.events import Event, FileRenamed, FileUploaded
from webapp.db import table
from webapp.models import StoredFile
from webapp.services.errors import ForbiddenError, NotFoundError, ValidationError
from webapp.services.listing import Listing

rows = table(StoredFile)


def found(house: House, q: str, sort: str = "name") -> list[str]:
    page = house.services.listing.list(house.admin, Listing(q=q, sort=sort))
    return [item.filename for item in page.items]


def test_a_file_has_its_new_name_and_nothing_else_is_new(inside: House) -> None:
    out = inside.upload(name="before.txt", data=b"hello")
    renamed = inside.services.files.rename(inside.uploader, out.id, "after.html")
    assert renamed == replace(out, filename="after.html")
    assert inside.services.files.get(inside.uploader, out.id) == renamed
    inside.assert_consistent()


def test_who_renamed_it_is_kept_in_the_row(inside: House) -> None:
    out = inside.upload()
    inside.services.files.rename(inside.stranger, out.id, "new.bin")
    [row] = inside.query(sa.select(rows))
    assert row.updated_by == inside.stranger.user_id
    assert row.created_by == inside.uploader.user_id
    assert row.updated_at > row.created_at


def test_the_event_tells_both_names_and_who_did_it(inside: House, heard: list[Event]) -> None:
    out = inside.upload(name="before.txt")
    inside.services.files.rename(inside.stranger, out.id, "after.txt")
    uploaded, renamed = heard
    assert isinstance(uploaded, FileUploaded)
    assert isinstance(renamed, FileRenamed)
    assert (renamed.filename, renamed.previous_filename) == ("after.txt", "before.txt")
    assert (renamed.file_id, renamed.key, renamed.uploaded_by) == (out.id, out.key, out.uploaded_by)
    assert (renamed.actor_name, renamed.request_id) == ("stranger", "test")


def test_the_same_name_is_no_news(inside: House, heard: list[Event]) -> None:
    out = inside.upload(name="a.txt")
    assert inside.services.files.rename(inside.uploader, out.id, "some/path/a.txt") == out
    assert not [event for event in heard if isinstance(event, FileRenamed)]


def test_another_case_is_another_name(inside: House) -> None:
    out = inside.upload(name="a.txt")
    assert inside.services.files.rename(inside.uploader, out.id, "A.txt").filename == "A.txt"


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        ("dir/sub\\name.txt", "name.txt"),
        ("two\nlines\x00.txt", "two_lines_.txt"),
        ("a\ud800.txt", "a?.txt"),
        ("\u202egnp.exe", "\u202egnp.exe"),
        ("<b>&'\".txt", "<b>&'\".txt"),
        ("𝄞" * 300 + ".txt", "𝄞" * 251 + ".txt"),
        ("unnamed", "unnamed"),
        ("dir/unnamed", "unnamed"),
    ],
)
def test_names_are_cleaned_as_at_an_upload(inside: House, wanted: str, kept: str) -> None:
    out = inside.upload()
    assert inside.services.files.rename(inside.uploader, out.id, wanted).filename == kept
    assert inside.upload(name=wanted).filename == kept
    assert inside.services.files.get(inside.uploader, out.id).filename == kept


@pytest.mark.parametrize("nothing", ["", "   ", ".", "..", "/", "dir/..", "\\\\"])
def test_a_name_of_nothing_is_refused(inside: House, nothing: str) -> None:
    out = inside.upload(name="kept.txt")
    with pytest.raises(ValidationError) as refused:
        inside.services.files.rename(inside.uploader, out.id, nothing)
    assert refused.value.errors == {"filename": "required"}
    assert inside.services.files.get(inside.uploader, out.id).filename == "kept.txt"


def test_search_and_order_follow_the_new_name(inside: House) -> None:
    renamed = inside.upload(name="Zebra.txt")
    inside.upload(name="mule.txt")
    inside.services.files.rename(inside.uploader, renamed.id, "STRASSE ärgerlich.txt")
    assert found(inside, "zebra") == []
    assert found(inside, "straße") == ["STRASSE ärgerlich.txt"]
    inside.services.files.rename(inside.uploader, renamed.id, "aardvark.txt")
    assert found(inside, "") == ["aardvark.txt", "mule.txt"]


def test_the_trigram_index_follows_too(sqlite_house: House) -> None:
    with sqlite_house.app.app_context():
        out = sqlite_house.upload(name="zebra.txt")
        sqlite_house.services.files.rename(sqlite_house.uploader, out.id, "giraffe.txt")
    match = sa.text("SELECT rowid FROM file_storage_name_search WHERE file_storage_name_search MATCH :part")
    assert sqlite_house.query(match.bindparams(part='"zeb"')) == []
    assert len(sqlite_house.query(match.bindparams(part='"gir"'))) == 1


def test_only_live_files_that_one_sees_are_renamed(inside: House, heard: list[Event]) -> None:
    inside.configure(file_visibility="own")
    out, trashed = inside.upload(), inside.upload()
    inside.services.files.trash(inside.uploader, trashed.id)
    for who, file_id in ((inside.stranger, out.id), (inside.uploader, trashed.id), (inside.uploader, uuid4())):
        with pytest.raises(NotFoundError):
            inside.services.files.rename(who, file_id, "new.txt")
    assert inside.services.files.rename(inside.admin, out.id, "new.txt")
    assert len([event for event in heard if isinstance(event, FileRenamed)]) == 1


def test_naming_takes_the_permission_to_upload(inside: House) -> None:
    out = inside.upload()
    with pytest.raises(ForbiddenError):
        inside.services.files.rename(inside.caller("uploader", "file_storage.download"), out.id, "new.txt")


def test_of_parallel_renamings_each_tells_the_name_before(house: House, heard: list[Event]) -> None:
    out = house.upload(name="start")
    who, rename = house.uploader, house.services.files.rename
    house.together(*(lambda n=n: rename(who, out.id, f"name {n}") for n in range(6)))
    told = {event.previous_filename: event.filename for event in heard if isinstance(event, FileRenamed)}
    name = "start"
    for _ in range(6):
        name = told.pop(name)
    assert not told
    with house.app.app_context():
        assert house.services.files.get(who, out.id).filename == name
