"""States and failures of a question: the id is kept, and the details are reported."""

import pickle
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest

import connecty_frames as cf
from connecty_frames.client import Client
from tests.servers.scripted import QUESTION_ID, ROWS, Script


@pytest.mark.parametrize(
    ("states", "message"),
    [
        (["WAITING", "WAITING", "WAITING"], "which is not in the API document"),
        (["IN_PROGRESS", "PENDING", "PENDING"], "after a later one"),
    ],
)
def test_an_unexpected_state(
    server: Script, fake_clock_client: Client, states: list[str], message: str
) -> None:
    """Unknown, or an earlier one: polling continues with one warning; then the rows."""
    answers = [*({"state": state} for state in states), ROWS]
    server.on("results", *(server.answer(200, answer) for answer in answers))
    with pytest.warns(cf.UnknownStateWarning, match=message) as warned:
        assert fake_clock_client.ask("how many?").rows == 2
    assert len(warned) == 1
    assert (server.count("results"), server.count("ask")) == (4, 1)


def test_a_question_that_is_not_there_yet(server: Script, fake_clock_client: Client) -> None:
    """404 right after acceptance: polling continues."""
    server.on("results", server.answer(404), server.answer(404), server.answer(200, ROWS))
    assert fake_clock_client.ask("how many?").rows == 2
    assert server.questions == ["how many?"]


def test_a_question_that_is_never_there(server: Script, fake_clock_client: Client, clock: Any) -> None:
    """404 for thirty seconds: NotFoundError with the id."""
    server.on("results", server.answer(404))
    with pytest.raises(cf.NotFoundError) as caught:
        fake_clock_client.ask("how many?")
    assert caught.value.question_id == QUESTION_ID
    assert 1030.0 <= clock.at <= 1034.0
    assert server.questions == ["how many?"]


def test_a_question_that_failed(server: Script, fake_clock_client: Client) -> None:
    """QuestionFailed with id, question, time, and all details, SQL included."""
    response = {"state": "FAILED", "error": "no such table \x1b[2J", "results": {"sql_query": "SELECT x"}}
    server.on("results", server.answer(200, response))
    with pytest.raises(cf.QuestionFailed) as caught:
        fake_clock_client.ask("how many?")
    error = caught.value
    assert (error.question_id, error.question, error.state) == (QUESTION_ID, "how many?", "FAILED")
    assert error.details == {"error": "no such table \x1b[2J", "sql_query": "SELECT x"}
    assert error.asked_at is not None
    assert str(error) == (
        "The question 'how many?' failed. The server says: error: no such table \\x1b[2J; "
        "sql_query: SELECT x. Rephrase the question, or ask again if the server failed."
    )
    assert server.count("results") == 1


