"""Files carry the family of their type, and are counted by it.

Revision: 0002
"""

import sqlalchemy as sa
from alembic import op

from webapp.services.families import family

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_FILES = "file_storage_stored_file"
_TALLY = "file_storage_tally"
_INDEXES = {
    f"ix_{_FILES}_{name}": ["is_deleted", *columns, "seq"]
    for name, columns in {
        "family": ["family", "created_at"],
        "family_name": ["family", "filename_folded"],
        "family_size": ["family", "size_bytes"],
        "backend": ["backend", "created_at"],
    }.items()
}
_TRASH = "ix_file_storage_stored_file_trash"
_ALL_DELETED_AT = "ix_file_storage_stored_file_is_deleted_deleted_at_seq"
_TRASHED = sa.text("deleted_at IS NOT NULL")


def upgrade() -> None:
    """Apply."""
    # The default stays: SQLite could only drop it by making the table anew, and the search index with it.
    op.add_column(_FILES, sa.Column("family", sa.String(length=16), server_default="other", nullable=False))
    _backfill()
    for name, columns in _INDEXES.items():
        op.create_index(name, _FILES, columns, unique=False)
    # Only what is in the trash is ever sorted by this.
    op.drop_index(_ALL_DELETED_AT, table_name=_FILES)
    op.create_index(_TRASH, _FILES, ["deleted_at", "seq"], sqlite_where=_TRASHED, postgresql_where=_TRASHED)
    op.drop_table(_TALLY)
    _create_tally("family")
    _count("family")


def downgrade() -> None:
    """Take back: the counters are counted anew."""
    op.drop_index(_TRASH, table_name=_FILES)
    op.create_index(_ALL_DELETED_AT, _FILES, ["is_deleted", "deleted_at", "seq"])
    for name in _INDEXES:
        op.drop_index(name, table_name=_FILES)
    op.drop_column(_FILES, "family")
    op.drop_table(_TALLY)
    _create_tally()
    _count()


def _backfill() -> None:
    """One pass over the rows, however many types there are: there are far fewer types than rows."""
    bind = op.get_bind()
    types = bind.execute(sa.text("SELECT DISTINCT content_type FROM file_storage_stored_file")).scalars()
    known = [{"content_type": each, "family": family(each)} for each in types]
    known = [row for row in known if row["family"] != "other"]
    if not known:
        return
    bind.execute(sa.text("CREATE TEMPORARY TABLE type_family (content_type VARCHAR(128) PRIMARY KEY, family TEXT)"))
    bind.execute(sa.text("INSERT INTO type_family VALUES (:content_type, :family)"), known)
    bind.execute(
        sa.text(
            "UPDATE file_storage_stored_file SET family = type_family.family FROM type_family"
            " WHERE type_family.content_type = file_storage_stored_file.content_type"
        )
    )
    bind.execute(sa.text("DROP TABLE type_family"))


def _create_tally(*extra: str) -> None:
    key = ("owner", "backend", *extra, "is_deleted", "slot")
    op.create_table(
        _TALLY,
        sa.Column("owner", sa.String(length=36), nullable=False),
        sa.Column("backend", sa.String(length=32), nullable=False),
        *(sa.Column(name, sa.String(length=16), nullable=False) for name in extra),
        sa.Column("is_deleted", sa.Boolean(), nullable=False),
        sa.Column("slot", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("files", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(*key, name=op.f("pk_file_storage_tally")),
    )


def _count(*extra: str) -> None:
    """Counted from the rows, not from the counters before: these know no families."""
    names = ("backend", *extra, "is_deleted")
    files = sa.table(_FILES, *(sa.column(name) for name in ("created_by", "size_bytes", *names)))
    by = [files.c[name] for name in names]
    owner = sa.func.coalesce(_dashed(files.c.created_by), "")
    counted = sa.select(owner, *by, sa.literal(0), sa.func.count(), sa.func.sum(files.c.size_bytes))
    columns = ["owner", *(column.name for column in by), "slot", "files", "bytes"]
    tally = sa.table(_TALLY, *(sa.column(name) for name in columns))
    op.execute(sa.insert(tally).from_select(columns, counted.group_by(files.c.created_by, *by)))


def _dashed(account: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """SQLite keeps the id of an account as 32 digits; the counters have its dashes everywhere."""
    if op.get_bind().dialect.name != "sqlite":
        return sa.cast(account, sa.String(36))
    ends = [(1, 8), (9, 4), (13, 4), (17, 4), (21, 12)]
    parts = [sa.func.substr(account, start, length, type_=sa.String) for start, length in ends]
    return parts[0] + "-" + parts[1] + "-" + parts[2] + "-" + parts[3] + "-" + parts[4]
