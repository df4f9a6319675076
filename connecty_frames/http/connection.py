"""Connections that keep a deadline, record the progress of an attempt, and never mix responses.

Three facts that requests and urllib3 do not report decide what may be done with a request and its connection:

- *Was anything sent?* A question costs money, so it may be sent again only if nothing of it was sent before.
  The exception does not say: through a proxy, a ProxyError is raised also for a request that the proxy
  received. The connections here record how far the current :class:`Attempt` got (``phase``).
- *How long may this take?* A timeout of requests holds for each read by itself, so a server that sends one
  byte a second never exceeds it. The sockets here set the time left before every read and write.
- *Does this response belong to this request?* ``http.client`` takes an interim response other than 100 for
  the final one, and leaves the final one on the connection, where the next request finds it. The responses
  here skip interim ones, and a connection on which anything follows the response is closed.

The attempt is in a context variable: a pooled connection outlives it, and urllib3 passes no argument down.
"""

from __future__ import annotations

import errno
import http.client
import io
import re
import socket
import ssl
import zlib
from contextvars import ContextVar
from functools import partial
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import DecodeError
from urllib3.util.ssl_ import create_urllib3_context
from urllib3.util.wait import wait_for_read

from connecty_frames._base.text import shell_path, snippet
from connecty_frames.errors import ConfigError, is_interrupt
from connecty_frames.files import open_regular
from connecty_frames.http.models import FailureKind, UnusableResponse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from urllib3.response import HTTPResponse

    from connecty_frames.http.models import Attempt

_MAX_INTERIM: Final = 20  # the most interim responses before a final one
_CHUNK: Final = 256 * 1024  # how much of a body is read and decompressed at a time, in bytes

#: The attempt of the running thread. Nothing else uses these connections.
ATTEMPT: Final[ContextVar[Attempt]] = ContextVar("connecty_frames.attempt")


def seconds_left(attempt: Attempt) -> float:
    """Return the time left for one read or write; TimeoutError once the deadline has passed."""
    deadline = attempt.deadline
    if attempt.is_submission and attempt.phase == "sent":
        left = deadline.at - deadline.clock.monotonic()  # also if the call was cancelled
    else:
        left = deadline.remaining()
    if left <= 0:
        raise TimeoutError("the deadline of the call has passed")
    return min(left, attempt.idle)


class _DeadlineSocket(socket.socket):
    """A socket that applies the deadline of the current attempt to every read and write."""

    may_read = True  # false while a buffer above it is inspected, to keep it from reading

    def recv_into(self, *args: Any, **options: Any) -> int:
        if not self.may_read:
            raise BlockingIOError(errno.EAGAIN, "nothing is read now")
        self.settimeout(seconds_left(ATTEMPT.get()))
        return super().recv_into(*args, **options)

    def recv(self, *args: Any, **options: Any) -> bytes:
        self.settimeout(seconds_left(ATTEMPT.get()))
        return super().recv(*args, **options)

    def send(self, *args: Any, **options: Any) -> int:
        self.settimeout(seconds_left(ATTEMPT.get()))
        return super().send(*args, **options)

    def sendall(self, *args: Any, **options: Any) -> None:
        self.settimeout(seconds_left(ATTEMPT.get()))
        super().sendall(*args, **options)


class _DeadlineTLSSocket(_DeadlineSocket, ssl.SSLSocket):
    """The same for TLS; ``ssl.SSLContext`` makes these from its ``sslsocket_class``."""

    def sendall(self, *args: Any, **options: Any) -> None:
        """Send, and report a closed connection as TCP does: urllib3 then reads the response."""
        try:
            super().sendall(*args, **options)
        except ssl.SSLError as error:
            if error.errno in (ssl.SSL_ERROR_SYSCALL, ssl.SSL_ERROR_EOF):
                raise BrokenPipeError(errno.EPIPE, "the connection was closed while sending") from None
            raise


class _ResponseStream(io.BufferedReader):
    """The bytes of one response.

    Closing it also closes a connection on which anything follows the response. It would be read as the
    response to the next request, which may be about another question.
    """

    #: The connection and socket of the response. The connection may have another socket by now, or none.
    connection: HTTPConnection
    sock: socket.socket

    def close(self) -> None:
        """Close the stream, and the connection unless nothing is left to read."""
        sock = self.sock
        if self.closed or self.connection.sock is not sock:
            super().close()
            return
        # Unread bytes may be in the buffers of Python, of OpenSSL and of the system. Nothing is read to find
        # out: OpenSSL would take in a part of a record and not report it until the rest is there.
        is_drained = False  # unknown for TLS inside TLS, through a proxy
        try:
            if isinstance(sock, _DeadlineSocket):
                sock.may_read = False
                pending = sock.pending() if isinstance(sock, ssl.SSLSocket) else 0
                left = self.peek() or pending or wait_for_read(sock, timeout=0.0)
                sock.may_read = True
                is_drained = not left
        except OSError as error:  # a read timed out or failed: the response has not ended
            if is_interrupt(error):
                raise
        finally:
            super().close()
            if not is_drained:
                self.connection.close()


