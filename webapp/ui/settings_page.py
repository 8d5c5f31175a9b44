"""How a settings module is drawn: sections and controls, made from what the fields say about themselves."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from webapp.http.context import services
from webapp.http.i18n import has, t
from webapp.services.settings import FILE_STORAGE, BackendView, FieldView, ModuleView
from webapp.ui import filters, settings_words
from webapp.ui.settings_form import SettingsForm, is_hidden
from webapp.ui.settings_values import is_default, meant, written

BACKEND = "backend"
_SECTIONS = {
    BACKEND: BACKEND,
    "max_file_size_bytes": "uploads",
    "allowed_content_types": "uploads",
    "trash_retention_days": "trash",
    "file_visibility": "access",
}
"""Where the fields of the core belong. Those of a backend have a section of their own."""
_ORDER = (BACKEND, "backends", "uploads", "trash", "access", "rest")
_MOST_CARDS = 3
"""More choices than that are a menu."""
_LONG_HELP = 90
_WIDE_FORMATS = ("url", "public_url")


@dataclass(frozen=True, kw_only=True)
class Option:
    """One choice of a field."""

    value: str
    label: str
    help: str = ""
    active: bool = False
    """Whether it is the one that is saved."""
    files: int | None = None


@dataclass(frozen=True, kw_only=True)
class Control:
    """A field, as the page draws it."""

    view: FieldView
    kind: str
    """``cards``, ``select``, ``switch``, ``list``, ``secret`` or ``text``."""
    label: str
    help: str
    value: str
    was: str
    error: str
    changed: bool
    default: str
    """Its default, in words."""
    default_text: str
    """The same as it stands in the field."""
    resettable: bool
    options: list[Option] = field(default_factory=list)
    opened: bool = False
    cleared: bool = False
    again: bool = False
    focus: bool = False

    @property
    def name(self) -> str:
        """The name of the field."""
        return self.view.field.name

    @property
    def is_backend(self) -> bool:
        """Whether it is the choice of where new files go."""
        return bool(self.options) and self.options[0].files is not None

    @property
    def target(self) -> str:
        """Id of what a link to this field leads to."""
        is_shut = self.kind == "secret" and not self.opened
        return f"replace-{self.name}" if is_shut else f"f-{self.name}"

    @property
    def wide(self) -> bool:
        """Whether it takes the whole width."""
        declared = self.view.field
        long = declared.path or declared.format in _WIDE_FORMATS or len(self.help) > _LONG_HELP
        return long or self.kind in ("cards", "switch", "list")

    @property
    def optional(self) -> bool:
        """Whether leaving it empty is fine."""
        declared = self.view.field
        return not declared.required and declared.default in (None, "", (), []) and self.kind != "switch"

    @property
    def pinned(self) -> Markup | None:
        """Which variable sets it, if one does."""
        return settings_words.marked("settings.pinned", variable=self.view.pinned) if self.view.pinned else None


@dataclass(frozen=True, kw_only=True)
class Section:
    """Fields under one heading."""

    id: str
    nav: str
    title: str
    about: str
    controls: list[Control]
    backend: str = ""
    """Id of the backend that can be tested from here."""

    @property
    def is_wrong(self) -> bool:
        """Whether something in it is wrong."""
        return any(control.error for control in self.controls)


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A form, ready to be drawn."""

    sections: list[Section]
    missing: list[BackendView]
    """Backends that files are in, and that are not installed."""
    saved_backend: BackendView | None
    unreadable_places: int
    """Former places whose credentials no key opens."""
    broken: list[Control]

    @property
    def changed(self) -> list[str]:
        """Labels of what is not saved yet."""
        return [control.label for section in self.sections for control in section.controls if control.changed]

    def target(self, name: str) -> str:
        """Id of what a link to a field leads to; empty where there is no such field."""
        controls = (control for section in self.sections for control in section.controls)
        return next((control.target for control in controls if control.name == name), "")


def draw(form: SettingsForm, errors: Mapping[str, str], focus: str = "") -> Drawn:
    """The form as sections. ``focus`` is the name of the field that gets it."""
    view = form.view
    backends = services().settings.backends() if view.name == FILE_STORAGE else ()
    controls = [_control(form, each, errors, backends, focus) for each in view.fields]
    saved = view[BACKEND].value if backends else None
    return Drawn(
        sections=_sections(view, controls, {each.id: each for each in backends}),
        unreadable_places=len(services().settings.unreadable_places()) if backends else 0,
        missing=[each for each in backends if each.files and not each.installed],
        saved_backend=next((each for each in backends if each.id == saved and each.files), None),
        broken=[control for control in controls if control.view.problem],
    )


