"""The application, to be looked at rather than run."""

import pytest
from flask import Flask

from webapp import config
from webapp.app import create_app


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    data_dir = tmp_path_factory.mktemp("data")
    return create_app(config.load({"STOWAGE_DATA": str(data_dir)}))
