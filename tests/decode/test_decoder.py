"""From response bytes to a table."""

import datetime as dt
import decimal
import gc
import json
import math
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connecty_frames.decode.decoder import Decoded, decode
from connecty_frames.decode.envelope import read_envelope
from connecty_frames.decode.exact_json import ReaderLimits, to_python
from connecty_frames.decode.schema import SchemaTypes
from connecty_frames.decode.types.encodings import epoch, local, strptime
from connecty_frames.errors import (
    ConnectyError,
    ConversionError,
    ResponseError,
    StatisticsWarning,
    TypeFidelityWarning,
)
from connecty_frames.options import AskOptions
from tests.cases import cases
from tests.decode.conftest import Decode

GOLDEN = Path(__file__).parent.parent / "golden"


def test_the_documents_own_example() -> None:
    """The API document's response: instants and text, 3 rows of 100, truncated, nothing to warn of."""
    body = (GOLDEN / "login_timestamps.json").read_bytes()
    found = decode(read_envelope(body), AskOptions(), fetched=3)
    assert found.table is not None
    assert found.table.schema == pa.schema(
        [("login_timestamp", pa.timestamp("us", "UTC")), ("user_email", pa.string())]
    )
    assert found.table.to_pydict() == {
        "login_timestamp": [
            datetime(2025, 11, 4, 12, 5, 1, 146000, UTC),
            datetime(2025, 11, 4, 10, 48, 15, 460000, UTC),
            datetime(2025, 11, 4, 9, 49, 22, 910000, UTC),
        ],
        "user_email": ["damian@connectyai.com"] * 3,
    }
    assert (found.rows, found.total_rows, found.truncated, found.warnings) == (3, 100, True, [])
    assert found.columns[0].evidence == (
        "temporal statistics; 3 of 3 values and the statistics' min and max are timestamps with offsets "
        "+01:00, +02:00"
    )


# --- shapes -----------------------------------------------------------------------------------------


@cases(
    ("header", "matched", "absent"),
    [
        # The same name is taken first.
        (["a", "b"], {"b": "b", "a": "a"}, []),
        (["a", "A"], {"a": "a", "A": "A"}, []),
        (["a"], {"a": "a", "A": None}, ["A"]),
        (["a", "A"], {"a": "a"}, []),
        # Then one that differs only in case.
        (["ID", "Straße"], {"id": "ID", "STRASSE": "Straße"}, []),
        (["id", "Total"], {"ID": "id", "Total": "Total"}, []),
        # Several columns or entries that differ only in case.
        (["id", "ID"], {"Id": None}, ["Id"]),
        (["id"], {"ID": None, "Id": None}, ["ID", "Id"]),
        (["id", "ID"], {"id": "id", "Id": None}, ["Id"]),
        # Two columns of one name, which has no other.
        (["a", "a", "b"], {"a": None, "b": "b"}, []),
        (["a", "a"], {"A": None}, []),
        (["a", "a", "A"], {"A": "A", "a": None}, []),
        # Not the name that a column is given, nor null.
        (["a", "a", None], {"a_1": None, "column_2": None, "null": None}, ["a_1", "column_2", "null"]),
        (["", None], {"": ""}, []),
        # A name that is a number.
        ([5, "x"], {"5": 5}, []),
        ([5, "5"], {"5": None}, []),
        (["x"], {"y": None}, ["y"]),
    ],
)
@cases("rows", [1, 2_000], ids=["by row", "by column"])
def test_statistics_go_to_the_column_of_their_name(
    decode_json: Decode, header: list[Any], matched: dict[str, Any], absent: list[str], rows: int
) -> None:
    """By the same name, else by case folding where one column and one entry are alike."""
    body = json.dumps([header, *[["x"] * len(header)] * rows])
    found = decode_json(body, json.dumps({entry: {"string": {"distinct_approx": True}} for entry in matched}))
    # A column without statistics is text too, but says that all its values are texts.
    own = [
        name for name, column in zip(header, found.columns, strict=True) if "values" not in column.evidence
    ]
    assert own == [name for name in header if name in matched.values() and name is not None]
    disagreements = [str(warning) for warning in found.warnings if isinstance(warning, StatisticsWarning)]
    names = ", ".join(map(repr, absent))
    assert disagreements == (
        [f"Statistics for {names} match no column, or more than one, and were ignored."] if absent else []
    )


