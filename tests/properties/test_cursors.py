"""A walk by cursor while the list changes under it."""

import itertools
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.client import Client

SORTS = ["created_at", "-created_at", "name", "-name", "size", "-size"]
counter = itertools.count()


@pytest.fixture(scope="module")
def pool(uploader: Client) -> "Pool":
    return Pool(uploader)


class Pool:
    """Rows of this module's own: some stay all the time, others come and go."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.mark = uuid.uuid4().hex
        # Ties in name and size, so that the order within ties matters.
        self.steady = [self.add(n % 3, n % 4)["id"] for n in range(14)]
        self.others = [self.add(n % 3, n % 4)["id"] for n in range(6)]

    def add(self, name: int, size: int) -> dict:
        return self.client.upload(b"x" * size, f"{self.mark} {'ABc'[name % 3]}.txt", "text/plain")

    def change(self, action: str, number: int, last: str | None) -> None:
        """Insert a row, delete one, or delete and insert where the walk just is."""
        if action == "insert":
            self.others.append(self.add(number, number // 3)["id"])
        elif action == "delete" and self.others:
            self.client.trash(self.others.pop(number % len(self.others)))
        elif action == "delete last seen" and last in self.others:
            self.others.remove(last)
            self.client.trash(last)
        elif action == "restore":
            trashed = self.client.page("trash", q=self.mark, per_page=1)["items"]
            if trashed:
                assert self.client.restore(trashed[0]).status_code == 200
                self.others.append(trashed[0]["id"])


changes = st.lists(
    st.tuples(st.sampled_from(["insert", "delete", "delete last seen", "restore"]), st.integers(0, 20)), max_size=3
)


@pytest.mark.parametrize("sort", SORTS)
@settings(max_examples=12)
@given(per_page=st.integers(1, 6), plan=st.lists(changes, max_size=8))
def test_no_row_is_skipped_and_none_repeated(
    pool: Pool, sort: str, per_page: int, plan: list[list[tuple[str, int]]]
) -> None:
    seen: list[str] = []
    steps = iter(plan)
    params = {"q": pool.mark, "sort": sort, "per_page": per_page}
    for page in pool.client.pages(**params):
        assert len(page["items"]) <= per_page
        assert page["items"] or page["next_cursor"] is None
        seen += [row["id"] for row in page["items"]]
        for action, number in next(steps, []):
            pool.change(action, number, seen[-1] if seen else None)
        assert len(seen) < 500, "the walk does not end"
    restored = {one for one in seen if seen.count(one) > 1}
    assert not restored & set(pool.steady), "repeated"
    if not any(action == "restore" for change in plan for action, _ in change):
        assert not restored, "repeated"
    assert set(pool.steady) <= set(seen), "skipped"


@pytest.mark.parametrize("sort", SORTS)
def test_a_walk_is_the_list_in_order(pool: Pool, sort: str) -> None:
    whole = [row["id"] for row in pool.client.every(q=pool.mark, sort=sort)]
    assert len(whole) == len(set(whole)) == pool.client.total(q=pool.mark)
    for per_page in (1, 3, 7, len(whole), 200):
        walked = [
            row["id"] for page in pool.client.pages(q=pool.mark, sort=sort, per_page=per_page) for row in page["items"]
        ]
        assert walked == whole
        numbered: list[str] = []
        for number in range(1, len(whole) // per_page + 2):
            page = pool.client.page(q=pool.mark, sort=sort, per_page=per_page, page=number)
            numbered += [row["id"] for row in page["items"]]
        assert numbered == whole


def test_the_reverse_order_is_the_order_reversed(pool: Pool) -> None:
    for sort in ("created_at", "name", "size"):
        forth = [row["id"] for row in pool.client.every(q=pool.mark, sort=sort)]
        back = [row["id"] for row in pool.client.every(q=pool.mark, sort=f"-{sort}")]
        assert back == forth[::-1]


def test_the_last_page_says_so(pool: Pool) -> None:
    total = pool.client.total(q=pool.mark)
    assert pool.client.page(q=pool.mark, per_page=min(total, 200))["next_cursor"] is None
    assert pool.client.page(q=pool.mark, per_page=total - 1)["next_cursor"]
    assert pool.client.page(q=uuid.uuid4().hex)["next_cursor"] is None


def test_the_trash_can_be_walked_too(uploader: Client) -> None:
    mark = uuid.uuid4().hex
    ids = [uploader.upload(b"x", f"{mark}.txt")["id"] for _ in range(7)]
    for one in ids:
        uploader.trash(one)
    walked = [row["id"] for page in uploader.pages("trash", q=mark, per_page=2) for row in page["items"]]
    assert sorted(walked) == sorted(ids)
