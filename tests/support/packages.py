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
