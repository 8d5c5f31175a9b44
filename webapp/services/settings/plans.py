"""A save before it happens: what would change, what would be the case then, and what is wrong with that."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from webapp.backends.registry import BackendRegistry
from webapp.config import Config
from webapp.contracts.settings import SettingField
from webapp.services import outbound, paths
from webapp.services.settings.catalogue import FILE_STORAGE, Catalogue, Declared
from webapp.services.settings.origins import origins
from webapp.services.settings.pins import Pins
from webapp.services.settings.snapshots import Snapshot
from webapp.services.settings.values import Problem, UnfitError, coerce, is_empty, is_mask, masked

Errors = dict[str, Problem]


@dataclass(slots=True)
class Plan:
    """What a save would do. ``changed`` has None for what is reset."""

    changed: dict[str, Any] = field(repr=False)
    values: dict[str, Any]
    secrets: dict[str, str] = field(repr=False)
    errors: Errors = field(default_factory=dict)

    def everything(self) -> dict[str, Any]:
        """Values and secrets."""
        return {**self.values, **self.secrets}


class Planner:
    """Works out saves, without writing anything."""

    def __init__(self, config: Config, registry: BackendRegistry, catalogue: Catalogue, pins: Pins) -> None:
        """Judge by the rules of these."""
        self._config = config
        self._registry = registry
        self._catalogue = catalogue
        self._pins = pins

    def fit(
        self, module: str, changes: Mapping[str, object], before: Snapshot, *, active: str | None = None
    ) -> tuple[dict[str, Any], Errors]:
        """Each value by itself: coerced, or an error. What stays as it is, is left out. May look at disks and DNS.

        ``active`` is a backend whose paths and addresses are looked at whether they change or not.
        """
        known = {each.field.name: each.field for each in self._catalogue.declared(module)}
        fitting: dict[str, Any] = {}
        errors: Errors = {}
        for name, value in changes.items():
            if name not in known:
                errors[name] = "unknown_field"
                continue
            try:
                fitting[name] = self._fit(module, known[name], value, before)
            except UnfitError as exc:
                errors[name] = exc.problem
        fitting = {name: value for name, value in fitting.items() if _changes(known[name], value, before)}
        for name in list(fitting):
            if variable := self._pins.variable(module, known[name]):
                errors[name] = ("pinned", {"variable": variable})
        until = time.monotonic() + outbound.SECONDS_TO_RESOLVE  # for all names together
        for each in self._to_look_at(module, fitting, errors, active):
            value = fitting.get(each.name, before.values.get(each.name))
            if problem := self._looked_at(each, each.default if value is None else value, until):
                errors.setdefault(each.name, problem)
        return {name: value for name, value in fitting.items() if name not in errors}, errors

    def plan(self, module: str, fitting: Mapping[str, Any], before: Snapshot, *, active: str | None = None) -> Plan:
        """All values together. ``active`` is the backend that shall work, if not the one of the values."""
        declared = self._catalogue.declared(module)
        by_name = {each.field.name: each.field for each in declared}
        changed = {name: value for name, value in fitting.items() if _changes(by_name[name], value, before)}
        plan = Plan(changed, dict(before.values), dict(before.secrets))
        for name, value in changed.items():
            _apply(plan, by_name[name], value)
        plan.errors.update(self._secrets_elsewhere(module, declared, plan, before))
        if module == FILE_STORAGE:
            for name, problem in self._backend_problems(declared, plan, active):
                plan.errors.setdefault(name, problem)
        for each in declared:
            if not each.owner and each.field.required and _is_missing(each.field, plan):
                plan.errors.setdefault(each.field.name, "required")
        for name, sentence in self._catalogue.check(module, plan.everything()).items():
            plan.errors.setdefault(name, sentence)
        return plan

    def _fit(self, module: str, declared: SettingField, value: object, before: Snapshot) -> Any:
        if value is None:
            return None
        if declared.masked and isinstance(value, str) and is_mask(value):
            if value != masked(before.values.get(declared.name) or ""):
                raise UnfitError("is_a_mask")
            return _KEEP  # what was shown came back
        if (module, declared.name) == (FILE_STORAGE, "backend") and value not in self._registry.ids():
            raise UnfitError("unknown_backend" if isinstance(value, str) else "not_text")
        if is_empty(declared, value) and not (declared.required and declared.default is not None):
            # Nothing was entered: for a secret that means that it stays.
            return _KEEP if declared.secret or declared.masked else None
        return coerce(declared, value)

    def _to_look_at(
        self, module: str, fitting: Mapping[str, Any], errors: Errors, active: str | None
    ) -> Iterator[SettingField]:
        """Changed paths and addresses, and those of a backend that was just chosen."""
        declared = self._catalogue.declared(module)
        chosen: Any = active
        if module == FILE_STORAGE and "backend" in fitting:
            chosen = fitting["backend"] or next(each.field.default for each in declared if each.field.name == "backend")
        for each in declared:
            is_meant = each.field.name in fitting or (chosen is not None and each.owner == chosen)
            if is_meant and each.field.name not in errors:
                yield each.field

    def _looked_at(self, declared: SettingField, value: Any, until: float) -> Problem | None:
        if not isinstance(value, str) or not value:
            return None
        if declared.path:
            return paths.problem(value, self._config)
        if declared.format in ("url", "public_url"):
            # Stowage itself does not connect to addresses for browsers, except to test them.
            allow = self._config.allow_private_endpoints or declared.format == "public_url"
            left = max(0.1, until - time.monotonic())
            return outbound.problem(value, allow_private=allow, seconds=left)
        return None

    def _secrets_elsewhere(
        self, module: str, declared: Iterable[Declared], plan: Plan, before: Snapshot
    ) -> Iterator[tuple[str, Problem]]:
        """Secrets that would be used at another host than they were entered for."""
        declared = tuple(declared)
        for each in declared:
            name = each.field.name
            if not each.field.secret or name not in before.secrets or name in plan.changed:
                continue
            if origins(each.owner, declared, before.values) == origins(each.owner, declared, plan.values):
                continue
            variable = self._pins.variable(module, each.field)
            yield name, ("secret_pinned", {"variable": variable}) if variable else "secret_again"

    def _backend_problems(
        self, declared: Iterable[Declared], plan: Plan, active: str | None
    ) -> Iterator[tuple[str, Problem]]:
        working = active or plan.values["backend"]
        touched = {each.owner for each in declared if each.field.name in plan.changed}
        if working not in self._registry.ids() or not (active or "backend" in plan.changed or working in touched):
            return
        # The others may be filled in bit by bit; what they lack is said when one of them is chosen.
        fields = self._registry.fields_of(working)
        yield from ((f.name, "required") for f in fields if f.required and _is_missing(f, plan))
        everything = plan.everything()
        yield from self._registry.check(working, {f.name: everything.get(f.name) for f in fields}).items()


class _Keep:
    """Stands for: this value stays as it is."""


_KEEP = _Keep()


def _changes(declared: SettingField, value: Any, before: Snapshot) -> bool:
    """Whether saving ``value`` changes anything."""
    name = declared.name
    if value is _KEEP:
        return False
    if value is None:
        return name in before.stored
    if declared.secret or name in before.problems:
        return True
    current = before.values.get(name)
    return bool(value != (list(current) if isinstance(current, tuple) else current))


def _apply(plan: Plan, declared: SettingField, value: Any) -> None:
    if not declared.secret:
        plan.values[declared.name] = declared.default if value is None else value
    elif value is None:
        plan.secrets.pop(declared.name, None)
    else:
        plan.secrets[declared.name] = value


def _is_missing(declared: SettingField, plan: Plan) -> bool:
    return plan.everything().get(declared.name) in (None, "", (), [])
