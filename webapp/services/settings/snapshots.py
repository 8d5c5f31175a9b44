"""The settings of one moment: rows and environment made into values, and what is wrong with them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy.engine import Connection

from webapp.contracts.settings import SettingField
from webapp.services.settings import rows
from webapp.services.settings.catalogue import FILE_STORAGE, Catalogue, Declared
from webapp.services.settings.origins import ADDRESSES, origins
from webapp.services.settings.pins import Pins
from webapp.services.settings.sealing import Sealer, UnreadableSecretError
from webapp.services.settings.values import coerce

BROKEN_MEANS: Mapping[tuple[str, str], object] = {(FILE_STORAGE, "file_visibility"): "own"}
"""Where the default would open what somebody had closed."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything about a module at one moment."""

    values: Mapping[str, Any]
    """All values by name, but for secrets."""
    secrets: Mapping[str, str] = field(repr=False)
    """The secrets that are set and can be read."""
    stored: frozenset[str] = frozenset()
    """Names with a row of their own."""
    problems: Mapping[str, str] = field(default_factory=dict)
    """What cannot be used, and why: a key of the namespace ``settings.problems``."""

    def everything(self) -> dict[str, Any]:
        """Values and secrets."""
        return {**self.values, **self.secrets}


class Snapshots:
    """Reads modules. A row counts from the moment it is committed: nothing is kept but what the same rows mean."""

    def __init__(self, catalogue: Catalogue, pins: Pins, sealer: Sealer) -> None:
        """Read what the catalogue declares."""
        self._catalogue = catalogue
        self._pins = pins
        self._sealer = sealer
        self._last: dict[str, tuple[object, object, Snapshot]] = {}

    def read(self, connection: Connection, module: str) -> Snapshot:
        """The module as it is now.

        Raises:
            NotFoundError: there is no such module.
        """
        declared = self._catalogue.declared(module)
        stored = rows.read(connection, module)
        last = self._last.get(module)
        if last is not None and last[0] == stored and last[1] is declared:
            return last[2]
        made = self._made(module, declared, dict(stored))
        self._last[module] = stored, declared, made
        return made

    def _made(self, module: str, declared: tuple[Declared, ...], stored: Mapping[str, str]) -> Snapshot:
        values: dict[str, Any] = {}
        secrets: dict[str, str] = {}
        problems: dict[str, str] = {}
        for each in declared:
            if not each.field.secret:
                value = self._value(module, each.field, stored, problems)
                # Kept from request to request: nobody who gets it may be able to change it.
                values[each.field.name] = tuple(value) if isinstance(value, list) else value
        for each in declared:
            if each.field.secret and (text := self._secret(module, each, declared, values, stored, problems)):
                secrets[each.field.name] = text
        known = frozenset(stored) & frozenset(each.field.name for each in declared)
        return Snapshot(values, secrets, known, problems)

    def _value(self, module: str, declared: SettingField, stored: Mapping[str, str], problems: dict[str, str]) -> Any:
        pinned = self._pins.variable(module, declared) is not None
        if not pinned and declared.name not in stored:
            return declared.default
        try:
            if pinned:
                return coerce(declared, self._pins.text(module, declared))
            return coerce(declared, orjson.loads(stored[declared.name]))
        except ValueError:
            problems[declared.name] = "pinned_invalid" if pinned else "garbage"
            return BROKEN_MEANS.get((module, declared.name), declared.default)

    def _secret(
        self,
        module: str,
        each: Declared,
        declared: tuple[Declared, ...],
        values: Mapping[str, Any],
        stored: Mapping[str, str],
        problems: dict[str, str],
    ) -> str | None:
        name = each.field.name
        try:
            if self._pins.variable(module, each.field) is not None:
                return self._pinned_secret(module, each, declared, values, problems)
            if name not in stored:
                return None
            sealed = rows.sealed_in(stored[name])
            if sealed is None:
                problems[name] = "not_sealed"
                return None
            where = origins(each.owner, declared, values)
            return self._sealer.open(sealing_place(module, name, where), sealed)
        except UnreadableSecretError as exc:
            problems[name] = "secret_elsewhere" if exc.elsewhere else "unreadable_secret"
        except ValueError:
            problems[name] = "pinned_invalid" if self._pins.variable(module, each.field) else "garbage"
        return None

    def _pinned_secret(
        self,
        module: str,
        each: Declared,
        declared: tuple[Declared, ...],
        values: Mapping[str, Any],
        problems: dict[str, str],
    ) -> str | None:
        """The environment's secret, for hosts that the environment names too, or for none: never for one in a row."""
        for other in declared:
            is_beside = other.owner == each.owner and other.field.format in ADDRESSES
            is_saved = self._pins.variable(module, other.field) is None
            if is_beside and is_saved and values.get(other.field.name) != other.field.default:
                problems[each.field.name] = "pinned_elsewhere"
                return None
        return str(coerce(each.field, self._pins.text(module, each.field)))


def sealing_place(module: str, name: str, where: str) -> str:
    """What a secret is sealed for: the setting, and the hosts it may be used at."""
    return f"{module}.{name}@{where}"
