"""What others wrote is exactly what the README.md of its folder says it is."""

import hashlib
import re
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, WEBAPP, listed, name

SHELVES = [WEBAPP / "static" / "vendor", ROOT / "tests" / "browser" / "vendor"]
ROW = re.compile(r"^\| `([^`]+)` \| (\S+) \| (.+) \| (\S+) \| ([0-9a-f]{64}) \|$", re.MULTILINE)
BESIDE = {"../icons.svg", "../icons.LICENSE.txt", "../fonts/geist-latin.woff2", "../fonts/OFL.txt"}

shelves = pytest.mark.parametrize("shelf", SHELVES, ids=name)


@shelves
def test_every_vendor_file_matches_its_stated_hash(shelf: Path) -> None:
    wrong = []
    for file, stated in _stated(shelf).items():
        path = (shelf / file).resolve()
        actual = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "no such file"
        if stated != actual:
            wrong.append(f"{name(path)}: {actual}, stated: {stated}")
    assert not wrong, f"{name(shelf)}/README.md states something else:{listed(wrong)}"


@shelves
def test_every_vendor_file_is_stated(shelf: Path) -> None:
    present = {path.relative_to(shelf).as_posix() for path in shelf.rglob("*") if path.is_file()} - {"README.md"}
    silent = sorted(present - set(_stated(shelf)))
    assert not silent, f"{name(shelf)}/README.md does not tell of these:{listed(silent)}"


def test_icons_and_font_are_stated_too() -> None:
    assert set(_stated(SHELVES[0])) >= BESIDE


@shelves
def test_every_package_brings_its_licence(shelf: Path) -> None:
    folders = {str(Path(file).parent) for file in _stated(shelf)}
    with_licence = {str(Path(file).parent) for file in _stated(shelf) if re.search(r"LICENSE|OFL", file)}
    assert folders == with_licence


def _stated(shelf: Path) -> dict[str, str]:
    """Files and hashes from the table of a folder's README: version, origin, licence, sha256."""
    rows = ROW.findall((shelf / "README.md").read_text(encoding="utf-8"))
    assert rows
    return {file: digest for file, _version, _origin, _licence, digest in rows}
