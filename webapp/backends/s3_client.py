"""Clients of boto3 that connect to permitted addresses only and give up in time.

botocore's HTTP session is a thin layer over urllib3. Ours differs in what opens
the sockets; it is put in at ``before-send``, the event botocore has for that, and
so every request of the client passes it, those after a redirect included.
"""

import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, cast

import boto3.session
import botocore.session
from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)
from botocore.config import Config
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from botocore.httpsession import URLLib3Session
from urllib3.exceptions import ConnectTimeoutError as PoolConnectTimeoutError
from urllib3.exceptions import NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

from webapp.backends.s3_errors import AddressRefusedError, refused_address
from webapp.backends.s3_fields import Limits, Options
from webapp.contracts.addresses import refusal

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

POOL_SIZE = 64
SLICE = 256 * 1024
_MOST_ADDRESSES = 4


def make_client(
    options: Options,
    limits: Limits,
    *,
    endpoint: str | None,
    brief: bool = False,
    sign_payload: bool = True,
) -> "S3Client":
    """A client of this process.

    A ``brief`` one neither waits long nor tries again. One that does not sign payloads is for
    bodies that come as they are sent: it cannot try again either.
    """
    # Sessions of one's own: the default one is shared by threads and may not be.
    core = botocore.session.Session()
    read_seconds = limits.brief_seconds if brief else limits.read_seconds
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
        silence=read_seconds,
    )
    events: Any = client.meta.events  # typed as if handlers gave no answers
    events.register("before-send.s3", lambda request, **_: session.send(request))
    events.register_first("needs-retry.s3", _no_more)
    if not sign_payload:
        events.register("before-sign.s3", _without_expect)
    return client


def _no_more(attempts: int, caught_exception: BaseException | None, **_: object) -> bool | None:
    """Say no to a retry (None: botocore decides): of refused addresses, and a second one after time-outs."""
    if refused_address(caught_exception):
        return False
    if isinstance(caught_exception, (ConnectTimeoutError, ReadTimeoutError)) and attempts >= 2:
        return False
    return None


def _without_expect(request: Any, **_: object) -> None:
    """Take "Expect: 100-continue" off, which botocore adds for bodies that are files.

    It waits until the socket can be read, and over TLS 1.3 there are session tickets to read first:
    with a store that knows no 100 it then waits for good.
    """
    if "Expect" in request.headers:
        del request.headers["Expect"]


class GuardedSession(URLLib3Session):
    """botocore's session with connections of ours. It follows no redirect and knows no proxy."""

    def __init__(self, *, allow_private: bool, silence: float, **options: Any) -> None:
        super().__init__(proxies={}, **options)
        guard = {"allow_private": allow_private, "silence": silence}
        http = type("Connection", (_Guarded, AWSHTTPConnection), guard)
        https = type("TLSConnection", (_Guarded, AWSHTTPSConnection), guard)
        cast("Any", self)._manager.pool_classes_by_scheme = {
            "http": type("Pool", (AWSHTTPConnectionPool,), {"ConnectionCls": http}),
            "https": type("TLSPool", (AWSHTTPSConnectionPool,), {"ConnectionCls": https}),
        }


class _Guarded:
    """Goes in front of a connection class of botocore."""

    allow_private: ClassVar[bool] = False
    silence: ClassVar[float] = 60

    def _new_conn(self) -> socket.socket:
        """Connect to the first permitted address that answers; nothing has been sent on what this returns."""
        connection = cast("Any", self)
        failure: OSError | None = None
        for address in list(self._addresses(connection))[:_MOST_ADDRESSES]:
            try:
                found = create_connection(
                    (address, connection.port), connection.timeout, socket_options=connection.socket_options
                )
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
        try:
            found = socket.getaddrinfo(host, connection.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as exc:
            unknown = exc if isinstance(exc, socket.gaierror) else socket.gaierror(socket.EAI_NONAME, "no such name")
            raise NameResolutionError(host, connection, unknown) from exc
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
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
        cast("Any", self).sock.settimeout(self.silence)

    def send(self, data: Any) -> None:
        """Send in slices: the time-out of ``sendall`` is for the whole of what it is given."""
        if not isinstance(data, (bytes, bytearray)) or len(data) <= SLICE:
            super().send(data)  # type: ignore[misc]
            return
        with memoryview(data) as view:
            for start in range(0, len(data), SLICE):
                with view[start : start + SLICE] as part:
                    super().send(part)  # type: ignore[misc]
