"""Pin: a pinned question with its SQL, and methods to fetch, run and check it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast, overload

from connecty_frames import errors
from connecty_frames._base.text import counted, snippet, value_text
from connecty_frames.answer_metadata import AnswerMetadata, Schema
from connecty_frames.api import fetch_df, shared_client
from connecty_frames.errors import ConfigError, PinChanged, PinWarning, QueryRefused, warn, wrong_value
from connecty_frames.frames.cast import cast_table, rerun
from connecty_frames.options import check_bool, check_count
from connecty_frames.pins import comparison
from connecty_frames.pins.comparison import Drift, PinCheck
from connecty_frames.warehouse.cast import declared_types, needs_values
from connecty_frames.warehouse.sql import declared, fingerprint, parse, parse_any

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from typing import Unpack

    import pandas as pd
    import polars as pl

    from connecty_frames.api import _FetchCall
    from connecty_frames.client import Client
    from connecty_frames.frames.accessor import ArrowTable, PandasFrame, PolarsFrame
    from connecty_frames.options import Engine, FetchOptionsDict
    from connecty_frames.warehouse.cast import RecordBatchReader
    from connecty_frames.warehouse.sql import Statement


@dataclass(frozen=True, slots=True)
class Pin:
    """A pinned question and its SQL, as read from the file."""

    name: str
    """Its name, and that of its file."""
    question: str
    """The question in words."""
    dw_id: int
    """The data workspace that was asked."""
    question_id: str
    """The server's id of the question."""
    asked_at: datetime | None
    """When it was asked, aware and in UTC, or None if it was pinned by its id."""
    dialect: str | None
    """The SQL dialect as sqlglot calls it, or None if none was given."""
    sql: str
    """The SQL as the server sent it."""
    fingerprint: str
    """A hash of the SQL that ignores its formatting."""
    sqlglot: str | None
    """The version of sqlglot that made the fingerprint, or None if SQL that cannot be parsed was hashed as
    text."""
    tables: tuple[str, ...]
    """The tables that the SQL reads."""
    schema: Schema
    """The columns of the answer."""
    rows: int | None = None
    """The number of rows of the whole answer, or None if unknown."""
    options: dict[str, Any] = field(default_factory=dict, hash=False)
    """The options that affect the types, if they are not the defaults."""
    digest: str = ""
    """A hash of the SQL and the fingerprint as they were written, whatever the version of sqlglot."""

    def __repr__(self) -> str:
        return (
            f"<Pin {snippet(self.name)!r}: {snippet(self.question)!r}, "
            f"{counted(len(self.schema), 'column')}, question_id {self.question_id}>"
        )

    @overload
    def fetch_df(self, *, engine: Literal["pandas"] = ..., **options: Unpack[_FetchCall]) -> PandasFrame: ...
    @overload
    def fetch_df(self, *, engine: Literal["polars"], **options: Unpack[_FetchCall]) -> PolarsFrame: ...
    @overload
    def fetch_df(self, *, engine: Literal["pyarrow"], **options: Unpack[_FetchCall]) -> ArrowTable: ...
    def fetch_df(
        self, *, engine: Engine = "pandas", client: Client | None = None, **options: Unpack[FetchOptionsDict]
    ) -> PandasFrame | PolarsFrame | ArrowTable:
        """Fetch the answer of the pinned question as a frame, with the pinned types; no question is asked.

        Parameters
        ----------
        engine : {"pandas", "polars", "pyarrow"}, default "pandas"
            The library of the frame.
        client : Client or None, default None
            The client to use; None uses a shared one, made from the settings.
        **options
            As for :func:`fetch_df`, except for ``dw_id`` and ``schema``, which the pin decides.

        Returns
        -------
        pandas.DataFrame, polars.DataFrame or pyarrow.Table
            The rows of the original answer.

        Raises
        ------
        ConfigError
            If an option is given that the pin decides, or a setting is missing or wrong.
        NotFoundError
            If the service no longer has the answer.
        ConnectyError
            As for :func:`fetch_df`.
        """
        if given := [name for name in ("dw_id", "schema") if name in options]:
            raise ConfigError(
                f"{given[0]}={value_text(cast('dict[str, Any]', options)[given[0]])}: pin "
                f"{snippet(self.name)!r} sets it; leave it out, or use cf.fetch_df.",
                setting=given[0],
            )
        merged: dict[str, Any] = {**self.options, **options, "dw_id": self.dw_id, "schema": self.schema}
        return fetch_df(self.question_id, engine=engine, client=client, **merged)

    @property
    def metadata(self) -> AnswerMetadata:
        """The metadata of its rows."""
        return AnswerMetadata(
            question=self.question,
            question_id=self.question_id,
            dw_id=self.dw_id,
            asked_at=self.asked_at,
            sql_query=self.sql,
        )

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
        """Cast a table fetched by your own client with :attr:`sql` to the pinned columns and types.

        Parameters
        ----------
        table, engine, schema
            As for :meth:`Answer.cast`. The number of rows is not compared, because data changes between runs.

        Returns
        -------
        pandas.DataFrame, polars.DataFrame, pyarrow.Table or pyarrow.RecordBatchReader
            As for :meth:`Answer.cast`.

        Raises
        ------
        ConfigError, ConversionError
            As for :meth:`Answer.cast`.
        """
        return cast_table(self.metadata, self.schema, table, engine, schema)

    def rerun(
        self, connection: object, *, dialect: str | None = None, schema: Any = None
    ) -> RecordBatchReader:
        """Run the pinned SQL on DuckDB or by ADBC, and return all rows as a stream; no question is asked.

        It runs in its own transaction, which is read-only in PostgreSQL and DuckDB. Without autocommit,
        PostgreSQL uses the connection's transaction, and rolls it back: settings and cursors made in it are
        lost. The number of rows is not compared, because data changes between runs.

        Parameters
        ----------
        connection : object
            A DuckDB or ADBC connection without an open transaction. ADBC needs ``autocommit=True``, except
            for PostgreSQL.
        dialect : str or None, default None
            The SQL dialect of the database, a name that sqlglot knows; None uses the pinned one.
        schema
            Column types, as for :func:`ask_df`; they replace those of the pin.

        Returns
        -------
        pyarrow.RecordBatchReader
            Record batches with the pinned columns and metadata, converted as they are read. Whole numbers
            become the double or decimal that the database declares. The query and its transaction end with
            the last batch, or when the reader is deleted (not by ``close()`` or a ``with`` statement); until
            then the connection is busy.

        Raises
        ------
        ConfigError
            If an argument is wrong, the connection is of another kind or has an open transaction, there is no
            dialect, or the SQL in the file was edited.
        QueryRefused
            If the SQL is not a single query that only reads; nothing was sent.
        ConversionError
            As for :meth:`Answer.cast`.

        Notes
        -----
        The driver's exceptions are raised unchanged.
        """
        chosen = self._dialect() if dialect is None else dialect
        self._statement()
        return rerun(self.metadata, self.schema, connection, parse(self.sql, chosen), schema)

    def check(
        self,
        connection: object = None,
        *,
        ask: bool = False,
        times: int = 1,
        on_change: Literal["raise", "warn"] | Callable[[PinCheck], object] = "raise",
        client: Client | None = None,
        timeout: float | None = None,
    ) -> PinCheck:
        """Check whether the pin still runs and returns the same columns, or compare a new answer.

        By default no question is asked and no row is read: the SQL is parsed and checked as for ``rerun``.
        With a connection, the columns that the warehouse declares are compared with the pinned ones: a
        missing table or column is a change, and so is another kind, such as text in place of dates. Only for
        times of another type, such as timestamps in place of dates, rows are read until one does not fit.
        With ``ask=True`` the question is asked again, and the SQL, columns, types and number of rows of its
        answer are compared. The pin does not change.

        Parameters
        ----------
        connection : object or None, default None
            A connection to the warehouse, as for :meth:`rerun`; needs the pin's dialect.
        ask : bool, default False
            Ask the question again; **each asking is paid for**.
        times : int, default 1
            How often to ask, one after another; only with ``ask=True``.
        on_change : {"raise", "warn"} or callable, default "raise"
            What to do if anything other than the SQL's formatting changed: raise PinChanged, issue a
            PinWarning, or call a function with the PinCheck.
        client : Client or None, default None
            The client to ask with; None uses a shared one, made from the settings.
        timeout : float or None, default None
            Seconds for each question; None uses the configured timeout.

        Returns
        -------
        PinCheck
            What differs, and how often the answers agree with each other.

        Raises
        ------
        PinChanged
            If anything differs and ``on_change="raise"``.
        ConfigError
            If an argument is wrong; or, with ``ask=True``, the SQL in the file was edited. Nothing was asked.
        ConnectyError
            As for :func:`ask_df`.
        """
        check_bool(ask, "ask")
        check_count(times, "times", least=1)
        if not (callable(on_change) or (isinstance(on_change, str) and on_change in ("raise", "warn"))):
            raise wrong_value("on_change", on_change, "'raise', 'warn' or a callable")
        if ask and connection is not None:
            raise ConfigError("Give connection or ask, not both.", setting="ask")
        if times > 1 and not ask:
            raise ConfigError("times applies only with ask.", setting="times")
        if ask:
            checked = self._ask(times, client, timeout)
        else:
            checked = PinCheck(self.name, (self._compare_warehouse(connection),), by_text=False)
        if not checked.changed:
            return checked
        if callable(on_change):
            on_change(checked)
        elif on_change == "warn":
            warn(PinWarning(str(checked)))
        else:
            question_id = checked.drifts[-1].question_id
            raise PinChanged(str(checked), name=self.name, changes=checked.lines, question_id=question_id)
        return checked

    def _ask(self, times: int, client: Client | None, timeout: float | None) -> PinCheck:
        before = self._statement()
        asking = shared_client(client)
        options: dict[str, Any] = {**self.options, "dw_id": self.dw_id, "timeout": timeout}
        pinned = (before or self.sql, self.sql, self.schema, self.rows)
        answers = (asking.ask(self.question, on_truncation="ignore", **options) for _ in range(times))
        found = [comparison.compare(*pinned, answer) for answer in answers]
        agreeing = [max(Counter(keys).values()) for keys in zip(*(keys for _, keys in found), strict=True)]
        return PinCheck(self.name, tuple(drift for drift, _ in found), before is None, *agreeing)

    def _compare_warehouse(self, connection: object) -> Drift:
        if not self._is_as_pinned():
            return Drift(sql="edited")
        dialect = self.dialect
        if dialect is None:
            dialect = parse_any(self.sql).dialect if connection is None else self._dialect()
        try:
            statement = parse(self.sql, dialect)
            if connection is None:
                return Drift()
            rows = declared(connection, statement)
            drift = Drift(**comparison.compare_columns(self.schema, declared_types(rows, self.schema)))
            if not drift.changed and needs_values(rows, self.schema):
                for _ in self.rerun(connection):
                    pass  # until a value does not fit
        except (errors.ConversionError, QueryRefused) as error:
            return Drift(refused=str(error).partition(" Nothing was sent")[0])
        return drift

    def _dialect(self) -> str:
        if self.dialect is None:
            raise ConfigError(
                f"Pin {snippet(self.name)!r} has no dialect.",
                hint="Name the SQL dialect of the connection, such as dialect='postgres'.",
                shell_hint="Name the SQL dialect of the connection, such as --dialect postgres.",
                setting="dialect",
            )
        return self.dialect

    def _statement(self) -> Statement | None:
        """Return the parsed SQL, or None if it cannot be parsed; raises ConfigError if it was edited."""
        if not self._is_as_pinned():
            raise ConfigError(
                f"The SQL of pin {snippet(self.name)!r} is not the pinned SQL: the file was edited. "
                "Restore it, or pin the question again.",
                setting="path",
            )
        return None if self.sqlglot is None else comparison.parsed(self.sql, self.dialect)

    def _is_as_pinned(self) -> bool:
        """Return True if the SQL has its fingerprint, or neither was edited: sqlglot may have changed."""
        statement = None if self.sqlglot is None else comparison.parsed(self.sql, self.dialect)
        made = comparison.text_fingerprint(self.sql) if statement is None else fingerprint(statement)
        return made == self.fingerprint or self.digest == comparison.digest(self.sql, self.fingerprint)