class _FinalResponse(http.client.HTTPResponse):
    """A response that skips the interim ones before it (RFC 9110, section 15.2)."""

    def begin(self) -> None:
        super().begin()
        # Unreadable headers may hold a secret, and urllib3 would log them.
        self.headers.defects.clear()
        self.headers.set_payload("")
        # RFC 9112, section 6.3: a server and a proxy before it may see different ends of such a body.
        if self.chunked and "content-length" in self.headers:
            self.will_close = True

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(_MAX_INTERIM + 1):
            try:
                line: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
            except http.client.BadStatusLine as error:
                line_start = str(error)
                if line_start.endswith("\n") or not "HTTP/1.".startswith(line_start[:7]):
                    raise
                raise http.client.RemoteDisconnected("closed within the status line") from None
            status = line[1]
            if status >= HTTPStatus.OK:
                attempt = ATTEMPT.get()
                if attempt.phase == "sent":  # otherwise it is a proxy's response to CONNECT
                    attempt.status = status
                return line
            if status == HTTPStatus.SWITCHING_PROTOCOLS:
                reason = "the server switched to another protocol (101), which was not requested"
                raise UnusableResponse(FailureKind.NOT_HTTP, reason)
            http.client.parse_headers(self.fp)
        reason = f"more than {_MAX_INTERIM} interim responses (1xx) came and no final one"
        raise UnusableResponse(FailureKind.NOT_HTTP, reason)


def read_body(raw: HTTPResponse, attempt: Attempt, *, limit: int) -> None:
    """Read at most ``limit`` bytes into ``attempt.received``; an exception loses nothing read before it."""
    named = (raw.headers.get("Content-Encoding") or "identity").strip()
    encoding = named.lower()
    # ``read`` would lose the beginning of a body cut off later.
    pieces: Iterator[bytes] = iter(partial(raw.read1, _CHUNK, decode_content=False), b"")
    if attempt.is_submission:
        first = next(pieces, b"")
        pieces = chain([first], pieces)
        if first.lstrip()[:1] == b"{":  # JSON, whatever its header says: the id must not be lost
            encoding = "identity"
    if encoding in ("gzip", "x-gzip"):
        pieces = _decompressed(pieces)
    elif encoding != "identity":
        raise DecodeError(f"its encoding is {named!r}, which was not requested")
    for piece in pieces:
        seconds_left(attempt)  # a little gzip may take long to decompress
        if attempt.received.tell() + len(piece) > limit:
            reason = f"the answer is longer than the limit of {limit} bytes"
            raise UnusableResponse(FailureKind.TOO_LARGE, reason)
        attempt.received.write(piece)


