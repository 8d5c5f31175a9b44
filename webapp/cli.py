"""The command line: ``stowage …``."""

import os
import secrets
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import flask_migrate
import orjson
from flask import Flask

from webapp import config, db
from webapp.api import openapi
from webapp.app import create_app
from webapp.contracts.errors import ConfigurationError, StowageError
from webapp.http import errors
from webapp.http.i18n import t
from webapp.services import Services
from webapp.services.access import ROLE_ADMIN, Caller, permissions_of
from webapp.services.errors import ConflictError, NotFoundError, ValidationError
from webapp.services.settings import FILE_STORAGE

FIRST_ADMIN = "admin"
MALLOC = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(16 * 1024 * 1024),
    "MALLOC_TRIM_THRESHOLD_": str(64 * 1024 * 1024),
}
"""glibc's allocator (mallopt(3)): pieces of a megabyte are used again instead of mapped and cleared anew each time.
That made uploads of 1 MB half as fast again, in less memory (benchmarks/README.md)."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="stowage")
def cli() -> None:
    """Stowage: the file store an organisation runs for itself."""


@cli.result_callback()
def _acknowledge(_result: object) -> None:
    """Note that the events of this command were delivered, so that nobody delivers them again."""
    if _made is not None:
        with _made.app_context():
            db.acknowledge_published()


def main() -> None:
    """Run the command line; refusals are one line on standard error and exit code 1."""
    try:
        cli(standalone_mode=True)
    except ValidationError as exc:
        wrong = "; ".join(f"{e['field']}: {e['message']}" for e in errors.sentences(exc))
        _fail(wrong)
    except StowageError as exc:
        _fail(f"{t(f'errors.{exc.code}')} ({exc})")
    except Exception as exc:
        if not db.is_database_error(exc):
            raise
        kind = type(getattr(exc, "orig", exc)).__name__
        _fail(f"The database is not ready; `stowage db upgrade` makes its tables. ({kind})")


def _fail(sentence: str) -> None:
    click.echo(f"stowage: {sentence}", err=True)
    sys.exit(1)


# --- serve --------------------------------------------------------------------


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
def serve(host: str, port: int) -> None:
    """Migrate the database, make the first admin if there is none, and serve."""
    app = create_app()
    with app.app_context():
        flask_migrate.upgrade()
        _first_admin(app.extensions["stowage"])
    bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    click.echo(f"Stowage listens on http://{bind}/")
    command = [
        "-m",
        "gunicorn",
        "--config",
        str(config.PROJECT_ROOT / "gunicorn.conf.py"),
        "--chdir",
        str(config.PROJECT_ROOT),
        "--bind",
        bind,
        "wsgi:app",
    ]
    for name, value in MALLOC.items():
        os.environ.setdefault(name, value)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *command])  # noqa: S606 (the point is to become gunicorn)


def _first_admin(services: Services) -> None:
    if not services.users.is_empty():
        return
    given = os.environ.get("STOWAGE_ADMIN_PASSWORD") or _from_file("STOWAGE_ADMIN_PASSWORD_FILE")
    password = given or secrets.token_urlsafe(12)
    try:
        services.users.create(FIRST_ADMIN, password, ROLE_ADMIN)
    except ConflictError:
        return  # another node was first
    if not given:
        click.echo(f"The first admin is called {FIRST_ADMIN!r}, with the password {password}")
        click.echo("It is shown this once. Change it after signing in.")


def _from_file(variable: str) -> str | None:
    path = os.environ.get(variable)
    return Path(path).read_text(encoding="utf-8").strip() if path else None


# --- accounts and tokens --------------------------------------------------------


@cli.group()
def user() -> None:
    """Accounts."""


@user.command("create")
@click.argument("name")
@click.option("--role", type=click.Choice(["admin", "user"]), default="user", show_default=True)
def user_create(name: str, role: str) -> None:
    """Make an account; its password is read from standard input."""
    password = _password()
    with _app().app_context():
        created = _services().users.create(name, password, role)
    click.echo(f"{created.username} ({created.role}) {created.id}")


@user.command("list")
def user_list() -> None:
    """Show all accounts."""
    with _app().app_context():
        for u in _services().users.list():
            click.echo(f"{u.id}  {u.role:<5}  {'active' if u.active else 'disabled':<8}  {u.username}")


@user.command("password")
@click.argument("name")
def user_password(name: str) -> None:
    """Set an account's password, read from standard input, and sign it out everywhere."""
    password = _password()
    with _app().app_context():
        users = _services().users
        users.change(users.find(name).id, {"password": password})


def _password() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


@cli.group()
def token() -> None:
    """API tokens."""


@token.command("create")
@click.argument("username", metavar="USER")
@click.option("--name", required=True, help="What the token is for.")
@click.option("--scope", "scopes", multiple=True, help="A permission; repeat for more. Default: all of USER's.")
@click.option("--expires", type=click.IntRange(1, 36500), help="Days until it stops working. Default: never.")
def token_create(username: str, name: str, scopes: tuple[str, ...], expires: int | None) -> None:
    """Make a token for USER and print it, and nothing else, on standard output."""
    until = datetime.now(UTC) + timedelta(days=expires) if expires else None
    with _app().app_context():
        services = _services()
        owner = services.users.find(username)
        if not owner.active:
            raise NotFoundError(f"{username} is disabled")
        permissions = permissions_of(owner.role, None)
        caller = Caller(
            user_id=owner.id,
            username=owner.username,
            role=owner.role,
            permissions=permissions,
            settings=services.settings.current(),
        )
        wanted = list(scopes) or [p.value for p in permissions]
        click.echo(services.tokens.create(caller, name, wanted, until).token)


# --- settings, database, documents ------------------------------------------------


