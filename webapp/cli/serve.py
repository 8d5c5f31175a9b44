"""``stowage serve`` and ``stowage worker``."""

import os
import secrets
import sys
from pathlib import Path

import click

from webapp import config, migration
from webapp.cli.base import app, cli
from webapp.jobs.drivers import import_huey
from webapp.jobs.subscribers import subscribe_plugins
from webapp.metrics import place
from webapp.services import Services
from webapp.services.access import ROLE_ADMIN
from webapp.services.errors import ConflictError, ValidationError

FIRST_ADMIN = "admin"
MALLOC = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(16 * 1024 * 1024),
    "MALLOC_TRIM_THRESHOLD_": str(64 * 1024 * 1024),
}
"""glibc's allocator (mallopt(3)): pieces of a megabyte are used again instead of mapped and cleared anew each time.
That made uploads of 1 MB half as fast again, in less memory (benchmarks/README.md)."""


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option("--no-worker", is_flag=True, help="Without the background worker: `stowage worker` runs elsewhere.")
def serve(host: str, port: int, *, no_worker: bool) -> None:
    """Migrate the database, make the first admin if there is none, and serve, with the background worker."""
    migration.upgrade(app())
    with app().app_context():
        _first_admin(app().extensions["stowage"])
    subscribe_plugins(app())
    bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    click.echo(f"Stowage listens on http://{bind}/")
    command = [
        "-m",
        "gunicorn",
        "--config",
        str(config.PROJECT_ROOT / "gunicorn.conf.py"),
        "--bind",
        bind,
        "wsgi:app",
    ]
    _set_allocator()
    if no_worker:
        os.environ["STOWAGE_BACKGROUND_WORKER"] = "off"
    # gunicorn imports from the directory it is started in, and its --chdir comes too late for gunicorn.conf.py.
    os.environ["STOWAGE_DATA"] = str(app().extensions["stowage_config"].data_dir)
    _anchor_files()
    os.chdir(config.PROJECT_ROOT)
    _become(command)


@cli.command()
@click.option("--under", type=int, metavar="PID", help="End when this process, which has to be the parent, is gone.")
def worker(under: int | None) -> None:
    """Do the background work of this node, until it is asked to stop.

    `stowage serve` starts it by itself. A second one on the same data directory waits until the first has ended.
    """
    if "MALLOC_ARENA_MAX" not in os.environ:
        # It counts from the start of a process on only.
        _set_allocator()
        counters = place.share(config.load().instance_dir)
        if under is None and not place.in_use(counters):
            place.begin(counters)  # there is no server beside it that does so
        _become(["-m", "webapp.cli", *sys.argv[1:]])
    import_huey(app().extensions["stowage_config"].queue_url)
    from webapp.jobs.worker import run  # noqa: PLC0415 (it is a lot to load for other commands)

    sys.exit(run(app(), under))


def _set_allocator() -> None:
    for name, value in MALLOC.items():
        os.environ.setdefault(name, value)


def _become(command: list[str]) -> None:
    """Run this instead, with -P: what lies in the current directory is not to be taken for a module of ours."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-P", *command])  # noqa: S606 (it is to be this very process)


def _anchor_files() -> None:
    """Files that variables name are those of where it was started, wherever their readers run."""
    for name, value in os.environ.items():
        if name.endswith("_FILE") and Path(value).is_file():
            os.environ[name] = str(Path(value).absolute())


def _first_admin(services: Services) -> None:
    if not services.users.is_empty():
        return
    given = config.Environment(os.environ).text("STOWAGE_ADMIN_PASSWORD", "")
    password = given or secrets.token_urlsafe(12)
    try:
        services.users.create(FIRST_ADMIN, password, ROLE_ADMIN)
    except ConflictError:
        return  # another node was first
    except ValidationError as exc:
        raise ValidationError({"STOWAGE_ADMIN_PASSWORD": exc.errors["password"]}) from exc
    if not given:
        click.echo(f"The first admin is called {FIRST_ADMIN!r}, with the password {password}")
        click.echo("It is shown this once. Change it after signing in.")
