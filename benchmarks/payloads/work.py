"""The worker process: it measures the package that it was started with."""

from __future__ import annotations

import gc
import json
import sys
import time
import warnings
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson
import pandas as pd

import connecty_frames
from benchmarks.memory import peak_of
from benchmarks.payloads.columns import ANSWERS, CONTRACTS, SPELLINGS, body_of, columns_of
from benchmarks.workloads import foreign
from connecty_frames import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["work"]

#: The milliseconds that a measurement takes at least, and the rows of a call before it.
_LEAST: Final = 40.0
_FEW: Final = 500


def work(package: Path) -> None:
    """Answer each line of the input, what to measure, with milliseconds, or for memory times the body."""
    if Path(connecty_frames.__file__).parents[1] != package:
        raise SystemExit(f"{connecty_frames.__file__} was imported instead of the package in {package}.")
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        table, name, rows, way = json.loads(line)
        body = _body(table, name, rows)
        READERS[way](_body(table, name, min(rows, _FEW)), name)  # imports and first-time costs
        call = partial(READERS[way], body, name)
        if way == "memory":
            print(peak_of(call) / len(body), flush=True)
        else:
            print(_milliseconds(call), flush=True)


@cache
def _body(table: str, name: str, rows: int) -> bytes:
    return foreign(rows, more_floats=True) if table == "bulk" else body_of(columns_of(table, name), rows)


def _milliseconds(call: Callable[[], object]) -> float:
    """Return the processor time of a call: the mean of as many as take the least time."""
    calls, begun = 0, time.process_time()
    while (taken := (time.process_time() - begun) * 1000) < _LEAST:
        kept = call()
        calls += 1
        del kept
    return taken / calls


def _read(body: bytes, **options: Any) -> Answer:
    return Answer.from_json(body, on_truncation="ignore", **options)


def _by_hand(body: bytes, name: str) -> object:
    answer = ANSWERS[name]
    header, *rows = json.loads(body, **answer.parse)["results"]["dataframe"]
    frame = pd.DataFrame(rows, columns=header).astype({"c0": "Int64", "c1": "string"})
    for number, convert in enumerate(answer.columns.values(), 2):
        frame[f"c{number}"] = convert(frame[f"c{number}"])
    return frame


def _orjson(body: bytes, _: str) -> object:
    gc.disable()
    try:
        return orjson.loads(body)
    finally:
        gc.enable()


#: Each reads a body; the name is that of its columns.
READERS: Final[dict[str, Callable[[bytes, str], object]]] = {
    "pandas": lambda body, _: _read(body).to_pandas(),
    "arrow": lambda body, _: _read(body).to_arrow(),
    "memory": lambda body, _: _read(body).to_arrow(),
    "schema": lambda body, name: _read(body, schema=(CONTRACTS | SPELLINGS)[name][1]).to_arrow(),
    "by hand": _by_hand,
    "orjson": _orjson,
}
