"""JSON's grammar (RFC 8259) as texts that are JSON and texts that are not.

The texts are sorted by hand. ``LENIENT`` is not JSON, but Python's ``json`` reads it, and so does the
package, with a warning, since some servers write it.
"""

from typing import Final

ACCEPT: Final[tuple[bytes, ...]] = (
    # literals
    b"null", b"true", b"false",
    # numbers
    b"0", b"-0", b"1", b"-1", b"10", b"123456789", b"0.0", b"-0.0", b"0.1", b"1.10", b"-1.5", b"1e5", b"1E5",
    b"1e+5", b"1e-5", b"1E+05", b"0e0", b"0e999", b"0.0e-999", b"-0e-0", b"1.5e300", b"1e308", b"1e309",
    b"-1e400", b"1e-400", b"5e-324", b"2e-324", b"1e999999999999999999999", b"1e-999999999999999999999",
    b"9007199254740993", b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808",
    b"-9223372036854775809", b"18446744073709551615", b"18446744073709551616", b"1" * 38, b"9" * 76,
    b"9" * 77, b"1" * 400, b"1" * 5000, b"0." + b"1" * 400, b"0.1000000000000000055511151231257827",
    b"123456789.123456789", b"12345678901234567890.5", b"1" + b"0" * 30 + b".5", b"1.7976931348623159e308",
    # texts
    b'""', b'" "', b'"a"', b'"\\u0000"', b'"\\u0001\\u0002\\u0003"', b'"\\u001f"',
    b'"\\"\\\\\\/\\b\\f\\n\\r\\t"', b'"\\u00e9"', b'"\\u00E9"', b'"\\ud83d\\ude00"', b'"\\uD83D\\uDE00"',
    b'"\\uffff"', b'"\\u2028\\u2029"', b'"\\\\u0041"', b'"\\\\"', b'"\\\\\\""', b'"\\\\\\\\"', b'"/"',
    b'"\x7f"', b'"\xc2\x80"', b'"\xe2\x80\xa8"', b'"\xef\xbb\xbf"', b'"\xef\xbf\xbf"', b'"\xf0\x9f\x98\x80"',
    b'"\xf4\x8f\xbf\xbf"', b'"],["', b'"[[],{}]"', b'","', b'"null"', b'"true"', b'"5"', b'"NaN"',
    b'"Infinity"', b'"-Infinity"', b'"\'"', b'"//"', b'"/**/"', b'"2025-01-01"', b'"2025-01-01T10:00:00Z"',
    b'"24:00:00"', b'"infinity"',
    # arrays and objects
    b"[]", b"[ ]", b"[\n]", b"[[]]", b"[1]", b"[1,2]", b"[ 1 , 2 ]", b"[null]", b'["a",1,true,null,[],{}]',
    b"[\t1\r\n,\n2 ]", b"{}", b"{ }", b'{"a":1}', b'{ "a" : 1 }', b'{"a":1,"b":2}', b'{"":0}',
    b'{"a":{"a":{}}}', b"[" * 99 + b"]" * 99, b"[" * 101 + b"]" * 101, b'{"a":' * 99 + b"1" + b"}" * 99,
    b"[" * 900 + b"]" * 900, b'{"a":1,"a":2}', b'{"a":[1,{"b":null}]}', b'{"\\u0061":1,"a":2}',
    b'{"\\ud83d\\ude00":[]}', b'{"a\\"b":1}',
    # white space
    b" 1", b"1 ", b"\t1", b"1\n", b"\r1", b" \t\r\n1 \t\r\n", b' "a" ', b"\nnull\n",
    # half of a surrogate pair is allowed by the grammar, but is not a character
    b'"\\ud800"', b'"\\udc00"', b'"\\ud800\\ud800"', b'"\\udc00\\ud800"', b'"\\ud800x"', b'"\\ud800\\u0041"',
    b'["\\ud800"]', b'{"\\ud800":1}',
)  # fmt: skip

LENIENT: Final[tuple[bytes, ...]] = (
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"[NaN]",
    b'{"a":-Infinity}',
    b" NaN ",
)

