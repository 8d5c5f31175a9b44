"""What others wrote and we ship is exactly what webapp/static/vendor/README.md says it is."""

import hashlib
import re

from tests.architecture.sources import WEBAPP, listed, name

VENDOR = WEBAPP / "static" / "vendor"
FILES = sorted(path for path in VENDOR.rglob("*") if path.is_file() and path.name != "README.md")


def test_every_vendor_file_matches_its_stated_hash() -> None:
    wrong = []
    for path in FILES:
        stated = _stated_hash(str(path.relative_to(VENDOR)))
        actual = hashlib.sha256(path.read_bytes()).hexdigest()
        if stated != actual:
            wrong.append(f"{name(path)}: sha256 {actual}, stated: {stated or 'nothing'}")
    assert not wrong, f"webapp/static/vendor/README.md states something else:{listed(wrong)}"


def _stated_hash(file: str) -> str | None:
    """From the table row of the README that names the file: version, origin, licence, sha256."""
    lines = (VENDOR / "README.md").read_text(encoding="utf-8").splitlines()
    row = next((line for line in lines if f"`{file}`" in line), "")
    found = re.search(r"\b[0-9a-f]{64}\b", row)
    return found[0] if found else None
