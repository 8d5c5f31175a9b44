"""Runs migrations on the database of the application, online only."""

from alembic import context
from flask import current_app

from webapp.db import Base, db

MIGRATION_LOCK = 0x53746F77
"""Key of the PostgreSQL advisory lock that lets one node migrate at a time."""


def _ours(_object: object, name: str | None, type_: str, _reflected: bool, _compare_to: object) -> bool:
    """Autogeneration leaves the search index alone: models cannot say FTS5 or pg_trgm."""
    return not (type_ in ("table", "index") and name is not None and "name_search" in name)


with db.engine.connect() as connection:
    sqlite = connection.dialect.name == "sqlite"
    if sqlite:
        # The driver is in autocommit mode (webapp/db.py); IMMEDIATE makes a second migrator wait here.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_object=_ours,
        transactional_ddl=True,
        **current_app.extensions["migrate"].configure_args,
    )
    with context.begin_transaction():
        if not sqlite:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
        context.run_migrations()
    if sqlite:
        connection.exec_driver_sql("COMMIT")
