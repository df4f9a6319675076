"""Convert Arrow tables to Spark, with the same values in Spark's types.

A table here decides each type, and pyspark gets the schema, because its own inference changes values.
Importing this module imports pyspark.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import types as spark

from connecty_frames._base.text import listed, snippet
from connecty_frames.decode.arrow import TypeTest, any_of, first_match, is_aware, is_binary, is_list, is_text
from connecty_frames.decode.texts import texts
from connecty_frames.errors import ConfigError, ConversionError, TypeFidelityWarning, warn
from connecty_frames.frames.attachment import spark_metadata
from connecty_frames.frames.dtypes import DECIMAL_DIGITS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from connecty_frames.answer_metadata import AnswerMetadata


def to_spark(table: pa.Table, session: SparkSession, metadata: AnswerMetadata) -> DataFrame:
    """Convert an Arrow table to a DataFrame with the same names, rows and values; raises ConfigError."""
    # Each field has its metadata under ``connecty``. One TypeFidelityWarning names columns made text.
    if not callable(getattr(session, "createDataFrame", None)):
        message = f"spark is of type {type(session).__name__}; expected a SparkSession."
        raise ConfigError(message, setting="spark")
    schema = spark_schema(table.schema, [metadata])
    warn_of_texts(table.schema)
    return session.createDataFrame(convert(table, schema), schema)


def spark_schema(schema: pa.Schema, answers: list[AnswerMetadata]) -> spark.StructType:
    """Return the Spark schema of a table with the rows of these answers."""
    return spark.StructType(
        [
            spark.StructField(
                field.name, _spark_type(field.type), field.nullable, spark_metadata(answers, field.name)
            )
            for field in schema
        ]
    )


def arrow_schema(schema: spark.StructType) -> pa.Schema:
    """Return pyspark's Arrow types for the columns of a schema; raises ConfigError."""
    return pa.schema([_arrow_field(field.name, field.dataType, nullable=field.nullable) for field in schema])


def _spark_type(type_: pa.DataType) -> spark.DataType:
    plain = next((found for found, _, test in _PLAIN if test(type_)), None)
    if plain is not None:
        return plain
    make = first_match(_WITH_PARAMETERS, type_)
    if make is None:
        raise ConfigError(f"Spark has no type for {snippet(str(type_))}: use to_arrow().", setting="spark")
    return make(type_)


def _decimal(type_: pa.DataType) -> spark.DataType:
    # Unlike Arrow, Spark has no scale below 0 or above the precision: add zeros to the digits.
    scale = max(type_.scale, 0)
    precision = max(type_.precision - min(type_.scale, 0), scale)
    return spark.DecimalType(precision, scale) if precision <= DECIMAL_DIGITS else spark.StringType()


#: Spark types without parameters, pyspark's Arrow type for each, and a test for the Arrow types to convert;
#: the first match decides. Other types than text that become a string hold exact text, with a warning.
_PLAIN: Final[tuple[tuple[spark.DataType, pa.DataType, TypeTest], ...]] = (
    (spark.StringType(), pa.string(), any_of(is_text, pa.types.is_null, pa.types.is_time)),
    (spark.StringType(), pa.string(), lambda type_: getattr(type_, "unit", None) == "ns"),
    (spark.BooleanType(), pa.bool_(), pa.types.is_boolean),
    (spark.ByteType(), pa.int8(), pa.types.is_int8),
    (spark.ShortType(), pa.int16(), any_of(pa.types.is_int16, pa.types.is_uint8)),
    (spark.IntegerType(), pa.int32(), any_of(pa.types.is_int32, pa.types.is_uint16)),
    (spark.LongType(), pa.int64(), any_of(pa.types.is_int64, pa.types.is_uint32)),
    (spark.FloatType(), pa.float32(), any_of(pa.types.is_float16, pa.types.is_float32)),
    (spark.DoubleType(), pa.float64(), pa.types.is_float64),
    (spark.BinaryType(), pa.binary(), any_of(is_binary, pa.types.is_fixed_size_binary)),
    (spark.DateType(), pa.date32(), pa.types.is_date),
    (spark.TimestampType(), pa.timestamp("us", "UTC"), is_aware),
    (spark.TimestampNTZType(), pa.timestamp("us"), pa.types.is_timestamp),
    (spark.DayTimeIntervalType(), pa.duration("us"), pa.types.is_duration),
)
_WITH_PARAMETERS: Final[tuple[tuple[TypeTest, Callable[[pa.DataType], spark.DataType]], ...]] = (
    (pa.types.is_uint64, lambda _: spark.DecimalType(20, 0)),
    (pa.types.is_decimal, _decimal),
    (is_list, lambda type_: spark.ArrayType(_spark_type(type_.value_type))),
    (pa.types.is_map, lambda type_: spark.MapType(_spark_type(type_.key_type), _spark_type(type_.item_type))),
    (
        pa.types.is_struct,
        lambda type_: spark.StructType(
            [spark.StructField(each.name, _spark_type(each.type)) for each in type_]
        ),
    ),
    (pa.types.is_dictionary, lambda type_: _spark_type(type_.value_type)),
)


