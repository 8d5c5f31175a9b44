"""Forms cut at every position, and forms that arrive in any pieces."""

import itertools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.client import FILES, Client
from tests.support.corpora import noise
from tests.support.problems import problem
from tests.support.raw import Answer, Wire, chunked, field_part, file_part, form_headers, head, multipart
from tests.support.server import Server

# The file holds what could be taken for its end.
DATA = b"--b0undary\r\n\r\n--b0undar\r\n-\r\n--\r" + noise(40) + b"\r\n"
FORM = multipart([field_part("note", "before"), file_part(DATA, "cut.bin"), field_part("more", "after")])
END = FORM.rindex(b"--b0undary--") + len(b"--b0undary--")


def send(server: Server, client: Client, length: int | None, pieces: list[bytes], pause: float = 0) -> Answer | None:
    framing = ("Transfer-Encoding", "chunked") if length is None else ("Content-Length", str(length))
    with Wire(server.url) as wire:
        wire.send(head("POST", f"{FILES}/upload", [*client.auth, *form_headers(), framing]))
        for piece in pieces:
            wire.try_send(piece)
            time.sleep(pause)
        wire.finish()
        return wire.answer_or_end()


def test_a_form_cut_at_any_position_stores_nothing(server: Server, uploader: Client) -> None:
    with server.unchanged():
        for position in range(len(FORM)):
            answer = send(server, uploader, len(FORM), [FORM[:position]])
            if answer is not None:
                problem(answer, "bad_request")


def test_a_form_that_says_it_ends_where_it_was_cut_stores_nothing(server: Server, uploader: Client) -> None:
    with server.unchanged():
        for position in range(END - 2):  # only the two dashes make it the end of the form
            answer = send(server, uploader, position, [FORM[:position]])
            assert answer is not None
            problem(answer, {"bad_request", "validation_error"})


def test_a_chunked_form_cut_at_any_position_stores_nothing(server: Server, uploader: Client) -> None:
    body = chunked([FORM[:100], FORM[100:150], FORM[150:]])
    with server.unchanged():
        for position in range(len(body)):
            answer = send(server, uploader, None, [body[:position]])
            if answer is not None:
                problem(answer, "bad_request")


def test_a_form_in_two_pieces_is_the_same_form_wherever_they_meet(server: Server, uploader: Client) -> None:
    for position in range(1, len(FORM)):
        assert_stored(
            uploader, send(server, uploader, len(FORM), [FORM[:position], FORM[position:]], pause=0.001), DATA
        )


@settings(max_examples=25)
@given(cuts=st.lists(st.integers(1, len(FORM) - 1), max_size=12), framed=st.booleans())
def test_a_form_in_any_pieces_is_the_same_form(server: Server, uploader: Client, cuts: list[int], framed: bool) -> None:
    pieces = split(FORM, cuts)
    if framed:
        answer = send(server, uploader, None, [chunked([piece], end=b"") for piece in pieces] + [b"0\r\n\r\n"], 0.001)
    else:
        answer = send(server, uploader, len(FORM), pieces, 0.001)
    assert_stored(uploader, answer, DATA)


dangerous = st.sampled_from([b"\r", b"\n", b"-", b"--", b"\r\n", b"\r\n--", b"b0undary", b"--b0undar", b"\0", b"x"])


@settings(max_examples=60)
@given(
    data=st.lists(dangerous, max_size=40).map(b"".join).filter(lambda data: b"\r\n--b0undary" not in b"\r\n" + data),
    cuts=st.lists(st.integers(1, 400), max_size=6),
    fields=st.lists(st.tuples(st.sampled_from(["a", "file2", "csrf_token"]), st.text(max_size=20)), max_size=3),
    after=st.booleans(),
)
def test_any_file_in_any_form_comes_out_as_it_was(
    server: Server,
    uploader: Client,
    data: bytes,
    cuts: list[int],
    fields: list[tuple[str, str]],
    after: bool,
) -> None:
    others = [field_part(name, value.encode("utf-8", "replace").replace(b"\r\n--", b"")) for name, value in fields]
    file = [file_part(data, "any.bin")]
    form = multipart(file + others if after else others + file)
    answer = send(server, uploader, len(form), split(form, [cut for cut in cuts if cut < len(form)]), 0.001)
    assert_stored(uploader, answer, data)


@pytest.mark.parametrize("size", [65_536, 1024 * 1024, 4 * 1024 * 1024])
@pytest.mark.parametrize("shift", [-60, -13, -12, -11, -2, -1, 0, 1, 2])
def test_an_end_across_the_edge_of_a_read_is_found(server: Server, uploader: Client, size: int, shift: int) -> None:
    start = len(multipart([file_part(b"", "edge.bin")])) - len(b"\r\n--b0undary--\r\n")
    data = noise(size - start + shift, shift + 100)
    form = multipart([file_part(data, "edge.bin")])
    assert_stored(uploader, send(server, uploader, len(form), [form]), data)


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    bounds = sorted({0, len(data), *cuts})
    return [data[first:stop] for first, stop in itertools.pairwise(bounds)]


def assert_stored(uploader: Client, answer: Answer | None, data: bytes) -> None:
    assert answer is not None
    assert answer.status_code == 201, answer.text
    assert answer.json()["size_bytes"] == len(data)
    assert uploader.content(answer.json()) == data
