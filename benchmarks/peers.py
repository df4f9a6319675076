"""The readers that are compared: ours, JSON parsers alone, and code written by hand.

By hand means what a careful author writes who knows every column's type: parse, build the frame, then cast
the columns that the library did not type correctly by itself.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import time
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.server import Settings

__all__ = ["READERS", "SessionByHand"]

#: Longer numbers in quotes are decimals.
_FLOAT_LENGTH = 16


def _orjson(body: bytes) -> object:
    import orjson

    return orjson.loads(body)


def _orjson_uncollected(body: bytes) -> object:
    gc.disable()
    try:
        return _orjson(body)
    finally:
        gc.enable()


_Parts = tuple[list[str], list[list[Any]], dict[str, set[str]]]


def _parts(results: Any) -> _Parts:
    header, *rows = results["dataframe"]
    return header, rows, {name: set(sections) for name, sections in results["dataframe_stats"].items()}


def _parsed(body: bytes) -> _Parts:
    import orjson

    return _parts(orjson.loads(body)["results"])


def _pandas_by_hand(body: bytes) -> object:
    return _pandas_frame(*_parsed(body))


def _pandas_frame(header: list[str], rows: list[list[Any]], sections: dict[str, set[str]]) -> object:
    import pandas as pd
    import pyarrow as pa

    frame = pd.DataFrame(rows, columns=header)
    for name in header:
        if "temporal" in sections[name]:
            if len(rows[0][header.index(name)]) == len("2025-01-01"):
                frame[name] = pd.to_datetime(frame[name], format="%Y-%m-%d")
            else:
                frame[name] = pd.to_datetime(frame[name], format="ISO8601", utc=True)
        elif "string" in sections[name]:
            frame[name] = frame[name].astype("string")
        elif "numeric" in sections[name] and isinstance(first := rows[0][header.index(name)], str):
            is_long = len(first) > _FLOAT_LENGTH
            frame[name] = frame[name].astype(pd.ArrowDtype(pa.decimal128(28, 2)) if is_long else "Float64")
        elif "numeric" in sections[name] and frame[name].isna().any():
            whole = (frame[name].dropna() % 1 == 0).all()
            frame[name] = frame[name].astype("Int64" if whole else "Float64")
    return frame


def _polars_by_hand(body: bytes) -> object:
    import polars as pl

    header, rows, sections = _parsed(body)
    frame = pl.DataFrame(rows, schema=header, orient="row", infer_schema_length=None)
    temporal = [name for name in header if "temporal" in sections[name]]
    dates = [name for name in temporal if len(rows[0][header.index(name)]) == len("2025-01-01")]
    quoted = {
        name: len(rows[0][header.index(name)]) > _FLOAT_LENGTH
        for name in header
        if "numeric" in sections[name] and frame.schema[name] == pl.String
    }
    return frame.with_columns(
        *(
            pl.col(name).str.to_date("%Y-%m-%d")
            if name in dates
            else pl.col(name).str.to_datetime("%+", time_unit="us", time_zone="UTC")
            for name in temporal
        ),
        *(
            pl.col(name).cast(pl.Decimal(38, 2) if is_long else pl.Float64)
            for name, is_long in quoted.items()
        ),
    )


class SessionByHand:
    """Questions asked with requests, and their answers as pandas frames."""

    def __init__(self, settings: Settings) -> None:
        import requests

        self.session = requests.Session()
        #: Passed to each call, since the environment overrides what a session has.
        self._options: dict[str, Any] = {"timeout": 60, "verify": settings.get("ca_bundle", True)}
        self._questions = f"{settings['base_url']}/v1/dw/{settings['dw_id']}/questions"
        credentials = {name: settings[name] for name in ("client_id", "client_secret")}
        token = f"{settings['base_url']}/v1/auth/token"
        response = self.session.post(token, json=credentials, **self._options)
        response.raise_for_status()
        self.session.headers["Authorization"] = f"Bearer {response.json()['access_token']}"

    def ask_df(self, question: str) -> object:
        """Ask a question, poll until it is done, and return its frame."""
        response = self.session.post(self._questions, json={"question": question}, **self._options)
        response.raise_for_status()
        address = f"{self._questions}/{response.json()['question_id']}/results"
        parameters = {"include": "dataframe,statistics,sqlquery,summary", "max_rows": "1000"}
        while True:
            response = self.session.get(address, params=parameters, **self._options)
            response.raise_for_status()
            answer = response.json()
            if answer["state"] == "COMPLETED":
                return _pandas_frame(*_parts(answer["results"]))
            time.sleep(0.1)


_TRINO = {str: "varchar", int: "bigint", float: "double", bool: "boolean"}


def _trino_mapping(body: bytes) -> object:
    """Map rows as trino's client does, which knows each column's type.

    Timestamps stay text, since it reads them in its own format only.
    """
    import pandas as pd
    from trino.mapper import RowMapperFactory

    header, rows, sections = _parsed(body)
    first = [next((row[at] for row in rows if row[at] is not None), "") for at in range(len(header))]
    kinds = [
        "date" if "temporal" in sections[name] and len(value) == len("2025-01-01") else _TRINO[type(value)]
        for name, value in zip(header, first, strict=True)
    ]
    signatures = [{"typeSignature": {"rawType": kind, "arguments": []}} for kind in kinds]
    mapper = RowMapperFactory().create(signatures, legacy_primitive_types=False)
    return pd.DataFrame(mapper.map(rows), columns=header)


def _ours(body: bytes) -> Any:
    from connecty_frames import Answer

    return Answer.from_json(body)


#: The readers by name.
READERS: dict[str, Callable[[bytes], object]] = {
    "json.loads": json.loads,
    "orjson.loads, collector off": _orjson_uncollected,
    "orjson.loads, collector on": _orjson,
    "pandas by hand": _pandas_by_hand,
    "polars by hand": _polars_by_hand,
    "connecty_frames to Arrow": lambda body: _ours(body).to_arrow(),
    "connecty_frames to pandas": lambda body: _ours(body).to_pandas(),
    "connecty_frames to polars": lambda body: _ours(body).to_polars(),
}

if importlib.util.find_spec("trino"):  # optional: it is in no dependency group
    READERS["trino's row mapper, to pandas"] = _trino_mapping

warnings.simplefilter("error")
