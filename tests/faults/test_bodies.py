"""A body is read completely or not at all, and no value in it is changed without a warning."""

import gzip
import json
import tracemalloc
from collections.abc import Callable
from typing import Any
from unittest import mock

import pyarrow as pa
import pytest

import connecty_frames as cf
from connecty_frames.client import Client
from tests.servers import clients
from tests.servers.responses import HEAD, chunked, with_length
from tests.servers.scripted import QUESTION_ID, Script

GZIP = b"Content-Encoding: gzip\r\n"
ROWS = {"state": "COMPLETED", "results": {"dataframe": [["n", "s"], *([n, f"row {n}"] for n in range(60))]}}
BODY = json.dumps(ROWS).encode()
EXPECTED = {"n": list(range(60)), "s": [f"row {n}" for n in range(60)]}
PACKED = gzip.compress(BODY, mtime=0)


def raw(server: Script, results: bytes) -> Any:
    """Return a step that answers with a COMPLETED response with these bytes as its results."""
    return server.answer(200, raw=b'{"state": "COMPLETED", "results": ' + results + b"}")


WHOLE = {
    "plain": with_length(BODY),
    "unmeasured": HEAD + b"Connection: close\r\n\r\n" + BODY,
    "gzip": with_length(PACKED, GZIP),
    "chunked": chunked(BODY, 100),
    "chunked gzip": chunked(PACKED, 100, headers=GZIP),
}


@pytest.mark.parametrize("end", ["send_and_close", "send_and_reset"])
@pytest.mark.parametrize("encoding", WHOLE)
def test_a_truncated_answer(server: Script, client: Client, encoding: str, end: str) -> None:
    """Closed or reset five bytes early (the length of the last chunk): all rows, by a second request."""
    broken: Callable[[bytes], Any] = getattr(server, end)
    server.on("results", broken(WHOLE[encoding][:-5]), server.answer(200, ROWS))
    assert client.ask_df("how many?", engine="pyarrow").to_pydict() == EXPECTED
    assert (server.count("results"), server.count("ask")) == (2, 1)


@pytest.mark.parametrize("kept", [20, len(HEAD) - 2, len(HEAD)])
def test_headers_that_were_cut(server: Script, client: Client, kept: int) -> None:
    """They look like an empty 200, or one without a length: fetched again."""
    server.on("results", server.send_and_close(HEAD[:kept]), server.answer(200, ROWS))
    assert client.ask_df("how many?", engine="pyarrow").to_pydict() == EXPECTED
    assert server.count("results") == 2


BROKEN = {
    "cut": with_length(PACKED[:-9], GZIP),
    "trailer cut": with_length(PACKED[:-1], GZIP),
    "bad checksum": with_length(PACKED[:-8] + bytes([PACKED[-8] ^ 1]) + PACKED[-7:], GZIP),
    "no gzip": with_length(BODY, GZIP),
    "not asked for": with_length(BODY).replace(b"Content-Length", b"Content-Encoding: br\r\nContent-Length"),
}


@pytest.mark.parametrize("encoding", BROKEN)
def test_a_broken_gzip_body(server: Script, client: Client, encoding: str) -> None:
    """The Content-Length is right, the gzip data is not: fetched again, then a ResponseError with the id."""
    server.on("results", server.send_and_close(BROKEN[encoding]), server.answer(200, ROWS))
    assert client.ask_df("how many?", engine="pyarrow").to_pydict() == EXPECTED
    assert server.count("results") == 2
    server.on("results", server.send_and_close(BROKEN[encoding]))
    with pytest.raises(cf.ResponseError, match="cannot be decompressed") as caught:
        client.question(QUESTION_ID).result()
    assert caught.value.question_id == QUESTION_ID
    assert server.count("results") == 4


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", ["token", "ask", "results"])
@pytest.mark.parametrize("encoding", ["plain", "gzip"])
def test_a_body_over_the_limit(server: Script, endpoint: str, encoding: str) -> None:
    """200 MB, or one MB that decompresses to them: reading stops at 10 MB, before results at 1 MiB."""
    if encoding == "gzip":
        step = server.send_and_close(with_length(gzip.compress(bytes(200_000_000), 1), GZIP))
    else:
        piece = bytes(1_000_000)

        def step(connection: Any) -> bool:
            connection.sendall(HEAD + b"Content-Length: 200000000\r\n\r\n")
            for _ in range(200):
                connection.sendall(piece)
            return False

    server.on(endpoint, step)
    error, limit = {
        "token": (cf.AuthError, 1_048_576),
        "ask": (cf.SubmissionUncertain, 1_048_576),
        "results": (cf.ResponseTooLarge, 10_000_000),
    }[endpoint]
    with clients.make(server, max_body_bytes=10_000_000) as client:
        tracemalloc.start()
        try:
            with pytest.raises(error, match=f"longer than the limit of {limit} bytes") as caught:
                client.ask("how many?")
            assert tracemalloc.get_traced_memory()[1] < 40_000_000
        finally:
            tracemalloc.stop()
    if endpoint == "results":
        assert "max_body_bytes=, or CONNECTY_MAX_BODY_BYTES" in str(caught.value)
        assert caught.value.question_id == QUESTION_ID
    assert server.count(endpoint) == 1