def _decompressed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Decompress gzip in pieces; an empty body is left empty, for the caller to judge."""
    make_stream = partial(zlib.decompressobj, zlib.MAX_WBITS | 16)  # 16: with the header and trailer of gzip
    stream, started = make_stream(), False
    for piece in pieces:
        packed = piece
        while packed:
            if stream.eof:  # RFC 1952, section 2.2: members may follow one another
                stream = make_stream()
            started = True
            try:
                yield stream.decompress(packed, _CHUNK)
            except zlib.error as error:
                raise DecodeError(f"it is not valid gzip ({error})") from None
            packed = stream.unconsumed_tail or stream.unused_data
    if started and not stream.eof:
        raise DecodeError("its gzip stream is incomplete")


class _TrackedConnection(HTTPConnection):
    """A connection that records how far the attempt got."""

    _tunnelling = False

    def response_class(  # type: ignore[override]  # http.client only calls it
        self, sock: socket.socket, **options: Any
    ) -> _FinalResponse:
        response = _FinalResponse(sock, **options)
        response.fp = stream = _ResponseStream(response.fp.detach())
        stream.connection, stream.sock = self, sock
        return response

    def _new_conn(self) -> socket.socket:
        """Connect to the first address of the host to answer, within the attempt's time."""
        # Each address gets an equal share of the time left: an unreachable first one (an ``::1`` without a
        # listener, a broken IPv6 route) leaves time for the others.
        attempt = ATTEMPT.get()
        # In an address, the % before the zone of an IPv6 host is escaped (RFC 6874).
        host = re.sub("(:.*)%25(?=.)", r"\1%", self._dns_host.strip("[]"))
        port = self.port or self.default_port
        attempt.phase, attempt.peer = "resolve", f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        attempt.phase = "connect"
        until = attempt.deadline.clock.monotonic() + attempt.connect
        last_error: OSError = OSError("the name has no address")
        for position, (family, kind, protocol, _, address) in enumerate(addresses):
            sock = _DeadlineSocket(family, kind, protocol)
            try:
                for option in self.socket_options or ():
                    sock.setsockopt(*option)
                left = min(until - attempt.deadline.clock.monotonic(), attempt.deadline.remaining())
                sock.settimeout(max(left / (len(addresses) - position), 0.001))
                sock.connect(address)
                sock.settimeout(seconds_left(attempt))  # applies to a TLS handshake too
            except BaseException as error:
                sock.close()
                if is_interrupt(error) or not isinstance(error, OSError):
                    raise
                # Its traceback would keep this frame alive, and so every connection up to the pool.
                last_error = error.with_traceback(None)
            else:
                attempt.phase = "proxy" if self._tunnel_host else "tls"
                return sock
        raise last_error

    def _tunnel(self) -> None:
        self._tunnelling = True
        try:
            super()._tunnel()
        finally:
            self._tunnelling = False
        if self.sock is None:
            raise OSError("the proxy sent more than an answer to CONNECT")
        ATTEMPT.get().phase = "tls"

    def send(self, data: Any) -> None:
        if not self._tunnelling:  # otherwise it is the CONNECT request
            if self.sock is None:
                self.connect()
            ATTEMPT.get().phase = "sent"
        super().send(data)


class _TrackedTLSConnection(_TrackedConnection, HTTPSConnection):
    """The same over TLS; also records the server's certificate."""

    def connect(self) -> None:
        super().connect()
        self.is_verified = True  # without urllib3's warning: a client without verification warns when made
        ATTEMPT.get().certificate = self.sock.getpeercert() or {}  # type: ignore[union-attr]  # it is TLS now


class _Pool(HTTPConnectionPool):
    ConnectionCls = _TrackedConnection


class _PoolTLS(HTTPSConnectionPool):
    ConnectionCls = _TrackedTLSConnection


_POOLS: Final = {"http": _Pool, "https": _PoolTLS}


def tls_context(
    *, verify: bool = True, ca_bundle: Path | None = None, setting: str = "ca_bundle"
) -> ssl.SSLContext:
    """Return urllib3's TLS settings with deadline sockets; a ConfigError names the setting."""
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED if verify else ssl.CERT_NONE)
    context.sslsocket_class = _DeadlineTLSSocket
    if verify and ca_bundle is not None:
        try:
            if ca_bundle.is_dir():
                # OpenSSL finds a certificate by the hash of its subject.
                if not any(re.fullmatch(r"[0-9a-f]{8}\.\d+", each.name) for each in ca_bundle.iterdir()):
                    raise ConfigError(
                        f"{setting}={snippet(str(ca_bundle))}: the folder holds no certificate under a name "
                        f"that OpenSSL looks for. Run: openssl rehash {shell_path(ca_bundle)}",
                        setting=setting,
                    )
                context.load_verify_locations(capath=ca_bundle)
            else:
                open_regular(ca_bundle).close()  # OpenSSL would wait forever for a pipe
                context.load_verify_locations(ca_bundle)
        except OSError as error:  # ssl.SSLError is one
            raise ConfigError(
                f"{setting}={snippet(str(ca_bundle))}: expected a file of certificates in PEM format, or a "
                f"folder of them ({snippet(error.strerror or str(error))}).",
                setting=setting,
            ) from None
    return context


class ConnectionAdapter(HTTPAdapter):
    """The adapter of requests for these connections, through a proxy or not; it keeps ``idle`` of them."""

    def __init__(self, context: ssl.SSLContext, *, idle: int = 1) -> None:
        super().__init__(pool_maxsize=idle)
        self.context = context
        self.poolmanager.connection_pool_kw["ssl_context"] = context
        self.poolmanager.pool_classes_by_scheme = _POOLS
        self.poolmanager.pools.dispose_func = HTTPConnectionPool.close  # now, not once they are freed

    def cert_verify(self, *_: Any, **_options: Any) -> None:
        """Leave it to the context: requests would read the certificates again for each connection."""

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Make the pools for connections through a proxy."""
        contexts = {"ssl_context": self.context, "proxy_ssl_context": self.context}
        manager = super().proxy_manager_for(proxy, **{**options, **contexts})
        manager.pool_classes_by_scheme = _POOLS
        manager.pools.dispose_func = HTTPConnectionPool.close
        return manager
