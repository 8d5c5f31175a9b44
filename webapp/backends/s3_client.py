"""Clients of boto3 that connect to permitted addresses only, give up in time and hold no more than an answer needs.

botocore's HTTP session is a thin layer over urllib3. Ours differs in what opens
the sockets, and in how answers are read; it is put in at ``before-send``, the event
botocore has for that, and so every request of the client passes it.
"""

import http.client
import io
import math
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

import boto3.session
import botocore.session
from botocore import UNSIGNED
from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
    AWSResponse,
)
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError, ConnectTimeoutError, HTTPClientError, ReadTimeoutError
from botocore.httpsession import URLLib3Session
from urllib3.exceptions import ConnectTimeoutError as PoolConnectTimeoutError
from urllib3.exceptions import HTTPError, NameResolutionError, NewConnectionError, ProtocolError
from urllib3.exceptions import ReadTimeoutError as PoolReadTimeoutError
from urllib3.util.connection import create_connection

from webapp.backends.s3_errors import AddressRefusedError, AnswerTooLargeError, refused_address
from webapp.backends.s3_fields import MIB, Limits, Options
from webapp.contracts.addresses import refusal
from webapp.contracts.resolving import Resolver

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

POOL_SIZE = 64
SLICE = 256 * 1024
LONGEST_ANSWER = 4 * MIB
"""Of those that are read whole, which are XML: a list of a thousand keys of the longest kind."""
MOST_LINES = 1_000
LEAST_SPEED = 4096
"""Bytes per second."""
_MOST_ADDRESSES = 4
_names = Resolver(POOL_SIZE)


def make_client(
    options: Options,
    limits: Limits,
    *,
    endpoint: str | None,
    brief: bool = False,
    sign_payload: bool = True,
    ends: float = math.inf,
) -> "S3Client":
    """A client of this process; nothing goes on after ``ends``, by the monotonic clock.

    A ``brief`` one neither waits long nor tries again. One that does not sign payloads is for
    bodies that come as they are sent: it cannot try again either.
    """
    # Sessions of one's own: the default one is shared by threads and may not be.
    core = botocore.session.Session()
    read_seconds = limits.brief_seconds if brief else limits.read_seconds
    patience = Patience(
        silence=read_seconds, in_all=3 * read_seconds if brief else max(read_seconds, limits.answer_seconds), ends=ends
    )
    config: dict[str, Any] = {
        "signature_version": "s3v4",
        "s3": {"addressing_style": options.style} | ({} if sign_payload else {"payload_signing_enabled": False}),
        "connect_timeout": limits.connect_seconds,
        "read_timeout": read_seconds,
        "retries": {"mode": "standard", "total_max_attempts": limits.attempts if sign_payload and not brief else 1},
        # The newer checksums are unknown to many stores, and over TLS they come as trailers, which some of
        # those store as content. docs/decisions/0035-s3.md says what protects the bytes instead.
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
        # The settings say where the store is, and nothing else does.
        "ignore_configured_endpoint_urls": True,
        "proxies": {},
    }
    client = boto3.session.Session(botocore_session=core).client(
        "s3",
        region_name=options.region,
        endpoint_url=endpoint,
        config=Config(**config),
        aws_access_key_id=options.access_key,
        aws_secret_access_key=options.secret_key,
    )
    session = GuardedSession(
        allow_private=options.allow_private,
        verify=core.get_config_variable("ca_bundle") or True,
        timeout=(limits.connect_seconds, read_seconds),
        max_pool_connections=POOL_SIZE,
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)],
        patience=patience,
    )
    events: Any = client.meta.events  # typed as if handlers gave no answers
    events.register("before-send.s3", lambda request, **_: session.send(request))
    events.register_first("needs-retry.s3", _no_more)
    events.register_first("needs-retry.s3", lambda **_: False if patience.is_over else None)
    events.register("before-call.s3", _stay)
    if not sign_payload:
        events.register("before-sign.s3", _without_expect)
    return client


def make_anonymous(options: Options) -> "S3Client":
    """A client that knows where things are and nothing else: it has no credentials, and looks for none."""
    config: dict[str, Any] = {
        "signature_version": UNSIGNED,
        "s3": {"addressing_style": options.style},
        "ignore_configured_endpoint_urls": True,
    }
    return boto3.session.Session(botocore_session=botocore.session.Session()).client(
        "s3", region_name=options.region, endpoint_url=options.public_endpoint, config=Config(**config)
    )


