"""Plugins look at uploads before they are stored: they refuse them, or add facts to the file."""

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from tests.support.app import House, incoming
from tests.support.checks import INFECTED, Watching, saying
from webapp import logs
from webapp.contracts.checks import UploadInfo, UploadRefusedError
from webapp.contracts.errors import ConfigurationError
from webapp.contracts.events import Event
from webapp.db import table
from webapp.models import EventRow, StoredFile
from webapp.services import removals
from webapp.services.checks import UploadChecks
from webapp.services.errors import ChecksumMismatchError, CutUploadError, TooLargeError
from webapp.services.listing import Listing
from webapp.services.uploads import Measured

MIB = 1024 * 1024
DATA = os.urandom(3 * MIB + 17)
PIECES = [DATA[at : at + 100_000] for at in range(0, len(DATA), 100_000)]


def refusal(house: House, data: Any = b"hello", **options: Any) -> UploadRefusedError:
    with pytest.raises(UploadRefusedError) as caught:
        house.services.uploads.upload(house.uploader, incoming(data, **options))
    return caught.value


def nothing_is_left(house: House) -> bool:
    events = house.query(sa.select(sa.func.count()).select_from(table(EventRow)).where(EventRow.name == "FileUploaded"))
    return (house.count(StoredFile), house.on_disk(), house.tallies(), events[0][0]) == (0, set(), {}, 0)


# --- refusing -------------------------------------------------------------------------


def test_a_function_refuses_a_file_by_what_is_known_of_it(inside: House, heard: list[Event]) -> None:
    infos: list[UploadInfo] = []

    def no_movies(info: UploadInfo) -> None:
        infos.append(info)
        raise UploadRefusedError("policy.movies", "  Films belong\non the film server. ")

    inside.services.checks.add("policy", no_movies)
    refused = refusal(inside, [b"\x1a\x45\xdf\xa3", b"more"], name="../film.webm", content_type="video/webm", size=8)
    assert (refused.plugin, refused.reason) == ("policy", "policy.movies")
    assert refused.sentence == "Films belong on the film server."
    uploader = inside.uploader
    assert infos == [
        UploadInfo(
            filename="film.webm",
            content_type="video/webm",
            size=8,
            user_id=str(uploader.user_id),
            username="uploader",
            head=b"\x1a\x45\xdf\xa3more",
        )
    ]
    assert nothing_is_left(inside)
    assert heard == []


def test_of_a_refused_file_no_more_is_taken(inside: House) -> None:
    taken: list[int] = []

    def sent() -> Iterator[bytes]:
        for number in range(200):
            taken.append(number)
            yield bytes(4096)

    inside.services.checks.add("policy", saying(INFECTED))
    refusal(inside, sent())
    assert taken == [0]


def test_an_inspector_refuses_a_file_at_its_end(inside: House) -> None:
    check = Watching(finish=INFECTED)
    inside.services.checks.add("antivirus", check)
    assert refusal(inside, PIECES).reason == "infected"
    assert check.seen == DATA
    assert check.closed == 1
    assert nothing_is_left(inside)


def test_an_inspector_refuses_a_file_in_its_middle(inside: House) -> None:
    taken: list[int] = []

    def sent() -> Iterator[bytes]:
        for number in range(10_000):
            taken.append(number)
            yield bytes(4096)

    check = Watching(feed=INFECTED)
    inside.services.checks.add("antivirus", check)
    refusal(inside, sent())
    assert len(taken) < 20
    assert (check.ends, check.closed) == ([], 1)
    assert nothing_is_left(inside)


def test_one_of_several_checks_is_enough(inside: House) -> None:
    before, refusing, after = Watching({"a": 1}), Watching(finish=INFECTED), Watching({"b": 2})
    for name, check in (("before", before), ("antivirus", refusing), ("after", after)):
        inside.services.checks.add(name, check)
    assert refusal(inside, PIECES).plugin == "antivirus"
    assert [check.closed for check in (before, refusing, after)] == [1, 1, 1]
    assert nothing_is_left(inside)


def test_an_exception_that_is_raised_again_and_again_collects_nothing(inside: House) -> None:
    inside.services.checks.add("policy", saying(INFECTED))
    assert refusal(inside) is not INFECTED
    assert INFECTED.plugin == ""


# --- looking ---------------------------------------------------------------------------