REJECT: Final[tuple[bytes, ...]] = (
    # nothing, or more than one value
    b"", b" ", b"\n", b"1 2", b"1,2", b"1,", b",1", b",", b":", b"[1]2", b"{}{}", b"[][]", b"nullnull",
    b'"a""b"',
    # literals
    b"nul", b"nulll", b"Null", b"NULL", b"True", b"TRUE", b"tru", b"truee", b"False", b"fals", b"None",
    b"nan", b"NAN", b"+NaN", b"-NaN", b"inf", b"-inf", b"infinity", b"+Infinity", b"Infinit", b"undefined",
    b"yes",
    # numbers
    b"+1", b"01", b"-01", b"00", b"007", b"-", b"--1", b"- 1", b".5", b"-.5", b"5.", b"-5.", b"1.e5", b".e5",
    b"1e", b"1e+", b"1e-", b"1e5.5", b"1ee5", b"1e 5", b"1.2.3", b"1..2", b"1,000", b"1_000", b"0x1F", b"0b1",
    b"0o7", b"1f", b"1L", b"1n", b"1a", b"\xd9\xa1", b"\xef\xbc\x91", b"1 000", b"1/2", b"$1",
    # texts
    b'"', b'"a', b'a"', b"a", b"'a'", b"`a`", b'"a\nb"', b'"a\tb"', b'"a\rb"', b'"\x00"', b'"\x01"',
    b'"\x02"', b'"\x03"', b'"\x1f"', b'"\\"', b'"\\\\\\"', b'"\\x41"', b'"\\u"', b'"\\u1"', b'"\\u12"',
    b'"\\u123"', b'"\\u123g"', b'"\\U0041"', b'"\\u+041"', b'"\\u 041"', b'"\\q"', b'"\\0"', b'"\\\'"',
    b'"\\a"', b'"\\v"', b'"\\\n"', b'"\\], "', b'"\\ud83d\\u"', b'"a" "b"', b'"a"b', b'\\"a"',
    b"\\u0022a\\u0022", b'""a""',
    # arrays
    b"[", b"]", b"[[", b"]]", b"[1", b"1]", b"[1,", b"[1,]", b"[,1]", b"[,]", b"[1,,2]", b"[1 2]", b"[1;2]",
    b"[1:2]", b"[1}", b"[1]]", b"[[1]", b"(1)", b"[1,[2]", b"[1,\n]", b'["a]', b'["a""b"]', b"[a]", b"[\x0c]",
    # objects
    b"{", b"}", b'{"a"', b'{"a":', b'{"a":1', b'{"a":1,', b'{"a":1,}', b'{,"a":1}', b'{"a"}', b'{"a" 1}',
    b'{"a"::1}', b'{"a":1:2}', b'{"a",1}', b"{1:2}", b"{NaN:1}", b"{null:1}", b"{a:1}", b"{'a':1}",
    b'{"a":1 "b":2}', b'{"a":1;"b":2}', b'{"a":}', b"{:1}", b'{"a":1]', b'{"a":1}}', b'{["a"]:1}',
    b'{"a":1,,"b":2}', b'{"a"=1}',
    # white space and comments
    b"\x0b1", b"\x0c1", b"1\x00", b"\x001", b"\xc2\xa01", b"1\xe2\x80\xa8", b"\xe3\x80\x801",
    b"\xef\xbb\xbf1", b"1\xef\xbb\xbf", b"//\n1", b"/**/1", b"1//", b"1/*", b"#\n1", b"<!--1-->", b"1\x1a",
    b"\x081", b"\x7f",
    # UTF-8
    b'"\xff"', b'"\xfe"', b'"\x80"', b'"\xbf"', b'"\xc0\x80"', b'"\xc1\xbf"', b'"\xc3"', b'"\xc3("',
    b'"\xe0\x80\x80"', b'"\xe2\x82"', b'"\xe2("', b'"\xed\xa0\x80"', b'"\xed\xbf\xbf"',
    b'"\xed\xa0\xbd\xed\xb8\x80"', b'"\xf0\x9f\x98"', b'"\xf0\x80\x80\x80"', b'"\xf4\x90\x80\x80"',
    b'"\xf5\x80\x80\x80"', b'"\xf8\x88\x80\x80\x80"', b"\xff", b"\x80", b'"\xc3"\xa9', b'{"\xff":1}',
    b"\xff\xfe1\x00", b"1\x00\x00\x00",
)  # fmt: skip
