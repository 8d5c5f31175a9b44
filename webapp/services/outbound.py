"""Which hosts Stowage connects to because a setting says so, and the way it does that.

An address is checked twice: when it is saved, so that whoever edits it is told,
and on the open connection before a byte is sent, because by then the name may
lead elsewhere. The second check is the one that protects.
"""

import http.client
import io
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Any, cast

from webapp.contracts.addresses import refusal
from webapp.contracts.errors import StorageBackendError
from webapp.contracts.resolving import Found, Resolver

SCHEME = "url_scheme"
MALFORMED = "url_malformed"
ADDRESS = "url_address"
PRIVATE = "url_private"

MOST_CHARACTERS = 2048
MOST_CHARACTERS_SIGNED = 16 * 1024
"""Of an address that is fetched: those of a store carry signatures, tokens and file names."""
SECONDS_TO_RESOLVE = 3.0
SECONDS_TO_TRUST = 60
"""So long certificates that are trusted are kept in memory: a file that was changed counts after that."""
MOST_HEAD_BYTES = 64 * 1024
"""Before the head of an answer is complete: http.client skips any number of ``100 Continue`` in front of it."""

_PORTS = {"http": 80, "https": 443}
_PATH = r"(?:/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*)?"
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[^\[\]:/?#@%\\\s]+)(?::(?P<port>[1-9][0-9]{0,4}))?"
    rf"(?P<path>{_PATH})(?P<query>\?[A-Za-z0-9\-._~!$&'()*+,;=:@/?%]*)?",
    re.IGNORECASE | re.ASCII,  # otherwise the long s and the Kelvin sign are letters too
)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
# Clouds serve the credentials of their machines under such names; they lead to link-local addresses, but only there.
_METADATA_HOSTS = frozenset(
    ("metadata", "metadata.goog", "metadata.tencentyun.com", "instance-data", "instance-data.ec2.internal")
)


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Posted:
    """The head of an answer to what was sent."""

    status: int
    retry_after: str | None


@dataclass(frozen=True, slots=True)
class _Endpoint:
    scheme: str
    host: str
    port: int
    target: str
    address: IPv4Address | IPv6Address | None
    """The host, where it is no name."""
    is_odd: bool
    """Written in a way that others may understand differently."""


def problem(url: str, *, allow_private: bool, seconds: float | None = None, query: bool = False) -> str | None:
    """Why a setting cannot name this address, as a key of the namespace ``validation``; None where it can.

    A name that does not resolve now, within so many seconds (None: the usual ones), is fine: its network
    may not be there yet. Whether there may be a ``query`` depends on what the address is for.
    """
    try:
        endpoint = _parsed(url, query=query)
        left = SECONDS_TO_RESOLVE if seconds is None else seconds
        return _refused(endpoint, left, allow_private=allow_private) or (MALFORMED if endpoint.is_odd else None)
    except ValueError as exc:
        return str(exc)


def origin(url: str, *, query: bool = False) -> tuple[str, str, int]:
    """Return scheme, host and port, equal for equal servers: what a secret is bound to.

    Raises:
        ValueError: that is no address; the text is a key of the namespace ``validation``.
    """
    endpoint = _usual(_parsed(url, query=query))
    return endpoint.scheme, endpoint.host, endpoint.port


def host(url: str) -> str:
    """What may be said aloud of an address that was saved: its host, and the port where it is not the usual one."""
    scheme, name, port = origin(url, query=True)
    name = f"[{name}]" if ":" in name else name
    return name if port == _PORTS[scheme] else f"{name}:{port}"


def fetch(url: str, *, allow_private: bool, timeout: float, most_bytes: int) -> Fetched:
    """GET an address: no redirect is followed, no proxy asked, and all is over after ``timeout`` seconds.

    The body is cut after ``most_bytes``.

    Raises:
        StorageBackendError: there was no answer; ``cause`` says why.
    """
    deadline = time.monotonic() + timeout
    with _translated():
        endpoint = _usual(_parsed(url, query=True, most_characters=MOST_CHARACTERS_SIGNED))
        with closing(_connected(endpoint, deadline, allow_private=allow_private)) as connection:
            return _fetched(_answer(endpoint, connection, deadline, "GET"), most_bytes)


