"""What backends raise says to the edge which answer it is, and to nobody what happened inside."""

import pytest

from webapp.contracts import errors


@pytest.mark.parametrize(
    ("error", "base"),
    [
        (errors.StorageNotFoundError, errors.StorageError),
        (errors.StorageBackendError, errors.StorageError),
        (errors.StorageFullError, errors.StorageBackendError),
        (errors.NotSupportedError, errors.StorageError),
        (errors.ConfigurationError, errors.StorageError),
        (errors.StorageError, errors.StowageError),
    ],
)
def test_whoever_catches_the_general_error_catches_the_special_one(error: type, base: type) -> None:
    assert issubclass(error, base)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.StorageNotFoundError, "not_found"),
        (errors.StorageBackendError, "backend_error"),
        (errors.StorageFullError, "storage_full"),
        (errors.NotSupportedError, "bad_type"),
        (errors.ConfigurationError, "backend_error"),
    ],
)
def test_the_codes_are_those_of_the_http_contract(error: type[errors.StowageError], code: str) -> None:
    assert error.code == code
    assert error("text for the log").code == code


def test_data_is_apart_from_the_text() -> None:
    error = errors.StorageFullError("volume 7 at host x", max_bytes=5)
    assert error.data == {"max_bytes": 5}
    assert str(error) == "volume 7 at host x"


def test_an_error_without_text_says_its_code() -> None:
    assert str(errors.StorageFullError()) == "storage_full"
