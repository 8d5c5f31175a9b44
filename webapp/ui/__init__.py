"""The HTML edge."""

from flask import Blueprint, Flask, Response, url_for

from webapp.http.auth import public
from webapp.ui import (
    account,
    activity,
    menu,
    palette,
    plugins,
    tasks,
    tokens,
    users,
    webhooks,
    words,
)
from webapp.ui.addresses import see

home = Blueprint("home", __name__)


@home.get("/")
@public
def start() -> Response:
    return see(url_for("ui_files.browse"))


def register(app: Flask) -> None:
    """Add the pages that belong to no module (webapp/builtin)."""
    words.register(app)
    menu.register(app)
    app.register_blueprint(home)
    for page in (account, activity, palette, plugins, tasks, tokens, users, webhooks):
        app.register_blueprint(page.blueprint)
