"""The rows of a result, and the number that is sent."""

from collections.abc import Callable

from connecty_frames.sandbox.results import QueryResult
from tests.cases import cases


@cases(
    ("max_rows", "expected"),
    [
        (0, '[["n","s"]]'),
        (1, '[["n","s"],[1,"a],["]]'),
        (2, '[["n","s"],[1,"a],["],[2,"ż"]]'),
        (3, '[["n","s"],[1,"a],["],[2,"ż"],[3,null]]'),
        (10**18, '[["n","s"],[1,"a],["],[2,"ż"],[3,null]]'),
    ],
)
def test_a_result_is_cut_at_max_rows(run: Callable[[str], QueryResult], max_rows: int, expected: str) -> None:
    """The header row is always there and not counted; values with brackets and commas stay whole."""
    result = run("SELECT * FROM (VALUES (1, 'a],['), (2, 'ż'), (3, NULL)) AS t(n, s)")
    assert result.dataframe(max_rows).decode() == expected
    assert len(result) == 3


def test_no_rows_still_have_a_header(run: Callable[[str], QueryResult]) -> None:
    """A result without rows has the header alone."""
    assert run("SELECT 1 AS a, 2 AS b WHERE false").dataframe(1000) == b'[["a","b"]]'


def test_names_are_kept_as_they_are(run: Callable[[str], QueryResult]) -> None:
    """Two columns may have the same name, and a name may have any characters."""
    result = run('SELECT 1 AS a, 2 AS a, 3 AS "it\'s ""x""", 4 + 4')
    assert result.columns == ("a", "a", 'it\'s "x"', "(4 + 4)")
    assert result.dataframe(0).decode() == '[["a","a","it\'s \\"x\\"","(4 + 4)"]]'


def test_rows_keep_the_order_of_the_query(run: Callable[[str], QueryResult]) -> None:
    """Many rows keep the order of the query."""
    result = run("SELECT i FROM range(20000) AS t(i) ORDER BY i DESC")
    assert result.dataframe(3) == b'[["i"],[19999],[19998],[19997]]'
    assert result.rows.endswith(b"[2],[1],[0]")


def test_the_first_row_keeps_its_digits(run: Callable[[str], QueryResult]) -> None:
    """Numbers in a summary have the digits of the table."""
    result = run("SELECT 10.50::DECIMAL(9, 2) AS price, 3 AS n, 'x' AS s, NULL AS u")
    assert result.first_row() == {"price": "10.50", "n": 3, "s": "x", "u": None}
    assert run("SELECT 1 AS n WHERE false").first_row() == {}
