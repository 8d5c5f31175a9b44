"""What may be shown of settings: never a secret, and of masked values a few characters."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from webapp.contracts.settings import SettingField


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldView:
    """One field as it is now."""

    field: SettingField
    owner: str
    """Id of the backend it belongs to; empty for the module itself."""
    value: Any
    """What counts now; masked where the field is, None for secrets."""
    is_set: bool
    """Whether there is a value, or a secret."""
    stored: bool
    """Whether it has a row of its own, so that no default applies."""
    pinned: str | None
    """Name of the environment variable that sets it."""
    updated_at: datetime | None
    updated_by: str | None
    """User name; None for the command line."""
    problem: str | None
    """Why its row cannot be used: a key of the namespace ``settings.problems``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModuleView:
    """A module as it is now."""

    name: str
    title: str
    help: str
    version: int
    fields: tuple[FieldView, ...]

    def __getitem__(self, name: str) -> FieldView:
        """The field of that name."""
        for each in self.fields:
            if each.field.name == name:
                return each
        raise KeyError(name)


@dataclass(frozen=True, kw_only=True, slots=True)
class BackendView:
    """A backend that is installed, or that files are in although it is not."""

    id: str
    label: str
    help: str
    supports_presigned_url: bool
    files: int
    """Files in it, those in the trash included."""
    installed: bool
