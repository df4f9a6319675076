"""JSON read without losing a digit."""

import decimal
from decimal import Decimal

import pytest

from connecty_frames.decode import exact_json
from connecty_frames.decode.exact_json import ConstantText, FloatText, IntText, RepeatedKeys
from tests.cases import cases


@cases(
    ("text", "kind"),
    [
        ("0", IntText),
        ("-0", IntText),
        ("9" * 5000, IntText),
        ("1.10", FloatText),
        ("1E+5", FloatText),
        ("1e-99999999999999999999", FloatText),
        ("NaN", ConstantText),
        ("Infinity", ConstantText),
        ("-Infinity", ConstantText),
    ],
)
def test_numbers_are_kept_as_written(text: str, kind: type) -> None:
    """A number is the text as it was written, of a class that tells its kind."""
    found = exact_json.parse(text)
    assert type(found) is kind
    assert found == text


@cases(
    "text",
    ["", "01", "1.", ".5", "+1", "1e", "0x1F", "1_0", "\u0661", "'a'", "[1,]", "{1:2}", "nan", "\ufeff1"],
)
def test_what_is_not_json_is_refused(text: str) -> None:
    """Only JSON's grammar, and the bare tokens for NaN and infinity, are read."""
    with pytest.raises(ValueError, match="line 1"):
        exact_json.parse(text)


@cases(
    ("text", "written"),
    [
        ('{"b": 1.10, "a": [true, null, "x\\u00e9\\n"]}', '{"b":1.10,"a":[true,null,"xé\\n"]}'),
        ('{"a":1, "a":{"b":2,"b":3}}', '{"a":1,"a":{"b":2,"b":3}}'),
        ("[NaN, -Infinity, 1e400]", "[NaN,-Infinity,1e400]"),
    ],
)
def test_dump_writes_what_was_read(text: str, written: str) -> None:
    """Numbers keep their digits, and a repeated key is written each time."""
    assert exact_json.dump(exact_json.parse(text)) == written


def test_repeated_keys_are_marked() -> None:
    """An object with a repeated key is of a class of its own."""
    assert type(exact_json.parse('{"a":1,"a":2}')) is RepeatedKeys
    assert type(exact_json.parse('{"a":1,"b":2}')) is dict


@cases(
    ("text", "expected"),
    [
        ("5", 5),
        ("-0", 0),
        ("9007199254740993", 9007199254740993),
        ("1" * 641, "1" * 641),
        ("0.1", 0.1),
        ("1e400", Decimal("1e400")),
        ("0.12345678901234567890", Decimal("0.12345678901234567890")),
        ("1e99999999999999999999", "1e99999999999999999999"),
        ("Infinity", float("inf")),
        ('{"a":[1,{"b":2.5}]}', {"a": [1, {"b": 2.5}]}),
    ],
)
def test_python_numbers_are_exact(text: str, expected: object) -> None:
    """A number becomes int or float where that is the same number, Decimal otherwise, else it stays text."""
    found = exact_json.to_python(exact_json.parse(text))
    assert found == expected
    assert type(found) is type(expected)


def test_the_callers_decimal_context_is_not_used() -> None:
    """No precision, range or trap that the caller has set changes a number."""
    narrow = decimal.Context(prec=1, Emin=0, Emax=0, traps=[])
    with decimal.localcontext(narrow):
        assert exact_json.to_decimal("123.456") == Decimal((0, (1, 2, 3, 4, 5, 6), -3))
        assert exact_json.to_decimal("1e99999999999999999999") is None
        assert exact_json.to_python(exact_json.parse("1e99999999999999999999")) == "1e99999999999999999999"


@cases(
    ("value", "deep"),
    [
        ("[" * 100 + "]" * 100, False),
        ("[" * 101 + "]" * 101, True),
        ("[" * 100 + "1" + "]" * 100, False),
        ('{"a":' * 101 + "1" + "}" * 101, True),
        ('{"a":' + "[" * 101 + "]" * 101 + ',"a":1}', True),
        ("[" * 900 + "]" * 900, True),
        ("[[1,2],[3]]", False),
        ("1", False),
    ],
)
def test_is_too_deep(value: str, *, deep: bool) -> None:
    """100 levels are not too deep, 101 are, and a value hidden by a repeated key counts."""
    assert exact_json.is_too_deep([exact_json.parse(value)]) is deep


@cases(("text", "encodable"), [("é😀\x00", True), ("a\ud800", False), ("\udc00", False)])
def test_is_encodable(text: str, *, encodable: bool) -> None:
    """A lone surrogate is the one thing that UTF-8 cannot hold."""
    assert exact_json.is_encodable(text) is encodable


@cases(
    ("text", "has_one"),
    [
        (rb'["\ud800"]', True),
        (rb'{"a\udbff\ud800\udc00":1}', True),
        (rb'["\uDFFF","\ud83d\ude00"]', True),
        (rb'["\ud83d\ude00","\\ud800",NaN]', False),
    ],
)
def test_has_lone_surrogate(text: bytes, *, has_one: bool) -> None:
    """Pairs and escaped backslashes are none."""
    assert exact_json.has_lone_surrogate(text) is has_one


@cases(
    ("body", "masked"),
    [
        (b'{"a":1}', b'{"a":1}'),
        (b'[NaN,"NaN \\"NaN",-Infinity,Infinity]', b'[[ ],"NaN \\"NaN",[       ],[      ]]'),
        (b'["\\ud800","\\udc00\\ud83d\\ude00"]', b'["\\bd800","\\bdc00\\ud83d\\ude00"]'),
        (b'["\\\\ud800"]', b'["\\\\ud800"]'),
        (b"[1NaN]", b"[1[ ]]"),
        (b"{NaN:1}", b"{[ ]:1}"),
    ],
)
def test_mask_leniencies(body: bytes, masked: bytes) -> None:
    """What a strict reader refuses is replaced by something of its length, and makes no other text JSON."""
    assert exact_json.mask_leniencies(body) == masked
    assert len(masked) == len(body)