@cases(
    ("header", "statistics"),
    [
        ('[null,"None"]', '{"None":{"numeric":{"distinct_approx":true}}}'),
        (
            '["x",true]',
            '{"true":{"numeric":{"distinct_approx":true}},"True":{"temporal":{"distinct_approx":true}}}',
        ),
    ],
)
def test_numeric_statistics_of_many_times(decode_json: Decode, header: str, statistics: str) -> None:
    """Times that were read as such stay text if the statistics turn out to be of numbers."""
    rows = ',["a","2025-01-01T00:00:00"]' * 1_500
    found = decode_json(f"[{header}{rows}]", statistics)
    assert found.table is not None
    assert found.table.column(1).to_pylist() == ["2025-01-01T00:00:00"] * 1_500
    assert found.columns[1].evidence == "exact text, since '2025-01-01T00:00:00' (row 0) is not a number"


def test_many_absent_columns_are_one_warning(decode_json: Decode) -> None:
    """Ten names are shown, and their control characters escaped."""
    statistics = {f"c\x1b{number}": {"string": {"distinct_approx": True}} for number in range(12)}
    found = decode_json('[["a"],[1]]', json.dumps(statistics))
    assert len(found.warnings) == 1
    assert str(found.warnings[0]).endswith(
        r"'c\\x1b9' and 2 more match no column, or more than one, and were ignored."
    )
    with pytest.raises(ResponseError, match="match no column"):
        decode_json('[["a"],[1]]', json.dumps(statistics), strict=True)


@cases(
    ("statistics", "total", "truncated"),
    [
        ('{"a":{"general":{"count":2}},"hidden":{"general":{"count":5}}}', 2, False),
        ('{"A":{"general":{"count":2}},"hidden":{"general":{"count":5}}}', 2, False),
        ('{"a":{"general":{"count":3}},"hidden":{"general":{"count":2}}}', 3, True),
        ('{"hidden":{"general":{"count":5}}}', None, None),
    ],
)
def test_absent_columns_count_no_rows(
    decode_json: Decode, statistics: str, total: int | None, truncated: object
) -> None:
    """Statistics of no column take no part in the number of rows of the whole result."""
    found = decode_json('[["a"],[1],[2]]', statistics)
    assert (found.total_rows, found.truncated) == (total, truncated)


@cases(
    "statistics",
    [
        "null",
        "[]",
        "5",
        '"x"',
        "NaN",
        '{"a":null}',
        '{"a":[]}',
        '{"a":{"general":[1],"temporal":[],"numeric":5}}',
        '{"a":{"numeric":{"min":{},"max":[]}}}',
        '{"a":{"general":{"count":-1}}}',
        '{"a":{"general":{"count":NaN}}}',
        '{"a":{"x":' + "[" * 500 + "]" * 500 + "}}",
    ],
)
def test_statistics_are_never_an_error(decode_json: Decode, statistics: str) -> None:
    """Whatever their shape, the rows decide."""
    found = decode_json('[["a"],[1],[null]]', statistics, strict=True)
    assert found.table is not None
    assert found.table.to_pydict() == {"a": [1, None]}
    assert found.warnings == []


@cases(
    "nested", ["[" * 101 + "]" * 101, '{"a":' * 101 + "1" + "}" * 101, "[" * 800 + '"\\ud800"' + "]" * 800]
)
def test_nested_too_deeply(decode_json: Decode, nested: str) -> None:
    """More than 100 levels are a ResponseError that names the column."""
    with pytest.raises(ResponseError, match="Column 'a' is nested deeper than 100 levels"):
        decode_json(f'[["a"],[{nested}]]')


@cases("at", [0, 1, 2])
def test_nested_too_deeply_among_others(decode_json: Decode, at: int) -> None:
    """The column is named whose cell it is."""
    cells = ["[]"] * 3
    cells[at] = "[" * 101 + "]" * 101
    with pytest.raises(ResponseError, match=f"Column '{'abc'[at]}' is nested deeper"):
        decode_json(f'[["a","b","c"],[[],[],[]],[{",".join(cells)}]]')


def test_nested_100_levels(decode_json: Decode) -> None:
    """100 levels are read."""
    found = decode_json('[["a"],[' + "[" * 100 + "]" * 100 + "]]")
    assert str(found.columns[0].type).count("list") == 100


