"""Answer: one decoded table and its metadata."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, overload

from connecty_frames import diagnostics
from connecty_frames._base import __version__
from connecty_frames._base.text import counted, excerpt, snippet, value_text, with_excerpt
from connecty_frames.answer_metadata import (
    AnswerMetadata,
    Schema,
    WithMetadata,
    column_texts,
    name_question,
    no_attribute,
)
from connecty_frames.decode.envelope import Envelope, read_envelope
from connecty_frames.decode.exact_json import LIMITS, ReaderLimits, to_python
from connecty_frames.display.progress import show_in_notebook
from connecty_frames.errors import ConfigError, NoTableError, missing_extra, without_secrets
from connecty_frames.files import answer_file, checked_path, open_regular
from connecty_frames.frames.attachment import write_schema
from connecty_frames.options import ASK_ONLY, AskOptions, FetchOptionsDict, check_question_id, shows_options
from connecty_frames.protocol import State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import Unpack
    from uuid import UUID

    import altair as alt
    import pandas as pd
    import polars as pl
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

    from connecty_frames.decode.decoder import Decoded
    from connecty_frames.frames.accessor import ArrowTable, PandasFrame, PolarsFrame
    from connecty_frames.options import DtypeBackend, Engine

#: Options without effect on the decoding of a saved response.
_WITHOUT_EFFECT: Final = ("dtype_backend", "timeout", "progress", *ASK_ONLY)
_REPR_COLUMNS: Final = 12
#: Corrections of first guesses at a name: an answer is no frame.
_GUESSES: Final = {
    name: right.format(name)
    for right, names in {
        "to_pandas()": "df data frame dataframe to_df pandas result show toPandas",
        "to_pandas().{}": "head tail describe shape iloc loc to_csv to_excel to_dict merge",
        "to_polars()": "polars pl",
        "to_polars().{}": "write_csv to_dicts group_by filter lazy join",
        "to_arrow()": "to_pyarrow arrow to_table",
        "to_arrow().to_pylist()": "fetchall",
        "rows": "rowcount height num_rows",
        "to_json(path)": "save json",
        "to_parquet(path)": "write_parquet",
    }.items()
    for name in names.split()
}


def read_schema(options: AskOptions) -> AskOptions:
    """Return options with a parsed ``schema``: a wrong one is a ConfigError before a question is paid for."""
    if options.schema is None:
        return options
    # Not imported before there is a schema.
    from connecty_frames.decode.schema import SchemaTypes
    from connecty_frames.frames.schema import to_schema_types

    if isinstance(options.schema, SchemaTypes):
        return options
    return replace(options, schema=to_schema_types(options.schema))


class Answer(WithMetadata):
    """An answer: its table, SQL, summary and metadata.

    Answers come from ``ask``, ``Question.result`` and :meth:`from_json`. The table is decoded once, to Arrow,
    and converted from there. Any library that reads the Arrow stream protocol (``__arrow_c_stream__``)
    accepts an Answer. Without a table, the methods that need one raise NoTableError.
    """

    __slots__ = ("_body", "_decoded", "_metadata")

    def __init__(self, body: bytes, decoded: Decoded, metadata: AnswerMetadata) -> None:
        self._body = body
        self._decoded = decoded
        self._metadata = metadata

    @classmethod
    def from_response(
        cls,
        body: bytes,
        envelope: Envelope,
        *,
        options: AskOptions,
        fetched: int | None,
        known: AnswerMetadata,
        limits: ReaderLimits = LIMITS,
        differs: Callable[[str, str], None] = diagnostics.warn_of_difference,
    ) -> Answer:
        """Decode the response to a request with ``max_rows=fetched``, about a ``known`` question.

        ``differs`` is told the kind of each difference from the API document, and a sentence.
        """
        # ``read_schema`` has read the schema of the options.
        if envelope.doubt and envelope.state != State.COMPLETED:  # of a saved response
            envelope = envelope.as_completed(fetched)
        if envelope.state != State.COMPLETED:
            raise diagnostics.unfinished_error(envelope, known)
        # Not imported before there is an answer.
        from connecty_frames.decode.decoder import decode

        if envelope.unnamed is not None or options.strict:
            diagnostics.check_envelope(envelope, options)
        decoded = decode(envelope, options, schema_types=options.schema, fetched=fetched, limits=limits)
        metadata = replace(
            known,
            sql_query=envelope.sql_query,
            response_summary=envelope.response_summary,
            rows=decoded.rows,
            total_rows=decoded.total_rows,
            truncated=None if envelope.doubt else decoded.truncated,
            statistics={} if envelope.excess else to_python(envelope.statistics),
            schema=list(map(column_texts, decoded.columns)),
            version=__version__,
        )
        if decoded.warnings or envelope.escaped_fields or envelope.excess:
            diagnostics.issue_warnings(envelope, decoded.warnings)
        differences = envelope.differences
        if decoded.total_rows is None:
            differences += tuple(diagnostics.silent_cut(decoded, fetched))
        for kind, difference in differences:
            differs(kind, difference)
        if decoded.table is not None and metadata.truncated is not False:
            diagnostics.report_truncation(metadata, options, fetched)
        return cls(body, decoded, metadata)

    @classmethod
    @shows_options(without=_WITHOUT_EFFECT, max_rows=None)
    def from_json(
        cls,
        source: bytes | str | os.PathLike[str],
        *,
        question: str | None = None,
        question_id: str | UUID | None = None,
        **options: Unpack[FetchOptionsDict],
    ) -> Answer:
        """Decode a saved results response; no service is needed.

        Parameters
        ----------
        source : bytes, str or path-like
            A response body as bytes, or the path of a file with one.
        question : str or None, default None
            The question in words, for the metadata; a response does not contain it.
        question_id : str, UUID or None, default None
            The id of the question, for the metadata.
        dw_id : int or None, default None
            The data workspace that was asked, for the metadata.
        max_rows : int or None, default None
            The ``max_rows`` of the request, which tells whether rows were cut, or None if it is unknown.
        **options
            Options of ``ask_df`` about types and truncation.

        Raises
        ------
        ConfigError
            If ``source`` is neither bytes nor a valid path.
        OSError
            If the file cannot be read, or is not a regular file.
        ResponseError, QuestionError, ConversionError, TruncatedError
            As for ``ask_df``.

        Examples
        --------
        >>> import connecty_frames as cf
        >>> path = cf.ask("how many orders are there").to_json("orders.json")
        >>> cf.Answer.from_json(path).schema
        orders  int64  numeric statistics; 1 whole number
        """
        ask_options = read_schema(AskOptions.from_kwargs(options, without=_WITHOUT_EFFECT))
        body, fetched = _body_from(source), options.get("max_rows")
        envelope, asked = read_envelope(body), None if question_id is None else check_question_id(question_id)
        known = AnswerMetadata(question=question, question_id=asked, dw_id=ask_options.dw_id)
        return cls.from_response(body, envelope, options=ask_options, fetched=fetched, known=known)

    def to_json(self, path: str | os.PathLike[str]) -> Path:
        """Save the response as it was received, for :meth:`from_json`; the file appears when complete.

        Parameters
        ----------
        path
            The file to write, in a folder that exists.

        Returns
        -------
        Path
            The file; an existing one is replaced.

        Raises
        ------
        ConfigError
            If ``path`` is not a path.
        OSError
            If it cannot be written (WriteFailed on a full disk); an existing file is unchanged.
        """
        given = checked_path(path)
        with answer_file(given, self.question_id) as file:
            file.write(self._body)
        return given

    def to_parquet(self, path: str | os.PathLike[str]) -> Path:
        """Write table and metadata to a Parquet file, as ``frame.connecty.to_parquet`` does."""
        from connecty_frames.frames.parquet_file import write_parquet

        return write_parquet(self._table(), path, self._metadata)

    @property
    def response(self) -> bytes:
        """The body of the response as received; :meth:`to_json` saves it."""
        return self._body

    @property
    def table(self) -> ArrowTable | None:
        """The table as Arrow, or None if the question was answered without one."""
        return self._decoded.table

    @property
    def schema(self) -> Schema:
        """The type of each column, and the evidence for it in words."""
        return Schema(self._decoded.columns)

    @property
    def rows(self) -> int:
        """The number of rows received."""
        return self._decoded.rows

    @property
    def tables(self) -> tuple[str, ...] | None:
        """The tables read by the SQL, each once, or None if the server sent no SQL.

        They are named as in the SQL, without the names that ``WITH`` defines and without functions. The
        dialect need not be known: the first common one that can parse the SQL is used.

        Raises
        ------
        ConfigError
            If sqlglot is not installed (extra ``sql``).
        QueryRefused
            If no dialect can read the SQL as one query.
        """
        from connecty_frames.warehouse.sql import parse_any, tables

        return None if self.sql_query is None else tables(parse_any(self.sql_query))

    @property
    def metadata(self) -> AnswerMetadata:
        """Where the answer comes from."""
        return self._metadata

    def to_pandas(self, dtype_backend: DtypeBackend = "numpy_nullable") -> PandasFrame:
        """Return the table as a pandas frame with metadata.

        Parameters
        ----------
        dtype_backend
            ``"numpy_nullable"``, ``"pyarrow"`` or ``"numpy"``. The last one gives the dtypes that pandas
            itself would choose, including ``object``, and warns of what they cannot hold.
        """
        checked = AskOptions(dtype_backend=dtype_backend)
        frame: PandasFrame = self._frame("pandas", checked.dtype_backend)
        return frame

    def to_polars(self) -> PolarsFrame:
        """Return the table as a polars frame with metadata."""
        frame: PolarsFrame = self._frame("polars")
        return frame

    def to_arrow(self) -> ArrowTable:
        """Return the table as Arrow, with metadata in its schema."""
        return self._frame("pyarrow")

    def to_spark(self, spark: SparkSession) -> DataFrame:
        """Return the table as a Spark DataFrame, with metadata on each field of its schema.

        Timestamps without a zone are TIMESTAMP_NTZ, instants TIMESTAMP, durations DayTimeIntervalType and
        uint64 decimal(20,0). Times of day, fractions of a second with more than 6 digits and decimals of more
        than 38 digits are exact text, with a warning.

        Parameters
        ----------
        spark
            A local or Spark Connect session.

        Returns
        -------
        pyspark.sql.DataFrame
            ``cf.metadata`` reads its metadata.

        Raises
        ------
        ConfigError
            If pyspark is not installed, or ``spark`` is not a session.
        """
        table = self._table()
        try:
            from connecty_frames.frames.spark import to_spark
        except ModuleNotFoundError as error:
            raise missing_extra("spark", "Spark DataFrames need", error) from None
        return to_spark(table, spark, self._metadata)

    def plot(
        self, *, x: str | None = None, y: str | Sequence[str] | None = None, color: str | None = None
    ) -> alt.Chart:
        """Draw the table with altair, as a chart that fits the question.

        The measure is a share, percentage or growth that follows the plain measures or is named in the
        question. Otherwise it is the measure that the question names first or the rows are sorted by,
        otherwise the last. Other measures of its unit are drawn beside it: those that the question joins, or
        all if it names none; joined measures of different units have a panel each. The axis is a period,
        otherwise a label or category. A second category has colours; many are a heatmap, and the top 3 of
        each country are lists. Identifiers and ranks are never drawn as measures.

        Parameters
        ----------
        x, color
            The columns for the x axis and the colours, instead of those chosen.
        y
            The column for the y axis, or a list of up to six.

        Returns
        -------
        altair.Chart
            A notebook displays it without a network. Its title is the question, or names what is drawn if
            that is less. Nothing is sampled or summed. It is about 600 pixels high and has at most ten
            colours; the subtitle says what is left out, and counts the rows of an answer that was cut. A
            chart with numbers is an ``alt.LayerChart``. Decimals and long integers are drawn as float64,
            with about 16 digits; NaN and infinity are not drawn.
            Tooltips show all digits, the first 1,000 characters of texts, the first 50 columns and those
            drawn. Times are drawn in their column's time zone.

        Raises
        ------
        ConfigError
            If there is no measure or no axis for it, a column does not exist, there are more than 5,000 rows,
            or altair is not installed.
        """
        from connecty_frames.frames.accessor import import_plot

        table, plot = self._table(), import_plot()
        chart: alt.Chart = plot(table, self.question, x, y, color, cut_rows=self._metadata.cut_text)
        return chart

    @overload
    def cast(self, table: object, *, engine: Literal["pandas"], schema: Any = ...) -> PandasFrame: ...
    @overload
    def cast(self, table: object, *, engine: Literal["polars"], schema: Any = ...) -> PolarsFrame: ...
    @overload
    def cast(self, table: object, *, engine: Literal["pyarrow"], schema: Any = ...) -> ArrowTable: ...
    @overload
    def cast(self, table: pd.DataFrame, *, engine: None = ..., schema: Any = ...) -> PandasFrame: ...
    @overload
    def cast(self, table: pl.DataFrame, *, engine: None = ..., schema: Any = ...) -> PolarsFrame: ...
    @overload
    def cast(self, table: object, *, engine: Engine | None = ..., schema: Any = ...) -> Any: ...
    def cast(self, table: object, *, engine: Engine | None = None, schema: Any = None) -> Any:
        """Return a table, fetched by your own client, with exactly the columns and types of the answer.

        Run :attr:`sql_query` yourself, after you have read it, with a role that can only read.

        Parameters
        ----------
        table
            A pyarrow Table or RecordBatchReader, a polars or pandas DataFrame, a DuckDB relation, a reader of
            ADBC, or anything else with ``__arrow_c_stream__``; or an iterable of record batches or tables.
        engine
            ``"pandas"``, ``"polars"`` or ``"pyarrow"``. None returns the kind that was given: a pandas or
            polars frame, a reader for a reader or an iterable, and otherwise a pyarrow Table.
        schema
            Column types, as for :func:`ask_df`; they replace those of the answer.

        Returns
        -------
        pandas.DataFrame, polars.DataFrame, pyarrow.Table or pyarrow.RecordBatchReader
            The columns of the answer in their order, found by name, with its types and metadata. A column
            without a value in the answer takes the table's type. A reader converts each batch as it is read;
            errors in later rows, and the StatisticsWarning about a different number of rows, come then.

        Raises
        ------
        ConfigError
            If the table is none of these, or an argument is wrong.
        ConversionError
            If the columns differ, or a type or value does not become that of the answer exactly.
        """
        from connecty_frames.frames.cast import cast_table

        self._table()
        return cast_table(self._metadata, self.schema, table, engine, schema)

    def to_frame(self, options: AskOptions) -> Any:
        """Return the table as the frame chosen by ``options.engine`` and ``options.dtype_backend``."""
        try:
            frame = self._frame(options.engine, options.dtype_backend)
        except BaseException as error:
            name_question(error, self._metadata)  # the caller would have got the frame alone
            raise
        if (show := show_in_notebook.get()) is not None:
            show(self._metadata.line)
        return frame

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Export the table by the Arrow PyCapsule protocol."""
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    if not TYPE_CHECKING:  # a checker is to report them

        def __getattr__(self, name: str) -> NoReturn:
            raise no_attribute(self, name, _GUESSES)

        def __getitem__(self, key: object) -> NoReturn:
            part = f"[{value_text(key)}]" if isinstance(key, str | list) else ".iloc[...]"
            raise TypeError(f"'Answer' object is not subscriptable; use .to_pandas(){part}")

        def __iter__(self) -> NoReturn:
            raise TypeError("'Answer' object is not iterable; use .to_pandas(), or .to_arrow().to_pylist()")

    def __len__(self) -> int:
        return self.rows

    def __bool__(self) -> bool:
        """Return True, also for an answer of no rows."""
        return True

    def __repr__(self) -> str:
        known = self._metadata
        question = repr(snippet(known.question, 100)) if known.question else "(question unknown)"
        lines = [f"<Answer to {question}: {known.shape_text}, question_id {known.question_id or 'unknown'}>"]
        if known.response_summary:
            lines.append(f"  {snippet(known.response_summary, 200)}")
        lines += [
            f"  {snippet(column.name)}: {snippet(str(column.type))}" for column in self.schema[:_REPR_COLUMNS]
        ]
        more = len(self.schema) - _REPR_COLUMNS
        lines += [f"  … {counted(more, 'more column')}"] if more > 0 else []
        return without_secrets("\n".join(lines))

    def _repr_html_(self) -> str:
        from connecty_frames.display.notebook import answer_html

        return answer_html(self._metadata, self.table, (self.rows, len(self.schema)))

    def _frame(self, engine: Engine, dtype_backend: DtypeBackend = "numpy_nullable") -> Any:
        table = self._table()
        if engine == "pandas":
            from connecty_frames.frames.pandas import to_pandas

            return to_pandas(table, dtype_backend=dtype_backend, metadata=self._metadata)
        if engine == "polars":
            from connecty_frames.frames.polars import to_polars

            return to_polars(table, self._metadata)
        return write_schema(table, self._metadata)

    def _table(self) -> pa.Table:
        table = self._decoded.table
        if table is None:
            raise NoTableError(
                with_excerpt(
                    "The question was answered without a table.",
                    excerpt(self.response_summary or "There is no summary either.", 300),
                ),
                response_summary=self.response_summary,
                sql_query=self.sql_query,
                question_id=self.question_id,
                question=self.question,
                dw_id=self._metadata.dw_id,
                state=State.COMPLETED,
                asked_at=self._metadata.asked_at,
            )
        return table


def _body_from(source: bytes | str | os.PathLike[str]) -> bytes:
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    if isinstance(source, str) and source.lstrip()[:1] in ("{", "["):
        raise ConfigError(
            "source is JSON in a str; give the body as bytes, or the path of a file.", setting="source"
        )
    if isinstance(source, str | os.PathLike):
        with open_regular(checked_path(source, "source")) as file:
            return file.read()
    raise ConfigError(
        f"source is of type {type(source).__name__}; expected bytes (a response body) or a path.",
        setting="source",
    )
