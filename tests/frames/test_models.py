"""Encodings in models of pydantic."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import pydantic
import pytest

import connecty_frames as cf
from connecty_frames.decode.schema import ColumnRule, SchemaTypes
from connecty_frames.errors import ConfigError
from connecty_frames.frames.schema import to_schema_types
from tests.cases import cases


class Event(pydantic.BaseModel):
    """A model that says how its values are written."""

    at: Annotated[dt.datetime, cf.epoch("ms", "UTC")]
    until: Annotated[dt.datetime, cf.local("Europe/Berlin")] | None = None
    key: Annotated[bytes | None, cf.binary("hex")] = None
    day: Annotated[dt.date, cf.strptime("%d/%m/%Y")]


def test_encodings_in_annotations() -> None:
    """They are found in a model, optional or not."""
    assert to_schema_types(Event) == SchemaTypes(
        {
            "at": cf.epoch("ms", "UTC"),
            "until": cf.local("Europe/Berlin"),
            "key": cf.binary("hex"),
            "day": cf.strptime("%d/%m/%Y"),
        },
        complete=True,
        rules={"at": ColumnRule(nullable=False), "day": ColumnRule(nullable=False)},
    )


@cases(
    ("given", "message"),
    [
        (list[cf.epoch("s")], r'cf.epoch\("s"\) is for a whole column, not for values inside others'),  # type: ignore[misc]
        (cf.epoch, "'connecty_frames.decode.types.encodings.epoch'> is not a column type"),
    ],
)
def test_encodings_inside_of_values(given: Any, message: str) -> None:
    """An encoding is for a column, and it is an object, not its class."""
    with pytest.raises(ConfigError, match=message):
        to_schema_types({"a": given})
