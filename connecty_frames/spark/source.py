"""The data source itself. Importing this module imports pyspark.

Spark runs each method in a Python process of its own: ``schema`` and ``reader`` on the driver, ``read`` on an
executor for each partition. What an object knows reaches the next process as a pickle inside of the plan, so
it holds ids and options, and neither credentials nor rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition

from connecty_frames._base.text import snippet
from connecty_frames.errors import ConfigError, ConversionError
from connecty_frames.frames.spark import arrow_schema, convert, spark_schema, warn_of_texts
from connecty_frames.spark.reads import AskedQuestion, Read, ask, fetch, metadata_of, open_client

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql.types import StructType

    from connecty_frames.answer import Answer
    from connecty_frames.options import AskOptions

_BATCH_ROWS: Final = 10_000  # how many rows pyspark is given at a time, as many as Spark itself makes of them


class ConnectySource(DataSource):  # type: ignore[misc]
    """The format ``connecty`` of ``spark.read``, after ``spark.dataSource.register(ConnectySource)``.

    A session of Spark asks a question once, whatever its plans do: reads of the same question and workspace,
    with the same option ``read``, share it. Each question is a partition, which an executor fetches by its
    id. Settings come from the environment or a profile of the driver and the executors, never from options.

    The options are ``question``, ``questions`` (a JSON array) or ``question_ids`` (a JSON array, or one id);
    ``read``, a name that makes it another read, which asks again; and ``dw_id``, ``max_rows`` (``all`` by
    default), ``tz``, ``infer_temporal``, ``decimals``, ``strict``, ``on_truncation`` and ``timeout`` of
    :class:`connecty_frames.AskOptions`, as text. A schema given to ``spark.read.schema`` is a contract.
    """

    _asked: tuple[AskedQuestion, ...] | None = None  # by ``schema``; None if a schema was given

    @classmethod
    def name(cls) -> str:
        """Return the name of the format."""
        return "connecty"

    def schema(self) -> StructType:
        """Ask the questions, and return the schema of their answers; Spark calls it if none was given.

        Raises
        ------
        ConfigError
            If an option or setting is wrong, or the answers have different schemas.
        ConnectyError
            As for ``cf.ask_df``.
        """
        read = Read.from_options(self.options)
        with open_client() as client:
            self._asked = tuple(ask(read, client))
            answers = [fetch(client, asked, read.ask_options) for asked in self._asked]
        return _common_schema(self._asked, answers)

    def reader(self, schema: StructType) -> DataSourceReader:
        """Return the reader of the answers; Spark calls it for each plan."""
        read = Read.from_options(self.options)
        if self._asked is not None:
            return _Reader(self._asked, read.ask_options, schema)
        contract = arrow_schema(schema)
        with open_client() as client:
            asked = tuple(ask(read, client))
        return _Reader(asked, replace(read.ask_options, schema=contract), schema)


class _Reader(DataSourceReader):  # type: ignore[misc]
    """Fetches the answers by their ids, and asks nothing."""

    def __init__(self, asked: tuple[AskedQuestion, ...], ask_options: AskOptions, schema: StructType) -> None:
        self._asked = asked
        self._ask_options = ask_options
        self._schema = schema

    def partitions(self) -> Sequence[InputPartition]:
        return [InputPartition(asked) for asked in self._asked]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        asked: AskedQuestion = partition.value
        with open_client() as client:
            answer = fetch(client, asked, self._ask_options)
        try:
            table = convert(answer.to_arrow(), self._schema)
        except ConversionError as error:
            error.question_id = asked.question_id
            error.add_note(f"The id of the question is {asked.question_id}.")
            raise
        yield from table.to_batches(max_chunksize=_BATCH_ROWS)


def _common_schema(asked: Sequence[AskedQuestion], answers: Sequence[Answer]) -> StructType:
    tables = [answer.to_arrow() for answer in answers]
    found = [metadata_of(*pair) for pair in zip(answers, asked, strict=True)]
    schemas = [spark_schema(table.schema, found) for table in tables]
    for other, schema in zip(asked, schemas, strict=True):
        if schema.simpleString() != schemas[0].simpleString():
            ids = ", ".join(f'"{each.question_id}"' for each in asked)
            raise ConfigError(
                "The answers of one read must have the same schema, but these differ: question "
                f"{asked[0].question_id} has {snippet(schemas[0].simpleString(), 300)}, question "
                f"{other.question_id} has {snippet(schema.simpleString(), 300)}. Read them separately, or "
                f"pass a schema that fits all; the option question_ids with [{ids}] asks nothing again.",
                setting="questions",
            )
    warn_of_texts(tables[0].schema)
    return schemas[0]
