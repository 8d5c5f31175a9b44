"""Two plugins to measure events with, in folders that servers find them in, and a PostgreSQL.

One replaces ``emit`` by nothing: the same program without its outbox. The other listens.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.processes import StartError
from benchmarks.servers import PROJECT

SILENT = """
def setup(host):
    from webapp.db import transactions

    transactions.Transaction.emit = lambda self, event: None
"""
LISTENING = """
def setup(host):
    from webapp.contracts import FileUploaded

    host.subscribe(FileUploaded, lambda event: None)
"""


def with_plugin(folder: Path, name: str, code: str) -> Mapping[str, str]:
    """Environment of a Stowage that has this plugin, as if it were installed."""
    about = folder / f"bench_{name}-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / f"bench_{name}.py").write_text(code)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: bench-{name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[stowage.plugins]\n{name} = bench_{name}:setup\n")
    return {"PYTHONPATH": f"{folder}{os.pathsep}{PROJECT}"}


@contextmanager
def postgres() -> Iterator["Databases"]:
    """A PostgreSQL as the tests have it: it does not sync, so what a commit costs is what it computes."""
    from tests.support import postgres as programs  # noqa: PLC0415 (only these rows need it)

    # Not below the folder of the run: PostgreSQL runs as somebody who may not look in there.
    folder = Path(tempfile.mkdtemp(prefix="stowage-bench-"))
    folder.chmod(0o755)
    try:
        yield Databases(programs.join_or_start(folder))
    except programs.PostgresMissingError as exc:
        raise StartError(str(exc)) from exc
    finally:
        programs.stop(folder)


class Databases:
    """Makes databases; all go with their server."""

    def __init__(self, server: object) -> None:
        self._server = server
        self._made = 0

    def new(self) -> Mapping[str, str]:
        """Environment of a Stowage on an empty one."""
        self._made += 1
        name = self._server.template(f"bench_{self._made}", lambda _url: None)  # type: ignore[attr-defined]
        with self._server._connect() as connection:  # type: ignore[attr-defined]
            connection.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")
        return {"STOWAGE_DATABASE_URL": self._server.url(name)}  # type: ignore[attr-defined]
