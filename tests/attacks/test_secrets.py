"""Secrets go in; nothing that anybody can read lets them out again, and no other host gets to see what they sign."""

import base64
import html
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import requests

from tests.support.browser import Browser
from tests.support.client import Client
from tests.support.problems import problem
from tests.support.server import ADMIN_PASSWORD, Server
from tests.support.vault import KEY_ID, Vault, installed, signature

HERE = "/api/settings/modules/file_storage"
PAGE = "/settings/modules/file_storage"
SAVED, TRIED, SHELL, AMAZON, TYPED = (
    f'{name}+n0t/f0r&any"b0dy%{number}=' for number, name in enumerate(["saved", "tried", "shell", "amazon", "typed"])
)
SECRETS = (SAVED, TRIED, SHELL, AMAZON, TYPED)
AMAZON_ID = "AKIA5Q7TMZ2XJ6RN4WCE"
MakeServer = Callable[..., Server]


def spellings(secret: str) -> set[bytes]:
    """The ways in which it could be written somewhere."""
    raw = secret.encode()
    texts = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), html.escape(secret)}
    texts |= {json.dumps(secret)[1:-1], repr(secret)[1:-1]}
    return {text.encode() for text in texts} | {base64.b64encode(raw).rstrip(b"="), raw.hex().encode(), raw[::-1]}


def assert_absent(where: str, blob: bytes) -> None:
    for secret in SECRETS:
        for spelling in spellings(secret):
            at = blob.find(spelling)
            assert at < 0, f"{where}: …{blob[max(0, at - 200) : at + 100]!r}…"


@dataclass
class Ears:
    """Everything the server says to clients."""

    heard: list[tuple[str, bytes]] = field(default_factory=list)

    def listen(self, client: Client) -> None:
        client.session.hooks["response"].append(self._hear)

    def _hear(self, answer: requests.Response, *_: Any, **__: Any) -> None:
        headers = "\n".join(f"{name}: {value}" for name, value in answer.headers.items()).encode()
        where = f"{answer.request.method} {answer.request.url} {answer.status_code}"
        self.heard.append((where, headers + b"\n\n" + answer.content))


@pytest.fixture
def vault() -> Iterator[Vault]:
    with Vault(keys={KEY_ID: SAVED}) as running:
        yield running


@pytest.fixture
def make(fresh_server: MakeServer, tmp_path: Path) -> MakeServer:
    def started(**environ: str) -> Server:
        return fresh_server(
            environ={**installed(tmp_path), "STOWAGE_ALLOW_PRIVATE_ENDPOINTS": "true", **environ}, workers=2
        )

    return started


def put(client: Client, values: dict[str, Any], **more: Any) -> requests.Response:
    return client.put(HERE, json={"values": values, **more})


