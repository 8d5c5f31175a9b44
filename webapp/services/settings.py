"""Settings: rows of a table, read afresh for each request, never kept in the application.

A module declares its fields once; defaults, coercion and validation come from
that list. The modules' fields include those of every registered backend.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from webapp import db
from webapp.backends.registry import BackendRegistry
from webapp.config import Config
from webapp.contracts.backends import SettingField, StorageBackend
from webapp.contracts.events import SettingsChanged
from webapp.db import Prepared, table
from webapp.models import Setting
from webapp.services.errors import NotFoundError, ValidationError

FILE_STORAGE = "file_storage"
_INTEGER = re.compile(r"-?[0-9]{1,20}", re.ASCII)

CORE_FIELDS: tuple[SettingField, ...] = (
    SettingField(name="backend", help="Where new files are stored.", default="filesystem", required=True),
    SettingField(
        name="max_file_size_bytes",
        help="Largest file accepted, in bytes. A file of exactly this size still is.",
        type="integer",
        default=104_857_600,
        required=True,
        minimum=1,
        maximum=2**63 - 1,
    ),
    SettingField(
        name="allowed_content_types",
        help="Media types accepted, such as image/png or image/*. Empty: all of them.",
        type="list",
    ),
    SettingField(
        name="file_visibility",
        help="Whether users see all files or only their own. Admins see all.",
        default="all",
        required=True,
        choices=("all", "own"),
    ),
    SettingField(
        name="trash_retention_days",
        help="Days a file stays in the trash before it goes for good.",
        type="integer",
        default=30,
        required=True,
        minimum=1,
        maximum=3650,
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """All file-storage settings of one moment."""

    backend: str
    max_file_size_bytes: int
    allowed_content_types: tuple[str, ...]
    file_visibility: str
    trash_retention_days: int
    values: Mapping[str, Any] = field(repr=False)
    """Every value by name, the backends' own ones included."""


@dataclass(frozen=True)
class Place:
    """A backend, and where in it bytes are: what a row keeps about them."""

    backend_id: str
    backend: StorageBackend
    location: dict[str, Any]


_settings = table(Setting)
_all_rows = Prepared(sa.select(_settings.c.module, _settings.c.name, _settings.c.value))


class SettingsService:
    """Reads, validates and writes settings, and finds the backend they name."""

    def __init__(self, config: Config, registry: BackendRegistry) -> None:
        """Settings of this configuration, over these backends."""
        self._config = config
        self._registry = registry

    def fields(self, module: str = FILE_STORAGE) -> tuple[SettingField, ...]:
        """The fields of a module.

        Raises:
            NotFoundError: there is no such module.
        """
        if module != FILE_STORAGE:
            raise NotFoundError(f"no settings module {module!r}")
        return CORE_FIELDS + self._registry.fields()

    def current(self, connection: Connection | None = None) -> Settings:
        """Read the settings as they are now. Rows that make no sense count as their defaults."""
        if connection is None:
            with db.read() as opened:
                return self.current(opened)
        stored = {name: text for module, name, text in _all_rows.all(connection) if module == FILE_STORAGE}
        values: dict[str, Any] = {}
        for f in self.fields():
            values[f.name] = _or_default(f, stored[f.name]) if f.name in stored else f.default
        return Settings(
            backend=values["backend"],
            max_file_size_bytes=values["max_file_size_bytes"],
            allowed_content_types=tuple(values["allowed_content_types"] or ()),
            file_visibility=values["file_visibility"],
            trash_retention_days=values["trash_retention_days"],
            values=values,
        )

    def update(self, module: str, changes: Mapping[str, object], actor: Mapping[str, Any] | None = None) -> None:
        """Save some values, all or none. ``None`` resets a value to its default.

        Raises:
            NotFoundError: there is no such module.
            ValidationError: a name is unknown or a value does not fit.
        """
        coerced = self._validated(self.fields(module), changes)
        with db.transaction() as tx:
            for name, value in sorted(coerced.items()):
                _write(tx, module, name, value, (actor or {}).get("actor_id"))
            tx.emit(SettingsChanged(module=module, names=tuple(sorted(coerced)), **(actor or {})))

    def _validated(self, fields: Iterable[SettingField], changes: Mapping[str, object]) -> dict[str, Any]:
        known = {f.name: f for f in fields}
        coerced: dict[str, Any] = {}
        errors: dict[str, str | tuple[str, dict[str, object]]] = {}
        for name, value in changes.items():
            if name not in known:
                errors[name] = "unknown_field"
            elif value is None:
                coerced[name] = None
            else:
                try:
                    coerced[name] = coerce(known[name], value)
                except ValueError as exc:
                    errors[name] = str(exc)
        if coerced.get("backend") not in (None, *self._registry.ids()):
            errors["backend"] = "unknown_backend"
        if errors:
            raise ValidationError(errors)
        return coerced

    def active_place(self, settings: Settings) -> Place:
        """Where a new file goes.

        Raises:
            ConfigurationError: the backend is unknown or cannot work with its settings.
        """
        return self._place(settings.backend, settings, {})

    def place_of(self, backend_id: str, location: Mapping[str, Any], settings: Settings) -> Place:
        """Where a stored file is: its row's location, with the credentials of now.

        Raises:
            ConfigurationError: the backend is unknown or cannot work with its settings.
        """
        return self._place(backend_id, settings, location)

    def _place(self, backend_id: str, settings: Settings, location: Mapping[str, Any]) -> Place:
        options: dict[str, Any] = {}
        kept: dict[str, Any] = {}
        for f in self._registry.fields_of(backend_id):
            value = settings.values.get(f.name, f.default)
            if f.location:
                value = kept[f.name] = location.get(f.name, value)
            if f.path and isinstance(value, str):
                value = str(self._resolved(value))
            options[f.name] = tuple(value) if isinstance(value, list) else value
        return Place(backend_id, self._registry.get(backend_id, options), kept)

    def _resolved(self, path: str) -> Path:
        # Not Path.resolve(): that would ask the disk at every request.
        return self._config.data_dir / Path(path).expanduser()


