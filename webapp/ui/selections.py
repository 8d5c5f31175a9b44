"""What a form stands for without naming each file: all that match a filter, a batch to undo, work that goes on.

Each is a signed text that holds for one account only; nobody can make one up.
"""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from flask import current_app
from itsdangerous import BadData, URLSafeTimedSerializer

from webapp.http.context import caller
from webapp.services.errors import ValidationError
from webapp.ui import addresses, states
from webapp.ui.states import ListState

LASTS = timedelta(days=1)
_TIMES = ("moment", "stamp")


@dataclass(frozen=True, kw_only=True)
class Selection:
    """All files that match a filter at a moment."""

    query: str
    trash: bool
    moment: datetime
    """Files that came later do not belong to it."""
    rows: int
    """How many of them the page shows."""

    @property
    def state(self) -> ListState:
        """The filter."""
        return states.read(addresses.query_of(f"?{self.query}"), trash=self.trash)


def make(state: ListState, now: datetime, rows: int = 0) -> str:
    """A text for all files that match."""
    query = urlencode(state.filters, doseq=True)
    return _signed("selection", asdict(Selection(query=query, trash=state.trash, moment=now, rows=rows)))


def read(text: str) -> Selection:
    """What such a text stands for.

    Raises:
        ValidationError: it is none of this account's, or too old.
    """
    return Selection(**_checked("selection", text))


def batch(moment: datetime) -> str:
    """A text for what was moved to the trash at a moment, to bring it back."""
    return _signed("batch", {"moment": moment})


def read_batch(text: str) -> datetime:
    """The moment.

    Raises:
        ValidationError: it is none of this account's, or too old.
    """
    moment: datetime = _checked("batch", text)["moment"]
    return moment


def work(values: dict[str, Any]) -> str:
    """A text for work that is not done yet."""
    return _signed("work", values)


def read_work(text: str) -> dict[str, Any]:
    """What it says.

    Raises:
        ValidationError: it is none of this account's, or too old.
    """
    return _checked("work", text)


def _signed(salt: str, values: dict[str, Any]) -> str:
    plain = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}
    return str(_serializer(salt).dumps({**plain, "for": _whom()}))


def _checked(salt: str, text: str) -> dict[str, Any]:
    try:
        values: dict[str, Any] = _serializer(salt).loads(text, max_age=int(LASTS.total_seconds()))
    except BadData as exc:
        raise ValidationError({"selection": "not_a_selection"}) from exc
    if values.pop("for", None) != _whom():
        raise ValidationError({"selection": "not_a_selection"})
    return {name: datetime.fromisoformat(value) if name in _TIMES else value for name, value in values.items()}


def _whom() -> list[Any]:
    """Whom a text holds for: who sees more by now did not mean the files that were hidden then."""
    return [str(caller().user_id), caller().sees_everything]


def _serializer(salt: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt=f"stowage.{salt}")
