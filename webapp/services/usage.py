"""How much of the store somebody sees, from the counters: as cheap at a million files as at ten."""

from dataclasses import dataclass

from webapp import db
from webapp.services import tallies
from webapp.services.access import Caller


@dataclass(frozen=True, slots=True)
class Usage:
    """Files and their bytes."""

    files: int
    size_bytes: int


def stored(caller: Caller, *, trash: bool) -> Usage:
    """What the caller sees of the live files, or of the trash."""
    owner = None if caller.sees_everything else caller.user_id
    with db.read() as connection:
        return Usage(*tallies.total(connection, is_deleted=trash, owner=owner))
