"""AnswerMetadata: where an answer comes from; Schema: its columns; and the JSON text of both.

The text is ordinary JSON and reads back exactly. Statistics hold whole numbers of any length, floats
and decimals side by side, and ``0.1`` is not the same number as ``Decimal("0.1")``: a decimal is written
with a capital exponent (``1E-1``), which Python never writes for a float, so that its type can be read back.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from decimal import Decimal
from functools import wraps
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, NoReturn, overload

from connecty_frames._base.text import age_text, counted, cut, quoted, snippet, terminal, value_text
from connecty_frames.errors import ConfigError, ConnectyError, redact

if TYPE_CHECKING:
    import pyarrow as pa

    from connecty_frames.decode.schema import ColumnSchema

_TIMES: Final = ("asked_at", "cast_at")
KEY: Final = "connecty"  # the key of the metadata of a frame, and the name of its accessor
#: Fields with a key of their own in the attrs of pandas, for users who look there.
ATTRS: Final = ("question", "question_id", "sql_query", "response_summary")
#: Members whose errors stay unchanged: the metadata itself, and methods that name the question.
_UNCHANGED: Final = frozenset({"metadata", "to_frame"})
_OPERATORS: Final = frozenset({"__getitem__", "__arrow_c_stream__"})
_REPR_LENGTH: Final = 60
#: How much the repr of a schema shows: columns, and characters of a name, a type and its evidence.
_MOST_COLUMNS: Final = 500
_LONGEST_TEXT: Final = 1_000
#: Corrections of first guesses at a name.
_GUESSES: Final = {
    **dict.fromkeys(("summary", "text"), "response_summary"),
    **dict.fromkeys(("sql", "query"), "sql_query"),
    **dict.fromkeys(("id", "query_id", "sfqid"), "question_id"),
    "stats": "statistics",
}
#: The same for an answer and the accessor of its frames.
_OF_ANSWERS: Final = {"dtypes": "schema", "columns": "schema.names", "chart": "plot()"} | {
    name: f"metadata.{name}" for name in ("dw_id", "asked_at", "elapsed", "reused", "rows")
}
_MARK: Final = os.urandom(8).hex()  # marks a decimal; random, so that no text of a server contains it


def no_attribute(owner: object, name: str, others: Mapping[str, str] | None = None) -> AttributeError:
    """Return the error of a missing attribute, with the right name for a first guess."""
    guesses = {**_GUESSES, **(_OF_ANSWERS if isinstance(owner, WithMetadata) else {}), **(others or {})}
    hint = f"; use .{guesses[name]}" if name in guesses else ""
    message = f"{type(owner).__name__!r} object has no attribute {name!r}{hint}"
    error = AttributeError(message, name=name, obj=owner)
    # A private one is looked up by copy and pickle, before there is any metadata.
    if isinstance(owner, WithMetadata) and not name.startswith("_"):
        name_question(error, owner.metadata)
    return error


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AnswerMetadata:
    """Where a frame comes from.

    Parameters
    ----------
    question
        The question in words; None after re-attaching by id.
    question_id
        The server's id of the question, or None for a saved response.
    dw_id
        The data workspace that was asked.
    base_url
        The address of the API that answered.
    sql_query, response_summary
        The SQL that made the table, and the summary, or None if the server sent none.
    asked_at
        When the question was sent (for a reused answer, the first time), aware and in UTC, or None after
        re-attaching by id.
    elapsed
        Seconds from asking to the answer, or None after re-attaching by id and for a reused answer.
    reused
        Whether an earlier answer to the same question was reused, as ``max_age=`` allows.
    rows
        The number of rows received.
    total_rows
        The number of rows of the whole answer, or None if unknown.
    truncated
        Whether rows were cut, or None if unknown.
    statistics
        The server's statistics by column and section: JSON values, with numbers as int, float or Decimal.
    schema
        For each column: ``name``, Arrow ``type`` as text, ``evidence`` in words, its ``basis`` if programs
        need it and, if ``schema=`` says how values are written, the ``encoding``, such as ``cf.epoch("ms")``.
    version
        The version of connecty_frames that made the table.
    cast_at
        When ``cast`` or ``Pin.rerun`` made the rows, uncounted; aware and in UTC, or None for an answer.

    Raises
    ------
    ConfigError
        If ``asked_at`` or ``cast_at`` is not aware, or its year in UTC is not from 1 to 9999.
    """

    question: str | None = None
    question_id: str | None = None
    dw_id: int | None = None
    base_url: str | None = None
    sql_query: str | None = None
    response_summary: str | None = None
    asked_at: datetime | None = None
    elapsed: float | None = None
    reused: bool = False
    rows: int = 0
    total_rows: int | None = None
    truncated: bool | None = None
    statistics: dict[str, Any] = field(default_factory=dict)
    schema: list[dict[str, str]] = field(default_factory=list)
    version: str = ""
    cast_at: datetime | None = None

    def __post_init__(self) -> None:
        for name in _TIMES:
            time = getattr(self, name)
            if time is None:
                continue
            if time.tzinfo is None:
                raise ConfigError(f"{name}={time!r}: expected an aware datetime.", setting=name)
            try:
                object.__setattr__(self, name, time.astimezone(UTC))
            except OverflowError:
                raise ConfigError(f"{name}={time!r} has no date in UTC.", setting=name) from None

    if not TYPE_CHECKING:  # a checker is to report it

        def __getattr__(self, name: str) -> NoReturn:
            raise no_attribute(self, name)

    def __repr__(self) -> str:
        asked = repr(snippet(self.question, _REPR_LENGTH)) if self.question else "an answer"
        where = f", question_id {snippet(self.question_id, _REPR_LENGTH)}" if self.question_id else ""
        return f"<AnswerMetadata: {asked}, {self.rows_text}{where}>"

    @property
    def reuse_text(self) -> str:
        """How old a reused answer is, such as ``asked 2 h ago, reused``; empty for any other."""
        if not self.reused or self.asked_at is None:
            return ""
        return f"asked {age_text((datetime.now(UTC) - self.asked_at).total_seconds())} ago, reused"

    @property
    def rows_text(self) -> str:
        """The number of rows in words, such as ``3 of 100 rows, truncated``."""
        return self._size_text()

    @property
    def cut_text(self) -> str:
        """The number of rows of a cut answer, such as ``3 of 100 rows``; empty for any other."""
        return self.rows_text.removesuffix(", truncated") if self.truncated else ""

    @property
    def line(self) -> str:
        """The size and the summary in one line, such as ``5 of 5 rows x 2 columns. Read as: …``."""
        return f"{self.shape_text}. {snippet(self.response_summary or '', 200)}".rstrip()

    @property
    def shape_text(self) -> str:
        """The number of rows and columns in words, such as ``3 of 100 rows x 2 columns, truncated``."""
        return self._size_text(f" x {counted(len(self.schema), 'column')}") if self.schema else "no table"

    def _size_text(self, columns: str = "") -> str:
        if self.cast_at is not None:
            return f"rows of {self.cast_at:%Y-%m-%d %H:%M} UTC{columns}"
        of_total = "" if self.total_rows is None else f"{self.rows:,} of "
        rows = counted(self.rows if self.total_rows is None else self.total_rows, "row")
        return f"{of_total}{rows}{columns}{', truncated' if self.truncated else ''}"

    @property
    def whole_rows(self) -> int | None:
        """The rows of the whole answer: ``total_rows``, or ``rows`` if none were cut, or None if unknown."""
        return self.rows if self.total_rows is None and self.truncated is False else self.total_rows

    def to_json(self) -> str:
        """Return the metadata as JSON text that :meth:`from_json` reads back exactly.

        Raises
        ------
        ConfigError
            If the statistics contain anything but JSON values, or are nested too deeply.
        """
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        values |= {name: values[name] and values[name].isoformat() for name in _TIMES}
        try:
            text = json.dumps(values, default=_mark_decimal)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"statistics: {error}", setting="statistics") from None
        except RecursionError:
            raise ConfigError("statistics: nested too deeply.", setting="statistics") from None
        return text.replace(f'"{_MARK}', "").replace(f'{_MARK}"', "")

    @classmethod
    def from_json(cls, text: str | bytes) -> AnswerMetadata:
        """Read the text of :meth:`to_json`. Unknown fields from a later version are ignored.

        Raises
        ------
        ConfigError
            If the text is anything else.
        """
        import msgspec

        found: AnswerMetadata | None = None
        with suppress(ValueError, TypeError, ArithmeticError, RecursionError, msgspec.ValidationError):
            found = msgspec.convert(json.loads(text, parse_float=_number), cls)
        if found is None or any({"name", "type", "evidence"} - column.keys() for column in found.schema):
            shown = snippet(text) if isinstance(text, str | bytes) else value_text(text)
            raise ConfigError(
                f"This is not the metadata of an answer as AnswerMetadata.to_json() writes it: {shown}"
            )
        return found


def name_question(error: BaseException, metadata: AnswerMetadata) -> None:
    """Add the question to an error, and how to fetch its answer again; mask secrets in it."""
    if isinstance(error, ConnectyError):
        redact(error)
    if metadata.question_id is None or getattr(error, "question_id", None) not in (
        None,
        metadata.question_id,
    ):
        return
    from connecty_frames.asking.submission import resume_command

    if isinstance(error, ConnectyError):
        error.question_id = metadata.question_id
    command = resume_command(metadata.question_id, metadata.dw_id)
    if command not in "".join([str(error), *getattr(error, "__notes__", ())]):
        error.add_note(f"{command} fetches the answer without asking again.")


@contextmanager
def naming_question(metadata: AnswerMetadata) -> Iterator[None]:
    """Name the question in errors of the block."""
    try:
        yield
    except BaseException as error:
        name_question(error, metadata)
        raise


def _naming_question(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(self: WithMetadata, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        except BaseException as error:
            if isinstance(error, TypeError) and method.__name__ == "plot":  # plot(kind="bar")
                error.add_note("It takes x=, y= and color=; a frame's own .plot() draws other charts.")
            with suppress(AttributeError):  # of a polars frame without metadata
                name_question(error, self.metadata)
            raise

    return call


class WithMetadata:
    """The metadata of an answer and of the accessor of its frames. Errors name the question."""

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        for name, value in list(vars(cls).items()):
            if name in _UNCHANGED or (name[0] == "_" and name not in _OPERATORS):
                continue
            if isinstance(value, FunctionType):
                setattr(cls, name, _naming_question(value))
            elif isinstance(value, property) and value.fget is not None:
                setattr(cls, name, property(_naming_question(value.fget)))

    @property
    def metadata(self) -> AnswerMetadata:
        """All of the metadata."""
        raise NotImplementedError

    @property
    def question(self) -> str | None:
        """The question in words; None after re-attaching by id."""
        return self.metadata.question

    @property
    def question_id(self) -> str | None:
        """The server's id of the question, or None for a saved response."""
        return self.metadata.question_id

    @property
    def sql_query(self) -> str | None:
        """The SQL that produced the answer, or None if the server sent none."""
        return self.metadata.sql_query

    @property
    def response_summary(self) -> str | None:
        """The written summary, or None if the server sent none."""
        return self.metadata.response_summary

    @property
    def truncated(self) -> bool | None:
        """True if rows of the answer were cut, None if unknown."""
        return self.metadata.truncated

    @property
    def total_rows(self) -> int | None:
        """The rows of the whole answer, or None if unknown."""
        return self.metadata.total_rows

    @property
    def statistics(self) -> dict[str, Any]:
        """The server's statistics by column and section; numbers are int, float or Decimal."""
        return self.metadata.statistics


