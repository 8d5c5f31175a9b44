"""The API described: ``/api/openapi.json`` for programs, ``/api/docs`` for people."""

from flask import Blueprint, Flask, Response, current_app, make_response, render_template

from webapp.api import openapi
from webapp.api.describe import describe
from webapp.http import answers
from webapp.http.auth import public
from webapp.http.headers import CSP_SWAGGER

blueprint = Blueprint("api_docs", __name__)
_KEPT = "stowage_openapi"


@blueprint.get("/openapi.json")
@public
@describe(summary="This document", answers={200: "application/json"})
def document() -> Response:
    return answers.json(_document(current_app))


@blueprint.get("/docs")
@public
@describe(summary="A page to read and try the API", answers={200: "text/html"})
def page() -> Response:
    return make_response(render_template("docs/index.html"), 200, {"Content-Security-Policy": CSP_SWAGGER})


def _document(app: Flask) -> object:
    # Made once per process: routes do not change while it runs.
    if _KEPT not in app.extensions:
        app.extensions[_KEPT] = openapi.document(app)
    return app.extensions[_KEPT]
