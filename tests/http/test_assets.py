"""Static files: an address with a version means the same bytes for good, and everything else asks."""

import gzip
import posixpath
import re
from pathlib import Path

import pytest

from tests.support.app import Api, House
from tests.support.problems import problem
from webapp.http.assets import ASK_EACH_TIME, FOR_GOOD, Assets, asset, lean, ours

WEBAPP = Path(__file__).resolve().parents[2] / "webapp"
STATIC = WEBAPP / "static"
OTHER = "0123456789ab"
GZIP = {"Accept-Encoding": "gzip, deflate, br"}
FONT = "fonts/geist-latin.woff2"


@pytest.fixture
def nobody(served: House) -> Api:
    return served.api()


def shipped(path: str) -> bytes:
    """A file as it should come."""
    content = (STATIC / path).read_bytes()
    if path.startswith("vendor/") or not path.endswith((".css", ".js")):
        return content
    return lean(content.decode(), Path(path).suffix).encode()


def address(path: str) -> str:
    return f"/static/{ours().version}/{path}"


@pytest.mark.parametrize("path", ["app.css", "docs.js", "icons.svg", FONT, "vendor/htmx/htmx.min.js"])
def test_an_address_with_the_version_is_kept_for_good(nobody: Api, path: str) -> None:
    answer = nobody.get(address(path))
    assert (answer.status_code, answer.content) == (200, shipped(path))
    assert answer.headers["Cache-Control"] == FOR_GOOD == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Length"] == str(len(answer.content))


@pytest.mark.parametrize("prefix", ["", f"{OTHER}/"])
def test_any_other_address_is_asked_for_each_time(nobody: Api, prefix: str) -> None:
    answer = nobody.get(f"/static/{prefix}app.css")
    assert (answer.status_code, answer.content) == (200, shipped("app.css"))
    assert answer.headers["Cache-Control"] == ASK_EACH_TIME


@pytest.mark.parametrize(
    "path",
    [
        "nowhere.css",
        f"{OTHER}/nowhere.css",
        f"{OTHER}/{OTHER}/app.css",
        "0123456789AB/app.css",
        "vendor",
        "vendor/",
        "",
    ],
)
def test_what_is_no_file_is_not_found(nobody: Api, path: str) -> None:
    problem(nobody.get(f"/static/{path}"), "not_found")
    problem(nobody.get(address(path)), "not_found")


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("app.css", "text/css; charset=utf-8"),
        ("docs.js", "text/javascript; charset=utf-8"),
        ("icons.svg", "image/svg+xml; charset=utf-8"),
        (FONT, "font/woff2"),
        ("vendor/htmx/LICENSE", "text/plain; charset=utf-8"),
    ],
)
def test_types_do_not_depend_on_the_machine(nobody: Api, path: str, content_type: str) -> None:
    answer = nobody.get(address(path))
    assert answer.headers["Content-Type"] == content_type
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_every_suffix_we_ship_has_a_type(nobody: Api) -> None:
    types = {nobody.head(address(path)).headers["Content-Type"] for path in ours().files}
    assert "application/octet-stream" not in types


def test_text_goes_out_compressed_to_those_who_take_it(nobody: Api) -> None:
    plain, packed = nobody.get(address("app.css")), nobody.get(address("app.css"), headers=GZIP)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.content) < len(plain.content) / 3
    assert packed.headers["Content-Length"] == str(len(packed.content))
    assert gzip.decompress(packed.content) == plain.content
    assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"
    assert packed.content == nobody.get(address("app.css"), headers=GZIP).content


def test_what_is_compressed_already_is_not_again(nobody: Api) -> None:
    answer = nobody.get(address(FONT), headers=GZIP)
    assert "Content-Encoding" not in answer.headers
    assert "Vary" not in answer.headers


