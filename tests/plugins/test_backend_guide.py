"""The guide for authors of backends shows the code that is tested, and nothing made up."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs/writing-a-backend.md"
PACKAGE = Path(__file__).parent / "stowage-sqlite-archive"
_BLOCK = re.compile(
    r"(?:^<!-- from (?P<file>\S+) -->\n)?^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)
BLOCKS = [(found["file"], found["code"]) for found in _BLOCK.finditer(GUIDE.read_text(encoding="utf-8"))]


def test_every_block_says_which_file_it_is_from() -> None:
    assert len(BLOCKS) > 10
    assert [code for file, code in BLOCKS if file is None] == []


@pytest.mark.parametrize(("file", "code"), BLOCKS, ids=[f"{n}-{file}" for n, (file, _) in enumerate(BLOCKS)])
def test_every_block_is_in_its_file(file: str, code: str) -> None:
    text = (PACKAGE / file).read_text(encoding="utf-8")
    assert code in text, f"{file} has changed: copy it to docs/writing-a-backend.md"


def test_the_files_that_are_named_are_there() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    for path in re.findall(r"`(webapp/[\w/]+\.py|tests/plugins/[\w/-]+)`", text):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"^ +([\w.]+\.(?:py|toml|md|typed))\b", text, re.MULTILINE):
        assert list(PACKAGE.rglob(path)), path


def test_every_method_and_flag_of_the_package_is_talked_about() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    code = (PACKAGE / "src/stowage_sqlite_archive/backend.py").read_text(encoding="utf-8")
    names = re.findall(r"^    (?:def ([a-z]\w+)|(supports_\w+):)", code, re.MULTILINE)
    assert {name for pair in names for name in pair if name and name not in text} == set()


def test_links_within_the_guide_lead_somewhere() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    anchors = {
        re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^##+ (.*)$", text, re.MULTILINE)
    }
    assert {link for link in re.findall(r"\]\(#([^)]+)\)", text) if link not in anchors} == set()
