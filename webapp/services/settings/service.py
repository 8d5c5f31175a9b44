"""Reads, validates and writes settings, and finds the places they and the rows name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from webapp import db
from webapp.backends.registry import BackendRegistry
from webapp.config import Config
from webapp.contracts.errors import ConfigurationError
from webapp.contracts.events import SettingsChanged
from webapp.contracts.settings import SettingField, SettingsModule
from webapp.db import table
from webapp.models import Tally
from webapp.services.errors import NotFoundError, ValidationError
from webapp.services.settings import rows, schema
from webapp.services.settings.catalogue import FILE_STORAGE, Catalogue, Declared
from webapp.services.settings.origins import origins
from webapp.services.settings.pins import Pins
from webapp.services.settings.places import NotedPlace, Place, Places
from webapp.services.settings.placing import GIVEN, Placer, credential_names
from webapp.services.settings.plans import Errors, Plan, Planner
from webapp.services.settings.sealing import Sealer
from webapp.services.settings.snapshots import Snapshot, Snapshots, sealing_place
from webapp.services.settings.values import masked
from webapp.services.settings.views import BackendView, FieldView, ModuleView

_tally = table(Tally)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """All file-storage settings of one moment."""

    backend: str
    max_file_size_bytes: int
    allowed_content_types: tuple[str, ...]
    file_visibility: str
    trash_retention_days: int
    values: Mapping[str, Any] = field(repr=False)
    """Every value by name, the backends' own ones included; no secrets."""
    snapshot: Snapshot = field(repr=False)