def _no_more(attempts: int, caught_exception: BaseException | None, **_: object) -> bool | None:
    """Say no to a retry (None: botocore decides): of refused addresses, and a second one after time-outs."""
    if refused_address(caught_exception):
        return False
    if isinstance(caught_exception, (ConnectTimeoutError, ReadTimeoutError)) and attempts >= 2:
        return False
    return None


def _stay(context: Any, **_: object) -> None:
    """Keep botocore from going where a redirect leads: into another region, by a question of its own.

    That one follows redirects too, and so on until the stack ends; and the links it makes would still
    be for the region of the settings.
    """
    context.setdefault("s3_redirect", {})["redirected"] = True


def _without_expect(request: Any, **_: object) -> None:
    """Take "Expect: 100-continue" off, which botocore adds for bodies that are files.

    It waits until the socket can be read, and over TLS 1.3 there are session tickets to read first:
    with a store that knows no 100 it then waits for good.
    """
    if "Expect" in request.headers:
        del request.headers["Expect"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long a client waits, in either direction."""

    silence: float
    in_all: float
    """For one answer, beside the time that its bytes take at :data:`LEAST_SPEED`."""
    ends: float
    """By the monotonic clock, whatever else there is time for."""

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.ends

    def left(self, seconds: float | None = None) -> float:
        """How long to wait next, if not for so many seconds.

        Raises:
            TimeoutError: not at all.
        """
        left = min(self.silence if seconds is None else seconds, self.ends - time.monotonic())
        if left <= 0:
            raise TimeoutError("the time is up")
        return left


class _Staying:
    """Goes in front of a pool: urllib3 would make another request ready for where a redirect leads."""

    def urlopen(self, *args: Any, **more: Any) -> Any:
        return super().urlopen(*args, **more, redirect=False)  # type: ignore[misc]


class GuardedSession(URLLib3Session):
    """botocore's session with connections of ours. It follows no redirect and knows no proxy."""

    def __init__(self, *, allow_private: bool, patience: Patience, **options: Any) -> None:
        super().__init__(proxies={}, **options)
        guard = {"allow_private": allow_private, "patience": patience}
        plain = type("Connection", (_Guarded, AWSHTTPConnection), guard)
        secure = type("TLSConnection", (_Guarded, AWSHTTPSConnection), guard)
        cast("Any", self)._manager.pool_classes_by_scheme = {
            "http": type("Pool", (_Staying, AWSHTTPConnectionPool), {"ConnectionCls": plain}),
            "https": type("TLSPool", (_Staying, AWSHTTPSConnectionPool), {"ConnectionCls": secure}),
        }

    def send(self, request: Any) -> AWSResponse:
        """Send it, and read the answer unless it is the content of an object."""
        streamed = request.stream_output
        request.stream_output = True  # botocore would read all there is
        try:
            found = super().send(request)
        finally:
            request.stream_output = streamed
        answer = _Answer(found.url, found.status_code, found.raw.headers, found.raw)
        if not streamed or answer.status_code >= 300:
            answer.read()
        return answer


class _Answer(AWSResponse):
    """An answer that is read only as far as one makes sense."""

    _content: bytes | None

    @property
    def content(self) -> bytes:
        if self._content is None:
            self.read()
        return self._content or b""

    def read(self) -> None:
        """Read all of it.

        Raises:
            AnswerTooLargeError: there is no end to it.
            HTTPClientError: it does not come, in the words of botocore's own session.
        """
        content = bytearray()
        try:
            for piece in self.raw.stream(SLICE):
                content += piece
                if len(content) > LONGEST_ANSWER:
                    self.raw.close()
                    raise AnswerTooLargeError(most=LONGEST_ANSWER)
        except PoolReadTimeoutError as exc:
            raise ReadTimeoutError(endpoint_url=self.url, error=exc) from exc
        except ProtocolError as exc:
            raise ConnectionClosedError(endpoint_url=self.url, error=exc) from exc
        except (OSError, HTTPError) as exc:
            raise HTTPClientError(error=exc) from exc
        self._content = bytes(content)


class _Incoming(io.RawIOBase):
    """What a store sends. A socket's own limit is for each piece: here they all have to come in time."""

    def __init__(self, wire: Any, connection: Any, patience: Patience) -> None:
        self._wire = wire
        self._connection = connection
        self._patience = patience
        self._left = patience.in_all

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._left <= 0:
            raise TimeoutError("too little comes in too much time")
        seconds = self._patience.left(min(self._patience.silence, self._left))
        if seconds != self._connection.gettimeout():
            self._connection.settimeout(seconds)
        began = time.monotonic()
        count = int(self._wire.readinto(buffer) or 0)
        # Only waiting counts: whoever reads may take its time. And nothing is saved up for later.
        self._left += count / LEAST_SPEED - (time.monotonic() - began)
        self._left = min(self._left, self._patience.in_all)
        return count

    def close(self) -> None:
        self._wire.close()
        super().close()


class _Lines(io.BufferedReader):
    """Headers, and what is around chunks. Nobody else counts trailers, nor the headers of one 100 after another."""

    _in_a_row = 0

    def readline(self, *most: Any) -> bytes:
        self._in_a_row += 1
        if self._in_a_row > MOST_LINES:
            raise http.client.LineTooLong("trailers")
        return super().readline(*most)

    def read(self, *most: Any) -> bytes:
        self._in_a_row = 0
        return super().read(*most)

    def readinto(self, buffer: Any, /) -> int:
        self._in_a_row = 0
        return super().readinto(buffer)


class _Guarded:
    """Goes in front of a connection class of botocore."""

    allow_private: ClassVar[bool] = False
    patience: ClassVar[Patience]

    def _new_conn(self) -> socket.socket:
        """Connect to the first permitted address that answers; nothing has been sent on what this returns."""
        connection = cast("Any", self)
        failure: OSError | None = None
        for address in list(self._addresses(connection))[:_MOST_ADDRESSES]:
            try:
                seconds = self.patience.left(connection.timeout)
                found = create_connection((address, connection.port), seconds, socket_options=connection.socket_options)
            except OSError as exc:
                failure = exc
                continue
            return self._checked(found)
        if isinstance(failure, TimeoutError):
            raise PoolConnectTimeoutError(connection, "connecting takes too long") from failure
        raise NewConnectionError(connection, f"no connection: {failure}") from failure

    def _addresses(self, connection: Any) -> Iterator[str]:
        """Where the host is, without what may not be connected to: not even a SYN goes there."""
        host = connection.host.strip("[]")
        seconds = self.patience.left(connection.timeout)
        try:
            found = _names.find(host, connection.port, seconds)
        except OSError as exc:
            unknown = exc if isinstance(exc, socket.gaierror) else socket.gaierror(socket.EAI_AGAIN, str(exc))
            raise NameResolutionError(host, connection, unknown) from exc
        addresses = list(dict.fromkeys(str(address[0]) for _, address in found))
        permitted = [each for each in addresses if refusal(each, allow_private=self.allow_private) is None]
        if not permitted:
            raise AddressRefusedError(f"{host} is at {', '.join(addresses)}")
        yield from permitted

    def _checked(self, found: socket.socket) -> socket.socket:
        """What counts is who is at the other end."""
        peer = str(found.getpeername()[0])
        if refusal(peer, allow_private=self.allow_private) is None:
            return found
        found.close()
        raise AddressRefusedError(f"connected to {peer}")

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        # urllib3 would leave the time-out for connecting, which is short, on the sending of the body.
        cast("Any", self).sock.settimeout(self.patience.left())

    def send(self, data: Any) -> None:
        """Send in slices: the time-out of ``sendall`` is for the whole of what it is given."""
        if self.patience.ends < math.inf and (sock := cast("Any", self).sock) is not None:
            sock.settimeout(self.patience.left())
        if not isinstance(data, (bytes, bytearray)) or len(data) <= SLICE:
            super().send(data)  # type: ignore[misc]
            return
        with memoryview(data) as view:
            for start in range(0, len(data), SLICE):
                with view[start : start + SLICE] as part:
                    super().send(part)  # type: ignore[misc]

    def response_class(self, sock: Any, *args: Any, **more: Any) -> http.client.HTTPResponse:
        """Make what http.client reads the answer with."""
        response = http.client.HTTPResponse(sock, *args, **more)
        wire = response.fp.detach()
        response.fp = _Lines(_Incoming(wire, sock, self.patience))
        return response
