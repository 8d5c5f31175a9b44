"""Bringing the tables up to date.

Alembic is loaded here and nowhere else, and only by commands that need it: it would cost each web process 12 MB.
"""

import flask_migrate
from flask import Flask

from webapp import config, db

DIRECTORY = config.PROJECT_ROOT / "migrations"


def prepare(app: Flask) -> None:
    """Tell the application where its migrations are. Safe to call again."""
    if "migrate" not in app.extensions:
        is_sqlite = app.extensions["stowage_config"].is_sqlite
        flask_migrate.Migrate(app, db.db, directory=str(DIRECTORY), render_as_batch=is_sqlite, compare_type=True)


def upgrade(app: Flask) -> None:
    """Run what has not run yet."""
    prepare(app)
    with app.app_context():
        flask_migrate.upgrade()


def current(app: Flask) -> None:
    """Print which migration the database is at."""
    prepare(app)
    with app.app_context():
        flask_migrate.current()
