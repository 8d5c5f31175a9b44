"""What browsers are told about our pages, and what about everything else."""

import pytest

from tests.support.app import FILES, Answer, House

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
