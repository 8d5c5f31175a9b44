"""Writes the tables of docs/settings.md from the fields: ``python -m tools.settings_docs``, or ``make docs``."""

import re
from collections.abc import Iterable
from pathlib import Path

from webapp.backends.filesystem import FilesystemBackend
from webapp.backends.s3 import S3Backend
from webapp.contracts.settings import SettingField
from webapp.services.delivery import upkeep
from webapp.services.settings import CORE_FIELDS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "settings.md"
TABLES = {
    "file_storage": CORE_FIELDS,
    upkeep.MODULE: upkeep.FIELDS,
    FilesystemBackend.backend_id: FilesystemBackend.fields,
    S3Backend.backend_id: S3Backend.fields,
}
_MARKED = re.compile(r"(<!-- fields of (?P<name>\w+) -->\n).*?(<!-- end -->\n)", re.DOTALL)
_TYPES = {"string": "text", "integer": "number", "boolean": "true or false", "list": "list"}


def main() -> None:
    """Write the page."""
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def renewed(text: str) -> str:
    """The page with its tables as they should be."""
    return _MARKED.sub(lambda found: f"{found[1]}{_table(TABLES[found['name']])}{found[3]}", text)


def _table(fields: Iterable[SettingField]) -> str:
    rows = ["| setting | type | default | what it does |", "|---|---|---|---|"]
    rows += [f"| `{f.name}` | {_kind(f)} | {_default(f)} | {f.help} |" for f in fields]
    return "\n".join(rows) + "\n"


def _kind(f: SettingField) -> str:
    found = [" or ".join(f"`{choice}`" for choice in f.choices) or _TYPES[f.type]]
    if f.minimum is not None and f.maximum is not None:
        found.append(f"{f.minimum:,} to {f.maximum:,}" if f.maximum < 2**53 else f"from {f.minimum:,}")
    found += [name for name in ("location", "secret", "masked") if getattr(f, name)]
    return ", ".join(found)


def _default(f: SettingField) -> str:
    if f.default is None:
        return "needed" if f.required else ""
    return f"`{f.default}`".replace("True", "true").replace("False", "false")


if __name__ == "__main__":
    main()