def test_a_bare_nan_elsewhere_changes_nothing(decode_json: Decode) -> None:
    """A body that is not strict JSON gives the same table: digits, shapes and repeated keys included."""
    dataframe = '[["a","b","c"],[1.10,{"x":1,"x":2},"\\u00e9"],[null,[1],null]]'
    strict = decode_json(dataframe, '{"a":{"string":{"distinct_approx":true}}}')
    exact = decode_json(dataframe, '{"a":{"string":{"mean_len":NaN}}}')
    assert strict.table == exact.table
    assert exact.table is not None
    assert exact.table.to_pydict() == {"a": ["1.10", None], "b": ['{"x":1,"x":2}', "[1]"], "c": ["é", None]}


# --- rows and their count ---------------------------------------------------------------------------


@cases(
    ("count", "fetched", "total", "truncated"),
    [
        ("100", 2, 100, True),
        ("2", 2, 2, False),
        ("2", 1000, 2, False),
        ("3", 1000, 3, True),
        ("2", None, 2, False),
        ("1", 2, 1, False),
        (None, 2, None, None),
        (None, 1, None, None),
        (None, 3, None, False),
        (None, None, None, None),
    ],
)
def test_truncated(
    decode_json: Decode, count: str | None, fetched: int | None, total: int | None, truncated: object
) -> None:
    """By the statistics; without them, fewer rows than requested are all rows, and as many may not be."""
    statistics = None if count is None else f'{{"a":{{"general":{{"count":{count}}}}}}}'
    found = decode_json('[["a"],[1],[2]]', statistics, fetched=fetched)
    assert (found.rows, found.total_rows, found.truncated) == (2, total, truncated)


def test_max_rows_of_zero(decode_json: Decode) -> None:
    """Where no row was requested, only the statistics tell whether there are more."""
    assert decode_json('[["a"]]', fetched=0).truncated is None
    assert decode_json('[["a"]]', '{"a":{"general":{"count":0}}}', fetched=0).truncated is False
    assert decode_json('[["a"]]', '{"a":{"general":{"count":5}}}', fetched=0).truncated is True


# --- schema= ----------------------------------------------------------------------------------------


def test_schema_types(decode_json: Decode) -> None:
    """The types of ``schema=`` are used whatever the statistics say; the others are decided as usual."""
    schema_types = SchemaTypes({"b": pa.string(), "a": pa.float64()}, complete=False)
    found = decode_json(
        '[["a","b","c"],[1,{"x": 1},2]]',
        '{"a":{"string":{"distinct_approx":true}}}',
        schema_types=schema_types,
    )
    assert found.table is not None
    assert found.table.column_names == ["a", "b", "c"]
    assert found.table.to_pydict() == {"a": [1.0], "b": ['{"x": 1}'], "c": [2]}
    assert [column.evidence for column in found.columns] == ["schema=", "schema=", "1 whole number"]


def test_a_complete_schema_sets_the_order(decode_json: Decode) -> None:
    """The columns come in the order of the schema."""
    schema_types = SchemaTypes({"b": pa.int8(), "a": pa.string()}, complete=True)
    found = decode_json('[["a","b"],["x",1]]', schema_types=schema_types)
    assert found.table is not None
    assert found.table.schema == pa.schema([("b", pa.int8()), ("a", pa.string())])
    assert found.table.to_pydict() == {"b": [1], "a": ["x"]}


@cases(
    ("types", "complete", "says", "column"),
    [
        (["a", "b", "x", "y"], True, "missing: 'x', 'y')", "x"),
        (["a"], True, "not in the schema: 'b'", "b"),
        (["a", "x"], True, "missing: 'x'; not in the schema: 'b'", "x"),
        (["x"], False, "missing: 'x'", "x"),
    ],
)
def test_the_columns_are_not_those_of_the_schema(
    decode_json: Decode, types: list[str], says: str, column: str, *, complete: bool
) -> None:
    """Missing and extra columns are an error that lists both and what there is."""
    schema_types = SchemaTypes(dict.fromkeys(types, pa.int64()), complete=complete)
    with pytest.raises(ConversionError) as caught:
        decode_json('[["a","b"],[1,2]]', schema_types=schema_types)
    assert says in str(caught.value)
    assert "It has 'a', 'b'." in str(caught.value)
    assert caught.value.column == column


