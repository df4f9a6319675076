"""A client is created from settings, opens no connection until it is used, and shows no secret."""

import copy
import hashlib
import pickle
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from connecty_frames._base.text import SecretStr
from connecty_frames.client import Client
from connecty_frames.errors import ConfigError, ConnectionFailed, QuestionTimeout
from connecty_frames.options import AskOptions
from connecty_frames.question import Question
from tests.cases import cases
from tests.servers.scripted import ROWS
from tests.servers.timing import FakeClock

QUESTION_ID = "729cb7a4-4b06-449e-a3c9-df40f5e570b8"


def make(**settings: Any) -> Client:
    return Client("canary-client-id", client_secret="canary-secret", **settings)


def test_where_questions_go() -> None:
    """The address, the workspace of the client or of a call, and a hash of the client id."""
    hashed = hashlib.sha256(b"canary-client-id").hexdigest()[:32]
    with Client(
        "canary-client-id", client_secret=SecretStr("s"), base_url="https://api.test", dw_id=13
    ) as client:
        assert client.target() == {"base_url": "https://api.test", "dw_id": 13, "client": hashed}
        assert client.target(7)["dw_id"] == 7


def test_creating_a_client_opens_no_connection(server: Any) -> None:
    """Neither the constructor, nor re-attaching, nor any property or repr sends a request."""
    with make(base_url=server.address, dw_id=13) as client:
        question = client.question(QUESTION_ID)
        _ = (repr(client), repr(question), question.question_id, question.dw_id, question.question)
        assert question.asked_at is None
    assert server.requests == []


@cases("name", ["*", "\u2603", "[::1%"])
def test_a_host_without_a_valid_name(name: str) -> None:
    """ConfigError from the constructor that names the setting, whatever a library raises."""
    with pytest.raises(ConfigError, match="base_url") as caught:
        Client("id", client_secret="s", base_url=f"https://{name}.test", dw_id=13)
    assert caught.value.setting == "base_url"


def test_a_final_slash_of_the_address_is_ignored(server: Any) -> None:
    """The request is for /v1/health, without a double slash."""
    with make(base_url=f"{server.address}/") as client:
        assert client.health() is True
    assert [request.target for request in server.requests] == ["/v1/health"]


@pytest.mark.parametrize(
    ("status", "expected"), [(200, True), (204, False), (404, False), (500, False), (503, False)]
)
def test_health_is_200_and_nothing_else(server: Any, status: int, expected: bool) -> None:
    """The document says 200 means operational; one request, without a token, and no retry."""
    server.on("health", server.answer(status))
    with make(base_url=server.address) as client:
        assert client.health() is expected
    assert [request.target for request in server.requests] == ["/v1/health"]
    assert "authorization" not in server.requests[0].headers


def test_health_without_a_status(server: Any) -> None:
    """No listener is a ConnectionFailed, silence is False, a redirect a ConfigError."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed_port = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(ConnectionFailed):
        make(base_url=closed_port).health()
    server.on("health", server.answer(302, Location="https://login.test/"), server.hang)
    with pytest.raises(ConfigError, match=r"login\.test"):
        make(base_url=server.address).health()
    assert make(base_url=server.address).health(timeout=0.2) is False


def test_a_call_names_its_own_workspace(server: Any, client: Client) -> None:
    """dw_id= of the call takes precedence over the client's, and engine= chooses the frame."""
    server.on("results", server.answer(200, ROWS))
    for engine, frame in (("pandas", pd.DataFrame), ("polars", pl.DataFrame), ("pyarrow", pa.Table)):
        assert type(client.ask_df("how many?", dw_id=7, engine=engine)) is frame  # type: ignore[call-overload]
    query = "include=dataframe,statistics,sqlquery,summary&max_rows=1000"
    assert [request.target for request in server.requests if "/dw/" in request.target] == [
        "/v1/dw/7/questions",
        f"/v1/dw/7/questions/{QUESTION_ID}/results?{query}",
    ] * 3


def test_the_acceptance_is_reported(server: Any, client: Client) -> None:
    """accepted= is called once, with the question, before its answer is asked for."""
    server.on("results", server.answer(200, ROWS))
    reported: list[tuple[str, int, str | None, int]] = []

    def accepted(question: Question) -> None:
        reported.append((question.question_id, question.dw_id, question.question, server.count("results")))

    assert client.call("how many?", AskOptions()).answer(accepted=accepted).rows == 2
    assert reported == [(QUESTION_ID, 13, "how many?", 0)]


def test_the_acceptance_callback_counts_towards_the_deadline(server: Any, clock: FakeClock) -> None:
    """timeout= covers the whole call, the callback included."""
    with (
        make(base_url=server.address, dw_id=13, clock=clock) as client,
        pytest.raises(QuestionTimeout) as caught,
    ):
        client.call("how many?", AskOptions(timeout=10)).answer(accepted=lambda _: clock.sleep(11))
    assert caught.value.question_id == QUESTION_ID
    assert server.count("results") == 0


def test_the_acceptance_callback_may_fail(server: Any, client: Client) -> None:
    """Its exception is raised, with the id and the line that resumes as its note."""

    def fail(_question: object) -> None:
        raise ZeroDivisionError("in the caller's own code")

    with pytest.raises(ZeroDivisionError) as caught:
        client.call("how many?", AskOptions()).answer(accepted=fail)
    (note,) = caught.value.__notes__
    assert note == (
        f"Question {QUESTION_ID} may still be running; to fetch its answer without asking again: "
        f'cf.fetch("{QUESTION_ID}", dw_id=13)'
    )
    assert server.questions == ["how many?"]


def test_a_closed_client_says_so(server: Any) -> None:
    """ConfigError once its ``with`` block ends; nothing is sent. Closing it again does no harm."""
    with make(base_url=server.address, dw_id=13) as client:
        pass
    with pytest.raises(ConfigError, match="closed"):
        client.submit("how many?")
    client.close()
    client.close()
    assert server.requests == []


def test_a_closed_client_keeps_no_connection(server: Any) -> None:
    """The server sees the end of each, although the client still exists."""
    with make(base_url=server.address, dw_id=13) as client:
        client.question(QUESTION_ID).state()
        assert server.open
    until = time.monotonic() + 20
    while server.open:
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize("copied", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_client_is_not_copied(client: Client, copied: Callable[[Any], Any]) -> None:
    """A TypeError that says why, for pickle and copy alike."""
    with pytest.raises(TypeError, match="A Client cannot be pickled"):
        copied(client)


def test_a_wrong_question_is_reported_before_a_missing_workspace() -> None:
    """Both are wrong: the error is about the question."""
    with (
        Client("id", client_secret="s3cr3t") as client,
        pytest.raises(ConfigError, match="question is blank"),
    ):
        client.ask(" ")


def test_a_client_that_records_elsewhere(tmp_path: Path) -> None:
    """The client that it was made from keeps its own history."""
    with make(history=tmp_path / "own.db") as client:
        other = client.recording_in(tmp_path / "batch.db")
        assert (client.history.place, other.history.place) == (  # type: ignore[union-attr]
            str(tmp_path / "own.db"),
            str(tmp_path / "batch.db"),
        )
        other.history.close()  # type: ignore[union-attr]
