"""A completed answer that repeats secrets: its data stay, its errors and warnings hide them."""

import pickle
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

import connecty_frames as cf
from connecty_frames.client import Client
from tests.cases import cases
from tests.secrets.test_secrets import FORMS, SECRETS, forms_of, left_behind, make
from tests.servers.scripted import Script

SECRET, TOKEN = SECRETS[1:]
ECHO = " ".join(FORMS)
#: The client id is data in an answer.
HIDDEN = [form for secret in (SECRET, TOKEN) for form in forms_of(secret)]
DOUBTFUL: dict[str, Any] = {"dataframe_stats": {"n": {"temporal": {"count": 2}}}}
NUMBERS: dict[str, Any] = {name: {"numeric": {"count": 1}} for name in (SECRET, TOKEN)}
BOUNDS: dict[str, Any] = {"dataframe_stats": {"n": {"numeric": {"count": 1, "min": SECRET, "max": TOKEN}}}}


@pytest.fixture
def client(server: Script) -> Iterator[Client]:
    server.on("token", server.answer(200, {"access_token": TOKEN}))
    with make(server, timeout=10) as client:
        yield client


def table(*rows: list[Any], **others: Any) -> dict[str, Any]:
    return {"dataframe": list(rows), **others}


def complete(server: Script, results: dict[str, Any]) -> None:
    server.on("results", server.answer(200, {"state": "COMPLETED", "results": results}))


@cases(
    ("results", "options", "kind"),
    [
        (table(["n"], [1], [SECRET]), {"schema": {"n": "int64"}}, cf.ConversionError),
        (table(["n"], [f"{'x' * 50}{SECRET}"]), {"schema": {"n": "int64"}}, cf.ConversionError),
        (table([SECRET, TOKEN], ["x", "y"], dataframe_stats=NUMBERS), {"strict": True}, cf.ConversionError),
        (table([SECRET], ["x"]), {"schema": {"n": "int64"}}, cf.ConversionError),
        (table(["n"], [SECRET], ["2024-01-01"], **DOUBTFUL), {"strict": True}, cf.ConversionError),
        (table(["n"], [1], **BOUNDS), {"strict": True}, cf.ResponseError),
        (table(["n"], [1], dataframe_stats={SECRET: {}}), {"strict": True}, cf.ResponseError),
        (table([{SECRET: 1}], [1]), {}, cf.ResponseError),
        ({"response_summary": ECHO, "sql_query": ECHO}, {}, cf.NoTableError),
        (table([SECRET], [1], [2]), {"max_rows": 2, "on_truncation": "raise"}, cf.TruncatedError),
    ],
)
@cases("engine", ["pandas", "polars"])
def test_no_error_about_an_answer_shows_a_secret(
    server: Script,
    client: Client,
    results: dict[str, Any],
    options: dict[str, Any],
    kind: type[cf.ConnectyError],
    engine: str,
) -> None:
    """Neither a cell, a name, a statistic nor the summary, in what remains of the error."""
    complete(server, results)
    with pytest.raises(kind) as caught:
        client.ask_df("how many?", engine=engine, **options)
    left = left_behind(caught.value, "")
    assert [form for form in HIDDEN if form in left] == []
    assert "canary-sec" not in left


@cases(
    ("results", "kind"),
    [
        (table([SECRET, SECRET], [1, 2]), cf.ColumnNameWarning),
        (table([SECRET, f"{TOKEN}\0"], [1, 2]), cf.ColumnNameWarning),
        (table(["n"], [SECRET], ["2024-01-01"], **DOUBTFUL), cf.TypeFidelityWarning),
        (table(["n"], [1], **BOUNDS), cf.StatisticsWarning),
        (table(["n"], [1], dataframe_stats={SECRET: {}}), cf.StatisticsWarning),
        (table(["n"], [1], dataframe_stats={"n": {SECRET: {"count": 1}}}), cf.StatisticsWarning),
    ],
)
def test_no_warning_about_an_answer_shows_a_secret(
    server: Script, client: Client, results: dict[str, Any], kind: type[cf.ConnectyWarning]
) -> None:
    """Neither in its text nor in its attributes; the data are as they were received."""
    complete(server, results)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        frame = client.ask_df("how many?", on_truncation="ignore")
    assert {each.category for each in caught} == {kind}
    shown = [
        f"{each.message!r} {vars(each.message)} {pickle.dumps(each.message).decode('latin-1')}"
        for each in caught
    ]
    assert [form for form in HIDDEN if form in " ".join(shown)] == []
    assert [frame.columns[0], *frame.iloc[:1, 0]] == [results["dataframe"][0][0], results["dataframe"][1][0]]


def test_the_data_of_an_answer_are_not_changed(server: Script, client: Client) -> None:
    """Cells, names, SQL, summary and statistics; an error of the answer itself hides them."""
    complete(server, table([SECRET], [TOKEN], response_summary=ECHO, sql_query=ECHO))
    answer = client.ask("how many?", on_truncation="ignore")
    frame = answer.to_polars()
    assert frame.to_dict(as_series=False) == {SECRET: [TOKEN]}
    assert (frame.connecty.response_summary, frame.connecty.sql_query) == (ECHO, ECHO)
    with pytest.raises(cf.ConfigError) as caught:
        answer.plot()
    left = left_behind(caught.value, "")
    assert [form for form in HIDDEN if form in left] == []


def test_a_secret_that_contains_that_of_another_client() -> None:
    """It is masked whole, in whatever order the clients were made."""
    short, long = "secret-of-one", "the-secret-of-one-and-all"
    for order in ((short, long), (long, short)):
        with ExitStack() as opened:
            for secret in order:
                client = cf.Client("id", client_secret=secret, base_url="http://127.0.0.1:9", dw_id=13)
                opened.enter_context(client)
            assert cf.errors.without_secrets(f"why {long}?") == "why ***?"
