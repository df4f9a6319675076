"""AskOptions: the options of a call, with their defaults and rules."""

import dataclasses
import zoneinfo
from datetime import timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest

from connecty_frames import AskOptions, ConfigError
from connecty_frames.options import AskOptionsDict, check_question_id, id_key, id_spellings
from tests.cases import cases

QUESTION_ID = "729cb7a4-4b06-449e-a3c9-df40f5e570b8"


def test_the_defaults() -> None:
    """All defaults are as documented."""
    assert dataclasses.asdict(AskOptions()) == {
        "dw_id": None,
        "engine": "pandas",
        "dtype_backend": "numpy_nullable",
        "max_rows": 1000,
        "schema": None,
        "tz": "UTC",
        "infer_temporal": True,
        "decimals": "auto",
        "strict": False,
        "on_truncation": "warn",
        "timeout": None,
        "progress": None,
        "max_age": None,
        "tags": None,
    }


def test_the_keywords_of_the_functions_are_its_fields() -> None:
    """All but ``engine``, which decides the type of the result and is declared by each function."""
    assert {*AskOptionsDict.__annotations__, "engine"} == {
        field.name for field in dataclasses.fields(AskOptions)
    }


@cases(
    ("name", "values"),
    [
        ("dw_id", [0, 13, 10**30]),
        ("engine", ["polars", "pyarrow"]),
        ("dtype_backend", ["pyarrow", "numpy"]),
        ("max_rows", [0, None, 999_999_999_999_999_999]),
        ("tz", ["Europe/Warsaw", "Asia/Kathmandu"]),
        ("infer_temporal", [False]),
        ("decimals", ["exact", "float"]),
        ("strict", [True]),
        ("on_truncation", ["raise", "ignore"]),
        ("timeout", [0.001, 7, 2_592_000]),
        ("progress", [True, print]),
        ("schema", [{"a": "int64"}]),
    ],
)
def test_valid_values(name: str, values: list[Any]) -> None:
    """They are kept as given."""
    assert [getattr(AskOptions(**{name: value}), name) for value in values] == values


@cases(
    ("name", "expected", "values"),
    [
        ("dw_id", "a workspace id, a whole number such as 13", [-1, "13", 13.0, True]),
        (
            "engine",
            "'pandas', 'polars' or 'pyarrow'",
            ["dask", "Pandas", None, ["pandas"], pd.DataFrame({"a": [1, 2]})],
        ),
        ("dtype_backend", "'numpy_nullable', 'pyarrow' or 'numpy'", ["arrow", np.array(["a", "b"])]),
        ("max_rows", "a whole number of 0 or more, or None for all rows", [-1, 10**18, 1e3, "all", False]),
        ("tz", "the IANA name of a time zone", ["Mars", "", "+25:00", "../etc/passwd", "Europe"]),
        ("tz", "the IANA name of a time zone", ["localtime", "posix/UTC", "right/Europe/Warsaw", "Factory"]),
        ("tz", "the IANA name of a time zone", ["a\x00b", None, zoneinfo.ZoneInfo("UTC")]),
        ("infer_temporal", "True or False", [1]),
        ("decimals", "'auto', 'exact' or 'float'", ["decimal", None]),
        ("strict", "True or False", ["yes", None]),
        ("on_truncation", "'warn', 'raise' or 'ignore'", ["error"]),
        ("timeout", "seconds above 0 and up to 30 days", [0, -1, "60", True, float("nan"), float("inf")]),
        ("timeout", "seconds above 0 and up to 30 days", [2_592_001, 10**400, timedelta(seconds=60)]),
        ("progress", "True, False, None or a callable", [1, "yes"]),
    ],
)
def test_invalid_values(name: str, expected: str, values: list[Any]) -> None:
    """A ConfigError with the option, the value and what is expected."""
    for value in values:
        with pytest.raises(ConfigError, match=f"^{name}=.*: expected {expected}") as raised:
            AskOptions(**{name: value})
        assert raised.value.setting == name


def test_strict_and_the_nearest_float_exclude_each_other() -> None:
    """The error says which one to drop for what."""
    with pytest.raises(ConfigError) as raised:
        AskOptions(strict=True, decimals="float")
    assert str(raised.value) == (
        "decimals='float' rounds to the nearest float64, which strict=True does not allow. "
        "Drop decimals='float' for exact decimals, or strict=True for floats."
    )
    assert raised.value.setting == "decimals"
    assert AskOptions(strict=True, decimals="exact").decimals == "exact"


