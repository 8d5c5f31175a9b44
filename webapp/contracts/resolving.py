"""Names of hosts to addresses, within a time.

``getaddrinfo()`` knows no limit: a name server that is silent holds its caller for as
long as the system's resolver likes. So each question gets a thread that may be left
behind, and there are only so many of them.
"""

import ipaddress
import socket
import threading
import time
from collections import Counter
from typing import Any

Found = list[tuple[socket.AddressFamily, tuple[Any, ...]]]


class Resolver:
    """Asks at most ``most`` questions at a time; those that nobody waits for any more count until they end.

    Of them at most ``most_each`` (None: all) are about one name: one whose server is silent leaves room for others.
    """

    def __init__(self, most: int, most_each: int | None = None) -> None:
        """Begin with none."""
        self._most = most
        self._most_each = most_each or most
        self._asking: Counter[str] = Counter()
        self._ended = threading.Condition()

    def find(self, host: str, port: int, seconds: float) -> Found:
        """The addresses of a host, for connections.

        Raises:
            OSError: it has none, or they did not come in time (TimeoutError).
        """
        if _is_address(host):
            return _asked(host, port)
        until = time.monotonic() + seconds
        with self._ended:
            if not self._ended.wait_for(lambda: self._may_ask(host), max(0.0, seconds)):
                raise TimeoutError("too many names are being resolved")
            self._asking[host] += 1
        answers: list[Found | OSError] = []
        thread = threading.Thread(target=self._ask, args=(host, port, answers), name="resolve", daemon=True)
        try:
            thread.start()
        except BaseException:
            self._end(host)
            raise
        thread.join(max(0.0, until - time.monotonic()))
        if not answers:
            raise TimeoutError("the name was not resolved in time")
        if isinstance(answers[0], OSError):
            raise answers[0]
        return answers[0]

    def _ask(self, host: str, port: int, answers: list[Found | OSError]) -> None:
        try:
            answers.append(_asked(host, port))
        except OSError as exc:
            answers.append(exc)
        finally:
            self._end(host)

    def _may_ask(self, host: str) -> bool:
        return self._asking.total() < self._most and self._asking[host] < self._most_each

    def _end(self, host: str) -> None:
        with self._ended:
            self._asking[host] -= 1
            self._asking += Counter()  # forgets those at zero
            self._ended.notify_all()


def _asked(host: str, port: int) -> Found:
    try:
        return [(each[0], each[4]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except UnicodeError as exc:
        raise socket.gaierror(socket.EAI_NONAME, "no name that could be asked for") from exc


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