@cases(
    ("cell", "type_", "value"),
    [
        ('"x"', pa.int64(), "x"),
        ("1.5", pa.int64(), "1.5"),
        ("300", pa.int8(), "300"),
        ('"0x1F"', pa.int64(), "0x1F"),
        ("1.005", pa.decimal128(5, 2), "1.005"),
        ("1e-999999999", pa.decimal128(38, 2), "1e-999999999"),
        ("1e999999999", pa.int64(), "1e999999999"),
        ("1e999", pa.float64(), "1e999"),
        ("2", pa.bool_(), "2"),
        ("1", pa.date32(), "1"),
        ('"2025-01-01T00:00:01"', pa.date32(), "2025-01-01T00:00:01"),
        ('"2025-01-01T00:00:00"', pa.timestamp("us", "UTC"), "2025-01-01T00:00:00"),
        ('"9999-12-31"', pa.timestamp("ns"), "9999-12-31"),
        ('"infinity"', pa.timestamp("us"), "infinity"),
        ("[1]", pa.struct([("a", pa.int64())]), "[1]"),
        ('["x"]', pa.list_(pa.int64()), "x"),
        ('"\\u202e' + "x" * 60 + '"', pa.int64(), "\\u202e" + "x" * 54 + "…"),
    ],
)
def test_what_does_not_fit_the_schema(decode_json: Decode, cell: str, type_: pa.DataType, value: str) -> None:
    """A value that does not fit always raises, and the error names column, row and value."""
    schema_types = SchemaTypes({"a": type_}, complete=True)
    with pytest.raises(ConversionError) as caught:
        decode_json(f'[["a"],[null],[{cell}]]', schema_types=schema_types)
    assert (caught.value.column, caught.value.row, caught.value.value) == ("a", 1, value)
    assert str(caught.value).startswith(f"Column 'a', row 1: {value!r} ")


def test_every_column_that_does_not_fit_is_named(decode_json: Decode) -> None:
    """All are named, so that a schema can be corrected at once; the attributes are those of the first."""
    schema_types = SchemaTypes({"a": pa.int8(), "b": pa.string(), "c": pa.date32()}, complete=True)
    with pytest.raises(ConversionError) as caught:
        decode_json('[["a","b","c"],[1,"x","2025-01-01"],[300,"y"," 2025-01-02"]]', schema_types=schema_types)
    assert str(caught.value) == (
        "2 columns do not fit. Column 'a', row 1: '300' does not fit in int8. "
        "Column 'c', row 1: ' 2025-01-02' is padded with white space."
    )
    assert (caught.value.column, caught.value.row, caught.value.value) == ("a", 1, "300")


@cases(
    ("count", "end"), [(10, "number that fits in int8."), (11, ". And 1 more."), (1_010, ". And 1,000 more.")]
)
def test_of_many_columns_that_do_not_fit_some_are_named(decode_json: Decode, count: int, end: str) -> None:
    """An error describes ten columns and counts the others."""
    names = [f"<{number}>" for number in range(count)]
    schema_types = SchemaTypes(dict.fromkeys(names, pa.int8()), complete=True)
    with pytest.raises(ConversionError) as caught:
        decode_json(json.dumps([names, ["x"] * count]), schema_types=schema_types)
    message = str(caught.value)
    assert [name for name in names if name in message] == names[:10]
    assert message.startswith(f"{count:,} columns do not fit. Column '<0>', row 0: 'x' is not a number")
    assert message.endswith(end)


@cases("type_", [pa.dictionary(pa.int32(), pa.list_(pa.int64())), pa.binary()])
def test_types_that_cannot_be_made(decode_json: Decode, type_: pa.DataType) -> None:
    """No exception of Arrow reaches the caller."""
    with pytest.raises(ConversionError, match="Column 'a'"):
        decode_json('[["a"],[[1]]]', schema_types=SchemaTypes({"a": type_}, complete=True))


# --- the same values as the standard library --------------------------------------------------------


class _Whole(str):
    __slots__ = ()


class _Fraction(str):
    __slots__ = ()


def _holds(source: Any, value: Any) -> bool:
    """Whether a cell of the table is what the standard library reads in the source."""
    if source is None:
        return value is None
    if isinstance(value, str):
        return bool(value == source if isinstance(source, str) else _parsed(value) == source)
    if isinstance(source, _Whole | _Fraction):
        return _is_number(source, value)
    if isinstance(source, str):
        return bool(type(value).fromisoformat(source) == value)
    if isinstance(source, list):
        return len(source) == len(value) and all(map(_holds, source, value))
    if isinstance(source, dict):
        return source.keys() == value.keys() and all(_holds(source[key], value[key]) for key in source)
    return value is source


