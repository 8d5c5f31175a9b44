"""People with browsers that run no script, inside the process."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from werkzeug.test import TestResponse

from tests.support.app import PASSWORD, House
from tests.support.browser import Form, Page
from tests.support.raw import field_part, file_part, multipart

BROWSE = "/file-storage/"
TRASH = "/file-storage/trash"
LOGIN = "/account/login"
HTMX = {"HX-Request": "true"}
"""What htmx says about itself."""


@dataclass(frozen=True)
class Sheet:
    """An answer as Page reads it."""

    url: str
    text: str


class Visitor:
    """A browser: it keeps cookies, reads pages and sends their forms."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.http = house.app.test_client()

    def get(self, address: str, **options: Any) -> TestResponse:
        options.setdefault("headers", {"Accept": "text/html"})
        return self.http.get(address, buffered=True, **options)

    def open(self, address: str = BROWSE) -> Page:
        """The page at an address, after redirects."""
        answer = self.get(address, follow_redirects=True)
        assert answer.status_code == 200, f"{address}: {answer.status_code}"
        return page_of(answer)

    def post(self, address: str, data: Any = None, **options: Any) -> TestResponse:
        options.setdefault("headers", {"Accept": "text/html"})
        return self.http.post(address, data=data, buffered=True, **options)

    def send(self, form: Form, **values: Any) -> TestResponse:
        """Send a form with these values."""
        address = urlsplit(form.action)
        return self.post(address.path, {**form.fields, **values})

    def press(self, page: Page, action: str, **values: Any) -> TestResponse:
        """Press the button of the list that posts to ``action``, with the boxes ticked in ``id``."""
        assert action in {v.get("formaction") for tag, v in page.tags if tag == "button"}, action
        return self.send_bulk(page, action, **values)

    def send_bulk(self, page: Page, action: str, headers: Any = None, **values: Any) -> TestResponse:
        hidden = {v["name"]: v["value"] for v in bulk_fields(page)}
        return self.post(action, {**hidden, **values}, headers={"Accept": "text/html", **(headers or {})})

    def sign_in(self, name: str, password: str = PASSWORD, target: str | None = None) -> TestResponse:
        address = LOGIN if target is None else f"{LOGIN}?next={target}"
        form = self.open(address).form(password=True)
        return self.send(form, username=name, password=password)

    def is_in(self) -> bool:
        return self.get("/account/").status_code == 200

    def upload(self, *files: tuple[str, bytes], page: Page | None = None) -> Page:
        """Fill in the upload form and look at the page after it."""
        form = (page or self.open()).form(file=True)
        fields = [field_part(name, value) for name, value in form.fields.items()]
        answer = self.upload_parts([*fields, *(file_part(data, name, content_type="") for name, data in files)])
        assert answer.status_code == 303, answer.text
        return self.open(answer.headers["Location"])

    def upload_parts(self, parts: Sequence[Any], **options: Any) -> TestResponse:
        """Send an upload form written by hand."""
        body = multipart(parts, **options)
        content_type = "multipart/form-data; boundary=b0undary"
        return self.post("/file-storage/upload", body, content_type=content_type)

    def token(self) -> str:
        return self.open().csrf_token()


def page_of(answer: TestResponse) -> Page:
    return read(answer.request.url, answer.text)


def read(url: str, text: str) -> Page:
    return Page(Sheet(url, text))  # type: ignore[arg-type]


OUR_SCRIPT = re.compile(r"/static/[0-9a-f]{12}/(vendor/htmx/htmx\.min|app)\.js")
OUR_ADDRESS = re.compile(r"/(?![/\\])|#|$")
OUR_SOURCES = {
    "script": OUR_SCRIPT,
    "img": re.compile(r"/file-storage/files/[0-9a-f-]{36}/(thumbnail/\d+|preview)"),
    **dict.fromkeys(("iframe", "video", "audio"), re.compile(r"/file-storage/files/[0-9a-f-]{36}/preview")),
}
FOREIGN = {"style", "object", "embed", "base", "frame", "link-import", "math", "marquee", "plaintext", "noscript"}


def assert_ours(page: Page) -> None:
    """Nothing in a page runs, loads or leads anywhere but what our templates put there."""
    for tag, values in page.tags:
        assert tag not in FOREIGN, (tag, values)
        assert not [key for key in values if key.startswith("on")], (tag, values)
        assert not values.keys() & {"style", "srcdoc", "srcset", "ping", "hx-vals", "hx-headers", "hx-ext"}, values
        if tag in OUR_SOURCES and values.get("id") != "words":
            assert OUR_SOURCES[tag].fullmatch(values["src"]), (tag, values)
        for name in ("href", "src", "action", "formaction", "hx-get", "hx-post", "data-url", "data-zoom"):
            assert OUR_ADDRESS.match(values.get(name, "")), (tag, values)
    words = [values for tag, values in page.tags if values.get("id") == "words"]
    assert words in ([], [{"type": "application/json", "id": "words"}])
    assert len(page.scripts) == len(words), "a script with text in it"
    assert all(isinstance(json.loads(text), dict) for text in page.scripts)


def assert_no_more_tags(page: Page, plain: Page) -> None:
    """What differs between two pages is text: neither has a tag or an attribute that the other has not."""
    assert [(tag, sorted(values)) for tag, values in page.tags] == [(tag, sorted(v)) for tag, v in plain.tags]


def focused(answer: TestResponse) -> list[str]:
    """Names, or else ids, of what gets the focus in a page, or in a part of one."""
    main = answer.text.partition("<main")[2].partition("</main>")[0] or answer.text
    tags = Page(Sheet(answer.request.url, main)).tags  # type: ignore[arg-type]
    return [v.get("name") or v["id"] for _, v in tags if "autofocus" in v]


def bulk_fields(page: Page) -> list[dict[str, str]]:
    """The hidden fields of the form that the rows' boxes and buttons belong to."""
    at = next(i for i, (tag, v) in enumerate(page.tags) if tag == "form" and v.get("id") == "bulk")
    fields = []
    for tag, values in page.tags[at + 1 :]:
        if tag != "input":
            break
        fields.append(values)
    return fields


def names_in(page: Page) -> list[str]:
    """The names in the list, from top to bottom, each as the row shows it to the letter."""
    return [v["title"] for _, v in page.tags if "mid" in v.get("class", "").split() and "title" in v]


@pytest.fixture
def house(sqlite_house: House) -> House:
    """Pages do not care about the database: one is enough."""
    return sqlite_house


@pytest.fixture
def visitor(house: House) -> Visitor:
    """Somebody who is not signed in."""
    return Visitor(house)


@pytest.fixture
def person(house: House) -> Callable[[str], Visitor]:
    """Somebody who is."""

    def make(name: str) -> Visitor:
        visitor = Visitor(house)
        assert visitor.sign_in(name).status_code == 303
        return visitor

    return make


@pytest.fixture
def admin(person: Callable[[str], Visitor]) -> Visitor:
    return person("admin")


@pytest.fixture
def uploader(person: Callable[[str], Visitor]) -> Visitor:
    return person("uploader")
