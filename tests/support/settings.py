"""The JSON edge of the settings, as tests speak to it."""

from typing import Any

from tests.support.app import Answer, Api
from tests.support.problems import problem

MODULES = "/api/settings/modules"
HERE = f"{MODULES}/file_storage"
SECRET = "kJ8/n0t+f0r-anybody-else"
MASKED = "VKID••••••••4WCE"
"""The id of the vault's key, as it is shown."""


def put(api: Api, values: dict[str, Any], **more: Any) -> Answer:
    return api.put(HERE, json={"values": values, **more})


def saved(answer: Answer) -> dict[str, Any]:
    assert answer.status_code == 200, answer.content
    document: dict[str, Any] = answer.json()
    return document


def wrong(answer: Answer) -> dict[str, str]:
    """The wrong fields and their sentences."""
    errors = problem(answer, "validation_error")["errors"]
    assert all(" " in each["message"] and each["message"].endswith(".") for each in errors), errors
    return {each["field"]: each["message"] for each in errors}
