"""The numbered migrations lead from nothing to exactly the models, and back, on both databases."""

import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import flask_migrate
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.operations import Operations
from flask import current_app

from tests.support.app import House, make_house
from tests.support.postgres import Postgres
from webapp import db, migration
from webapp.db import Base

TWICE = """
import sys, warnings
from pathlib import Path
import flask_migrate
from tests.support.app import make_house
from webapp import migration

house = make_house(Path(sys.argv[1]), sys.argv[2])
migration.prepare(house.app)
print("ready", flush=True)
sys.stdin.readline()
with house.app.app_context(), warnings.catch_warnings():
    warnings.simplefilter("ignore")
    flask_migrate.upgrade()
house.close()
print("done", flush=True)
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A house without tables."""
    url = f"sqlite:///{tmp_path / 'empty.db'}" if request.param == "sqlite" else request.getfixturevalue("_fresh")
    made = make_house(tmp_path / "data", url)
    migration.prepare(made.app)
    with made.app.app_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield made
    made.close()


@pytest.fixture
def _fresh(postgres: Postgres) -> Iterator[str]:
    with postgres.fresh_database() as url:
        yield url


def _alembic() -> Config:
    config: Config = current_app.extensions["migrate"].migrate.get_config()
    return config


def _tables() -> set[str]:
    names = sa.inspect(db.db.engine).get_table_names()
    return {name for name in names if not name.startswith("file_storage_name_search")}


def test_an_upgrade_warns_of_nothing(tmp_path: Path) -> None:
    """Warnings are errors here, and one day they will be everywhere."""
    house = make_house(tmp_path)
    migration.upgrade(house.app)
    house.close()


def test_an_upgrade_from_nothing_makes_all_tables(empty: House) -> None:
    flask_migrate.upgrade()
    assert _tables() == {"alembic_version", *Base.metadata.tables}


def test_the_models_are_exactly_what_the_migrations_make(empty: House) -> None:
    flask_migrate.upgrade()
    command.check(_alembic())


def test_a_model_without_a_migration_would_be_found(empty: House) -> None:
    flask_migrate.upgrade()
    with db.db.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE setting")
    with pytest.raises(Exception, match="New upgrade operations detected"):
        command.check(_alembic())


def test_a_downgrade_leaves_nothing_and_an_upgrade_follows_it(empty: House) -> None:
    flask_migrate.upgrade()
    flask_migrate.downgrade(revision="base")
    assert _tables() == {"alembic_version"}
    assert [name for name in sa.inspect(db.db.engine).get_table_names() if "search" in name] == []
    flask_migrate.upgrade()
    assert _tables() == {"alembic_version", *Base.metadata.tables}


def test_upgrading_again_changes_nothing(empty: House) -> None:
    flask_migrate.upgrade()
    empty.services.users.create("somebody", "a long password", "user")
    flask_migrate.upgrade()
    assert [user.username for user in empty.services.users.list()] == ["somebody"]


def test_every_constraint_has_a_name(empty: House) -> None:
    """Constraints without names cannot be changed by a later migration."""
    flask_migrate.upgrade()
    inspector = sa.inspect(db.db.engine)
    for name in Base.metadata.tables:
        assert inspector.get_pk_constraint(name)["name"] == f"pk_{name}"
        for kind in (inspector.get_foreign_keys(name), inspector.get_unique_constraints(name)):
            assert all(constraint["name"] for constraint in kind)


def test_a_migration_that_fails_leaves_the_database_as_it_was(empty: House, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Operations.create_table

    def create_table(self: Operations, name: str, *args: object, **options: object) -> object:
        if name == "event":
            raise ValueError("injected")
        return kept(self, name, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Operations, "create_table", create_table)
    with pytest.raises(ValueError, match="injected"):
        flask_migrate.upgrade()
    assert _tables() <= {"alembic_version"}
    monkeypatch.undo()
    flask_migrate.upgrade()
    assert _tables() == {"alembic_version", *Base.metadata.tables}


def test_several_nodes_that_migrate_at_once_all_succeed(empty: House) -> None:
    url = empty.config.database_url
    arguments = [sys.executable, "-c", TWICE, str(empty.config.data_dir), url]
    pipe = subprocess.PIPE
    running = [subprocess.Popen(arguments, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(3)]
    try:
        for process in running:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in running:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in running:
            out, err = process.communicate(timeout=60)
            assert out == "done\n", out + err
    finally:
        for process in running:
            process.kill()
            process.communicate()
    assert _tables() == {"alembic_version", *Base.metadata.tables}


def test_a_deleted_account_frees_its_name_and_a_living_one_does_not(empty: House) -> None:
    flask_migrate.upgrade()
    users = empty.services.users
    users.create("admin", "a long password", "admin")
    first = users.create("Somebody", "a long password", "user")
    users.delete(first.id)
    users.create("somebody", "a long password", "user")
    with pytest.raises(Exception, match="taken"):
        users.create("SOMEBODY", "a long password", "user")
