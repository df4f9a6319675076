"""Types by group, and the first match in a table."""

from __future__ import annotations

import pyarrow as pa
import pytest

from connecty_frames.decode.arrow_types import any_of, first_match, is_list, is_number, is_text


def test_the_first_match_counts() -> None:
    """Tests are tried in order, and without a match there is no value."""
    table = [(pa.types.is_int64, "int64"), (is_number, "number"), (any_of(is_text, is_list), "other")]
    types = [pa.int64(), pa.int8(), pa.string(), pa.list_(pa.int8()), pa.bool_()]
    assert [first_match(table, type_) for type_ in types] == ["int64", "number", "other", "other", None]


@pytest.mark.parametrize("type_", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
def test_texts(type_: pa.DataType) -> None:
    """Every type of text is one."""
    assert is_text(type_)
    assert not is_number(type_)
