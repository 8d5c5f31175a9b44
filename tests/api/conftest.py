"""Requests through the application, on each database in turn."""

import pytest

from tests.support.app import Api, House


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
