"""Every setting and every environment variable is in docs/settings.md, and nothing else is."""

import re

from tests.architecture.sources import ROOT, all_modules, document, listed, python_files
from tools import settings_docs
from webapp.contracts.settings import SettingField

VARIABLE = re.compile(r"\bSTOWAGE_[A-Z0-9_]*[A-Z0-9]\b")


def test_every_setting_is_documented() -> None:
    text = document("settings.md")
    missing = sorted(field.name for field in _fields() if f"`{field.name}`" not in text)
    assert not missing, f"docs/settings.md lacks these settings:{listed(missing)}"


def test_the_tables_of_the_settings_are_those_of_the_code() -> None:
    text = document("settings.md")
    assert text.count("<!-- fields of ") == len(settings_docs.TABLES)
    assert settings_docs.renewed(text) == text, "docs/settings.md is out of date: make docs"


def test_every_setting_says_what_it_is_for() -> None:
    mute = sorted(field.name for field in _fields() if not field.help.strip().endswith("."))
    assert not mute, f"The help of a setting is a sentence; it is shown in the form:{listed(mute)}"


def test_every_environment_variable_is_documented() -> None:
    files = [*python_files("webapp"), ROOT / "gunicorn.conf.py", ROOT / "wsgi.py"]
    used = {variable for path in files for variable in VARIABLE.findall(path.read_text(encoding="utf-8"))}
    missing = sorted(used - set(VARIABLE.findall(document("settings.md"))))
    assert not missing, f"docs/settings.md lacks these environment variables:{listed(missing)}"


def _fields() -> list[SettingField]:
    """Fields of the modules (constants of webapp.services) and of the shipped backends (class attributes)."""
    found: list[SettingField] = []
    for module in all_modules():
        for value in vars(module).values():
            declared = getattr(value, "fields", ()) if isinstance(value, type) else value
            if isinstance(declared, tuple):
                found += [field for field in declared if isinstance(field, SettingField)]
    assert found, "There are no settings; has SettingField moved?"
    return found
