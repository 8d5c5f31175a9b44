"""Requests through the application, on each database in turn."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.app import Answer, Api, House, make_house
from tests.support.settings import SECRET
from tests.support.vault import KEY_ID, Vault, VaultBackend

MakeHouse = Callable[..., House]


@pytest.fixture
def admin(house: House) -> Api:
    return house.api("admin")


@pytest.fixture
def uploader(house: House) -> Api:
    return house.api("uploader")


@pytest.fixture
def stranger(house: House) -> Api:
    return house.api("stranger")


@pytest.fixture
def nobody(house: House) -> Api:
    return house.api()


@pytest.fixture
def another(house: House) -> Iterator[MakeHouse]:
    """The same house with other variables in its environment, and a vault."""
    made: list[House] = []

    def make(**environ: str) -> House:
        url = None if house.config.is_sqlite else house.config.database_url
        made.append(make_house(house.config.data_dir, url, STOWAGE_ALLOW_PRIVATE_ENDPOINTS="true", **environ))
        made[-1].registry.register(VaultBackend)
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def vaulted(another: MakeHouse) -> House:
    return another()


@pytest.fixture
def vault() -> Iterator[Vault]:
    with Vault(keys={KEY_ID: SECRET}) as running:
        yield running


@pytest.fixture
def api(vaulted: House) -> Iterator[Api]:
    """An admin, whose every answer is searched for the secret."""
    found = vaulted.api("admin")
    plain = found.request

    def searched(method: str, path: str, headers: Any = None, **options: Any) -> Answer:
        answer = plain(method, path, headers, **options)
        assert SECRET.encode() not in answer.content
        assert "gAAAA" not in answer.content.decode(), "not even sealed"
        return answer

    found.request = searched  # type: ignore[method-assign]
    return found
