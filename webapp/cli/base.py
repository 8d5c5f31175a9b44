"""The group that all commands are in, and what they share."""

import logging
import os
import sys
import tempfile
from functools import cache

import click
from flask import Flask

from webapp import config, db
from webapp.app import create_app
from webapp.contracts.errors import ConfigurationError, StowageError
from webapp.http import errors
from webapp.http.i18n import t
from webapp.services import Services
from webapp.services.errors import ValidationError


class _Commands(click.Group):
    """Ours, and behind them those of plugins."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_of_plugins()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, cmd_name) or _of_plugins().get(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """One of a plugin is the one that belongs to the application, and runs inside a context of it."""
        name, found, rest = super().resolve_command(ctx, args)
        if found is not None and name not in self.commands:
            found = app().extensions["stowage_plugins"].commands[name]
            ctx.with_resource(app().app_context())
        return name, found, rest


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="stowage")
def cli() -> None:
    """Stowage: the file store an organisation runs for itself."""


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


@cache
def _of_plugins() -> dict[str, click.Command]:
    """What plugins have. Asking for help where nothing is set up yet leaves no data directory behind."""
    if config.is_set_up():
        try:
            ours: dict[str, click.Command] = app().extensions["stowage_plugins"].commands
        except ConfigurationError:
            return {}  # what is wrong is told by whatever is asked to work
        return ours
    with tempfile.TemporaryDirectory() as nowhere:
        try:
            made = create_app(config.load({**os.environ, "STOWAGE_DATA": nowhere}))
        except ConfigurationError:
            return {}  # what is wrong is told by whatever is asked to work
    found: dict[str, click.Command] = made.extensions["stowage_plugins"].commands
    return found


_made: Flask | None = None


def app() -> Flask:
    """The application."""
    global _made  # noqa: PLW0603 (one per process, made only for commands that need it)
    if _made is None:
        # A line is enough here: the server tells the rest.
        logging.getLogger("webapp.plugins.loader").addFilter(_without_traceback)
        _made = create_app()
    return _made


def _without_traceback(record: logging.LogRecord) -> bool:
    record.exc_info = None
    return True


def services() -> Services:
    """Its services."""
    found: Services = app().extensions["stowage"]
    return found


def line(prompt: str, *, confirm: bool = False) -> str:
    """A secret: asked for at a terminal, else a line of standard input."""
    if sys.stdin.isatty():
        return str(click.prompt(prompt, hide_input=True, confirmation_prompt=confirm))
    return sys.stdin.readline().rstrip("\r\n")
