"""A file goes in whole, or nothing of it stays."""

import dataclasses
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from tests.backends.fakes import MemoryBackend
from tests.support.app import House, incoming
from webapp import db
from webapp.contracts.errors import ConfigurationError, StorageBackendError, StorageFullError
from webapp.contracts.events import Event, FileUploaded
from webapp.models import EventRow, StoredFile
from webapp.services.access import Permission
from webapp.services.errors import BadTypeError, ChecksumMismatchError, CutUploadError, ForbiddenError, TooLargeError


def nothing_stays(house: House) -> None:
    assert house.count(StoredFile) == 0
    assert house.on_disk() == set()
    assert all(not room for room in MemoryBackend.rooms.values())
    assert house.tallies() == {}
    assert not [row for row in house.query(sa.select(EventRow.__table__.c.name)) if row.name == "FileUploaded"]
    assert not [thread for thread in threading.enumerate() if thread.name == "sha256"]


def cut(data: bytes = b"x" * 1000) -> Iterator[bytes]:
    yield data
    raise CutUploadError("gone")


def test_what_comes_back_describes_the_file(inside: House) -> None:
    caller = inside.uploader
    out = inside.upload(caller, b"hello world", "greeting.txt", content_type="text/plain")
    assert (out.filename, out.content_type, out.size_bytes, out.backend) == (
        "greeting.txt",
        "text/plain",
        11,
        "filesystem",
    )
    assert out.checksum_sha256 == hashlib.sha256(b"hello world").hexdigest()
    assert (out.uploaded_by, out.uploaded_by_name) == (str(caller.user_id), "uploader")
    assert out.deleted_at is None
    assert inside.services.files.get(caller, out.id) == out
    assert (inside.uploads / out.key[:2] / out.key).read_bytes() == b"hello world"
    inside.assert_consistent()


def test_a_file_in_many_pieces_is_put_together(inside: House) -> None:
    pieces = [bytes([n]) * n for n in range(200)]
    out = inside.upload(data=pieces)  # type: ignore[arg-type]
    whole = b"".join(pieces)
    assert (inside.uploads / out.key[:2] / out.key).read_bytes() == whole
    assert (out.size_bytes, out.checksum_sha256) == (len(whole), hashlib.sha256(whole).hexdigest())


def test_an_empty_file_is_a_file(inside: House) -> None:
    for data in (b"", []):
        out = inside.upload(data=data)  # type: ignore[arg-type]
        assert out.size_bytes == 0
        assert out.checksum_sha256 == hashlib.sha256(b"").hexdigest()
    inside.assert_consistent()


def test_one_event_is_published_per_file(inside: House, heard: list[Event]) -> None:
    caller = inside.uploader
    out = inside.upload(caller, b"hello", "a.txt")
    [event] = heard
    assert isinstance(event, FileUploaded)
    assert (event.file_id, event.filename, event.size_bytes, event.key) == (out.id, "a.txt", 5, out.key)
    assert (event.uploaded_by, event.actor_id, event.actor_name) == (out.uploaded_by, out.uploaded_by, "uploader")
    assert event.request_id == "test"


def test_the_row_tells_where_the_bytes_are(inside: House) -> None:
    out = inside.upload()
    inside.configure(fs_root_path="./elsewhere")
    second = inside.upload()
    stored = inside.services.files.locate(inside.uploader, out.id)
    assert b"".join(stored.place.backend.get(out.key)) == b"hello"
    assert (inside.config.data_dir / "elsewhere" / second.key[:2] / second.key).exists()


def test_exactly_the_limit_is_accepted_and_one_byte_more_is_not(inside: House) -> None:
    inside.configure(max_file_size_bytes=1000)
    assert inside.upload(data=b"x" * 1000).size_bytes == 1000
    assert inside.upload(data=b"x" * 1000, size=1000).size_bytes == 1000
    for options in ({}, {"size": 1001}):
        with pytest.raises(TooLargeError) as refused:
            inside.upload(data=b"x" * 1001, **options)
        assert refused.value.data == {"max_bytes": 1000}
    assert inside.count(StoredFile) == 2
    inside.assert_consistent()


