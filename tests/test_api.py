"""The functions against a live sandbox: one call from a question to a frame, and what it costs."""

import gc
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest

import connecty_frames as cf
from connecty_frames import api
from connecty_frames.sandbox import Sandbox
from tests.cases import cases

pytestmark = pytest.mark.usefixtures("connected")

ID = "729cb7a4-4b06-449e-a3c9-df40f5e570b8"
TOP_COUNTRIES = "list the top 5 countries with the most orders"
COUNTRIES = {
    "country": ["Poland", "Germany", "France", "Italy", "Spain"],
    "orders": [31768, 12922, 8459, 5719, 5051],
}
#: A row with every kind of column; the sandbox answers SQL directly.
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


# Frames


def test_every_kind_of_column() -> None:
    """Types and values, in Arrow."""
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
    assert row["moment"] == datetime(2025, 3, 30, 2, 30)
    assert row["items"] == [1, 2]


@cases(
    ("dtype_backend", "dtype"),
    [("numpy_nullable", "Int64"), ("pyarrow", "int64[pyarrow]"), ("numpy", "int64")],
)
def test_the_three_backends_of_pandas(dtype_backend: Any, dtype: str) -> None:
    """They are chosen by name."""
    assert cf.ask_df(TOP_COUNTRIES, dtype_backend=dtype_backend)["orders"].dtype == dtype


# Rows


def test_no_rows() -> None:
    """With max_rows=0: only columns and types."""
    frame = cf.ask_df(TOP_COUNTRIES, max_rows=0, on_truncation="ignore")
    assert frame.shape == (0, 2)
    assert frame.dtypes.astype(str).to_dict() == {"country": "string", "orders": "Int64"}


# Questions


def test_ask_returns_an_answer() -> None:
    """With complete metadata."""
    before = datetime.now(UTC)
    answer = cf.ask(TOP_COUNTRIES)
    assert answer.table.to_pydict() == COUNTRIES
    assert before <= answer.metadata.asked_at <= datetime.now(UTC)
    assert 0 < answer.metadata.elapsed < 20
    assert answer.metadata.base_url.startswith("http://127.0.0.1:")


def test_an_id_fetches_without_asking_again(counted: Callable[[], tuple[int, int]]) -> None:
    """One question was asked in all."""
    question_id = cf.ask(TOP_COUNTRIES).question_id
    for frame in (
        cf.fetch_df(question_id).to_dict("list"),
        cf.fetch_df(question_id.upper(), engine="polars").to_dict(as_series=False),
        cf.fetch_df(UUID(question_id), engine="pyarrow").to_pydict(),
        cf.fetch(question_id).table.to_pydict(),
    ):
        assert frame == COUNTRIES
    assert counted()[0] == 1


def test_a_question_is_sent_unchanged(connected: Sandbox) -> None:
    """Every character, including spaces and line breaks."""
    question = "  SELECT 'żółw 東京 🚀' AS \"a\"\n\t-- as it is  "
    assert cf.ask_df(question).to_dict("list") == {"a": ["żółw 東京 🚀"]}
    assert connected.request_log.questions[-1].question == question


def test_calls_with_the_same_settings_share_a_connection(connected: Sandbox) -> None:
    """All use one client, and so one token; other settings use another."""
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


