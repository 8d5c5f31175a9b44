"""The HTML edge."""

from flask import Blueprint, Flask, Response, url_for

from webapp.http.auth import public
from webapp.ui import account, files, menu, trash, uploads, words
from webapp.ui.addresses import see

home = Blueprint("home", __name__)


@home.get("/")
@public
def start() -> Response:
    return see(url_for("ui_files.browse"))


def register(app: Flask) -> None:
    """Add the pages."""
    words.register(app)
    menu.register(app)
    for blueprint in (home, account.blueprint, files.blueprint, uploads.blueprint, trash.blueprint):
        app.register_blueprint(blueprint)
