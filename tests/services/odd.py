"""A backend that does what a test says, and what the connection test makes of it."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar

from tests.backends.fakes import MemoryBackend
from webapp.contracts.backends import Bytes
from webapp.contracts.errors import CAUSES
from webapp.contracts.settings import SettingField
from webapp.services.probe import STEPS, ProbeResult, ProbeService
from webapp.services.settings import FILE_STORAGE


class OddBackend(MemoryBackend):
    """A dictionary with all capabilities, any of which does what a test says instead."""

    backend_id: ClassVar[str] = "odd"
    supports_presigned_url: ClassVar[bool] = True
    supports_listing: ClassVar[bool] = True
    fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField(name="odd_secret", help="A secret.", secret=True),
        SettingField(name="odd_key_id", help="An id.", masked=True),
    )
    instead: ClassVar[dict[str, Callable[..., Any]]] = {}
    """Method name to what is called instead, with the backend, the key and what else there is."""

    def __init__(self, options: Any) -> None:
        super().__init__({"memory_room": "odd"})
        self.secret = options["odd_secret"]
        if "init" in self.instead:
            self.instead["init"](self, "")

    def put(self, key: str, chunks: Iterable[Bytes], **more: Any) -> None:
        self._or(super().put, "put", key, chunks, **more)

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        found: Iterator[bytes] = self._or(super().get, "range" if start else "get", key, start=start, length=length)
        return found

    def delete(self, key: str) -> None:
        self._or(super().delete, "delete", key)

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        def listed(prefix: str) -> Iterator[str]:
            return (key for key in sorted(self.store) if key.startswith(prefix))

        found: Iterator[str] = self._or(listed, "list", prefix)
        return found

    def presigned_get_url(self, key: str, *, filename: str, content_type: str, expires_in: int | None = None) -> str:
        assert 0 < (expires_in or 0) <= 300
        url: str = self._or(super().presigned_get_url, "presign", key, filename=filename, content_type=content_type)
        return url

    def _or(self, usual: Callable[..., Any], name: str, key: str, *more: Any, **named: Any) -> Any:
        if name in self.instead:
            return self.instead[name](self, key)
        return usual(key, *more, **named)


def raises(error: BaseException) -> Callable[..., Any]:
    def method(*_: object) -> Any:
        raise error

    return method


def tried(probe: ProbeService, **changes: object) -> ProbeResult:
    """Test the odd backend."""
    return probe.run(FILE_STORAGE, {"backend": "odd", **changes})


def causes(result: ProbeResult) -> dict[str, str | None]:
    """By step, from a result that is one."""
    assert all(step.ok is (step.cause is None) for step in result.steps)
    assert all(step.cause in (None, "skipped", "unknown", *CAUSES) for step in result.steps)
    assert all(0 <= step.ms < 10_500 for step in result.steps)
    assert result.ok is all(step.ok for step in result.steps)
    assert [step.name for step in result.steps] == [n for n in STEPS if n in {s.name for s in result.steps}]
    return {step.name: step.cause for step in result.steps}


def eventually(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def nothing_is_left() -> bool:
    return not MemoryBackend.rooms.get("odd")
