"""A backend of a third party, for the pages: it has a setting of every kind, and keeps its files in memory."""

from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

from tests.support.app import House
from webapp.contracts.backends import Bytes
from webapp.contracts.errors import NotSupportedError, StorageBackendError, StorageNotFoundError
from webapp.contracts.settings import SettingField

KEPT: dict[str, bytes] = {}


class CloudBackend:
    """It answers like any other, as long as its token is not ``wrong``."""

    backend_id: ClassVar[str] = "cloud"
    label: ClassVar[str] = "Cloud drive"
    help: ClassVar[str] = "A drive somewhere else."
    supports_presigned_url: ClassVar[bool] = False
    supports_local_files: ClassVar[bool] = False
    supports_recovery: ClassVar[bool] = False
    fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField(name="cloud_host", help="Where it answers.", format="url", location=True, required=True),
        SettingField(name="cloud_key_id", label="Key ID", help="Which key to use.", masked=True),
        SettingField(name="cloud_token", label="Token", help="What proves it.", secret=True),
        SettingField(
            name="cloud_tier", help="How fast it is.", default="warm", required=True, choices=("hot", "warm", "cold")
        ),
        SettingField(name="cloud_verify", help="Whether to look twice.", type="boolean", default=True, required=True),
        SettingField(name="cloud_labels", help="Put on every file.", type="list"),
        SettingField(
            name="cloud_patience", help="How long to wait.", type="integer", format="seconds", default=20, minimum=1
        ),
    )

    def __init__(self, options: Mapping[str, object]) -> None:
        self._options = options

    def put(self, key: str, chunks: Iterable[Bytes], *, content_type: str, size: int | None = None) -> None:
        if self._options.get("cloud_token") == "wrong":
            raise StorageBackendError("no", cause="credentials")
        KEPT[key] = b"".join(bytes(chunk) for chunk in chunks)

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        if key not in KEPT:
            raise StorageNotFoundError("no")
        return iter([KEPT[key][start:][:length]])

    def delete(self, key: str) -> None:
        KEPT.pop(key, None)

    def exists(self, key: str) -> bool:
        return key in KEPT

    def presigned_get_url(self, key: str, *, filename: str, content_type: str, expires_in: int | None = None) -> str:
        raise NotSupportedError("no")


def install(house: House) -> None:
    """Offer it in this house."""
    house.registry.register(CloudBackend)
