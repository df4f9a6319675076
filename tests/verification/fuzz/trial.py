"""One case: its body is read, timed, and what came out is judged."""

from __future__ import annotations

import contextlib
import random
import time
import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

import pyarrow as pa

from connecty_frames import Answer
from connecty_frames.decode import columnar, rows
from connecty_frames.errors import ConnectyError, ConnectyWarning
from tests.verification.fuzz import oracle
from tests.verification.fuzz.bodies import body_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pandas as pd
    import polars as pl

__all__ = ["Trials"]

#: No body may take longer, in seconds. The processor's time counts as well, for what else the machine does
#: is not the body's fault.
_LONGEST: Final = 1.0
#: How many cases in a hundred become frames, and are read a second time without the columnar reader.
_FRAMES: Final = 10
_TWICE: Final = 20
#: Blocks of so few bytes that small tables have many; threads only where there are several.
_BLOCKS: Final = (8, 32, 128, 1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20)


class Trials:
    """Cases of one seed, and counts of what became of them.

    Parameters
    ----------
    seed
        With the number of a case, it decides everything about the case.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.counts: Counter[str] = Counter()
        self.slowest = (0.0, 0)
        self._number = 0

    def run(self, number: int) -> list[str]:
        """Give what is wrong about a case: nothing, if all is well."""
        self._number = number
        family, body = body_of(self._seed, number)
        self.counts[f"family: {family}"] += 1
        return self.judge(body, random.Random(f"{self._seed} {number} how"))

    def judge(self, body: bytes, chance: random.Random) -> list[str]:
        """Read a body and give what is wrong about the outcome."""
        with _quiet(), self._blocks_of(chance.choice(_BLOCKS)):
            answer, problems = self._read(body)
            if not problems:
                problems = self._judge(body, answer)
            if answer is None or problems:
                return problems
            if chance.randrange(100) < _TWICE:
                problems += self._differs_without_bulk(body, answer)
            if chance.randrange(100) < _FRAMES:
                problems += self._frames(answer)
        return problems

    def _read(self, body: bytes) -> tuple[Answer | ConnectyError, list[str]] | tuple[None, list[str]]:
        begun, used = time.perf_counter(), time.process_time()
        try:
            answer: Answer | ConnectyError = Answer.from_json(body)
        except ConnectyError as error:
            answer = error
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            return None, [f"from_json raised {type(error).__name__}: {error}"[:500]]
        seconds = min(time.perf_counter() - begun, time.process_time() - used)
        self.slowest = max(self.slowest, (seconds, self._number))
        return answer, [f"took {seconds:.2f} s"] if seconds > _LONGEST else []

    def _judge(self, body: bytes, answer: Answer | ConnectyError | None) -> list[str]:
        refused = isinstance(answer, ConnectyError)
        try:
            said = oracle.read(body)
        except oracle.NotJSON as error:
            self.counts["outcome: no JSON, refused"] += 1
            return [] if refused else [f"was read, but is no JSON: {error}"]
        except oracle.Refused:
            self.counts["outcome: beyond the oracle"] += 1
            return []
        reason = oracle.refusal(said)
        if isinstance(answer, ConnectyError):
            self.counts["outcome: JSON, refused"] += 1
            return [] if reason else [f"was refused without reason: {type(answer).__name__}: {answer}"]
        if reason and not reason.startswith(oracle.MAY):
            return [f"was read, though {reason}"]
        self.counts["outcome: read"] += 1
        return oracle.differences(said, answer.table if answer else None)

    def _differs_without_bulk(self, body: bytes, answer: Answer | ConnectyError) -> list[str]:
        self.counts["read twice"] += 1
        with mock.patch.object(rows, "read_plain", return_value=None):
            again, problems = self._read(body)
        if problems:
            return problems
        one, two = _observed(answer), _observed(again)
        return [] if one == two else [f"with and without the columnar reader: {one} and {two}"]

    def _frames(self, answer: Answer | ConnectyError) -> list[str]:
        if not isinstance(answer, Answer) or answer.table is None:
            return []
        self.counts["made frames"] += 1
        table = answer.table
        try:
            found = _unlike_pandas(table, answer.to_pandas())
            found += _unlike_polars(table, answer.to_polars())
            answer.to_pandas("numpy")
            answer.to_pandas("pyarrow")
            repr(answer)
            answer.to_arrow()
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            return [f"a frame raised {type(error).__name__}: {error}"[:500]]
        return found

    @contextlib.contextmanager
    def _blocks_of(self, size: int) -> Iterator[None]:
        """Let the columnar reader cut blocks of a size, and count what it does."""
        plain, reader = columnar.read_plain, columnar._BlockReader
        cells: Callable[..., Any] = reader._cells

        def read_plain(*given: Any) -> object:
            found = plain(*given)
            self.counts["bulk: refused" if found is None else "bulk: read"] += 1
            return found

        def cut(reader: Any, block: Any, commas: Sequence[int]) -> object:
            found = cells(reader, block, commas)
            again = len(commas) < bytes(block.data).count(b",")
            self.counts[f"bulk: blocks read {'again, at fewer commas' if again else 'at once'}"] += 1
            return found

        with (
            mock.patch.object(rows, "read_plain", read_plain),
            mock.patch.object(reader, "_cells", cut),
            mock.patch.object(columnar, "_BLOCK", size),
            mock.patch.object(rows, "_SMALL", 0),
        ):
            yield


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Leave our own warnings unsaid; one of another library is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConnectyWarning)
        yield


def _observed(answer: Answer | ConnectyError | None) -> object:
    if not isinstance(answer, Answer):
        return type(answer).__name__  # how deep is too deep for Python depends on where it was called
    types = [(column.name, str(column.type), column.evidence) for column in answer.schema]
    values = None if answer.table is None else [_values(column) for column in answer.table.columns]
    return types, repr(values), [str(warning) for warning in answer._decoded.warnings]


def _values(column: pa.ChunkedArray) -> Sequence[Any]:
    if pa.types.is_temporal(column.type):
        column = column.cast(pa.int32() if pa.types.is_date32(column.type) else pa.int64())
    values: Sequence[Any] = column.to_pylist()
    return values


def _unlike_polars(table: pa.Table, frame: pl.DataFrame) -> list[str]:
    """Say where a polars frame does not hold what a table holds."""
    found = []
    for place, column in enumerate(table.columns):
        if pa.types.is_nested(column.type):  # what is nested deeply comes back from polars to no library
            if frame.to_series(place).is_null().to_list() != column.is_null().to_pylist():
                found.append(f"polars holds other nulls in column {place} ({column.type})")
            continue
        due = column
        if pa.types.is_decimal256(column.type):
            texts = [None if value is None else f"{value:f}" for value in column.to_pylist()]
            due = pa.chunked_array([texts], pa.string())
        # Without its name: polars exports no column whose name holds a NUL.
        held = frame.to_series(place).alias("").to_arrow()
        if pa.types.is_temporal(held.type):
            held = held.cast(due.type)
        if repr(_values(held)) != repr(_values(due)):
            found.append(f"polars holds other values in column {place} ({column.type})")
    return found


def _unlike_pandas(table: pa.Table, frame: pd.DataFrame) -> list[str]:
    """Say where a pandas frame does not hold what a table holds."""
    found = []
    for place, column in enumerate(table.columns):
        held = frame.iloc[:, place]
        missing = held.isna().tolist()
        same = missing == column.is_null().to_pylist()
        if (
            pa.types.is_integer(column.type)
            or pa.types.is_string(column.type)
            or pa.types.is_boolean(column.type)
        ):
            values = [None if gone else value for gone, value in zip(missing, held.tolist(), strict=True)]
            same = same and values == column.to_pylist()
        elif pa.types.is_float64(column.type):
            floats = [
                repr(None if gone else float(value))
                for gone, value in zip(missing, held.tolist(), strict=True)
            ]
            same = same and floats == [repr(value) for value in column.to_pylist()]
        if not same:
            found.append(f"pandas holds other values in column {place} ({column.type})")
    return found
