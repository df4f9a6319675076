"""Through squid: tunnels by CONNECT with a password, and requests without TLS, which it forwards itself."""

from typing import Any

import pytest

import connecty_frames as cf
from connecty_frames.sandbox import Sandbox
from tests.external.conftest import Make, Run
from tests.servers import programs
from tests.servers.programs import Program
from tests.servers.scripted import PEM, ROWS, Script

pytestmark = programs.external_marks("squid")

WITH_TLS = """
    server {
        listen 127.0.0.1:${port} ssl;
        ssl_certificate ../loopback.pem;
        ssl_certificate_key ../loopback.pem;
        location / { proxy_pass ${api}; }
    }
"""


@pytest.fixture
def proxy(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Start squid and send all requests through it; by default it requires a password and gets it."""

    def start(
        config: str = programs.PASSWORD_REQUIRED, user: str = f"{programs.USER}:{programs.PASSWORD}@"
    ) -> Program:
        squid = run("squid", config)
        for name in ("HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://{user}127.0.0.1:{squid.port}")
        return squid

    return start


@pytest.mark.slow
@pytest.mark.skipif(bool(programs.missing("nginx")), reason="there is no nginx: apt-get install nginx")
def test_a_tunnel(run: Run, proxy: Run, make: Make, sandbox: Sandbox) -> None:
    """With the right password, to nginx before a sandbox: each question gets its table, all by CONNECT."""
    nginx = run("nginx", WITH_TLS, api=sandbox.connection["base_url"])
    squid = proxy()
    client = make(**{**sandbox.connection, **nginx.secured})
    for number in range(3):
        assert client.ask_df(f"SELECT {number} AS tunnelled")["tunnelled"].tolist() == [number]
    client.close()
    squid.stop()
    tunnels = [line.split() for line in squid.log().splitlines() if " CONNECT " in line]
    assert {(target, user) for *_, target, user, _, _ in tunnels} == {
        (f"127.0.0.1:{nginx.port}", programs.USER)
    }


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("user", [f"{programs.USER}:canary-wrong@", ""])
def test_a_wrong_password(
    proxy: Run, make: Make, server: Script, caplog: pytest.LogCaptureFixture, *, user: str, scheme: str
) -> None:
    """Wrong or missing: ConfigError that says what to check, without the password; nothing arrives."""
    caplog.set_level("DEBUG")
    proxy(user=user)
    with pytest.raises(cf.ConfigError, match="407") as caught:
        make(base_url=server.address.replace("http", scheme)).ask("how many?")
    assert "HTTPS_PROXY" in str(caught.value)
    assert "canary-wrong" not in f"{caught.value!r}{vars(caught.value)}{caplog.text}"
    assert server.requests == []


def test_a_tunnel_that_is_not_allowed(proxy: Run, make: Make, secured: Script) -> None:
    """A rule of squid forbids the port: ConnectionFailed in phase proxy with its 403; nothing arrives."""
    squid = proxy("acl high port 1024-65535\nhttp_access deny high", "")
    with pytest.raises(cf.ConnectionFailed, match="403 Forbidden") as caught:
        make(base_url=secured.address, ca_bundle=PEM).ask("how many?")
    assert (caught.value.host, caught.value.phase) == (f"127.0.0.1:{squid.port}", "proxy")
    assert secured.connections == 0


def test_a_tunnel_to_a_closed_port(proxy: Run, make: Make) -> None:
    """Nothing listens behind squid, which sends 503: ConnectionFailed in phase proxy."""
    squid = proxy()
    with pytest.raises(cf.ConnectionFailed, match="503 Service Unavailable") as caught:
        make(base_url="https://127.0.0.1:9").ask("how many?")
    assert (caught.value.host, caught.value.phase) == (f"127.0.0.1:{squid.port}", "proxy")


def test_a_squid_that_is_killed_with_a_question(proxy: Run, make: Make, secured: Script) -> None:
    """The API got it and the tunnel was closed: SubmissionUncertain, sent once."""
    squid = proxy()

    def kill(_: Any) -> bool:
        squid.kill()
        return False

    secured.on("ask", kill)
    with pytest.raises(cf.SubmissionUncertain):
        make(base_url=secured.address, ca_bundle=PEM).ask("how many?")
    assert secured.questions == ["how many?"]


def test_a_squid_that_is_restarted_while_one_waits(proxy: Run, make: Make, secured: Script) -> None:
    """The tunnel was closed, and another is opened: the table arrives, of a question that was asked once."""
    squid = proxy()

    def restart(_: Any) -> bool:
        squid.kill()
        squid.start()
        return False

    secured.on("results", restart, secured.answer(200, ROWS))
    client = make(base_url=secured.address, ca_bundle=PEM, random=lambda: 1.0)
    assert client.ask("how many?").rows == 2
    assert (secured.count("ask"), secured.count("results")) == (1, 2)


class TestPlainHTTP:
    """Squid reads the requests and forwards them as its own."""

    def test_an_answer(self, proxy: Run, make: Make, server: Script) -> None:
        """Only squid gets its password: the API gets no ``Proxy-Authorization``."""
        server.on("results", server.answer(200, ROWS))
        proxy()
        assert make(base_url=server.address).ask("how many?").rows == 2
        assert [request.headers.get("proxy-authorization") for request in server.requests] == [None] * 3
        assert {request.headers["via"].partition(" (")[0] for request in server.requests} == {
            "1.1 squid.test"
        }

    @pytest.mark.parametrize("end", ["close", "reset"])
    def test_a_question_that_is_lost(self, proxy: Run, make: Make, server: Script, end: str) -> None:
        """The API got it and closed the connection: SubmissionUncertain; squid does not repeat it either."""
        server.on("ask", getattr(server, end))
        proxy()
        with pytest.raises(cf.SubmissionUncertain, match=r"answered 50[23]"):
            make(base_url=server.address).ask("how many?")
        assert server.questions == ["how many?"]

    def test_an_address_that_is_not_allowed(self, proxy: Run, make: Make, server: Script) -> None:
        """The error page is not from the API: the error does not mention credentials."""
        proxy("http_access deny all", "")
        with pytest.raises(cf.AuthError, match="403") as caught:
            make(base_url=server.address).ask("how many?")
        assert "client_secret" not in str(caught.value)
        assert server.requests == []
