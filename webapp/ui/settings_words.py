"""Words for settings: our own come from the locale, those of plugins from whoever wrote them."""

from markupsafe import Markup, escape

from webapp.contracts.settings import SettingField, SettingsModule
from webapp.http import errors
from webapp.http.i18n import has, number, t
from webapp.services.delivery import upkeep
from webapp.services.errors import ValidationError
from webapp.services.settings import FILE_STORAGE, BackendView, FieldView, ModuleView
from webapp.services.settings.schema import title
from webapp.ui import filters
from webapp.ui.settings_values import written

_OURS = (FILE_STORAGE, upkeep.MODULE)
_BOUNDS = ("out_of_bounds", "too_small", "too_big")
_BEYOND = 2**60
"""A bound that nobody gets to is not worth a word."""
Problem = str | tuple[str, dict[str, object]]


def module_title(module: SettingsModule | ModuleView) -> str:
    """What a module is called."""
    ours = {FILE_STORAGE: "settings.file_storage", upkeep.MODULE: "settings.activity"}
    return t(ours[module.name]) if module.name in ours else module.title


def module_help(module: ModuleView) -> str:
    """A sentence below that."""
    ours = {upkeep.MODULE: "settings.activity_about"}
    return t(ours[module.name]) if module.name in ours else module.help or t("settings.about")


def label(module: str, field: SettingField) -> str:
    """A word or two above the field."""
    return _own(module, f"fields.{field.name}.label") or field.label or title(field.name)


def help_of(module: str, field: SettingField) -> str:
    """A sentence or two below it."""
    return _own(module, f"fields.{field.name}.help") or field.help


def choice(module: str, field: SettingField, value: str) -> str:
    """What a choice is called."""
    return _own(module, f"choices.{field.name}.{value}.label") or value


def choice_help(module: str, field: SettingField, value: str) -> str:
    """What a choice means."""
    return _own(module, f"choices.{field.name}.{value}.help")


def backend_label(backend: BackendView) -> str:
    """What a backend is called."""
    if has(f"backends.{backend.id}") or not backend.installed:
        return filters.backend_label(backend.id)
    return backend.label or backend.id


def backend_help(backend: BackendView) -> str:
    """What a backend is."""
    return t(f"settings.backends.{backend.id}") if has(f"settings.backends.{backend.id}") else backend.help


def value(module: str, field: SettingField, found: object) -> str:
    """A value as a sentence names it."""
    if found in (None, "", (), []):
        return t("settings.nothing")
    if isinstance(found, bool):
        return t("settings.on" if found else "settings.off")
    if isinstance(found, int) and field.format in ("seconds", "days"):
        return t(f"settings.amounts.{field.format}", count=found)
    if isinstance(found, str) and field.choices:
        return choice(module, field, found)
    if isinstance(found, str) and module == FILE_STORAGE and field.name == "backend":
        return filters.backend_label(found)
    return written(field, found)


def problem(view: FieldView) -> str:
    """What is wrong with what is stored; empty if nothing is."""
    if view.problem is None:
        return ""
    key = f"settings.problems.{view.problem}"
    return t(key) if has(key) else view.problem


def wrong(module: str, error: ValidationError, fields: dict[str, SettingField]) -> dict[str, str]:
    """A sentence for each wrong field, in the units that it is typed in."""
    plain = {each["field"]: each["message"] for each in errors.sentences(error)}
    return {
        name: _in_our_words(module, fields[name], error.errors[name], text) if name in fields else text
        for name, text in plain.items()
    }


def is_about(error: ValidationError, key: str) -> bool:
    """Whether one of the problems is this one."""
    return any((each if isinstance(each, str) else each[0]) == key for each in error.errors.values())


def marked(key: str, /, **names: str) -> Markup:
    """A sentence with something in it that is typed to the letter."""
    codes = {name: Markup("<code>{}</code>").format(text) for name, text in names.items()}
    return Markup(escape(t(key))).format_map(codes)  # noqa: S704 (escaped)


def _in_our_words(module: str, field: SettingField, found: Problem, text: str) -> str:
    key = found if isinstance(found, str) else found[0]
    if field.pattern_help and key == field.pattern_help:
        return _own(module, f"fields.{field.name}.shape") or text
    if key == "not_a_number" and field.format == "bytes":
        return t("settings.not_a_size")
    if key not in _BOUNDS:
        return text
    low, high = _amount(field, field.minimum), _amount(field, field.maximum)
    if low and high:
        return t("settings.bounds.between", least=low, most=high)
    return t("settings.bounds.least", least=low) if low else t("settings.bounds.most", most=high)


def _amount(field: SettingField, bound: int | None) -> str:
    if bound is None or bound >= _BEYOND:
        return ""
    if field.format in ("seconds", "days"):
        return t(f"settings.amounts.{field.format}", count=bound)
    return filters.size(bound) if field.format == "bytes" else number(bound)


def _own(module: str, key: str) -> str:
    """Our word, if the field is ours: modules of others may use the same names."""
    return t(f"settings.{key}") if module in _OURS and has(f"settings.{key}") else ""
