"""Thumbnails are made once, kept beside their file, seen by those who see it, and gone with it."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from tests.backends.fakes import MemoryBackend
from tests.support.app import House
from tests.support.images import corners, opened, picture
from webapp.contracts.errors import StorageBackendError, StorageError, StorageFullError
from webapp.contracts.files import StoredFileOut
from webapp.db import table
from webapp.models import PendingRemoval, StoredFile, Thumbnail
from webapp.services import images, removals, thumbnails
from webapp.services.access import Caller
from webapp.services.errors import ForbiddenError, NotFoundError, RateLimitedError
from webapp.services.filters import Listing
from webapp.services.images import Slot, Small
from webapp.services.thumbnails import WIDTHS

rows = table(Thumbnail)
UPRIGHT = ["red", "green", "blue", "white"]


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The width of each image that is decoded."""
    widths: list[int] = []
    kept = Slot.shrink

    def shrink(self: Slot, file: object, width: int) -> Small:
        widths.append(width)
        return kept(self, file, width)  # type: ignore[arg-type]

    monkeypatch.setattr(Slot, "shrink", shrink)
    return widths


def read(house: House, out: StoredFileOut, width: int = 64, caller: Caller | None = None) -> bytes | None:
    service = house.services.thumbnails
    return service.read(service.find(caller or house.uploader, out.id, width))


def photo(house: House, **options: object) -> StoredFileOut:
    return house.upload(data=picture(), name="photo.png", **options)


def kept(house: House) -> dict[int, str | None]:
    """The keys of all thumbnails by their width."""
    return {row.width: row.key for row in house.query(sa.select(rows))}


def test_it_is_made_once_and_kept_beside_the_file(inside: House, decoded: list[int]) -> None:
    out = photo(inside)
    first = read(inside, out)
    assert first
    assert corners(first) == UPRIGHT
    assert read(inside, out) == first
    assert decoded == [64]
    assert len(inside.on_disk()) == 2
    inside.assert_consistent()


def test_each_width_is_one_of_its_own(inside: House, decoded: list[int]) -> None:
    out = inside.upload(data=picture((2000, 1000)), name="a.png")
    sizes = [opened(read(inside, out, width) or b"").size for width in WIDTHS]
    assert sizes == [(64, 64), (128, 128), (640, 320), (1280, 640)]
    assert decoded == list(WIDTHS)
    assert set(kept(inside)) == set(WIDTHS)
    inside.assert_consistent()


def test_other_widths_do_not_exist(inside: House, decoded: list[int]) -> None:
    out = photo(inside)
    for width in (0, 1, 63, 65, 100_000, -64):
        with pytest.raises(NotFoundError):
            read(inside, out, width)
    assert not decoded


def test_the_size_of_the_original_is_remembered(inside: House) -> None:
    out = photo(inside)
    assert inside.services.thumbnails.original_size(out.id) is None
    read(inside, out)
    assert inside.services.thumbnails.original_size(out.id) == (300, 200)


def test_a_broken_image_is_tried_once(inside: House, decoded: list[int]) -> None:
    out = inside.upload(data=picture()[:100], name="a.png")
    whole = photo(inside)
    assert [read(inside, out) for _ in range(3)] == [None] * 3
    assert decoded == [64]
    assert kept(inside) == {64: None}
    assert inside.services.thumbnails.original_size(out.id) is None
    read(inside, whole, 128)
    assert inside.services.thumbnails.without([out.id, whole.id, uuid4()]) == {out.id}
    assert inside.services.thumbnails.without([]) == set()
    inside.assert_consistent()


