"""An answer in a notebook: its text is escaped, and there is no script, no link and nothing to fetch."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from connecty_frames._base.text import cut, html
from connecty_frames.decode.arrow import is_number
from connecty_frames.decode.texts import short_texts
from connecty_frames.display.roles import Role, role_of

if TYPE_CHECKING:
    import pyarrow as pa

    from connecty_frames.answer_metadata import AnswerMetadata

#: The most rows and columns of a table, and characters of the summary and the SQL.
SHOWN_ROWS, SHOWN_COLUMNS, _TEXT_LENGTH = 10, 30, 20_000
_STYLE: Final = (files(__package__) / "notebook.css").read_text(encoding="utf-8")
_NULL: Final = '<span class="connecty-null">null</span>'
#: The CSS class of each family of pygments' tokens.
_FAMILIES: Final = "Keyword", "Name.Builtin", "Literal.String", "Literal.Number", "Comment"
_CLASSES: Final = dict(zip(_FAMILIES, "kksnc", strict=True))


def answer_html(metadata: AnswerMetadata, table: pa.Table | None, shape: tuple[int, int]) -> str:
    """Return an answer's metadata and the first rows and columns of its table, if any, as HTML."""
    # ``shape`` counts all rows and columns.
    summary = _excerpt((metadata.response_summary or "").strip(), _TEXT_LENGTH)
    parts = [
        f'<div class="connecty-question">{_excerpt(metadata.question or "An answer", 1_000)}</div>',
        f'<div class="connecty-facts">{_facts(metadata, columns=shape[1])}</div>',
        f'<div class="connecty-summary">{summary}</div>' if metadata.response_summary else "",
        _table(table, shape) if table is not None else "",
        f"<details><summary>SQL</summary>{_sql(metadata.sql_query)}</details>" if metadata.sql_query else "",
        f"<details><summary>Columns</summary>{_schema(metadata.schema)}</details>" if metadata.schema else "",
    ]
    return _styled("".join(parts))


def sql_html(sql: str) -> str:
    """Return SQL with syntax highlighting, as HTML for a notebook."""
    return _styled(_sql(sql))


def _styled(content: str) -> str:
    return f'<style>{_STYLE}</style><div class="connecty tex2jax_ignore mathjax_ignore">{content}</div>'


def _excerpt(text: str, limit: int = 300) -> str:
    return _escape(cut(text, limit))


def _escape(text: str) -> str:
    return html(text).replace("\t", "    ")


def _facts(metadata: AnswerMetadata, columns: int) -> str:
    rows = metadata.cut_text or metadata.rows_text if metadata.rows or columns else "no table"
    # Plain HTTP does not leave this machine: it is a sandbox, and its questions end with it.
    question_id = None if str(metadata.base_url).startswith("http:") else metadata.question_id
    facts = [
        f'<strong class="connecty-cut">✂ {rows}, cut</strong>' if metadata.truncated else rows,
        "" if metadata.truncated is not None or not metadata.rows else "whether there are more is unknown",
        "" if metadata.dw_id is None else f"workspace {metadata.dw_id}",
        "" if metadata.elapsed is None else f"{metadata.elapsed:.1f} s",
        metadata.reuse_text,
        f"{metadata.asked_at:%Y-%m-%d %H:%M} UTC" if metadata.asked_at else "",
        f"<code>{_excerpt(question_id)}</code>" if question_id else "",
    ]
    return " · ".join(filter(None, facts))


def _table(table: pa.Table, shape: tuple[int, int]) -> str:
    part = table.slice(0, SHOWN_ROWS).select(range(min(table.num_columns, SHOWN_COLUMNS)))
    header, columns = [], []
    for name, column in zip(part.column_names, part.columns, strict=True):
        class_ = ' class="connecty-number"' if is_number(column.type) else ""
        type_ = str(column.type).removeprefix("large_")  # as strings of pandas are
        header.append(f"<th{class_}>{_excerpt(name)}<br><small>{_excerpt(type_)}</small></th>")
        columns.append([f"<td{class_}>{cell}</td>" for cell in _cells(name, column)])
    rows = list(map("".join, zip(*columns, strict=True)))
    return _html_rows(header, rows, rows=(part.num_rows, shape[0]), columns=(part.num_columns, shape[1]))


def _cells(name: str, column: pa.ChunkedArray) -> list[str]:
    cells = short_texts(column)
    if not is_number(column.type):
        return [_NULL if cell is None else f"<div>{_excerpt(cell)}</div>" for cell in cells]
    is_long = any(re.match(r"-?\d{5}", cell) for cell in cells if cell)
    if is_long and role_of(name, column) in {Role.MEASURE, Role.DERIVED}:
        # The style sheet sets groups of digits apart: a copy has no separators.
        group = r'<span class="connecty-group">\g<0></span>'
        for at, cell in enumerate(cells):
            whole, point, rest = (cell or "").partition(".")
            cells[at] = cell and re.sub(r"\d{1,3}(?=(?:\d{3})+$)", group, whole) + point + rest
    return [_NULL if cell is None else cell for cell in cells]


def _schema(schema: list[dict[str, str]]) -> str:
    rows = [
        f"<td>{_excerpt(column['name'])}</td><td><code>{_excerpt(column['type'])}</code></td>"
        f"<td>{_excerpt(column['evidence'])}</td>"
        for column in schema[:200]
    ]
    return _html_rows(["<th>name</th><th>type</th><th>evidence</th>"], rows, columns=(len(rows), len(schema)))


def _html_rows(header: list[str], body: list[str], **counts: tuple[int, int]) -> str:
    some = [(noun, *each) for noun, each in counts.items() if each[0] < each[1]]
    parts = [f"the first {shown:,} of {total:,} {noun}" for noun, shown, total in some]
    return (
        f'<div class="connecty-table"><table><thead><tr>{"".join(header)}</tr></thead>'
        f"<tbody>{''.join(f'<tr>{row}</tr>' for row in body)}</tbody></table></div>"
    ) + (f'<div class="connecty-facts">Shown: {", ".join(parts)}</div>' if parts else "")


def _sql(sql: str) -> str:
    from pygments.lexers.sql import SqlLexer

    parts = []
    # Without pygments' formatter, which leaves control characters and dollar signs as they are.
    for token, text in SqlLexer(ensurenl=False).get_tokens(cut(sql.strip(), _TEXT_LENGTH)):
        names = (name for family, name in _CLASSES.items() if str(token).startswith(f"Token.{family}"))
        class_ = next(names, "")
        parts.append(f'<span class="connecty-{class_}">{_escape(text)}</span>' if class_ else _escape(text))
    return f"<pre>{''.join(parts)}</pre>"
