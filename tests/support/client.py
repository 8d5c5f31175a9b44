"""A program with a token, speaking to the JSON edge."""

from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any, Self
from urllib.parse import quote

import requests

FILES = "/api/file-storage"
NO_SUCH_ID = "00000000-0000-4000-8000-000000000000"
"""An id that nothing has; the same in every process, since it stands in the names of tests."""
TIMEOUT = 60

Body = bytes | IO[bytes] | Iterable[bytes]


class Client:
    """One caller: a base URL and, unless it is a stranger to the house, a token."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url
        self.token = token
        self.session = requests.Session()
        self.session.trust_env = False
        if token:
            self.session.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.session.close()

    def fork(self) -> "Client":
        """The same caller on a connection of its own, for another thread."""
        return Client(self.url, self.token)

    @property
    def auth(self) -> list[tuple[str, str]]:
        """The credentials as header pairs for a raw request."""
        return [("Authorization", f"Bearer {self.token}")] if self.token else []

    # Plain requests

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        options.setdefault("timeout", TIMEOUT)
        options.setdefault("allow_redirects", False)
        return self.session.request(method, self.url + path, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.request("GET", path, **options)

    def head(self, path: str, **options: Any) -> requests.Response:
        return self.request("HEAD", path, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Any) -> requests.Response:
        return self.request("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> requests.Response:
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> requests.Response:
        return self.request("DELETE", path, **options)

    # Files

    def put_file(
        self,
        data: Body = b"hello",
        name: str = "file.bin",
        content_type: str | None = "application/octet-stream",
        **headers: str,
    ) -> requests.Response:
        """Upload as ``curl -T`` does. An iterable goes out without Content-Length."""
        sent = {key.replace("_", "-"): value for key, value in headers.items()}
        if content_type is not None:
            sent["Content-Type"] = content_type
        return self.put(f"{FILES}/upload/{quote(name, safe='')}", data=data, headers=sent)

    def post_file(
        self,
        data: bytes | IO[bytes] = b"hello",
        name: str = "file.bin",
        content_type: str = "application/octet-stream",
        *,
        fields: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Upload as a form does."""
        return self.post(
            f"{FILES}/upload", files={"file": (name, data, content_type)}, data=fields or {}, headers=headers
        )

    def upload(
        self,
        data: Body = b"hello",
        name: str = "file.bin",
        content_type: str | None = "application/octet-stream",
        **headers: str,
    ) -> dict[str, Any]:
        """Upload what has to be accepted and return its StoredFileOut."""
        return created(self.put_file(data, name, content_type, **headers))

    def info(self, file: Mapping[str, Any] | str) -> requests.Response:
        return self.get(f"{FILES}/files/{_id(file)}")

    def download(self, file: Mapping[str, Any] | str, **headers: str) -> requests.Response:
        sent = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.get(f"{FILES}/files/{_id(file)}/download", headers=sent)

    def download_stream(self, file: Mapping[str, Any] | str, **headers: str) -> Iterator[bytes]:
        """The bytes of a file, piece by piece; the status has to be a success."""
        with self.get(f"{FILES}/files/{_id(file)}/download", headers=headers, stream=True) as answer:
            assert answer.status_code in {200, 206}, answer.text
            yield from answer.iter_content(1024 * 1024)

    def content(self, file: Mapping[str, Any] | str) -> bytes:
        """The bytes of a file that has to be there."""
        answer = self.download(file)
        assert answer.status_code == 200, answer.text
        return answer.content

    def trash(self, file: Mapping[str, Any] | str) -> None:
        """Delete what has to be there."""
        answer = self.delete(f"{FILES}/files/{_id(file)}")
        assert answer.status_code == 204, answer.text

    def purge(self, file: Mapping[str, Any] | str) -> None:
        """Delete for good what has to be there."""
        answer = self.delete(f"{FILES}/files/{_id(file)}", params={"permanent": "true"})
        assert answer.status_code == 204, answer.text

    def restore(self, file: Mapping[str, Any] | str) -> requests.Response:
        return self.post(f"{FILES}/files/{_id(file)}/restore")

    def page(self, where: str = "files", **params: Any) -> dict[str, Any]:
        """One page of ``files`` or ``trash``."""
        answer = self.get(f"{FILES}/{where}", params=params)
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document

    def pages(self, where: str = "files", **params: Any) -> Iterator[dict[str, Any]]:
        """Page after page by cursor, to the end."""
        document = self.page(where, **params)
        yield document
        while document["next_cursor"]:
            document = self.page(where, **params, cursor=document["next_cursor"])
            yield document

    def every(self, where: str = "files", **params: Any) -> list[dict[str, Any]]:
        """All rows, walked by cursor."""
        params.setdefault("per_page", 200)
        return [item for document in self.pages(where, **params) for item in document["items"]]

    def total(self, where: str = "files", **params: Any) -> int:
        total: int = self.page(where, **params, per_page=1)["total"]
        return total


def created(answer: requests.Response) -> dict[str, Any]:
    """The StoredFileOut of an upload that has to be accepted."""
    assert answer.status_code == 201, f"{answer.status_code} {answer.text}"
    document: dict[str, Any] = answer.json()
    return document


def _id(file: Mapping[str, Any] | str) -> str:
    return file if isinstance(file, str) else str(file["id"])
