"""The command line: ``stowage …``."""

from webapp.cli import accounts, database, serve, settings
from webapp.cli.base import cli, main

__all__ = ["accounts", "cli", "database", "main", "serve", "settings"]
