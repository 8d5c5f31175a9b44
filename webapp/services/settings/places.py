"""Places: a backend and where in it bytes are, with what opens them.

Each save that concerns a backend notes its location with the credentials of that
moment. A file is read with the credentials of its own place, whatever the
settings name by then. Credentials that are renewed at one place are renewed at
every other place of the same hosts where the same ones were in use.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from webapp import db
from webapp.contracts.backends import StorageBackend
from webapp.db import Prepared, table
from webapp.models import StoragePlace
from webapp.services.settings.sealing import Sealer, UnreadableSecretError

_places = table(StoragePlace)
_by_id = Prepared(sa.select(_places.c.sealed).where(_places.c.id == sa.bindparam("id", type_=sa.String)))
_upsert = sa.text(
    "INSERT INTO storage_place (id, backend, location, sealed, updated_at)"
    " VALUES (:id, :backend, :location, :sealed, :updated_at)"
    " ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed, updated_at = excluded.updated_at"
).bindparams(sa.bindparam("updated_at", type_=_places.c.updated_at.type))
Credentials = Mapping[str, str]


@dataclass(frozen=True)
class Place:
    """A backend, and where in it bytes are: what a row keeps about them."""

    backend_id: str
    backend: StorageBackend
    location: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class NotedPlace:
    """A place that credentials are kept for."""

    id: str
    backend: str
    location: dict[str, Any]
    is_readable: bool
    """Whether a key opens them."""
    updated_at: datetime


class Places:
    """The credentials of places, sealed."""

    def __init__(self, sealer: Sealer) -> None:
        """Seal with ``sealer``."""
        self._sealer = sealer

    def credentials(self, connection: Connection, backend_id: str, location: Mapping[str, Any]) -> Credentials | None:
        """What opens this place; None where nothing was noted or can be read."""
        place_id = _id(backend_id, location)
        row = _by_id.first(connection, id=place_id)
        return None if row is None else self._opened(place_id, row.sealed)

    def all(self, connection: Connection) -> list[NotedPlace]:
        """All places, the last one noted first."""
        found = connection.execute(sa.select(_places).order_by(_places.c.updated_at.desc())).all()
        return [
            NotedPlace(
                id=row.id,
                backend=row.backend,
                location=orjson.loads(row.location),
                is_readable=self._opened(row.id, row.sealed) is not None,
                updated_at=row.updated_at,
            )
            for row in found
        ]

    def note(self, tx: db.Transaction, backend_id: str, location: Mapping[str, Any], credentials: Credentials) -> None:
        """Keep the credentials of a place. None at all are noted too: the place is not opened with another's."""
        place_id = _id(backend_id, location)
        row = {
            "id": place_id,
            "backend": backend_id,
            "location": _text(location),
            "sealed": self._sealed(place_id, credentials),
            "updated_at": datetime.now(UTC),
        }
        tx.execute(_upsert, row)

    def renew(
        self, tx: db.Transaction, backend_id: str, hosts: Mapping[str, Any], *, old: Credentials, new: Credentials
    ) -> None:
        """Use ``new`` wherever ``old`` opens a place of the same hosts: a key that was changed is changed for all."""
        for row in tx.execute(sa.select(_places).where(_places.c.backend == backend_id)).all():
            location = orjson.loads(row.location)
            same_hosts = all(location.get(name) == value for name, value in hosts.items())
            if same_hosts and self._opened(row.id, row.sealed) == old:
                self.note(tx, backend_id, location, new)

    def reseal(self, tx: db.Transaction) -> int:
        """Seal everything that can be opened with the newest key; return how many places that were."""
        done = 0
        # Locked: what is sealed again must not be credentials that are renewed meanwhile.
        for row in tx.execute(sa.select(_places).with_for_update()).all():
            if (anew := self._sealer.reseal(row.sealed)) is not None:
                tx.execute(sa.update(_places).where(_places.c.id == row.id).values(sealed=anew))
                done += 1
        return done

    def _sealed(self, place_id: str, credentials: Credentials) -> str:
        return self._sealer.seal(f"place {place_id}", orjson.dumps(dict(credentials)).decode())

    def _opened(self, place_id: str, sealed: str) -> Credentials | None:
        try:
            found = orjson.loads(self._sealer.open(f"place {place_id}", sealed))
        except (UnreadableSecretError, ValueError):
            return None
        return found if isinstance(found, dict) else None


def _text(location: Mapping[str, Any]) -> str:
    return orjson.dumps(dict(location), option=orjson.OPT_SORT_KEYS).decode()


def _id(backend_id: str, location: Mapping[str, Any]) -> str:
    return hashlib.sha256(f"{backend_id}\n{_text(location)}".encode()).hexdigest()
