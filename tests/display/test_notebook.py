"""An answer in a notebook, as HTML: its parts, and that all of it is text."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pyarrow as pa

from connecty_frames.answer_metadata import AnswerMetadata
from connecty_frames.display.notebook import SHOWN_ROWS, answer_html
from tests.cases import cases

METADATA = AnswerMetadata(
    question="which countries?",
    question_id="729cb7a4-4b06-449e-a3c9-df40f5e570b8",
    dw_id=13,
    sql_query="SELECT country, count(*) -- all\nFROM sales.orders WHERE status = 'ok' LIMIT 5",
    response_summary="Poland leads.",
    asked_at=datetime(2025, 11, 4, 12, 5, tzinfo=UTC),
    elapsed=2.34,
    rows=2,
    total_rows=2,
    truncated=False,
    schema=[
        {"name": "country", "type": "string", "evidence": "string statistics"},
        {"name": "orders", "type": "int64", "evidence": "2 whole numbers"},
    ],
)
TABLE = pa.table({"country": ["Poland", None], "orders": [31768, 5]})

NULL = '<span class="connecty-null">null</span>'


class Page(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] != ["style"]:
            self.text += data


def test_a_reused_answer() -> None:
    """Its age stands before the time at which it was asked."""
    asked_at = datetime.now(UTC) - timedelta(hours=2, minutes=5)
    page = parsed(replace(METADATA, reused=True, asked_at=asked_at, elapsed=None))
    assert f"workspace 13 · asked 2 h ago, reused · {asked_at:%Y-%m-%d %H:%M} UTC" in page.text


def parsed(metadata: AnswerMetadata = METADATA, table: pa.Table | None = TABLE, rows: int = 2) -> Page:
    return Page(answer_html(metadata, table, (rows, 0 if table is None else table.num_columns)))


def test_the_parts_of_a_page() -> None:
    """The question, extent and origin, summary, table, SQL, and each column with its evidence."""
    assert parsed().text == (
        "which countries?"
        "2 of 2 rows · workspace 13 · 2.3 s · 2025-11-04 12:05 UTC · 729cb7a4-4b06-449e-a3c9-df40f5e570b8"
        "Poland leads."
        "countrystringordersint64Poland31768null5"
        "SQLSELECT country, count(*) -- all\nFROM sales.orders WHERE status = 'ok' LIMIT 5"
        "Columnsnametypeevidencecountrystringstring statisticsordersint642 whole numbers"
    )


def test_the_sql_is_collapsed_and_highlighted() -> None:
    """Closed details; keywords, types, texts, numbers and comments have classes of their own."""
    sql = "SELECT country, count(*) -- all\nFROM sales.orders WHERE status = 'ok' AND a::integer LIMIT 5"
    page = answer_html(replace(METADATA, sql_query=sql), TABLE, (2, 2))

    assert "<details><summary>SQL</summary><pre>" in page
    assert re.findall(r'<span class="connecty-(\w)">([^<]*)</span>', page.partition("<pre>")[2]) == [
        ("k", "SELECT"),
        ("k", "count"),
        ("c", "-- all\n"),
        ("k", "FROM"),
        ("k", "WHERE"),
        ("s", "&#x27;ok&#x27;"),
        ("k", "AND"),
        ("k", "integer"),
        ("k", "LIMIT"),
        ("n", "5"),
    ]


@cases(
    "sql",
    ["select '", "'" * 19_998, "/*" * 9000, "select \x00\u202e$x$\r\n\t<b>", "ż" * 100, "--", '"' * 19_997],
)
def test_sql_is_whole_whatever_it_is(sql: str) -> None:
    """Every character is there, escaped where it has a meaning in HTML; no lexer is slow at it."""
    page = parsed(AnswerMetadata(sql_query=f"x{sql}x"), None, 0)
    plain = (
        sql.replace("\r\n", "\n").replace("\x00", "\\x00").replace("\u202e", "\\u202e").replace("\t", "    ")
    )
    assert page.text == f"An answerno tableSQLx{plain}x"


@cases(
    ("metadata", "columns", "facts"),
    [
        (
            AnswerMetadata(
                rows=3,
                total_rows=3,
                truncated=False,
                question_id="a",
                base_url="http://[::1]",
                dw_id=0,
                elapsed=0.05,
            ),
            1,
            "3 of 3 rows · workspace 0 · 0.1 s",
        ),
        (
            AnswerMetadata(rows=3, question_id="a", base_url="https://api"),
            1,
            "3 rows · whether there are more is unknown · <code>a</code>",
        ),
        (AnswerMetadata(rows=3, truncated=True), 1, '<strong class="connecty-cut">✂ 3 rows, cut</strong>'),
        (
            AnswerMetadata(rows=3, total_rows=1234, truncated=True),
            1,
            '<strong class="connecty-cut">✂ 3 of 1,234 rows, cut</strong>',
        ),
        (AnswerMetadata(rows=0), 1, "0 rows"),
        (AnswerMetadata(rows=0), 0, "no table"),
        (AnswerMetadata(rows=1, truncated=False), 0, "1 row"),
    ],
)
def test_the_facts(metadata: AnswerMetadata, columns: int, facts: str) -> None:
    """Only those that are known; the id of a sandbox's question, which ends with it, is none."""
    page = answer_html(metadata, None, (metadata.rows, columns))
    assert page.partition('<div class="connecty-facts">')[2].partition("</div>")[0] == facts


