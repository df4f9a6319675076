"""Through a proxy: a question that it received counts as sent, one that it rejected does not."""

import gc
import select
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import connecty_frames as cf
from connecty_frames._base.clock import SYSTEM_CLOCK
from connecty_frames.http.transport import Transport
from connecty_frames.settings.values import Settings
from tests.cases import cases
from tests.servers.clients import make
from tests.servers.scripted import PEM, QUESTION_ID, ROWS, Script, Step, serve
from tests.servers.timing import growing

#: The discard port, where nothing listens: every response comes through the proxy.
BEHIND = "http://127.0.0.1:9"


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """Return a proxy for all requests, which itself answers like the API."""
    with serve() as script:
        for name in ("HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, script.address.replace("//", "//user:canary-proxy@"))
        yield script


def tunnel(to: Script, holds: Callable[[], bool] = lambda: True, before: bytes = b"") -> Step:
    """Return a step that opens a tunnel; it is reset at the first response while ``holds()`` is false."""

    def step(connection: socket.socket) -> bool:
        host, port = to.address.rpartition("//")[2].split(":")
        with socket.create_connection((host, int(port))) as far:
            connection.sendall(before + b"HTTP/1.1 200 Dug\r\n\r\n")
            while True:
                for end in select.select([connection, far], [], [], 20)[0]:
                    content = end.recv(65_536)
                    if not content:
                        return False
                    if end is far and not holds():
                        return Script.reset(connection)
                    (far if end is connection else connection).sendall(content)

    return step


def test_an_answer_through_a_proxy(proxy: Script) -> None:
    """The requests go to the proxy, with the complete URL and its own password."""
    proxy.on("results", proxy.answer(200, ROWS))
    with make(BEHIND) as client:
        assert client.ask("how many?").rows == 2
    assert [request.target.partition("?")[0] for request in proxy.requests] == [
        f"{BEHIND}/v1/auth/token",
        f"{BEHIND}/v1/dw/13/questions",
        f"{BEHIND}/v1/dw/13/questions/{QUESTION_ID}/results",
    ]
    assert {request.headers["proxy-authorization"][:6] for request in proxy.requests} == {"Basic "}


def test_the_environment_may_change(server: Script, proxy: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each question of a client goes by the proxy that is named at the time, or by none."""
    for script in (server, proxy):
        script.on("results", script.answer(200, ROWS))
    with make(server.address) as client:
        for named in ("", proxy.address, ""):
            monkeypatch.setenv("HTTP_PROXY", named)
            client.ask(f"by {named}?")
    assert (server.questions, proxy.questions) == (["by ?", "by ?"], [f"by {proxy.address}?"])


def test_a_proxy_over_tls(secured: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its certificate is verified like the server's."""
    monkeypatch.setenv("HTTP_PROXY", secured.address)
    with make(BEHIND) as client, pytest.raises(cf.ConnectionFailed, match="CERTIFICATE_VERIFY_FAILED"):
        client.ask("how many?")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(PEM))
    with make(BEHIND) as client:
        assert client.ask("how many?").rows == 2
    assert secured.questions == ["how many?"]


@pytest.mark.parametrize("end", ["reset", "close"])
def test_a_proxy_that_resets_after_a_question(proxy: Script, end: str) -> None:
    """It had received the question: SubmissionUncertain, and the question is not sent again."""
    proxy.on("ask", getattr(proxy, end))
    with make(BEHIND) as client, pytest.raises(cf.SubmissionUncertain):
        client.ask("how many?")
    assert proxy.questions == ["how many?"]


def test_plain_http_does_not_leave_the_machine(server: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    """A remote proxy could read the secret: an address on loopback is reached without the proxy."""
    server.on("results", server.answer(200, ROWS))
    for elsewhere in ("http://192.0.2.1:3128", "192.0.2.1:3128", "http://proxy.invalid"):
        monkeypatch.setenv("HTTP_PROXY", elsewhere)
        with make(server.address) as client:
            assert client.ask("how many?").rows == 2


def test_a_tunnel(proxy: Script, secured: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS from end to end: the proxy sees only the address to connect to."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(PEM))
    proxy.on("tunnel", tunnel(secured))
    with make(secured.address) as client:
        assert client.ask("how many?").rows == 2
    assert {(request.method, request.target) for request in proxy.requests} == {
        ("CONNECT", secured.address[8:])
    }
    assert secured.questions == ["how many?"]
    assert all("proxy-authorization" not in request.headers for request in secured.requests)


def test_an_untrusted_certificate_behind_a_tunnel(proxy: Script, secured: Script) -> None:
    """ConnectionFailed in phase tls, not proxy: the tunnel is open."""
    proxy.on("tunnel", tunnel(secured))
    with make(secured.address) as client, pytest.raises(cf.ConnectionFailed) as caught:
        client.ask("how many?")
    assert caught.value.phase == "tls"


def test_interim_responses_of_a_proxy(proxy: Script, secured: Script) -> None:
    """Before a tunnel is open, and before a forwarded response: skipped like the server's own."""
    early = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
    proxy.on("tunnel", tunnel(secured, before=early))
    with make(secured.address, ca_bundle=PEM) as client:
        assert client.ask("how many?").rows == 2
    proxy.on("results", proxy.around(proxy.answer(200, ROWS), before=early))
    with make(BEHIND) as client:
        assert client.ask("how many?").rows == 2
    assert (proxy.count("results"), proxy.count("ask"), secured.count("ask")) == (1, 1, 1)


def test_a_tunnel_that_is_reset_after_a_question(proxy: Script, secured: Script) -> None:
    """The API got it, and the proxy resets before the response arrives: SubmissionUncertain, sent once."""
    proxy.on("tunnel", tunnel(secured, holds=lambda: secured.count("ask") == 0))
    with make(secured.address, ca_bundle=PEM) as client, pytest.raises(cf.SubmissionUncertain):
        client.ask("how many?")
    assert secured.questions == ["how many?"]


def test_a_proxy_that_requires_a_password(proxy: Script, caplog: pytest.LogCaptureFixture) -> None:
    """CONNECT is answered by 407: ConfigError after one try, without the password."""
    caplog.set_level("DEBUG")
    proxy.on("tunnel", proxy.answer(407))
    with make("https://127.0.0.1:9") as client, pytest.raises(cf.ConfigError, match="407") as caught:
        client.ask("how many?")
    assert "HTTPS_PROXY" in str(caught.value)
    assert "canary-proxy" not in f"{caught.value!r}{vars(caught.value)}{caplog.text}"
    assert proxy.count("tunnel") == 1


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"HTTP/1.1 502 Bad\r\n\r\n", "Tunnel connection failed: 502 Bad"),
        (b"HTTP/1.1 403 canary-proxy is not allowed\r\n\r\n", r"failed: 403 \*\*\* is not allowed"),
        (b"HTTP/1.1 200 Dug\r\n\r\nand more", "more than an answer to CONNECT"),
    ],
    ids=["rejected", "its password in the reason", "more than a tunnel"],
)
def test_a_tunnel_that_is_not_opened(proxy: Script, answer: bytes, message: str) -> None:
    """ConnectionFailed in phase proxy with its name and the reason, after three tries."""
    proxy.on("tunnel", proxy.send_and_close(answer))
    with make("https://127.0.0.1:9") as client, pytest.raises(cf.ConnectionFailed, match=message) as caught:
        client.ask("how many?")
    assert (caught.value.host, caught.value.phase) == (proxy.address[7:], "proxy")
    assert "canary-proxy" not in str(caught.value)
    assert proxy.count("tunnel") == 3


