"""Connections that cannot be made or were lost: every function reports that nothing was sent."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

import connecty_frames as cf
from connecty_frames.client import Client
from tests.cases import cases
from tests.servers.clients import make
from tests.servers.scripted import QUESTION_ID, TOKEN, Script, serve
from tests.servers.timing import raising, until, within

FUNCTIONS: dict[str, Callable[[Client], object]] = {
    "ask": lambda client: cf.ask("how many?", client=client),
    "ask_df": lambda client: cf.ask_df("how many?", client=client),
    "read_connecty": lambda client: cf.read_connecty("how many?", client),
    "submit": lambda client: client.submit("how many?"),
    "state": lambda client: client.question(QUESTION_ID).state(),
    "result": lambda client: client.question(QUESTION_ID).result(),
    "health": lambda client: client.health(),
}


@pytest.fixture
def closed_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def silent_address() -> Iterator[str]:
    """Return an address that neither accepts nor refuses connections, since its backlog is full."""
    if sys.platform != "linux":
        pytest.skip("another system may refuse what does not fit into its queue")
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(listener.getsockname())
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def test_an_alarm(silent_address: str) -> None:
    """What its handler raises reaches the caller, although connecting may raise the same."""
    with raising(TimeoutError, signal.SIGALRM), make(f"http://{silent_address}", timeout=9) as client:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(TimeoutError) as caught:
            client.ask("how many?")
    assert type(caught.value) is TimeoutError


@pytest.mark.parametrize("verb", FUNCTIONS)
def test_nothing_listens(closed_address: str, verb: str) -> None:
    """Refused: ConnectionFailed with host and phase, from every function."""
    with (
        make(f"http://{closed_address}") as client,
        pytest.raises(cf.ConnectionFailed, match="nothing was sent") as caught,
    ):
        FUNCTIONS[verb](client)
    assert (caught.value.host, caught.value.phase) == (closed_address, "connect")


@pytest.mark.parametrize("verb", FUNCTIONS)
def test_an_unknown_host_name(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lookup that fails: ConnectionFailed in phase resolve, after three lookups at most."""
    looked: list[str] = []

    def unknown(host: str, *_: Any, **__: Any) -> Any:
        looked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with make("https://api.nowhere.example") as client, pytest.raises(cf.ConnectionFailed) as caught:
        FUNCTIONS[verb](client)
    assert (caught.value.host, caught.value.phase) == ("api.nowhere.example:443", "resolve")
    assert looked == ["api.nowhere.example"] * (1 if verb == "health" else 3)


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["ask_df", "submit", "state"])
def test_a_connection_that_is_never_established(silent_address: str, verb: str) -> None:
    """A connection that is never established: ConnectionFailed at the deadline."""
    with (
        make(f"http://{silent_address}", timeout=0.5) as client,
        within(0.5),
        pytest.raises(cf.ConnectionFailed) as caught,
    ):
        FUNCTIONS[verb](client)
    assert (caught.value.host, caught.value.phase) == (silent_address, "connect")


def test_a_server_that_stops_between_token_and_question() -> None:
    """The token arrived, then nothing listens: ConnectionFailed, and the question was definitely not sent."""
    with serve() as server:
        client = make(server.address)
        client.question(QUESTION_ID).state()
    with client, pytest.raises(cf.ConnectionFailed):
        client.submit("how many?")
    assert server.count("ask") == 0


def test_a_localhost_whose_first_address_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens on ::1: the answer comes from 127.0.0.1."""
    with serve() as server:
        port = int(server.address.rpartition(":")[2])
        addresses = [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
        with make(f"http://localhost:{port}") as client:
            assert client.submit("how many?").question_id == QUESTION_ID
    assert server.questions == ["how many?"]


@cases(
    ("address", "host"),
    [
        ("[::1]:1", "[::1]:1"),
        ("[::1%25lo]:1", "[::1%lo]:1"),
        ("[::1%lo]:1", "[::1%lo]:1"),
        ("[::1%25Lo]:1", "[::1%Lo]:1"),
        ("host%25x.invalid:1", "host%25x.invalid:1"),  # not of IPv6, so without a zone
    ],
)
def test_an_ipv6_address_stands_in_brackets(address: str, host: str) -> None:
    """Its zone is not escaped in messages, and no proxy is blamed where there is none."""
    with make(f"https://{address}") as client, pytest.raises(cf.ConnectionFailed) as raised:
        client.health()
    assert str(raised.value).startswith(f"No connection to {host} (")
    assert raised.value.host == host
    assert raised.value.phase in {"resolve", "connect"}  # Linux resolves ::1 in no zone


@pytest.mark.parametrize("proxy", ["http://[::1]:1", "http://127.0.0.1:1"])
def test_a_proxy_on_ipv6(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is blamed where there is one, also to reach an address of IPv6."""
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with make("https://[::2]:1") as client, pytest.raises(cf.ConnectionFailed) as raised:
        client.health()
    assert (raised.value.phase, raised.value.host) == ("proxy", proxy.removeprefix("http://"))


def test_a_server_on_ipv6_alone() -> None:
    """An address in brackets works like any other."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with serve("::1") as server, make(server.address) as client:
        assert client.submit("how many?").question_id == QUESTION_ID
    assert server.questions == ["how many?"]


def exit_code_of_child(client: Client) -> int:
    """Let a forked child look at a question by the client: 0 if its state is PENDING."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if client.question(QUESTION_ID).state() == "PENDING" else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_connections_of_its_own(server: Any, client: Client) -> None:
    """Parent and child continue with the same client and token, over different connections."""
    client.question(QUESTION_ID).state()
    assert exit_code_of_child(client) == 0
    client.question(QUESTION_ID).state()
    connections = [request.connection for request in server.requests if "/results" in request.target]
    assert connections == [2, 3, 2]  # the first was for the token
    assert server.count("token") == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_that_is_forked_while_a_thread_gets_a_token(server: Script, client: Client) -> None:
    """The child gets a token itself, at once: no thread of it would ever release the lock."""
    released = threading.Event()
    server.on("token", server.held(released, server.answer(200, TOKEN)), server.answer(200, TOKEN))
    thread = threading.Thread(target=client.question(QUESTION_ID).state)
    thread.start()
    until(lambda: server.requests)
    code = exit_code_of_child(client)
    released.set()
    thread.join()
    assert code == 0
    assert server.count("token") == 2
