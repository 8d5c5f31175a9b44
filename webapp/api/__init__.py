"""The JSON edge, under ``/api``."""

from flask import Flask

from webapp.api import direct, docs, files, health, me, settings, tokens, users


def register(app: Flask) -> None:
    """Add the JSON routes."""
    for room in (files, direct, me, tokens, users, settings, docs):
        blueprint = room.blueprint
        app.register_blueprint(blueprint, url_prefix="/api" + (blueprint.url_prefix or ""))
    app.register_blueprint(health.blueprint)