def test_a_long_value_is_shortened_in_the_message() -> None:
    """To one short line."""
    with pytest.raises(ConfigError) as raised:
        AskOptions(tz="x\n" * 10_000)
    assert len(str(raised.value)) < 300
    assert "\n" not in str(raised.value)


@cases("name", ["dw_id", "max_rows"])
def test_numpy_integers(name: str) -> None:
    """They become int, for JSON and URLs."""
    value = getattr(AskOptions(**{name: np.int64(13)}), name)
    assert (value, type(value)) == (13, int)


@cases(
    ("given", "expected"),
    [
        (UUID(QUESTION_ID), QUESTION_ID),
        (QUESTION_ID.upper(), QUESTION_ID.upper()),
        (np.str_("q:7"), "q:7"),
        (7, "7"),
        ("a" * 200, "a" * 200),
    ],
)
def test_a_question_id_is_text_as_received(given: Any, expected: str) -> None:
    """Of any form that a server may give it; UUIDs and whole numbers become text."""
    assert check_question_id(given) == expected


def test_uuids_are_compared_by_value() -> None:
    """With or without hyphens, in either case; other ids as text."""
    spellings = [QUESTION_ID, QUESTION_ID.upper(), QUESTION_ID.replace("-", "")]
    assert len(set(map(id_key, spellings))) == 1
    assert set(spellings) < set(id_spellings(QUESTION_ID))
    assert (id_key("Ab-c"), id_spellings("Ab-c")) == ("Ab-c", ("Ab-c",))


def test_options_are_frozen() -> None:
    """Values that were checked cannot be changed."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        AskOptions().max_rows = -1  # type: ignore[misc]


def test_replace_checks_values() -> None:
    """dataclasses.replace applies the same rules."""
    assert dataclasses.replace(AskOptions(), max_rows=5).max_rows == 5
    with pytest.raises(ConfigError, match="max_rows=-5"):
        dataclasses.replace(AskOptions(), max_rows=-5)


def test_keywords_become_options() -> None:
    """Together with the fields that the function sets."""
    options = AskOptions.from_kwargs({"max_rows": 5, "tz": "Asia/Tokyo"}, engine="polars")
    assert options == AskOptions(max_rows=5, tz="Asia/Tokyo", engine="polars")


@cases(
    ("keyword", "fixed", "message"),
    [
        ("maxrows", {}, r"'maxrows'; did you mean 'max_rows'\?$"),
        ("limit", {}, r"'limit'; did you mean 'max_rows'\?$"),
        ("dtypes", {}, r"'dtypes'; did you mean 'schema'\?$"),
        ("nrows", {}, r"'nrows'; did you mean 'max_rows'\?$"),
        ("timezone", {}, r"'timezone'; did you mean 'tz'\?$"),
        ("workspace", {}, r"'workspace'; did you mean 'dw_id'\?$"),
        ("parse_dates", {}, r"'parse_dates'; did you mean 'schema'\?$"),
        ("format", {"engine": "pandas"}, r"'format'; did you mean 'engine'\?$"),
        ("question_id", {}, r"'question_id'; did you mean cf\.fetch\(question_id\)\?$"),
        ("backend", {"engine": "pandas"}, r"'backend'; did you mean 'engine'\?$"),
        ("dw", {}, r"'dw'; did you mean 'dw_id'\?$"),  # its beginning, which is not close to it
        ("q", {}, "'q'; expected one of dw_id, dtype_backend, .*, tags"),
        ("engin", {"engine": "pandas"}, r"'engin'; did you mean 'engine'\?$"),
        ("engin", {}, "'engin'; expected one of dw_id, "),
        # of a function that makes no frame, or only one kind
        ("engine", {}, r"'engine'; did you mean answer\.to_pandas\(\), to_polars\(\) or to_arrow\(\)\?$"),
        ("dw_id", {"dw_id": 13, "max_rows": 5}, "'dw_id'; expected one of(?!.* dw_id,)(?!.*max_rows)"),
    ],
)
def test_another_keyword(keyword: Any, fixed: Any, message: str) -> None:
    """A TypeError with the closest name, else with all that the function takes."""
    with pytest.raises(TypeError, match=f"^unexpected keyword argument {message}"):
        AskOptions.from_kwargs({keyword: 5}, **fixed)


def test_a_number_that_python_cannot_print() -> None:
    """The message shows the type of a number with more digits than Python prints."""
    for name in ("dw_id", "max_rows", "timeout", "engine", "tz"):
        with pytest.raises(ConfigError, match=rf"^{name}=<int>: expected "):
            AskOptions(**{name: 10**5_000})
