"""The part of the conformance tests for backends whose clients send files straight to the store, in parts."""

import secrets
import urllib.error
import urllib.request
from typing import Protocol, TypeGuard

from webapp.contracts.backends import DirectUploads, StorageBackend
from webapp.contracts.conformance_kit import Kit
from webapp.contracts.errors import NotSupportedError, StorageNotFoundError

TIMEOUT = 60


class DirectConformance(Kit):
    """Belongs to :class:`webapp.contracts.conformance.BackendConformance`: nothing is asked of other backends."""

    @staticmethod
    def send_part(url: str, data: bytes) -> bool:
        """Send a part as a client does, by PUT; whether it was taken. For URLs that are not HTTP, write your own."""
        request = urllib.request.Request(url, data, {"Content-Type": ""}, method="PUT")  # noqa: S310 (the author's own)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=TIMEOUT):
                return True
        except urllib.error.HTTPError as refused:
            refused.close()
            return False
        except OSError:  # refused before all of it was sent
            return False

    def part_sizes(self, backend: DirectUploads) -> list[int]:
        """Sizes of the parts of a file: all but the last as small as they may be."""
        return [backend.least_part_bytes, backend.least_part_bytes, 7]

    def test_parts_that_are_sent_to_the_store_become_a_file(self) -> None:
        backend = self.make_backend()
        if not _takes_parts(backend):
            return
        key, upload, data = self._begun(backend)
        assert backend.list_parts(key, upload) == []
        for number in (3, 1, 2):  # in any order
            assert self._sent(backend, key, upload, number, data[number - 1])
        parts = backend.list_parts(key, upload)
        assert [(part.number, part.size) for part in parts] == [(n, len(each)) for n, each in enumerate(data, 1)]
        assert not backend.exists(key), "nothing is there before it is completed"
        backend.complete_parts(key, upload, parts)
        assert self.read(self.make_backend(), key) == b"".join(data)
        # Doing it again changes nothing, nor does aborting what is completed.
        backend.complete_parts(key, upload, parts)
        backend.abort_parts(key, upload)
        assert self.read(backend, key) == b"".join(data)
        backend.delete(key)

    def test_another_process_goes_on_with_an_upload(self) -> None:
        backend = self.make_backend()
        if not _takes_parts(backend):
            return
        key, upload, data = self._begun(backend)
        for number, part in enumerate(data, 1):
            other = self.make_backend()
            assert isinstance(other, DirectUploads)
            assert self._sent(other, key, upload, number, part)
        other = self.make_backend()
        assert isinstance(other, DirectUploads)
        other.complete_parts(key, upload, other.list_parts(key, upload))
        assert self.read(backend, key) == b"".join(data)
        backend.delete(key)

    def test_a_part_has_exactly_the_size_its_url_is_for(self) -> None:
        backend = self.make_backend()
        if not _takes_parts(backend):
            return
        key, upload, _ = self._begun(backend)
        url = backend.part_url(key, upload, 1, size=100, expires_in=60)
        for size in (99, 101, 0, 5000):
            assert not self.send_part(url, bytes(size)), f"{size} bytes were taken for 100"
        assert backend.list_parts(key, upload) == []
        assert self.send_part(url, bytes(100))
        backend.abort_parts(key, upload)

    def test_a_part_that_is_sent_again_is_replaced(self) -> None:
        backend = self.make_backend()
        if not _takes_parts(backend):
            return
        key, upload, _ = self._begun(backend)
        for data in (b"the first", b"the second, longer"):
            assert self._sent(backend, key, upload, 1, data)
        parts = backend.list_parts(key, upload)
        assert [(part.number, part.size) for part in parts] == [(1, 18)]
        backend.complete_parts(key, upload, parts)
        assert self.read(backend, key) == b"the second, longer"
        backend.delete(key)

    def test_an_upload_that_is_aborted_is_gone(self) -> None:
        backend = self.make_backend()
        if not _takes_parts(backend):
            return
        key, upload, data = self._begun(backend)
        url = backend.part_url(key, upload, 2, size=len(data[1]), expires_in=60)
        assert self._sent(backend, key, upload, 1, data[0])
        parts = backend.list_parts(key, upload)
        backend.abort_parts(key, upload)
        backend.abort_parts(key, upload)
        with self.expected(StorageNotFoundError):
            backend.list_parts(key, upload)
        with self.expected(StorageNotFoundError):
            backend.complete_parts(key, upload, parts)
        assert not self.send_part(url, data[1]), "a part was taken for what is aborted"
        assert not backend.exists(key)

    def test_a_backend_whose_settings_keep_clients_away_begins_nothing(self) -> None:
        backend = self.make_backend()
        if not isinstance(backend, DirectUploads) or _takes_parts(backend):
            return
        with self.expected(NotSupportedError):
            backend.begin_parts(self.new_key(), content_type="text/plain")

    def _begun(self, backend: DirectUploads) -> tuple[str, str, list[bytes]]:
        """A new upload: its key, what the store calls it, and the parts to send."""
        assert 0 < backend.least_part_bytes <= backend.most_part_bytes
        assert backend.most_parts > 0
        key = self.new_key()
        upload = backend.begin_parts(key, content_type="application/octet-stream")
        assert 0 < len(upload) <= 2000
        return key, upload, [secrets.token_bytes(size) for size in self.part_sizes(backend)]

    def _sent(self, backend: DirectUploads, key: str, upload: str, number: int, data: bytes) -> bool:
        return self.send_part(backend.part_url(key, upload, number, size=len(data), expires_in=60), data)


class _Direct(StorageBackend, DirectUploads, Protocol):
    """For the type checker."""


def _takes_parts(backend: StorageBackend) -> TypeGuard[_Direct]:
    return bool(getattr(backend, "supports_direct_upload", False))