def test_only_the_first_rows_and_columns_are_shown() -> None:
    """The page says of how many."""
    table = pa.table({f"c{at}": list(range(50)) for at in range(40)})
    page = parsed(AnswerMetadata(), table, 50)
    assert SHOWN_ROWS == 10
    assert page.tags.count("tr") == 11
    assert page.tags.count("th") == 30
    assert page.text.endswith("Shown: the first 10 of 50 rows, the first 30 of 40 columns")


def test_the_first_two_hundred_columns_are_listed() -> None:
    """With their types and evidence; the page says of how many."""
    schema = [{"name": f"c{at}", "type": "int64", "evidence": "none"} for at in range(1_201)]
    assert parsed(AnswerMetadata(schema=schema[:200]), None, 0).text.endswith("c199int64none")
    assert parsed(AnswerMetadata(schema=schema), None, 0).text.endswith(
        "c199int64noneShown: the first 200 of 1,201 columns"
    )


def test_strings_of_pandas_are_strings() -> None:
    """In Arrow they are of type large_string, which says nothing to a reader."""
    page = parsed(table=TABLE.cast(pa.schema({"country": pa.large_string(), "orders": pa.int64()})))
    assert "countrystring" in page.text
    assert "large" not in page.text


def test_a_long_cell_is_cut_visibly() -> None:
    """At 300 characters, with a sign."""
    page = parsed(AnswerMetadata(), pa.table({"a": ["x" * 301, "y" * 300]}), 2)
    assert "x" * 300 + "…" in page.text
    assert "y" * 300 in page.text
    assert page.text.count("…") == 1


@cases(
    ("metadata", "table", "text"),
    [
        (AnswerMetadata(question="why?", response_summary="Because."), None, "why?no tableBecause."),
        (AnswerMetadata(), pa.table({"a": pa.array([], pa.string())}), "An answer0 rowsastring"),
        (AnswerMetadata(), pa.table({}), "An answerno table"),
    ],
)
def test_no_rows(metadata: AnswerMetadata, table: pa.Table | None, text: str) -> None:
    """The other parts are shown, and the header of a table."""
    page = parsed(metadata, table, 0)
    assert page.text == text
    assert ("table" in page.tags) is (table is not None)


def test_values_of_every_kind() -> None:
    """Exact text; numbers are aligned to the right."""
    table = pa.table(
        {
            "number": [-5],
            "at": pa.array([datetime(2025, 7, 1, tzinfo=UTC)], pa.timestamp("us", "Europe/Warsaw")),
            "nested": [{"a": [1, None]}],
            "empty": [""],
        }
    )
    page = answer_html(AnswerMetadata(), table, (1, table.num_columns))

    assert '<td class="connecty-number">-5</td>' in page
    assert "<td><div>2025-07-01T02:00:00+02:00</div></td>" in page
    assert "<td><div>{&quot;a&quot;:[1,null]}</div></td><td><div></div></td>" in page


