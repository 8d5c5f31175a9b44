"""What browsers are told about our pages, and what about everything else."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

import pytest

from tests.backends.fakes import MemoryBackend
from tests.support.app import FILES, Answer, House
from webapp.contracts.backends import Part
from webapp.contracts.settings import SettingField

HTML = {"Accept": "text/html"}
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' blob:",
    "media-src": "'self' blob:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "frame-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
PAGES = ["/account/login", "/nowhere"]


def policy(answer: Answer) -> dict[str, str]:
    directives = (each.strip().partition(" ") for each in answer.headers["Content-Security-Policy"].split(";"))
    return {name: value for name, _, value in directives}


@pytest.mark.parametrize("path", PAGES)
def test_a_page_takes_everything_from_us_and_runs_nothing_inline(served: House, path: str) -> None:
    assert policy(served.api().get(path, headers=HTML)) == POLICY


def test_the_page_about_the_api_may_show_the_images_in_its_style_sheet(served: House) -> None:
    assert policy(served.api().get("/api/docs")) == {**POLICY, "img-src": "'self' data: blob:"}


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_not_kept_and_says_what_it_depends_on(served: House, path: str) -> None:
    headers = served.api().get(path, headers=HTML).headers
    assert headers["Cache-Control"] == "no-store"
    assert set(headers["Vary"].split(", ")) == {"Accept-Encoding", "HX-Request", "Accept-Language", "Cookie"}
    assert headers.get_all("Vary") == [headers["Vary"]]  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_gets_no_devices_and_tells_others_nothing(served: House, path: str) -> None:
    headers = served.api().get(path, headers=HTML).headers
    assert {"camera=()", "geolocation=()", "microphone=()"} <= set(headers["Permissions-Policy"].split(", "))
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_data_loads_nothing_and_depends_on_nothing(served: House) -> None:
    answer = served.api("uploader").get(f"{FILES}/files")
    assert policy(answer) == {"default-src": "'none'", "frame-ancestors": "'none'"}
    assert "Vary" not in answer.headers
    assert "Permissions-Policy" not in answer.headers


# --- a store that pages may send to ---------------------------------------------------

BROWSE = "/file-storage/"
STORE = "https://files.example.org:9000"


class PartsBackend(MemoryBackend):
    """Takes parts from pages, or would: none comes here."""

    backend_id: ClassVar[str] = "parts"
    fields: ClassVar[tuple[SettingField, ...]] = ()
    supports_direct_upload: ClassVar[bool] = True
    least_part_bytes: ClassVar[int] = 1
    most_part_bytes: ClassVar[int] = 10**9
    most_parts: ClassVar[int] = 10
    origin: ClassVar[str | Exception | None] = STORE

    def client_origin(self) -> str | None:
        if isinstance(self.origin, Exception):
            raise self.origin
        return self.origin

    def begin_parts(self, key: str, *, content_type: str) -> str:
        raise NotImplementedError

    def part_url(self, key: str, upload: str, number: int, *, size: int, expires_in: int) -> str:
        raise NotImplementedError

    def list_parts(self, key: str, upload: str) -> list[Part]:
        raise NotImplementedError

    def complete_parts(self, key: str, upload: str, parts: Sequence[Part]) -> None:
        raise NotImplementedError

    def abort_parts(self, key: str, upload: str) -> None:
        raise NotImplementedError


@pytest.fixture
def direct(served: House) -> Iterator[House]:
    """Files go to a backend that takes parts from pages."""
    served.registry.register(PartsBackend)
    served.configure(backend="parts")
    yield served
    PartsBackend.origin = STORE


def connects_to(answer: Answer) -> str:
    """Where the page may connect to besides here; its dock has to know the same, and everything else is as ever."""
    found = policy(answer)
    store = found.pop("connect-src").removeprefix("'self'").strip()
    assert found == {name: value for name, value in POLICY.items() if name != "connect-src"}
    page = answer.content.decode()
    told = f'data-direct="{FILES}/direct-uploads" data-direct-origin="{store}" data-direct-from="33554432"'
    assert told in page if store else "data-direct" not in page
    return store


@pytest.mark.parametrize("path", [BROWSE, "/account/"])
def test_pages_may_send_to_the_store_that_takes_parts(direct: House, path: str) -> None:
    """Any page: uploads go on from page to page under the policy of the first one."""
    assert connects_to(direct.api("uploader").get(path, headers=HTML)) == STORE


def test_whoever_may_not_upload_is_not_told_of_the_store(direct: House) -> None:
    assert connects_to(direct.api("uploader", "file_storage.download").get(BROWSE, headers=HTML)) == ""
    for path in PAGES:  # where nobody knows who asks
        assert connects_to(direct.api().get(path, headers=HTML)) == ""


def test_with_another_backend_nothing_is_allowed(direct: House) -> None:
    direct.configure(backend="memory")
    assert connects_to(direct.api("uploader").get(BROWSE, headers=HTML)) == ""


@pytest.mark.parametrize(
    ("said", "origin"),
    [
        ("https://Files.Example.ORG:443/bucket?x=1", "https://files.example.org"),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("https://somebody:secret@files.example.org", "https://files.example.org"),
        ("https://[2001:db8::1]:9000", ""),  # the grammar of policies has none
        (None, ""),
        ("", ""),
        ("*", ""),
        ("https://*", ""),
        ("https://*.example.org", ""),
        ("data:", ""),
        ("https:", ""),
        ("https://", ""),
        ("ftp://files.example.org", ""),
        ("javascript://files.example.org", ""),
        ("https://files.example.org;script-src *", ""),
        ("https://files.example.org, default-src *", ""),
        ("https://files.example.org 'unsafe-inline'", ""),
        ("https://files.example.org\r\nX-Other: 1", ""),
        ("https://files.example.org\n; script-src *", ""),
        ("https://fil\u0435s.example.org", ""),
        ("https://files.example.org:port", ""),
        ("https://files.example.org:99999", ""),
        ("https://files..example.org", ""),
        (RuntimeError("a mistake in a backend"), ""),
    ],
)
def test_what_is_no_origin_gets_into_no_header(direct: House, said: str | Exception | None, origin: str) -> None:
    PartsBackend.origin = said
    answer = direct.api("uploader").get(BROWSE, headers=HTML)
    assert answer.status_code == 200
    assert connects_to(answer) == origin
    assert "X-Other" not in answer.headers


def test_from_an_encrypted_page_nothing_goes_in_the_clear(direct: House) -> None:
    PartsBackend.origin = "http://files.example.org"
    assert connects_to(direct.api("uploader").get(BROWSE, headers=HTML)) == "http://files.example.org"
    encrypted = {"base_url": "https://stowage.example.org"}
    assert connects_to(direct.api("uploader").get(BROWSE, headers=HTML, **encrypted)) == ""
    PartsBackend.origin = STORE
    assert connects_to(direct.api("uploader").get(BROWSE, headers=HTML, **encrypted)) == STORE


def test_parts_of_pages_and_data_have_their_usual_policies(direct: House) -> None:
    fragment = direct.api("uploader").get(BROWSE, headers={**HTML, "HX-Request": "true", "HX-Target": "list"})
    assert policy(fragment) == POLICY
    assert "connect-src" not in policy(direct.api("uploader").get(f"{FILES}/files"))
