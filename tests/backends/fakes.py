"""Backends for tests: real ones, only that their store is a dictionary and that they can be told to fail."""

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from webapp.contracts.backends import Bytes, Part
from webapp.contracts.errors import NotSupportedError, StorageBackendError, StorageNotFoundError
from webapp.contracts.settings import SettingField


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


def smallest() -> Any:
    """A new class with what a backend has to have, and nothing else."""
    methods = ("__init__", "_called", "put", "get", "delete", "exists", "presigned_get_url")
    store = {name: vars(MemoryBackend)[name] for name in (*methods, "rooms", "calls", "failing")}
    return type("Smallest", (), {**store, "backend_id": "smallest", "supports_presigned_url": False})


class LinkBackend(MemoryBackend):
    """The same, with links that tell what they were asked for."""

    backend_id: ClassVar[str] = "links"
    supports_presigned_url: ClassVar[bool] = True
    fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField(name="link_room", help="Which dictionary.", default="one", location=True),
    )

    def __init__(self, options: Mapping[str, object]) -> None:
        super().__init__({"memory_room": options.get("link_room")})

    def presigned_get_url(self, key: str, *, filename: str, content_type: str, expires_in: int | None = None) -> str:
        self._called("presigned_get_url", key)
        return f"https://bytes.example/{key}?name={filename}&type={content_type}"


class VaultBackend(MemoryBackend):
    """A dictionary behind a host, which opens for the right credentials only; it notes who was sent what."""

    backend_id: ClassVar[str] = "vault"
    fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField(name="vault_url", help="The host.", format="url", location=True),
        SettingField(name="vault_room", help="Which dictionary there.", default="one", location=True, required=True),
        SettingField(name="vault_key_id", help="Whose key it is.", masked=True),
        SettingField(name="vault_secret", help="What proves it.", secret=True),
        SettingField(name="vault_speed", help="Pieces at a time.", type="integer", default=3, minimum=1, maximum=9),
    )
    right: ClassVar[dict[str, str]] = {}
    """Host to the secret that opens it."""
    sent: ClassVar[list[tuple[str, str | None]]] = []
    """Which host was sent which secret."""

    def __init__(self, options: Mapping[str, object]) -> None:
        host, secret = str(options["vault_url"]), options["vault_secret"]
        super().__init__({"memory_room": f"{host} {options['vault_room']}"})
        self._host, self._secret = host, None if secret is None else str(secret)

    @classmethod
    def check(cls, options: Mapping[str, object]) -> Mapping[str, str]:
        lonely = bool(options.get("vault_key_id")) and not options.get("vault_secret")
        return {"vault_secret": "A key needs its secret."} if lonely else {}

    def _called(self, method: str, key: str) -> None:
        self.sent.append((self._host, self._secret))
        if self.right.get(self._host, self._secret) != self._secret:
            raise StorageBackendError("not yours", cause="credentials")
        super()._called(method, key)

    @classmethod
    def forget(cls) -> None:
        """Start afresh."""
        super().forget()
        cls.right.clear()
        cls.sent.clear()


class DirectBackend(MemoryBackend):
    """A dictionary that clients may send parts to, by :meth:`receive` instead of HTTP."""

    backend_id: ClassVar[str] = "direct"
    supports_direct_upload: bool = True
    least_part_bytes: ClassVar[int] = 10
    most_part_bytes: ClassVar[int] = 1024 * 1024 * 1024
    most_parts: ClassVar[int] = 100
    fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField(name="direct_room", help="Which dictionary.", default="one", location=True, required=True),
        SettingField(name="direct_open", help="Whether clients get there.", type="boolean", default=True),
    )
    begun: ClassVar[dict[tuple[str, str], dict[int, bytes]]] = {}
    """The parts of what is begun, by key and upload."""

    def __init__(self, options: Mapping[str, object]) -> None:
        super().__init__({"memory_room": options.get("direct_room")})
        self.supports_direct_upload = options.get("direct_open") is not False

    def begin_parts(self, key: str, *, content_type: str) -> str:
        self._called("begin_parts", key)
        if not self.supports_direct_upload:
            raise NotSupportedError("closed")
        upload = secrets.token_hex(8)
        self.begun[key, upload] = {}
        return upload

    def part_url(self, key: str, upload: str, number: int, *, size: int, expires_in: int) -> str:
        self._called("part_url", key)
        return f"https://store.example/{key}?upload={upload}&number={number}&size={size}&seconds={expires_in}"

    def list_parts(self, key: str, upload: str) -> list[Part]:
        self._called("list_parts", key)
        parts = self._parts(key, upload)
        return [Part(number=number, size=len(data), tag=f"tag {number}") for number, data in sorted(parts.items())]

    def complete_parts(self, key: str, upload: str, parts: Sequence[Part]) -> None:
        self._called("complete_parts", key)
        if (key, upload) not in self.begun and key in self.store:
            return
        kept = self._parts(key, upload)
        self.store[key] = b"".join(kept[part.number] for part in parts)
        del self.begun[key, upload]
        self._called("completed", key)

    def abort_parts(self, key: str, upload: str) -> None:
        self._called("abort_parts", key)
        self.begun.pop((key, upload), None)

    def _parts(self, key: str, upload: str) -> dict[int, bytes]:
        if (key, upload) not in self.begun:
            raise StorageNotFoundError("no such upload")
        return self.begun[key, upload]

    @classmethod
    def receive(cls, url: str, data: bytes) -> bool:
        """What a store does with a PUT; whether it takes the part."""
        key, query = urlsplit(url).path.removeprefix("/"), parse_qs(urlsplit(url).query)
        parts = cls.begun.get((key, query["upload"][0]))
        if parts is None or len(data) != int(query["size"][0]):
            return False
        parts[int(query["number"][0])] = data
        return True

    @classmethod
    def forget(cls) -> None:
        """Start afresh."""
        super().forget()
        cls.begun.clear()
