"""Refreshes what others wrote from the npm registry, and the tables that tell where it came from.

Run it as ``python -m tools.vendor``. What is wanted stands in ``vendor.toml``.
npm fetches each package and checks it against the registry's own digest; nothing
of a package is ever run.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tools.sprite import sprite

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = Path(__file__).with_name("vendor.toml")
README = "README.md"
SHELVES = ("webapp/static/vendor", "tests/browser/vendor")
"""Folders that hold nothing else, each with the table of what lies in it or beside it."""
HEAD = """\
# Written by others

These files come from npm packages, unchanged where nothing else is said. The table is written by `make vendor`, which
reads `tools/vendor.toml`; a test compares the hashes.

| file | version | origin | licence | sha256 |
|---|---|---|---|---|
"""


@dataclass(frozen=True, kw_only=True)
class Package:
    """An npm package, and which of its files go where."""

    name: str
    version: str
    into: str
    files: list[str]
    names: dict[str, str] = field(default_factory=dict)
    """Other names than in the package."""
    icons: list[str] = field(default_factory=list)
    """Icons that are put together in one ``icons.svg``."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A file for us, and where it came from."""

    target: str
    content: bytes
    source: str
    package: Package
    licence: str

    @property
    def shelf(self) -> str:
        """The folder whose table tells of it."""
        return next(shelf for shelf in SHELVES if self.target.startswith(shelf.removesuffix("vendor")))

    @property
    def row(self) -> str:
        """Its row there."""
        name, version = self.package.name, self.package.version
        origin = f"npm [{name}](https://www.npmjs.com/package/{name}), {self.source}"
        digest = hashlib.sha256(self.content).hexdigest()
        return f"| `{os.path.relpath(self.target, self.shelf)}` | {version} | {origin} | {self.licence} | {digest} |\n"


def main() -> int:
    """Fetch all packages, then replace what is there."""
    packages = [Package(**entry) for entry in tomllib.loads(MANIFEST.read_text(encoding="utf-8"))["package"]]
    with tempfile.TemporaryDirectory() as folder:
        pieces = [piece for package in packages for piece in _pieces(package, Path(folder))]
    for shelf in SHELVES:
        shutil.rmtree(ROOT / shelf, ignore_errors=True)
        rows = [piece.row for piece in pieces if piece.shelf == shelf]
        _write(f"{shelf}/{README}", (HEAD + "".join(rows)).encode())
    for piece in pieces:
        _write(piece.target, piece.content)
    sys.stdout.write(f"{len(pieces)} files of {len(packages)} packages\n")
    return 0


def _write(target: str, content: bytes) -> None:
    path = ROOT / target
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _pieces(package: Package, folder: Path) -> list[Piece]:
    """The wanted files of a package."""
    with tarfile.open(_packed(package, folder)) as archive:
        contents = _contents(archive)
    licence = json.loads(contents["package.json"])["license"]
    found = {file: (_name(package, file), _wanted(contents, file), f"`{file}`") for file in package.files}
    if package.icons:
        files = [(icon, _wanted(contents, f"icons/{icon}.svg").decode()) for icon in package.icons]
        found["icons"] = ("icons.svg", sprite(files).encode(), f"{len(files)} of `icons/*.svg` in one")
    return [
        Piece(target=f"{package.into}/{name}", content=content, source=source, package=package, licence=licence)
        for name, content, source in found.values()
    ]


def _name(package: Package, file: str) -> str:
    return package.names.get(file, PurePosixPath(file).name)


def _packed(package: Package, folder: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("npm is needed for this: it comes with Node.js")
    # Each in a folder of its own: npm names the archive.
    destination = Path(tempfile.mkdtemp(dir=folder))
    command = [npm, "pack", f"{package.name}@{package.version}", "--silent", "--pack-destination", str(destination)]
    subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)  # noqa: S603 (names from our own file)
    return next(destination.iterdir())


def _contents(archive: tarfile.TarFile) -> dict[str, bytes]:
    # npm puts everything into one folder; by custom, not by rule, it is called "package".
    opened = ((member, archive.extractfile(member)) for member in archive.getmembers() if member.isfile())
    return {str(PurePosixPath(*PurePosixPath(member.name).parts[1:])): file.read() for member, file in opened if file}


def _wanted(contents: dict[str, bytes], name: str) -> bytes:
    if name not in contents:
        raise SystemExit(f"the package has no file {name}")
    return contents[name]


if __name__ == "__main__":
    sys.exit(main())
