"""What a webhook can be made of: a wrong field is named with the right reason."""

import pytest

from webapp.services.errors import ValidationError
from webapp.services.webhooks import checking

LONG_S, KELVIN = "\u017f", "\u212a"
"""Letters that are s and k to whoever compares without case."""


def reasons(**values: object) -> dict[str, object]:
    with pytest.raises(ValidationError) as refused:
        checking.checked(values, allow_private=False)
    return dict(refused.value.errors)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"http{LONG_S}://example.com/", "url_scheme"),
        (f"HTTP{LONG_S}://example.com/", "url_scheme"),
        (f"http://1.1.1.1/{LONG_S}", "url_malformed_query"),
        (f"http://1.1.1.1/{KELVIN}", "url_malformed_query"),
        (f"http://1.1.1.1/?{LONG_S}", "url_malformed_query"),
    ],
)
def test_an_address_that_nothing_can_be_sent_to_is_refused(url: str, reason: str) -> None:
    assert reasons(url=url) == {"url": reason}


def test_fields_that_there_are_not_are_unknown() -> None:
    assert reasons(url="", colour="red") == {"url": "required", "colour": "unknown_field"}


def test_a_check_that_fails_is_not_taken_for_a_field_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(checking._CHECKS, "description", lambda value: {}[value])
    with pytest.raises(KeyError):
        checking.checked({"description": "x"}, allow_private=False)
