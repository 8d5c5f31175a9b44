"""Packages of third parties, really installed."""

import shutil
import subprocess
import sys
from pathlib import Path


def copied(source: Path, into: Path) -> Path:
    """A copy of the package: building leaves things beside the source."""
    ignored = shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
    return Path(shutil.copytree(source, into / source.name, ignore=ignored))


def installed(package: Path, target: Path) -> dict[str, str]:
    """Have pip install the package in a directory; the environment of a Python that finds it there."""
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "install", *offline, "--target", str(target), str(package)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {"PYTHONPATH": str(target)}


def described(folder: Path, name: str, entry_points: str, version: str = "1.0") -> Path:
    """Say that a package of this name is installed in a directory, as pip does; what it says that in."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(entry_points)
    return info