@pytest.mark.slow
@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 Dug\r\nX: "])
def test_a_proxy_that_stops_responding(proxy: Script, begun: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within its response to CONNECT: ConnectionFailed in phase proxy; the collector finds no error."""
    unraisable: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    proxy.on("tunnel", proxy.send_and_hang(begun))
    with make("https://127.0.0.1:9") as client:
        for seconds in growing(0.3):
            with pytest.raises(cf.ConnectionFailed) as caught:
                client.ask("how many?", timeout=seconds)
            if proxy.count("tunnel"):
                break
    assert caught.value.phase == "proxy"
    assert "no answer in time" in str(caught.value)
    gc.collect()
    assert unraisable == []


@pytest.mark.parametrize("scheme", ["socks4", "socks5", "socks5h", "SOCKS5"])
def test_a_socks_proxy(server: Script, monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    """Its connections could not keep a deadline: ConfigError that says what to set; nothing is sent."""
    monkeypatch.setenv("ALL_PROXY", f"{scheme}://user:canary-proxy@{server.address[7:]}")
    with make("https://127.0.0.1:9") as client, pytest.raises(cf.ConfigError, match="SOCKS") as caught:
        client.ask("how many?")
    assert "NO_PROXY" in str(caught.value)
    assert "canary-proxy" not in str(caught.value)
    assert server.connections == 0
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server.on("results", server.answer(200, ROWS))
    with make(server.address) as client:
        assert client.ask("how many?").rows == 2


@cases(
    ("address", "named", "is_used"),
    [
        ("http://127.0.0.1:1", "http://127.0.0.1:9", True),
        ("http://127.0.0.1:1", "http://[::1]:9", True),
        ("http://127.0.0.1:1", "http://10.0.0.1:9", False),
        ("http://127.0.0.1:1", "http://[fd00::1]:9", False),
        ("https://api.test", "http://10.0.0.1:9", True),
    ],
)
def test_a_proxy_of_another_machine(
    address: str, named: str, is_used: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None carries plain HTTP, which is for this machine alone."""
    monkeypatch.setenv("ALL_PROXY", named)
    found = Transport(Settings(base_url=address), SYSTEM_CLOCK).proxies()
    assert (found.get("all") == named) is is_used


def test_a_user_without_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to mask in errors."""
    text = "user-of-the-proxy:canary-proxy"
    for named, shown in (("user-of-the-proxy", text), (text, "***")):
        monkeypatch.setenv("http_proxy", f"http://{named}@127.0.0.1:9")
        transport = Transport(Settings(base_url="http://127.0.0.1:1"), SYSTEM_CLOCK)
        transport.proxies()
        assert transport.redact(text) == shown
