"""The scripted server of the tests does not answer a request of which only a part arrived."""

import socket

from tests.cases import cases
from tests.servers.scripted import RecordedRequest, Script, Step, serve


@cases("part", ["", "\r\n", '\r\n{"question":'])
def test_a_client_that_ends_in_the_middle_of_a_request(part: str) -> None:
    """A process may be killed after the headers, and its request is none then."""
    handled: list[RecordedRequest] = []

    def handle(request: RecordedRequest) -> Step:
        handled.append(request)
        return Script.answer(200, {})

    with serve() as script:
        script.handler = handle
        host, _, port = script.address.removeprefix("http://").rpartition(":")
        for sent in (part, '\r\n{"question":"why"}'):
            with socket.create_connection((host, int(port))) as connection:
                connection.sendall(f"POST /ask HTTP/1.1\r\nContent-Length: 18\r\n{sent}".encode())
                connection.shutdown(socket.SHUT_WR)
                connection.recv(1)  # the answer, or the end of the connection
    assert [request.body for request in handled] == [b'{"question":"why"}']