@pytest.mark.parametrize("headers", [{}, GZIP])
def test_what_a_browser_has_is_not_sent_again(nobody: Api, headers: dict[str, str]) -> None:
    tag = nobody.get("/static/app.css", headers=headers).headers["ETag"]
    again = nobody.get("/static/app.css", headers={**headers, "If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == tag
    assert again.headers["Cache-Control"] == ASK_EACH_TIME
    assert again.headers["Vary"] == "Accept-Encoding"


def test_the_two_forms_have_different_tags(nobody: Api) -> None:
    plain, packed = (nobody.get(address("app.css"), headers=h).headers["ETag"] for h in ({}, GZIP))
    assert plain != packed
    assert nobody.get(address("app.css"), headers={**GZIP, "If-None-Match": plain}).status_code == 200


def test_head_says_the_same_without_the_bytes(nobody: Api) -> None:
    head, get = nobody.head(address("app.css"), headers=GZIP), nobody.get(address("app.css"), headers=GZIP)
    assert head.content == b""
    for name in ("Content-Length", "Content-Encoding", "Content-Type", "ETag", "Cache-Control", "Vary"):
        assert head.headers[name] == get.headers[name]


def test_nobody_gets_a_cookie_with_a_static_file(served: House) -> None:
    client = served.app.test_client()
    client.set_cookie("stowage_session", "nonsense")
    answer = client.get(address("app.css"))
    assert "Set-Cookie" not in answer.headers
    assert "Cookie" not in answer.headers["Vary"]


def test_a_changed_file_changes_the_version_of_all(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("a {}")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.js").write_text("b")
    before = Assets(tmp_path).version
    assert Assets(tmp_path).version == before
    (tmp_path / "deep" / "b.js").write_text("c")
    changed = Assets(tmp_path).version
    (tmp_path / "deep" / "b.js").rename(tmp_path / "deep" / "d.js")
    assert len({before, changed, Assets(tmp_path).version}) == 3


def test_a_file_that_changes_on_the_disk_does_not_change_here(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("old")
    kept = Assets(tmp_path)
    (tmp_path / "a.css").write_text("new")
    assert kept.find(f"{kept.version}/a.css")[0].content == b"old"


def test_comments_and_indentation_stay_at_home() -> None:
    source = """\
/* One
   // two */
/* a */ .b { c: "/* d */"; } /* e */
export function f() {
    // why
    return g("// no comment", `/* nor this */`); // stays
  /** @type {h} */
}
"""
    assert lean(source, ".js").split("\n") == [
        "",
        "",
        '/* a */ .b { c: "/* d */"; } /* e */',
        "export function f() {",
        "",
        'return g("// no comment", `/* nor this */`); // stays',
        "",
        "}",
        "",
    ]
    assert "//" not in lean("  // why\n", ".js")
    assert lean("  // no comment here\n", ".css") == "// no comment here\n"


def test_what_others_wrote_goes_out_to_the_letter(nobody: Api) -> None:
    for path in ours().files:
        if path.startswith("vendor/"):
            assert ours().files[path].content == (STATIC / path).read_bytes()


def test_no_text_of_a_script_has_several_lines() -> None:
    """Its indentation would be lost, and what looks like a comment in it."""
    scripts = [path for path in STATIC.rglob("*.js") if "vendor" not in path.parts]
    assert scripts
    for path in scripts:
        for number, line in enumerate(path.read_text("utf-8").split("\n"), 1):
            assert line.count("`") % 2 == 0, f"{path.name}, line {number}"
            assert not line.endswith("\\"), f"{path.name}, line {number}"


def test_templates_get_addresses_that_work(served: House, nobody: Api) -> None:
    with served.app.test_request_context("/"):
        found = asset("app.css")
    assert found == address("app.css")
    with served.app.test_request_context("/", environ_overrides={"SCRIPT_NAME": "/shelf"}):
        assert asset("app.css") == f"/shelf{found}"


def test_a_template_that_names_no_file_does_not_render(served: House) -> None:
    with served.app.test_request_context("/"), pytest.raises(LookupError):
        asset("nowhere.css")


def test_every_file_that_code_names_exists() -> None:
    sources = [*WEBAPP.rglob("*.html"), *WEBAPP.rglob("*.py")]
    named = {
        name for path in sources for name in re.findall(r"\basset\([\"']([^\"'{]+)[\"']\)", path.read_text("utf-8"))
    }
    assert named
    assert not named - set(ours().files)


def test_every_file_that_a_style_sheet_or_a_module_names_exists() -> None:
    named = {
        posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
        for name, found in ours().files.items()
        if name.endswith((".css", ".js")) and not name.startswith("vendor/")
        for target in _targets(found.content.decode())
    }
    assert FONT in named
    assert not named - set(ours().files)


def _targets(text: str) -> list[str]:
    imports = re.findall(r"^\s*(?:import|export)\b[^;\"']*[\"'](\.[^\"']+)[\"']", text, re.MULTILINE)
    return imports + re.findall(r"(?<!\.)\burl\(\"?([^)\"#:]*[./][^)\"#:]*)\"?\)", text)
