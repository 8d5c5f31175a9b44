"""Which settings there are: the modules and their fields, those of the backends included."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from webapp.backends.registry import BackendRegistry
from webapp.contracts.errors import ConfigurationError
from webapp.contracts.settings import SettingField, SettingsModule, faults, is_name
from webapp.services.errors import NotFoundError

FILE_STORAGE = "file_storage"
_TAKEN = frozenset({"stowage"})

CORE_FIELDS: tuple[SettingField, ...] = (
    SettingField(
        name="backend",
        label="Backend",
        help="Where new files are stored. Files that are there already stay where they are.",
        default="filesystem",
        required=True,
    ),
    SettingField(
        name="max_file_size_bytes",
        label="Largest file",
        help="Largest file accepted, in bytes. A file of exactly this size still is.",
        type="integer",
        format="bytes",
        default=104_857_600,
        required=True,
        minimum=1,
        maximum=2**63 - 1,
    ),
    SettingField(
        name="allowed_content_types",
        label="Allowed types",
        help=(
            "Media types accepted, such as image/png or image/*. Empty: all of them. Both what the client says and"
            " what the bytes look like has to be allowed."
        ),
        type="list",
        format="media_types",
    ),
    SettingField(
        name="file_visibility",
        label="Who sees which files",
        help="Whether users see all files or only their own. Admins see all.",
        default="all",
        required=True,
        choices=("all", "own"),
    ),
    SettingField(
        name="trash_retention_days",
        label="Keep deleted files for",
        help="Days a file stays in the trash before it goes for good.",
        type="integer",
        format="days",
        default=30,
        required=True,
        minimum=1,
        maximum=3650,
    ),
)


@dataclass(frozen=True, slots=True)
class Declared:
    """A field, and whose it is: ``owner`` is the id of a backend, or empty for the module itself."""

    field: SettingField
    owner: str = ""


class Catalogue:
    """The modules of one application. They are added at the start, and stay unless their plugin fails."""

    def __init__(self, registry: BackendRegistry) -> None:
        """Begin with none; the fields of ``file_storage`` will include those of the backends as they come."""
        self._registry = registry
        registry.reserve(field.name for field in CORE_FIELDS)
        self._modules: dict[str, SettingsModule] = {}
        self._declared: dict[str, tuple[tuple[str, ...], tuple[Declared, ...]]] = {}

    def add(self, module: SettingsModule) -> None:
        """Add a module.

        Raises:
            ConfigurationError: it cannot be used, and why.
        """
        given: object = module  # a plugin may hand in anything
        if not isinstance(given, SettingsModule) or not is_name(given.name):
            raise ConfigurationError(f"{module!r} is no settings module with a proper name")
        if module.name in self._modules:
            raise ConfigurationError(f"two settings modules are called {module.name}")
        if module.name in _TAKEN:
            raise ConfigurationError(f"{module.name} would read variables of the environment that are not its own")
        if fault := next(faults(module.fields), None):
            raise ConfigurationError(f"settings module {module.name}: {fault}")
        self._modules[module.name] = module

    def remove(self, module: SettingsModule) -> None:
        """Take a module back."""
        if self._modules.get(module.name) is module:
            del self._modules[module.name]
            self._declared.pop(module.name, None)

    def modules(self) -> tuple[SettingsModule, ...]:
        """All modules, each with all its fields; the one of the files is the first."""
        return tuple(self.module(name) for name in sorted(self._modules, key=lambda name: name != FILE_STORAGE))

    def module(self, name: str) -> SettingsModule:
        """One module with all its fields.

        Raises:
            NotFoundError: there is no such module.
        """
        found = self._modules.get(name)
        if found is None:
            raise NotFoundError(f"no settings module {name!r}")
        return replace(found, fields=tuple(each.field for each in self.declared(name)))

    def check(self, name: str, values: Mapping[str, Any]) -> Mapping[str, str]:
        """What the module itself finds wrong with these values.

        Raises:
            ConfigurationError: it fails to say.
        """
        try:
            return dict(self._modules[name].check(values))
        except Exception as exc:
            raise ConfigurationError(f"check of the settings {name} failed", cause="settings") from exc

    def declared(self, name: str) -> tuple[Declared, ...]:
        """The fields of a module and whose they are, in order.

        Raises:
            NotFoundError: there is no such module.
        """
        ids = self._registry.ids()
        known = self._declared.get(name)
        if known is None or known[0] != ids:
            known = self._declared[name] = ids, self._collected(name)
        return known[1]

    def _collected(self, name: str) -> tuple[Declared, ...]:
        if name not in self._modules:
            raise NotFoundError(f"no settings module {name!r}")
        own = tuple(Declared(field) for field in self._modules[name].fields)
        if name != FILE_STORAGE:
            return own
        return own + tuple(
            Declared(field, backend_id)
            for backend_id in self._registry.ids()
            for field in self._registry.fields_of(backend_id)
        )
