"""After whatever sequence of changes, the counters say what counting says."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test

from tests.support.app import House
from webapp.contracts.errors import StowageError
from webapp.services.errors import CutUploadError
from webapp.services.listing import Listing

PEOPLE = st.sampled_from(["admin", "uploader", "stranger"])


def machine(house: House) -> type[RuleBasedStateMachine]:  # noqa: C901 (one class, many rules)
    class Life(RuleBasedStateMachine):
        """Uploads, deletions, restorations and purges in any order."""

        files = Bundle("files")

        def __init__(self) -> None:
            super().__init__()
            self.context = house.app.app_context()
            self.context.push()

        def teardown(self) -> None:
            self.context.pop()

        @rule(target=files, who=PEOPLE, size=st.integers(0, 50), name=st.sampled_from(["a", "a.png", "a.csv"]))
        def upload(self, who: str, size: int, name: str) -> object:
            return house.upload(house.caller(who), b"x" * size, name).id

        @rule(who=PEOPLE)
        def cut_upload(self, who: str) -> None:
            def chunks() -> object:
                yield b"x"
                raise CutUploadError("gone")

            with pytest.raises(CutUploadError):
                house.upload(house.caller(who), chunks())  # type: ignore[arg-type]

        @rule(who=PEOPLE, file_id=files)
        def trash(self, who: str, file_id: object) -> None:
            self._try("trash", who, file_id)

        @rule(who=PEOPLE, file_id=files)
        def restore(self, who: str, file_id: object) -> None:
            self._try("restore", who, file_id)

        @rule(who=PEOPLE, file_id=consumes(files))
        def purge(self, who: str, file_id: object) -> None:
            self._try("purge", who, file_id)

        @rule(who=PEOPLE, ids=st.lists(files, max_size=5))
        def trash_many(self, who: str, ids: list[object]) -> None:
            house.services.files.trash_many(house.caller(who), ids)  # type: ignore[arg-type]

        @rule(who=PEOPLE, ids=st.lists(files, max_size=5))
        def restore_many(self, who: str, ids: list[object]) -> None:
            house.services.files.restore_many(house.caller(who), ids)  # type: ignore[arg-type]

        def _try(self, method: str, who: str, file_id: object) -> None:
            with contextlib.suppress(StowageError):
                getattr(house.services.files, method)(house.caller(who), file_id)

        @invariant()
        def counters_are_right(self) -> None:
            assert house.tallies() == house.counted()
            total = house.services.listing.list(house.admin, Listing()).total
            assert total == sum(n for (_, _, _, trashed), (n, _) in house.counted().items() if not trashed)

    return Life


@pytest.mark.parametrize("visibility", ["all", "own"])
def test_any_sequence_of_changes(house: House, visibility: str) -> None:
    house.configure(file_visibility=visibility)
    run_state_machine_as_test(
        machine(house),
        settings=settings(
            max_examples=8, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
    house.assert_consistent()


def test_uploads_at_once_are_all_counted(house: House) -> None:
    caller = house.uploader
    house.together(*(lambda n=n: house.upload(caller, b"x" * n) for n in range(20)))
    assert house.tallies() == {(str(caller.user_id), "filesystem", "other", False): (20, sum(range(20)))}


def test_the_files_of_several_people_are_counted_apart(house: House, tmp_path: Path) -> None:
    for caller, count in ((house.uploader, 2), (house.stranger, 3)):
        for _ in range(count):
            house.upload(caller, b"12345")
    assert sorted(house.tallies().values()) == [(2, 10), (3, 15)]
