"""Settings, for admins: ``/api/settings/modules``."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import Blueprint, Response

from webapp.api.describe import describe
from webapp.http import answers, params
from webapp.http.auth import permission
from webapp.http.context import caller, services
from webapp.http.i18n import t
from webapp.services.access import Permission
from webapp.services.errors import VersionConflictError
from webapp.services.probe import ProbeStep
from webapp.services.settings import FILE_STORAGE, FieldView, ModuleView

blueprint = Blueprint("api_settings", __name__, url_prefix="/api/settings/modules")
_VALUES = {"help": "Name to value, only what changes: null resets, an empty secret or masked value stays as it is."}


@dataclass(frozen=True, kw_only=True)
class SettingsIn:
    """Values to be saved, all of them or none."""

    values: dict[str, Any] = field(metadata=_VALUES, repr=False)
    version: int | None = field(
        default=None, metadata={"help": "The version that was looked at; another one is a conflict.", "minimum": 0}
    )
    confirm_in_use: bool = field(
        default=False, metadata={"help": "Take away credentials even though files are read with them."}
    )


@dataclass(frozen=True, kw_only=True)
class SettingsTestIn:
    """Values to be tried, not saved."""

    values: dict[str, Any] = field(metadata=_VALUES, repr=False)
    backend: str | None = field(default=None, metadata={"help": "The backend to try; null: that of the values."})


@dataclass(frozen=True, kw_only=True)
class SettingsModuleOut:
    """A module of settings."""

    name: str
    title: str


@dataclass(frozen=True, kw_only=True)
class SettingsModuleListOut:
    """The modules of settings there are."""

    items: list[SettingsModuleOut]


@dataclass(frozen=True, kw_only=True)
class SecretOut:
    """A secret, of which only this is told."""

    set: bool
    updated_at: datetime | None
    updated_by: str | None = field(metadata={"help": "User name; null: the command line."})


@dataclass(frozen=True, kw_only=True)
class SettingChangedOut:
    """When a value was saved, and by whom."""

    at: datetime
    by: str | None = field(metadata={"help": "User name; null: the command line."})


@dataclass(frozen=True, kw_only=True)
class SettingsBackendOut:
    """A backend, as far as the settings are concerned."""

    id: str
    label: str
    files: int = field(metadata={"help": "Files in it, those in the trash included.", "minimum": 0})
    installed: bool


@dataclass(frozen=True, kw_only=True)
class SettingsOut:
    """The settings of a module as they are now."""

    name: str
    title: str
    version: int = field(metadata={"help": "Goes up with every save."})
    values: dict[str, Any] = field(metadata={"help": "Name to value; ids of keys are masked, secrets are not here."})
    secrets: dict[str, SecretOut]
    schema: dict[str, Any] = field(metadata={"help": "JSON Schema (2020-12) of `values` in a save."})
    pinned: dict[str, str] = field(metadata={"help": "What the environment sets: name to variable. Read-only."})
    changed: dict[str, SettingChangedOut] = field(metadata={"help": "What was ever saved and not reset since."})
    problems: dict[str, str] = field(metadata={"help": "What is stored but cannot be used: name to a sentence."})
    backends: list[SettingsBackendOut] = field(
        metadata={"help": "Backends that are installed, or that files are in all the same; empty for other modules."}
    )
    unreadable_places: int = field(
        metadata={"help": "Former places whose credentials no key opens: files there cannot be read."}
    )


@dataclass(frozen=True, kw_only=True)
class ProbeStepOut:
    """A step of a test."""

    name: str
    ok: bool
    ms: int
    cause: str | None = field(metadata={"help": "Why it failed, in one word, or `skipped`; null where it did not."})
    message: str | None = field(metadata={"help": "The same as a sentence."})


@dataclass(frozen=True, kw_only=True)
class SettingsTestOut:
    """What became of a test."""

    ok: bool
    backend: str
    steps: list[ProbeStepOut]


@blueprint.get("")
@permission(Permission.SETTINGS)
@describe(summary="List the modules of settings", answers={200: SettingsModuleListOut})
def list_modules() -> Response:
    modules = services().settings.modules()
    return answers.json(SettingsModuleListOut(items=[SettingsModuleOut(name=m.name, title=m.title) for m in modules]))


@blueprint.get("/<module>")
@permission(Permission.SETTINGS)
@describe(summary="Show settings", answers={200: SettingsOut}, errors=("not_found",))
def show(module: str) -> Response:
    return answers.json(_document(services().settings.view(module)))


@blueprint.put("/<module>")
@permission(Permission.SETTINGS)
@describe(
    summary="Change settings",
    details=(
        "They count from the next request on, everywhere. With one wrong value, nothing is saved."
        "\n\nA `conflict` tells what counts now: `version`, and in `current` the values that were sent."
    ),
    body=SettingsIn,
    answers={200: SettingsOut},
    errors=("not_found", "conflict"),
)
def change(module: str) -> Response:
    wanted = params.body(SettingsIn)
    service = services().settings
    try:
        service.update(
            module,
            wanted.values,
            caller().actor,
            version=wanted.version,
            confirm_in_use=wanted.confirm_in_use,
        )
    except VersionConflictError as exc:
        now = service.view(module)
        exc.data.update(version=now.version, current=_values(now, only=wanted.values))
        raise
    return answers.json(_document(service.view(module)))


@blueprint.post("/<module>/test")
@permission(Permission.SETTINGS)
@describe(
    summary="Try settings before they are saved",
    details="Writes, reads and deletes a small object with these values over those that are saved. Nothing stays.",
    body=SettingsTestIn,
    answers={200: SettingsTestOut},
    errors=("not_found", "backend_error"),
)
def test(module: str) -> Response:
    wanted = params.body(SettingsTestIn)
    result = services().probe.run(module, wanted.values, wanted.backend)
    steps = [_step(each) for each in result.steps]
    return answers.json(SettingsTestOut(ok=result.ok, backend=result.backend_id, steps=steps))


def _document(view: ModuleView) -> SettingsOut:
    secrets = [each for each in view.fields if each.field.secret]
    return SettingsOut(
        name=view.name,
        title=view.title,
        version=view.version,
        values=_values(view),
        secrets={
            each.field.name: SecretOut(set=each.is_set, updated_at=each.updated_at, updated_by=each.updated_by)
            for each in secrets
        },
        schema=services().settings.schema(view.name),
        pinned={each.field.name: each.pinned for each in view.fields if each.pinned},
        changed={
            each.field.name: SettingChangedOut(at=each.updated_at, by=each.updated_by)
            for each in view.fields
            if each.updated_at
        },
        problems={each.field.name: _problem(each) for each in view.fields if each.problem},
        backends=_backends(view),
        unreadable_places=len(services().settings.unreadable_places()),
    )


def _backends(view: ModuleView) -> list[SettingsBackendOut]:
    if view.name != FILE_STORAGE:
        return []
    return [
        SettingsBackendOut(id=each.id, label=each.label, files=each.files, installed=each.installed)
        for each in services().settings.backends()
    ]


def _values(view: ModuleView, only: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        each.field.name: each.value
        for each in view.fields
        if not each.field.secret and (only is None or each.field.name in only)
    }


def _problem(each: FieldView) -> str:
    return t(f"settings.problems.{each.problem}")


def _step(step: ProbeStep) -> ProbeStepOut:
    message = t(f"settings.probe.causes.{step.cause}") if step.cause else None
    return ProbeStepOut(name=step.name, ok=step.ok, ms=step.ms, cause=step.cause, message=message)
