"""What happened to a file, for whoever can see it."""

from uuid import uuid4

import pytest

from tests.support.app import House
from webapp.services.errors import ForbiddenError, NotFoundError


def history(house: House, name: str, file_id: object, *scopes: str, limit: int = 20) -> list[tuple[str, str | None]]:
    found = house.services.activity.of_file(house.caller(name, *scopes), file_id, limit)  # type: ignore[arg-type]
    return [(event.name, event.actor_name) for event in found]


def test_a_file_has_its_history_and_no_other_files(inside: House) -> None:
    out, _ = inside.upload(), inside.upload()
    inside.services.files.rename(inside.stranger, out.id, "new name")
    told = [("FileRenamed", "stranger"), ("FileUploaded", "uploader")]
    assert history(inside, "uploader", out.id) == told
    assert history(inside, "stranger", out.id) == told
    assert history(inside, "admin", out.id, limit=1) == told[:1]


def test_a_trashed_file_has_one_for_those_who_see_the_trash(inside: House) -> None:
    out = inside.upload()
    inside.services.files.trash(inside.admin, out.id)
    assert history(inside, "uploader", out.id) == [("FileDeleted", "admin"), ("FileUploaded", "uploader")]
    assert history(inside, "uploader", out.id, "file_storage.delete")
    with pytest.raises(ForbiddenError):
        history(inside, "uploader", out.id, "file_storage.download")


def test_a_live_file_has_one_for_those_who_see_files(inside: House) -> None:
    out = inside.upload()
    assert history(inside, "uploader", out.id, "file_storage.download")
    with pytest.raises(ForbiddenError):
        history(inside, "uploader", out.id, "file_storage.upload")


def test_other_peoples_files_have_none_where_they_do_not_exist(inside: House) -> None:
    inside.configure(file_visibility="own")
    out = inside.upload()
    for _ in ("live", "trashed"):
        assert history(inside, "uploader", out.id)
        assert history(inside, "admin", out.id)
        with pytest.raises(NotFoundError):
            history(inside, "stranger", out.id)
        inside.services.files.trash_many(inside.uploader, [out.id])


def test_what_is_gone_or_never_was_has_none(inside: House) -> None:
    out = inside.upload()
    inside.services.files.purge(inside.admin, out.id)
    for file_id in (out.id, uuid4(), inside.uploader.user_id):
        with pytest.raises(NotFoundError):
            history(inside, "admin", file_id)