class Schema(Sequence["ColumnSchema"]):
    """The columns of an answer in their order, each with its type and the evidence for it.

    Save it (:meth:`to_json`) and pass it as ``schema=`` to require these columns and types of another answer,
    and read its values in the same way.
    """

    __slots__ = ("_columns",)

    def __init__(self, columns: Iterable[ColumnSchema]) -> None:
        self._columns = tuple(columns)

    @overload
    def __getitem__(self, key: int | str) -> ColumnSchema: ...
    @overload
    def __getitem__(self, key: slice) -> Schema: ...
    def __getitem__(self, key: int | str | slice) -> ColumnSchema | Schema:
        """Return a column by position or name, or a part of the schema by slice."""
        if isinstance(key, slice):
            return Schema(self._columns[key])
        if isinstance(key, str):
            if key not in self.names:
                raise KeyError(f"no column {snippet(key)!r}; the columns are {quoted(self.names)}")
            key = self.names.index(key)
        return self._columns[key]

    def __len__(self) -> int:
        return len(self._columns)

    def __iter__(self) -> Iterator[ColumnSchema]:
        return iter(self._columns)

    def __eq__(self, other: object) -> bool:
        """Compare names, order, types and encodings; the evidence may differ."""
        return isinstance(other, Schema) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[tuple[object, ...], ...]:
        return tuple((column.name, column.type, column.encoding) for column in self)

    def __repr__(self) -> str:
        rows = [
            [terminal(cut(text, _LONGEST_TEXT)) for text in (column.name, str(column.type), column.evidence)]
            for column in self._columns[:_MOST_COLUMNS]
        ]
        name_width, type_width = (max((len(row[place]) for row in rows), default=0) for place in (0, 1))
        lines = [f"{row[0]:<{name_width}}  {row[1]:<{type_width}}  {row[2]}" for row in rows]
        more = len(self) - _MOST_COLUMNS
        if more > 0:
            lines.append(f"… {counted(more, 'more column')}; to_json() or --format json lists all")
        return "\n".join(lines) or "(no columns)"

    @property
    def names(self) -> list[str]:
        """The names of the columns, in order."""
        return [column.name for column in self._columns]

    @property
    def types(self) -> list[pa.DataType]:
        """The Arrow types of the columns, in order."""
        return [column.type for column in self._columns]

    @property
    def arrow(self) -> pa.Schema:
        """The same as a pyarrow schema, without the evidence."""
        import pyarrow as pa

        return pa.schema([(column.name, column.type) for column in self._columns])

    def to_json(self) -> str:
        """Return the schema as JSON text that :meth:`from_json` reads back exactly."""
        # Arrow's own serialisation is the only spelling of a type that covers nested ones.
        return json.dumps(
            {"columns": list(map(column_texts, self)), "arrow": bytes(self.arrow.serialize()).hex()}
        )

    @classmethod
    def from_json(cls, text: str) -> Schema:
        """Read the text of :meth:`to_json`.

        Raises
        ------
        ConfigError
            If the text is anything else.
        """
        import pyarrow as pa

        from connecty_frames.decode.schema import read_column

        try:
            saved = json.loads(text)
            arrow = pa.ipc.read_schema(pa.py_buffer(bytes.fromhex(saved["arrow"])))
            return cls(
                read_column({**column, "name": field.name, "evidence": str(column["evidence"])}, field.type)
                for field, column in zip(arrow, saved["columns"], strict=True)
            )
        except (ValueError, KeyError, TypeError, OSError, RecursionError, pa.ArrowException):
            raise ConfigError(
                "This is not a saved schema; save one with answer.schema.to_json().", setting="schema"
            ) from None