@pytest.mark.parametrize(
    "results",
    [
        b'{"dataframe": [["n"], ["\xff\xfe"]]}',
        b'{"dataframe": [["n"], ["\xed\xa0\x80"]]}',
        b'{"dataframe": [["n"], [' + b"[" * 101 + b"]" * 101 + b"]]}",
        b'{"dataframe": [["n"], [' + b"[" * 100_000 + b"]" * 100_000 + b"]]}",
    ],
    ids=["invalid UTF-8", "surrogate as UTF-8", "101 levels", "100,000 levels"],
)
def test_a_body_that_cannot_be_read(server: Script, client: Client, results: bytes) -> None:
    """ResponseError with the id; no other exception, and no substituted value."""
    server.on("results", raw(server, results))
    with pytest.raises(cf.ResponseError) as caught:
        client.ask("how many?")
    assert caught.value.question_id == QUESTION_ID
    assert server.count("ask") == 1


@pytest.mark.parametrize("engine", ["pandas", "polars", "pyarrow"])
def test_a_lone_surrogate(server: Script, client: Client, engine: Any) -> None:
    """The column becomes the JSON of its cells, with a warning; strict makes it an error with the id."""
    server.on("results", raw(server, b'{"dataframe": [["n", "m"], ["whole", 1], ["half \\ud800", 2]]}'))
    with pytest.warns(cf.TypeFidelityWarning, match=r"'n' is the JSON text of its cells: .* \(row 1\)"):
        frame = client.ask_df("how many?", engine=engine)
    assert pa.table(frame).to_pydict() == {"n": ['"whole"', '"half \\ud800"'], "m": [1, 2]}
    with pytest.raises(cf.ConversionError) as caught:
        client.ask_df("how many?", strict=True)
    assert (caught.value.column, caught.value.row) == ("n", 1)
    assert caught.value.question_id == QUESTION_ID


def test_a_bare_nan(server: Script, client: Client) -> None:
    """Beside numbers it is NaN, beside others null, each with a warning."""
    server.on("results", raw(server, b'{"dataframe": [["n", "s"], [1.5, "x"], [NaN, NaN], [null, null]]}'))
    with pytest.warns(cf.TypeFidelityWarning) as warned:
        table = client.ask_df("how many?", engine="pyarrow")
    values = table["n"].to_pylist()
    assert (values[0], repr(values[1]), values[2]) == (1.5, "nan", None)
    assert table["s"].to_pylist() == ["x", None, None]
    assert ["'NaN' (row 1)" in str(each.message) for each in warned] == [True, True]


NULS = (
    b'{"dataframe": [["a\\u0000b", "s"], [1, {"k\\u0000l": 2}]], '
    b'"dataframe_stats": {"a\\u0000b": {"temporal": {"min": "x"}}}}'
)


@pytest.mark.parametrize("engine", ["pandas", "polars", "pyarrow"])
def test_a_nul_in_a_name_or_a_key(server: Script, client: Client, engine: Any) -> None:
    """The column is renamed with a warning and keeps its statistics, the object is JSON; no name is cut."""
    server.on("results", raw(server, NULS))

    with pytest.warns(cf.ConnectyWarning) as warned:
        frame = client.ask_df("how many?", engine=engine)

    assert list(getattr(frame, "column_names", frame.columns)) == ["column_0", "s"]
    assert pa.table(frame).to_pydict() == {"column_0": [1], "s": ['{"k\\u0000l": 2}']}
    assert [(each.category, str(each.message)[:40]) for each in warned] == [
        (cf.ColumnNameWarning, "Column 0 is called 'column_0', because \""),
        (cf.TypeFidelityWarning, "Column 'column_0' is int64: '1' (row 0) "),
    ]
    if engine != "pyarrow":
        assert "column_0" in frame.connecty._repr_html_()


@pytest.mark.parametrize("number", ["9" * 5000, "1e999", "-1e999", "1e-400"])
def test_a_number_beyond_every_type(server: Script, client: Client, number: str) -> None:
    """The whole column is exact text, with a warning: never infinity, never 0."""
    server.on("results", raw(server, b'{"dataframe": [["n"], [1], [' + number.encode() + b"]]}"))
    with pytest.warns(cf.TypeFidelityWarning, match="n"):
        frame = client.ask_df("how many?", engine="polars")
    assert frame["n"].to_list() == ["1", number]


def test_a_body_that_memory_cannot_hold(
    server: Script, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ResponseTooLarge, and it is not fetched again, since memory would not suffice the next time either."""
    server.on("results", server.answer(200, {"state": "PENDING"}))
    question = client.submit("how many?")
    monkeypatch.setattr("connecty_frames.http.transport.read_body", mock.Mock(side_effect=MemoryError))
    with pytest.raises(cf.ResponseTooLarge, match="memory") as caught:
        question.result()
    assert caught.value.question_id == QUESTION_ID
    assert server.count("results") == 1


@pytest.mark.parametrize("id_first", [True, False])
def test_a_submission_response_that_is_too_long(server: Script, client: Client, id_first: bool) -> None:
    """More than 1 MiB: Uncertain, with the id if that came; nothing is sent again."""
    fields: dict[str, Any] = {"question_id": QUESTION_ID, "more": ["x" * 100] * 20_000}
    body = json.dumps(fields if id_first else dict(reversed(fields.items()))).encode()
    server.on("ask", server.answer(202, raw=gzip.compress(body), Content_Encoding="gzip"))
    with pytest.raises(cf.SubmissionUncertain, match="longer than the limit of 1048576 bytes") as caught:
        client.ask("how many?")
    assert caught.value.question_id == (QUESTION_ID if id_first else None)
    assert server.questions == ["how many?"]
    assert "max_rows" not in str(caught.value.details["answer"])
