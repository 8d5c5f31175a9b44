"""Backends for tests: real ones, only that their store is a dictionary and that they can be told to fail."""

from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

from webapp.contracts.backends import Bytes, SettingField
from webapp.contracts.errors import NotSupportedError, StorageNotFoundError


class MemoryBackend:
    """Keeps bytes in a dictionary: neither local files nor links nor recovery."""

    backend_id: ClassVar[str] = "memory"
    supports_presigned_url: ClassVar[bool] = False
    supports_local_files: ClassVar[bool] = False
    supports_recovery: ClassVar[bool] = False
    fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField(name="memory_room", help="Which dictionary.", default="one", location=True),
    )
    rooms: ClassVar[dict[str, dict[str, bytes]]] = {}
    failing: ClassVar[dict[str, Exception]] = {}
    """Method name to what it raises."""
    calls: ClassVar[list[tuple[str, str]]] = []

    def __init__(self, options: Mapping[str, object]) -> None:
        self.store = self.rooms.setdefault(str(options.get("memory_room")), {})

    def put(self, key: str, chunks: Iterable[Bytes], *, content_type: str, size: int | None = None) -> None:
        self._called("put", key)
        whole = b"".join(bytes(chunk) for chunk in chunks)
        self._called("put_end", key)
        self.store[key] = whole

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        self._called("get", key)
        if key not in self.store:
            raise StorageNotFoundError("nothing there")
        data = self.store[key][start : None if length is None else start + length]
        return iter([data[i : i + 70_000] for i in range(0, len(data), 70_000)])

    def delete(self, key: str) -> None:
        self._called("delete", key)
        self.store.pop(key, None)

    def exists(self, key: str) -> bool:
        self._called("exists", key)
        return key in self.store

    def presigned_get_url(self, key: str, *, filename: str, content_type: str, expires_in: int | None = None) -> str:
        raise NotSupportedError("no links into a dictionary")

    def _called(self, method: str, key: str) -> None:
        self.calls.append((method, key))
        if method in self.failing:
            raise self.failing[method]

    @classmethod
    def forget(cls) -> None:
        """Start afresh."""
        cls.rooms.clear()
        cls.failing.clear()
        cls.calls.clear()


class LinkBackend(MemoryBackend):
    """The same, with links that tell what they were asked for."""

    backend_id: ClassVar[str] = "links"
    supports_presigned_url: ClassVar[bool] = True

    def presigned_get_url(self, key: str, *, filename: str, content_type: str, expires_in: int | None = None) -> str:
        return f"https://bytes.example/{key}?name={filename}&type={content_type}"