def schema_of(metadata: AnswerMetadata) -> Schema:
    """Return the schema of an answer from its metadata; raises ConfigError."""
    from connecty_frames.decode.schema import read_column

    try:
        return Schema(map(read_column, metadata.schema))
    except (ValueError, TypeError) as error:
        message = f"The schema in this metadata cannot be read ({snippet(str(error))}): use the Answer."
        raise ConfigError(message, setting="source") from None


def column_texts(column: ColumnSchema) -> dict[str, str]:
    """Return a column as it is written in metadata, in saved schemas and in pins."""
    return {key: str(value) for key in column.__slots__ if (value := getattr(column, key)) is not None}


def to_attrs(metadata: AnswerMetadata) -> dict[Any, str]:
    """Return metadata as the attrs of a pandas frame: all of it as JSON text, and some fields."""
    fields_of = {name: getattr(metadata, name) for name in ATTRS}
    return {name: text for name, text in fields_of.items() if text is not None} | {KEY: metadata.to_json()}


def _mark_decimal(value: object) -> str:
    """Write a decimal as a marked text; marks and quotes are removed later: Python's json cannot write it."""
    if isinstance(value, Decimal) and value.is_finite():
        return f"{_MARK}{value:E}{_MARK}"
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def _number(text: str) -> float | Decimal:
    number = Decimal(text) if "E" in text else float(text)
    if str(number) in {"NaN", "inf", "-inf"}:  # its exponent is too large
        raise ValueError(text)
    return number
