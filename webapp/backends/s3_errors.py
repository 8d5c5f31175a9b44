"""What boto3 and the stores say, in the words of the contract. Their text is kept for the log as the cause alone."""

import http.client
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from boto3.exceptions import Boto3Error
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.exceptions import SSLError as BotoSSLError
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError, NameResolutionError, NewConnectionError
from urllib3.exceptions import TimeoutError as PoolTimeoutError

from webapp.contracts.errors import (
    ConfigurationError,
    StorageBackendError,
    StorageError,
    StorageFullError,
    StorageNotFoundError,
)


class AddressRefusedError(Exception):
    """The store's name leads to an address that may not be connected to."""


class AnswerTooLargeError(BotoCoreError):
    """The store says more than any answer needs. botocore's kind of error, and none that it tries again after."""

    fmt = "an answer of more than {most} bytes"


_MISSING = frozenset({"NoSuchKey"})
_CAUSES = {
    "no_container": {"NoSuchBucket"},
    "credentials": {
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "RequestTimeTooSkewed",
        "RequestExpired",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidToken",
        "InvalidClientTokenId",
        "TokenRefreshRequired",
        "AuthFailure",
        "InvalidSecurity",
        "NotSignedUp",
    },
    "denied": {
        "AccessDenied",
        "AccessDeniedException",
        "AllAccessDisabled",
        "AccountProblem",
        "MethodNotAllowed",
        "403",
    },
    "region": {
        "PermanentRedirect",
        "TemporaryRedirect",
        "IllegalLocationConstraintException",
        "301",
        "302",
        "303",
        "307",
        "308",
    },
    "overloaded": {
        "SlowDown",
        "ServiceUnavailable",
        "Throttling",
        "RequestLimitExceeded",
        "TooManyRequests",
        "429",
        "503",
    },
    "corrupted": {"BadDigest", "XAmzContentSHA256Mismatch", "InvalidDigest", "IncompleteBody", "PreconditionFailed"},
    "timeout": {"RequestTimeout"},
    "settings": {"InvalidBucketName", "KMS.DisabledException", "KMS.NotFoundException"},
    "full": {
        "QuotaExceeded",
        "EntityTooLarge",
        "InsufficientStorage",
        "XMinioStorageFull",
        "XMinioAdminBucketQuotaExceeded",
    },
    "read_only": {"ReadOnly", "InvalidObjectState"},
}
_CAUSE_OF_CODE = {code: cause for cause, codes in _CAUSES.items() for code in codes}


@contextmanager
def translated(missing: type[StorageError] = StorageNotFoundError) -> Iterator[None]:
    """Turn what goes wrong inside into what the contract says. No chunk of a put is asked for in here."""
    try:
        yield
    except ClientError as exc:
        raise of_answer(exc, missing) from exc
    except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError, ProfileNotFound) as exc:
        raise ConfigurationError("there are no usable credentials", cause="credentials") from exc
    except ParamValidationError as exc:
        raise ConfigurationError("the settings make no valid request", cause="settings") from exc
    except (ResponseParserError, KeyError) as exc:  # KeyError: what every S3 answers is missing
        raise StorageBackendError("the answer is not S3", cause="protocol") from exc
    except (BotoCoreError, Boto3Error, HTTPClientError, HTTPError, OSError, http.client.HTTPException) as exc:
        raise StorageBackendError(f"the store does not answer: {type(exc).__name__}", **_why(exc)) from exc
    except ValueError as exc:  # botocore's word for an endpoint that is no address
        raise ConfigurationError("the endpoint is no address", cause="settings") from exc


def of_answer(exc: ClientError, missing: type[StorageError] = StorageNotFoundError) -> StorageError:
    """The error of the contract for a store's answer."""
    code, status = code_of(exc), status_of(exc)
    about = f"the store answers {status} {code} to {exc.operation_name}"
    if code in _MISSING or (code == "404" and exc.operation_name == "HeadObject"):
        return missing(about)
    cause = _CAUSE_OF_CODE.get(code)
    if code == "AuthorizationHeaderMalformed":  # says so of another region than the one it was signed for
        cause = "region" if "region" in str(exc).lower() else "credentials"
    if cause == "full" or status == 507:
        return StorageFullError(about, cause="full")
    if cause is None and code.isdigit():  # no XML in it
        cause = "protocol" if int(code) < 500 else None
    if cause is None and status in (401, 403):
        cause = "denied"
    return StorageBackendError(about, cause=cause) if cause else StorageBackendError(about)


def code_of(exc: ClientError) -> str:
    """The store's own word, such as NoSuchKey; the status where it gave none."""
    return str(exc.response.get("Error", {}).get("Code", ""))


def status_of(exc: ClientError) -> int:
    """The HTTP status of the answer."""
    return int(exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def refused_address(exc: BaseException | None) -> bool:
    """Whether it is the address policy that said no."""
    return exc is not None and any(isinstance(each, AddressRefusedError) for each in _chain(exc))


def _why(exc: BaseException) -> dict[str, str]:
    found = list(_chain(exc))
    for cause, kinds in _KINDS:
        if any(isinstance(each, kinds) and not isinstance(each, _UNLIKE.get(cause, ())) for each in found):
            return {"cause": cause}
    return {}


_KINDS: tuple[tuple[str, tuple[type[BaseException], ...]], ...] = (
    ("address", (AddressRefusedError,)),
    ("unresolved", (socket.gaierror, NameResolutionError)),
    ("timeout", (TimeoutError, ConnectTimeoutError, ReadTimeoutError, PoolTimeoutError)),
    ("tls", (ssl.SSLError, BotoSSLError)),
    ("refused", (ConnectionRefusedError,)),
    ("protocol", (http.client.BadStatusLine, http.client.LineTooLong, ResponseParserError, AnswerTooLargeError)),
    (
        "unreachable",
        (OSError, BotoConnectionError, HTTPClientError, HTTPError, http.client.HTTPException, BotoCoreError),
    ),
)
_UNLIKE: dict[str, tuple[type[BaseException], ...]] = {
    "timeout": (NewConnectionError,),  # a kind of ConnectTimeoutError for historical reasons
    "tls": (ssl.SSLEOFError, ssl.SSLZeroReturnError),  # a cut connection
    "protocol": (http.client.RemoteDisconnected,),  # the same without TLS
}


def _chain(exc: BaseException) -> Iterator[BaseException]:
    """The error and all that it wraps: botocore keeps what it caught in ``kwargs``, urllib3 in ``args``."""
    waiting: list[object] = [exc]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop()
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [each.__cause__, each.__context__, *each.args]
        waiting += getattr(each, "kwargs", {}).values()
        waiting.append(getattr(each, "reason", None))