def shown_numbers(name: str, column: pa.Array) -> list[str]:
    page = answer_html(AnswerMetadata(), pa.table({name: column}), (len(column), 1))
    cells = re.findall(r'<td class="connecty-number">(.*?)</td>', page)
    return [re.sub(r'<span class="connecty-group">(\d+)</span>', r"\1|", cell) for cell in cells]


@cases(
    ("column", "expected"),
    [
        (pa.array([31768, 5, -8459, None]), ["31|768", "5", "-8|459", NULL]),
        (pa.array([1999, 2024]), ["1999", "2024"]),
        (pa.array([None, 31768]), [NULL, "31|768"]),
        (pa.array([2**63], pa.uint64()), ["9|223|372|036|854|775|808"]),
        (
            pa.array([Decimal("1234567.12345"), Decimal("-0.50000")], pa.decimal128(12, 5)),
            ["1|234|567.12345", "-0.50000"],
        ),
        (
            pa.array([12345.678901, 100.0, 1e20, float("nan"), float("-inf")]),
            ["12|345.678901", "100", "1e+20", "nan", "-inf"],
        ),
    ],
)
def test_numbers_are_grouped_by_thousands(column: pa.Array, expected: list[str]) -> None:
    """Where one of the column has five digits before its point, so that years are not; no digit is lost."""
    assert shown_numbers("orders", column) == expected


@cases(("name", "expected"), [("Customer ID", "10432"), ("id_count", "10|432"), ("share", "10|432")])
def test_identifiers_are_not_grouped(name: str, expected: str) -> None:
    """The role of the column decides."""
    assert shown_numbers(name, pa.array([10432])) == [expected]


def test_times_have_fractions_where_one_of_the_column_has() -> None:
    """As the table in a terminal shows them."""
    second = datetime(2025, 7, 1, 12, 30, 1)
    page = parsed(AnswerMetadata(), pa.table({"a": [second], "b": [second.replace(microsecond=5)]}), 1)
    assert page.text.endswith("2025-07-01T12:30:012025-07-01T12:30:01.000005")


def test_all_content_is_text() -> None:
    """In every place: tags and attributes of the page are ours alone."""
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'><b>$x$\u202e\x1b[2J"
    metadata = AnswerMetadata(
        question=evil,
        question_id=evil,
        sql_query=evil,
        response_summary=evil,
        schema=[{"name": evil, "type": evil, "evidence": evil}],
    )
    content = answer_html(metadata, pa.table({evil: [evil]}), (1, 1))
    page = Page(content)

    ours = {
        "style", "div", "table", "thead", "tbody", "tr", "th", "td", "small", "details", "summary", "pre",
        "span", "code", "strong", "br",
    }  # fmt: skip
    assert set(page.tags) <= ours
    assert page.attributes == {"class"}
    assert (
        page.text.count("<script>alert(1)</script><img src=x onerror=alert(1)>\"'><b>$x$\\u202e\\x1b[2J") == 9
    )
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]|\$", content)


def test_it_has_its_style_sheet() -> None:
    """Before the content, whose classes make MathJax ignore what is between dollar signs."""
    style, _, content = answer_html(METADATA, TABLE, (2, 2)).partition("</style>")
    assert style.startswith("<style>.connecty { color-scheme: light dark; }")
    assert content.startswith('<div class="connecty tex2jax_ignore mathjax_ignore">')


def test_nothing_is_fetched() -> None:
    """No script, no link, no address, neither in the page nor in its style."""
    content = answer_html(METADATA, TABLE, (2, 2))
    assert not re.search(r"https?:|//|@import|url\(|<script|<link|<img|javascript", content, re.IGNORECASE)


def test_the_page_is_text_for_a_notebook_file() -> None:
    """A notebook is JSON in UTF-8, which holds no lone surrogate."""
    metadata: Any = AnswerMetadata(question="\ud800 żółć 🙂")
    assert "\\ud800 żółć 🙂" in json.loads(json.dumps(answer_html(metadata, None, (0, 0))).encode())