@cli.group()
def settings() -> None:
    """Settings in the database, live at the next request."""


@settings.command("get")
@click.argument("module", default=FILE_STORAGE)
@click.argument("name", required=False)
def settings_get(module: str, name: str | None) -> None:
    """Show the settings of MODULE, or only NAME. Secrets are never shown, only whether they are set."""
    with _app().app_context():
        view = _services().settings.view(module)
    found = [each for each in view.fields if name in (None, each.field.name)]
    if not found:
        raise NotFoundError(f"no setting {name!r}")
    for each in found:
        text = ("(set)" if each.is_set else "(not set)") if each.field.secret else orjson.dumps(each.value).decode()
        remark = f"  # set by {each.pinned}" if each.pinned else ""
        remark += f"  # {t(f'settings.problems.{each.problem}')}" if each.problem else ""
        click.echo(f"{each.field.name} = {text}{remark}")


@settings.command("set")
@click.argument("module")
@click.argument("pairs", nargs=-1, required=True, metavar="NAME VALUE [NAME VALUE]...")
def settings_set(module: str, pairs: tuple[str, ...]) -> None:
    """Set NAME of MODULE to VALUE; all of them or, if one is wrong, none.

    A list is separated by commas. With - as VALUE it is read from a line of standard input.
    """
    if len(pairs) % 2:
        raise click.UsageError(f"{pairs[-1]} has no value")
    wanted = dict(zip(pairs[::2], pairs[1::2], strict=True))
    values = {name: _line(name) if value == "-" else value for name, value in wanted.items()}
    with _app().app_context():
        _services().settings.update(module, values)


@settings.command("unset")
@click.argument("module")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--force", is_flag=True, help="Also where files cannot be read any more without it.")
def settings_unset(module: str, names: tuple[str, ...], *, force: bool) -> None:
    """Set NAMEs of MODULE back to their defaults, all or none; secrets are removed."""
    with _app().app_context():
        _services().settings.update(module, dict.fromkeys(names), confirm_in_use=force)


@settings.command("check")
@click.option("--offline", is_flag=True, help="Do not try the backend.")
def settings_check(*, offline: bool) -> None:
    """Say what is wrong with the settings, and try the backend as their page does. Exit code 1 if anything is."""
    with _app().app_context():
        wrong = [*_broken_settings(), *_broken_backend(offline=offline)]
    for line in wrong:
        click.echo(line)
    if wrong:
        sys.exit(1)
    click.echo(t("settings.check.fine"))


@settings.command("places")
def settings_places() -> None:
    """List the places that credentials are kept for: those of now, and former ones that files may be in."""
    with _app().app_context():
        for each in _services().settings.places():
            where = orjson.dumps(each.location, option=orjson.OPT_SORT_KEYS).decode()
            remark = "" if each.is_readable else f"  # {t('settings.problems.unreadable_secret')}"
            click.echo(f"{each.backend} {where} {each.updated_at:%Y-%m-%d}{remark}")


@settings.command("reseal")
def settings_reseal() -> None:
    """Seal all secrets with the present secret key, after STOWAGE_SECRET_KEY was changed."""
    with _app().app_context():
        click.echo(t("settings.check.resealed", count=_services().settings.reseal()))


def _broken_settings() -> Iterator[str]:
    service = _services().settings
    for module in service.modules():
        for each in service.view(module.name).fields:
            if each.problem:
                yield f"{module.name}.{each.field.name}: {t(f'settings.problems.{each.problem}')}"
    for backend in service.backends():
        if not backend.installed:
            yield t("settings.check.not_installed", backend=backend.id, count=backend.files)
    if unreadable := len(service.unreadable_places()):
        yield t("settings.check.unreadable_places", count=unreadable)


def _broken_backend(*, offline: bool) -> Iterator[str]:
    """What keeps the backend in use from working; offline, as far as the settings tell."""
    service = _services().settings
    backend = service.current().backend
    try:
        if offline:
            service.candidate(FILE_STORAGE, {}, backend)
            return
        result = _services().probe.run(FILE_STORAGE, {}, backend)
    except ValidationError as exc:
        yield from (f"{FILE_STORAGE}.{e['field']}: {e['message']}" for e in errors.sentences(exc))
        return
    except ConfigurationError:
        yield f"{backend}: {t('settings.probe.causes.settings')}"
        return
    for step in result.steps:
        if not step.ok:
            yield f"{t(f'settings.probe.steps.{step.name}')}: {t(f'settings.probe.causes.{step.cause}')}"


def _line(prompt: str) -> str:
    if sys.stdin.isatty():
        return str(click.prompt(prompt, hide_input=True))
    return sys.stdin.readline().rstrip("\r\n")


@cli.group("db")
def database() -> None:
    """The database."""


@database.command("upgrade")
def db_upgrade() -> None:
    """Bring the tables up to date. Safe to run again, and while the old version still runs."""
    with _app().app_context():
        flask_migrate.upgrade()


@database.command("current")
def db_current() -> None:
    """Show which migration the database is at."""
    with _app().app_context():
        flask_migrate.current()


@cli.command("openapi")
def openapi_document() -> None:
    """Print the OpenAPI document of the JSON API."""
    with tempfile.TemporaryDirectory() as nowhere:
        app = create_app(config.load({"STOWAGE_DATA": nowhere}))
    click.echo(orjson.dumps(openapi.document(app), option=orjson.OPT_INDENT_2).decode())


_made: Flask | None = None


def _app() -> Flask:
    global _made  # noqa: PLW0603 (one per process, made only for commands that need it)
    _made = _made or create_app()
    return _made


def _services() -> Services:
    services: Services = _app().extensions["stowage"]
    return services


if __name__ == "__main__":
    main()
