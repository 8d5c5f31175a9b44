"""The caller's own tokens: ``/api/tokens``."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from flask import Blueprint, Response

from webapp.api.describe import describe
from webapp.http import answers, params
from webapp.http.auth import permission
from webapp.http.context import caller, services
from webapp.services.access import Permission
from webapp.services.tokens import TokenCreatedOut, TokenOut

blueprint = Blueprint("api_tokens", __name__, url_prefix="/tokens")


@dataclass(frozen=True, kw_only=True)
class TokenIn:
    """A token to be made."""

    name: str = field(metadata={"help": "What it is for.", "min_length": 1, "max_length": 100})
    scopes: list[str] = field(
        metadata={
            "help": "What it may do: permissions of its owner.",
            "known": "permissions",
            "min_items": 1,
            "max_items": 50,
        }
    )
    expires_at: datetime | None = field(default=None, metadata={"help": "When it stops working; null: never."})


@dataclass(frozen=True, kw_only=True)
class TokenListOut:
    """The caller's tokens, newest first."""

    items: list[TokenOut]


@blueprint.get("")
@permission(Permission.TOKENS)
@describe(summary="List your tokens", answers={200: TokenListOut})
def list_tokens() -> Response:
    return answers.json(TokenListOut(items=services().tokens.list(caller())))


@blueprint.post("")
@permission(Permission.TOKENS)
@describe(
    summary="Make a token",
    details="The secret is in this answer and never shown again. It can do no more than whoever makes it.",
    body=TokenIn,
    answers={201: TokenCreatedOut},
)
def create() -> Response:
    wanted = params.body(TokenIn)
    token = services().tokens.create(caller(), wanted.name, wanted.scopes, wanted.expires_at)
    return answers.json(token, 201, {"Location": f"/api/tokens/{token.id}"})


@blueprint.delete("/<uuid:token_id>")
@permission(Permission.TOKENS)
@describe(summary="Revoke a token", details="It stops working at once.", answers={204: None})
def revoke(token_id: UUID) -> Response:
    services().tokens.revoke(caller(), token_id)
    return answers.nothing()