def test_an_inspector_sees_every_byte_however_slow_it_is(inside: House) -> None:
    """A piece may be overwritten when the next one is asked for."""

    class Slow(Watching):
        def feed(self, chunk: bytes) -> None:
            time.sleep(0.002)
            super().feed(chunk)

    def reused() -> Iterator[memoryview]:
        buffer = bytearray(len(PIECES[0]))
        for piece in PIECES:
            buffer[: len(piece)] = piece
            yield memoryview(buffer)[: len(piece)]

    slow, fast = Slow(), Watching()
    inside.services.checks.add("slow", slow)
    inside.services.checks.add("fast", fast)
    file = inside.services.uploads.upload(inside.uploader, incoming(reused())).file  # type: ignore[arg-type]
    assert slow.seen == fast.seen == DATA
    assert slow.ends == fast.ends == [(len(DATA), hashlib.sha256(DATA).hexdigest())]
    assert file.checksum_sha256 == hashlib.sha256(DATA).hexdigest()
    assert slow.closed == fast.closed == 1
    inside.assert_consistent()


def test_a_slow_inspector_holds_the_client_up_and_not_the_file_in_memory(inside: House) -> None:
    ahead: list[int] = []

    class Slow(Watching):
        def feed(self, chunk: bytes) -> None:
            time.sleep(0.005)
            super().feed(chunk)

    slow = Slow()

    def sent() -> Iterator[bytes]:
        for number in range(60):
            ahead.append(number - len(slow.seen) // 4096)
            yield bytes(4096)

    inside.services.checks.add("slow", slow)
    inside.services.uploads.upload(inside.uploader, incoming(sent()))
    assert 2 < max(ahead) <= 7


def test_an_empty_file_is_looked_at_too(inside: House) -> None:
    check = Watching()
    inside.services.checks.add("antivirus", check)
    inside.upload(data=b"")
    assert check.ends == [(0, hashlib.sha256(b"").hexdigest())]


def test_a_check_may_look_at_some_files_only(inside: House) -> None:
    check = Watching()
    inside.services.checks.add("antivirus", lambda info: check if info.filename.endswith(".exe") else None)
    inside.upload(name="a.txt")
    assert check.seen == b""
    inside.upload(name="a.exe", data=b"MZ")
    assert check.seen == b"MZ"


@pytest.mark.parametrize("error", [CutUploadError, ChecksumMismatchError])
def test_of_a_file_that_does_not_arrive_there_is_no_verdict(inside: House, error: type[Exception]) -> None:
    def sent() -> Iterator[bytes]:
        yield bytes(4096)
        if error is CutUploadError:
            raise error("gone")

    check = Watching()
    inside.services.checks.add("antivirus", check)
    with pytest.raises(error):
        inside.services.uploads.upload(inside.uploader, incoming(sent(), sha256=bytes(32)))
    assert (check.ends, check.closed) == ([], 1)
    assert nothing_is_left(inside)


def test_a_file_that_is_too_large_is_not_judged(inside: House) -> None:
    inside.configure(max_file_size_bytes=4096)
    check = Watching()
    inside.services.checks.add("antivirus", check)
    with pytest.raises(TooLargeError):
        inside.services.uploads.upload(inside.uploader, incoming([bytes(4096), b"!"]))
    assert (check.ends, check.closed) == ([], 1)


def test_a_repeated_upload_is_not_checked_again(inside: House) -> None:
    check = Watching({"clean": True})
    inside.services.checks.add("antivirus", check)
    first = inside.services.uploads.upload(inside.uploader, incoming(b"hello", idempotency_key="k"))
    again = inside.services.uploads.upload(inside.uploader, incoming(b"hello", idempotency_key="k"))
    assert again.replayed
    assert again.file == first.file
    assert first.file.annotations == {"antivirus": {"clean": True}}
    assert len(check.ends) == 1


def test_a_check_may_ask_for_the_settings_of_the_moment_and_log_under_the_id_of_the_request(inside: House) -> None:
    found: list[Any] = []

    def check(info: UploadInfo) -> None:
        found.append(inside.services.settings.values("file_storage")["max_file_size_bytes"])
        found.append(logs.request_id.get())
        found.append(threading.current_thread().name)

    inside.configure(max_file_size_bytes=12_345)
    inside.services.checks.add("policy", check)
    token = logs.request_id.set("request-7")
    try:
        inside.upload()
    finally:
        logs.request_id.reset(token)
    assert found == [12_345, "request-7", "upload-check"]


def test_checks_of_many_uploads_at_once_do_not_mix_them_up(inside: House) -> None:
    class Hash:
        def __init__(self, info: UploadInfo) -> None:
            self.hash = hashlib.sha256()
            self.name = info.filename

        def feed(self, chunk: bytes) -> None:
            self.hash.update(chunk)

        def finish(self, size: int, sha256: str) -> dict[str, str]:
            assert self.hash.hexdigest() == sha256
            return {"name": self.name}

    inside.services.checks.add("hash", Hash)
    pieces = [[os.urandom(50_000) for _ in range(10)] for _ in range(8)]
    files = inside.together(
        *(lambda n=n: inside.upload(data=pieces[n], name=f"{n}.bin") for n in range(8))  # type: ignore[misc]
    )
    assert [file.annotations for file in files] == [{"hash": {"name": f"{n}.bin"}} for n in range(8)]


# --- annotating ------------------------------------------------------------------------


def test_annotations_are_kept_with_the_file(inside: House) -> None:
    checks = inside.services.checks
    checks.add("antivirus", Watching({"clean": True, "signatures": 27_123, "took": 0.25, "engine": "ClamAV „1.4“"}))
    checks.add("policy", saying({"class": "internal"}))
    checks.add("policy", saying({"level": 2}))
    checks.add("silent", saying(None))
    checks.add("empty", saying({}))
    expected = {
        "antivirus": {"clean": True, "signatures": 27_123, "took": 0.25, "engine": "ClamAV „1.4“"},
        "policy": {"class": "internal", "level": 2},
    }
    file = inside.upload()
    assert file.annotations == expected
    assert inside.services.files.get(inside.uploader, file.id) == file
    assert inside.services.listing.list(inside.uploader, Listing()).items == [file]
    assert inside.services.files.rename(inside.uploader, file.id, "new.bin").annotations == expected
    assert [check.passed for check in checks.overview()] == [1, 1, 1, 1, 1]


def test_the_facts_of_files_do_not_multiply_the_places_they_are_in(inside: House) -> None:
    inside.services.checks.add("count", lambda info: {"name": info.filename})
    for number in range(5):
        inside.upload(name=f"{number}.bin")
    inside.services.checks.remove("count")
    inside.upload()
    assert len(removals._places_in_use()) == 1


# --- entering --------------------------------------------------------------------------


@pytest.mark.parametrize("check", [None, "check", object(), Watching])
def test_what_is_no_check_is_not_taken(check: Any) -> None:
    with pytest.raises(ConfigurationError):
        UploadChecks().add("plugin", check)


@pytest.mark.parametrize("patience", [0, -1, 301, "30", float("nan")])
def test_patience_has_bounds(patience: Any) -> None:
    check = Watching()
    check.patience = patience  # type: ignore[attr-defined]
    with pytest.raises(ConfigurationError):
        UploadChecks().add("plugin", check)


def test_checks_of_a_plugin_can_be_taken_back(inside: House) -> None:
    inside.services.checks.add("policy", saying(INFECTED))
    inside.services.checks.remove("policy")
    assert inside.upload()
    assert inside.services.checks.overview() == []


def test_without_checks_the_pieces_are_not_touched(inside: House) -> None:
    measured = Measured(iter([b""]), 1)
    with inside.services.checks.of(inside.uploader, "a", "a/b", 1, b"") as checking:
        assert checking.passing(measured) is measured
    assert inside.services.checks.of(inside.uploader, "b", "a/b", 1, b"") is checking


@pytest.mark.parametrize("code", ["", "Infected", "a b", "a" * 65, ".a", "a.", "a..b", "a\n", "a-b", "größe"])
def test_a_code_is_a_word_for_programs(code: str) -> None:
    with pytest.raises(ValueError, match="not a code"):
        UploadRefusedError(code, "A sentence.")


def test_a_sentence_is_one_line_that_can_be_sent() -> None:
    assert UploadRefusedError("a_1.b", "half \ud800 a pair\n" + "x" * 600).sentence == ("half ? a pair " + "x" * 486)
    with pytest.raises(ValueError, match="sentence"):
        UploadRefusedError("a", " \n")
