"""Long arrays and objects, read piece by piece."""

from typing import Any

from connecty_frames.decode import exact_json
from connecty_frames.decode.scanning import inner_commas, parse_by_piece, scan
from tests.cases import cases


def read(text: str, size: int) -> Any:
    return parse_by_piece(scan(memoryview(text.encode())), size, lambda: None)


def test_the_time_is_checked_between_pieces() -> None:
    """A piece is a hundred bytes here, and the array ten of them."""
    checks, block = [], scan(memoryview(b"[" + b"123456789," * 100 + b"1]"))
    parse_by_piece(block, 100, lambda: checks.append(1))
    assert len(checks) >= 9
    assert (block.start, block.end) == (0, 1_003)


@cases("size", [1, 2, 3, 5, 8, 13, 100])
@cases(
    "text",
    [
        "[]",
        "{}",
        "[   ]",
        "{ \n }",
        "[1]",
        "[1,2,3,4,5,6,7,8,9,10]",
        "[ 1 , 2 ,\t[ 3 ] , {} ]",
        '["a,b","]","\\"","\\\\",",[",""]',
        "[[[[[[1,2],[3]],[]]]]]",
        '{"a":1,"b":[1,2,3],"c":{"d":null}}',
        '{ "a\\"b" : [ 1, 2 ] , "c,d" : "e:f" , "\\u0063" : true }',
        '[NaN,-Infinity,"NaN",1.50,1e5]',
        '["é","\\ud800",{"ü":"ß€😀"}]',
        '[1,[2,2,2,2,2,2,2,2],3,[4,4,4,4,4,4,4,4],"55555555555555",6]',
        "[" * 100 + "]" * 100,
    ],
)
def test_pieces_are_the_whole(text: str, size: int) -> None:
    """Taken apart in pieces of any size, a value is that which is parsed as a whole."""
    assert read(text, size) == exact_json.parse(text)


@cases("size", [2, 1_000])
def test_a_key_twice(size: int) -> None:
    """An object in which a key occurs twice is known as such, also if its fields are in different pieces."""
    found = read('{"a":[1,2,3],"b":2,"\\u0061":[4,5,6]}', size)
    assert isinstance(found, exact_json.RepeatedKeys)


@cases("shift", range(4))
def test_the_commas_of_a_long_object(shift: int) -> None:
    """They are found in a megabyte at a time, whatever is cut there, and the time is checked before each."""
    field = rb'"\\":["\",",{}]'
    text = b"{%s%s}" % (b" " * shift, b",".join([field] * 200_000))
    calls: list[None] = []
    found = [
        at for part in inner_commas(memoryview(text), lambda: calls.append(None)) for at in part.tolist()
    ]
    first = 1 + shift + len(field)
    assert found == list(range(first, len(text) - 1, len(field) + 1))
    assert len(calls) == len(text) // (1 << 20) + 1


def test_an_escape_that_is_cut() -> None:
    """The quote behind the last backslash of a piece ends no text."""
    start = b'["' + b"a" * ((1 << 20) - 3) + b"\\"
    assert len(start) == 1 << 20
    text = start + b'",b",1]'
    found = [at for part in inner_commas(memoryview(text), lambda: None) for at in part.tolist()]
    assert found == [len(text) - 3]