def test_an_announced_size_over_the_limit_is_refused_unread(inside: House) -> None:
    inside.configure(max_file_size_bytes=1000)

    def unread() -> Iterator[bytes]:
        pytest.fail("the body was read")
        yield b""

    with pytest.raises(TooLargeError):
        inside.upload(data=unread(), size=1001)  # type: ignore[arg-type]


def test_reading_stops_at_the_first_piece_over_the_limit(inside: House) -> None:
    inside.configure(max_file_size_bytes=1000)
    read: list[int] = []

    def endless() -> Iterator[bytes]:
        while True:
            read.append(1)
            yield b"x" * 300

    with pytest.raises(TooLargeError):
        inside.upload(data=endless())  # type: ignore[arg-type]
    assert len(read) < 12  # 2 KiB for sniffing, and no more
    nothing_stays(inside)


def test_a_digest_that_matches_is_fine_and_another_one_stores_nothing(inside: House) -> None:
    right = hashlib.sha256(b"hello").digest()
    with pytest.raises(ChecksumMismatchError):
        inside.upload(data=b"hellO", sha256=right)
    nothing_stays(inside)
    assert inside.upload(data=b"hello", sha256=right).checksum_sha256 == right.hex()


def test_whoever_may_not_upload_stores_nothing(inside: House) -> None:
    with pytest.raises(ForbiddenError):
        inside.upload(inside.caller("uploader", Permission.DOWNLOAD))
    nothing_stays(inside)


def test_a_type_that_is_not_allowed_stores_nothing(inside: House) -> None:
    inside.configure(allowed_content_types=["image/*"])
    with pytest.raises(BadTypeError):
        inside.upload(data=b"hello", content_type="text/plain")
    nothing_stays(inside)


@pytest.mark.parametrize("size", [0, 1, 3000, 9_000_000])
def test_a_client_that_goes_away_leaves_nothing(inside: House, size: int) -> None:
    with pytest.raises(CutUploadError):
        inside.upload(data=cut(b"x" * size))  # type: ignore[arg-type]
    nothing_stays(inside)


@pytest.mark.parametrize("method", ["put", "put_end"])
@pytest.mark.parametrize("size", [10, 9_000_000])
def test_a_backend_that_fails_leaves_nothing(memory: House, method: str, size: int) -> None:
    MemoryBackend.failing[method] = StorageBackendError("down")
    with pytest.raises(StorageBackendError):
        memory.upload(data=b"x" * size)
    nothing_stays(memory)
    MemoryBackend.failing.clear()
    memory.upload()


def test_a_backend_that_fails_in_the_middle_leaves_nothing(memory: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def put(self: MemoryBackend, key: str, chunks: Iterator[bytes], **_: object) -> None:
        next(iter(chunks))
        raise StorageFullError("no space left")

    monkeypatch.setattr(MemoryBackend, "put", put)
    with pytest.raises(StorageFullError):
        memory.upload(data=[b"x" * 5_000_000] * 3)  # type: ignore[arg-type]
    nothing_stays(memory)


@pytest.mark.parametrize("backend", ["filesystem", "memory"])
@pytest.mark.parametrize("name", ["file_storage_stored_file", "file_storage_tally", "event"])
def test_a_row_that_cannot_be_written_takes_the_bytes_with_it(memory: House, backend: str, name: str) -> None:
    memory.configure(backend=backend)
    caller = memory.uploader
    with rows_that_fail(name):
        [outcome] = memory.together(lambda: memory.services.uploads.upload(caller, incoming()))
    assert "no such luck" in str(outcome)
    nothing_stays(memory)
    memory.upload()


@contextmanager
def rows_that_fail(name: str) -> Iterator[None]:
    """Every insert into this table fails."""
    engine = db.db.engine
    if engine.dialect.name == "sqlite":
        make = [f"CREATE TRIGGER no BEFORE INSERT ON {name} BEGIN SELECT RAISE(ABORT, 'no such luck'); END"]
        drop = "DROP TRIGGER no"
    else:
        make = [
            "CREATE OR REPLACE FUNCTION no() RETURNS trigger AS"
            " $$ BEGIN RAISE EXCEPTION 'no such luck'; END $$ LANGUAGE plpgsql",
            f"CREATE TRIGGER no BEFORE INSERT ON {name} FOR EACH ROW EXECUTE FUNCTION no()",
        ]
        drop = f"DROP TRIGGER no ON {name}"
    with engine.begin() as connection:
        for statement in make:
            connection.exec_driver_sql(statement)
    yield
    with engine.begin() as connection:
        connection.exec_driver_sql(drop)


def test_a_commit_that_fails_takes_the_bytes_with_it(inside: House) -> None:
    caller = inside.uploader
    with commits_that_fail():
        outcome = inside.together(lambda: inside.services.uploads.upload(caller, incoming()))[0]
    assert isinstance(outcome, sa.exc.DBAPIError)
    nothing_stays(inside)
    inside.upload()


@contextmanager
def commits_that_fail() -> Iterator[None]:
    """Checks at the end of the transaction say no."""
    engine = db.db.engine

    def before(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        if statement == "COMMIT":
            raise sa.exc.OperationalError("COMMIT", {}, Exception("injected"))

    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "before_cursor_execute", before)
        yield
        sa.event.remove(engine, "before_cursor_execute", before)
        return
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE OR REPLACE FUNCTION no() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'no'; END $$ LANGUAGE plpgsql"
        )
        connection.exec_driver_sql(
            "CREATE CONSTRAINT TRIGGER no AFTER INSERT ON file_storage_stored_file"
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION no()"
        )
    yield
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER no ON file_storage_stored_file")


