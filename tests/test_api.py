"""The functions against a live sandbox: one call from a question to a frame, and what it costs."""

from __future__ import annotations

import gc
import socket
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pydantic import BaseModel

import connecty_frames as cf
from connecty_frames import api
from connecty_frames.frames import attachment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from connecty_frames.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("connected")

TOP_COUNTRIES = "list the top 5 countries with the most orders"
LOGINS = "show the last 100 logins"
COUNTRIES = {
    "country": ["Poland", "Germany", "France", "Italy", "Spain"],
    "orders": [31768, 12922, 8459, 5719, 5051],
}
#: A row of every kind of column, asked as the SQL that it is.
EVERY_KIND = """
SELECT
    1::BIGINT AS whole,
    0.5::DOUBLE AS fraction,
    12345678901234.5678::DECIMAL(20, 4) AS money,
    true AS truth,
    'text' AS words,
    DATE '2025-03-30' AS day,
    TIME '12:34:56.5' AS hour,
    TIMESTAMP '2025-03-30 02:30:00' AS moment,
    TIMESTAMPTZ '2025-03-30 01:30:00+00' AS instant,
    [1, 2] AS items
"""


@pytest.fixture
def counted(connected: Sandbox) -> Iterator[Callable[[], tuple[int, int]]]:
    """Give the questions asked and the requests made since the beginning of the test."""
    questions, requests = len(connected.request_log.questions), len(connected.request_log.requests)

    def since() -> tuple[int, int]:
        return len(connected.request_log.questions) - questions, len(
            connected.request_log.requests
        ) - requests

    return since


# Frames


def test_pandas_is_the_default() -> None:
    """With nullable dtypes and the story on the frame."""
    frame = cf.ask_df(TOP_COUNTRIES)

    assert type(frame) is pd.DataFrame
    assert frame.dtypes.astype(str).to_dict() == {"country": "string", "orders": "Int64"}
    assert frame.to_dict("list") == COUNTRIES
    assert frame.connecty.sql_query.startswith("SELECT countries.name AS country")
    assert frame.connecty.response_summary == "Poland has the most orders of all countries: 31768."
    assert (frame.connecty.total_rows, frame.connecty.truncated) == (5, False)


def test_polars() -> None:
    """The same values, polars' own types, the same story."""
    frame = cf.ask_df(TOP_COUNTRIES, engine="polars")

    assert type(frame) is pl.DataFrame
    assert frame.schema == pl.Schema({"country": pl.String, "orders": pl.Int64})
    assert frame.to_dict(as_series=False) == COUNTRIES
    assert frame.connecty.question == TOP_COUNTRIES


def test_arrow() -> None:
    """The table, with the story in its schema."""
    table = cf.ask_df(TOP_COUNTRIES, engine="pyarrow")

    assert type(table) is pa.Table
    assert table.to_pydict() == COUNTRIES
    assert cf.metadata(table).dw_id == 13


def test_every_kind_of_column() -> None:
    """By type and by value, in Arrow."""
    table = cf.ask_df(EVERY_KIND, engine="pyarrow")

    assert [(field.name, str(field.type)) for field in table.schema if field.name != "items"] == [
        ("whole", "int64"),
        ("fraction", "double"),
        ("money", "decimal128(38, 4)"),
        ("truth", "bool"),
        ("words", "string"),
        ("day", "date32[day]"),
        ("hour", "time64[us]"),
        ("moment", "timestamp[us]"),
        ("instant", "timestamp[us, tz=UTC]"),
    ]
    assert pa.types.is_list(table.schema.field("items").type)
    assert table.schema.field("items").type.value_type == pa.int64()
    row = table.to_pylist()[0]
    assert row["money"] == Decimal("12345678901234.5678")
    assert row["instant"] == datetime(2025, 3, 30, 1, 30, tzinfo=UTC)
    assert row["moment"] == datetime(2025, 3, 30, 2, 30)  # noqa: DTZ001 - a time that no clock showed
    assert row["items"] == [1, 2]