# --- controls --------------------------------------------------------------------------


def _control(
    form: SettingsForm, view: FieldView, errors: Mapping[str, str], backends: Iterable[BackendView], focus: str
) -> Control:
    declared, name = view.field, view.field.name
    options = _options(form.view.name, view, backends)
    value = form.now[name]
    problem = settings_words.problem(view)
    return Control(
        view=view,
        kind=_kind(view, options),
        label=settings_words.label(form.view.name, declared),
        help=settings_words.help_of(form.view.name, declared),
        value=_masked(view) if is_hidden(view) else value,
        was=form.was[name],
        error=errors.get(name, problem),
        changed=form.is_changed(view),
        default=settings_words.value(form.view.name, declared, declared.default),
        default_text=written(declared, declared.default),
        resettable=_resettable(view, value),
        options=options,
        opened=not view.is_set or name in form.opened or (name in errors and name not in form.cleared),
        cleared=name in form.cleared,
        again=name in form.again,
        focus=name == focus,
    )


def _kind(view: FieldView, options: list[Option]) -> str:
    declared = view.field
    if is_hidden(view):
        return "secret"
    if options:
        return "select" if len(options) > _MOST_CARDS and declared.name != BACKEND else "cards"
    return {"boolean": "switch", "list": "list"}.get(declared.type, "text")


def _masked(view: FieldView) -> str:
    return str(view.value) if view.field.masked and not view.field.secret and view.value else ""


def _resettable(view: FieldView, value: str) -> bool:
    """Whether filling in the default changes anything."""
    declared = view.field
    is_at_home = view.pinned is not None or view.problem is not None or is_hidden(view)
    return not is_at_home and view.stored and not is_default(declared, meant(declared, value))


def _options(module: str, view: FieldView, backends: Iterable[BackendView]) -> list[Option]:
    declared = view.field
    if module == FILE_STORAGE and declared.name == BACKEND:
        return [_backend_option(each, view) for each in backends if each.installed]
    options = [
        Option(
            value=value,
            label=settings_words.choice(module, declared, value),
            help=settings_words.choice_help(module, declared, value),
        )
        for value in declared.choices
    ]
    if options and not declared.required and declared.default is None:
        options.insert(0, Option(value="", label=t("settings.no_choice")))
    return options


def _backend_option(backend: BackendView, view: FieldView) -> Option:
    return Option(
        value=backend.id,
        label=settings_words.backend_label(backend),
        help=settings_words.backend_help(backend),
        active=backend.id == view.value and view.problem is None,
        files=backend.files,
    )


# --- sections --------------------------------------------------------------------------


def _sections(view: ModuleView, controls: list[Control], backends: Mapping[str, BackendView]) -> list[Section]:
    if view.name != FILE_STORAGE:
        return [_section("general", controls)] if controls else []
    found: list[Section] = []
    for name in _ORDER:
        if name == "backends":
            owners = dict.fromkeys(control.view.owner for control in controls if control.view.owner)
            found += [_backend_section(backends, owner, controls) for owner in owners]
            continue
        own = [c for c in controls if not c.view.owner and _SECTIONS.get(c.name, "rest") == name]
        found += [_section(name, own)] if own else []
    return found


def _section(name: str, controls: list[Control]) -> Section:
    title = f"settings.titles.{name}"
    about = f"settings.abouts.{name}"
    return Section(
        id=f"section-{name}",
        nav=t(f"settings.sections.{name}"),
        title=t(title) if has(title) else t(f"settings.sections.{name}"),
        about=t(about) if has(about) else "",
        controls=controls,
    )


def _backend_section(backends: Mapping[str, BackendView], owner: str, controls: list[Control]) -> Section:
    label = settings_words.backend_label(backends[owner]) if owner in backends else filters.backend_label(owner)
    own = [control for control in controls if control.view.owner == owner]
    return Section(id=f"section-backend-{owner}", nav=label, title=label, about="", controls=own, backend=owner)


def conflict(form: SettingsForm, theirs: FieldView) -> dict[str, Any]:
    """A field that two have changed: what each wants, in words."""
    module, declared = form.view.name, theirs.field
    name = declared.name
    found: dict[str, Any] = {
        "name": name,
        "label": settings_words.label(module, declared),
        "by": theirs.updated_by,
        "at": theirs.updated_at,
        "hidden": is_hidden(theirs),
    }
    if not is_hidden(theirs):
        mine = None if name in form.cleared else meant(declared, form.now[name])
        found |= {
            "mine": settings_words.value(module, declared, declared.default if mine is None else mine),
            "theirs": settings_words.value(module, declared, theirs.value),
            "value": written(declared, theirs.value),
        }
    return found
