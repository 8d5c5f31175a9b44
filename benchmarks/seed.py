"""Fill a database with rows of files, without the files: ``python -m benchmarks.seed ROWS`` with STOWAGE_DATA set.

For lists only. Runs while the server is down, through the models and the counters of the application.
"""

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

WORDS = ("invoice", "report", "holiday", "contract", "minutes", "budget", "scan", "letter", "drawing", "backup")
TYPES = ("application/pdf", "image/png", "text/plain", "application/octet-stream")
BATCH = 5_000
SIZE = 4_321
SECONDS = 900


def run(data: Path, rows: int, env: Mapping[str, str]) -> None:
    """Seed the database of ``data`` in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.seed", str(rows)]
    subprocess.run(command, check=True, timeout=SECONDS, env=dict(env), cwd=Path(__file__).parent.parent)
    if not (data / "instance").is_dir():
        raise FileNotFoundError(f"no database in {data}")


def filename(number: int) -> str:
    """``invoice-0000012.pdf``: ten words, each with numbers from 0, so that a prefix finds as many rows at any size."""
    return f"{WORDS[number % len(WORDS)]}-{number // len(WORDS):07d}.pdf"


def main() -> None:
    # Imported here: the harness itself needs none of the application.
    import sqlalchemy as sa  # noqa: PLC0415

    from webapp import config, db  # noqa: PLC0415
    from webapp.models import StoredFile, User  # noqa: PLC0415
    from webapp.services import tallies  # noqa: PLC0415
    from webapp.services.families import family  # noqa: PLC0415

    rows = int(sys.argv[1])
    engine = sa.create_engine(config.load().database_url)
    with engine.connect() as connection:
        # This data may be lost: nothing need reach the disk while it is made.
        connection.exec_driver_sql("PRAGMA synchronous = OFF")
        connection.exec_driver_sql("PRAGMA cache_size = -1000000")
        owner = connection.execute(sa.select(User.id)).scalars().first()
        if owner is None:
            raise LookupError("no account to own the rows")
        insert = sa.insert(StoredFile)
        for batch in _batches(rows, owner):
            connection.execute(insert, [{**row, "family": family(row["content_type"])} for row in batch])
        tx = db.Transaction(connection)
        for of_type, count in Counter(TYPES[number % len(TYPES)] for number in range(rows)).items():
            where = tallies.Cell(str(owner), "filesystem", family(of_type), is_deleted=False)
            tallies.add(tx, where, files=count, size_bytes=count * SIZE)
        connection.commit()
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()


def _batches(rows: int, owner: UUID) -> Iterator[list[dict[str, Any]]]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    maker = random.Random(rows)
    for first in range(0, rows, BATCH):
        yield [_row(number, owner, start, maker) for number in range(first, min(first + BATCH, rows))]


def _row(number: int, owner: UUID, start: datetime, maker: random.Random) -> dict[str, Any]:
    key = f"{maker.getrandbits(128):032x}"
    name = filename(number)
    created = start + timedelta(seconds=number)
    return {
        "id": UUID(int=maker.getrandbits(128), version=4),
        "key": key,
        "filename": name,
        "filename_folded": name,
        "content_type": TYPES[number % len(TYPES)],
        "size_bytes": SIZE,
        "backend": "filesystem",
        "checksum_sha256": key + key,
        "extra_metadata": {"location": {}},
        "created_at": created,
        "created_by": owner,
        "updated_at": created,
        "updated_by": owner,
        "is_deleted": False,
    }


if __name__ == "__main__":
    main()
