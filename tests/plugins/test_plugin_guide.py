"""The guide for authors of plugins shows the code that is tested, and leaves nothing out that a plugin can do."""

import dataclasses
import re
from pathlib import Path

import pytest

from webapp.contracts import MenuEntry, ModuleMeta, PageCaller, PluginHost, PluginPermission
from webapp.contracts.checks import UploadInfo
from webapp.plugins.host import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(__file__).parent / "sample"
TEXT = (ROOT / "docs/writing-a-plugin.md").read_text(encoding="utf-8")
_BLOCK = re.compile(
    r"(?:^<!-- from (?P<file>\S+) -->\n)?^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)
BLOCKS = [(found["file"], found["code"]) for found in _BLOCK.finditer(TEXT)]


def test_every_block_says_which_file_it_is_from() -> None:
    assert len(BLOCKS) > 8
    assert [code for file, code in BLOCKS if file is None] == []


@pytest.mark.parametrize(("file", "code"), BLOCKS, ids=[f"{n}-{file}" for n, (file, _) in enumerate(BLOCKS)])
def test_every_block_is_in_its_file(file: str, code: str) -> None:
    text = (PACKAGE / file).read_text(encoding="utf-8")
    assert code in text, f"{file} has changed: copy it to docs/writing-a-plugin.md"


def test_every_door_of_the_host_is_talked_about() -> None:
    doors = {name for name in vars(PluginHost) if not name.startswith("_")}
    assert len(doors) > 10
    assert {name for name in doors if f"`host.{name}(" not in TEXT} == set()


def test_no_door_is_talked_about_that_is_not_there() -> None:
    assert {name for name in re.findall(r"host\.(\w+)\(", TEXT) if not hasattr(PluginHost, name)} == set()


@pytest.mark.parametrize("shape", [MenuEntry, ModuleMeta, PageCaller, PluginPermission, UploadInfo])
def test_every_field_is_talked_about(shape: type) -> None:
    assert f"`{shape.__name__}" in TEXT or shape is PageCaller
    names = {field.name for field in dataclasses.fields(shape)}
    assert {name for name in names if f"`{name}`" not in TEXT} == set()


def test_every_block_of_the_template_is_talked_about() -> None:
    template = (ROOT / "webapp/templates/plugin.html").read_text(encoding="utf-8")
    blocks = set(re.findall(r"{% block (\w+) %}", template)) - {"main"} | {"title"}
    assert {name for name in blocks if f"| `{name}` |" not in TEXT} == set()


def test_the_files_that_are_named_are_there() -> None:
    for path in re.findall(r"`(webapp/[\w/.]+|tests/plugins/[\w/.-]+)`", TEXT):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"^ +([\w./]+\.(?:py|toml|md|typed|html|css))\b", TEXT, re.MULTILINE):
        assert list(PACKAGE.rglob(path)), path


def test_links_within_the_guide_lead_somewhere() -> None:
    anchors = {
        re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^##+ (.*)$", TEXT, re.MULTILINE)
    }
    assert {link for link in re.findall(r"\]\(#([^)]+)\)", TEXT) if link not in anchors} == set()


def test_a_plugin_cannot_take_the_name_of_a_command_of_ours() -> None:
    from webapp.cli import cli  # noqa: PLC0415 (above everything else)

    assert set(cli.commands) == COMMANDS
