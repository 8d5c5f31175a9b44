"""Webhooks of tests of the pages: made and looked at."""

import html
import re
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from werkzeug.test import TestResponse

from tests.support.app import House
from tests.ui.conftest import HTMX, Visitor, page_of
from webapp.db import table
from webapp.models import Webhook
from webapp.services.webhooks.views import WebhookIn

WEBHOOKS = "/admin/webhooks"
HOST = "hooks.example.invalid"
URL = f"https://{HOST}/in?key=of-theirs"
PART = {**HTMX, "Accept": "text/html"}
webhooks = table(Webhook)


def make(house: House, url: str = URL, **values: Any) -> UUID:
    with house.app.app_context():
        webhook, _ = house.services.webhooks.create(house.admin, WebhookIn(url=url, **values))
    return webhook.id


def create(who: Visitor, **values: Any) -> TestResponse:
    sent = {"url": URL, "description": "", "which": "all", "secret": "", **values}
    return who.post(f"{WEBHOOKS}/new", {**sent, "csrf_token": who.open(f"{WEBHOOKS}/new").csrf_token()})


def press(who: Visitor, webhook_id: UUID, what: str, headers: Any = None, **values: Any) -> TestResponse:
    data = {"csrf_token": who.token(), **values}
    return who.post(f"{WEBHOOKS}/{webhook_id}/{what}", data, headers={"Accept": "text/html", **(headers or {})})


def secret_of(answer: TestResponse) -> str:
    return next(v["value"] for tag, v in page_of(answer).tags if tag == "input" and v.get("id") == "secret")


def said(answer: TestResponse) -> str:
    """What a page says, its pieces apart."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", answer.text)).split())


def only(house: House) -> UUID:
    """Id of the one that there is."""
    ((webhook_id,),) = house.query(sa.select(webhooks.c.id))
    return UUID(str(webhook_id))
