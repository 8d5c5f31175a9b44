"""The form of settings, read and sent as a browser without scripts does."""

import re
from typing import Any

from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from tests.support.app import House
from tests.support.browser import Page
from tests.ui.conftest import Visitor, page_of, read

SETTINGS = "/settings/modules/file_storage"
SECRET = "f00-5ecret-b4r-that-nobody-sees"
KEY_ID = "AKIAZ5XN2QTL7HDP4WCE"
MASKED_KEY_ID = "AKIA••••••••4WCE"


def fields_of(page: Page) -> "MultiDict[str, str]":
    """What the form holds: disabled fields and boxes that are not ticked are not sent."""
    found: MultiDict[str, str] = MultiDict()
    tags = iter(page.tags)
    for tag, values in tags:
        if tag == "form" and values.get("id") == "settings-form":
            break
    for tag, values in tags:
        if tag == "form" or values.get("id") == "leave-dialog":
            break
        ticked = values.get("type") not in ("radio", "checkbox") or "checked" in values
        if tag == "input" and "name" in values and "disabled" not in values and ticked:
            found.add(values["name"], values.get("value", ""))
    return found


def send(
    who: Visitor, page: Page | None = None, path: str = "", headers: Any = None, **values: str | None
) -> TestResponse:
    """Change some fields of the page and send its form; None leaves a field out.

    Names of fields as they are; ``clear__x`` stands for ``clear.x``.
    """
    data = fields_of(page or who.open(SETTINGS))
    for name, value in values.items():
        data.poplist(name.replace("__", "."))
        if value is not None:
            data[name.replace("__", ".")] = value
    return who.post(f"{SETTINGS}{path}", data, headers={"Accept": "text/html", **(headers or {})})


def page_at(who: Visitor, answer: TestResponse) -> Page:
    """The page an answer is, or leads to."""
    return who.open(answer.headers["Location"]) if answer.status_code == 303 else page_of(answer)


def control(page: Page, name: str) -> dict[str, str]:
    """The control of a field."""
    return next(values for _, values in page.tags if values.get("id") == f"f-{name}")


def ids(page: Page) -> set[str]:
    return {values["id"] for _, values in page.tags if "id" in values}


def block(text: str, name: str) -> str:
    """The part of a page that is about one field."""
    found = re.search(
        rf'<div class="field[^"]*" data-field="{name}".*?(?=<div class="field|<div class="probe|</section)',
        text,
        re.DOTALL,
    )
    assert found, name
    return found[0]


def saved(house: House) -> Any:
    """The values that count now."""
    with house.app.app_context():
        return dict(house.services.settings.values("file_storage"))


def version(house: House) -> int:
    with house.app.app_context():
        return house.services.settings.view("file_storage").version


def alert(answer: TestResponse) -> str:
    """What the summary at the top says, if there is one."""
    found = re.search(r'<div class="alert[^>]*id="errs".*?</div></div>', answer.text, re.DOTALL)
    return " ".join(read("", found[0]).text.split()) if found else ""
