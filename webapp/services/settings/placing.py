"""From settings, or from where a row says its bytes are, to a backend that works there."""

from collections.abc import Mapping
from typing import Any

from webapp import db
from webapp.backends.registry import BackendRegistry
from webapp.config import Config
from webapp.contracts.settings import SettingField
from webapp.services import paths
from webapp.services.settings.catalogue import FILE_STORAGE, Declared
from webapp.services.settings.origins import ADDRESSES, origins
from webapp.services.settings.pins import Pins
from webapp.services.settings.places import Credentials, Place, Places
from webapp.services.settings.plans import Plan
from webapp.services.settings.snapshots import Snapshot

GIVEN = ("allow_private_addresses", "state_dir", "trial_seconds")
"""What backends are told beside the values of their fields."""
Fields = tuple[SettingField, ...]


class Placer:
    """Makes places, each with its own credentials, and notes them when settings are saved."""

    def __init__(self, config: Config, registry: BackendRegistry, places: Places, pins: Pins) -> None:
        """Make them with the backends of ``registry``."""
        self._config = config
        self._registry = registry
        self._places = places
        self._pins = pins

    def active(self, backend_id: str, snapshot: Snapshot) -> Place:
        """The place that the settings name.

        Raises:
            ConfigurationError: the backend is unknown or cannot work with its settings.
        """
        fields = self._registry.fields_of(backend_id)
        location = _location(fields, snapshot.values)
        return Place(
            backend_id, self._registry.get(backend_id, self._options(backend_id, snapshot, location)), location
        )

    def former(self, backend_id: str, location: Mapping[str, Any], snapshot: Snapshot) -> Place:
        """The place of a stored file, opened with what belongs to that place.

        Raises:
            ConfigurationError: the backend is unknown or cannot work with its settings.
        """
        fields = self._registry.fields_of(backend_id)
        # A field that the row does not know was added later: the file is where the default says.
        kept = {f.name: location.get(f.name, f.default) for f in fields if f.location}
        if not location or kept == _location(fields, snapshot.values):
            return self.active(backend_id, snapshot)
        options = self._options(backend_id, snapshot, kept)
        options.update(self._credentials(backend_id, fields, snapshot, kept))
        return Place(backend_id, self._registry.get(backend_id, options), kept)

    def trial(self, backend_id: str, plan: Plan, seconds: float | None) -> Place:
        """A place of its own for values that are only tried, of use for so many seconds.

        Raises:
            ConfigurationError: the backend is unknown or cannot work with its settings.
        """
        location = _location(self._registry.fields_of(backend_id), plan.values)
        options = self._options(backend_id, Snapshot(plan.values, plan.secrets), location)
        options["trial_seconds"] = seconds
        return Place(backend_id, self._registry.fresh(backend_id, options), location)

    def note(self, tx: db.Transaction, plan: Plan, before: Snapshot) -> None:
        """Note the places of backends whose settings were saved, with what opens them now."""
        for backend_id in self._registry.ids():
            fields = self._registry.fields_of(backend_id)
            if credential_names(fields) and any(f.name in plan.changed for f in fields):
                self._note(tx, backend_id, fields, plan, before)

    def _note(self, tx: db.Transaction, backend_id: str, fields: Fields, plan: Plan, before: Snapshot) -> None:
        there = _location(fields, plan.values)
        key = _telling(fields, there)
        new = self._stored(fields, plan.everything())
        stays = there == _location(fields, before.values)
        # What opened this place until now: by its own note, else by the settings that led there.
        old = self._places.credentials(tx.connection, backend_id, key)
        if old is None and stays:
            old = self._stored(fields, before.everything())
        if old and old != new:
            hosts = {f.name: there[f.name] for f in fields if f.location and f.format in ADDRESSES}
            self._places.renew(tx, backend_id, hosts, old=old, new=new)
        self._places.note(tx, backend_id, key, new)

    def _credentials(
        self, backend_id: str, fields: Fields, snapshot: Snapshot, kept: Mapping[str, Any]
    ) -> dict[str, str | None]:
        """What opens a former place. The environment's own is used at the hosts it was meant for, and nowhere else."""
        if not credential_names(fields):
            return {}
        with db.read() as connection:
            noted = self._places.credentials(connection, backend_id, _telling(fields, kept))
        declared = tuple(Declared(f, backend_id) for f in fields)
        same_hosts = origins(backend_id, declared, kept) == origins(backend_id, declared, snapshot.values)
        now = snapshot.everything()
        found: dict[str, str | None] = {}
        for f in fields:
            if f.secret or f.masked:
                pinned = self._pins.variable(FILE_STORAGE, f) is not None
                of_now = now.get(f.name) if same_hosts else None
                found[f.name] = of_now if pinned or noted is None else noted.get(f.name)
        return found

    def _options(self, backend_id: str, snapshot: Snapshot, location: Mapping[str, Any]) -> dict[str, Any]:
        options: dict[str, Any] = {
            "allow_private_addresses": self._config.allow_private_endpoints,
            "state_dir": str(self._config.instance_dir / "backends" / backend_id),
        }
        for f in self._registry.fields_of(backend_id):
            value = snapshot.secrets.get(f.name) if f.secret else snapshot.values.get(f.name, f.default)
            if f.location:
                value = location[f.name]
            if f.path and isinstance(value, str):
                value = paths.absolute(value, self._config)
            options[f.name] = tuple(value) if isinstance(value, list) else value
        return options

    def _stored(self, fields: Fields, everything: Mapping[str, Any]) -> Credentials:
        """The credentials that are ours to keep: not what the environment sets."""
        return {
            f.name: everything[f.name]
            for f in fields
            if (f.secret or f.masked) and everything.get(f.name) and not self._pins.variable(FILE_STORAGE, f)
        }


def credential_names(fields: Fields) -> list[str]:
    """Names of what opens places of a backend."""
    return [f.name for f in fields if f.secret or f.masked]


def _location(fields: Fields, values: Mapping[str, Any]) -> dict[str, Any]:
    found = {f.name: values.get(f.name, f.default) for f in fields if f.location}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}


def _telling(fields: Fields, location: Mapping[str, Any]) -> dict[str, Any]:
    """The location without what is at its default: a field added later changes nothing about older notes."""
    return {f.name: location[f.name] for f in fields if f.location and location[f.name] != f.default}
