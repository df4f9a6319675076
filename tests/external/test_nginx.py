"""Behind nginx: what it compresses, buffers, rejects or loses, and which requests it repeats itself."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest

import connecty_frames as cf
from connecty_frames.sandbox import Sandbox
from tests.external.conftest import DEAD, Make, Run
from tests.servers import programs
from tests.servers.programs import Program
from tests.servers.scripted import ROWS, Script, serve

pytestmark = programs.external_marks("nginx")

FRONT: Final = """
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host 127.0.0.1;
    ${http}
    server {
        listen 127.0.0.1:${port} ${tls};
        ssl_certificate ../loopback.pem;
        ssl_certificate_key ../loopback.pem;
        location / { proxy_pass http://${api}; }
        location ~ /questions$$ { proxy_pass http://${asked}; ${ask} }
    }
"""


@pytest.fixture
def front(run: Run) -> Run:
    """Start nginx before a server; ``http``, ``tls`` and ``ask`` add to its configuration."""

    def start(address: str, **given: str) -> Program:
        api = address.rpartition("/")[2]
        values = {"api": api, "asked": api, "http": "", "tls": "", "ask": ""}
        return run("nginx", FRONT, **values | given)

    return start


@pytest.fixture
def other() -> Iterator[Script]:
    with serve() as script:
        yield script


def posts(nginx: Program) -> list[str]:
    """Stop nginx, and return the questions in its log: the statuses, its own and the server's."""
    nginx.stop()
    return [" ".join(line.split()[2:4]) for line in nginx.log().splitlines() if "/questions " in line]


def test_tls_and_gzip(front: Run, make: Make, sandbox: Sandbox) -> None:
    """Tables arrive complete, compressed, over TLS, on connections that nginx closes after two requests."""
    http = "gzip on; gzip_types application/json; keepalive_requests 2;"
    nginx = front(sandbox.connection["base_url"], http=http, tls="ssl")
    client = make(**{**sandbox.connection, **nginx.secured})
    for number in range(3):
        frame = client.ask_df(f"SELECT {number} AS n, i FROM range(500) AS t(i) ORDER BY i")
        assert frame["n"].tolist() == [number] * 500
        assert frame["i"].tolist() == list(range(500))
    nginx.stop()
    assert nginx.log().endswith("/results 200 200 gzip -\n")


@pytest.mark.parametrize("end", ["close", "reset", "hang"])
def test_a_server_that_loses_a_question(front: Run, make: Make, server: Script, end: str) -> None:
    """A 502, or 504 after nginx's own timeout: SubmissionUncertain, and one question arrived."""
    server.on("ask", getattr(server, end))
    nginx = front(server.address, ask="proxy_read_timeout 1s;")
    status = "504" if end == "hang" else "502"
    with pytest.raises(cf.SubmissionUncertain, match=f"answered {status}"):
        make(base_url=nginx.address).ask("how many?")
    assert server.questions == ["how many?"]
    assert posts(nginx) == [f"{status} {status}"]


def test_a_server_that_is_down(front: Run, make: Make, server: Script) -> None:
    """A 502 does not say whether the question arrived: SubmissionUncertain, and nginx got it once."""
    nginx = front(server.address, asked=DEAD)
    with pytest.raises(cf.SubmissionUncertain, match="answered 502"):
        make(base_url=nginx.address).ask("how many?")
    assert posts(nginx) == ["502 502"]


@pytest.mark.parametrize("end", ["close", "reset", "hang"])
def test_a_server_that_loses_a_fetch(front: Run, make: Make, server: Script, end: str) -> None:
    """After a 502 and a 504 of nginx, the third request returns the table."""
    lose = getattr(server, end)
    server.on("results", lose, lose, server.answer(200, ROWS))
    nginx = front(server.address, http="proxy_read_timeout 1s;")
    assert make(base_url=nginx.address).ask("how many?").rows == 2
    assert (server.count("ask"), server.count("results")) == (1, 3)


class TestTwoServers:
    """nginx passes a request on to the next server, but a question only where none got it."""

    @pytest.fixture
    def nginx(self, front: Run, server: Script, other: Script) -> Program:
        hosts = [script.address[7:] for script in (server, other)]
        upstream = f"upstream both {{ server {hosts[0]}; server {hosts[1]} backup; }}"
        return front("both", http=upstream)

    def test_a_question(self, nginx: Program, make: Make, server: Script, other: Script) -> None:
        """The first server got it and closed the connection: the other does not get it."""
        server.on("ask", server.close)
        with pytest.raises(cf.SubmissionUncertain, match="answered 502"):
            make(base_url=nginx.address).ask("how many?")
        assert (server.count("ask"), other.count("ask")) == (1, 0)

    def test_a_fetch(self, nginx: Program, make: Make, server: Script, other: Script) -> None:
        """A token request starts nothing, and the other server answers it."""
        server.on("results", server.close)
        other.on("results", other.answer(200, ROWS))
        assert make(base_url=nginx.address).ask("how many?").rows == 2
        assert (server.count("results"), other.count("results")) == (1, 1)

    def test_a_question_that_the_first_server_cannot_get(
        self, front: Run, make: Make, server: Script
    ) -> None:
        """Nothing listens there, and the other server gets the question: one answer, one question."""
        server.on("results", server.answer(200, ROWS))
        hosts = f"server {DEAD}; server {server.address[7:]} backup;"
        nginx = front("both", http=f"upstream both {{ {hosts} }}")
        assert make(base_url=nginx.address).ask("how many?").rows == 2
        assert server.questions == ["how many?"]


class TestLimitedRequests:
    """``limit_req`` rejects questions that follow another too soon."""

    HTTP: Final = "limit_req_zone $binary_remote_addr zone=asks:32k rate={}; limit_req_status {};"

    def test_by_429(self, front: Run, make: Make, server: Script) -> None:
        """Nothing was started: it is sent again until nginx accepts it, and arrives once."""
        server.on("results", server.answer(200, ROWS))
        nginx = front(server.address, http=self.HTTP.format("1r/s", 429), ask="limit_req zone=asks;")
        client = make(base_url=nginx.address, random=lambda: 1.0)
        assert [client.ask(f"{number}?").rows for number in range(2)] == [2, 2]
        assert server.questions == ["0?", "1?"]
        assert "429 -" in posts(nginx)

    def test_by_503(self, front: Run, make: Make, server: Script) -> None:
        """The default of nginx, which others send for requests that they have begun: SubmissionUncertain."""
        nginx = front(server.address, http=self.HTTP.format("1r/m", 503), ask="limit_req zone=asks;")
        client = make(base_url=nginx.address)
        client.submit("0?")
        with pytest.raises(cf.SubmissionUncertain, match="answered 503"):
            client.submit("1?")
        assert server.questions == ["0?"]


@pytest.mark.parametrize("tls", ["", "ssl"])
@pytest.mark.parametrize("length", [2_000, 20_000_000])
def test_a_question_that_is_too_long(front: Run, make: Make, server: Script, length: int, tls: str) -> None:
    """A 413 arrives while the rest is being sent: an APIError that says so; nothing arrives at the server."""
    nginx = front(server.address, http="client_max_body_size 1k;", tls=tls)
    client = make(**nginx.secured if tls else {"base_url": nginx.address})
    with pytest.raises(cf.APIError, match="Request Entity Too Large") as caught:
        client.ask("x" * length)
    assert (type(caught.value), caught.value.status) == (cf.APIError, 413)
    assert server.questions == []
    assert nginx.output().count("client intended to send too large body") == 1


def test_bodies_that_are_buffered_in_files(front: Run, make: Make, server: Script) -> None:
    """A long question and a long answer, which exceed nginx's buffers, arrive unchanged."""
    rows = [["n"], *([number] for number in range(200_000))]
    server.on("results", server.answer(200, {"state": "COMPLETED", "results": {"dataframe": rows}}))
    http = (
        "client_body_buffer_size 1k; client_max_body_size 0; proxy_buffers 2 4k; proxy_busy_buffers_size 4k;"
    )
    nginx = front(server.address, http=f"{http} proxy_buffer_size 4k;")
    long = "how many? " * 50_000
    frame = make(base_url=nginx.address).ask_df(long, max_rows=300_000)
    assert frame["n"].tolist() == list(range(200_000))
    assert server.questions == [long]
    assert "a client request body is buffered to a temporary file" in nginx.output()


class TestTruncatedAnswers:
    """The server closes the connection within its response."""

    WHOLE: Final = b'{"state": "COMPLETED", "results": {"dataframe": [["n"], [1], [2]]}}'

    @pytest.mark.parametrize("http", ["", "gzip on; gzip_types application/json; gzip_min_length 1;"])
    @pytest.mark.parametrize(
        "head", ["Content-Length: 67\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n43\r\n", "\r\n"]
    )
    def test_a_fetch(self, front: Run, make: Make, server: Script, head: str, http: str) -> None:
        """It is fetched again, also where nginx makes it look complete: without a length."""
        start = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{head}".encode()
        cut = server.send_and_close(start + self.WHOLE[:-20])
        server.on("results", cut, cut, server.answer(200, ROWS))
        nginx = front(server.address, http=http)
        assert make(base_url=nginx.address).ask("how many?").rows == 2
        assert (server.count("ask"), server.count("results")) == (1, 3)

    def test_a_question(self, front: Run, make: Make, server: Script) -> None:
        """Without a length the part looks complete, but is not JSON: SubmissionUncertain, sent once."""
        head = b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\n\r\n"
        server.on("ask", server.send_and_close(head + b'{"question_id": "729cb7a4-4b06'))
        nginx = front(server.address)
        with pytest.raises(cf.SubmissionUncertain, match="without a question_id"):
            make(base_url=nginx.address).ask("how many?")
        assert server.questions == ["how many?"]


def test_http_to_a_port_of_tls(front: Run, make: Make, server: Script) -> None:
    """A 400: the error repeats the reason, and does not mention credentials."""
    nginx = front(server.address, tls="ssl")
    with pytest.raises(cf.AuthError, match=r"plain HTTP request was sent to HTTPS port.*base_url") as caught:
        make(base_url=nginx.address).ask("how many?")
    assert "client_id" not in str(caught.value)


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_a_client_certificate_that_is_required(front: Run, make: Make, server: Script, version: str) -> None:
    """A page says so, after the handshake: ConnectionFailed, and nothing arrives."""
    http = f"ssl_protocols {version}; ssl_verify_client on; ssl_client_certificate ../loopback.pem;"
    nginx = front(server.address, http=http, tls="ssl")
    with pytest.raises(cf.ConnectionFailed, match="requires a client certificate") as caught:
        make(**nginx.secured).ask("how many?")
    assert caught.value.phase == "tls"
    assert server.requests == []


@pytest.mark.slow
def test_a_configuration_that_is_read_again(front: Run, make: Make, sandbox: Sandbox) -> None:
    """Its worker is replaced repeatedly during 40 questions: all are right, each asked once."""
    nginx = front(sandbox.connection["base_url"], tls="ssl")
    client = make(**{**sandbox.connection, **nginx.secured}, timeout=30)
    over = threading.Event()

    def reload() -> int:
        times = 0
        while not over.wait(0.1):
            nginx.reload()
            times += 1
        return times

    asked = [f"SELECT {number} AS reloaded" for number in range(40)]
    with ThreadPoolExecutor(9) as pool:
        reloading = pool.submit(reload)
        answers = list(pool.map(client.ask, asked))
        over.set()
    assert [answer.table["reloaded"].to_pylist() for answer in answers] == [[number] for number in range(40)]
    submissions = sandbox.request_log.submissions()
    assert [submissions[question] for question in asked] == [1] * 40
    assert reloading.result() > 5
    # A busy nginx takes several signals for one.
    assert nginx.output().count("gracefully shutting down") > 1
