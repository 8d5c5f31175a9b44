"""``stowage db`` and ``stowage openapi``."""

import tempfile

import click
import orjson

from webapp import config, migration
from webapp.api import openapi
from webapp.app import create_app
from webapp.cli.base import app, cli


@cli.group("db")
def database() -> None:
    """The database."""


@database.command("upgrade")
def db_upgrade() -> None:
    """Bring the tables up to date. Safe to run again, and while the old version still runs."""
    migration.upgrade(app())


@database.command("current")
def db_current() -> None:
    """Show which migration the database is at."""
    migration.current(app())


@cli.command("openapi")
def openapi_document() -> None:
    """Print the OpenAPI document of the JSON API."""
    with tempfile.TemporaryDirectory() as nowhere:
        made = create_app(config.load({"STOWAGE_DATA": nowhere}))
    click.echo(orjson.dumps(openapi.document(made), option=orjson.OPT_INDENT_2).decode())
