"""With ``own``, other people's files do not exist: not in lists, not in counts, not by id."""

from uuid import uuid4

import pytest

from tests.support.app import House
from webapp.contracts.files import StoredFileOut
from webapp.services.access import Caller
from webapp.services.errors import NotFoundError
from webapp.services.listing import Listing


@pytest.fixture
def theirs(inside: House) -> StoredFileOut:
    inside.configure(file_visibility="own")
    return inside.upload(inside.uploader, name="theirs.txt")


def listed(house: House, caller: Caller, **wanted: object) -> tuple[list[str], int]:
    found = house.services.listing.list(caller, Listing(**wanted))  # type: ignore[arg-type]
    return [item.filename for item in found.items], found.total


def test_everybody_sees_everything_by_default(inside: House) -> None:
    out = inside.upload(inside.uploader)
    assert inside.services.files.get(inside.stranger, out.id) == out
    assert listed(inside, inside.stranger) == (["file.bin"], 1)


def test_other_peoples_files_cannot_be_shown_or_read(inside: House, theirs: StoredFileOut) -> None:
    for method in (inside.services.files.get, inside.services.files.locate):
        assert method(inside.uploader, theirs.id)
        assert method(inside.admin, theirs.id)
        with pytest.raises(NotFoundError):
            method(inside.stranger, theirs.id)


@pytest.mark.parametrize(
    "wanted", [{}, {"q": "theirs"}, {"q": "t"}, {"backend": "filesystem"}, {"uploaded_by": "uploader"}, {"min_size": 0}]
)
def test_other_peoples_files_are_neither_listed_nor_counted(
    inside: House, theirs: StoredFileOut, wanted: dict[str, object]
) -> None:
    assert listed(inside, inside.stranger, **wanted) == ([], 0)
    assert listed(inside, inside.uploader, **wanted) == (["theirs.txt"], 1)
    assert listed(inside, inside.admin, **wanted) == (["theirs.txt"], 1)


def test_other_peoples_files_cannot_be_trashed_or_restored(inside: House, theirs: StoredFileOut) -> None:
    files = inside.services.files
    with pytest.raises(NotFoundError):
        files.trash(inside.stranger, theirs.id)
    assert files.trash_many(inside.stranger, [theirs.id]) == []
    files.trash(inside.uploader, theirs.id)
    with pytest.raises(NotFoundError):
        files.restore(inside.stranger, theirs.id)
    assert files.restore_many(inside.stranger, [theirs.id]) == []
    assert listed(inside, inside.stranger, trash=True, sort="-deleted_at") == ([], 0)
    assert listed(inside, inside.uploader, trash=True, sort="-deleted_at") == (["theirs.txt"], 1)
    files.restore(inside.admin, theirs.id)


def test_the_answer_does_not_tell_theirs_from_unknown(inside: House, theirs: StoredFileOut) -> None:
    for method in (inside.services.files.get, inside.services.files.trash, inside.services.files.restore):
        errors = []
        for file_id in (theirs.id, uuid4()):
            with pytest.raises(NotFoundError) as refused:
                method(inside.stranger, file_id)
            errors.append((refused.value.code, refused.value.data))
        assert errors[0] == errors[1]


def test_the_setting_counts_from_the_next_request_on(inside: House, theirs: StoredFileOut) -> None:
    inside.configure(file_visibility="all")
    assert inside.services.files.get(inside.stranger, theirs.id)


def test_files_of_a_deleted_account_are_seen_by_admins_only(inside: House, theirs: StoredFileOut) -> None:
    inside.services.users.delete(inside.uploader.user_id)
    assert listed(inside, inside.admin) == (["theirs.txt"], 1)
    assert listed(inside, inside.stranger) == ([], 0)
    assert inside.services.files.get(inside.admin, theirs.id).uploaded_by_name == "uploader"


def test_a_new_account_of_the_same_name_inherits_nothing(inside: House, theirs: StoredFileOut) -> None:
    inside.services.users.delete(inside.uploader.user_id)
    inside.services.users.create("uploader", "a long password", "user")
    assert listed(inside, inside.uploader) == ([], 0)
