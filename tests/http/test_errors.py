"""Every error has one shape, and tells nothing about the house."""

import pytest

from tests.support.app import FILES, Api, House
from tests.support.problems import problem
from webapp.contracts.errors import ConfigurationError, NotSupportedError, StorageBackendError, StorageFullError
from webapp.http.auth import public
from webapp.services import errors

SECRET = "/srv/private-shelf/uploads key=hunter2"


def broken(house: House, error: Exception) -> Api:
    """A house with a route that raises this."""
    view = public(lambda: (_ for _ in ()).throw(error))
    house.app._got_first_request = False
    house.app.add_url_rule("/api/broken", "broken", view)
    return Api(house.app)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.BadRequestError(SECRET), "bad_request"),
        (errors.ChecksumMismatchError(SECRET), "checksum_mismatch"),
        (errors.UnauthenticatedError(SECRET), "unauthenticated"),
        (errors.CsrfError(SECRET), "csrf_failed"),
        (errors.ForbiddenError(SECRET, permission="file_storage.manage"), "forbidden"),
        (errors.NotFoundError(SECRET), "not_found"),
        (errors.ConflictError(SECRET), "conflict"),
        (errors.TooLargeError(SECRET, max_bytes=5), "too_large"),
        (errors.BadTypeError(SECRET, content_type="a/b"), "bad_type"),
        (errors.RangeError(SECRET, size=5), "range_not_satisfiable"),
        (errors.RateLimitedError(SECRET, retry_after=7), "rate_limited"),
        (errors.ValidationError({"name": "required"}), "validation_error"),
        (StorageBackendError(SECRET, path=SECRET), "backend_error"),
        (ConfigurationError(SECRET), "backend_error"),
        (StorageFullError(SECRET), "storage_full"),
        (NotSupportedError(SECRET), "bad_type"),
    ],
)
def test_every_refusal_is_a_problem_document(served: House, error: Exception, code: str) -> None:
    answer = broken(served, error).get("/api/broken")
    document = problem(answer, code)
    assert "hunter2" not in answer.content.decode() + str(answer.headers)
    assert document["type"].endswith(code)


def test_what_the_client_needs_to_know_is_told(served: House) -> None:
    assert (
        problem(broken(served, errors.TooLargeError("x", max_bytes=5)).get("/api/broken"), "too_large")["max_bytes"]
        == 5
    )


def test_how_long_to_wait_is_told(served: House) -> None:
    answer = broken(served, errors.RateLimitedError("x", retry_after=7)).get("/api/broken")
    assert answer.headers["Retry-After"] == "7"


def test_every_wrong_field_has_a_sentence(served: House) -> None:
    error = errors.ValidationError({"name": "required", "page": ("too_small", {"least": 1})})
    document = problem(broken(served, error).get("/api/broken"), "validation_error")
    assert document["errors"] == [
        {"field": "name", "message": "This is needed."},
        {"field": "page", "message": "The least is 1."},
    ]


@pytest.mark.parametrize("error", [RuntimeError(SECRET), KeyError(SECRET), OSError(5, SECRET), AssertionError(SECRET)])
def test_an_accident_is_told_without_details(served: House, error: Exception) -> None:
    answer = broken(served, error).get("/api/broken")
    assert answer.status_code == 500
    document = answer.json()
    assert (document["code"], document["status"]) == ("internal_error", 500)
    assert document["request_id"] == answer.headers["X-Request-ID"]
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "hunter2" not in answer.content.decode()
    assert "Traceback" not in answer.content.decode()


def test_an_accident_is_logged_with_its_trace(served: House, caplog: pytest.LogCaptureFixture) -> None:
    broken(served, RuntimeError("what happened")).get("/api/broken")
    [record] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert record.exc_info
    assert "what happened" in str(record.exc_info[1])


@pytest.mark.parametrize("path", ["/api/nothing", f"{FILES}/nothing", "/nothing", f"{FILES}/files/not-an-id", "/api/"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_route_is_not_found(served: House, path: str, method: str) -> None:
    problem(Api(served.app).request(method, path), "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/api/me", "GET, HEAD, OPTIONS"),
        ("DELETE", f"{FILES}/upload", "OPTIONS, POST"),
        ("PATCH", "/api/tokens", "GET, HEAD, OPTIONS, POST"),
        ("PUT", "/healthz", "GET, HEAD, OPTIONS"),
    ],
)
def test_an_unknown_method_tells_which_there_are(served: House, method: str, path: str, allowed: str) -> None:
    answer = Api(served.app).request(method, path)
    problem(answer, "method_not_allowed")
    assert answer.headers["Allow"] == allowed


def test_a_person_with_a_browser_gets_a_page(served: House) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    answer = Api(served.app).get("/nothing", headers=browser)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")
    problem(Api(served.app).get("/api/nothing", headers=browser), "not_found")


@pytest.mark.parametrize("sent", ["abc-123", "A" * 64, "a.b_c"])
def test_a_sensible_request_id_is_kept(served: House, sent: str) -> None:
    answer = Api(served.app).get("/healthz", headers={"X-Request-ID": sent})
    assert answer.headers["X-Request-ID"] == sent


@pytest.mark.parametrize("sent", [None, "", "A" * 65, "a b", "a/b", "ä", '"'])
def test_any_other_request_id_is_replaced(served: House, sent: str | None) -> None:
    headers = {} if sent is None else {"X-Request-ID": sent}
    found = {Api(served.app).get("/healthz", headers=headers).headers["X-Request-ID"] for _ in range(3)}
    assert len(found) == 3
    assert sent not in found


def test_every_answer_has_the_headers_they_all_have(served: House) -> None:
    for path in ("/healthz", "/api/me", "/api/nothing", "/metrics", "/account/login"):
        headers = Api(served.app).get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Request-ID"]
        assert headers["Cache-Control"]