@pytest.mark.parametrize(
    ("dtype_backend", "dtypes"),
    [
        (
            "numpy_nullable",
            [
                "Int64",
                "Float64",
                "boolean",
                "string",
                "datetime64[s]",
                "datetime64[us]",
                "datetime64[us, UTC]",
            ],
        ),
        (
            "pyarrow",
            [
                "int64[pyarrow]",
                "double[pyarrow]",
                "bool[pyarrow]",
                "string[pyarrow]",
                "date32[day][pyarrow]",
                "timestamp[us][pyarrow]",
                "timestamp[us, tz=UTC][pyarrow]",
            ],
        ),
        (
            "numpy",
            ["int64", "float64", "bool", None, "datetime64[s]", "datetime64[us]", "datetime64[us, UTC]"],
        ),
    ],
)
def test_the_three_backends_of_pandas(dtype_backend: Any, dtypes: list[str | None]) -> None:
    """Each column as the backend has it, none of them object; text under numpy is what pandas calls str."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cf.TypeFidelityWarning)
        frame = cf.ask_df(EVERY_KIND, dtype_backend=dtype_backend)

    shown = {name: str(dtype) for name, dtype in frame.dtypes.items()}
    assert "object" not in shown.values()
    names = ["whole", "fraction", "truth", "words", "day", "moment", "instant"]
    for name, dtype in zip(names, dtypes, strict=True):
        assert dtype is None or shown[name] == dtype
    assert frame["whole"][0] == 1
    assert frame["words"][0] == "text"


def test_zones() -> None:
    """Instants are shown in the zone asked for; a moment without an offset is left alone."""
    frame = cf.ask_df(EVERY_KIND, engine="polars", tz="Asia/Tokyo")

    assert frame["instant"][0].isoformat() == "2025-03-30T10:30:00+09:00"
    assert frame["moment"][0].isoformat() == "2025-03-30T02:30:00"


# Rows


def test_a_thousand_rows_are_the_most_unless_it_is_said() -> None:
    """As in the API document, and the frame says what is missing."""
    with pytest.warns(cf.TruncationWarning, match=r"^1,000 of 100,000 rows came; max_rows=None fetches all"):
        frame = cf.ask_df("list all orders")

    assert len(frame) == 1000
    assert (frame.connecty.truncated, frame.connecty.total_rows) == (True, 100_000)


def test_all_rows(counted: Callable[[], tuple[int, int]]) -> None:
    """With max_rows=None: of one question, with nothing to warn of."""
    frame = cf.ask_df("SELECT range AS n FROM range(2345)", max_rows=None)

    assert frame["n"].to_list() == list(range(2345))
    assert (frame.connecty.truncated, frame.connecty.total_rows) == (False, 2345)
    assert counted()[0] == 1


def test_no_rows() -> None:
    """With max_rows=0 the columns and their types come alone."""
    frame = cf.ask_df(TOP_COUNTRIES, max_rows=0, on_truncation="ignore")

    assert frame.shape == (0, 2)
    assert frame.dtypes.astype(str).to_dict() == {"country": "string", "orders": "Int64"}


def test_rows_cut_as_one_chooses() -> None:
    """A warning at the caller's line, an error with the id, or nothing."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        cf.ask_df(TOP_COUNTRIES, max_rows=2)
    assert [(w.category, w.filename) for w in seen] == [(cf.TruncationWarning, __file__)]
    with pytest.raises(cf.TruncatedError, match="2 of 5 rows came") as raised:
        cf.ask_df(TOP_COUNTRIES, max_rows=2, on_truncation="raise")
    again = cf.ask_df("x", question_id=raised.value.question_id)
    assert again.to_dict("list") == COUNTRIES
    assert len(cf.ask_df(TOP_COUNTRIES, max_rows=2, on_truncation="ignore")) == 2


# What is asked


def test_ask_gives_an_answer() -> None:
    """With its story, complete."""
    before = datetime.now(UTC)
    answer = cf.ask(TOP_COUNTRIES)

    assert answer.table.to_pydict() == COUNTRIES
    assert before <= answer.metadata.asked_at <= datetime.now(UTC)
    assert 0 < answer.metadata.elapsed < 20
    assert answer.metadata.base_url.startswith("http://127.0.0.1:")


def test_an_id_fetches_without_asking_again(counted: Callable[[], tuple[int, int]]) -> None:
    """The question is not sent, and may be anything; one question was paid for."""
    question_id = cf.ask(TOP_COUNTRIES).question_id

    for frame in (
        cf.ask_df("x", question_id=question_id).to_dict("list"),
        cf.ask_df("", question_id=question_id.upper(), engine="polars").to_dict(as_series=False),
        cf.read_connecty("x", question_id=question_id).to_dict("list"),
        cf.ask("x", question_id=question_id).table.to_pydict(),
    ):
        assert frame == COUNTRIES
    assert counted()[0] == 1