_upsert = sa.text(
    "INSERT INTO setting (module, name, value, updated_at, updated_by)"
    " VALUES (:module, :name, :value, :updated_at, :updated_by) ON CONFLICT (module, name) DO UPDATE SET"
    " value = excluded.value, updated_at = excluded.updated_at, updated_by = excluded.updated_by"
).bindparams(sa.bindparam("updated_at", type_=_settings.c.updated_at.type))


def _write(tx: db.Transaction, module: str, name: str, value: object, user_id: str | None) -> None:
    if value is None:
        tx.execute(sa.delete(_settings).where(_settings.c.module == module, _settings.c.name == name))
        return
    row = {"module": module, "name": name, "value": orjson.dumps(value).decode()}
    tx.execute(_upsert, {**row, "updated_at": datetime.now(UTC), "updated_by": user_id})


def coerce(f: SettingField, value: object) -> Any:
    """Turn a value from a form, a shell or JSON into what the field holds.

    Raises:
        ValueError: it does not fit; the text is a key of the namespace ``validation``.
    """
    if f.type == "integer":
        return _integer(f, value)
    if f.type == "boolean":
        return _boolean(value)
    if f.type == "list":
        return _list(value)
    if not isinstance(value, str) or "\x00" in value or len(value) > 4096 or not _is_unicode(value):
        raise ValueError("not_text")
    if f.required and not value.strip():
        raise ValueError("required")
    if f.choices and value not in f.choices:
        raise ValueError("not_a_choice")
    return value


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _integer(f: SettingField, value: object) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("not_a_number")
    if (f.minimum is not None and value < f.minimum) or (f.maximum is not None and value > f.maximum):
        raise ValueError("out_of_bounds")
    return value


def _boolean(value: object) -> bool:
    if isinstance(value, str) and value.casefold() in ("true", "false"):
        return value.casefold() == "true"
    if not isinstance(value, bool):
        raise ValueError("not_a_boolean")
    return value


def _list(value: object) -> list[str] | None:
    items = value.replace("\n", ",").split(",") if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not all(isinstance(i, str) and _is_unicode(i) for i in items):
        raise ValueError("not_a_list")
    return [item.strip() for item in items if item.strip()] or None


def _or_default(f: SettingField, text: str) -> Any:
    try:
        return coerce(f, orjson.loads(text))
    except ValueError:
        return f.default
