"""The first tables.

Revision: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_FOLDED = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_TABLES = (
    "user_session", "api_token", "idempotency_key", "file_storage_stored_file", "file_storage_tally",
    "pending_removal", "sign_in_failure", "setting", "event", "user",
)  # fmt: skip


def upgrade() -> None:
    """Apply."""
    _accounts()
    _files()
    _upkeep()
    _events_and_settings()
    if op.get_bind().dialect.name == "sqlite":
        _name_search_sqlite()
    else:
        _name_search_postgresql()


def downgrade() -> None:
    """Take back: all data goes."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE file_storage_name_search")
    for name in _TABLES:
        op.drop_table(name)


def _accounts() -> None:
    """Who may come in."""
    op.create_table(
        "user",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("username", sa.String(length=64), nullable=False),
        sa.Column("username_folded", sa.String(length=256), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user")),
    )
    op.create_index(
        "uq_user_username_folded",
        "user",
        ["username_folded"],
        unique=True,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "api_token",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_api_token_user_id_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_token_token_hash")),
    )
    op.create_index(op.f("ix_api_token_user_id"), "api_token", ["user_id"], unique=False)
    op.create_table(
        "user_session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("user_agent", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_user_session_user_id_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_session")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_user_session_secret_hash")),
    )
    op.create_index(op.f("ix_user_session_expires_at"), "user_session", ["expires_at"], unique=False)
    op.create_index(op.f("ix_user_session_user_id"), "user_session", ["user_id"], unique=False)
    op.create_table(
        "sign_in_failure",
        sa.Column("bucket", sa.String(length=80), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("bucket", name=op.f("pk_sign_in_failure")),
    )
    op.create_index(op.f("ix_sign_in_failure_expires_at"), "sign_in_failure", ["expires_at"], unique=False)


def _files() -> None:
    """The files and their counters."""
    op.create_table(
        "file_storage_stored_file",
        sa.Column("seq", _BIG_ID, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=512), nullable=False),
        sa.Column("filename", sa.String(length=255), nullable=False),
        sa.Column("filename_folded", _FOLDED, nullable=False),
        sa.Column("content_type", sa.String(length=128), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("backend", sa.String(length=32), nullable=False),
        sa.Column("checksum_sha256", sa.String(length=64), nullable=False),
        sa.Column("extra_metadata", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.Column("is_deleted", sa.Boolean(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["user.id"], name=op.f("fk_file_storage_stored_file_created_by_user")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_file_storage_stored_file")),
        sa.UniqueConstraint("id", name=op.f("uq_file_storage_stored_file_id")),
        sa.UniqueConstraint("key", name=op.f("uq_file_storage_stored_file_key")),
    )
    op.create_index(
        "ix_file_storage_stored_file_created_by",
        "file_storage_stored_file",
        ["created_by", "is_deleted", "created_at", "seq"],
        unique=False,
    )
    op.create_index(
        op.f("ix_file_storage_stored_file_is_deleted_created_at_seq"),
        "file_storage_stored_file",
        ["is_deleted", "created_at", "seq"],
        unique=False,
    )
    op.create_index(
        op.f("ix_file_storage_stored_file_is_deleted_deleted_at_seq"),
        "file_storage_stored_file",
        ["is_deleted", "deleted_at", "seq"],
        unique=False,
    )
    op.create_index(
        op.f("ix_file_storage_stored_file_is_deleted_filename_folded_seq"),
        "file_storage_stored_file",
        ["is_deleted", "filename_folded", "seq"],
        unique=False,
    )
    op.create_index(
        op.f("ix_file_storage_stored_file_is_deleted_size_bytes_seq"),
        "file_storage_stored_file",
        ["is_deleted", "size_bytes", "seq"],
        unique=False,
    )
    op.create_table(
        "file_storage_tally",
        sa.Column("owner", sa.String(length=36), nullable=False),
        sa.Column("backend", sa.String(length=32), nullable=False),
        sa.Column("is_deleted", sa.Boolean(), nullable=False),
        sa.Column("slot", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("files", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "backend", "is_deleted", "slot", name=op.f("pk_file_storage_tally")),
    )


def _upkeep() -> None:
    """What is remembered for a while."""
    op.create_table(
        "pending_removal",
        sa.Column("seq", _BIG_ID, nullable=False),
        sa.Column("backend", sa.String(length=32), nullable=False),
        sa.Column("location", sa.JSON(), nullable=False),
        sa.Column("key", sa.String(length=512), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_pending_removal")),
    )
    op.create_index(op.f("ix_pending_removal_due_at"), "pending_removal", ["due_at"], unique=False)
    op.create_table(
        "idempotency_key",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_idempotency_key_user_id_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "key", name=op.f("pk_idempotency_key")),
    )
    op.create_index(op.f("ix_idempotency_key_created_at"), "idempotency_key", ["created_at"], unique=False)


def _events_and_settings() -> None:
    """The outbox, which is also the activity log, and the settings."""
    op.create_table(
        "event",
        sa.Column("seq", _BIG_ID, nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.String(length=36), nullable=True),
        sa.Column("actor_name", sa.String(length=64), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("subject_id", sa.String(length=36), nullable=True),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_event")),
    )
    op.create_index(op.f("ix_event_name_seq"), "event", ["name", "seq"], unique=False)
    op.create_index(op.f("ix_event_subject_id_seq"), "event", ["subject_id", "seq"], unique=False)
    op.create_index(
        "ix_event_unpublished",
        "event",
        ["seq"],
        unique=False,
        sqlite_where=sa.text("published_at IS NULL"),
        postgresql_where=sa.text("published_at IS NULL"),
    )
    op.create_table(
        "setting",
        sa.Column("module", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(length=36), nullable=True),
        sa.PrimaryKeyConstraint("module", "name", name=op.f("pk_setting")),
    )


def _name_search_sqlite() -> None:
    """A trigram index over the folded names, kept up to date by triggers.

    Without content and positions it is a third of the size: what it finds is
    compared with the name anyway (webapp/services/listing.py).
    """
    op.execute(
        "CREATE VIRTUAL TABLE file_storage_name_search USING fts5("
        "filename_folded, content='file_storage_stored_file', content_rowid='seq',"
        " tokenize='trigram case_sensitive 1', detail='none', columnsize=0)"
    )
    op.execute(
        "CREATE TRIGGER file_storage_name_search_insert AFTER INSERT ON file_storage_stored_file BEGIN"
        " INSERT INTO file_storage_name_search (rowid, filename_folded) VALUES (new.seq, new.filename_folded); END"
    )
    op.execute(
        "CREATE TRIGGER file_storage_name_search_delete AFTER DELETE ON file_storage_stored_file BEGIN"
        " INSERT INTO file_storage_name_search (file_storage_name_search, rowid, filename_folded)"
        " VALUES ('delete', old.seq, old.filename_folded); END"
    )
    op.execute(
        "CREATE TRIGGER file_storage_name_search_update AFTER UPDATE OF filename_folded ON file_storage_stored_file"
        " BEGIN INSERT INTO file_storage_name_search (file_storage_name_search, rowid, filename_folded)"
        " VALUES ('delete', old.seq, old.filename_folded);"
        " INSERT INTO file_storage_name_search (rowid, filename_folded) VALUES (new.seq, new.filename_folded); END"
    )


def _name_search_postgresql() -> None:
    """The same by pg_trgm, where the database lets us have it; without it, search reads all names."""
    op.execute(
        "DO $$ BEGIN CREATE EXTENSION IF NOT EXISTS pg_trgm;"
        " CREATE INDEX ix_file_storage_stored_file_name_search ON file_storage_stored_file"
        " USING gin (filename_folded gin_trgm_ops);"
        " EXCEPTION WHEN OTHERS THEN RAISE NOTICE 'no pg_trgm: %', SQLERRM; END $$"
    )