def test_a_question_is_asked_as_it_is(connected: Sandbox) -> None:
    """Every character of it, spaces and lines included."""
    question = "  SELECT 'żółw 東京 🚀' AS \"a\"\n\t-- as it is  "

    assert cf.ask_df(question).to_dict("list") == {"a": ["żółw 東京 🚀"]}
    assert connected.request_log.questions[-1].question == question


def test_calls_with_the_same_settings_share_a_connection(connected: Sandbox) -> None:
    """One client, and so one token, for all of them; other settings have another."""
    cf.ask(TOP_COUNTRIES)
    tokens = connected.request_log.tokens
    cf.ask_df(TOP_COUNTRIES)
    cf.read_connecty(TOP_COUNTRIES)
    assert connected.request_log.tokens == tokens
    cf.configure(timeout=60)
    cf.ask(TOP_COUNTRIES)
    assert connected.request_log.tokens == tokens + 1


def test_threads_share_a_connection(connected: Sandbox, counted: Callable[[], tuple[int, int]]) -> None:
    """Each gets its own answer, each question is asked once, and one client fetches one token."""
    tokens = connected.request_log.tokens
    start = threading.Barrier(8)

    def ask(number: int) -> int:
        start.wait(10)
        return int(cf.ask_df(f"SELECT {number} AS n")["n"][0])

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(ask, range(8))) == list(range(8))
    assert counted()[0] == 8
    assert connected.request_log.tokens == tokens + 1


