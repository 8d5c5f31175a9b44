"""Refreshes ``webapp/static/vendor/`` from the npm registry, and the table in its README.

Run it as ``python -m tools.vendor``. What is wanted stands in ``vendor.toml``.
npm fetches each package and checks it against the registry's own digest; nothing
of a package is ever run.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

MANIFEST = Path(__file__).with_name("vendor.toml")
VENDOR = Path(__file__).resolve().parent.parent / "webapp" / "static" / "vendor"
README = "README.md"
HEAD = """\
# Written by others

These files come unchanged from npm packages. The table is written by `python -m tools.vendor`, which reads
`tools/vendor.toml`; a test compares the hashes.

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


def main() -> int:
    """Fetch all packages, then replace what is there."""
    packages = [Package(**entry) for entry in tomllib.loads(MANIFEST.read_text(encoding="utf-8"))["package"]]
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / "vendor"
        rows = [row for package in packages for row in _unpacked(package, Path(folder), fresh)]
        (fresh / README).write_text(HEAD + "".join(rows), encoding="utf-8")
        shutil.rmtree(VENDOR, ignore_errors=True)
        shutil.copytree(fresh, VENDOR)
    sys.stdout.write(f"{len(rows)} files of {len(packages)} packages\n")
    return 0


def _unpacked(package: Package, folder: Path, fresh: Path) -> list[str]:
    """Write the wanted files of a package below ``fresh`` and return their rows of the table."""
    rows = []
    with tarfile.open(_packed(package, folder)) as archive:
        licence = json.loads(_content(archive, "package.json"))["license"]
        for wanted in package.files:
            target = fresh / package.into / PurePosixPath(wanted).name
            target.parent.mkdir(parents=True, exist_ok=True)
            content = _content(archive, wanted)
            target.write_bytes(content)
            name = target.relative_to(fresh).as_posix()
            origin = f"npm [{package.name}](https://www.npmjs.com/package/{package.name}), `{wanted}`"
            digest = hashlib.sha256(content).hexdigest()
            rows.append(f"| `{name}` | {package.version} | {origin} | {licence} | {digest} |\n")
    return rows


def _packed(package: Package, folder: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("npm is needed for this: it comes with Node.js")
    # Each in a folder of its own: npm names the archive.
    destination = Path(tempfile.mkdtemp(dir=folder))
    command = [npm, "pack", f"{package.name}@{package.version}", "--silent", "--pack-destination", str(destination)]
    subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)  # noqa: S603 (names from our own file)
    return next(destination.iterdir())


def _content(archive: tarfile.TarFile, name: str) -> bytes:
    # npm puts everything into one folder; by custom, not by rule, it is called "package".
    for member in archive.getmembers():
        if PurePosixPath(*PurePosixPath(member.name).parts[1:]) == PurePosixPath(name):
            file = archive.extractfile(member)
            if file is not None:
                return file.read()
    raise SystemExit(f"the package has no file {name}")


if __name__ == "__main__":
    sys.exit(main())