def test_a_transaction_that_cannot_begin_takes_the_bytes_with_it(
    inside: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no() -> None:
        raise StorageFullError("the disk of the database is full")

    caller = inside.uploader
    monkeypatch.setattr(db, "transaction", no)
    with pytest.raises(StorageFullError):
        inside.services.uploads.upload(caller, incoming())
    monkeypatch.undo()
    nothing_stays(inside)


def test_the_first_error_is_reported_though_the_bytes_cannot_be_removed(
    memory: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no() -> None:
        raise StorageFullError("the disk of the database is full")

    caller = memory.uploader
    MemoryBackend.failing["delete"] = StorageBackendError("down")
    monkeypatch.setattr(db, "transaction", no)
    with pytest.raises(StorageFullError):
        memory.services.uploads.upload(caller, incoming())


def test_bytes_stay_when_the_outcome_of_the_commit_is_unknown(postgres_house: House) -> None:
    """The row may be there: what a crash would do is left to the recovery."""
    house = postgres_house

    def cut_the_line(connection: sa.Connection, *_: object) -> None:
        pid = connection.connection.cursor().execute("SELECT pg_backend_pid()").fetchone()[0]
        with db.db.engine.connect() as other:
            other.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})

    caller = house.uploader
    with house.app.app_context(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(db.Transaction, "emit", lambda tx, _event: cut_the_line(tx.connection))
        with pytest.raises(db.CommitOutcomeUnknownError):
            house.services.uploads.upload(caller, incoming())
    assert len([name for name in house.on_disk() if not name.startswith(".incoming")]) == 1


def test_an_unknown_backend_is_a_configuration_error_and_stores_nothing(inside: House) -> None:
    caller = inside.uploader
    values = {**caller.settings.values, "backend": "tape"}
    broken = dataclasses.replace(caller, settings=dataclasses.replace(caller.settings, backend="tape", values=values))
    with pytest.raises(ConfigurationError):
        inside.services.uploads.upload(broken, incoming())
    nothing_stays(inside)


def test_the_entry_in_incoming_goes_only_after_the_commit(inside: House, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[set[str]] = []
    real = db.Transaction.emit

    def emit(self: db.Transaction, event: Event) -> None:
        seen.append({name.split("/")[0] for name in inside.on_disk()})
        real(self, event)

    monkeypatch.setattr(db.Transaction, "emit", emit)
    inside.upload()
    assert ".incoming" in seen[0]
    inside.assert_consistent()


def test_sixteen_people_upload_at_once(inside: House) -> None:
    people = [inside.uploader, inside.stranger, inside.admin]
    outcomes = inside.together(*(lambda n=n: inside.upload(people[n % 3], b"x" * n, f"{n}") for n in range(16)))
    assert [outcome.size_bytes for outcome in outcomes] == list(range(16))
    inside.assert_consistent()
