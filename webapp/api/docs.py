"""The API described: ``/api/openapi.json`` for programs, ``/api/docs`` for people."""

from flask import Blueprint, Response, current_app

from webapp.api import openapi
from webapp.http import answers
from webapp.http.auth import public

blueprint = Blueprint("api_docs", __name__)


@blueprint.get("/openapi.json")
@public
def document() -> Response:
    return answers.json(openapi.document(current_app))