def _arrow_field(name: str, type_: spark.DataType, *, nullable: bool) -> pa.Field:
    if isinstance(type_, spark.ArrayType):
        found = pa.list_(_arrow_field("element", type_.elementType, nullable=type_.containsNull))
    elif isinstance(type_, spark.MapType):
        value = _arrow_field("value", type_.valueType, nullable=type_.valueContainsNull)
        found = pa.map_(_arrow_field("key", type_.keyType, nullable=False), value)
    elif isinstance(type_, spark.StructType):
        found = pa.struct(list(arrow_schema(type_)))
    elif isinstance(type_, spark.DecimalType):
        found = pa.decimal128(type_.precision, type_.scale)
    else:
        found = next((arrow for plain, arrow, _ in _PLAIN if type(plain) is type(type_)), None)
    if found is None:
        raise ConfigError(f"schema: no answer has a column of type {type_.simpleString()}.", setting="schema")
    return pa.field(name, found, nullable=nullable)


def warn_of_texts(schema: pa.Schema) -> None:
    """Warn once of all columns turned into text."""
    lost = [f"{snippet(each.name)!r} ({snippet(str(each.type))})" for each in schema if _is_lossy(each.type)]
    if lost:
        warn(
            TypeFidelityWarning(
                "Spark 4.0 has no type for some of these columns or values, such as times of day, more than "
                "6 digits of a second or decimals of more than 38 digits. Their "
                f"values are kept as exact text: {listed(lost)}."
            )
        )


def _is_lossy(type_: pa.DataType) -> bool:
    if pa.types.is_nested(type_):
        return any(_is_lossy(type_.field(position).type) for position in range(type_.num_fields))
    if pa.types.is_dictionary(type_):
        return _is_lossy(type_.value_type)
    return isinstance(_spark_type(type_), spark.StringType) and not (
        is_text(type_) or pa.types.is_null(type_)
    )


def convert(table: pa.Table, schema: spark.StructType) -> pa.Table:
    """Return the columns of a schema as pyspark takes them.

    Raises ConversionError for a missing column, another type, or a null that the schema does not allow.
    """
    target = arrow_schema(schema)
    columns = [_column(table, field, to) for field, to in zip(schema, target, strict=True)]
    return pa.Table.from_arrays(columns, schema=target) if columns else table.select([])


def _column(table: pa.Table, field: spark.StructField, target: pa.Field) -> pa.ChunkedArray:
    name = field.name
    if name not in table.column_names:
        raise ConversionError(f"The answer has no column {snippet(name)!r}.", column=name)
    column = table.column(name)
    found = _spark_type(column.type)
    if found.simpleString() != field.dataType.simpleString():  # they say nothing of nulls inside
        raise ConversionError(
            f"Column {snippet(name)!r} is of type {found.simpleString()} in Spark; the schema has "
            f"{field.dataType.simpleString()}.",
            column=name,
        )
    if not field.nullable and column.null_count:
        row = column.is_null().index(pa.scalar(value=True)).as_py()
        raise ConversionError(
            f"Column {snippet(name)!r} is null in row {row}, which the schema does not allow.",
            column=name,
            row=row,
        )
    try:
        chunks = [_convert(chunk, target.type).cast(target.type) for chunk in column.chunks]
    except pa.ArrowInvalid as error:
        raise ConversionError(
            f"Column {snippet(name)!r} has a value that Spark's {found.simpleString()} does not hold: "
            f"{snippet(str(error))}",
            column=name,
        ) from None
    return pa.chunked_array(chunks or [pa.array([], target.type)], target.type)


def _convert(array: pa.Array, target: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(array.type):
        return _convert(array.dictionary_decode(), target)
    if pa.types.is_list(target):
        return pa.ListArray.from_arrays(_starts(array), _convert(array.flatten(), target.value_type))
    if pa.types.is_map(target):
        pair = pa.struct([("key", array.type.key_type), ("value", array.type.item_type)])
        pairs = array.cast(pa.list_(pair))  # a map has no `flatten`
        keys, items = map(_convert, pairs.flatten().flatten(), (target.key_type, target.item_type))
        return pa.MapArray.from_arrays(_starts(pairs), keys, items)
    if pa.types.is_struct(target):
        children = [_convert(child, field.type) for child, field in zip(array.flatten(), target, strict=True)]
        return pa.StructArray.from_arrays(children, [field.name for field in target], mask=array.is_null())
    if is_text(target) and not pa.types.is_string(array.type):
        return texts(pa.chunked_array([array])).combine_chunks()
    return array.cast(target)


def _starts(lists: pa.Array) -> pa.Array:
    """Return the offset in ``flatten()`` of each cell's items (null for null), and the end of the last."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0).cast(pa.int32())
    starts = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths)])
    if not lists.null_count:
        return starts
    return pc.if_else(pa.concat_arrays([lists.is_valid(), pa.array([True])]), starts, None)