def post(url: str, body: bytes, headers: Mapping[str, str], *, allow_private: bool, timeout: float) -> Posted:
    """POST to an address, by the rules of :func:`fetch`. Of the answer only the head is waited for.

    Raises:
        StorageBackendError: there was no answer; ``cause`` says why.
    """
    deadline = time.monotonic() + timeout
    with _translated():
        endpoint = _usual(_parsed(url, query=True))
        with closing(_connected(endpoint, deadline, allow_private=allow_private)) as connection:
            answer = _answer(endpoint, connection, deadline, "POST", body, headers)
            return Posted(answer.status, answer.getheader("Retry-After"))


# --- reading addresses ------------------------------------------------------------


def _parsed(url: str, *, query: bool = False, most_characters: int = MOST_CHARACTERS) -> _Endpoint:
    if not re.match(r"https?://", url, re.IGNORECASE | re.ASCII):
        raise ValueError(SCHEME)
    found = _URL.fullmatch(url)
    if found is None or len(url) > most_characters:
        raise ValueError(MALFORMED)
    scheme, path, asked = found["scheme"].lower(), found["path"], found["query"] or ""
    port = int(found["port"] or _PORTS[scheme])
    if port > 65535 or (asked and not query) or {".", ".."} & set(path.split("/")):
        raise ValueError(MALFORMED)
    name, address, is_odd = _host(found["host"])
    return _Endpoint(scheme, name, port, (path or "/") + asked, address, is_odd)


def _usual(endpoint: _Endpoint) -> _Endpoint:
    if endpoint.is_odd:
        raise ValueError(MALFORMED)
    return endpoint


def _host(written: str) -> tuple[str, IPv4Address | IPv6Address | None, bool]:
    """The host in one spelling, as an address if it is one, and whether it was written oddly."""
    if written.startswith("["):
        try:
            address = IPv6Address(written[1:-1])
        except ValueError:
            raise ValueError(MALFORMED) from None
        return str(address), address, False
    name, is_odd = _ascii(written)
    host = name.removesuffix(".")
    is_odd = is_odd or name != host  # with a dot at the end it is one server for some, another one for others
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        spelled = _as_number(host)
        return str(spelled), spelled, is_odd or str(spelled) != host
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise ValueError(MALFORMED)
    return host, None, is_odd


def _as_number(host: str) -> IPv4Address:
    """What getaddrinfo() makes of ``127.1``, ``0x7f.1``, ``0177.0.0.1`` and ``2130706433``."""
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        raise ValueError(MALFORMED) from None


def _ascii(host: str) -> tuple[str, bool]:
    """The host as it is asked for, and whether only some would ask for it so.

    What does not come back the same (ß that became ss, full-width letters) is another
    name by a newer edition of that standard.
    """
    if host.isascii():
        return host.lower(), False
    try:
        name = host.encode("idna")
        return name.decode("ascii").lower(), name.decode("idna") != host.lower()
    except UnicodeError:
        raise ValueError(MALFORMED) from None


# --- the policy -------------------------------------------------------------------


def _refused(endpoint: _Endpoint, seconds: float, *, allow_private: bool) -> str | None:
    if _is_metadata(endpoint.host):
        return ADDRESS
    if _is_this_machine(endpoint.host) and not allow_private:
        return PRIVATE
    if endpoint.address is not None:
        addresses = [str(endpoint.address)]
    else:
        try:
            addresses = [str(each[-1][0]) for each in _resolved(endpoint, seconds)]
        except OSError:
            return None
    return _worst(addresses, allow_private=allow_private)


def _worst(addresses: list[str], *, allow_private: bool) -> str | None:
    found = {refusal(each, allow_private=allow_private) for each in addresses}
    if "never" in found:
        return ADDRESS
    return PRIVATE if "private" in found else None


def _is_metadata(host: str) -> bool:
    first, _, rest = host.partition(".")
    return host in _METADATA_HOSTS or (first == "metadata" and rest.rpartition(".")[2] == "internal")


