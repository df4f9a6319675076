"""What a contract says of a column besides its type: nulls, and constraints on its values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from connecty_frames.decode.arrow import compute as pc
from connecty_frames.decode.arrow.buffers import index_of
from connecty_frames.decode.arrow_types import is_list
from connecty_frames.decode.errors import CellError
from connecty_frames.decode.types.column import combine

if TYPE_CHECKING:
    from collections.abc import Callable

    from connecty_frames.decode.schema import ColumnRule

#: How many distinct values are checked at once.
_BLOCK: Final = 1 << 14  # pragma: no mutate - a size


def check_rule(array: Any, rule: ColumnRule, checkpoint: Callable[[], None] = lambda: None) -> None:
    """Raise CellError at a null or value that a rule does not allow."""
    if not rule.nullable and array.null_count:
        row = index_of(pc.is_null(combine(array)), value=True)
        raise CellError(row, "null", "is a null, which schema= does not allow")
    if rule.check is None:
        return
    values, rows = combine(array), None
    if rule.checks_nulls_alone and not _has_nulls_inside(values):
        return
    if not pa.types.is_nested(values.type):
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()  # not all categories need occur
        encoded = values.dictionary_encode()
        values, rows = encoded.dictionary, encoded.indices
    for start in range(0, len(values), _BLOCK):
        checkpoint()
        found = rule.check(values.slice(start, _BLOCK).to_pylist())
        if found is not None:
            position = start + found[0]
            row = position if rows is None else index_of(rows, position)
            raise CellError(row, str(values[position].as_py()), f"does not fit the model: {found[1]}")


def _has_nulls_inside(lists: pa.Array) -> bool:
    while is_list(lists.type):
        lists = lists.flatten()
        if lists.null_count:
            return True
    return False
