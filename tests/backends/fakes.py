"""Backends for tests: real ones, only that their store is a dictionary and that they can be told to fail."""

from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

from webapp.contracts.backends import Bytes
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
