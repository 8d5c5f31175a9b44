"""Accounts, for admins: ``/api/users``."""

from dataclasses import dataclass, field
from uuid import UUID

from flask import Blueprint, Response

from webapp.api.describe import describe
from webapp.http import answers, params
from webapp.http.auth import permission
from webapp.http.context import caller, services
from webapp.services.access import ROLES, Permission
from webapp.services.users import UserOut

blueprint = Blueprint("api_users", __name__, url_prefix="/users")
_ROLE = {"choices": tuple(ROLES)}


@dataclass(frozen=True, kw_only=True)
class UserIn:
    """An account to be made."""

    username: str = field(metadata={"help": "Unique, whatever the case.", "min_length": 1, "max_length": 64})
    password: str = field(metadata={"help": "At least 8 characters.", "min_length": 8, "max_length": 1024})
    role: str = field(metadata=_ROLE)


@dataclass(frozen=True, kw_only=True)
class UserChanges:
    """What to change of an account; what is left out stays."""

    role: str | None = field(default=None, metadata=_ROLE)
    active: bool | None = field(default=None, metadata={"help": "False signs the account out and stops its tokens."})
    password: str | None = field(
        default=None, metadata={"help": "Ends all sessions of the account.", "min_length": 8, "max_length": 1024}
    )


@dataclass(frozen=True, kw_only=True)
class UserListOut:
    """All accounts, by name."""

    items: list[UserOut]


@blueprint.get("")
@permission(Permission.USERS)
@describe(summary="List accounts", answers={200: UserListOut})
def list_users() -> Response:
    return answers.json(UserListOut(items=services().users.list()))


@blueprint.post("")
@permission(Permission.USERS)
@describe(
    summary="Make an account",
    body=UserIn,
    answers={201: UserOut},
    errors=("conflict",),
)
def create() -> Response:
    wanted = params.body(UserIn)
    user = services().users.create(wanted.username, wanted.password, wanted.role, caller().actor)
    return answers.json(user, 201, {"Location": f"/api/users/{user.id}"})


@blueprint.patch("/<uuid:user_id>")
@permission(Permission.USERS)
@describe(
    summary="Change an account",
    body=UserChanges,
    answers={200: UserOut},
    errors=("conflict",),
)
def change(user_id: UUID) -> Response:
    wanted = params.body(UserChanges)
    changes = {name: value for name, value in vars(wanted).items() if value is not None}
    return answers.json(services().users.change(user_id, changes, caller().actor))


@blueprint.delete("/<uuid:user_id>")
@permission(Permission.USERS)
@describe(
    summary="Remove an account",
    details="Its tokens and sessions end at once; its files stay. The last active admin cannot be removed.",
    answers={204: None},
    errors=("conflict",),
)
def delete(user_id: UUID) -> Response:
    services().users.delete(user_id, caller().actor)
    return answers.nothing()
