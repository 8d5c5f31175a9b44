"""The tables of the settings: what is read at each request, and what a save writes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from webapp import db
from webapp.db import Prepared, table
from webapp.models import Setting, SettingVersion, User
from webapp.services.errors import VersionConflictError
from webapp.services.settings.sealing import Sealer

_settings = table(Setting)
_versions = table(SettingVersion)
_users = table(User)
_of_module = Prepared(
    sa.select(_settings.c.name, _settings.c.value).where(_settings.c.module == sa.bindparam("module", type_=sa.String))
)
_upsert = sa.text(
    "INSERT INTO setting (module, name, value, updated_at, updated_by)"
    " VALUES (:module, :name, :value, :updated_at, :updated_by) ON CONFLICT (module, name) DO UPDATE SET"
    " value = excluded.value, updated_at = excluded.updated_at, updated_by = excluded.updated_by"
).bindparams(sa.bindparam("updated_at", type_=_settings.c.updated_at.type))
_next_version = sa.text(
    "INSERT INTO setting_version (module, version) VALUES (:module, 1)"
    " ON CONFLICT (module) DO UPDATE SET version = setting_version.version + 1 RETURNING version"
)


@dataclass(frozen=True, slots=True)
class Touched:
    """Who saved a value, and when. ``by`` is a user name; None for the command line."""

    at: datetime
    by: str | None


def read(connection: Connection, module: str) -> tuple[tuple[str, str], ...]:
    """What is stored of a module: names and texts, in no order."""
    return tuple((name, text) for name, text in _of_module.all(connection, module=module))


def touched(connection: Connection, module: str) -> dict[str, Touched]:
    """Who saved the values that are stored."""
    columns = (_settings.c.name, _settings.c.updated_at, _settings.c.updated_by)
    found = connection.execute(sa.select(*columns).where(_settings.c.module == module)).all()
    names = _user_names(connection, {row.updated_by for row in found if row.updated_by})
    return {row.name: Touched(row.updated_at, names.get(row.updated_by)) for row in found}


def version(connection: Connection, module: str, expected: int | None = None) -> int:
    """How often the module was saved.

    Raises:
        VersionConflictError: somebody saved after ``expected``.
    """
    found = connection.execute(sa.select(_versions.c.version).where(_versions.c.module == module)).scalar()
    _require(int(found or 0), expected)
    return int(found or 0)


def next_version(tx: db.Transaction, module: str, expected: int | None) -> int:
    """Begin a save: from here on no other one of this module gets in between.

    Raises:
        VersionConflictError: somebody saved after ``expected``.
    """
    made = int(tx.execute(_next_version, {"module": module}).scalar_one())
    _require(made - 1, expected)
    return made


def _require(found: int, expected: int | None) -> None:
    if expected is not None and expected != found:
        raise VersionConflictError("the settings were saved meanwhile", version=found)


def take_back(tx: db.Transaction, module: str) -> int:
    """End a save that turned out to change nothing; returns the version as it was."""
    back = sa.update(_versions).where(_versions.c.module == module).values(version=_versions.c.version - 1)
    return int(tx.execute(back.returning(_versions.c.version)).scalar_one())


def write(tx: db.Transaction, module: str, values: Mapping[str, object], user_id: str | None) -> None:
    """Write values; None takes a value away."""
    for name, value in sorted(values.items()):
        if value is None:
            tx.execute(sa.delete(_settings).where(_settings.c.module == module, _settings.c.name == name))
            continue
        row = {"module": module, "name": name, "value": orjson.dumps(value).decode()}
        tx.execute(_upsert, {**row, "updated_at": datetime.now(UTC), "updated_by": user_id})


def reseal(tx: db.Transaction, sealer: Sealer) -> int:
    """Seal all secrets with the newest key and return how many that were. Who saved them, and when, stays."""
    done = 0
    # Locked: what is sealed again must not be a secret that somebody saves meanwhile. In the order of saves.
    stored = sa.select(_settings.c.module, _settings.c.name, _settings.c.value)
    for row in tx.execute(stored.order_by(_settings.c.module, _settings.c.name).with_for_update()).all():
        sealed = _sealed_or_nothing(row.value)
        if sealed is not None and (anew := sealer.reseal(sealed)) is not None:
            this = sa.and_(_settings.c.module == row.module, _settings.c.name == row.name)
            tx.execute(sa.update(_settings).where(this).values(value=orjson.dumps({"sealed": anew}).decode()))
            done += 1
    return done


def _sealed_or_nothing(text: str) -> str | None:
    try:
        return sealed_in(text)
    except ValueError:
        return None  # garbage: it is told of elsewhere


def sealed_in(text: str) -> str | None:
    """What is sealed in the text of a row; None where nothing is.

    Raises:
        ValueError: the text is no JSON.
    """
    found = orjson.loads(text) if text.startswith("{") else None
    sealed = found.get("sealed") if isinstance(found, dict) else None
    return sealed if isinstance(sealed, str) else None


def _user_names(connection: Connection, ids: set[str]) -> dict[str, str]:
    known = [found for text in ids if (found := _uuid(text)) is not None]
    if not known:
        return {}
    rows = connection.execute(sa.select(_users.c.id, _users.c.username).where(_users.c.id.in_(known)))
    return {str(row.id): row.username for row in rows}


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
