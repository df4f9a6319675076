"""Answer: one decoded table and its story.

The only place where decoding, frames and the story on them meet.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connecty_frames import decode, display, frames
from connecty_frames.errors import (
    ConfigError,
    ConnectyError,
    NoTableError,
    QuestionError,
    QuestionFailed,
    TruncatedError,
    TruncationWarning,
    TypeFidelityWarning,
    warn,
)
from connecty_frames.files import atomic_write, checked_path, open_regular
from connecty_frames.frames import AnswerMetadata
from connecty_frames.options import AskOptions, AskOptionsDict, DtypeBackend
from connecty_frames.protocol import State
from connecty_frames.text import snippet
from connecty_frames.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from typing import Unpack

    import altair as alt
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from connecty_frames.errors import ConnectyWarning

__all__ = ["Answer", "contract_of"]

#: How many columns a repr shows.
_SHOWN_COLUMNS = 12
#: How many warnings of a category an answer makes before it counts the rest.
_MOST_WARNINGS = 10
#: How much of what a server says of a question is in a message, in bytes.
_LONGEST_SAID = 3_000


def contract_of(options: AskOptions) -> decode.Contract | None:
    """Read ``schema=``; to be called before a question is sent, for it may be wrong.

    Raises
    ------
    ConfigError
        Where the schema is of no known kind, or names a type that JSON values cannot become.
    """
    return frames.to_contract(options.schema)


class Answer:
    """One answer: its table, the SQL and summary that came with it, and where it comes from.

    Answers come from ``ask``, ``Question.result`` and :meth:`from_json`. The table is decoded once, to Arrow;
    frames are made of it as often as they are asked for. Any library that reads the Arrow stream protocol
    (``__arrow_c_stream__``) takes an Answer as it is.
    """

    __slots__ = ("_body", "_decoded", "_metadata")

    def __init__(self, body: bytes, decoded: decode.Decoded, metadata: AnswerMetadata) -> None:
        self._body = body
        self._decoded = decoded
        self._metadata = metadata

    @classmethod
    def from_response(
        cls,
        body: bytes,
        envelope: decode.Envelope,
        *,
        options: AskOptions,
        fetched: int | None,
        question: str | None = None,
        question_id: str | None = None,
        dw_id: int | None = None,
        base_url: str | None = None,
        asked_at: datetime | None = None,
        elapsed: float | None = None,
    ) -> Answer:
        """Decode a results response.

        Parameters
        ----------
        body
            The response as received.
        envelope
            What ``decode.read_envelope`` gave of it; its state must be COMPLETED.
        fetched
            The ``max_rows`` it was asked for with, None where that is unknown.

        Raises
        ------
        QuestionFailed, QuestionError
            Where the question failed or is not finished.
        ResponseError
            Where the body is not what the API promises.
        ConversionError
            Where a value does not fit ``schema=``, or a type under ``strict=True``.
        TruncatedError
            Where rows were cut and ``on_truncation="raise"``.
        """
        contract = contract_of(options)
        if envelope.state != State.COMPLETED:
            raise _unfinished(
                envelope, question_id=question_id, question=question, dw_id=dw_id, asked_at=asked_at
            )
        decoded = decode.decode(envelope, options, contract=contract, fetched=fetched)
        metadata = AnswerMetadata(
            question=question,
            question_id=question_id,
            dw_id=dw_id,
            base_url=base_url,
            sql_query=envelope.sql_query,
            response_summary=envelope.response_summary,
            asked_at=asked_at,
            elapsed=elapsed,
            rows=decoded.rows,
            total_rows=decoded.total_rows,
            truncated=decoded.truncated,
            statistics=decode.plain_statistics(envelope),
            schema=[{"name": c.name, "type": str(c.type), "evidence": c.evidence} for c in decoded.schema],
            version=__version__,
        )
        for warning in _bounded([*_mended(envelope), *decoded.warnings]):
            warn(warning)
        answer = cls(body, decoded, metadata)
        answer._tell_truncation(options, fetched)
        return answer

    @classmethod
    def from_json(
        cls,
        source: bytes | str | os.PathLike[str],
        *,
        question: str | None = None,
        **choices: Unpack[AskOptionsDict],
    ) -> Answer:
        """Decode a saved results response; no service is needed.

        Parameters
        ----------
        source
            Bytes are a response body, a str or Path is the file that holds one.
        question
            The question in words, for the story; a response does not hold it.
        **choices
            As for ``ask``, as far as they bear on decoding: ``schema``, ``tz``, ``infer_temporal``,
            ``strict``, ``on_truncation``; ``question_id`` and ``dw_id`` for the story; and ``max_rows``
            where it is known how many rows were asked for.

        Raises
        ------
        ConfigError
            Where ``source`` is neither, or a path that no file can have.
        OSError
            Where the file cannot be read, or is no regular file.
        ResponseError, QuestionError, ConversionError, TruncatedError
            As the response deserves.

        Examples
        --------
        >>> import connecty_frames as cf
        >>> path = cf.ask("how many orders are there").to_json("orders.json")
        >>> cf.Answer.from_json(path).schema
        orders  int64  numeric statistics; 3 whole numbers
        """
        options = AskOptions.from_kwargs(choices)
        body = _read(source)
        return cls.from_response(
            body,
            decode.read_envelope(body),
            options=options,
            fetched=choices.get("max_rows"),
            question=question,
            question_id=options.question_id,
            dw_id=options.dw_id,
        )

    def to_json(self, path: str | os.PathLike[str]) -> Path:
        """Save the response as it was received, whole or not at all, for :meth:`from_json`.

        Parameters
        ----------
        path
            The file to write, in a folder that exists.

        Returns
        -------
        Path
            The file, which replaces one of that name.

        Raises
        ------
        ConfigError
            Where ``path`` is none.
        OSError
            Where it cannot be written; a file that was there before is then as it was.
        """
        with atomic_write(path) as file:
            file.write(self._body)
        return Path(path)

    @property
    def question(self) -> str | None:
        """The question in words, None after re-attaching by id."""
        return self._metadata.question

    @property
    def question_id(self) -> str | None:
        """The server's id of the question, None for a saved response."""
        return self._metadata.question_id

    @property
    def sql_query(self) -> str | None:
        """The SQL that made the table, None where the server sent none."""
        return self._metadata.sql_query

    @property
    def response_summary(self) -> str | None:
        """The written summary, None where the server sent none."""
        return self._metadata.response_summary

    @property
    def statistics(self) -> dict[str, dict[str, Any]]:
        """The server's statistics by column and section."""
        return self._metadata.statistics

    @property
    def table(self) -> pa.Table | None:
        """The table as Arrow, None where the question was answered without one."""
        return self._decoded.table

    @property
    def schema(self) -> decode.Schema:
        """The type of each column, and in words the evidence for it."""
        return self._decoded.schema

    @property
    def rows(self) -> int:
        """The rows that came."""
        return self._decoded.rows

    @property
    def total_rows(self) -> int | None:
        """The rows of the whole answer, None if unknown."""
        return self._decoded.total_rows

    @property
    def truncated(self) -> bool | None:
        """Whether rows were cut, None if unknown."""
        return self._decoded.truncated

    @property
    def metadata(self) -> AnswerMetadata:
        """The whole story of the answer."""
        return self._metadata

    def to_pandas(self, dtype_backend: DtypeBackend = "numpy_nullable") -> pd.DataFrame:
        """Give the table as a pandas frame that keeps the story; no column is of dtype object.

        Parameters
        ----------
        dtype_backend
            ``"numpy_nullable"``, ``"pyarrow"`` or ``"numpy"``; the last warns of what it cannot hold.

        Raises
        ------
        NoTableError
            Where the question was answered without a table.
        """
        options = AskOptions(dtype_backend=dtype_backend)
        frame = frames.to_pandas(self._table(), dtype_backend=options.dtype_backend)
        return frames.attach(frame, self._metadata)

    def to_polars(self) -> pl.DataFrame:
        """Give the table as a polars frame that keeps the story.

        Raises
        ------
        NoTableError
            Where the question was answered without a table.
        """
        return frames.attach(frames.to_polars(self._table()), self._metadata)

    def to_arrow(self) -> pa.Table:
        """Give the table as Arrow, the story in its schema's metadata.

        Raises
        ------
        NoTableError
            Where the question was answered without a table.
        """
        return frames.attach(self._table(), self._metadata)

    def plot(self, *, x: str | None = None, y: str | None = None, color: str | None = None) -> alt.Chart:
        """Draw the table with altair, in the way that its types suggest.

        A number over time is a line, a number by category bars in the order of the answer, a number over
        another points, and one number alone the number itself. The first columns that fit are drawn.
        Where a moment or category occurs more than once, a further category is told apart by colour.

        Parameters
        ----------
        x, y, color
            The columns to draw, to colour and to tell apart, in place of those chosen by type.

        Returns
        -------
        altair.Chart
            To be shown or changed: the question is its title, the names of the columns those of the axes.
            No row is sampled or left out. Decimals and long integers are drawn as float64, to about 16
            digits, and NaN and infinity not at all; the tooltips have all digits, of texts 1,000 characters,
            and of more than 50 columns the first 50 and those drawn. Moments are drawn in the zone of their
            column.

        Raises
        ------
        NoTableError
            Where the question was answered without a table.
        ConfigError
            Where no plot fits the types, a column is not there, there are more rows than the 5,000 (bars:
            500) that can be drawn well, or altair is not installed.
        """
        return display.plot(self._table(), self.question, x, y, color)

    def to_frame(self, options: AskOptions) -> Any:
        """Give the table as the frame that ``options.engine`` and ``options.dtype_backend`` choose."""
        try:
            if options.engine == "pandas":
                return self.to_pandas(options.dtype_backend)
            return self.to_polars() if options.engine == "polars" else self.to_arrow()
        except BaseException as error:
            if self.question_id is not None and not isinstance(error, ConnectyError):
                # The frame is all that the caller would have got, so nothing else tells them the id.
                error.add_note(f"question_id={self.question_id!r} fetches the answer without asking again.")
            raise

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Export the table by the Arrow PyCapsule protocol."""
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        return self.rows

    def __bool__(self) -> bool:
        """Hold for every answer, also for one of no rows."""
        return True

    def __repr__(self) -> str:
        story = self._metadata
        asked = repr(snippet(story.question, 100)) if story.question else "(question unknown)"
        shape = "no table" if self.table is None else f"{story.counted} x {len(self.schema)} columns"
        lines = [f"<Answer to {asked}: {shape}, question_id {story.question_id or 'unknown'}>"]
        lines += [
            f"  {snippet(column.name)}: {snippet(str(column.type))}"
            for column in self.schema[:_SHOWN_COLUMNS]
        ]
        more = len(self.schema) - _SHOWN_COLUMNS
        return "\n".join([*lines, f"  … {more:,} more columns"] if more > 0 else lines)

    def _repr_html_(self) -> str:
        """Show the answer in a notebook."""
        return display.answer_html(self._metadata, self.table, (self.rows, len(self.schema)))

    def _table(self) -> pa.Table:
        if self._decoded.table is None:
            raise NoTableError(
                "The question was answered without a table. "
                f"{snippet(self.response_summary or 'There is no summary either.', 300)}",
                response_summary=self.response_summary,
                sql_query=self.sql_query,
                question_id=self.question_id,
                question=self.question,
                dw_id=self._metadata.dw_id,
                state=State.COMPLETED,
                asked_at=self._metadata.asked_at,
            )
        return self._decoded.table

    def _tell_truncation(self, options: AskOptions, fetched: int | None) -> None:
        """Say that rows were cut, or may have been, in the way the caller chose."""
        if self.table is None or self.truncated is False or (self.truncated is None and fetched is None):
            return
        if self.truncated:
            what = f"{self.rows:,} of {self.total_rows:,} rows came"
        else:
            what = f"{self.rows:,} rows came, as many as were asked for; no statistics tell if there are more"
        if options.on_truncation == "raise":
            raise TruncatedError(
                f"{what};",
                hint="max_rows=None fetches all.",
                shell_hint="--max-rows all fetches all.",
                rows=self.rows,
                total_rows=self.total_rows,
                question_id=self.question_id,
            )
        if options.on_truncation == "warn":
            warn(
                TruncationWarning(
                    f"{what};",
                    hint="max_rows=None fetches all, on_truncation='ignore' is silent.",
                    shell_hint="--max-rows all fetches all, --on-truncation ignore is silent.",
                )
            )


def _mended(envelope: decode.Envelope) -> list[ConnectyWarning]:
    """Return the warning about texts of the server that are not as they came."""
    if not envelope.mended:
        return []
    return [
        TypeFidelityWarning(
            f"Each half of a surrogate pair, which no text can hold, is written as the escape that it was in "
            f"{' and '.join(envelope.mended)}."
        )
    ]


def _bounded(warnings: Iterable[ConnectyWarning]) -> Iterator[ConnectyWarning]:
    """Yield the first warnings of each category, and at the end one for the others of it."""
    counts: Counter[type[ConnectyWarning]] = Counter()
    for warning in warnings:
        counts[type(warning)] += 1
        if counts[type(warning)] <= _MOST_WARNINGS:
            yield warning
    for category, count in counts.items():
        if count > _MOST_WARNINGS:
            yield category(
                f"{count - _MOST_WARNINGS:,} more warnings of this category are left out. Schema and "
                "statistics of the answer show what they are about."
            )


def _read(source: bytes | str | os.PathLike[str]) -> bytes:
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


def _said(details: dict[str, Any], more: int) -> str:
    """Return what the server said on one line, and how many fields there was no room for."""
    shown: list[str] = []
    room = _LONGEST_SAID
    for name, value in details.items():
        shown.append(f"{snippet(name)}: {snippet(str(value), 500)}")
        room -= len(f"; {shown[-1]}".encode())
        if room < 0:
            shown.pop()
            break
    left = len(details) - len(shown) + more
    return "; ".join([*shown, *([f"and {left:,} more"] if left else [])])


def _unfinished(
    envelope: decode.Envelope,
    *,
    question_id: str | None,
    question: str | None,
    dw_id: int | None,
    asked_at: datetime | None,
) -> QuestionError:
    """Say why there is no answer, with everything the server said, the SQL it tried included."""
    texts = {"response_summary": envelope.response_summary, "sql_query": envelope.sql_query}
    details = {**envelope.details, **{name: text for name, text in texts.items() if text}}
    said = _said(details, envelope.more_details)
    says = f" The server says: {said}." if said else ""
    asked = "The question" if question is None else f"The question {snippet(question)!r}"
    kind: type[QuestionError] = QuestionError
    what = f"{asked} is not finished (state {snippet(envelope.state)}).{says}"
    if envelope.state == State.FAILED:
        says = says or " The server does not say why."
        kind, what = QuestionFailed, f"{asked} failed.{says} Putting it in other words may help."
    return kind(
        what,
        question_id=question_id,
        question=question,
        dw_id=dw_id,
        state=envelope.state,
        asked_at=asked_at,
        details=details,
    )
