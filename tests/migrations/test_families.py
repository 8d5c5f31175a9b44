"""The second migration gives every stored file its family and counts anew, and can be taken back."""

import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import flask_migrate
import pytest
import sqlalchemy as sa

from tests.support.app import House, make_house
from tests.support.postgres import Postgres
from webapp import db, migration
from webapp.db import table
from webapp.models import StoredFile, User
from webapp.services.families import FAMILIES, family

TYPES = (
    "image/png",
    "image/svg+xml",
    "video/mp4",
    "text/csv",
    "application/pdf",
    "text/html",
    "x/y",
    "application/zip",
)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def before(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A house at the first migration, with files of two people and of nobody."""
    url = f"sqlite:///{tmp_path / 'old.db'}" if request.param == "sqlite" else request.getfixturevalue("_fresh")
    made = make_house(tmp_path / "data", url)
    migration.prepare(made.app)
    with made.app.app_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        flask_migrate.upgrade(revision="0001")
        _fill()
        yield made
    made.close()


@pytest.fixture
def _fresh(postgres: Postgres) -> Iterator[str]:
    with postgres.fresh_database() as url:
        yield url


def _fill() -> None:
    people = [_person(name) for name in ("one", "two")]
    owners = [people[0]["id"], people[1]["id"], None]
    rows = [_file(n, owners[n % 3], TYPES[n % len(TYPES)]) for n in range(60)]
    # Without what the models have and the first tables had not.
    old = sa.insert(sa.table("file_storage_stored_file", *(c for c in _columns() if c.name != "family")))
    with db.db.engine.begin() as connection:
        connection.execute(sa.insert(table(User)), people)
        connection.execute(old, rows)


def _columns() -> list[sa.ColumnClause[Any]]:
    return [sa.column(c.name, c.type) for c in table(StoredFile).columns if c.name != "seq"]


def _person(name: str) -> dict[str, Any]:
    fields = {"username": name, "username_folded": name, "password_hash": "", "role": "user"}
    return {"id": uuid4(), **fields, "active": True, "created_at": NOW, "deleted_at": None}


def _file(number: int, owner: object, content_type: str) -> dict[str, Any]:
    trashed = number % 4 == 0
    return {
        "id": uuid4(),
        "key": f"{number:032x}",
        "filename": f"file {number}",
        "filename_folded": f"file {number}",
        "content_type": content_type,
        "size_bytes": number,
        "backend": "s3" if number % 5 == 0 else "filesystem",
        "checksum_sha256": "0" * 64,
        "extra_metadata": {},
        "created_at": NOW,
        "created_by": owner,
        "updated_at": NOW,
        "updated_by": None,
        "is_deleted": trashed,
        "deleted_at": NOW if trashed else None,
        "deleted_by": None,
    }


def test_every_file_gets_its_family_and_is_counted(before: House) -> None:
    flask_migrate.upgrade()
    rows = before.query(sa.select(table(StoredFile).c.content_type, table(StoredFile).c.family))
    assert len(rows) == 60
    assert all(row.family == family(row.content_type) for row in rows)
    assert before.tallies() == before.counted()
    assert sum(files for files, _ in before.tallies().values()) == 60


def test_names_are_still_found_after_it(before: House) -> None:
    flask_migrate.upgrade()
    before.upload(before.caller("one"), name="file 17 again")
    if db.db.engine.dialect.name == "sqlite":
        found = 'SELECT COUNT(*) FROM file_storage_name_search WHERE file_storage_name_search MATCH \'"e 1" AND " 17"\''
        assert before.query(sa.text(found))[0][0] == 2


def test_it_can_be_taken_back(before: House) -> None:
    flask_migrate.upgrade()
    flask_migrate.downgrade(revision="0001")
    assert "family" not in {
        column["name"] for column in sa.inspect(db.db.engine).get_columns("file_storage_stored_file")
    }
    counted = "SELECT SUM(files), SUM(bytes) FROM file_storage_tally"
    assert [int(n) for n in before.query(sa.text(counted))[0]] == [60, sum(range(60))]
    flask_migrate.upgrade()
    assert before.tallies() == before.counted()


def test_an_empty_store_is_no_accident(tmp_path: Path) -> None:
    house = make_house(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        migration.upgrade(house.app)
    assert house.tallies() == {}
    house.close()


@pytest.mark.parametrize("content_type", [*TYPES, "", "image/", "text/plain", "application/octet-stream", "TEXT/X"])
def test_every_type_has_one_of_the_families(content_type: str) -> None:
    assert family(content_type) in FAMILIES
