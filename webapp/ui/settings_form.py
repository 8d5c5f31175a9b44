"""What is in the form of a settings module: what was shown, what somebody made of it, and what to save of that.

Beside each value travels what was shown (``was.<name>``): only what differs is saved, and when somebody else
has saved meanwhile both can be told apart. Secrets never travel to the browser, not even those just typed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from werkzeug.datastructures import MultiDict

from webapp.services.settings import FieldView, ModuleView
from webapp.ui import filters
from webapp.ui.settings_values import is_default, meant, written

VERSION = "form.version"
CONFIRM = "confirm_in_use"
THEIRS = "theirs"


def is_hidden(view: FieldView) -> bool:
    """Whether what is stored is never sent to the browser as it is."""
    return view.field.secret or view.field.masked


@dataclass(frozen=True, kw_only=True)
class SettingsForm:
    """A form, empty of secrets that are stored. Everything is by the name of the field."""

    view: ModuleView
    version: int
    was: Mapping[str, str]
    """What was shown; for secrets, when they were set."""
    now: Mapping[str, str]
    """What stands there now."""
    typed: Mapping[str, str] = field(default_factory=dict, repr=False)
    """New secrets."""
    cleared: frozenset[str] = frozenset()
    """What is to be reset, by its own box."""
    opened: frozenset[str] = frozenset()
    """Secrets that are being replaced."""
    again: frozenset[str] = frozenset()
    """Secrets that were typed and are not sent back."""
    confirmed: bool = False
    """Files that become unreadable are known about."""

    @classmethod
    def fresh(cls, view: ModuleView) -> Self:
        """The form before anybody has touched it."""
        shown = {each.field.name: _shown(each) for each in view.fields}
        return cls(view=view, version=view.version, was=shown, now=shown)

    @classmethod
    def sent(cls, view: ModuleView, values: "MultiDict[str, str]") -> Self:
        """The form as a browser sends it. What is missing is as it was; what the environment sets stays."""
        fresh = cls.fresh(view)
        names = [each.field.name for each in view.fields if each.pinned is None]
        hidden = {each.field.name for each in view.fields if is_hidden(each)}
        was = {name: values.get(f"was.{name}", text) for name, text in fresh.was.items()}
        now = {name: _last(values, name, was[name]) for name in names if name not in hidden}
        version = values.get(VERSION, "")
        return replace(
            fresh,
            version=int(version) if version.isascii() and version.isdigit() and len(version) <= 18 else view.version,
            was=was,
            now={**was, **now},
            typed={name: values[name] for name in names if name in hidden and values.get(name)},
            cleared=frozenset(name for name in names if f"clear.{name}" in values),
            opened=frozenset(name for name in names if f"replace.{name}" in values),
            confirmed=CONFIRM in values,
        )

    # What to save

    def is_changed(self, view: FieldView) -> bool:
        """Whether somebody has changed this field."""
        name = view.field.name
        if view.pinned is not None:
            return False
        if name in self.cleared or name in self.typed:
            return True
        return not is_hidden(view) and meant(view.field, self.now[name]) != meant(view.field, self.was[name])

    def changed(self) -> list[FieldView]:
        """The fields that somebody has changed."""
        return [each for each in self.view.fields if self.is_changed(each)]

    def changes(self, owner: str | None = None) -> dict[str, object]:
        """What to save: new values, None for what is reset; of one backend alone if it is named."""
        return {each.field.name: self._change(each) for each in self.changed() if owner is None or each.owner == owner}

    def _change(self, view: FieldView) -> object:
        name = view.field.name
        if name in self.typed:
            return self.typed[name]
        value = None if name in self.cleared else meant(view.field, self.now[name])
        return None if value is None or is_default(view.field, value) else value

    # What to show instead

    def with_default(self, name: str) -> Self:
        """The form with a field filled with its default; nothing is saved yet."""
        if name not in self.now:
            return self
        declared = self.view[name].field
        return replace(self, now={**self.now, name: written(declared, declared.default)})

    def with_open(self, name: str) -> Self:
        """The form with a secret's field open."""
        return replace(self, opened=self.opened | {name}, cleared=self.cleared - {name})

    def with_shut(self, name: str) -> Self:
        """The form with what is stored of a secret kept."""
        typed = {each: text for each, text in self.typed.items() if each != name}
        return replace(self, opened=self.opened - {name}, typed=typed)

    def without_secrets(self) -> Self:
        """The form as it may go back to the browser: with empty fields where secrets were typed."""
        names = frozenset(self.typed)
        return replace(self, typed={}, again=self.again | names, opened=self.opened | names)

    def rebased(self, view: ModuleView) -> Self:
        """The same changes on top of what somebody else has saved meanwhile."""
        fresh = self.fresh(view)
        mine = {each.field.name: self.now[each.field.name] for each in self.changed() if not is_hidden(each)}
        known = {name: text for name, text in mine.items() if name in fresh.now}
        return replace(self, view=view, version=view.version, was=fresh.was, now={**fresh.now, **known})

    def conflicts(self, view: ModuleView) -> list[FieldView]:
        """The fields, as they are now, that both have changed, to different values."""
        names = {each.field.name for each in self.changed()}
        return [each for each in view.fields if each.field.name in names and self._differs(each)]

    def _differs(self, theirs: FieldView) -> bool:
        name, shown = theirs.field.name, _shown(theirs)
        if is_hidden(theirs) or name in self.cleared:
            return shown != self.was[name]
        found = meant(theirs.field, shown)
        return found not in (meant(theirs.field, self.was[name]), meant(theirs.field, self.now[name]))


def _shown(view: FieldView) -> str:
    """What stands in a field at first. What is broken has no value to show, so that any choice is a change."""
    if is_hidden(view):
        return filters.iso(view.updated_at) if view.updated_at else ""
    if view.problem and not view.pinned and view.field.type != "boolean":
        return ""
    return written(view.field, view.value)


def _last(values: "MultiDict[str, str]", name: str, was: str) -> str:
    """A box comes after a hidden field that speaks for it where it is not ticked."""
    if values.get(f"keep.{name}") == THEIRS:
        return was
    found = values.getlist(name)
    return found[-1] if found else was
