"""Sockets and connections that keep a deadline, know whether anything was sent, and never mix answers.

Three things that requests and urllib3 do not tell decide what may be done with a request and its connection:

- *Was anything sent?* A question costs money, so it may be sent again only where the first try never left.
  The exception does not say: through a proxy, say, a ProxyError is raised for a request the proxy received.
  A connection of ours writes down how far it came in the :class:`Attempt` under way (``phase``).
- *How long may this take?* A timeout of requests holds for each read alone, so that a server sending one
  byte a second is never too slow. A socket of ours sets the time left before every read and write.
- *Is this the answer to this request?* ``http.client`` takes an interim response other than 100 for the
  answer, and leaves the answer itself on the connection, where the next request finds it. A response of
  ours skips interim responses, and closes a connection on which anything follows the answer.

The attempt is found through a context variable, since a pooled connection outlives it and urllib3 hands
nothing of the kind down.
"""

from __future__ import annotations

import errno
import http.client
import io
import re
import socket
import ssl
from contextvars import ContextVar
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.ssl_ import create_urllib3_context
from urllib3.util.wait import wait_for_read

from connecty_frames.errors import ConfigError
from connecty_frames.files import open_regular
from connecty_frames.text import shell_path, snippet

if TYPE_CHECKING:
    from pathlib import Path

    from connecty_frames.clock import Deadline

__all__ = ["ATTEMPT", "Attempt", "ConnectionAdapter", "InterimError", "tls_context"]

#: Interim responses before an answer; more is no way to answer.
_MAX_INTERIM: Final = 20
#: How OpenSSL looks for a certificate in a folder: by the hash of its subject.
_HASHED: Final = re.compile(r"[0-9a-f]{8}\.\d+")


@dataclass(slots=True)
class Attempt:
    """One request on its way: how long it may take, and how far it came.

    Parameters
    ----------
    deadline
        When the whole call must be over.
    connect
        Seconds in which the connection must stand.
    idle
        Seconds without a byte after which the other end counts as gone.
    phase
        ``resolve``, ``connect``, ``proxy``, ``tls``, then ``sent``. None means that no connection of ours
        was involved, and counts as sent wherever that is the safer guess.
    dialled
        Whom the connection was made to, as ``host:port``: the proxy where there is one.
    status
        The status that was answered, once its line is there.
    """

    deadline: Deadline
    connect: float
    idle: float
    phase: str | None = None
    dialled: str = ""
    status: int | None = None

    def seconds_left(self) -> float:
        """Give the time one read or write may take; TimeoutError once the deadline has passed."""
        left = self.deadline.remaining()
        if left <= 0:
            raise TimeoutError("the deadline of the call has passed")
        return min(left, self.idle)


#: The request that the running thread has under way.
ATTEMPT: Final[ContextVar[Attempt | None]] = ContextVar("connecty_frames.attempt", default=None)


def _track(phase: str) -> None:
    attempt = ATTEMPT.get()
    if attempt is not None:
        attempt.phase = phase


class _DeadlineSocket(socket.socket):
    """A socket whose every read and write ends by the deadline of the attempt under way."""

    #: False while somebody looks at what was read already; nothing more is there then.
    reads = True

    def _arm(self) -> None:
        if not self.reads:
            raise BlockingIOError(errno.EAGAIN, "nothing is read now")
        attempt = ATTEMPT.get()
        if attempt is not None:
            self.settimeout(attempt.seconds_left())

    def recv_into(self, *args: Any, **options: Any) -> int:
        self._arm()
        return super().recv_into(*args, **options)

    def recv(self, *args: Any, **options: Any) -> bytes:
        self._arm()
        return super().recv(*args, **options)

    def send(self, *args: Any, **options: Any) -> int:
        self._arm()
        return super().send(*args, **options)

    def sendall(self, *args: Any, **options: Any) -> None:
        self._arm()
        super().sendall(*args, **options)


class _DeadlineTLSSocket(_DeadlineSocket, ssl.SSLSocket):
    """The same for TLS; ``ssl.SSLContext`` makes these from its ``sslsocket_class``."""

    def sendall(self, *args: Any, **options: Any) -> None:
        """Send, as there. Report a closed connection as TCP does, so that urllib3 reads the answer."""
        try:
            super().sendall(*args, **options)
        except ssl.SSLError as error:
            if error.errno in (ssl.SSL_ERROR_SYSCALL, ssl.SSL_ERROR_EOF):
                raise BrokenPipeError(errno.EPIPE, "the connection was closed while sending") from None
            raise


