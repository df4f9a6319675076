"""The parts of a batch as one dataset, and differences between their types."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

import pyarrow as pa
from pyarrow import dataset, parquet

from connecty_frames._base.text import path_text, quoted, snippet
from connecty_frames.decode.arrow_types import any_of, is_number
from connecty_frames.errors import ConfigError, TypeFidelityWarning, warn
from connecty_frames.files import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

#: Integers up to this size are exact in float64.
_EXACT: Final = 2**53
#: The most columns that a warning names.
_MOST_COLUMNS: Final = 5
#: The types as which Arrow reads a column of nulls, whatever its own type.
_holds_any_null: Final = any_of(is_number, pa.types.is_boolean, pa.types.is_date, pa.types.is_timestamp)
_HINT: Final = "batch.refetch(schema=...) gives all parts the same types, at no cost."


def to_dataset(paths: list[Path]) -> dataset.Dataset:
    """Return Parquet files as one dataset; raises ConfigError unless columns and types agree."""
    options = dataset.ParquetFragmentScanOptions(page_checksum_verification=True)
    format_ = dataset.ParquetFileFormat(default_fragment_scan_options=options)
    return dataset.dataset([str(path) for path in paths], schema=_common_schema(paths), format=format_)


def warn_of_types(paths: Iterable[Path]) -> None:
    """Warn of columns whose types differ between parts: engines that read them together may change values."""
    found: dict[str, dict[pa.DataType, Path]] = {}
    for path in paths:
        with suppress(ConfigError):  # reading the dataset reports a damaged or missing part
            for field in _read_metadata(path).schema.to_arrow_schema():
                found.setdefault(field.name, {}).setdefault(field.type, path)
    differing = [
        f"{snippet(name)!r} is {snippet(str(first))} in {path_text(before.name)} and {snippet(str(second))} "
        f"in {path_text(path.name)}"
        for name, types in found.items()
        if len(types) > 1
        for (first, before), (second, path) in [list(types.items())[:2]]
    ]
    if differing:
        more = len(differing) - _MOST_COLUMNS
        shown = "; ".join(differing[:_MOST_COLUMNS]) + (f"; and {more:,} more" if more > 0 else "")
        message = f"Types differ between parts: {shown}. Programs that read them together may round values."
        warn(TypeFidelityWarning(message, hint=_HINT, shell_hint=f"In Python, cf.open_batch(DIR){_HINT[5:]}"))


def _common_schema(paths: list[Path]) -> pa.Schema:
    """Return the schema of all parts; a column that is int64 in some and double in others is double."""
    parts = [(path, _read_metadata(path)) for path in paths]
    schemas = [metadata.schema.to_arrow_schema().remove_metadata() for _, metadata in parts]
    first = schemas[0]
    for path, schema in zip(paths, schemas, strict=True):
        if schema.names != first.names:
            names, others = (snippet(quoted(each), 200) for each in (first.names, schema.names))
            raise _unlike(paths[0], f"the columns {names}", path, others)
    for position, field in enumerate(first):
        found = [(schema.types[position], *part) for schema, part in zip(schemas, parts, strict=True)]
        with_values = [each for each in found if _has_values(each[2], field.name)]
        if with_values and _holds_any_null(with_values[0][0]):
            found = with_values
        types = [each[0] for each in found]
        is_mixed = set(types) == {pa.int64(), pa.float64()}
        name = snippet(field.name)
        for type_, path, metadata in found:
            if not is_mixed and type_ != types[0]:
                column = f"{name!r} as {snippet(str(types[0]))}"
                raise _unlike(found[0][1], column, path, snippet(str(type_)))
            if is_mixed and type_ == pa.int64() and not _is_exact(metadata, field.name):
                column = f"{name!r} as int64 beyond 2**53, which double does not hold exactly"
                raise _unlike(path, column, found[types.index(pa.float64())][1], "double")
        first = first.set(position, field.with_type(pa.float64() if is_mixed else types[0]))
    return first


def _has_values(metadata: parquet.FileMetaData, name: str) -> bool:
    """Return whether a column may have a value that is not null."""
    found = _statistics(metadata, name)
    return bool(metadata.num_rows and (not found or any(each is None or each.num_values for each in found)))


def _is_exact(metadata: parquet.FileMetaData, name: str) -> bool:
    """Return whether all integers of a column are exact in float64, by the statistics of its file."""
    return all(
        found is not None
        and (found.num_values == 0 or (found.has_min_max and -_EXACT <= found.min <= found.max <= _EXACT))
        for found in _statistics(metadata, name)
    )


def _statistics(metadata: parquet.FileMetaData, name: str) -> list[parquet.Statistics | None]:
    return [
        metadata.row_group(group).column(position).statistics
        for group in range(metadata.num_row_groups)
        for position in range(metadata.num_columns)
        if metadata.schema.column(position).path == name
    ]


def _read_metadata(path: Path) -> parquet.FileMetaData:
    try:
        with open_regular(path) as file:
            return parquet.read_metadata(file)
    except (OSError, pa.ArrowException) as error:
        raise ConfigError(
            f"{path_text(path)} cannot be read ({snippet(str(error))}). If you delete it, ask_batch fetches "
            "it again at no cost.",
            setting="folder",
        ) from None


def _unlike(path: Path, columns: str, other: Path, others: str) -> ConfigError:
    return ConfigError(
        f"The parts have different columns: {path_text(path.name)} has {columns}, and "
        f"{path_text(other.name)} {others}.",
        hint=_HINT,
        setting="folder",
    )