def _is_this_machine(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost")  # RFC 6761, section 6.3


_names = Resolver(16, 2)


def _resolved(endpoint: _Endpoint, seconds: float) -> Found:
    """The addresses of a host.

    Raises:
        OSError: it has none, or they did not come in time (TimeoutError).
    """
    return _names.find(endpoint.host, endpoint.port, seconds)


# --- fetching ---------------------------------------------------------------------


def _connected(endpoint: _Endpoint, deadline: float, *, allow_private: bool) -> socket.socket:
    """A connection to an address that may be connected to, with TLS where the scheme says so."""
    found = _resolved(endpoint, min(_left(deadline), SECONDS_TO_RESOLVE))
    _check([str(each[0]) for _, each in found], endpoint, allow_private=allow_private)
    failure: OSError = socket.gaierror(socket.EAI_NONAME, "no address")
    for number, (family, address) in enumerate(found):
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(_left(deadline) / (len(found) - number))  # one that is silent leaves time for others
            connection.connect(address)
            _check([str(connection.getpeername()[0])], endpoint, allow_private=allow_private)
            return _secured(connection, endpoint, deadline)
        except OSError as exc:
            connection.close()
            failure = exc
        except BaseException:
            connection.close()
            raise
    raise failure


def _check(addresses: list[str], endpoint: _Endpoint, *, allow_private: bool) -> None:
    if _is_metadata(endpoint.host) or _worst(addresses, allow_private=allow_private):
        raise StorageBackendError("an address that may not be connected to", cause="address")


def _secured(connection: socket.socket, endpoint: _Endpoint, deadline: float) -> socket.socket:
    if endpoint.scheme == "http":
        return connection
    connection.settimeout(_left(deadline))
    context = _trust(ssl.get_default_verify_paths(), int(time.monotonic() / SECONDS_TO_TRUST))
    return context.wrap_socket(connection, server_hostname=endpoint.host)


@lru_cache(maxsize=1)
def _trust(_paths: ssl.DefaultVerifyPaths, _period: int) -> ssl.SSLContext:
    """Reading all certificates takes 20 ms: too long to do it for each message."""
    return ssl.create_default_context()


def _answer(
    endpoint: _Endpoint,
    connection: socket.socket,
    deadline: float,
    method: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> http.client.HTTPResponse:
    talk = http.client.HTTPConnection(endpoint.host, endpoint.port)  # it connects to nothing, it only speaks HTTP
    talk.default_port = _PORTS[endpoint.scheme]
    line = _Line(connection, deadline)
    talk.sock = cast("socket.socket", line)
    usual = {"Accept": "*/*", "Accept-Encoding": "identity", "Connection": "close", "User-Agent": "stowage"}
    talk.request(method, endpoint.target, body, {**usual, **(headers or {})})
    answer = talk.getresponse()
    line.incoming.most_bytes = None
    return answer


def _fetched(answer: http.client.HTTPResponse, most_bytes: int) -> Fetched:
    body = answer.read(most_bytes)
    if answer.length and len(body) < most_bytes:
        raise ConnectionAbortedError("the answer was cut short")
    return Fetched(answer.status, {name.lower(): value for name, value in answer.getheaders()}, body)


class _Line:
    """What http.client needs of a socket, with one deadline for all of it: a socket's own limit is for each piece."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline
        self.incoming = _Incoming(connection, deadline)

    def sendall(self, data: bytes) -> None:
        self._connection.settimeout(_left(self._deadline))
        self._connection.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self.incoming)

    def close(self) -> None:
        """Nothing: whoever opened the connection closes it."""


class _Incoming(io.RawIOBase):
    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline
        self.most_bytes: int | None = MOST_HEAD_BYTES
        """How many more may come; None, once the head is complete: whoever reads the body counts for itself."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connection.settimeout(_left(self._deadline))
        if self.most_bytes is None:
            return self._connection.recv_into(buffer)
        if self.most_bytes <= 0:
            raise http.client.HTTPException("a head without end")
        got = self._connection.recv_into(buffer)
        self.most_bytes -= got
        return got


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time is up")
    return left


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what went wrong into what the contract says; no text names the address, which may be signed."""
    try:
        yield
    except StorageBackendError:
        raise
    except Exception as exc:
        cause = next((cause for kind, cause in _CAUSES if isinstance(exc, kind)), None)
        if cause is None:
            raise
        raise StorageBackendError(f"no answer: {type(exc).__name__}", cause=cause) from exc


_CAUSES: tuple[tuple[type[Exception], str], ...] = (  # from the special to the general
    (socket.gaierror, "unresolved"),
    (TimeoutError, "timeout"),
    (ConnectionRefusedError, "refused"),
    (ssl.SSLError, "tls"),
    (OSError, "unreachable"),
    (http.client.IncompleteRead, "unreachable"),
    (http.client.HTTPException, "protocol"),
    (ValueError, "protocol"),
)