def test_a_client_that_is_given_is_used(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any settings in the environment or by configure()."""
    for name in ("CLIENT_ID", "CLIENT_SECRET", "BASE_URL", "DW_ID"):
        monkeypatch.delenv(f"CONNECTY_{name}")
    with cf.Client(**connected.connection) as client:
        assert cf.ask_df(TOP_COUNTRIES, client=client).to_dict("list") == COUNTRIES
        assert cf.ask(TOP_COUNTRIES, client=client).rows == 5
        assert cf.read_connecty(TOP_COUNTRIES, client).to_dict("list") == COUNTRIES


def test_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing to standard output, and no progress line without a terminal."""
    cf.ask_df(TOP_COUNTRIES)
    assert capsys.readouterr() == ("", "")


# read_connecty


def test_an_index() -> None:
    """One column or several; the metadata is kept."""
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
    """By column, as in pandas."""
    frame = cf.read_connecty(TOP_COUNTRIES, dtype={"orders": "int32"})
    assert str(frame["orders"].dtype) == "Int32"


def test_an_index_that_the_answer_does_not_have() -> None:
    """The error lists the columns, and how to fetch the answer without asking again."""
    with pytest.raises(
        cf.ConfigError, match="no column 'Country'; the columns are 'country', 'orders'"
    ) as raised:
        cf.read_connecty(TOP_COUNTRIES, index_col="Country")
    frame = cf.fetch_df(raised.value.question_id)
    assert frame["orders"].to_list() == COUNTRIES["orders"]


# Refused before anything is sent


@cases("call", [cf.ask, cf.ask_df, cf.read_connecty])
@cases(
    "option",
    [
        {"max_rows": -1},
        {"max_rows": "all"},
        {"max_rows": 10**20},
        {"tz": "Mars"},
        {"strict": "yes"},
        {"schema": "int64"},
        {"schema": {"orders": "number"}},
        {"schema": {"orders": pa.null()}},
        {"schema": {5: "int64"}},
        {"timeout": 0},
        {"timeout": 10**400},
        {"progress": "yes"},
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


@cases("index_col", [0, [], (), ["country", 5], 5.0, {"country"}, object()])
def test_an_invalid_index_col_costs_nothing(index_col: Any, counted: Callable[[], tuple[int, int]]) -> None:
    """A ConfigError before the question is asked, instead of a pandas error afterwards."""
    with pytest.raises(cf.ConfigError, match=r"^index_col=.*expected the name of a column, or a list"):
        cf.read_connecty(TOP_COUNTRIES, index_col=index_col)
    assert counted() == (0, 0)


@cases(
    ("call", "message"),
    [
        (lambda: cf.ask(TOP_COUNTRIES, maxrows=5), "did you mean 'max_rows'"),
        (lambda: cf.ask_df(TOP_COUNTRIES, dw=13), "did you mean 'dw_id'"),
        (lambda: cf.ask_batch([TOP_COUNTRIES], "folder", dw=13), "did you mean 'dw_id'"),
        (lambda: cf.ask(TOP_COUNTRIES, engine="polars"), "unexpected keyword argument 'engine'"),
        (lambda: cf.read_connecty(TOP_COUNTRIES, engine="polars"), "unexpected keyword argument 'engine'"),
        (lambda: cf.read_connecty(TOP_COUNTRIES, client=None), "unexpected keyword argument 'client'"),
        (lambda: cf.ask_df("x", question_id=ID), r"did you mean cf\.fetch\(question_id\)\?"),
        (lambda: cf.fetch(ID, max_age=60), "unexpected keyword argument 'max_age'"),
        (lambda: cf.fetch_df(ID, tags={"job": "n"}), "unexpected keyword argument 'tags'"),
        (lambda: cf.Answer.from_json(b"{}", timeout=3), "unexpected keyword argument 'timeout'"),
        (lambda: cf.Answer.from_json(b"{}", max_age=3), "unexpected keyword argument 'max_age'"),
        (cf.fetch, "question_id"),
        (cf.ask_df, "question"),
        (lambda: cf.ask_df(TOP_COUNTRIES, 13), "positional"),
    ],
)
def test_a_wrong_keyword_costs_nothing(
    call: Any, message: str, counted: Callable[[], tuple[int, int]]
) -> None:
    """A TypeError, as for any function."""
    with pytest.raises(TypeError, match=message):
        call()
    assert counted() == (0, 0)


@cases("client", ["sqlite://", 13, {"client_id": "a"}, cf.Client])
def test_a_connection_is_a_client(client: Any, counted: Callable[[], tuple[int, int]]) -> None:
    """Nothing else is accepted, such as the database URL that read_sql takes."""
    for call in (
        lambda: cf.ask_df(TOP_COUNTRIES, client=client),
        lambda: cf.read_connecty(TOP_COUNTRIES, client),
    ):
        with pytest.raises(cf.ConfigError, match="expected a Client"):
            call()
    assert counted() == (0, 0)


def test_dtype_and_schema_are_one_option(counted: Callable[[], tuple[int, int]]) -> None:
    """Giving both is an error."""
    with pytest.raises(cf.ConfigError, match="dtype and schema are the same option"):
        cf.read_connecty(TOP_COUNTRIES, dtype={"orders": int}, schema={"orders": int})
    assert counted() == (0, 0)


# Errors


def test_a_frame_is_freed_with_its_last_reference(connected: Sandbox) -> None:
    """Neither the shared client nor the registry of metadata keeps a reference; the metadata goes, too."""
    del connected
    frame = cf.ask_df(TOP_COUNTRIES, engine="polars")
    question_id, reference = frame.connecty.question_id, weakref.ref(frame)

    def metadata() -> int:
        return sum(
            type(each) is cf.AnswerMetadata and each.question_id == question_id for each in gc.get_objects()
        )

    assert metadata() == 1
    del frame
    gc.collect()

    assert reference() is None
    assert metadata() == 0


def test_settings_that_change_while_a_client_is_made(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shared client has the settings that are its key, and no others, whatever is configured meanwhile."""
    monkeypatch.delenv("CONNECTY_DW_ID")
    resolve = api.resolve

    def interrupted() -> Any:
        settings = resolve()
        cf.configure(dw_id=14)  # what another thread may do at this very moment
        return settings

    monkeypatch.setattr(api, "resolve", interrupted)
    client = api.shared_client()

    assert repr(client) == f"<Client sand… at {connected.connection['base_url']}, dw_id=None>"
    with pytest.raises(cf.ConfigError, match=r"^No dw_id\."):
        client.submit("how many orders are there")