class SettingsService:
    """The settings of all modules."""

    def __init__(self, config: Config, registry: BackendRegistry) -> None:
        """Settings of this configuration, over these backends."""
        self._config = config
        self._registry = registry
        self._catalogue = Catalogue(registry)
        self._pins = Pins(config.environ)
        self.sealer = self._sealer = Sealer((config.secret_key, *config.old_secret_keys))
        self._also_sealed: list[Callable[[db.Transaction, Sealer], int]] = []
        self._snapshots = Snapshots(self._catalogue, self._pins, self._sealer)
        self._places = Places(self._sealer)
        self._planner = Planner(config, registry, self._catalogue, self._pins)
        self._placer = Placer(config, registry, self._places, self._pins)
        registry.reserve(GIVEN)

    # --- what there is ------------------------------------------------------------

    def add(self, module: SettingsModule) -> None:
        """Add a module of settings.

        Raises:
            ConfigurationError: it cannot be used, and why.
        """
        self._catalogue.add(module)

    def remove(self, module: SettingsModule) -> None:
        """Take a module back: of a plugin that failed later on."""
        self._catalogue.remove(module)

    def modules(self) -> tuple[SettingsModule, ...]:
        """All modules with their fields."""
        return self._catalogue.modules()

    def module(self, name: str) -> SettingsModule:
        """One module.

        Raises:
            NotFoundError: there is no such module.
        """
        return self._catalogue.module(name)

    def schema(self, module: str) -> dict[str, Any]:
        """The JSON Schema of a module's values.

        Raises:
            NotFoundError: there is no such module.
        """
        fields = self._catalogue.module(module).fields
        pinned = frozenset(f.name for f in fields if self._pins.variable(module, f))
        return schema.of(fields, self._registry.ids() if module == FILE_STORAGE else (), pinned)

    # --- reading ------------------------------------------------------------------

    def current(self, connection: Connection | None = None) -> Settings:
        """Read the file-storage settings as they are now. Rows that make no sense count as their defaults."""
        snapshot = self._snapshot(FILE_STORAGE, connection)
        values = snapshot.values
        return Settings(
            backend=values["backend"],
            max_file_size_bytes=values["max_file_size_bytes"],
            allowed_content_types=tuple(values["allowed_content_types"] or ()),
            file_visibility=values["file_visibility"],
            trash_retention_days=values["trash_retention_days"],
            values=values,
            snapshot=snapshot,
        )

    def values(self, module: str) -> Mapping[str, Any]:
        """All values of a module, its secrets included: for the code that needs them.

        Raises:
            NotFoundError: there is no such module.
        """
        return self._snapshot(module).everything()

    def view(self, module: str) -> ModuleView:
        """The module as it may be shown.

        Raises:
            NotFoundError: there is no such module.
        """
        found = self._catalogue.module(module)
        with db.read() as connection:
            # The version first: should somebody save in between, that save is then seen as a conflict, not lost.
            version = rows.version(connection, module)
            snapshot = self._snapshots.read(connection, module)
            touched = rows.touched(connection, module)
        return ModuleView(
            name=module,
            title=found.title,
            help=found.help,
            version=version,
            fields=tuple(
                self._field_view(module, each, snapshot, touched) for each in self._catalogue.declared(module)
            ),
        )

    def holdings(self, connection: Connection | None = None) -> dict[str, int]:
        """How many files are in each backend, those in the trash included."""
        if connection is None:
            with db.read() as opened:
                return self.holdings(opened)
        files = sa.func.sum(_tally.c.files)
        found = connection.execute(sa.select(_tally.c.backend, files).group_by(_tally.c.backend).having(files > 0))
        return {backend: int(count) for backend, count in found}

    def backends(self) -> tuple[BackendView, ...]:
        """The backends that are installed, and those that files are in although they are not."""
        holdings = self.holdings()
        ids = dict.fromkeys((*self._registry.ids(), *sorted(holdings)))
        return tuple(self._backend_view(backend_id, holdings.get(backend_id, 0)) for backend_id in ids)

    def unreadable_places(self) -> list[NotedPlace]:
        """Places whose credentials no key opens any more."""
        return [each for each in self.places() if not each.is_readable]

    def places(self) -> list[NotedPlace]:
        """The places that credentials are kept for."""
        with db.read() as connection:
            return self._places.all(connection)

    # --- writing ------------------------------------------------------------------

    def update(
        self,
        module: str,
        changes: Mapping[str, object],
        actor: Mapping[str, Any] | None = None,
        *,
        version: int | None = None,
        confirm_in_use: bool = False,
    ) -> int:
        """Save some values, all or none, and return the version that this makes.

        ``None`` resets a value to its default; a secret or masked value that is empty, or masked
        as it was shown, stays. ``version`` is the one that was looked at.

        Raises:
            NotFoundError: there is no such module.
            ValidationError: a name is unknown, a value does not fit, or the values do not go together.
            VersionConflictError: somebody else saved since ``version``.
        """
        before = self._snapshot(module)
        fitting, errors = self._planner.fit(module, changes, before)
        self._require(module, self._planner.plan(module, fitting, before), errors, confirm_in_use=confirm_in_use)
        if not fitting:
            with db.read() as connection:
                return rows.version(connection, module, version)
        with db.transaction() as tx:
            made = rows.next_version(tx, module, version)
            # Again, now that nobody gets in between: another save may have changed what these values go with.
            before = self._snapshots.read(tx.connection, module)
            plan = self._planner.plan(module, fitting, before)
            self._require(module, plan, {}, confirm_in_use=confirm_in_use)
            if not plan.changed:  # somebody saved just this, a moment ago
                return rows.take_back(tx, module)
            rows.write(tx, module, self._sealed(module, plan), (actor or {}).get("actor_id"))
            if module == FILE_STORAGE:
                self._placer.note(tx, plan, before)
            tx.emit(SettingsChanged(module=module, names=tuple(sorted(plan.changed)), version=made, **(actor or {})))
        return made

    def candidate(
        self,
        module: str,
        changes: Mapping[str, object],
        backend_id: str | None = None,
        *,
        seconds: float | None = None,
    ) -> Place:
        """Where files would go if these values were saved; nothing is saved. ``backend_id`` asks for another backend.

        ``seconds`` tells it how long it is of use.

        Raises:
            NotFoundError: there is no such module, or it has no backends.
            ValidationError: as for :meth:`update`.
            ConfigurationError: the backend cannot work with its settings.
        """
        if module != FILE_STORAGE:
            self._catalogue.module(module)
            raise NotFoundError(f"{module} has no backend to test")
        before = self._snapshot(module)
        fitting, errors = self._planner.fit(module, changes, before, active=backend_id)
        plan = self._planner.plan(module, fitting, before, active=backend_id)
        if backend_id and backend_id not in self._registry.ids():
            errors["backend"] = "unknown_backend"
        self._require(module, plan, errors, confirm_in_use=True)
        wanted = backend_id or plan.values["backend"]
        return self._placer.trial(wanted, plan, seconds)

    def reseal(self) -> int:
        """Seal all secrets with the newest key; return how many that were. Those that no key opens stay as they are."""
        with db.transaction() as tx:
            more = sum(reseal(tx, self._sealer) for reseal in self._also_sealed)
            return rows.reseal(tx, self._sealer) + self._places.reseal(tx) + more

    def also_reseal(self, reseal: Callable[[db.Transaction, Sealer], int]) -> None:
        """Reseal what else is sealed with our sealer; ``reseal`` returns how many secrets that were."""
        self._also_sealed.append(reseal)

    # --- places -------------------------------------------------------------------

    def active_place(self, settings: Settings) -> Place:
        """Where a new file goes. Nothing is stored by guess: a broken setting that decides about it is an error.

        Raises:
            ConfigurationError: the backend is unknown or cannot work with its settings.
        """
        self.require_known(settings, *(each.name for each in self._registry.fields_of(settings.backend)))
        return self._placer.active(settings.backend, settings.snapshot)

    @staticmethod
    def require_known(settings: Settings, *names: str) -> None:
        """Store nothing by guess: these settings, and those that decide about every file, can be used.

        Raises:
            ConfigurationError: one of them is broken.
        """
        deciding = {"backend", "allowed_content_types", "max_file_size_bytes"}
        if broken := sorted(deciding.union(names) & settings.snapshot.problems.keys()):
            raise ConfigurationError(f"settings cannot be used: {', '.join(broken)}", cause="settings")

    def place_of(self, backend_id: str, location: Mapping[str, Any], settings: Settings) -> Place:
        """Where a stored file is: its row's location, with the credentials of that place.

        Raises:
            ConfigurationError: the backend is unknown or cannot work with its settings.
        """
        return self._placer.former(backend_id, location, settings.snapshot)

    # --- parts of the above ---------------------------------------------------------

    def _snapshot(self, module: str, connection: Connection | None = None) -> Snapshot:
        if connection is not None:
            return self._snapshots.read(connection, module)
        with db.read() as opened:
            return self._snapshots.read(opened, module)

    def _require(self, module: str, plan: Plan, errors: Errors, *, confirm_in_use: bool) -> None:
        if module == FILE_STORAGE and not confirm_in_use:
            plan.errors.update(self._in_use(plan))
        found = {**plan.errors, **errors}
        if found:
            raise ValidationError(found)

    def _in_use(self, plan: Plan) -> Errors:
        """Credentials that would be taken away while files need them."""
        gone = {name for name, value in plan.changed.items() if value is None}
        found: Errors = {}
        for backend_id in self._registry.ids():
            names = gone.intersection(credential_names(self._registry.fields_of(backend_id)))
            files = self.holdings().get(backend_id, 0) if names else 0
            if files:
                found.update({name: ("in_use", {"files": files}) for name in names})
        return found

    def _sealed(self, module: str, plan: Plan) -> dict[str, Any]:
        """What is written: secrets sealed for the hosts they will be used at."""
        declared = self._catalogue.declared(module)
        written = dict(plan.changed)
        for each in declared:
            text = written.get(each.field.name)
            if each.field.secret and text is not None:
                where = sealing_place(module, each.field.name, origins(each.owner, declared, plan.values))
                written[each.field.name] = {"sealed": self._sealer.seal(where, text)}
        return written

    def _field_view(
        self, module: str, each: Declared, snapshot: Snapshot, touched: Mapping[str, rows.Touched]
    ) -> FieldView:
        f = each.field
        found = touched.get(f.name)
        value = None if f.secret else snapshot.values.get(f.name)
        problem = snapshot.problems.get(f.name)
        if (module, f.name) == (FILE_STORAGE, "backend") and not problem and value not in self._registry.ids():
            problem = "unknown_backend"
        return FieldView(
            field=f,
            owner=each.owner,
            value=_shown(f, value),
            is_set=(f.name in snapshot.secrets or f.name in snapshot.stored) if f.secret else value is not None,
            stored=f.name in snapshot.stored,
            pinned=self._pins.variable(module, f),
            updated_at=found.at if found else None,
            updated_by=found.by if found else None,
            problem=problem,
        )

    def _backend_view(self, backend_id: str, files: int) -> BackendView:
        found = self._registry.class_of(backend_id)
        return BackendView(
            id=backend_id,
            label=str(getattr(found, "label", "") or schema.title(backend_id)),
            help=str(getattr(found, "help", "")),
            supports_presigned_url=bool(found and found.supports_presigned_url),
            files=files,
            installed=found is not None,
        )


def _shown(f: SettingField, value: Any) -> Any:
    if f.masked and isinstance(value, str) and value:
        return masked(value)
    return list(value) if isinstance(value, tuple) else value