def _is_number(source: str, value: float | Decimal) -> bool:
    """Whether a number is exactly the source's; a computed one may be the nearest float."""
    if not isinstance(value, float):
        return Decimal(value) == Decimal(source)
    computed = re.search(r"\.\d{10,}", source) is not None and value == float(source)
    return computed or Decimal(source) in (Decimal(repr(value)), Decimal(value))


def _parsed(text: str | bytes) -> Any:
    return json.loads(text, parse_int=_Whole, parse_float=_Fraction)


_NUMBERS = st.one_of(
    st.integers(-(2**65), 2**65).map(str),
    st.integers(-(10**80), 10**80).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map("{:f}".format),
    st.sampled_from(["-0", "1e5", "1E-7", "1e999", "1e-400", "0.1234567890123456789", "1" * 400]),
)
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_STAMPS = st.one_of(
    st.dates().map(dt.date.isoformat),
    st.datetimes().map(datetime.isoformat),
    st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
)
_CELLS = {
    "numbers": _NUMBERS,
    "texts": _TEXTS.map(json.dumps),
    "raw texts": _TEXTS.map(lambda text: json.dumps(text, ensure_ascii=False)),
    "stamps": _STAMPS.map(json.dumps),
    "booleans": st.sampled_from(["true", "false"]),
    "arrays": st.lists(_NUMBERS, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
    "objects": st.lists(_NUMBERS, min_size=1, max_size=2).map(
        lambda items: "{" + ",".join(f'"k{n}": {item}' for n, item in enumerate(items)) + "}"
    ),
}
_SECTIONS = st.sampled_from([None, "string", "temporal", "numeric", "boolean", "general", "other"])


@st.composite
def _tables(draw: st.DrawFn) -> tuple[str, str]:
    """Make the JSON of a few rows, each column of one or two kinds of cells, and statistics."""
    rows = draw(st.integers(0, 4))
    columns, statistics = [], {}
    for position in range(draw(st.integers(1, 3))):
        kinds = draw(st.lists(st.sampled_from(list(_CELLS)), min_size=1, max_size=2))
        cell = st.one_of(st.just("null"), *(_CELLS[kind] for kind in kinds))
        columns.append([f'"c{position}"', *draw(st.lists(cell, min_size=rows, max_size=rows))])
        section = draw(_SECTIONS)
        if section is not None:
            statistics[f"c{position}"] = {section: {}}
    lines = (f"[{', '.join(cells)}]" for cells in zip(*columns, strict=True))
    return f"[{','.join(lines)}]", json.dumps(statistics)


@given(_tables())
def test_no_value_is_ever_changed(table: tuple[str, str]) -> None:
    """Every cell of the table is what the standard library reads in the body, digit by digit."""
    dataframe, statistics = table
    body = f'{{"state":"COMPLETED","results":{{"dataframe":{dataframe},"dataframe_stats":{statistics}}}}}'
    # A caller's own decimal context must not matter.
    with decimal.localcontext(decimal.Context(prec=2, traps=[decimal.Inexact, decimal.FloatOperation])):
        found = decode(read_envelope(body.encode()), AskOptions())
    assert found.table is not None
    found.table.validate(full=True)
    header, *rows = _parsed(dataframe)
    assert found.table.column_names == header
    assert found.table.num_rows == len(rows)
    for position, column in enumerate(found.table.columns):
        for row, value in zip(rows, column.to_pylist(), strict=True):
            assert _holds(row[position], value), (row[position], value, column.type)


# --- hostile bodies ---------------------------------------------------------------------------------

AWKWARD = (
    '{"state":"COMPLETED","took":1.5,"results":{"sql_query":"SELECT \\"é\\"","dataframe":[["a","b","c","d"],'
    '["2025-01-01",1.50,{"x":[1,2]},"\\ud83d\\ude00"],[null,-2,null,""]],"dataframe_stats":{"a":{"general":'
    '{"count":2,"nulls_count":1},"temporal":{"min":"2025-01-01","max":null}},"b":{"numeric":{"min":-2}}}}}'
).encode()


def _read(body: bytes) -> Decoded | None:
    """Decode any body; only errors of this package may be raised."""
    try:
        envelope = read_envelope(body)
        envelope.count_rows()
        to_python(envelope.statistics)
        return decode(envelope, AskOptions(), fetched=2)
    except ConnectyError:
        return None


def test_a_body_cut_at_every_byte() -> None:
    """No beginning of a body is a body."""
    assert _read(AWKWARD) is not None
    for end in range(len(AWKWARD)):
        assert _read(AWKWARD[:end]) is None


@example(AWKWARD.index(rb"\ud83d\ude00") + 6, 0, b" ")
@given(st.integers(0, len(AWKWARD) - 1), st.integers(0, 40), st.binary(max_size=4))
def test_a_body_with_a_hole(start: int, length: int, patch: bytes) -> None:
    """Whatever replaces a part, no foreign error is raised, and no value appears that was not sent."""
    body = AWKWARD[:start] + patch + AWKWARD[start + length :]
    found = _read(body)
    if found is None or found.table is None:
        return
    rows = json.loads(body, parse_int=_Whole, parse_float=_Fraction)["results"]["dataframe"][1:]
    assert found.table.num_rows == len(rows)
    for position, column in enumerate(found.table.columns):
        is_json = any(re.search("[\ud800-\udfff]", str(row[position])) for row in rows)  # a lone surrogate
        for row, value in zip(rows, column.to_pylist(), strict=True):
            source = row[position]
            named = isinstance(value, float) and math.isnan(value)
            holds = _parsed(value) == source if is_json and value is not None else _holds(source, value)
            assert named or holds, (source, value, column.type)


@cases(
    "cell",
    [
        *("01", "1.", ".5", "+1", "1e", "0x1F", "1_0", "nan", "tru", "nul", "'a'", '"a', '"\\x"', '"\t"'),
        *('"\\u12"', "[1", "[1,]", "[,1]", "{1:2}", "{NaN:1}", "{-Infinity:1}", "1NaN", "-NaN", '{"a"}'),
        *('{"a":}', '{"a":1,}', "1 2", "\x0c1", "\u00a01", "\u0661", "--1", "1e+", "-", "/**/1"),
    ],
)
def test_what_is_not_json(decode_json: Decode, cell: str) -> None:
    """Outside of JSON's grammar nothing is read."""
    with pytest.raises(ResponseError, match="is not JSON"):
        decode_json(f'[["a"],[{cell}]]')


@cases("text", [b"\xff", b"\xc3", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82"])
@cases("where", [b"cell", b"name", b"query", b"column"])
def test_invalid_utf8(text: bytes, where: bytes) -> None:
    """Bytes that are not UTF-8 are refused wherever they stand."""
    body = (
        b'{"state":"COMPLETED","results":{"sql_query":"query","dataframe":[["name"],["cell"]],'
        b'"dataframe_stats":{"column":{}}}}'
    )
    assert _read(body) is not None
    with pytest.raises(ResponseError, match="is not UTF-8"):
        decode(read_envelope(body.replace(b'"' + where + b'"', b'"' + text + b'"')), AskOptions())


def test_large_cells(decode_json: Decode) -> None:
    """A text of 5 MB, digits of a megabyte and an array of 100,000 are read like others."""
    text, digits = "é" * 2_500_000, "1" * 1_000_000
    items = ",".join(["1"] * 100_000)
    found = decode_json(f'[["a","b","c"],["{text}",{digits},[{items}]]]')
    assert found.table is not None
    assert found.table.to_pydict() == {"a": [text], "b": [digits], "c": [[1] * 100_000]}


def test_names_are_escaped_in_messages(decode_json: Decode) -> None:
    """Warnings have no control characters."""
    found = decode_json('[["\\u001b[2J"],[1],["x"]]')
    assert "\x1b" not in str(found.warnings[0])


def test_a_server_that_leaves_nulls_out_of_equal_counts(decode_json: Decode) -> None:
    """Where all columns have as many nulls, the rows received tell that ``count`` is without them."""
    general = '{"general":{"count":2,"nulls_count":1}}'
    found = decode_json('[["a","b"],[1,2],[null,3],[4,null]]', f'{{"a":{general},"b":{general}}}')
    assert (found.rows, found.total_rows, found.truncated) == (3, 3, False)
    assert found.warnings == []


@cases(
    ("cells", "section", "remedy"),
    [
        ('["2025-01-01"],["2025-01-01T10:00:00"]', "temporal", "{'c': 'timestamp[us]'}"),
        ('["2025-01-01"],["2025-01-01T10:00:00.1234567"]', "temporal", "{'c': 'timestamp[ns]'}"),
        ('["2025-01-01 10:00:00.000 Europe/Berlin"]', "temporal", "{'c': 'timestamp[us, tz=UTC]'}"),
        ('["01:00:00"],["100:00:00"],["01:00"]', "temporal", None),
        ("[1735725600],[1735725601.5]", "temporal", "{'c': cf.epoch(unit)}"),
        ('["1735725600000000000"]', "temporal", "{'c': cf.epoch(unit)}"),
        ('["2025-01-01T10:00:00Z"],["2025-01-01T10:00:00"]', "temporal", None),
        ('["2025-01-01"],["infinity"]', "temporal", None),
        ('["2025-01-01"],["0044-03-15 BC"]', "temporal", None),
        ('["2016-12-31T23:59:60Z"]', "temporal", None),
        ('[" 2025-01-01"]', "temporal", None),
        ('[1],["2"]', "general", "{'c': 'int64'}"),
        ('[1],["a"]', "general", None),
        ("[1e999]", "numeric", None),
        ('[1],["abc"]', "numeric", None),
        # Of many values only some are tried, and always the one in question.
        (",".join(["[1]", '["a"]', *["[1]"] * 2_500]), "general", None),
        # An object may not be among them.
        (",".join(["[1]", "[{}]", *["[1]"] * 2_500, '["2"]']), "general", None),
    ],
)
def test_a_warning_names_schema_where_it_helps(
    decode_json: Decode, cells: str, section: str, remedy: str | None
) -> None:
    """It is found by reading the column with it."""
    found = decode_json(f'[["c"],{cells}]', f'{{"c":{{"{section}":{{"distinct_approx":true}}}}}}')
    [warning] = [each for each in found.warnings if isinstance(each, TypeFidelityWarning)]
    end = "Use strict=True to make this an error."
    if remedy is not None:
        end = f"Read it with schema={remedy}, or use strict=True to make this an error."
    assert str(warning).endswith(end)


@cases(
    ("cells", "given", "least", "most", "disagreement"),
    [
        ("[1735725600],[1735725601]", epoch("s", "UTC"), '"1735725600"', '"1735725601"', None),
        ("[1735725600],[1735725601]", epoch("s", "UTC"), "1735725600", "1735725601", None),
        ("[1735725600]", epoch("s"), '"2025-01-01T10:00:00"', '"2025-01-01T10:00:00"', None),
        ("[1735725600]", epoch("s"), "1735725600", "1735725601", "the max 2025-01-01 10:00:00.000000,"),
        ('["2025-07-01"]', local("Europe/Berlin"), '"2025-07-01"', '"2025-07-01T00:00:00"', None),
        ('["2025-07-01"]', local("Europe/Berlin"), '"2025-06-30"', '"2025-07-01"', "the min 2025-06-30 22:"),
        ('["4/11/2025"]', strptime("%d/%m/%Y"), '"04/11/2025"', '"2025-11-04"', None),
        ('["04/11/2025"]', strptime("%d/%m/%Y"), '"04/11/2025"', '"05/11/2025"', "the max 2025-11-04,"),
        ('["/Date(0)/"]', pa.timestamp("us", "UTC"), '"/Date(0)/"', '"1970-01-01T00:00Z"', None),
        ('["01:00:00"]', pa.duration("us"), '"01:00:00"', '"PT1H"', None),
        ('["01:00:00"]', pa.duration("us"), '"00:59:58"', '"01:00:00"', "the min PT3600.000000S"),
        ('["-1 day, 2:00:00"]', pa.duration("us"), '"-1 day, 2:00:00"', '"-21:59:58"', "the max PT-79200."),
        ('["20250101"]', pa.date32(), '"20250101"', '"20250101"', None),
        ('["20250101"]', pa.date32(), '"20250101"', '"20250102"', "the max 2025-01-01,"),
        (
            '["2025-01-01 10:00 Asia/Qatar"]',
            pa.timestamp("us", "UTC"),
            '"2025-01-01 10:00 Asia/Qatar"',
            '"2025-01-01 10:00:00.000 Asia/Riyadh"',
            None,
        ),
    ],
)
@cases("section", ["temporal", "numeric"])
def test_bounds_are_read_as_the_rows(
    decode_json: Decode, cells: str, given: Any, least: str, most: str, disagreement: str | None, section: str
) -> None:
    """So that min and max are compared, however values are written; ISO 8601 is read too."""
    rows = cells.count("[")
    statistics = f'{{"c":{{"general":{{"count":{rows}}},"{section}":{{"min":{least},"max":{most}}}}}}}'
    found = decode_json(
        f'[["c"],{cells}]', statistics, schema_types=SchemaTypes({"c": given}, complete=False)
    )
    messages = list(map(str, found.warnings))
    assert len(messages) == (disagreement is not None)
    bound = (most if "max" in str(disagreement) else least).strip('"')
    assert all(str(disagreement) in message for message in messages)
    assert all(message.endswith(f" is {bound}.") for message in messages)


def test_optional_columns(decode_json: Decode) -> None:
    """A column that is not required may be missing; where it is there, it has the type."""
    schema_types = SchemaTypes({"a": pa.int8(), "b": pa.int16()}, complete=False, optional=frozenset({"b"}))
    assert decode_json('[["a"],[1]]', schema_types=schema_types).table.schema.types == [pa.int8()]
    found = decode_json('[["a","b"],[1,2]]', schema_types=schema_types)
    assert found.table.schema.types == [pa.int8(), pa.int16()]
    with pytest.raises(ConversionError, match="missing: 'a'"):
        decode_json('[["b"],[1]]', schema_types=schema_types)


@cases("type_", [pa.duration("us"), pa.duration("ns")])
@cases("other", ["1", "NaN"])
def test_nat_with_a_type_that_is_set(decode_json: Decode, type_: pa.DataType, other: str) -> None:
    """NaT is null where the statistics count it, whatever the type and the reader of the rows."""
    statistics = '{"c":{"general":{"count":2,"nulls_count":1},"temporal":{"distinct_approx":true}}}'
    found = decode_json(
        f'[["c","d"],["NaT",{other}],["1 day",2]]',
        statistics,
        schema_types=SchemaTypes({"c": type_}, complete=False),
    )
    assert found.table.column("c").cast(pa.duration("us")).to_pylist() == [None, dt.timedelta(days=1)]


def test_no_schema_is_named_that_does_not_read_the_column(decode_json: Decode) -> None:
    """A value further down that no type reads is looked at too."""
    cells = ["2025-01-01T00:00:00"] * 1_001 + ["2025-01-02"] + ["nope"] * 500
    rows = ",".join(f'["{cell}"]' for cell in cells)
    found = decode_json(f'[["c"],{rows}]', '{"c":{"temporal":{"distinct_approx":true}}}')
    assert "schema=" not in str(found.warnings[0])


def test_a_year_that_a_zone_cannot_show(decode_json: Decode) -> None:
    """An instant whose local year is 10000 is refused for a type that is set, as no library can show it."""
    types = {
        zone: SchemaTypes({"c": pa.timestamp("us", zone)}, complete=False) for zone in ("Asia/Tokyo", "UTC")
    }
    rows = '[["c"],["9999-12-31T23:00:00Z"]]'
    assert decode_json(rows, schema_types=types["UTC"]).rows == 1
    with pytest.raises(ConversionError, match="no year that can be shown in Asia/Tokyo") as caught:
        decode_json(rows, schema_types=types["Asia/Tokyo"])
    assert caught.value.row == 0


def test_a_category_is_exact_text(decode_json: Decode) -> None:
    """Numbers and objects in it are the JSON that was received, as in text."""
    types = SchemaTypes({"c": pa.dictionary(pa.int32(), pa.string())}, complete=False)
    found = decode_json('[["c"],[-0],[{"a": 1.50}],["x"]]', schema_types=types)
    assert found.table.column("c").to_pylist() == ["-0", '{"a": 1.50}', "x"]


def test_no_schema_is_named_that_rounds(decode_json: Decode) -> None:
    """Beside NaN a number of many digits has no exact type, so that no schema= is named."""
    found = decode_json(
        '[["c"],["0.123456789012345678"],["NaN"]]',
        '{"c":{"general":{"count":2},"numeric":{"distinct_approx":true}}}',
    )
    assert "schema=" not in str(found.warnings[0])


def test_the_garbage_collector_is_left_alone() -> None:
    """It stays as the program set it, also while rows are read."""
    seen = []
    limits = ReaderLimits(checkpoint=lambda: seen.append((gc.isenabled(), gc.get_threshold())))
    before = gc.isenabled(), gc.get_threshold()
    decode(
        read_envelope(b'{"state":"COMPLETED","results":{"dataframe":[["a"],[[1]]]}}'),
        AskOptions(),
        limits=limits,
    )
    assert set(seen) == {before}
    assert (gc.isenabled(), gc.get_threshold()) == before
