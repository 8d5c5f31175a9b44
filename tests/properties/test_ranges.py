"""Range headers against a plain model (RFC 9110, 14)."""

import itertools
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.client import FILES, Client
from tests.support.corpora import noise

SIZES = [0, 1, 2, 10, 1000, 70_000]


class Files(dict[int, tuple[str, bytes]]):
    """Files by size: id and content."""

    def __repr__(self) -> str:  # Hypothesis shows arguments
        return f"Files({list(self)})"


@pytest.fixture(scope="module")
def files(uploader: Client) -> Files:
    return Files({size: (uploader.upload(noise(size, size))["id"], noise(size, size)) for size in SIZES})


def model(header: str, size: int) -> set[tuple[int, int, int]]:
    """The answers that are right, as (status, first, stop).

    A server may ignore what it does not understand or support; then it sends the whole.
    """
    whole, unsatisfiable = (200, 0, size), (416, 0, 0)
    single = re.fullmatch(r"(?i:bytes)=[ \t]*([0-9]*)-([0-9]*)[ \t]*", header)
    if single is None or single.groups() == ("", ""):
        return {whole, unsatisfiable}
    first, last = single.groups()
    if not first:
        length = min(int(last), size)
        return {(206, size - length, size)} if length else {unsatisfiable, *([whole] if int(last) else [])}
    if last and int(last) < int(first):
        return {whole, unsatisfiable}
    if int(first) >= size:
        return {unsatisfiable}
    return {(206, int(first), min(int(last) + 1, size) if last else size)}


numbers = st.one_of(st.integers(0, 12), st.integers(0, 71_000), st.sampled_from([2**31, 2**63, 2**64, 10**30])).map(str)
padded = st.one_of(numbers, numbers.map(lambda number: "000" + number), st.just(""))
singles = st.builds(lambda first, last: f"bytes={first}-{last}", padded, padded)
anything = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
broken = st.one_of(anything.map("bytes={}".format), anything, st.builds("{}={}-{}".format, anything, padded, padded))


@given(size=st.sampled_from(SIZES), header=st.one_of(singles, singles, singles, broken))
@example(size=0, header="bytes=0-")
@example(size=0, header="bytes=-1")
@example(size=10, header="bytes=-0")
@example(size=10, header="bytes=9-9")
@example(size=10, header="bytes=10-")
@example(size=10, header="bytes=0-9")
@example(size=10, header="bytes=0-10")
@example(size=10, header="bytes=-10")
@example(size=10, header="bytes=-11")
@example(size=10, header="BYTES=1-2")
@example(size=10, header="bytes=5-4")
@example(size=10, header="bytes=-")
@example(size=10, header="bytes=")
@example(size=10, header="items=0-1")
@example(size=10, header="bytes=0-1,3-4")
def test_a_range_gives_what_the_model_says(uploader: Client, files: Files, size: int, header: str) -> None:
    identity, data = files[size]
    answer = uploader.download(identity, Range=header.strip())
    if len(re.findall("-", header)) > 1 and answer.status_code == 206:
        assert answer.headers["Content-Type"].startswith("multipart/byteranges")
        return
    right = model(header.strip(), size)
    assert answer.status_code in {status for status, _, _ in right}, (header, answer.status_code)
    for status, first, stop in right:
        if status != answer.status_code:
            continue
        if status == 416:
            assert answer.headers["Content-Range"] == f"bytes */{size}"
            continue
        assert answer.content == data[first:stop], header
        assert answer.headers["Content-Length"] == str(stop - first)
        if status == 206:
            assert answer.headers["Content-Range"] == f"bytes {first}-{stop - 1}/{size}"
        else:
            assert "Content-Range" not in answer.headers


@given(size=st.sampled_from(SIZES), header=singles)
def test_a_range_changes_nothing_for_head(uploader: Client, files: Files, size: int, header: str) -> None:
    """RFC 9110, 14.2: ranges are for GET; a HEAD tells about the whole."""
    answer = uploader.head(f"{FILES}/files/{files[size][0]}/download", headers={"Range": header})
    assert answer.status_code == 200
    assert answer.headers["Content-Length"] == str(size)
    assert answer.content == b""


@given(cuts=st.lists(st.integers(0, 70_000), max_size=8))
def test_parts_put_together_are_the_whole(uploader: Client, files: Files, cuts: list[int]) -> None:
    identity, data = files[70_000]
    bounds = sorted({0, 70_000, *cuts})
    got = b"".join(
        uploader.download(identity, Range=f"bytes={first}-{stop - 1}").content
        for first, stop in itertools.pairwise(bounds)
    )
    assert got == data