def _connect(host: str, port: int, options: Any) -> socket.socket:
    """Connect to the first address of a host that answers, all of them within the attempt's time.

    Each address has an equal share of the time left, so that a dead first one (an ``::1`` nobody listens
    on, an IPv6 route that leads nowhere) does not use up the others' time.
    """
    attempt = ATTEMPT.get()
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    _track("connect")
    until = None if attempt is None else attempt.deadline.clock.monotonic() + attempt.connect
    trouble: OSError = OSError("the name has no address")
    for position, (family, kind, protocol, _, address) in enumerate(addresses):
        sock = _DeadlineSocket(family, kind, protocol)
        try:
            for option in options or ():
                sock.setsockopt(*option)
            if attempt is not None and until is not None:
                left = min(until - attempt.deadline.clock.monotonic(), attempt.deadline.remaining())
                sock.settimeout(max(left / (len(addresses) - position), 0.001))
            sock.connect(address)
            if attempt is not None:
                sock.settimeout(attempt.seconds_left())  # a TLS handshake takes its time from this
        except OSError as error:
            sock.close()
            # Its traceback would keep this frame, and so every connection up to the pool, from being freed.
            trouble = error.with_traceback(None)
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise trouble


class InterimError(http.client.HTTPException):
    """Interim responses (1xx) that no answer can follow."""


class _Incoming(io.BufferedReader):
    """What arrives on a connection, closed at the end of one answer.

    A connection on which anything follows the answer is closed too. It would be read as the answer to the
    next request, which may be about another question.

    Parameters
    ----------
    raw
        The stream to read from.
    connection, sock
        The connection it belongs to, and its socket at the time.
    """

    def __init__(self, raw: io.RawIOBase, connection: HTTPConnection, sock: socket.socket) -> None:
        super().__init__(raw)
        self._connection = connection
        self._sock = sock

    def close(self) -> None:
        """Close the stream, and the connection if it cannot be used again."""
        in_use = not self.closed and self._connection.sock is self._sock
        surplus = in_use and self._holds_more()
        super().close()
        if surplus:
            self._connection.close()

    def _holds_more(self) -> bool:
        """Look into the buffers of Python, of OpenSSL and of the system, and read nothing.

        To read would hide what has come: OpenSSL keeps a part of a record to itself until the rest is there.
        """
        sock = self._sock
        if not isinstance(sock, _DeadlineSocket):
            return True  # TLS inside of TLS, to a proxy: nobody can tell
        sock.reads = False
        try:
            held = self.peek(1)
        except OSError:
            return True  # a read timed out or failed, so that the answer has not come to its end
        finally:
            sock.reads = True
        pending = sock.pending() if isinstance(sock, ssl.SSLSocket) else 0
        return bool(held or pending or wait_for_read(sock, timeout=0.0))


class _FinalResponse(http.client.HTTPResponse):
    """A response that skips the interim ones before it (RFC 9110, section 15.2).

    Parameters
    ----------
    connection
        The connection that it comes on.
    sock, options
        As for ``http.client.HTTPResponse``.
    """

    def __init__(self, connection: HTTPConnection, sock: socket.socket, **options: Any) -> None:
        super().__init__(sock, **options)
        self.fp = _Incoming(self.fp.detach(), connection, sock)

    def begin(self) -> None:
        super().begin()
        # What cannot be read as headers may hold a secret, and urllib3 would log it.
        self.headers.defects.clear()
        self.headers.set_payload("")
        # RFC 9112, section 6.3: a server and what stands before it may see different ends of such a body.
        if self.chunked and "content-length" in self.headers:
            self.will_close = True

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(_MAX_INTERIM + 1):
            try:
                line: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
            except http.client.BadStatusLine as error:
                begun = str(error)
                if begun.endswith("\n") or not "HTTP/1.".startswith(begun[:7]):
                    raise
                raise http.client.RemoteDisconnected("closed within the status line") from None
            status = line[1]
            if status >= HTTPStatus.OK:
                attempt = ATTEMPT.get()
                if attempt is not None and attempt.phase == "sent":
                    attempt.status = status
                return line
            if status == HTTPStatus.SWITCHING_PROTOCOLS:
                raise InterimError("the server switched to another protocol (101), which was not asked for")
            http.client.parse_headers(self.fp)
        raise InterimError(f"more than {_MAX_INTERIM} interim responses (1xx) came in place of an answer")


