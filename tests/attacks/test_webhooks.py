"""Webhooks make the server send requests, and keep secrets: neither may be turned against anybody."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import NO_SUCH_ID, Client
from tests.support.hooks import Hook, Message, serving
from tests.support.problems import problem
from tests.support.server import Server, eventually

WEBHOOKS = "/api/webhooks"
TOKEN = "t0ken-0f-the-address"
MakeServer = Callable[..., Server]


@pytest.fixture
def hook() -> Iterator[Hook]:
    with serving() as made:
        yield made


@pytest.fixture
def open_server(fresh_server: MakeServer) -> Server:
    """One that may send to the loopback."""
    return fresh_server(environ={"STOWAGE_ALLOW_PRIVATE_ENDPOINTS": "true", "STOWAGE_ACCESS_LOG": "all"}, workers=1)


def wrong(client: Client, **values: Any) -> set[str]:
    answer = client.post(WEBHOOKS, json={"url": "https://8.8.8.8/", **values})
    return {each["field"] for each in problem(answer, "validation_error")["errors"]}


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://localhost/", "http://127.1/", "http://2130706433/", "http://0x7f.1/", "http://[::1]/",
        "http://[::ffff:127.0.0.1]/", "http://10.0.0.1/", "http://192.168.1.1:8080/", "http://172.16.0.1/", "http://0.0.0.0/",
        "http://169.254.169.254/latest/meta-data/", "http://metadata.google.internal/", "http://[fd00:ec2::254]/",
        "http://[fe80::1]/", "http://100.64.0.1/", "http://224.0.0.1/", "http://app.localhost/", "http://127.0.0.1.:80/",
        "file:///etc/passwd", "gopher://127.0.0.1/", "unix:///run/docker.sock", "http://x@127.0.0.1/", "http://8.8.8.8@127.0.0.1/",
        "http://8.8.8.8#@127.0.0.1/", "http://8.8.8.8\\@127.0.0.1/", "http://8.8.8.8/\r\nHost: x",
        "http://8.8.8.8/ HTTP/1.1\r\nX: y",
    ],
)  # fmt: skip
def test_addresses_inside_are_refused(admin: Client, url: str) -> None:
    assert wrong(admin, url=url) == {"url"}
    assert admin.get(WEBHOOKS).json() == {"items": []}


@pytest.mark.parametrize(
    "path", ["", "/test", "/pause", "/resume", "/secret", "/deliveries", f"/deliveries/{NO_SUCH_ID}"]
)
def test_nobody_else_gets_near_them(uploader: Client, nobody: Client, admin: Client, path: str) -> None:
    made = admin.post(WEBHOOKS, json={"url": f"https://8.8.8.8/{TOKEN}"}).json()
    try:
        for one in (made["id"], NO_SUCH_ID):
            for method in ("GET", "POST", "PATCH", "DELETE"):
                for client, code in ((uploader, {"forbidden"}), (nobody, {"unauthenticated"})):
                    answer = client.request(method, f"{WEBHOOKS}/{one}{path}", json={})
                    document = problem(answer, code | {"method_not_allowed"})
                    assert TOKEN not in json.dumps(document)
        assert admin.get(f"{WEBHOOKS}/{made['id']}").json()["state"] == "active"
    finally:
        admin.delete(f"{WEBHOOKS}/{made['id']}")


def test_a_description_is_text_and_no_markup_or_line(admin: Client) -> None:
    made = admin.post(WEBHOOKS, json={"url": "https://8.8.8.8/", "description": "<script>alert(1)</script>"})
    assert made.status_code == 201
    admin.delete(made.headers["Location"])
    for text in ("a\r\nb", "\x00", "\x1b[2J", "\u202e"):
        assert wrong(admin, description=text) == {"description"}


def test_names_of_files_cannot_break_a_message(open_server: Server, hook: Hook) -> None:
    admin = open_server.admin
    secret = admin.post(WEBHOOKS, json={"url": hook.url, "types": ["FileUploaded"]}).json()["secret"]
    names = ['"},"admin":true,"x":{"', 'a%00"b', "\U0001f4a9", "ü" * 100]
    for name in names:
        admin.upload(b"x", name)
    assert eventually(lambda: len(hook.messages) >= len(names), 20)
    assert {message.event["data"]["filename"] for message in hook.messages} == {*names}
    assert all(message.is_signed_by(secret) and "admin" not in message.event for message in hook.messages)


def test_neither_secret_nor_address_gets_out(open_server: Server, hook: Hook, tmp_path: Path) -> None:
    admin = open_server.admin
    hook.answer = 500
    made = admin.post(WEBHOOKS, json={"url": f"{hook.url}/{TOKEN}?key={TOKEN}"})
    secret = made.json()["secret"]
    path = f"{WEBHOOKS}/{made.json()['id']}"
    admin.upload(b"x", "a.txt")
    assert eventually(lambda: any(message.type.endswith("uploaded") for message in hook.messages), 20)
    assert not admin.post(f"{path}/test").json()["ok"]
    second = admin.post(f"{path}/secret", json={}).json()["secret"]
    hook.close()
    admin.post(f"{path}/test")
    admin.patch(path, json={"url": f"http://127.0.0.1:9/{TOKEN}", "types": []})
    admin.post(f"{path}/test")
    problem(admin.patch(path, json={"url": f"http://u:{TOKEN}@8.8.8.8/"}), "validation_error")
    problem(admin.patch(path, json={"url": f"http://169.254.169.254/{TOKEN}"}), "validation_error")
    said = [
        admin.get("/api/events?limit=200").text,
        open_server.client("admin").get("/metrics").text,
        admin.get(f"{path}/deliveries").text,
    ]
    said.append(open_server.log())
    for name, text in enumerate(said):
        assert TOKEN not in text, name
    for each in (secret, second):
        core = each.removeprefix("whsec_")
        assert all(core not in text for text in [*said, admin.get(path).text, admin.get(WEBHOOKS).text])
        stored = b"".join(file.read_bytes() for file in (open_server.data_dir / "instance").glob("stowage.db*"))
        assert core.encode() not in stored
    open_server.stop()
    assert TOKEN not in open_server.log()


def test_an_answer_without_end_fills_no_memory(open_server: Server) -> None:
    def endless(_message: Message) -> int:
        time.sleep(0.1)
        return 200

    with serving(endless) as hook:
        hook.headers.update({f"X-{n}": "x" * 60_000 for n in range(300)})
        admin = open_server.admin
        path = admin.post(WEBHOOKS, json={"url": hook.url, "types": ["SignedIn"]}).headers["Location"]
        result = admin.post(f"{path}/test").json()
        assert (result["ok"], result["cause"]) == (False, "protocol")


def test_what_was_saved_under_other_rules_is_checked_when_it_is_sent(open_server: Server, hook: Hook) -> None:
    admin = open_server.admin
    path = admin.post(WEBHOOKS, json={"url": hook.url, "types": ["FileUploaded"]}).headers["Location"]
    open_server.stop()
    open_server.environ["STOWAGE_ALLOW_PRIVATE_ENDPOINTS"] = "false"
    open_server.start()
    assert admin.post(f"{path}/test").json()["cause"] == "address"
    admin.upload(b"x", "a.txt")
    assert eventually(lambda: [d["cause"] for d in admin.get(f"{path}/deliveries?state=waiting").json()["items"]], 20)
    assert hook.messages == []
