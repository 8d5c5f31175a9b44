"""The JSON edge, under ``/api``."""

from flask import Flask

from webapp.api import docs, events, health, me, plugins, tasks, tokens, users, webhooks


def register(app: Flask) -> None:
    """Add the JSON routes that belong to no module (webapp/builtin)."""
    for room in (me, tokens, users, webhooks, plugins, tasks, events, docs):
        blueprint = room.blueprint
        app.register_blueprint(blueprint, url_prefix="/api" + (blueprint.url_prefix or ""))
    app.register_blueprint(health.blueprint)