@pytest.mark.parametrize("results", [{}, {"dataframe": None}, {"response_summary": "There is none."}])
def test_an_answer_without_a_table(server: Script, fake_clock_client: Client, results: Any) -> None:
    """``ask`` returns it, ``ask_df`` raises NoTableError with the summary and the id."""
    server.on("results", server.answer(200, {"state": "COMPLETED", "results": results}))
    answer = fake_clock_client.ask("how many?")
    assert answer.table is None
    with pytest.raises(cf.NoTableError) as caught:
        fake_clock_client.ask_df("how many?")
    assert caught.value.question_id == QUESTION_ID
    assert caught.value.response_summary == (results or {}).get("response_summary")


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
def test_a_frame_that_cannot_be_made(
    server: Script, fake_clock_client: Client, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No memory, or Ctrl-C, while the frame is made: the note has the id."""
    monkeypatch.setattr("connecty_frames.frames.pandas.to_pandas", mock.Mock(side_effect=error))
    server.on("results", server.answer(200, ROWS))
    with pytest.raises(error) as caught:
        fake_clock_client.ask_df("how many?")
    assert caught.value.__notes__ == [
        f'cf.fetch("{QUESTION_ID}", dw_id=13) fetches the answer without asking again.'
    ]


def divide(_step: object) -> None:
    raise ZeroDivisionError


def time_out(_step: object) -> None:
    raise cf.QuestionTimeout("Enough.")


def misuse(_step: object) -> None:
    """Let this package raise an error that has nothing to do with the question."""
    cf.fetch("a/b")


@pytest.mark.parametrize(
    ("fail", "error"), [(divide, ZeroDivisionError), (time_out, cf.QuestionTimeout), (misuse, cf.ConfigError)]
)
def test_a_progress_callable_that_raises(
    server: Script, fake_clock_client: Client, fail: Callable[[object], None], error: type[Exception]
) -> None:
    """Its exception is raised with the id as a note; the answer can still be fetched."""
    server.on("results", server.answer(200, {"state": "PENDING"}), server.answer(200, ROWS))
    with pytest.raises(error) as caught:
        fake_clock_client.ask("how many?", progress=fail)
    (note,) = caught.value.__notes__
    assert getattr(caught.value, "question_id", None) is None
    assert f'cf.fetch("{QUESTION_ID}", dw_id=13)' in note
    assert fake_clock_client.question(QUESTION_ID).result().rows == 2
    assert server.questions == ["how many?"]


def failed(*fields: bytes) -> bytes:
    return b'{"state": "FAILED", ' + b", ".join(fields) + b"}"


#: Bodies, made when they are needed, since some are large.
HOSTILE: dict[str, Callable[[], bytes]] = {
    "half a character": lambda: failed(
        b'"error": "no \\ud800 table"', b'"half \\udc00": {"\\ud800": ["\\ud800"]}'
    ),
    "a million fields": lambda: failed(*(b'"field %d": "x"' % number for number in range(1_000_000))),
    "a million values": lambda: failed(
        b'"errors": [%s]' % b", ".join([b'"x"'] * 1_000_000), b'"message": "why"'
    ),
    "100 MB": lambda: failed(b'"error": "%s"' % (b"no table. " * 10_000_000), b'"message": "why"'),
    "long names": lambda: failed(*(b'"%d%s": 1' % (number, b"n" * 10_000) for number in range(100))),
    "many small fields": lambda: failed(*(b'"%x": ""' % number for number in range(1000))),
    "wide characters": lambda: failed(*(b'"f%d": "%s"' % (n, "🦊".encode() * 900) for n in range(9))),
}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("half a character", r"error: no \ud800 table; half \udc00: {'\\ud800': ['\\ud800']}."),
        pytest.param("a million fields", "and 999,", marks=pytest.mark.slow),
        ("a million values", "message: why"),
        pytest.param("100 MB", "message: why", marks=pytest.mark.slow),
        ("long names", "nnn"),
        ("many small fields", "1d2: ; and 533 more"),
        ("wide characters", "🦊"),
    ],
)
def test_a_failure_with_very_long_details(server: Script, client: Client, body: str, message: str) -> None:
    """QuestionFailed with the id; of the details what fits into four kilobytes of printable text."""
    server.on("results", server.answer(200, raw=HOSTILE[body]()))
    with pytest.raises(cf.QuestionFailed) as caught:
        client.question(QUESTION_ID).result(timeout=60)
    error = caught.value
    assert error.question_id == QUESTION_ID
    assert message in str(error)
    assert len(str(error).encode()) <= 4096
    assert len(pickle.dumps(error)) < 2_000_000
    assert server.count("results") == 1


@pytest.mark.parametrize("client_id", ["orders", "FAIL", "FAILED", "2025", "sandbox", "COMPLETED"])
def test_a_client_id_that_is_a_word(server: Script, client_id: str) -> None:
    """States, keys, request ids, rows and SQL are unchanged; so are short words in messages."""
    response = {"state": "FAILED", "orders": "FAIL in 2025: the sandbox has no orders", "COMPLETED": 2025}
    table = {"dataframe": [["orders", "2025"], ["FAILED", 1]], "sql_query": "SELECT orders FROM sandbox"}
    server.on("results", server.answer(200, response))
    settings = {"client_secret": "s3cr3t", "base_url": server.address, "dw_id": 13}
    with cf.Client(client_id, **settings) as client:
        with pytest.raises(cf.QuestionFailed) as failed:
            client.question(QUESTION_ID).result()
        server.on(
            "results", server.answer(404, {"detail": "No orders in 2025"}, X_Request_Id="FAIL-sandbox-2025")
        )
        with pytest.raises(cf.NotFoundError, match="No orders in 2025") as missing:
            client.question(QUESTION_ID).result()
        server.on("results", server.completed(**table))
        answer = client.question(QUESTION_ID).result()
    assert failed.value.state == "FAILED"
    assert failed.value.details == {"orders": response["orders"], "COMPLETED": 2025}
    assert "orders: FAIL in 2025: the sandbox has no orders; COMPLETED: 2025" in str(failed.value)
    assert missing.value.request_id == "FAIL-sandbox-2025"
    assert answer.to_arrow().to_pydict() == {"orders": ["FAILED"], "2025": [1]}
    assert answer.sql_query == "SELECT orders FROM sandbox"


def test_a_client_id_that_is_a_long_word(server: Script) -> None:
    """From eight characters on it is redacted in messages, as a separate word, and nowhere else."""
    response = {"state": "FAILED", "customers": "No client customers knows customers_2"}
    server.on("results", server.answer(200, response))
    with (
        cf.Client("customers", client_secret="s3cr3t", base_url=server.address, dw_id=13) as client,
        pytest.raises(cf.QuestionFailed, match=r"customers: No client \*\*\* knows customers_2") as caught,
    ):
        client.question(QUESTION_ID).result()
    assert caught.value.details == {"customers": "No client *** knows customers_2"}
