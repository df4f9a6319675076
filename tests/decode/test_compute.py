"""Arrow's functions do what those of ``pyarrow.compute`` do, which typical answers do not import."""

import builtins
import importlib
import subprocess
import sys
import textwrap
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pytest

from connecty_frames.decode import compute as arrow_compute
from tests.cases import cases

NUMBERS = pa.array([3, None, 1], pa.int64())
TEXTS = pa.chunked_array([["b", None], ["a.1"]], pa.string())


@cases(
    ("name", "arguments", "options"),
    [
        ("cast", [NUMBERS, pa.string()], {}),
        ("cast", [pa.scalar(1.5), pa.int64()], {"safe": False}),
        ("cast", [TEXTS, pa.large_string()], {"memory_pool": pa.system_memory_pool()}),
        ("match_substring_regex", [TEXTS, r"\."], {}),
        ("min_max", [NUMBERS], {}),
        ("and_", [pa.array([True, None]), pa.array([True, True])], {}),
        ("filter", [TEXTS, pa.array([True, False, True])], {"memory_pool": pa.system_memory_pool()}),
        ("sum", [NUMBERS], {"min_count": 3}),
        ("replace_substring_regex", [TEXTS, "a", "c"], {}),
        ("take", [NUMBERS, pa.array([1, 2])], {"boundscheck": False}),
        ("fill_null", [NUMBERS, 0], {}),
        ("index", [NUMBERS, pa.scalar(1)], {}),
        ("binary_join_element_wise", [TEXTS, TEXTS, pa.scalar("-")], {}),
    ],
)
def test_a_function_is_that_of_pyarrow(name: str, arguments: list[Any], options: dict[str, Any]) -> None:
    """The result is the same, with options and without."""
    expected = getattr(pyarrow.compute, name)(*arguments, **options)
    assert getattr(arrow_compute, name)(*arguments, **options).equals(expected)


def test_errors() -> None:
    """They are those of Arrow, and of Python for an unknown name."""
    with pytest.raises(pa.ArrowInvalid, match="Failed to parse"):
        arrow_compute.cast(TEXTS, pa.int64())
    with pytest.raises(AttributeError, match="has no attribute 'missing'"):
        _ = arrow_compute.missing


SCRIPT = textwrap.dedent(
    """
    import json
    import sys

    import connecty_frames as cf

    columns = {
        "id": ([1, None, 3], "numeric", {"min": 1, "max": 3, "mean": 2}),
        "price": (["1.50", "20.00", "3.25"], "numeric", {"min": "1.50", "max": "20.00", "mean": 8.25}),
        "share": ([0.1, 1.1, 1.3333333333333333], "numeric", {"min": 0.1, "max": 1.3333333333333333}),
        "key": ([2**64, 1, 2], "numeric", {"min": 1, "max": 2**64}),
        "name": (["a", "", "cd"], "string", {"min_len": 0}),
        "paid": ([True, False, None], "boolean", {"true_count": 1}),
        "day": (["2025-01-01", None, "2025-01-03"], "temporal", {"min": "2025-01-01", "max": "2025-01-03"}),
        "at": (["2025-01-01 10:00:00"] * 3, "temporal", {"min": "2025-01-01 10:00:00"}),
        "sent": (["2025-01-01T10:00:00.5+02:00"] * 3, "temporal", {"min": "2025-01-01T08:00:00.5Z"}),
    }
    rows = [list(columns), *zip(*(values for values, *_ in columns.values()))]
    stated = {name: {"general": {}, kind: found} for name, (_, kind, found) in columns.items()}
    for statistics in (stated, {}):
        results = {"dataframe": rows, "dataframe_stats": statistics}
        body = json.dumps({"state": "COMPLETED", "results": results}).encode()
        answer = cf.Answer.from_json(body)
        assert answer.to_polars().shape == (3, len(columns))
    assert "pyarrow.compute" not in sys.modules
    """
)


@pytest.mark.slow
def test_typical_answers_need_no_import() -> None:
    """Numbers, also quoted, texts, truth values, dates and timestamps are read and compared without it."""
    subprocess.run([sys.executable, "-W", "error", "-c", SCRIPT], check=True)


def test_a_cast_is_safe() -> None:
    """A number that the type does not hold is an error, as with pyarrow.compute."""
    with pytest.raises(pa.ArrowInvalid, match="truncated"):
        arrow_compute.cast(pa.scalar(1.5), pa.int64())


def test_without_the_private_module_of_arrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its public one has the same functions."""
    imported, refused = builtins.__import__, []

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "pyarrow._compute" and rest[0]["__name__"] == arrow_compute.__name__:
            refused.append(name)
            raise ImportError(name)
        return imported(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    try:
        importlib.reload(arrow_compute)
        assert refused == ["pyarrow._compute"]
        assert arrow_compute.cast(pa.array([1]), pa.string()).to_pylist() == ["1"]
    finally:
        monkeypatch.undo()
        importlib.reload(arrow_compute)
