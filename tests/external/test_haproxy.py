"""Behind haproxy: early hints, and requests that it rejects, queues or sends to another server."""

import socket
import ssl
import time
from contextlib import suppress
from typing import Any, Final

import pytest

import connecty_frames as cf
from connecty_frames.sandbox import Sandbox
from tests.external.conftest import DEAD, Make, Run
from tests.servers import programs
from tests.servers.programs import Program
from tests.servers.scripted import PEM, ROWS, Script, serve

pytestmark = programs.external_marks("haproxy")

TLS: Final = "ssl crt ../loopback.pem"
FRONT: Final = """
    frontend in
        bind 127.0.0.1:${port} ${tls}
        acl asks path_end /questions
        acl fetches path_end /results
        ${frontend}
        default_backend api
    backend api
        ${backend}
        server one ${api} ${one}
        ${others}
"""


@pytest.fixture
def front(run: Run) -> Run:
    """Start haproxy before a server; ``tls``, ``frontend``, ``backend``, ``one`` and ``others`` add to it."""

    def start(address: str, **given: str) -> Program:
        values = dict.fromkeys(("tls", "frontend", "backend", "one", "others"), "")
        return run("haproxy", FRONT, api=address.rpartition("/")[2], **values | given)

    return start


def test_early_hints(front: Run, make: Make, sandbox: Sandbox) -> None:
    """A 103 before each response, over TLS, on reused connections: each question gets its own table."""
    hint = 'http-request early-hint Link "</style.css>; rel=preload"'
    haproxy = front(sandbox.connection["base_url"], tls=TLS, frontend=hint, backend="http-reuse always")
    client = make(**{**sandbox.connection, **haproxy.secured})
    for number in range(3):
        assert client.ask_df(f"SELECT {number} AS hinted")["hinted"].tolist() == [number]
        assert sandbox.request_log.submissions()[f"SELECT {number} AS hinted"] == 1
    trusting = ssl.create_default_context(cafile=PEM)
    with (
        socket.create_connection(("127.0.0.1", haproxy.port)) as plain,
        trusting.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        connection.sendall(b"GET /v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 103 ")


@pytest.mark.parametrize("kind", ["ask", "results"])
def test_a_429(front: Run, make: Make, server: Script, kind: str) -> None:
    """The first is rejected for a second: it is sent again after that, and arrives once."""
    server.on("results", server.answer(200, ROWS))
    condition = "asks" if kind == "ask" else "fetches"
    rules = f"""
        stick-table type integer size 10 expire 1m store http_req_cnt
        http-request track-sc0 int(1) if {condition}
        http-request deny deny_status 429 hdr Retry-After 1 if {condition} {{ sc0_http_req_cnt le 1 }}
    """
    haproxy = front(server.address, frontend=rules)
    began = time.monotonic()
    assert make(base_url=haproxy.address).ask("how many?").rows == 2
    assert time.monotonic() - began >= 1.0
    assert (server.count("ask"), server.count("results")) == (1, 1)


class TestAnotherServer:
    """``option redispatch``: a request goes to the next server where the first cannot be connected to."""

    REDISPATCH: Final = "retries 2\n option redispatch 1\n timeout connect 200ms\n balance first"

    def test_a_question(self, front: Run, make: Make, server: Script) -> None:
        """Nothing listens at the first: one answer, and one question at the other."""
        server.on("results", server.answer(200, ROWS))
        others = f"server two {server.address[7:]}"
        haproxy = front(DEAD, backend=self.REDISPATCH, others=others)
        assert make(base_url=haproxy.address).ask("how many?").rows == 2
        assert server.questions == ["how many?"]

    def test_nothing_listens(self, front: Run, make: Make, server: Script) -> None:
        """A 503, which other servers send for requests that they have begun: SubmissionUncertain."""
        rule = "use_backend down if asks"
        others = f"backend down\n retries 1\n timeout connect 200ms\n server down {DEAD}"
        haproxy = front(server.address, frontend=rule, others=others)
        with pytest.raises(cf.SubmissionUncertain, match="answered 503"):
            make(base_url=haproxy.address).ask("how many?")
        assert server.questions == []

    @pytest.mark.parametrize("end", ["close", "reset"])
    def test_a_question_that_was_lost(self, front: Run, make: Make, server: Script, end: str) -> None:
        """The first got it: the other does not, and 502 is SubmissionUncertain."""
        server.on("ask", getattr(server, end))
        with serve() as other:
            haproxy = front(server.address, backend=self.REDISPATCH, others=f"server two {other.address[7:]}")
            with pytest.raises(cf.SubmissionUncertain, match="answered 502"):
                make(base_url=haproxy.address).ask("how many?")
            assert (server.count("ask"), other.count("ask")) == (1, 0)


class TestQueue:
    """The server accepts one request at a time, and others wait up to 100 ms in the queue."""

    QUEUE: Final = "timeout queue 100ms"

    def test_a_question(self, front: Run, make: Make, server: Script) -> None:
        """A 503 from the queue is like any other: SubmissionUncertain, though it never left haproxy."""
        haproxy = front(server.address, backend=self.QUEUE, one="maxconn 1")
        server.on("health", server.hang)
        client = make(base_url=haproxy.address)
        client.question("729cb7a4-4b06-449e-a3c9-df40f5e570b8").state()  # so that it has a token
        with socket.create_connection(("127.0.0.1", haproxy.port)) as busy:
            busy.sendall(b"GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n")
            while server.count("health") == 0:
                time.sleep(0.005)
            with pytest.raises(cf.SubmissionUncertain, match="answered 503"):
                client.ask("how many?")
        assert server.questions == []

    def test_a_fetch(self, front: Run, make: Make, server: Script) -> None:
        """It waits while the server is busy, then gets the table."""
        haproxy = front(server.address, backend=self.QUEUE, one="maxconn 1")
        server.on("health", server.delayed(0.6, server.answer(200, {})))
        server.on("results", server.answer(200, ROWS))
        client = make(base_url=haproxy.address)
        question = client.submit("how many?")
        with socket.create_connection(("127.0.0.1", haproxy.port)) as busy:
            busy.sendall(b"GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n")
            while server.count("health") == 0:
                time.sleep(0.005)
            assert question.result().rows == 2
        assert server.count("results") == 1


def test_connections_that_a_server_closes_unannounced(front: Run, make: Make, server: Script) -> None:
    """``http-reuse always`` sends questions on connections that may be closed: each arrives once at most."""

    def closing(step: Any) -> Any:
        return lambda connection: step(connection) and False

    server.on("ask", closing(server.answer(202, {"question_id": "729cb7a4-4b06-449e-a3c9-df40f5e570b8"})))
    server.on("results", closing(server.answer(200, ROWS)))
    haproxy = front(server.address, backend="http-reuse always")
    client = make(base_url=haproxy.address)
    asked = [f"{number}?" for number in range(30)]
    right = 0
    for question in asked:
        with suppress(cf.SubmissionUncertain):
            right += client.ask(question).rows == 2
    assert right > 0
    assert len(server.questions) == len(set(server.questions))


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_a_client_certificate_that_is_required(front: Run, make: Make, server: Script, version: str) -> None:
    """An alert ends TLS: ConnectionFailed that says so, and nothing arrives."""
    tls = f"{TLS} ca-file ../loopback.pem verify required ssl-min-ver {version} ssl-max-ver {version}"
    haproxy = front(server.address, tls=tls)
    with pytest.raises(cf.ConnectionFailed, match="client certificate") as caught:
        make(**haproxy.secured).ask("how many?")
    assert caught.value.phase == "tls"
    assert "client_id" not in str(caught.value)
    assert server.requests == []
