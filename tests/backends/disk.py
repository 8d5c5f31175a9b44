"""What lies on a disk, and how to put something there."""

import secrets
from pathlib import Path

from webapp.backends.filesystem import FilesystemBackend


def new_key() -> str:
    return secrets.token_hex(16)


def stored(backend: FilesystemBackend, data: bytes = b"hello", *, settled: bool = True) -> str:
    key = new_key()
    backend.put(key, [data], content_type="text/plain")
    if settled:
        backend.settle(key)
    return key


def files(root: Path) -> set[str]:
    """Everything below the root that is no directory."""
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_symlink() or not path.is_dir()}
