"""An answer in a notebook: what was asked, what came, the SQL behind it, and why each type is what it is.

The page this becomes part of is someone's notebook with their credentials in it, and every word here may come
from a database or a server. So all of it is text: escaped, without a script, a link or anything to fetch,
and marked for MathJax to leave alone, which would typeset what stands between two dollar signs.

The colours follow the notebook (Jupyter, VS Code, a Sphinx page) and, where it says nothing, the system. The
background is ours as well, so that a guess that is wrong is still legible.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from connecty_frames.display.formatting import is_number, texts
from connecty_frames.text import cut, html

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from connecty_frames.answer_metadata import AnswerMetadata

__all__ = ["SHOWN_COLUMNS", "SHOWN_ROWS", "answer_html"]

#: How much is shown: rows and columns of a table, columns in the list of them; characters of a cell or name,
#: of the question, of the summary and the SQL.
SHOWN_ROWS: Final = 10
SHOWN_COLUMNS: Final = 30
_LISTED_COLUMNS: Final = 200
_SHORT: Final = 300
_QUESTION: Final = 1_000
_LONG: Final = 20_000
#: The classes of the style sheet, by the family of tokens that gets it.
_CLASSES: Final = {
    "Token.Keyword": "k",
    "Token.Name.Builtin": "k",
    "Token.Literal.String": "s",
    "Token.Literal.Number": "n",
    "Token.Comment": "c",
}


def answer_html(metadata: AnswerMetadata, table: pa.Table | None, shape: tuple[int, int]) -> str:
    """Return the metadata of an answer and its table as HTML for a notebook's cell.

    Parameters
    ----------
    table
        The table, or the first rows and columns of it; None shows none.
    shape
        How many rows and columns it has in all.
    """
    parts = [
        f'<div class="connecty-question">{_shown(metadata.question or "An answer", _QUESTION)}</div>',
        f'<div class="connecty-facts">{_facts(metadata)}</div>',
    ]
    if metadata.response_summary:
        parts.append(
            f'<div class="connecty-summary">{_shown(metadata.response_summary.strip(), _LONG)}</div>'
        )
    if table is not None:
        parts.append(_table(table, shape))
    if metadata.sql_query:
        parts.append(
            _folded("SQL", f"<pre>{''.join(_coloured(cut(metadata.sql_query.strip(), _LONG)))}</pre>")
        )
    if metadata.schema:
        parts.append(_folded("Columns", _columns(metadata.schema)))
    style = f"<style>{_style()}</style>"
    return f'{style}<div class="connecty tex2jax_ignore mathjax_ignore">{"".join(parts)}</div>'


@cache
def _style() -> str:
    return (files(__package__) / "notebook.css").read_text(encoding="utf-8")


def _shown(text: str, limit: int = _SHORT) -> str:
    return _text(cut(text, limit))


def _text(text: str) -> str:
    return html(text).replace("\t", "    ")


def _facts(metadata: AnswerMetadata) -> str:
    """Give the extent of the answer, with a visible sign where it was cut, and where it came from."""
    total = "" if metadata.total_rows is None else f" of {metadata.total_rows:,}"
    counted = f"{metadata.rows:,}{total} rows"
    known = [
        f'<strong class="connecty-cut">✂ {counted}, cut</strong>' if metadata.truncated else counted,
        "" if metadata.truncated is not None or not metadata.rows else "whether there are more is unknown",
        "" if metadata.dw_id is None else f"workspace {metadata.dw_id}",
        "" if metadata.elapsed is None else f"{metadata.elapsed:.1f} s",
        f"{metadata.asked_at:%Y-%m-%d %H:%M} UTC" if metadata.asked_at else "",
        f"<code>{_shown(metadata.question_id)}</code>" if metadata.question_id else "",
    ]
    return " · ".join(fact for fact in known if fact)


def _table(table: pa.Table, shape: tuple[int, int]) -> str:
    shown = table.slice(0, SHOWN_ROWS).select(range(min(table.num_columns, SHOWN_COLUMNS)))
    sides = [' class="connecty-number"' if is_number(kind) else "" for kind in shown.schema.types]
    heads = [
        f"<th{side}>{_shown(field.name)}<small>{_shown(str(field.type))}</small></th>"
        for field, side in zip(shown.schema, sides, strict=True)
    ]
    columns = [texts(column).to_pylist() for column in shown.columns]
    body = [
        "<tr>"
        + "".join(f"<td{side}>{_cell(cell)}</td>" for side, cell in zip(sides, row, strict=True))
        + "</tr>"
        for row in zip(*columns, strict=True)
    ]
    note = _note(_part("rows", shown.num_rows, shape[0]), _part("columns", shown.num_columns, shape[1]))
    return (
        f'<div class="connecty-table"><table><thead><tr>{"".join(heads)}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>{note}"
    )


def _cell(cell: str | None) -> str:
    if cell is None:
        return '<span class="connecty-null">null</span>'
    return _shown(cell)


def _columns(schema: list[dict[str, str]]) -> str:
    rows = [
        f"<tr><td>{_shown(column['name'])}</td><td><code>{_shown(column['type'])}</code></td>"
        f"<td>{_shown(column['evidence'])}</td></tr>"
        for column in schema[:_LISTED_COLUMNS]
    ]
    note = _note(_part("columns", len(rows), len(schema)))
    return (
        '<div class="connecty-table"><table><thead><tr><th>name</th><th>type</th><th>evidence</th></tr>'
        f"</thead><tbody>{''.join(rows)}</tbody></table></div>{note}"
    )


def _part(what: str, shown: int, of: int) -> str:
    """Return in words what part of something is shown, nothing where it is all."""
    return f"the first {shown:,} of {of:,} {what}" if shown < of else ""


def _note(*parts: str) -> str:
    said = ", ".join(filter(None, parts))
    return f'<div class="connecty-facts">Shown: {said}</div>' if said else ""


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{title}</summary>{content}</details>"


def _coloured(sql: str) -> Iterator[str]:
    from pygments.lexers.sql import SqlLexer

    # Their lexer and not their formatter, which leaves control characters and dollar signs as they are.
    for kind, value in SqlLexer(ensurenl=False, stripnl=False).get_tokens(sql):
        name = next((css for family, css in _CLASSES.items() if str(kind).startswith(family)), None)
        yield _text(value) if name is None else f'<span class="connecty-{name}">{_text(value)}</span>'
