"""Who am I: ``/api/me``."""

from dataclasses import dataclass, field
from uuid import UUID

from flask import Blueprint, Response

from webapp.api.describe import describe
from webapp.http import answers
from webapp.http.auth import signed_in
from webapp.http.context import caller
from webapp.services.access import ROLES

blueprint = Blueprint("api_me", __name__)


@dataclass(frozen=True, kw_only=True)
class MeOut:
    """The account behind the credentials, and what these allow."""

    id: UUID
    username: str
    role: str = field(metadata={"choices": tuple(ROLES)})
    permissions: list[str]


@blueprint.get("/me")
@signed_in
@describe(summary="Show who is asking", answers={200: MeOut})
def show() -> Response:
    who = caller()
    permissions = sorted(who.permissions)
    return answers.json(MeOut(id=who.user_id, username=who.username, role=who.role, permissions=permissions))
