"""What is done to all that match is done to just these, a batch at a time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.app import House
from webapp.contracts.events import Event, FileDeleted, FilePurged, FileRestored
from webapp.contracts.files import StoredFileOut
from webapp.services.access import Permission
from webapp.services.errors import ForbiddenError
from webapp.services.listing import Listing

LATER = timedelta(seconds=5)


def soon() -> datetime:
    return datetime.now(UTC) + LATER


def fill(house: House, count: int = 7) -> list[StoredFileOut]:
    """Pictures of the uploader, and a text of a stranger."""
    made = [house.upload(house.uploader, b"x" * n, f"picture {n}.png", content_type="image/png") for n in range(count)]
    return [*made, house.upload(house.stranger, name="text.txt", content_type="text/plain")]


def names(house: House, *, trash: bool = False) -> list[str]:
    found = house.services.listing.list(house.admin, Listing(trash=trash, per_page=200, sort="name"))
    return [item.filename for item in found.items]


def until_done(step: Callable[[], int]) -> list[int]:
    done = []
    while not done or done[-1]:
        done.append(step())
        assert len(done) < 50, "it does not end"
    return done


def test_all_that_match_go_to_the_trash_in_batches(inside: House, heard: list[Event]) -> None:
    fill(inside)
    moment, upto = datetime.now(UTC), soon()
    wanted = Listing(families=("image",), per_page=2, page=3, sort="size")
    bulk = inside.services.bulk
    assert bulk.count(inside.admin, wanted, upto) == (7, True)
    assert until_done(lambda: bulk.trash(inside.admin, wanted, upto, moment, limit=3)) == [3, 3, 1, 0]
    assert names(inside) == ["text.txt"]
    assert len([event for event in heard if isinstance(event, FileDeleted)]) == 7
    inside.assert_consistent()
    assert bulk.count(inside.admin, wanted, upto) == (0, True)


FILTERS: list[dict[str, Any]] = [
    {"q": "picture"},
    {"q": "c"},
    {"content_type": "image/png"},
    {"family": "image"},
    {"uploaded_by": "uploader"},
    {"backends": ("filesystem",), "families": ("image", "video")},
    {"created_after": datetime(2000, 1, 1, tzinfo=UTC), "content_type": "image/"},
    {"max_size": 100, "q": "PICTURE"},
]


@pytest.mark.parametrize("wanted", FILTERS, ids=str)
def test_filters_are_those_of_the_list(inside: House, wanted: dict[str, Any]) -> None:
    fill(inside)
    bulk, upto = inside.services.bulk, soon()
    assert bulk.count(inside.admin, Listing(**wanted), upto) == (7, True)
    assert bulk.trash(inside.admin, Listing(**wanted), upto, datetime.now(UTC)) == 7
    assert names(inside) == ["text.txt"]
    assert bulk.restore(inside.admin, Listing(trash=True, **wanted), soon()) == 7
    inside.assert_consistent()


def test_what_came_after_the_look_is_spared(inside: House) -> None:
    made = fill(inside, 2)
    upto = made[-1].created_at
    inside.upload(inside.uploader, name="newcomer")
    assert inside.services.bulk.count(inside.admin, Listing(), upto) == (3, True)
    inside.services.bulk.trash(inside.admin, Listing(), upto, datetime.now(UTC))
    assert names(inside) == ["newcomer"]


def test_in_the_trash_it_is_the_deletion_that_must_not_be_later(inside: House) -> None:
    first, second, _ = fill(inside, 2)
    upto = datetime.now(UTC)
    inside.services.files.trash_many(inside.admin, [first.id], upto)
    inside.services.files.trash_many(inside.admin, [second.id], upto + timedelta(microseconds=1))
    assert inside.services.bulk.purge(inside.admin, Listing(trash=True), upto) == 1
    assert inside.services.bulk.restore(inside.admin, Listing(trash=True), upto) == 0
    assert names(inside, trash=True) == [second.filename]


def test_purging_takes_rows_and_bytes_of_the_trash_alone(inside: House, heard: list[Event]) -> None:
    made = fill(inside)
    inside.services.files.trash_many(inside.admin, [out.id for out in made[:5]])
    bulk = inside.services.bulk
    assert until_done(lambda: bulk.purge(inside.admin, Listing(trash=True), soon(), limit=2)) == [2, 2, 1, 0]
    assert len([event for event in heard if isinstance(event, FilePurged)]) == 5
    assert len(inside.on_disk()) == 3
    inside.assert_consistent()


def test_a_batch_is_brought_back_by_its_moment(inside: House, heard: list[Event]) -> None:
    made = fill(inside)
    bulk, moment = inside.services.bulk, datetime.now(UTC)
    inside.services.files.trash_many(inside.admin, [made[0].id])
    inside.services.files.trash_many(inside.stranger, [made[-1].id], moment)
    inside.services.files.trash_many(inside.admin, [made[1].id, made[2].id], moment)
    bulk.trash(inside.admin, Listing(q="picture 3"), soon(), moment)
    assert until_done(lambda: bulk.restore_batch(inside.admin, moment, limit=2)) == [2, 1, 0]
    assert names(inside, trash=True) == [made[0].filename, made[-1].filename]
    assert len([event for event in heard if isinstance(event, FileRestored)]) == 3
    inside.assert_consistent()


def test_other_peoples_files_are_spared_where_they_cannot_be_seen(inside: House) -> None:
    fill(inside)
    inside.configure(file_visibility="own")
    bulk, moment = inside.services.bulk, datetime.now(UTC)
    assert bulk.count(inside.stranger, Listing(), soon()) == (1, True)
    assert bulk.trash(inside.stranger, Listing(), soon(), moment) == 1
    assert bulk.trash(inside.stranger, Listing(uploaded_by="uploader"), soon(), moment) == 0
    assert len(names(inside)) == 7
    inside.services.files.trash_many(inside.admin, [inside.services.listing.list(inside.admin, Listing()).items[0].id])
    assert bulk.restore(inside.stranger, Listing(trash=True), soon()) == 1
    assert len(names(inside, trash=True)) == 1


def test_it_takes_the_permissions_of_the_single_action(inside: House) -> None:
    bulk, now = inside.services.bulk, datetime.now(UTC)
    reader = inside.caller("admin", Permission.DOWNLOAD)
    for refused in (
        lambda: bulk.trash(reader, Listing(), now, now),
        lambda: bulk.restore(reader, Listing(trash=True), now),
        lambda: bulk.restore_batch(reader, now),
        lambda: bulk.purge(inside.uploader, Listing(trash=True), now),
        lambda: bulk.count(reader, Listing(trash=True), now),
        lambda: bulk.count(inside.caller("admin", Permission.UPLOAD), Listing(), now),
    ):
        with pytest.raises(ForbiddenError):
            refused()


def test_two_that_do_the_same_at_once_do_each_file_once(house: House) -> None:
    with house.app.app_context():
        fill(house, 20)
    admin, moment, upto = house.admin, datetime.now(UTC), soon()
    with house.app.app_context():
        bulk = house.services.bulk
    done = house.together(*[lambda: bulk.trash(admin, Listing(q="picture"), upto, moment, limit=15)] * 4)
    assert sum(done) == len(names_of_trash(house)) <= 20
    assert house.tallies() == house.counted()
    gone = house.together(*[lambda: bulk.purge(admin, Listing(trash=True), upto)] * 3)
    assert sum(gone) == sum(done)
    house.assert_consistent()


def names_of_trash(house: House) -> list[str]:
    with house.app.app_context():
        return names(house, trash=True)
