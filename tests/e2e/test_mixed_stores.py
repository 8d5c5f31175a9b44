"""Files in two directories and three buckets side by side: each is found where it is, whatever the settings name."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import Client
from tests.support.corpora import noise
from tests.support.faults import FaultProxy
from tests.support.images import corners, picture
from tests.support.s3 import Bucket, S3Server, new_server
from tests.support.server import Server, eventually
from tests.support.shelf import (
    ENVIRON,
    MIB,
    RECOVERY_SECONDS,
    configured,
    download_path,
    fetched,
    plain,
    redirected,
    use,
)

FIRST, SECOND, OTHER = ("test:tester", "first-secret"), ("test:second", "second-secret"), ("other:keeper", "another")
"""The first two are keys to the same account."""
IMAGE, LARGE = picture(), noise(9 * MIB)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    running = new_server(tmp_path_factory.mktemp("store"))
    running.kill()
    running.allow(dict([FIRST, SECOND, OTHER]))
    running.start()
    yield running
    running.kill()


@dataclass
class Stores:
    """A server, the places it has kept files in, and what it keeps in each."""

    server: Server
    buckets: dict[str, Bucket]
    files: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    @property
    def admin(self) -> Client:
        return self.server.admin

    def use(self, name: str) -> None:
        if name in self.buckets:
            use(self.admin, self.buckets[name])
        else:
            configured(self.admin, backend="filesystem", fs_root_path=f"./{name}")

    def fill(self, name: str) -> None:
        self.files[name] = {
            "image": self.admin.upload(IMAGE, f"{name}.png", "image/png"),
            "text": self.admin.upload(f"kept in {name}".encode(), f"{name}.txt", "text/plain"),
            "large": self.admin.upload(LARGE, f"{name}.bin"),
            "empty": self.admin.upload(b"", f"{name}.empty"),
        }

    def holds(self, name: str, key: str) -> bool:
        """Whether the bytes are there, as the place itself says."""
        if name in self.buckets:
            return key in set(self.buckets[name].keys())
        return (self.server.data_dir / name / key[:2] / key).exists()

    def check(self, name: str) -> None:
        """Everything of this place can be read."""
        files = self.files[name]
        backend = "s3" if name in self.buckets else "filesystem"
        assert {file["backend"] for file in files.values()} == {backend}
        assert fetched(self.admin, files["image"]).content == IMAGE
        assert fetched(self.admin, files["text"]).content == f"kept in {name}".encode()
        assert fetched(self.admin, files["large"]).content == LARGE
        assert fetched(self.admin, files["empty"]).content == b""
        thumbnail = self.admin.get(f"/file-storage/files/{files['image']['id']}/thumbnail/128")
        assert thumbnail.status_code == 200
        assert corners(thumbnail.content) == ["red", "green", "blue", "white"]
        assert self.admin.get(f"/file-storage/files/{files['image']['id']}/preview").content == IMAGE
        assert f"kept in {name}" in self.admin.get(f"/file-storage/?file={files['text']['id']}").text
        assert all(self.admin.info(file).json() == file for file in files.values())
        assert all(self.holds(name, file["key"]) for file in files.values())


PLACES = ("uploads", "bucket 1", "second", "bucket 2", "bucket 3")


@pytest.fixture(scope="module")
def stores(store: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """Five places, filled in turn, everything looked at after each switch."""
    server = Server(tmp_path_factory.mktemp("mixed"), workers=3, environ=ENVIRON)
    owners = {"bucket 1": FIRST, "bucket 2": OTHER, "bucket 3": FIRST}
    try:
        server.start()
        made = Stores(server, {name: store.bucket(keys=owner) for name, owner in owners.items()})
        for name in PLACES:
            made.use(name)
            made.fill(name)
        yield made
    finally:
        server.close()


@pytest.mark.parametrize("active", PLACES)
def test_all_files_are_there_whatever_is_active(stores: Stores, active: str) -> None:
    stores.use(active)
    for name in PLACES:
        stores.check(name)


def test_the_list_tells_which_is_where(stores: Stores) -> None:
    everything = {file["id"] for files in stores.files.values() for file in files.values()}
    in_buckets = {file["id"] for name in stores.buckets for file in stores.files[name].values()}
    assert {row["id"] for row in stores.admin.every()} == everything
    assert {row["id"] for row in stores.admin.every(backend="s3")} == in_buckets
    assert {row["id"] for row in stores.admin.every(backend="filesystem")} == everything - in_buckets


def test_the_trash_and_the_purge_reach_every_place(stores: Stores) -> None:
    stores.use("second")
    for name in PLACES:
        gone = stores.admin.upload(IMAGE, "x.png", "image/png") if name == "second" else stores.files[name]["text"]
        stores.admin.trash(gone)
        assert stores.holds(name, gone["key"])
        assert stores.admin.restore(gone).status_code == 200
        assert stores.admin.download(gone).status_code in {200, 302}
    texts = {name: stores.files[name]["image"] for name in PLACES}
    deleted = stores.admin.post(
        "/api/file-storage/files/bulk-delete", json={"ids": [file["id"] for file in texts.values()]}
    )
    assert len(deleted.json()["ids"]) == len(PLACES)
    for name, file in texts.items():
        assert stores.holds(name, file["key"])
        stores.admin.purge(file)
        assert not stores.holds(name, file["key"]), name
    for bucket in stores.buckets.values():  # the thumbnails went too
        named = {row["key"] for row in stores.admin.every(backend="s3")}
        assert set(bucket.keys()) <= named
    for name in PLACES:  # as they were
        stores.use(name)
        stores.files[name]["image"] = stores.admin.upload(IMAGE, f"{name}.png", "image/png")


def test_links_lead_to_the_bucket_of_the_file_with_the_key_of_its_owner(stores: Stores) -> None:
    stores.use("uploads")
    for name, bucket in stores.buckets.items():
        url = redirected(stores.admin, stores.files[name]["text"])
        assert url.startswith(f"{bucket.url}/{bucket.name}/")
        assert bucket.keys_of_owner[0].replace(":", "%3A") in url
        assert plain(url).content == f"kept in {name}".encode()


def test_a_place_that_is_gone_costs_its_own_files_only(stores: Stores) -> None:
    stores.use("uploads")
    hidden = stores.server.data_dir / "hidden"
    (stores.server.data_dir / "second").rename(hidden)
    try:
        assert stores.admin.get(download_path(stores.files["second"]["text"])).status_code == 500
        for name in PLACES:
            if name != "second":
                stores.check(name)
    finally:
        (stores.server.data_dir / "second").exists() and (stores.server.data_dir / "second").rmdir()
        hidden.rename(stores.server.data_dir / "second")
    stores.check("second")


def test_keys_that_are_replaced_open_all_that_the_old_ones_did(stores: Stores, store: S3Server) -> None:
    """Buckets 1 and 3 have the same owner: entering the new key at one of them is enough. Bucket 2 has another."""
    stores.use("bucket 1")
    bucket = stores.buckets["bucket 1"]
    configured(stores.admin, s3_access_key_id=SECOND[0], s3_secret_access_key=SECOND[1])
    store.kill()
    store.allow(dict([SECOND, OTHER]))
    store.start()
    for name in ("bucket 1", "bucket 3"):
        made = Bucket(store, stores.buckets[name].name, store.url, SECOND)
        stores.buckets[name] = made
    for active in ("bucket 1", "uploads", "bucket 2"):
        stores.use(active)
        for name in PLACES:
            stores.check(name)
    assert bucket.name == stores.buckets["bucket 1"].name


def test_keys_that_were_revoked_cost_their_own_files_until_new_ones_are_saved(stores: Stores, store: S3Server) -> None:
    stores.use("uploads")
    store.kill()
    store.allow(dict([FIRST, OTHER]))
    store.start()
    image = stores.files["bucket 1"]["image"]
    assert plain(redirected(stores.admin, image)).status_code == 403
    preview = stores.admin.get(f"/file-storage/files/{image['id']}/preview")
    assert (preview.status_code, preview.json()["code"]) == (500, "backend_error")
    for name in ("uploads", "second", "bucket 2"):
        stores.check(name)
    for name in ("bucket 1", "bucket 3"):
        stores.buckets[name] = Bucket(store, stores.buckets[name].name, store.url, FIRST)
    stores.use("bucket 1")
    stores.use("uploads")
    for name in PLACES:
        stores.check(name)


@pytest.mark.slow
def test_what_failed_in_a_former_place_is_cleared_away_there(store: S3Server, tmp_path: Path) -> None:
    """The store does not answer, so somebody chooses another one. Later it is back, with what was begun in it."""
    with FaultProxy(store.port) as proxy:
        bucket = store.bucket(proxy.url, FIRST)
        server = Server(tmp_path, workers=2, environ=ENVIRON)
        try:
            server.start()
            use(server.admin, bucket)
            time.sleep(6)  # the first recovery, which looks everywhere, is over
            parts = proxy.fail("answer", times=10**6, method="PUT")
            others = proxy.fail("answer", times=10**6, method="GET")
            assert server.admin.put_file(LARGE, "lost.bin").status_code == 500
            assert len(bucket.uploads()) == 1, "or there is nothing to clear away"
            configured(server.admin, backend="filesystem")
            parts.times = others.times = 0
            assert eventually(lambda: not bucket.uploads(), RECOVERY_SECONDS, pause=0.5)
        finally:
            server.close()
