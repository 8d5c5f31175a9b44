"""Every word of the pages comes from the locale file, and every word there is used."""

import re
import string
from pathlib import Path

import pytest

from webapp.http.i18n import LOCALES, catalogue, own_words, words_for_scripts
from webapp.services.facets import PRESETS
from webapp.services.families import FAMILIES
from webapp.ui import words

WEBAPP = Path(__file__).resolve().parents[2] / "webapp"
# The page about the API is in English, as the API is.
TEMPLATES = sorted(set((WEBAPP / "templates").rglob("*.html")) - set((WEBAPP / "templates" / "docs").rglob("*")))
SCRIPTS = sorted((WEBAPP / "static" / "js").glob("*.js"))
SOURCES = [path.read_text(encoding="utf-8") for path in [*WEBAPP.rglob("*.py"), *TEMPLATES, *SCRIPTS]]
QUOTED = re.compile(r"[\"']([a-z_0-9]+(?:\.[a-z_0-9]+)+)[\"']")
CALLED = re.compile(r"\b(?:t|rich)\(\s*[\"']([^\"'{]+)[\"']\s*[,)]")
MADE = (
    "errors.", "validation.", "roles.", "appearance.themes.", "appearance.densities.", "error_page.titles.", "kinds.",
    "backends.", "size.", "time.months.", "toasts.trashed", "toasts.restored", "toasts.purged", "activity.columns.",
    "appearance.unit_names.", "events.", "tokens.may.", "settings.fields.", "settings.choices.",
    "settings.backends.", "settings.sections.", "settings.titles.", "settings.abouts.", "settings.amounts.",
    "settings.problems.", "settings.probe.steps.", "settings.probe.causes.",
    "settings.units.", "plugins.brings.", "plugins.kinds.", "plugins.abouts.", "plugins.names.",
    "tasks.every.", "tasks.names.", "tasks.spans.", "tasks.states.",
    "webhooks.areas.", "webhooks.causes.", "webhooks.reasons.", "webhooks.states.",
)  # fmt: skip
PUT_TOGETHER = {
    *(f"filters.families.{family}".removesuffix(".other") for family in FAMILIES),
    *(f"filters.dates.{preset}" for preset in PRESETS),
    *(f"work.title.{kind}" for kind in ("trashed", "restored", "undone", "purged")),
    *(
        f"delete_dialog.{what}.{part}"
        for what in ("trash", "purge")
        for part in ("title", "text", "list", "keep", "do")
    ),
}


def keys() -> set[str]:
    return {key.removesuffix(".one").removesuffix(".other") for key in catalogue()}


def test_every_key_that_is_asked_for_exists() -> None:
    asked = {key for source in SOURCES for key in CALLED.findall(source)}
    assert asked
    assert not asked - keys()


def test_every_key_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    quoted = {key for source in SOURCES for key in QUOTED.findall(source)}
    asked: list[str] = []
    monkeypatch.setattr(words, "t", asked.append)
    words.shortcuts()
    assert not {key for key in keys() - quoted - PUT_TOGETHER - set(asked) if not key.startswith(MADE)}
    assert keys() >= PUT_TOGETHER | set(asked)


def test_every_key_that_a_script_asks_for_is_sent_to_it() -> None:
    asked = {key for path in SCRIPTS for key in CALLED.findall(path.read_text(encoding="utf-8"))}
    sent = {key.removesuffix(".one").removesuffix(".other") for key in words_for_scripts()}
    assert {key for key in asked if "." in key and "$" not in key} <= sent


@pytest.mark.parametrize("language", LOCALES)
def test_every_language_says_everything(language: str) -> None:
    assert set(own_words(language)) == set(catalogue())


@pytest.mark.parametrize("language", LOCALES)
def test_every_language_names_the_same_values(language: str) -> None:
    english = catalogue()
    assert not {key: text for key, text in own_words(language).items() if not _values(text) <= _values_of(key, english)}


def _values_of(key: str, english: dict[str, str]) -> set[str]:
    """What English has to say it with; a singular may name the number where English does not."""
    stem = key.removesuffix(".one").removesuffix(".other")
    return set().union(*(_values(english[form]) for form in (key, f"{stem}.one", f"{stem}.other") if form in english))


def _values(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_a_key_with_a_plural_has_both_forms() -> None:
    for key in catalogue():
        if key.endswith(".one"):
            assert f"{key.removesuffix('.one')}.other" in catalogue()


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_hold_no_words_of_their_own(path: Path) -> None:
    text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    literal = re.findall(
        r"\b(?:title|aria-label|placeholder|alt|content|data-s[ah]\w+|data-hide|label)=\"([^\"]*[A-Za-z]{2,}[^\"]*)\"",
        text,
    )
    assert not [
        words
        for words in literal
        if words not in ("width=device-width, initial-scale=1, viewport-fit=cover", "light dark")
    ]
    # Keys are called what stands on them, commands what programs are called; one macro is but attributes.
    text = re.sub(r"<(code|svg|kbd)\b.*?</\1>|<[^>]*>|\b[a-z-]+=\"[^\"]*\"", "", text, flags=re.DOTALL)
    assert not re.findall(r"[A-Za-z]{2,}", text)
