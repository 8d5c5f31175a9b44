"""A plugin that is installed beside a test server: it finds a word in files, and does what their names say.

A server that is started with ``installed(folder)`` in its environment finds it as an installed package.
"""

import os
import time
from pathlib import Path
from typing import Any

from tests.support import packages
from webapp.contracts.checks import UploadInfo, UploadRefusedError

ROOT = Path(__file__).resolve().parents[2]
WORD = b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!"
SENTENCE = "This file contains Eicar-Test-Signature."


class Scanner:
    """Looks for the word, also where it is cut by the end of a piece."""

    patience = 1.0

    def begin(self, info: UploadInfo) -> Any:
        if info.filename.startswith("refused"):
            raise UploadRefusedError("policy", f"{info.username} may not store {info.filename}.")
        if info.filename.startswith("broken"):
            raise OSError("no socket")
        return Scan(info.filename)


class Scan:
    def __init__(self, name: str) -> None:
        self.name = name
        self.end = b""
        self.began = time.monotonic()

    def feed(self, chunk: bytes) -> None:
        if self.name.startswith("slow"):
            time.sleep(0.01)
        seen = self.end + chunk
        if WORD in seen:
            raise UploadRefusedError("infected", SENTENCE)
        self.end = seen[-len(WORD) + 1 :]

    def finish(self, size: int, sha256: str) -> dict[str, str | int | float | bool]:
        if self.name.startswith("hangs"):
            time.sleep(30)
        if self.name.startswith("thinks"):
            time.sleep(0.7)
        return {"clean": True, "bytes": size}


def setup(host: Any) -> None:
    host.check_uploads(Scanner(), required=not os.environ.get("SCANNER_IS_OPTIONAL"))


def installed(folder: Path) -> dict[str, str]:
    """The environment of a server in which this plugin is installed."""
    packages.described(folder, "stowage-scanner", f"[stowage.plugins]\nscanner = {__name__}:setup\n")
    return {"PYTHONPATH": os.pathsep.join((str(folder), str(ROOT)))}
