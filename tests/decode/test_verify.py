"""The table held against the server's own statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from connecty_frames.errors import ConnectyError, ResponseError, StatisticsWarning

if TYPE_CHECKING:
    from collections.abc import Callable

    from connecty_frames.decode import Decoded

NULLS = "Column 'a' has 1 nulls, but the statistics count 0."
ROWS = "2 rows came, but the statistics count 1."


@pytest.mark.parametrize(
    ("count", "nulls", "says"),
    [
        ("2", "1", []),
        ("2", "0", [NULLS]),
        ("1", "0", [ROWS]),
        ("3", "0", []),
        ("2", '"0"', []),
        ("2", "null", []),
        ("null", "0", []),
    ],
)
def test_counts(decode_json: Callable[..., Decoded], count: str, nulls: str, says: list[str]) -> None:
    """Nulls of a complete result, and more rows than there are; a part of a result proves nothing."""
    statistics = f'{{"a":{{"general":{{"count":{count},"nulls_count":{nulls}}}}}}}'
    found = decode_json('[["a"],[1],[null]]', statistics)
    assert [str(warning) for warning in found.warnings] == says
    assert all(isinstance(warning, StatisticsWarning) for warning in found.warnings)


@pytest.mark.parametrize(("count", "says"), [("2", "has 1 nulls"), ("1", "2 rows came")])
def test_strict(decode_json: Callable[..., Decoded], count: str, says: str) -> None:
    """Under strict a disagreement is a ResponseError."""
    statistics = f'{{"a":{{"general":{{"count":{count},"nulls_count":0}}}}}}'
    with pytest.raises(ResponseError, match=says) as caught:
        decode_json('[["a"],[1],[null]]', statistics, strict=True)
    assert isinstance(caught.value, ConnectyError)


def test_duplicates_are_not_held_against_statistics(decode_json: Callable[..., Decoded]) -> None:
    """Statistics of a name that two columns share are of neither."""
    found = decode_json('[["a","a"],[1,null]]', '{"a":{"general":{"count":1,"nulls_count":5}}}')
    assert [type(warning).__name__ for warning in found.warnings] == ["ColumnNameWarning"]
