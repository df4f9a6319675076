"""AskOptions: what a call can choose, with its defaults and rules."""

from __future__ import annotations

import dataclasses
import zoneinfo
from datetime import timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest

from connecty_frames import AskOptions, ConfigError
from connecty_frames.options import AskOptionsDict, check_question_id, is_dw_id

QUESTION_ID = "729cb7a4-4b06-449e-a3c9-df40f5e570b8"


def test_the_defaults() -> None:
    """Those of the documentation, all of them."""
    assert dataclasses.asdict(AskOptions()) == {
        "dw_id": None,
        "engine": "pandas",
        "dtype_backend": "numpy_nullable",
        "max_rows": 1000,
        "schema": None,
        "tz": "UTC",
        "infer_temporal": True,
        "strict": False,
        "on_truncation": "warn",
        "timeout": None,
        "progress": None,
        "question_id": None,
    }


def test_the_keywords_of_the_verbs_are_its_fields() -> None:
    """All but ``engine``, which decides what a verb returns and is declared by each that has it."""
    assert {*AskOptionsDict.__annotations__, "engine"} == {
        field.name for field in dataclasses.fields(AskOptions)
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dw_id", 0),
        ("dw_id", 13),
        ("engine", "polars"),
        ("engine", "pyarrow"),
        ("dtype_backend", "pyarrow"),
        ("dtype_backend", "numpy"),
        ("max_rows", 0),
        ("max_rows", None),
        ("max_rows", 999_999_999_999_999_999),
        ("tz", "Europe/Warsaw"),
        ("tz", "Asia/Kathmandu"),
        ("infer_temporal", False),
        ("strict", True),
        ("on_truncation", "raise"),
        ("on_truncation", "ignore"),
        ("timeout", 0.001),
        ("timeout", 7),
        ("timeout", 2_592_000),
        ("progress", True),
        ("progress", print),
        ("question_id", QUESTION_ID),
        ("schema", {"a": "int64"}),
    ],
)
def test_what_is_allowed(name: str, value: Any) -> None:
    """It is kept as it was given."""
    assert getattr(AskOptions(**{name: value}), name) == value


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("dw_id", -1, r"a workspace id, a whole number such as 13"),
        ("dw_id", "13", "a workspace id"),
        ("dw_id", 13.0, "a workspace id"),
        ("dw_id", True, "a workspace id"),
        ("engine", "dask", "'pandas', 'polars' or 'pyarrow'"),
        ("engine", "Pandas", "'pandas', 'polars' or 'pyarrow'"),
        ("engine", None, "'pandas', 'polars' or 'pyarrow'"),
        ("engine", ["pandas"], "'pandas', 'polars' or 'pyarrow'"),
        ("engine", pd.DataFrame({"a": [1, 2]}), "'pandas', 'polars' or 'pyarrow'"),
        ("dtype_backend", "arrow", "'numpy_nullable', 'pyarrow' or 'numpy'"),
        ("dtype_backend", np.array(["a", "b"]), "'numpy_nullable', 'pyarrow' or 'numpy'"),
        ("max_rows", -1, "a whole number from 0, or None for all rows"),
        ("max_rows", 10**18, "a whole number from 0, or None for all rows"),
        ("max_rows", 1e3, "a whole number from 0, or None for all rows"),
        ("max_rows", "all", "a whole number from 0, or None for all rows"),
        ("max_rows", False, "a whole number from 0, or None for all rows"),
        ("tz", "Mars", "the IANA name of a time zone"),
        ("tz", "", "the IANA name of a time zone"),
        ("tz", "+01:00", "the IANA name of a time zone"),
        ("tz", "../etc/passwd", "the IANA name of a time zone"),
        ("tz", "Europe", "the IANA name of a time zone"),
        ("tz", "a\x00b", "the IANA name of a time zone"),
        ("tz", None, "the IANA name of a time zone"),
        ("tz", zoneinfo.ZoneInfo("UTC"), "the IANA name of a time zone"),
        ("infer_temporal", 1, "True or False"),
        ("strict", "yes", "True or False"),
        ("strict", None, "True or False"),
        ("on_truncation", "error", "'warn', 'raise' or 'ignore'"),
        ("timeout", 0, "seconds above 0 and up to 30 days"),
        ("timeout", -1, "seconds above 0"),
        ("timeout", "60", "seconds above 0"),
        ("timeout", True, "seconds above 0"),
        ("timeout", float("nan"), "seconds above 0"),
        ("timeout", float("inf"), "seconds above 0"),
        ("timeout", 2_592_001, "seconds above 0 and up to 30 days"),
        ("timeout", 10**400, "seconds above 0 and up to 30 days"),
        ("timeout", timedelta(seconds=60), "seconds above 0"),
        ("progress", 1, "True, False, None or a callable"),
        ("progress", "yes", "True, False, None or a callable"),
        ("question_id", "x", "the UUID of a question asked before"),
        ("question_id", "", "the UUID of a question asked before"),
        ("question_id", 5, "the UUID of a question asked before"),
        ("question_id", f"{QUESTION_ID}/../../x", "the UUID of a question asked before"),
    ],
)
def test_what_is_not_allowed(name: str, value: Any, expected: str) -> None:
    """A ConfigError that says which choice, what was given and what would do."""
    with pytest.raises(ConfigError, match=f"^{name}=.*: expected {expected}") as raised:
        AskOptions(**{name: value})

    assert raised.value.setting == name


