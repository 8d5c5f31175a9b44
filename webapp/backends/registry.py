"""Which backends there are, and one instance of each per set of option values."""

import threading
from collections.abc import Iterable, Iterator, Mapping

from webapp.contracts.backends import StorageBackend, complete
from webapp.contracts.errors import ConfigurationError, StorageError
from webapp.contracts.settings import SettingField, faults

_ATTRIBUTES = ("backend_id", "supports_presigned_url")
_METHODS = ("put", "get", "delete", "exists", "presigned_get_url")
_DIRECT = (
    "least_part_bytes",
    "most_part_bytes",
    "most_parts",
    "begin_parts",
    "part_url",
    "list_parts",
    "complete_parts",
    "abort_parts",
)
# Instances for rows written under former settings pile up only as settings change.
_MOST_INSTANCES = 64


def _expected(backend_class: type[StorageBackend]) -> Iterator[str]:
    """What the class has to have, the methods of the capabilities it claims included."""
    yield from _ATTRIBUTES
    yield from _METHODS
    if getattr(backend_class, "supports_local_files", False):
        yield "open_local"
    if getattr(backend_class, "supports_recovery", False):
        yield from ("settle", "recover")
    if getattr(backend_class, "supports_listing", False):
        yield "list_keys"
    if getattr(backend_class, "supports_direct_upload", False):
        yield from _DIRECT


class BackendRegistry:
    """Backends by id. Shipped and third-party ones come in through the same door."""

    def __init__(self) -> None:
        """Start empty."""
        self._classes: dict[str, type[StorageBackend]] = {}
        self._instances: dict[tuple[str, tuple[tuple[str, object], ...]], StorageBackend] = {}
        self._reserved: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    def reserve(self, names: Iterable[str]) -> None:
        """Keep names of settings from being used by a backend."""
        self._reserved |= frozenset(names)

    def register(self, backend_class: type[StorageBackend]) -> None:
        """Offer a backend class.

        Raises:
            ConfigurationError: part of the protocol is missing, its settings cannot be used,
                or its id or the name of a setting is malformed or taken.
        """
        if not isinstance(backend_class, type):
            raise ConfigurationError(f"{backend_class!r} is no class")
        missing = [name for name in _expected(backend_class) if not hasattr(backend_class, name)]
        if missing:
            raise ConfigurationError(f"{backend_class.__name__} lacks {', '.join(missing)}")
        backend_id = backend_class.backend_id
        if not 0 < len(backend_id) <= 32:
            raise ConfigurationError(f"{backend_class.__name__}: an id has 1 to 32 characters")
        if self._classes.get(backend_id, backend_class) is not backend_class:
            raise ConfigurationError(f"two backends are called {backend_id}")
        complete(backend_class)
        self._check_fields(backend_class)
        self._classes[backend_id] = backend_class

    def unregister(self, backend_class: type[StorageBackend]) -> None:
        """Take a class back: of a plugin that failed later on."""
        if self._classes.get(backend_class.backend_id) is backend_class:
            del self._classes[backend_class.backend_id]

    def _check_fields(self, backend_class: type[StorageBackend]) -> None:
        for fault in faults(backend_class.fields):
            raise ConfigurationError(f"{backend_class.__name__}: {fault}")
        if any(field.secret for field in backend_class.fields):
            for field in backend_class.fields:
                if field.format in ("url", "public_url") and not field.location:
                    # Files of the former host would be asked of the new one, with the former one's secret.
                    raise ConfigurationError(f"{backend_class.__name__}: beside a secret, {field.name} is a location")
        others = (each for each in self._classes.values() if each is not backend_class)
        taken = self._reserved.union(field.name for each in others for field in each.fields)
        for field in backend_class.fields:
            if field.name in taken:
                raise ConfigurationError(f"{backend_class.__name__}: there is a setting {field.name} already")

    def ids(self) -> tuple[str, ...]:
        """The ids on offer, in order of registration."""
        return tuple(self._classes)

    def fields(self) -> tuple[SettingField, ...]:
        """The settings of all backends."""
        return tuple(field for backend in self._classes.values() for field in backend.fields)

    def fields_of(self, backend_id: str) -> tuple[SettingField, ...]:
        """The settings of one backend.

        Raises:
            ConfigurationError: there is no such backend.
        """
        return self._class(backend_id).fields

    def check(self, backend_id: str, options: Mapping[str, object]) -> Mapping[str, str]:
        """What the backend itself finds wrong with these values; nothing if it does not look.

        Raises:
            ConfigurationError: there is no such backend, or it fails to say.
        """
        check = getattr(self._class(backend_id), "check", None)
        try:
            return dict(check(options)) if check else {}
        except Exception as exc:
            raise ConfigurationError(f"check of backend {backend_id} failed", cause="settings") from exc

    def class_of(self, backend_id: str) -> type[StorageBackend] | None:
        """The class of a backend, or None."""
        return self._classes.get(backend_id)

    def get(self, backend_id: str, options: Mapping[str, object]) -> StorageBackend:
        """Return the instance for these option values, made at first use in this process.

        Raises:
            ConfigurationError: there is no such backend, or it refuses the values.
        """
        key = (backend_id, tuple(sorted(options.items())))
        instance = self._instances.get(key)
        return instance or self._make(backend_id, options, key)

    def fresh(self, backend_id: str, options: Mapping[str, object]) -> StorageBackend:
        """Return an instance of its own, for values that are only tried.

        Raises:
            ConfigurationError: there is no such backend, or it refuses the values.
        """
        return self._made(backend_id, options)

    def _made(self, backend_id: str, options: Mapping[str, object]) -> StorageBackend:
        made = self._class(backend_id)
        try:
            return made(dict(options))
        except StorageError:
            raise
        except Exception as exc:  # of a third party: it must not look like ours
            raise ConfigurationError(f"backend {backend_id} failed to start", cause="settings") from exc

    def _make(
        self, backend_id: str, options: Mapping[str, object], key: tuple[str, tuple[tuple[str, object], ...]]
    ) -> StorageBackend:
        with self._lock:
            if key not in self._instances:
                if len(self._instances) >= _MOST_INSTANCES:
                    self._instances.pop(next(iter(self._instances)))
                self._instances[key] = self._made(backend_id, options)
            return self._instances[key]

    def _class(self, backend_id: str) -> type[StorageBackend]:
        try:
            return self._classes[backend_id]
        except KeyError:
            raise ConfigurationError(f"there is no backend {backend_id!r}") from None
