"""The tests for authors of backends find the mistakes authors make."""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

import pytest

from tests.backends.fakes import DirectBackend, MemoryBackend
from webapp.contracts import conformance
from webapp.contracts.backends import Bytes, Part, StorageBackend
from webapp.contracts.conformance import BackendConformance
from webapp.contracts.errors import StorageBackendError, StorageNotFoundError


class KeepsPartsOfCutPuts(MemoryBackend):
    def put(self, key: str, chunks: Iterable[Bytes], *, content_type: str, size: int | None = None) -> None:
        self.store[key] = b""
        for chunk in chunks:
            self.store[key] += bytes(chunk)


class HidesTheErrorOfTheBody(MemoryBackend):
    def put(self, key: str, chunks: Iterable[Bytes], *, content_type: str, size: int | None = None) -> None:
        try:
            super().put(key, chunks, content_type=content_type, size=size)
        except Exception as exc:
            raise StorageBackendError("something") from exc


class TellsLateThatBytesAreMissing(MemoryBackend):
    def get(self, key: str, *, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        def later() -> Iterator[bytes]:
            yield from super(TellsLateThatBytesAreMissing, self).get(key, start=start, length=length)

        return later()


class IgnoresTheStart(MemoryBackend):
    def get(self, key: str, *, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        return super().get(key, length=length)


class IgnoresTheLength(MemoryBackend):
    def get(self, key: str, *, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        return super().get(key, start=start)


class MissesDeletedBytes(MemoryBackend):
    def delete(self, key: str) -> None:
        if key not in self.store:
            raise StorageNotFoundError("not there")
        super().delete(key)


class DeletesNothing(MemoryBackend):
    def delete(self, key: str) -> None:
        pass


class TakesOnlyBytes(MemoryBackend):
    def put(self, key: str, chunks: Iterable[Bytes], *, content_type: str, size: int | None = None) -> None:
        self.store[key] = b"".join(chunk for chunk in chunks if isinstance(chunk, bytes))


class KeepsToItself(MemoryBackend):
    def __init__(self, options: Any) -> None:
        super().__init__(options)
        self.store = {}


class MakesUpLinks(MemoryBackend):
    def presigned_get_url(self, key: str, *, filename: str, content_type: str, expires_in: int | None = None) -> str:
        return "https://nowhere.example/"


class PromisesLocalFiles(MemoryBackend):
    supports_local_files = True


class HasALongName(MemoryBackend):
    backend_id = "x" * 33


class ForgetsLivingPuts(MemoryBackend):
    supports_recovery = True

    def settle(self, key: str) -> None:
        pass

    def recover(self, is_known: Any) -> int:
        gone = [key for key in self.store if not is_known(key)]
        for key in gone:
            del self.store[key]
        return len(gone)


class KeepsChunksInsteadOfCopying(MemoryBackend):
    def put(self, key: str, chunks: Iterable[Bytes], *, content_type: str, size: int | None = None) -> None:
        self.store[key] = b"".join(list(chunks))


class LosesTheEndOfLargeFiles(MemoryBackend):
    def put(self, key: str, chunks: Iterable[Bytes], *, content_type: str, size: int | None = None) -> None:
        super().put(key, chunks, content_type=content_type, size=size)
        self.store[key] = self.store[key][: 16 * 1024 * 1024]


class HoldsWholeFiles(MemoryBackend):
    pass


class MixesUpPutsOfDifferentThreads(MemoryBackend):
    last: ClassVar[bytes] = b""

    def put(self, key: str, chunks: Iterable[Bytes], *, content_type: str, size: int | None = None) -> None:
        type(self).last = b"".join(map(bytes, chunks))
        time.sleep(0.05)
        self.store[key] = self.last


class AppendsToWhatIsThere(MemoryBackend):
    def put(self, key: str, chunks: Iterable[Bytes], *, content_type: str, size: int | None = None) -> None:
        self.store[key] = self.store.get(key, b"") + b"".join(map(bytes, chunks))


class PromisesAList(MemoryBackend):
    supports_listing = True


class IsUnwellOnceThereIsSomething(MemoryBackend):
    def check_health(self) -> None:
        if self.store:
            raise StorageBackendError("I am never well")


class ListsInAnyOrder(MemoryBackend):
    supports_listing = True

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        return (key for key in sorted(self.store, reverse=True) if key.startswith(prefix))


class ListsWithoutPrefix(MemoryBackend):
    supports_listing = True

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        return iter(sorted(self.store))


class FailsPastTheEnd(MemoryBackend):
    def get(self, key: str, *, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        if start >= len(self.store.get(key, b"x")):
            raise StorageBackendError("416")
        return super().get(key, start=start, length=length)


class ChecksNothing(MemoryBackend):
    @classmethod
    def check(cls, options: Any) -> Any:
        return None


class PromisesToTakeParts(MemoryBackend):
    supports_direct_upload = True


class PutsPartsTogetherAsTheyCame(DirectBackend):
    def complete_parts(self, key: str, upload: str, parts: Sequence[Part]) -> None:
        came = self.begun.get((key, upload), {})
        super().complete_parts(key, upload, [part for number in came for part in parts if part.number == number])


class CompletesOnlyOnce(DirectBackend):
    def complete_parts(self, key: str, upload: str, parts: Sequence[Part]) -> None:
        if (key, upload) not in self.begun:
            raise StorageNotFoundError("no such upload")
        super().complete_parts(key, upload, parts)


class CompletesWhatIsNotThere(DirectBackend):
    def complete_parts(self, key: str, upload: str, parts: Sequence[Part]) -> None:
        if (key, upload) in self.begun:
            super().complete_parts(key, upload, parts)


class TakesPartsOfAnySize(DirectBackend):
    def part_url(self, key: str, upload: str, number: int, *, size: int, expires_in: int) -> str:
        return super().part_url(key, upload, number, size=-size, expires_in=expires_in)


class KeepsWhatIsAborted(DirectBackend):
    def abort_parts(self, key: str, upload: str) -> None:
        pass


class AbortsWhatIsCompleted(DirectBackend):
    def abort_parts(self, key: str, upload: str) -> None:
        super().abort_parts(key, upload)
        self.store.pop(key, None)


class ListsNothingForWhatIsGone(DirectBackend):
    def list_parts(self, key: str, upload: str) -> list[Part]:
        return super().list_parts(key, upload) if (key, upload) in self.begun else []


class ShowsFilesTooEarly(DirectBackend):
    def begin_parts(self, key: str, *, content_type: str) -> str:
        self.store[key] = b""
        return super().begin_parts(key, content_type=content_type)


class BeginsBehindClosedDoors(DirectBackend):
    def __init__(self, options: Any) -> None:
        super().__init__(options)
        self.supports_direct_upload = False

    def begin_parts(self, key: str, *, content_type: str) -> str:
        return "begun"


BROKEN = {
    KeepsPartsOfCutPuts: "test_a_put_that_is_cut_short_leaves_nothing_and_keeps_its_error",
    HidesTheErrorOfTheBody: "test_a_put_that_is_cut_short_leaves_nothing_and_keeps_its_error",
    TellsLateThatBytesAreMissing: "test_missing_bytes_are_told_at_once",
    IgnoresTheStart: "test_a_part_can_be_read",
    IgnoresTheLength: "test_a_part_can_be_read",
    MissesDeletedBytes: "test_deleted_bytes_are_gone_and_deleting_again_is_fine",
    DeletesNothing: "test_deleted_bytes_are_gone_and_deleting_again_is_fine",
    TakesOnlyBytes: "test_chunks_of_any_buffer_type_are_taken_in_order",
    KeepsToItself: "test_another_instance_sees_it",
    MakesUpLinks: "test_presigning_works_or_says_it_does_not",
    PromisesLocalFiles: "test_it_follows_the_protocol",
    HasALongName: "test_it_follows_the_protocol",
    ForgetsLivingPuts: "test_recovery_leaves_settled_and_living_puts_alone",
    KeepsChunksInsteadOfCopying: "test_files_of_many_sizes_in_chunks_of_many_sizes",
    LosesTheEndOfLargeFiles: "test_a_large_file",
    HoldsWholeFiles: "test_memory_is_bounded",
    MixesUpPutsOfDifferentThreads: "test_many_at_once",
    AppendsToWhatIsThere: "test_a_second_put_of_a_key_replaces_the_first_or_is_refused",
    PromisesAList: "test_it_follows_the_protocol",
    IsUnwellOnceThereIsSomething: "test_it_is_well",
    ListsInAnyOrder: "test_what_is_stored_is_listed_in_order",
    ListsWithoutPrefix: "test_what_is_stored_is_listed_in_order",
    FailsPastTheEnd: "test_a_part_past_the_end_is_what_there_is",
    ChecksNothing: "test_it_follows_the_protocol",
    PromisesToTakeParts: "test_it_follows_the_protocol",
    PutsPartsTogetherAsTheyCame: "test_parts_that_are_sent_to_the_store_become_a_file",
    CompletesOnlyOnce: "test_parts_that_are_sent_to_the_store_become_a_file",
    CompletesWhatIsNotThere: "test_an_upload_that_is_aborted_is_gone",
    TakesPartsOfAnySize: "test_a_part_has_exactly_the_size_its_url_is_for",
    KeepsWhatIsAborted: "test_an_upload_that_is_aborted_is_gone",
    AbortsWhatIsCompleted: "test_parts_that_are_sent_to_the_store_become_a_file",
    ListsNothingForWhatIsGone: "test_an_upload_that_is_aborted_is_gone",
    ShowsFilesTooEarly: "test_parts_that_are_sent_to_the_store_become_a_file",
    BeginsBehindClosedDoors: "test_a_backend_whose_settings_keep_clients_away_begins_nothing",
}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda backend: backend.__name__)
def test_a_mistake_is_found(broken: type[MemoryBackend]) -> None:
    class Suite(BackendConformance):
        def make_backend(self) -> StorageBackend:
            return broken({"memory_room": broken.__name__, "direct_room": broken.__name__})

        @staticmethod
        def send_part(url: str, data: bytes) -> bool:
            return DirectBackend.receive(url.replace("size=-", "size="), data) or "size=-" in url

    try:
        with pytest.raises((AssertionError, StorageNotFoundError, StorageBackendError)):
            getattr(Suite(), BROKEN[broken])()
    finally:
        DirectBackend.forget()


def test_the_suite_needs_no_pytest() -> None:
    assert "pytest" not in vars(conformance)


def test_the_suite_says_what_an_author_has_to_do() -> None:
    with pytest.raises(AssertionError, match="how to make its backend"):
        BackendConformance().test_what_goes_in_comes_out()