def test_a_value_of_any_length_is_shown_on_one_short_line() -> None:
    """The message is for a person."""
    with pytest.raises(ConfigError) as raised:
        AskOptions(tz="x\n" * 10_000)

    assert len(str(raised.value)) < 300
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["dw_id", "max_rows"])
def test_a_whole_number_out_of_a_frame_is_one(name: str) -> None:
    """Those of numpy become those of Python, which JSON and addresses can hold."""
    value = getattr(AskOptions(**{name: np.int64(13)}), name)

    assert (value, type(value)) == (13, int)


@pytest.mark.parametrize(
    "spelled",
    [
        UUID(QUESTION_ID),
        QUESTION_ID.upper(),
        QUESTION_ID.replace("-", ""),
        f"{{{QUESTION_ID}}}",
        f"urn:uuid:{QUESTION_ID}",
    ],
)
def test_an_id_gets_its_usual_spelling(spelled: Any) -> None:
    """However a UUID was written down, it becomes part of an address as the API writes it."""
    assert AskOptions(question_id=spelled).question_id == QUESTION_ID
    assert check_question_id(spelled) == QUESTION_ID


def test_options_do_not_change() -> None:
    """What was checked stays what it was."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        AskOptions().max_rows = -1  # type: ignore[misc]


def test_a_change_is_checked_too() -> None:
    """dataclasses.replace makes other options, by the same rules."""
    assert dataclasses.replace(AskOptions(), max_rows=5).max_rows == 5
    with pytest.raises(ConfigError, match="max_rows=-5"):
        dataclasses.replace(AskOptions(), max_rows=-5)


class TestFromChoices:
    """The keywords of a verb."""

    def test_they_become_options(self) -> None:
        """With what the verb has fixed."""
        options = AskOptions.from_kwargs({"max_rows": 5, "tz": "Asia/Tokyo"}, engine="polars")

        assert options == AskOptions(max_rows=5, tz="Asia/Tokyo", engine="polars")

    def test_a_slip_is_told_the_nearest(self) -> None:
        """A TypeError, as of Python, and helpful."""
        with pytest.raises(
            TypeError, match=r"^unexpected keyword argument 'maxrows'; did you mean 'max_rows'\?$"
        ):
            AskOptions.from_kwargs({"maxrows": 5})  # type: ignore[typeddict-unknown-key]

    def test_a_stranger_is_told_what_there_is(self) -> None:
        """All of the keywords that would do."""
        with pytest.raises(
            TypeError,
            match=r"^unexpected keyword argument 'q'; there are dw_id, dtype_backend, max_rows, schema, tz, "
            r"infer_temporal, strict, on_truncation, timeout, progress, question_id$",
        ):
            AskOptions.from_kwargs({"q": 5})  # type: ignore[typeddict-unknown-key]

    def test_what_is_fixed_is_not_offered(self) -> None:
        """Question.result has an id and a workspace already."""
        with pytest.raises(TypeError, match="unexpected keyword argument 'dw_id'; there are ") as raised:
            AskOptions.from_kwargs({"dw_id": 5}, dw_id=13, question_id=QUESTION_ID)

        assert "question_id" not in str(raised.value)
        assert " dw_id," not in str(raised.value)

    def test_an_engine_is_no_choice_of_every_verb(self) -> None:
        """Where no frame is made, or only one kind, to name one would be without effect."""
        with pytest.raises(TypeError, match="unexpected keyword argument 'engine'"):
            AskOptions.from_kwargs({"engine": "polars"})  # type: ignore[typeddict-unknown-key]


@pytest.mark.parametrize(
    ("value", "holds"),
    [(0, True), (13, True), (10**30, True), (-1, False), (True, False), ("13", False), (None, False)],
)
def test_what_can_be_a_workspace(value: Any, *, holds: bool) -> None:
    """A whole number from 0."""
    assert is_dw_id(value) is holds


def test_a_number_that_python_does_not_print() -> None:
    """A whole number of more digits than Python prints is refused by its type."""
    for name in ("dw_id", "max_rows", "timeout", "engine", "tz", "question_id"):
        with pytest.raises(ConfigError, match=rf"^{name}=<int>: expected "):
            AskOptions(**{name: 10**5_000})
