"""What reading the settings adds to a request: ``python -m benchmarks.settings ROWS`` with an empty STOWAGE_DATA.

In process, so that neither network nor server blur it: ``GET /api/me`` as it is, and with settings that were read
before, in turn. With STOWAGE_DATABASE_URL it is another database than the embedded one, which has to be empty.
"""

import json
import logging
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PAIRS = 3_000
WARM_UP = 300
SECONDS = 300


def run(data: Path, rows: int) -> dict[str, float]:
    """Measure in a process of its own; median milliseconds."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("STOWAGE_")}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.settings", str(rows)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env={**env, "STOWAGE_DATA": str(data)},
        cwd=Path(__file__).parent.parent,
        check=False,
    )
    if done.returncode:
        raise OSError(done.stderr[-2000:])
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    # Imported here: the harness itself needs none of the application.
    from webapp import config, migration  # noqa: PLC0415
    from webapp.app import create_app  # noqa: PLC0415

    app = create_app(config.load({**os.environ, "STOWAGE_LOG_LEVEL": "WARNING"}))
    logging.getLogger("alembic").setLevel("WARNING")
    migration.upgrade(app)
    with app.app_context():
        token = _moved_in(app.extensions["stowage"], int(sys.argv[1]))
    print(json.dumps(_compared(app, token)))


def _moved_in(services: Any, rows: int) -> str:
    """An admin, a token, and so many rows of settings."""
    from webapp.services.access import Caller  # noqa: PLC0415

    services.users.create("admin", "a long password", "admin")
    user = services.users.find("admin")
    permissions = services.permissions.of("admin")
    settings = services.settings.current()
    who = Caller(user_id=user.id, username="admin", role="admin", permissions=permissions, settings=settings)
    token = services.tokens.create(who, "bench", list(permissions))
    if rows:
        _store(services.settings, rows)
    return str(token.token)


def _store(settings: Any, rows: int) -> None:
    """Settings of every kind, a secret among them; the rest is of a backend that is not installed."""
    import sqlalchemy as sa  # noqa: PLC0415

    from webapp import db  # noqa: PLC0415

    values: dict[str, object] = {
        "max_file_size_bytes": 1 << 30,
        "allowed_content_types": ["image/*", "application/pdf"],
        "file_visibility": "own",
        "trash_retention_days": 7,
        "s3_bucket": "files",
        "s3_region": "eu-central-1",
        "s3_access_key_id": "AKIA5Q7TMZ2XJ6RN4WCE",
        "s3_secret_access_key": "a secret of forty characters, as they are",
        "s3_presign_ttl_seconds": 600,
    }
    settings.update("file_storage", values)
    insert = "INSERT INTO setting (module, name, value, updated_at) VALUES ('file_storage', :name, '\"x\"', :at)"
    others = [{"name": f"other_{number}", "at": "2026-01-01 00:00:00.000000"} for number in range(rows - len(values))]
    with db.transaction() as tx:
        tx.execute(sa.text(insert), others)


def _compared(app: Any, token: str) -> dict[str, float]:
    settings = app.extensions["stowage"].settings
    with app.app_context():
        kept = settings.current()
    ask = _asking(app, token)
    took: dict[str, list[float]] = {"with": [], "without": []}
    for turn in range(WARM_UP + PAIRS):
        for how in ("with", "without") if turn % 2 else ("without", "with"):
            if how == "without":
                settings.current = lambda _connection=None: kept
            started = time.perf_counter()
            ask()
            ended = time.perf_counter()
            settings.__dict__.pop("current", None)
            if turn >= WARM_UP:
                took[how].append((ended - started) * 1000)
    found = {how: statistics.median(times) for how, times in took.items()}
    return {**found, "added": found["with"] - found["without"]}


def _asking(app: Any, token: str) -> Callable[[], None]:
    from werkzeug.test import EnvironBuilder  # noqa: PLC0415

    made = EnvironBuilder(path="/api/me", headers={"Authorization": f"Bearer {token}"}).get_environ()

    def answered(status: str, *_: object) -> None:
        if not status.startswith("200"):
            raise ValueError(status)

    def ask() -> None:
        answer = app(dict(made), answered)
        try:
            b"".join(answer)
        finally:
            answer.close()

    return ask


if __name__ == "__main__":
    main()
