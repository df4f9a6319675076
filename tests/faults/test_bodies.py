"""A body is taken whole or not at all, and nothing in it is changed in silence."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import connecty_frames as cf
from tests.servers.scripted import QUESTION_ID, Script

if TYPE_CHECKING:
    from collections.abc import Callable

    from connecty_frames.client import Client

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
ROWS = {"state": "COMPLETED", "results": {"dataframe": [["n", "s"], *([n, f"row {n}"] for n in range(60))]}}
BODY = json.dumps(ROWS).encode()
EXPECTED = {"n": list(range(60)), "s": [f"row {n}" for n in range(60)]}
PACKED = gzip.compress(BODY, mtime=0)


def plain(body: bytes) -> bytes:
    """Write a response with the length of its body."""
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body


def unmeasured(body: bytes) -> bytes:
    """Write a response whose body ends where the connection does."""
    return HEAD + b"Connection: close\r\n\r\n" + body


def packed(body: bytes) -> bytes:
    """Write a response that says it is gzip, its length that of what is sent."""
    return HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def chunked(body: bytes) -> bytes:
    """Write a response in chunks of 100 bytes."""
    pieces = [body[at : at + 100] for at in range(0, len(body), 100)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in [*pieces, b""])
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks


def raw(server: Script, results: bytes) -> Any:
    """Make a step that answers with the bytes of a COMPLETED response, these being its results."""
    return server.answer(200, raw=b'{"state": "COMPLETED", "results": ' + results + b"}")


WHOLE = {
    "plain": plain(BODY),
    "unmeasured": unmeasured(BODY),
    "gzip": packed(PACKED),
    "chunked": chunked(BODY),
    "chunked gzip": chunked(PACKED).replace(b"Transfer", b"Content-Encoding: gzip\r\nTransfer"),
}


@pytest.mark.parametrize("way", WHOLE)
def test_a_whole_answer(server: Script, client: Client, way: str) -> None:
    """Each way of sending it gives the same rows, in one look."""
    server.on("results", server.send_and_close(WHOLE[way]))
    assert client.ask_df("how many?", engine="pyarrow").to_pydict() == EXPECTED
    assert server.count("results") == 1


@pytest.mark.parametrize("end", ["send_and_close", "send_and_reset"])
@pytest.mark.parametrize("way", WHOLE)
def test_an_answer_that_lost_its_tail(server: Script, client: Client, way: str, end: str) -> None:
    """Closed or reset five bytes early (the last chunk takes as many): all rows, from a second look."""
    broken: Callable[[bytes], Any] = getattr(server, end)
    server.on("results", broken(WHOLE[way][:-5]), server.answer(200, ROWS))
    assert client.ask_df("how many?", engine="pyarrow").to_pydict() == EXPECTED
    assert (server.count("results"), server.count("ask")) == (2, 1)


@pytest.mark.parametrize("kept", [20, len(HEAD) - 2, len(HEAD)])
def test_headers_that_were_cut(server: Script, client: Client, kept: int) -> None:
    """They look like an empty 200, or one without its length: fetched again."""
    server.on("results", server.send_and_close(HEAD[:kept]), server.answer(200, ROWS))
    assert client.ask_df("how many?", engine="pyarrow").to_pydict() == EXPECTED
    assert server.count("results") == 2


BROKEN = {
    "cut": packed(PACKED[:-9]),
    "trailer cut": packed(PACKED[:-1]),
    "bad checksum": packed(PACKED[:-8] + bytes([PACKED[-8] ^ 1]) + PACKED[-7:]),
    "no gzip": packed(BODY),
    "not asked for": plain(BODY).replace(b"Content-Length", b"Content-Encoding: br\r\nContent-Length"),
}


@pytest.mark.parametrize("way", BROKEN)
def test_a_body_whose_packing_is_broken(server: Script, client: Client, way: str) -> None:
    """Though its length is right: fetched once more; broken again it is a ResponseError with the id."""
    server.on("results", server.send_and_close(BROKEN[way]), server.answer(200, ROWS))
    assert client.ask_df("how many?", engine="pyarrow").to_pydict() == EXPECTED
    assert server.count("results") == 2
    server.on("results", server.send_and_close(BROKEN[way]))
    with pytest.raises(cf.ResponseError, match="cannot be decompressed") as caught:
        client.question(QUESTION_ID).result()
    assert caught.value.question_id == QUESTION_ID
    assert server.count("results") == 4


@pytest.mark.parametrize("kind", ["token", "ask", "results"])
@pytest.mark.parametrize("way", ["plain", "gzip"])
def test_a_body_over_the_limit(server: Script, kind: str, way: str) -> None:
    """200 MB, or a megabyte that unpacks to them: reading stops at 10 MB, and so does the memory."""
    if way == "gzip":
        step = server.send_and_close(packed(gzip.compress(bytes(200_000_000), 1)))
    else:
        piece = bytes(1_000_000)

        def step(connection: Any) -> bool:
            connection.sendall(HEAD + b"Content-Length: 200000000\r\n\r\n")
            for _ in range(200):
                connection.sendall(piece)
            return False

    server.on(kind, step)
    error = {"token": cf.AuthError, "ask": cf.SubmissionUncertain, "results": cf.ResponseTooLarge}[kind]
    with cf.Client(
        "id", client_secret="s", base_url=server.address, dw_id=13, timeout=20, max_body_bytes=10_000_000
    ) as client:
        tracemalloc.start()
        try:
            with pytest.raises(error, match="longer than the limit of 10000000 bytes") as caught:
                client.ask("how many?")
            assert tracemalloc.get_traced_memory()[1] < 40_000_000
        finally:
            tracemalloc.stop()
    if kind == "results":
        assert "max_body_bytes=, or CONNECTY_MAX_BODY_BYTES" in str(caught.value)
        assert caught.value.question_id == QUESTION_ID
    assert server.count(kind) == 1


def test_a_body_at_the_limit(server: Script) -> None:
    """Exactly as long as allowed is not too long."""
    server.on("results", server.answer(200, raw=BODY))
    with cf.Client(
        "id", client_secret="s", base_url=server.address, dw_id=13, max_body_bytes=len(BODY)
    ) as client:
        assert client.ask("how many?").rows == 60


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
    """ResponseError with the id; no other exception, and no value put in its place."""
    server.on("results", raw(server, results))
    with pytest.raises(cf.ResponseError) as caught:
        client.ask("how many?")
    assert caught.value.question_id == QUESTION_ID
    assert server.count("ask") == 1


def test_half_a_character(server: Script, client: Client) -> None:
    """A lone surrogate: ConversionError with column, row and id."""
    server.on("results", raw(server, b'{"dataframe": [["n"], ["whole"], ["half \\ud800"]]}'))
    with pytest.raises(cf.ConversionError) as caught:
        client.ask_df("how many?")
    assert (caught.value.column, caught.value.row) == ("n", 1)
    assert caught.value.question_id == QUESTION_ID


def test_a_bare_nan(server: Script, client: Client) -> None:
    """No JSON, and what is meant is plain: NaN, apart from null, and a warning."""
    server.on("results", raw(server, b'{"dataframe": [["n"], [1.5], [NaN], [null]]}'))
    with pytest.warns(cf.ConnectyWarning, match="NaN"):
        values = client.ask_df("how many?", engine="pyarrow")["n"].to_pylist()
    assert (values[0], repr(values[1]), values[2]) == (1.5, "nan", None)


NULS = (
    b'{"dataframe": [["a\\u0000b", "s"], [1, {"k\\u0000l": 2}]], '
    b'"dataframe_stats": {"a\\u0000b": {"temporal": {"min": "x"}}}}'
)


@pytest.mark.parametrize("engine", ["pandas", "polars", "pyarrow"])
def test_a_nul_in_a_name_or_a_key(server: Script, client: Client, engine: Any) -> None:
    """The column gets a name with a warning and keeps its statistics, an object is JSON; no name is cut."""
    server.on("results", raw(server, NULS))

    with pytest.warns(cf.ConnectyWarning) as warned:
        frame = client.ask_df("how many?", engine=engine)

    assert list(getattr(frame, "column_names", frame.columns)) == ["column_0", "s"]
    assert pa.table(frame).to_pydict() == {"column_0": [1], "s": ['{"k\\u0000l": 2}']}
    assert [(each.category, str(each.message)[:40]) for each in warned] == [
        (cf.ColumnNameWarning, "Column 0 is called 'column_0', since its"),
        (cf.TypeFidelityWarning, "Column 'column_0' is int64: '1' (row 0) "),
    ]
    if engine != "pyarrow":
        assert "column_0" in frame.connecty._repr_html_()


@pytest.mark.parametrize("number", ["9" * 5000, "1e999", "-1e999", "1e-400"])
def test_a_number_that_nothing_holds(server: Script, client: Client, number: str) -> None:
    """Its exact text, the whole column, and a warning: never infinity, never 0."""
    server.on("results", raw(server, b'{"dataframe": [["n"], [1], [' + number.encode() + b"]]}"))
    with pytest.warns(cf.TypeFidelityWarning, match="n"):
        frame = client.ask_df("how many?", engine="polars")
    assert frame["n"].to_list() == ["1", number]


def test_a_number_that_a_decimal_holds(server: Script, client: Client) -> None:
    """Thirty digits stay thirty digits."""
    server.on("results", raw(server, b'{"dataframe": [["n"], [123456789012345678901234567890]]}'))
    table = client.ask_df("how many?", engine="pyarrow")
    assert table["n"].to_pylist() == [Decimal(123456789012345678901234567890)]


def test_a_body_that_memory_cannot_hold(
    server: Script, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ResponseTooLarge, and it is not fetched again: the memory would be as short the next time."""

    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    server.on("results", server.answer(200, {"state": "PENDING"}))
    question = client.submit("how many?")
    monkeypatch.setattr("connecty_frames.http.transport.read_body", fail)
    with pytest.raises(cf.ResponseTooLarge, match="memory") as caught:
        question.result()
    assert caught.value.question_id == QUESTION_ID
    assert server.count("results") == 1
