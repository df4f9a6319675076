"""The client against the sandbox, which share only the protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from connecty_frames.asking.health import check_health
from connecty_frames.client import Client
from connecty_frames.errors import AuthError, NotFoundError, QuestionFailed, TruncationWarning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connecty_frames.sandbox import Sandbox

TOP = "list the top 5 countries with the most orders"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Serve one sandbox for all of these."""
    sandbox = pytest.importorskip("connecty_frames.sandbox")
    with sandbox.Sandbox() as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    """Yield a client of it."""
    with Client(**sandbox.connection) as client:
        yield client


def test_it_is_healthy(sandbox: Sandbox, client: Client) -> None:
    """With and without credentials."""
    assert client.health() is True
    assert check_health(base_url=sandbox.connection["base_url"]) is True


def test_a_question_is_asked_waited_for_and_answered(client: Client) -> None:
    """Submit, state, wait, result: five countries with their orders."""
    question = client.submit(TOP)
    assert question.state() in {"PENDING", "IN_PROGRESS", "COMPLETED"}
    assert question.wait() == "COMPLETED"
    answer = question.result()
    assert (answer.rows, answer.truncated, answer.question) == (5, False, TOP)
    assert "select" in (answer.sql_query or "").lower()


def test_an_answer_is_fetched_by_its_id_by_another_client(sandbox: Sandbox, client: Client) -> None:
    """Another client gets the same table, without the question."""
    first = client.ask(TOP)
    assert first.question_id is not None
    with Client(**sandbox.connection) as other:
        again = other.question(first.question_id).result()
    assert again.table.equals(first.table)
    assert again.question is None


def test_decimals_of_a_fetched_answer(client: Client) -> None:
    """The same question fetched with other decimals."""
    question = client.submit("SELECT 123456789012345678.25::DECIMAL(20, 2) AS a")
    assert question.result().schema.types == [pa.decimal128(38, 2)]
    answer = question.result(decimals="float")
    assert answer.schema.types == [pa.float64()]
    assert answer.to_pandas()["a"].tolist() == [1.2345678901234568e17]
    assert answer.to_polars()["a"].to_list() == [1.2345678901234568e17]


def test_all_rows_with_max_rows_none(client: Client) -> None:
    """2,500 rows: 1,000 with a warning by default, all of them with max_rows=None."""
    question = client.submit("select range as n from range(2500)")
    with pytest.warns(TruncationWarning, match="1,000 of 2,500"):
        assert question.result().rows == 1000
    answer = question.result(max_rows=None)
    assert (answer.rows, answer.truncated) == (2500, False)
    assert answer.to_pandas()["n"].sum() == 3_123_750


def test_a_question_without_an_answer_fails_with_a_reason(client: Client) -> None:
    """The sandbox's own field is in the error, and the id."""
    with pytest.raises(QuestionFailed) as caught:
        client.ask("what is the airspeed velocity of an unladen swallow")
    assert caught.value.question_id is not None
    assert "error" in caught.value.details


def test_wrong_credentials_are_refused(sandbox: Sandbox) -> None:
    """AuthError that says what to check."""
    with (
        Client(**{**sandbox.connection, "client_secret": "wrong"}) as client,
        pytest.raises(AuthError, match="client_secret"),
    ):
        client.ask(TOP)


def test_an_unknown_workspace_is_not_found(client: Client) -> None:
    """NotFoundError, and the same for an unknown question."""
    with pytest.raises(NotFoundError):
        client.ask(TOP, dw_id=999)
    with pytest.raises(NotFoundError):
        client.question("00000000-0000-4000-8000-000000000000").state()