def saved(answer: requests.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def wrong(answer: requests.Response) -> set[str]:
    return {each["field"] for each in problem(answer, "validation_error")["errors"]}


def tried(client: Client, values: dict[str, Any], backend: str = "vault") -> requests.Response:
    return client.post(f"{HERE}/test", json={"values": values, "backend": backend})


def amazon(vault: Vault) -> dict[str, Any]:
    """Settings for an S3 that is none."""
    return {
        "s3_bucket": "files",
        "s3_region": "eu-central-1",
        "s3_endpoint_url": vault.url,
        "s3_access_key_id": AMAZON_ID,
        "s3_secret_access_key": AMAZON,
    }


# --- what programs, people and shells do with secrets -------------------------------


def use_the_api(admin: Client, vault: Vault) -> None:
    saved(put(admin, vault.settings(SAVED)))
    saved(put(admin, amazon(vault)))
    saved(admin.get(HERE))
    admin.get("/api/settings/modules")
    assert saved(tried(admin, vault.settings(SAVED)))["ok"]
    assert not saved(tried(admin, vault.settings(TRIED)))["ok"]
    assert not saved(tried(admin, {}, "s3"))["ok"]
    for form in (
        {"vault_secret": TRIED, "max_file_size_bytes": 0},
        {"vault_secret": [TRIED]},
        {"vault_secret": {"sealed": TRIED}},
        {"vault_secret": f"{TRIED}\x00"},
        {"vault_secret": TRIED * 200},
        {"vault_secret": f"{TRIED}\n{TRIED}"},
        {"vault_secrets": TRIED},
        {"vault_seconds": TRIED, "vault_cold": TRIED, "backend": TRIED, "vault_room": TRIED, "vault_class": TRIED},
        {"vault_url": f"http://user:{quote(TRIED, safe='')}@9.9.9.9", "vault_secret": TRIED},
    ):
        assert wrong(put(admin, form))
        assert wrong(tried(admin, form))
    wrong(admin.put(HERE, json={"vault_secret": TRIED}))
    problem(admin.put(HERE, data=json.dumps({"values": {"vault_secret": TRIED}})[:-1]), "bad_request")
    problem(admin.put(f"{HERE}x", json={"values": {"vault_secret": TRIED}}), "not_found")
    problem(put(admin, {"vault_secret": TRIED, "vault_note": "x"}, version=0), "conflict")


def use_the_backends(admin: Client, vault: Vault) -> None:
    saved(put(admin, {"backend": "vault"}))
    file = admin.upload(b"hello")
    assert admin.content(file) == b"hello"
    for status in (403, 500, 404):
        vault.status = status
        for answer in (admin.put_file(b"x"), admin.download(file)):
            problem(answer, {"backend_error", "not_found"})
        saved(tried(admin, {}))
    vault.status = 0
    saved(put(admin, {"backend": "s3"}))
    problem(admin.put_file(b"x"), "backend_error")
    wrong(put(admin, {"vault_url": "http://127.0.0.1:9"}))
    saved(put(admin, {"backend": "filesystem"}))


def use_the_pages(browser: Browser) -> None:
    sent = browser.open(PAGE).form(action=PAGE).fields
    form = {name: sent[name] for name in ("csrf_token", "form.version")}  # what is left out is as it was
    bad = {**form, "vault_secret": TYPED, "max_file_size_bytes": "0", "was.max_file_size_bytes": "1"}
    assert browser.post(PAGE, data=bad).status_code == 422
    for more in ({"replace": "vault_secret"}, {"shut": "vault_secret"}, {"default": "vault_seconds"}):
        assert browser.post(PAGE, data=bad | more).status_code == 200
    for headers in ({}, {"HX-Request": "true"}):
        tried = browser.post(f"{PAGE}/test", data=bad | {"probe": "vault"}, headers=headers)
        assert tried.status_code == 200, tried.text
    good = {**form, "vault_secret": TYPED, "vault_note": "typed"}
    assert browser.post(PAGE, data=good).status_code in (200, 303)
    assert browser.post(PAGE, data=good | {"vault_note": "late"}).status_code == 409
    for path in (PAGE, "/admin/activity", "/admin/activity/export", "/file-storage/", "/metrics", "/readyz"):
        assert browser.get(path).status_code == 200, path
    assert "hanged settings" in browser.get("/admin/activity").text


def use_the_shell(server: Server) -> bytes:
    """What the commands print."""
    said = b""
    for arguments, stdin in (
        (["set", "file_storage", "vault_secret", "-"], SHELL + "\n"),
        (["set", "file_storage", "vault_secret", SHELL], ""),
        (["set", "file_storage", "vault_secret", SHELL * 300], ""),
        (["set", "file_storage", "vault_secrets", SHELL], ""),
        (["set", "other", "vault_secret", SHELL], ""),
        (["set", "file_storage", "vault_seconds", SHELL], ""),
        (["get"], ""),
        (["get", "file_storage", "vault_secret"], ""),
        (["check"], ""),
        (["check", "--offline"], ""),
        (["reseal"], ""),
    ):
        done = server.run("settings", *arguments, stdin=stdin)
        said += done.stdout.encode() + done.stderr.encode()
    assert b"vault_secret = (set)" in said
    return said


def everything_on_disk(server: Server) -> Iterator[tuple[str, bytes]]:
    for path in server.data_dir.rglob("*"):
        if path.is_file():
            yield path.name, path.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_secret_comes_out_anywhere(make: MakeServer, vault: Vault, log_format: str) -> None:
    server = make(STOWAGE_LOG_LEVEL="DEBUG", STOWAGE_LOG_FORMAT=log_format, STOWAGE_ACCESS_LOG="all")
    ears, admin, browser = Ears(), server.admin, server.browser()
    ears.listen(admin)
    ears.listen(browser)
    use_the_api(admin, vault)
    use_the_backends(admin, vault)
    browser.sign_in("admin", ADMIN_PASSWORD)
    use_the_pages(browser)
    said = use_the_shell(server)
    saved(admin.get(HERE))
    found = list(everything_on_disk(server))  # the log of the database as it is, and then as it is closed
    server.stop()
    found += everything_on_disk(server)
    assert {"stowage.db", "stowage.db-wal"} <= {name for name, _ in found}
    assert len(ears.heard) > 60
    assert "DEBUG" in server.log()
    for where, blob in (*ears.heard, ("shell", said), ("log", server.log().encode()), *found):
        assert_absent(where, blob)
    for where, blob in ears.heard:
        assert KEY_ID.encode() not in blob, where
        assert AMAZON_ID.encode() not in blob, where
        assert b"gAAAA" not in blob, f"{where}: sealed, and still nobody's business"
    assert SAVED not in str(events(server)), "names are told, values are not"
    assert "vault_secret" in str(events(server))


def database(server: Server, statement: str, *values: object) -> list[Any]:
    with closing(sqlite3.connect(server.data_dir / "instance" / "stowage.db", timeout=30)) as connection:
        found = connection.execute(statement, values).fetchall()
        connection.commit()
        return found


def events(server: Server) -> list[Any]:
    return database(server, "SELECT * FROM event")


def row(server: Server, name: str) -> str:
    [(text,)] = database(server, "SELECT value FROM setting WHERE name = ?", name)
    return str(text)


# --- other hosts ----------------------------------------------------------------------


def signed_with(vault: Vault, secret: str) -> list[str]:
    """The requests that came here and were signed with this secret."""
    return [path for method, path, headers in vault.heard
            if headers.get("X-Vault-Signature") == signature(secret, method, path)]  # fmt: skip


def test_another_host_hears_nothing_of_the_old_secret(make: MakeServer, vault: Vault) -> None:
    server = make()
    admin = server.admin
    with Vault() as other:
        saved(put(admin, vault.settings(SAVED, backend="vault")))
        file = admin.upload(b"hello")
        masked = saved(admin.get(HERE))["values"]["vault_key_id"]
        for values in (
            {"vault_url": other.url},
            {"vault_url": other.url, "vault_secret": "", "vault_key_id": masked},
            {"vault_url": f"{other.url}/path", "vault_room": "room-2"},
            {"vault_url": vault.url.replace("127.0.0.1", "localhost")},
            {"vault_url": vault.url.replace("http:", "https:")},
        ):
            assert "vault_secret" in wrong(put(admin, values))
            assert "vault_secret" in wrong(tried(admin, values))
        assert "vault_secret" in server.run("settings", "set", "file_storage", "vault_url", other.url).stderr
        assert other.heard == []
        saved(tried(admin, {"vault_url": other.url, "vault_secret": TRIED}))
        saved(put(admin, {"vault_url": other.url, "vault_secret": TRIED}))
        assert admin.content(file) == b"hello", "it is still where it was"
        admin.upload(b"here")
        assert signed_with(other, TRIED)
        assert signed_with(other, SAVED) == []
        assert signed_with(vault, TRIED) == []


def test_whoever_can_write_to_the_table_cannot_send_the_secret_elsewhere(make: MakeServer, vault: Vault) -> None:
    server = make()
    admin = server.admin
    with Vault() as other:
        saved(put(admin, vault.settings(SAVED, backend="vault", vault_spare_secret="spare")))
        file = admin.upload(b"hello")
        sealed = row(server, "vault_secret")
        database(server, "UPDATE setting SET value = ? WHERE name = 'vault_url'", json.dumps(other.url))
        assert saved(admin.get(HERE))["problems"].keys() == {"vault_secret", "vault_spare_secret"}
        problem(admin.put_file(b"x"), "backend_error")
        problem(admin.get(f"{HERE}/../file_storage") and admin.put_file(b"y"), "backend_error")
        wrong(tried(admin, {}))
        location = "UPDATE file_storage_stored_file SET extra_metadata = replace(extra_metadata, ?, ?)"
        database(server, location, vault.url, other.url)
        assert admin.download(file).status_code in (404, 500)
        assert signed_with(other, SAVED) == signed_with(other, "spare") == []
        database(server, "UPDATE setting SET value = ? WHERE name = 'vault_url'", json.dumps(vault.url))
        database(server, location, other.url, vault.url)
        assert admin.content(file) == b"hello", "put back, it is as it was"
        for name in ("vault_spare_secret", "s3_secret_access_key"):
            database(server, "DELETE FROM setting WHERE name = ?", name)
            insert = "INSERT INTO setting (module, name, value, updated_at) VALUES ('file_storage', ?, ?, '2026-01-01')"
            database(server, insert, name, sealed)
            assert name in saved(admin.get(HERE))["problems"], "sealed for another setting"
        database(server, "UPDATE setting SET value = ? WHERE name = 'vault_secret'", json.dumps(SAVED))
        assert "vault_secret" in saved(admin.get(HERE))["problems"], "in clear is not used"
        assert SAVED not in admin.get(HERE).text


# --- keys -----------------------------------------------------------------------------


@pytest.mark.slow
def test_the_key_is_changed_without_losing_a_secret(make: MakeServer, vault: Vault) -> None:
    server = make(STOWAGE_SECRET_KEY="the first key")
    admin = server.admin
    saved(put(admin, vault.settings(SAVED, backend="vault")))
    first = admin.upload(b"first")
    saved(put(admin, {"vault_room": "room-2"}))  # the file is at a former place now
    before = row(server, "vault_secret")
    server.stop()
    server.environ |= {"STOWAGE_SECRET_KEY": "the second key", "STOWAGE_SECRET_KEY_FALLBACKS": "older, the first key"}
    server.start()
    assert (admin.content(first), admin.content(admin.upload(b"second"))) == (b"first", b"second")
    assert row(server, "vault_secret") == before
    assert "3" in server.cli("settings", "reseal")  # the secret and two places
    assert row(server, "vault_secret") != before
    server.stop()
    del server.environ["STOWAGE_SECRET_KEY_FALLBACKS"]
    server.start()
    assert saved(admin.get(HERE))["problems"] == {}
    assert (admin.content(first), admin.content(admin.upload(b"third"))) == (b"first", b"third")
    assert saved(admin.get(HERE))["changed"]["vault_secret"]["by"] == "admin", "resealing is no change"
