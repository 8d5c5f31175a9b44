"""The HTML edge."""

from flask import Flask

from webapp.ui import account, files


def register(app: Flask) -> None:
    """Add the pages."""
    app.register_blueprint(account.blueprint)
    app.register_blueprint(files.blueprint)
