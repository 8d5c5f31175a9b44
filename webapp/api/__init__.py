"""The JSON edge, under ``/api``."""

from flask import Flask

from webapp.api import docs, files, health, me, tokens, users


def register(app: Flask) -> None:
    """Add the JSON routes."""
    for blueprint in (files.blueprint, me.blueprint, tokens.blueprint, users.blueprint, docs.blueprint):
        app.register_blueprint(blueprint, url_prefix="/api" + (blueprint.url_prefix or ""))
    app.register_blueprint(health.blueprint)
