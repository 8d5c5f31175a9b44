"""A person with a browser: cookies, pages and forms, no JavaScript."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import requests

from tests.support.client import Client

LOGIN = "/account/login"
LOGOUT = "/account/logout"
BROWSE = "/file-storage/"


@dataclass
class Form:
    """One form of a page, as a browser would send it."""

    action: str
    method: str
    enctype: str
    fields: dict[str, str] = field(default_factory=dict)
    file_fields: list[str] = field(default_factory=list)
    password_fields: list[str] = field(default_factory=list)


class Page(HTMLParser):
    """What the tests read from a page."""

    def __init__(self, answer: requests.Response) -> None:
        super().__init__()
        self.url = answer.url
        self.forms: list[Form] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.scripts: list[str] = []
        self.feed(answer.text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags.append((tag, values))
        if tag == "form":
            self.forms.append(
                Form(
                    action=urljoin(self.url, values.get("action") or self.url),
                    method=values.get("method", "get").upper(),
                    enctype=values.get("enctype", ""),
                )
            )
        elif tag in {"input", "button", "textarea"} and self.forms and values.get("name"):
            self._field(self.forms[-1], values)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        # What scripts read is nothing that people read.
        if self.cdata_elem != "script":
            self.text += data
        else:
            self.scripts.append(data)

    @staticmethod
    def _field(form: Form, values: dict[str, str]) -> None:
        name, kind = values["name"], values.get("type", "text")
        if kind == "file":
            form.file_fields.append(name)
        else:
            form.fields[name] = values.get("value", "")
            if kind == "password":
                form.password_fields.append(name)

    def form(self, *, action: str = "", file: bool = False, password: bool = False) -> Form:
        """The first form that posts to ``action``, has a file field, or asks for a password."""
        for form in self.forms:
            if form.method != "POST" or not form.action.split("?")[0].endswith(action):
                continue
            if bool(form.file_fields) >= file and bool(form.password_fields) >= password:
                return form
        raise AssertionError(f"no such form on {self.url}: {self.forms}")

    def csrf_token(self) -> str:
        """The token that this page gives to its scripts and forms."""
        for tag, values in self.tags:
            if tag == "meta" and values.get("name") in {"csrf-token", "csrf_token"}:
                return values["content"]
        return next(form.fields["csrf_token"] for form in self.forms if form.fields.get("csrf_token"))


class Browser(Client):
    """A client without a token that keeps cookies and asks for pages."""

    def __init__(self, url: str, token: str | None = None) -> None:
        super().__init__(url, token)
        self.session.headers["Accept"] = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

    def open(self, path: str = BROWSE, **options: Any) -> Page:
        answer = self.get(path, allow_redirects=True, **options)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        return Page(answer)

    def try_sign_in(self, name: str, password: str, next_url: str | None = None) -> requests.Response:
        """Fill in the form and send it."""
        form = self.open(LOGIN, params={"next": next_url} if next_url else None).form(password=True)
        return self.send(form, username=name, **{form.password_fields[0]: password})

    def sign_in(self, name: str, password: str) -> "Browser":
        answer = self.try_sign_in(name, password)
        assert answer.status_code in {302, 303}, f"{answer.status_code} {answer.text[:500]}"
        assert self.is_signed_in(), "signing in has no effect"
        return self

    def send(self, form: Form, **values: str) -> requests.Response:
        """Send a form without files."""
        return self.session.request(
            form.method, form.action, data={**form.fields, **values}, allow_redirects=False, timeout=60
        )

    def sign_out(self) -> None:
        answer = self.send(self.open().form(action=LOGOUT))
        assert answer.status_code in {302, 303}, answer.status_code

    def is_signed_in(self) -> bool:
        return self.get("/api/me").status_code == 200

    def csrf(self) -> str:
        return self.open().csrf_token()

    def cookies(self) -> dict[str, str]:
        return {cookie.name: cookie.value or "" for cookie in self.session.cookies}

    def twin(self) -> "Browser":
        """Someone who copied all cookies."""
        thief = Browser(self.url)
        thief.session.cookies.update(self.session.cookies)
        return thief
