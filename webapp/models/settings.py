"""Settings, and where files were kept under earlier ones."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db import Base, UtcDateTime


class Setting(Base):
    """A setting that differs from its default."""

    __tablename__ = "setting"

    module: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    # Text, not JSON: a row that is garbage must not keep the others from being read.
    value: Mapped[str] = mapped_column(sa.Text)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_by: Mapped[str | None] = mapped_column(sa.String(36))


class SettingVersion(Base):
    """How often the settings of a module were saved: who saves says which version was looked at."""

    __tablename__ = "setting_version"

    module: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    version: Mapped[int] = mapped_column(sa.BigInteger)


class StoragePlace(Base):
    """A place that files were or are stored in, with what opens it: files stay readable when the settings name another.

    ``id`` is a digest of the backend and the location.
    """

    __tablename__ = "storage_place"

    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    backend: Mapped[str] = mapped_column(sa.String(32), index=True)
    location: Mapped[str] = mapped_column(sa.Text)
    sealed: Mapped[str] = mapped_column(sa.Text)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
