"""Every error that can reach a client has a code, a status and a sentence."""

from tests.architecture.sources import all_modules, listed, locale, subclasses
from webapp.contracts.errors import StowageError
from webapp.http.errors import STATUS_BY_CODE

# The HTTP contract: clients rely on these.
PROMISED = {
    "bad_request": 400,
    "unauthenticated": 401,
    "csrf_failed": 403,
    "forbidden": 403,
    "not_found": 404,
    "conflict": 409,
    "too_large": 413,
    "bad_type": 415,
    "range_not_satisfiable": 416,
    "validation_error": 422,
    "checksum_mismatch": 400,
    "rate_limited": 429,
    "backend_error": 500,
    "storage_full": 507,
}


def test_promised_codes_have_their_promised_status() -> None:
    different = [
        f"{code}: {STATUS_BY_CODE.get(code)} instead of {status}"
        for code, status in PROMISED.items()
        if STATUS_BY_CODE.get(code) != status
    ]
    assert not different, f"webapp.http.errors.STATUS_BY_CODE breaks the HTTP contract:{listed(different)}"


def test_every_error_class_has_a_status() -> None:
    all_modules()
    errors: list[type[StowageError]] = [StowageError, *subclasses(StowageError)]
    missing = [
        f"{error.__module__}.{error.__name__}: {error.code}" for error in errors if error.code not in STATUS_BY_CODE
    ]
    assert not missing, f"Give these codes a status in webapp.http.errors.STATUS_BY_CODE:{listed(missing)}"


def test_every_status_is_one_of_an_error() -> None:
    odd = [f"{code}: {status}" for code, status in STATUS_BY_CODE.items() if not 400 <= status <= 599]
    assert not odd, f"These are no error statuses:{listed(odd)}"


def test_every_code_has_a_sentence() -> None:
    sentences = locale().get("errors", {})
    missing = [
        code
        for code in sorted(STATUS_BY_CODE)
        if not isinstance(sentences.get(code), str) or not sentences[code].strip().endswith((".", "!", "?"))
    ]
    assert not missing, f"Write a sentence for these codes under `errors` in webapp/locales/en.json:{listed(missing)}"