def test_a_client_given_is_the_one_used(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the environment or of configure() is needed then."""
    for name in ("CLIENT_ID", "CLIENT_SECRET", "BASE_URL", "DW_ID"):
        monkeypatch.delenv(f"CONNECTY_{name}")
    with cf.Client(**connected.connection) as client:
        assert cf.ask_df(TOP_COUNTRIES, client=client).to_dict("list") == COUNTRIES
        assert cf.ask(TOP_COUNTRIES, client=client).rows == 5
        assert cf.read_connecty(TOP_COUNTRIES, client).to_dict("list") == COUNTRIES


def test_the_workspace_can_be_chosen_by_the_call() -> None:
    """And is that of the settings otherwise."""
    assert cf.ask(TOP_COUNTRIES, dw_id=13).metadata.dw_id == 13
    with pytest.raises(cf.NotFoundError, match="no workspace 14"):
        cf.ask(TOP_COUNTRIES, dw_id=14)


def test_a_workspace_is_needed(
    monkeypatch: pytest.MonkeyPatch, counted: Callable[[], tuple[int, int]]
) -> None:
    """Without one the error says where it may be set, and where ConnectyAI shows it."""
    monkeypatch.delenv("CONNECTY_DW_ID")

    with pytest.raises(cf.ConfigError, match=r"No dw_id\..*CONNECTY_DW_ID.*Workspace ID") as raised:
        cf.ask(TOP_COUNTRIES)

    assert raised.value.setting == "dw_id"
    assert counted() == (0, 0)


def test_progress_is_told_step_by_step() -> None:
    """To a callable, the last step being COMPLETED; and what it raises ends the wait."""
    steps: list[Any] = []
    answer = cf.ask(TOP_COUNTRIES, progress=steps.append)

    assert steps[-1].state == "COMPLETED"
    assert steps[-1].question_id == answer.question_id
    with pytest.raises(ZeroDivisionError):
        cf.ask(TOP_COUNTRIES, progress=lambda _step: 1 / 0)


def test_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """A library has no business with standard output, and no terminal is here."""
    cf.ask_df(TOP_COUNTRIES)

    assert capsys.readouterr() == ("", "")


# read_connecty


def test_an_index() -> None:
    """By name or by names, the story kept."""
    one = cf.read_connecty(TOP_COUNTRIES, index_col="country")
    assert one.index.name == "country"
    assert one["orders"].to_dict() == dict(zip(COUNTRIES["country"], COUNTRIES["orders"], strict=True))
    assert one.connecty.question == TOP_COUNTRIES
    two = cf.read_connecty(
        "which delivery slots are the most popular", index_col=["orders", "delivery_slot"], max_rows=None
    )
    assert list(two.index.names) == ["orders", "delivery_slot"]
    assert list(two.columns) == []


def test_dtype_is_the_schema() -> None:
    """As in pandas, by column."""
    frame = cf.read_connecty(TOP_COUNTRIES, dtype={"orders": "int32"})

    assert str(frame["orders"].dtype) == "Int32"


def test_an_index_that_the_answer_does_not_have() -> None:
    """The error names the columns there are, and how to have the answer without paying again."""
    with pytest.raises(cf.ConfigError, match="no column 'Country'; there are 'country', 'orders'") as raised:
        cf.read_connecty(TOP_COUNTRIES, index_col="Country")

    frame = cf.read_connecty("x", index_col="country", question_id=raised.value.question_id)
    assert frame["orders"].to_list() == COUNTRIES["orders"]


# Contracts


class Country(BaseModel):
    """A row of the answer, as a pipeline declares it."""

    country: str
    orders: int


@pytest.mark.parametrize(
    "schema",
    [
        Country,
        pa.schema({"country": pa.string(), "orders": pa.int64()}),
        pl.Schema({"country": pl.String, "orders": pl.Int64}),
    ],
    ids=["pydantic", "pyarrow", "polars"],
)
def test_a_contract_that_is_kept(schema: Any) -> None:
    """Of each kind."""
    table = cf.ask_df(TOP_COUNTRIES, schema=schema, engine="pyarrow")

    assert table.schema.names == ["country", "orders"]
    assert table.schema.types == [pa.string(), pa.int64()]


@pytest.mark.slow
def test_the_schema_of_one_day_is_the_contract_of_the_next() -> None:
    """Saved as text in between."""
    saved = cf.ask(TOP_COUNTRIES).schema.to_json()

    again = cf.ask(TOP_COUNTRIES, schema=cf.Schema.from_json(saved))

    assert again.schema == cf.Schema.from_json(saved)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"orders": "int8"}, "Column 'orders', row 0: '31768' does not fit in int8"),
        ({"order": "int64"}, "missing: 'order'"),
        (pa.schema({"country": pa.string()}), "not in the schema: 'orders'"),
        ({"country": "date32"}, "Column 'country', row 0: 'Poland'"),
    ],
)
def test_a_contract_that_is_broken(schema: Any, message: str) -> None:
    """A ConversionError with the id: the answer can be fetched again with another schema, at no cost."""
    with pytest.raises(cf.ConversionError, match=message) as raised:
        cf.ask_df(TOP_COUNTRIES, schema=schema)

    assert cf.ask("x", question_id=raised.value.question_id).rows == 5


# Refused before anything is sent


@pytest.mark.parametrize("call", [cf.ask, cf.ask_df, cf.read_connecty])
@pytest.mark.parametrize(
    "option",
    [
        {"max_rows": -1},
        {"max_rows": "all"},
        {"max_rows": 10**20},
        {"tz": "Mars"},
        {"strict": "yes"},
        {"schema": "int64"},
        {"schema": {"orders": "number"}},
        {"schema": {"orders": pa.binary()}},
        {"schema": {5: "int64"}},
        {"timeout": 0},
        {"timeout": 10**400},
        {"progress": "yes"},
        {"question_id": "x"},
        {"on_truncation": "fail"},
        {"dtype_backend": "arrow"},
        {"dw_id": "13"},
    ],
    ids=lambda option: next(iter(option)),
)
def test_a_wrong_option_costs_nothing(
    call: Any, option: dict[str, Any], counted: Callable[[], tuple[int, int]]
) -> None:
    """A ConfigError before the first request."""
    with pytest.raises(cf.ConfigError) as raised:
        call(TOP_COUNTRIES, **option)

    assert raised.value.setting == next(iter(option))
    assert counted() == (0, 0)


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ("", "question is blank"),
        (" \n\t", "question is blank"),
        (None, "question is of type NoneType"),
        (5, "question is of type int"),
        (b"how many?", "question is of type bytes"),
        (["how many?"], "question is of type list"),
        ("half a character \ud800", "lone surrogate"),
    ],
)
def test_what_is_no_question_costs_nothing(
    question: Any, message: str, counted: Callable[[], tuple[int, int]]
) -> None:
    """A ConfigError that says what one is."""
    with pytest.raises(cf.ConfigError, match=message) as raised:
        cf.ask_df(question)

    assert raised.value.setting == "question"
    assert counted() == (0, 0)


@pytest.mark.parametrize("index_col", [0, [], (), ["country", 5], 5.0, {"country"}, object()])
def test_what_is_no_index_costs_nothing(index_col: Any, counted: Callable[[], tuple[int, int]]) -> None:
    """A ConfigError before the question is asked, and not an error of pandas after it was paid for."""
    with pytest.raises(cf.ConfigError, match=r"^index_col=.*expected the name of a column, or a list"):
        cf.read_connecty(TOP_COUNTRIES, index_col=index_col)

    assert counted() == (0, 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cf.ask(TOP_COUNTRIES, maxrows=5), "did you mean 'max_rows'"),
        (lambda: cf.ask(TOP_COUNTRIES, engine="polars"), "unexpected keyword argument 'engine'"),
        (lambda: cf.read_connecty(TOP_COUNTRIES, engine="polars"), "unexpected keyword argument 'engine'"),
        (lambda: cf.read_connecty(TOP_COUNTRIES, client=None), "unexpected keyword argument 'client'"),
        (cf.ask_df, "question"),
        (lambda: cf.ask_df(TOP_COUNTRIES, 13), "positional"),
    ],
)
def test_a_wrong_keyword_costs_nothing(
    call: Any, message: str, counted: Callable[[], tuple[int, int]]
) -> None:
    """A TypeError, as of any function."""
    with pytest.raises(TypeError, match=message):
        call()

    assert counted() == (0, 0)


@pytest.mark.parametrize("client", ["sqlite://", 13, {"client_id": "a"}, cf.Client])
def test_a_connection_is_a_client(client: Any, counted: Callable[[], tuple[int, int]]) -> None:
    """Nothing else; read_sql's address of a database, for one, is none."""
    for call in (
        lambda: cf.ask_df(TOP_COUNTRIES, client=client),
        lambda: cf.read_connecty(TOP_COUNTRIES, client),
    ):
        with pytest.raises(cf.ConfigError, match="expected a Client, got a "):
            call()
    assert counted() == (0, 0)


def test_dtype_and_schema_are_one_option(counted: Callable[[], tuple[int, int]]) -> None:
    """Which of the two counts is not guessed."""
    with pytest.raises(cf.ConfigError, match="dtype and schema are the same option"):
        cf.read_connecty(TOP_COUNTRIES, dtype={"orders": int}, schema={"orders": int})

    assert counted() == (0, 0)


# Trouble


def test_a_question_that_fails() -> None:
    """With what the server says of it, and its id."""
    with pytest.raises(cf.QuestionFailed, match="has no answer to this question") as raised:
        cf.ask_df("what is the meaning of life")

    assert raised.value.question == "what is the meaning of life"
    assert raised.value.question_id is not None


def test_an_answer_without_a_table() -> None:
    """The summary is in the error."""
    with pytest.raises(cf.NoTableError, match="A made-up shop") as raised:
        cf.ask_df("what is this workspace about")

    assert raised.value.response_summary.startswith("A made-up shop")


def test_a_server_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """ConnectionFailed with its host, quickly, and nothing was sent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("CONNECTY_BASE_URL", f"http://127.0.0.1:{port}")

    with pytest.raises(cf.ConnectionFailed, match="nothing was sent") as raised:
        cf.ask_df(TOP_COUNTRIES, timeout=1)

    assert raised.value.host == f"127.0.0.1:{port}"


def test_a_server_that_says_nonsense(monkeypatch: pytest.MonkeyPatch) -> None:
    """An AuthError that says the token endpoint is unusable: something else listens there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65_536)
                    connection.sendall(
                        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"
                    )

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        monkeypatch.setenv("CONNECTY_BASE_URL", f"http://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(cf.AuthError, match="text/html instead of JSON"):
            cf.ask_df(TOP_COUNTRIES, timeout=5)
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def test_a_frame_is_freed_with_its_last_name(connected: Sandbox) -> None:
    """Nothing of ours keeps it: neither the shared client nor the registry of stories."""
    del connected
    frame = cf.ask_df(TOP_COUNTRIES, engine="polars")
    size = len(attachment._registry)

    del frame
    gc.collect()

    assert len(attachment._registry) == size - 1


def test_settings_that_change_in_between_do_not_mix(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client is kept under the settings it was made of, also where they are configured anew meanwhile."""
    resolve = api.resolve

    def interrupted() -> Any:
        settings = resolve()
        cf.configure(timeout=77)  # what another thread may do at this very moment
        return settings

    made: list[dict[str, Any]] = []

    def make(**arguments: Any) -> cf.Client:
        made.append(arguments)
        return cf.Client(**arguments)

    monkeypatch.setattr(api, "resolve", interrupted)
    monkeypatch.setattr(api, "Client", make)
    client = api.shared_client()

    assert [arguments["timeout"] for arguments in made] == [300.0]
    assert repr(client) == f"<Client sand… at {connected.connection['base_url']}, dw_id=13>"