class _TrackedConnection(HTTPConnection):
    """A connection that notes how far the attempt came."""

    _connecting = False

    def response_class(  # type: ignore[override]  # http.client only calls it
        self,
        sock: socket.socket,
        **options: Any,
    ) -> _FinalResponse:
        """Make the response to the request that was sent."""
        return _FinalResponse(self, sock, **options)

    def _new_conn(self) -> socket.socket:
        attempt = ATTEMPT.get()
        host, port = self._dns_host.strip("[]"), self.port or self.default_port
        if attempt is not None:
            attempt.phase, attempt.dialled = "resolve", f"{host}:{port}"
        sock = _connect(host, port, self.socket_options)
        _track("proxy" if self._tunnel_host else "tls")
        return sock

    def _tunnel(self) -> None:
        super()._tunnel()
        if self.sock is None:
            raise OSError("the proxy sent more than an answer to CONNECT")
        _track("tls")

    def connect(self) -> None:
        self._connecting = True
        try:
            super().connect()
        finally:
            self._connecting = False

    def send(self, data: Any) -> None:
        if not self._connecting:  # what a tunnel is asked for with is no part of the request
            if self.sock is None:
                self.connect()
            _track("sent")
        super().send(data)


class _TrackedTLSConnection(_TrackedConnection, HTTPSConnection):
    """The same over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _TrackedConnection


class _PoolTLS(HTTPSConnectionPool):
    ConnectionCls = _TrackedTLSConnection

    def _validate_conn(self, conn: Any) -> None:
        """Connect, as there, but without a warning: a client that verifies nothing warns when it is made."""
        if conn.is_closed:
            conn.connect()


_POOLS: Final = {"http": _Pool, "https": _PoolTLS}


def tls_context(*, verify: bool = True, ca_bundle: Path | None = None) -> ssl.SSLContext:
    """Make the TLS settings of urllib3 with sockets that keep the deadline.

    Raises
    ------
    ConfigError
        Where there are no certificates in ``ca_bundle``.
    """
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED if verify else ssl.CERT_NONE)
    context.sslsocket_class = _DeadlineTLSSocket
    if verify and ca_bundle is not None:
        try:
            if ca_bundle.is_dir():
                if not any(_HASHED.fullmatch(each.name) for each in ca_bundle.iterdir()):
                    raise ConfigError(
                        f"ca_bundle={snippet(str(ca_bundle))}: the folder holds no certificate under a name "
                        f"that OpenSSL looks for. Run: openssl rehash {shell_path(ca_bundle)}",
                        setting="ca_bundle",
                    )
                context.load_verify_locations(capath=ca_bundle)
            else:
                open_regular(ca_bundle).close()  # OpenSSL would wait for ever at a pipe
                context.load_verify_locations(ca_bundle)
        except OSError as error:  # ssl.SSLError is one
            raise ConfigError(
                f"ca_bundle={snippet(str(ca_bundle))}: expected a file of certificates in PEM format, or a "
                f"folder of them ({snippet(error.strerror or str(error))}).",
                setting="ca_bundle",
            ) from None
    return context


class ConnectionAdapter(HTTPAdapter):
    """The adapter of requests that uses these connections, through a proxy or not.

    Parameters
    ----------
    context
        From :func:`tls_context`; making one takes milliseconds, so that all adapters share it.
    size
        How many idle connections are kept.
    """

    def __init__(self, context: ssl.SSLContext, *, size: int = 16) -> None:
        self._context = context
        super().__init__(pool_maxsize=size)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Make the pools for direct connections."""
        super().init_poolmanager(*args, **{**options, "ssl_context": self._context})
        self.poolmanager.pool_classes_by_scheme = dict(_POOLS)

    def close(self) -> None:
        """Close the idle connections now: urllib3 leaves that to whenever the pools are freed."""
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118 - it is no dict and cannot be iterated over
                pool = manager.pools.get(key)
                if pool is not None:
                    pool.close()
        super().close()

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Make the pools for connections through a proxy."""
        manager = super().proxy_manager_for(proxy, **{**options, "ssl_context": self._context})
        manager.pool_classes_by_scheme = dict(_POOLS)
        return manager