def test_what_is_no_image_is_not_opened(inside: House, decoded: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, content_type in (("a.txt", None), ("a.svg", "image/svg+xml"), ("a.heic", "image/heic"), ("a.ps", None)):
        assert read(inside, inside.upload(name=name, content_type=content_type)) is None
    assert read(inside, inside.upload(data=b"", name="empty.png")) is None
    monkeypatch.setattr(thumbnails, "MOST_BYTES", 100)
    assert read(inside, photo(inside)) is None
    assert not decoded
    assert not kept(inside)


def test_it_is_seen_by_those_who_see_the_file(inside: House) -> None:
    out = photo(inside)
    assert read(inside, out, caller=inside.stranger)
    inside.configure(file_visibility="own")
    with pytest.raises(NotFoundError):
        read(inside, out, caller=inside.stranger)
    assert read(inside, out, caller=inside.admin)
    assert read(inside, out)
    with pytest.raises(ForbiddenError):
        read(inside, out, caller=inside.caller("admin", "file_storage.upload"))
    with pytest.raises(NotFoundError):
        inside.services.thumbnails.find(inside.admin, UUID(int=1), 64)


def test_in_the_trash_it_is_seen_by_those_who_may_look_there(inside: House) -> None:
    out = photo(inside)
    read(inside, out)
    inside.services.files.trash(inside.uploader, out.id)
    assert read(inside, out)
    with pytest.raises(NotFoundError):
        read(inside, out, caller=inside.caller("uploader", "file_storage.download"))
    inside.services.files.restore(inside.uploader, out.id)
    assert read(inside, out, caller=inside.caller("uploader", "file_storage.download"))
    inside.assert_consistent()


def test_a_purge_takes_the_thumbnails_along(inside: House) -> None:
    out, other = photo(inside), photo(inside)
    for width in WIDTHS:
        read(inside, out, width)
    read(inside, other)
    inside.services.files.purge(inside.admin, out.id)
    assert inside.count(Thumbnail) == 1
    assert inside.count(PendingRemoval) == 0
    assert len(inside.on_disk()) == 2
    inside.assert_consistent()


def test_the_end_of_the_trash_takes_them_along(inside: House) -> None:
    outs = [photo(inside), inside.upload(data=picture()[:99], name="broken.png"), inside.upload()]
    for out in outs:
        read(inside, out)
        inside.services.files.trash(inside.uploader, out.id)
    inside.write(sa.update(table(StoredFile)).values(deleted_at=datetime.now(UTC) - timedelta(days=400)))
    assert inside.services.removals.purge_expired() == 3
    assert inside.count(Thumbnail) == 0
    assert not inside.on_disk()


def test_emptying_the_trash_takes_them_along(inside: House) -> None:
    outs = [photo(inside) for _ in range(3)]
    for out in outs:
        read(inside, out)
    inside.services.files.trash_many(inside.uploader, [out.id for out in outs[:2]])
    assert inside.services.bulk.purge(inside.admin, Listing(trash=True), datetime.now(UTC)) == 2
    assert inside.count(Thumbnail) == 1
    assert len(inside.on_disk()) == 2
    inside.assert_consistent()


def test_bytes_that_cannot_be_removed_now_go_later(memory: House) -> None:
    out = photo(memory)
    read(memory, out)
    MemoryBackend.failing["delete"] = StorageBackendError("down")
    memory.services.files.purge(memory.admin, out.id)
    assert len(MemoryBackend.rooms["one"]) == memory.count(PendingRemoval) == 2
    MemoryBackend.failing.clear()
    memory.write(sa.update(table(PendingRemoval)).values(due_at=datetime.now(UTC) - timedelta(minutes=1)))
    assert memory.services.removals.retry() == 2
    assert not MemoryBackend.rooms["one"]


def test_it_is_where_the_file_is_though_new_files_go_elsewhere(memory: House) -> None:
    out = photo(memory)
    memory.configure(memory_room="two")
    assert corners(read(memory, out) or b"") == UPRIGHT
    assert len(MemoryBackend.rooms["one"]) == 2
    assert not MemoryBackend.rooms.get("two")
    memory.services.files.purge(memory.admin, out.id)
    assert not MemoryBackend.rooms["one"]


def test_a_backend_that_is_down_is_no_broken_image(memory: House) -> None:
    out = photo(memory)
    MemoryBackend.failing["get"] = StorageBackendError("down")
    with pytest.raises(StorageError):
        read(memory, out)
    MemoryBackend.failing.clear()
    assert not kept(memory)
    assert read(memory, out)


def test_a_thumbnail_that_cannot_be_kept_is_seen_all_the_same(memory: House, decoded: list[int]) -> None:
    out, broken = photo(memory), memory.upload(data=b"no image", name="a.png")
    for method in ("put", "put_end"):
        MemoryBackend.failing[method] = StorageFullError("no space left")
        assert corners(read(memory, out) or b"") == UPRIGHT
    assert not kept(memory)
    assert len(MemoryBackend.rooms["one"]) == 2
    assert decoded == [64, 64]
    assert read(memory, broken) is None
    MemoryBackend.failing.clear()
    assert read(memory, out)
    assert len(kept(memory)) == 1


def test_bytes_of_the_file_that_are_gone_are_told_to_somebody(inside: House) -> None:
    out = photo(inside)
    (inside.uploads / out.key[:2] / out.key).unlink()
    with pytest.raises(StorageBackendError):
        read(inside, out)
    assert not kept(inside)


def test_bytes_of_the_thumbnail_that_are_gone_are_made_again(inside: House, decoded: list[int]) -> None:
    out = photo(inside)
    first = read(inside, out)
    key = str(kept(inside)[64])
    (inside.uploads / key[:2] / key).unlink()
    assert read(inside, out) == first
    assert decoded == [64, 64]
    assert kept(inside)[64] != key
    inside.assert_consistent()


def test_many_who_want_the_same_get_it_made_once(house: House, decoded: list[int]) -> None:
    with house.app.app_context():
        out = photo(house)
    found = house.together(*[lambda: read(house, out)] * 8)
    assert len(set(found)) == 1
    assert corners(found[0]) == UPRIGHT
    assert decoded == [64]
    house.assert_consistent()


def test_of_two_processes_the_second_throws_its_own_away(inside: House, decoded: list[int]) -> None:
    """Another service stands for another process: they share the database and the backend only."""
    out = photo(inside)
    service = thumbnails.ThumbnailService(inside.services.settings)
    wanted = service.find(inside.uploader, out.id, 64)
    during(inside, service, lambda: read(inside, out))
    assert corners(service.read(wanted) or b"") == UPRIGHT
    assert decoded == [64, 64]
    service.close()
    assert inside.count(Thumbnail) == 1
    inside.assert_consistent()


def test_a_file_that_is_purged_while_its_thumbnail_is_made_leaves_nothing(inside: House) -> None:
    out = photo(inside)
    service = inside.services.thumbnails
    wanted = service.find(inside.uploader, out.id, 64)
    during(inside, service, lambda: inside.services.files.purge(inside.admin, out.id))
    with pytest.raises(NotFoundError):
        service.read(wanted)
    assert inside.count(Thumbnail) == 0
    assert not inside.on_disk()


def test_a_row_that_cannot_be_written_leaves_no_bytes(inside: House, monkeypatch: pytest.MonkeyPatch) -> None:
    out = photo(inside)

    def fail(*_: object) -> bool:
        raise RuntimeError("injected")

    with monkeypatch.context() as patch:
        patch.setattr(thumbnails, "_write_down", fail)
        with pytest.raises(RuntimeError, match="injected"):
            read(inside, out)
    inside.assert_consistent()
    assert len(inside.on_disk()) == 1


def test_a_crash_before_the_row_leaves_what_recovery_clears(inside: House, monkeypatch: pytest.MonkeyPatch) -> None:
    out = photo(inside)
    read(inside, out)
    key = str(kept(inside)[64])
    incoming = inside.uploads / ".incoming"
    (incoming / key).hardlink_to(inside.uploads / key[:2] / key)  # a crash after the row, before it was settled
    dead = "0123456789abcdef0123456789abcdef"
    (inside.uploads / dead[:2]).mkdir(exist_ok=True)
    (incoming / dead).write_bytes(b"RIFF")  # a crash before the row
    (inside.uploads / dead[:2] / dead).hardlink_to(incoming / dead)
    assert inside.services.removals.recover() == 1
    assert read(inside, out)
    inside.assert_consistent()


def test_when_it_cannot_be_now_nothing_is_remembered(
    inside: House, monkeypatch: pytest.MonkeyPatch, decoded: list[int]
) -> None:
    out = photo(inside)
    with monkeypatch.context() as patch:
        patch.setattr(images, "MOST_AT_ONCE", 0)
        patch.setattr(images, "MOST_WAITING", 0)
        with pytest.raises(RateLimitedError):
            read(inside, out)
    assert not decoded
    assert read(inside, out)
    with monkeypatch.context() as patch:
        patch.setattr(images, "MOST_AT_ONCE", 0)
        patch.setattr(images, "MOST_WAITING", 0)
        assert read(inside, out), "what is there needs no turn"


def test_a_purge_waits_for_a_thumbnail_that_is_being_written(postgres_house: House) -> None:
    """On PostgreSQL both go on at once: without the lock, its row would be written after the purge has looked."""
    house = postgres_house
    with house.app.app_context():
        out = photo(house)
        service = house.services.thumbnails
        wanted = service.find(house.uploader, out.id, 64)
        service.read(wanted)
        house.write(sa.delete(rows))
    purged = threading.Event()

    def purge() -> None:
        with house.app.app_context():
            house.services.files.purge(house.admin, out.id)
        purged.set()

    with house.app.app_context(), removals.db.transaction() as tx:
        lock = sa.select(table(StoredFile).c.seq).where(table(StoredFile).c.id == out.id)
        tx.execute(lock.with_for_update(read=True, key_share=True))
        thread = threading.Thread(target=purge)
        thread.start()
        assert not purged.wait(0.3), "it waits"
        values = {"file_id": out.id, "width": 64, "key": "0" * 32, "created_at": datetime.now(UTC)}
        tx.execute(sa.insert(rows), values)
    thread.join(20)
    assert purged.is_set()
    assert house.count(Thumbnail) == house.count(PendingRemoval) == 0


def during(house: House, service: thumbnails.ThumbnailService, then: Callable[[], object]) -> None:
    """Let something happen while this service's image is being decoded."""
    slot = service._helpers.slot

    def interrupted(name: object) -> AbstractContextManager[Slot]:
        service._helpers.slot = slot  # type: ignore[method-assign]
        return _Interrupted(slot(name), then)

    service._helpers.slot = interrupted  # type: ignore[method-assign]


class _Interrupted(AbstractContextManager[Slot]):
    """A turn, in which something happens before the first image is made."""

    def __init__(self, turn: AbstractContextManager[Slot], then: Callable[[], object]) -> None:
        self.turn = turn
        self.then = then

    def __enter__(self) -> Slot:
        slot = self.turn.__enter__()
        shrink = slot.shrink

        def later(file: object, width: int) -> Small:
            small = shrink(file, width)  # type: ignore[arg-type]
            self.then()
            return small

        slot.shrink = later  # type: ignore[method-assign, assignment]
        return slot

    def __exit__(self, *details: object) -> None:
        self.turn.__exit__(*details)  # type: ignore[arg-type]
