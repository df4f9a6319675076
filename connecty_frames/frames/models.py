"""Models of pydantic and pandera as columns with types, recognised without importing either library."""

from __future__ import annotations

from typing import Any

from connecty_frames._base.text import snippet
from connecty_frames.errors import ConfigError


def comes_from(class_: type, library: str) -> bool:
    """Whether a class is of a library, found without importing it."""
    return class_.__module__.partition(".")[0] == library


def _is_model(given: object, library: str, base: str) -> bool:
    """Whether this is a class that derives from one of a library, and is not of the library itself."""
    if not isinstance(given, type) or comes_from(given, library):
        return False
    return any(each.__name__ == base and comes_from(each, library) for each in given.__mro__)


# --- pydantic ---------------------------------------------------------------------------------------


def is_pydantic_model(given: object) -> bool:
    """Whether this is a model class of pydantic, and not of its first version."""
    return _is_model(given, "pydantic", "BaseModel") and hasattr(given, "model_fields")


# --- pandera ----------------------------------------------------------------------------------------


def is_pandera_schema(given: object) -> bool:
    """Whether this is a model class of pandera, or a schema, of any frame library."""
    return _is_model(given, "pandera", "DataFrameModel") or (
        comes_from(type(given), "pandera") and type(given).__name__ == "DataFrameSchema"
    )


def pandera_columns(given: Any) -> tuple[list[tuple[str, Any]], frozenset[str]]:
    """Return the columns of a model that have a dtype, and the names of those not required."""
    # A column that stands for all whose names match a pattern is a ConfigError.
    schema = given.to_schema() if hasattr(given, "to_schema") else given
    columns = schema.columns
    for name, column in columns.items():
        if column.regex:
            raise ConfigError(
                f"schema: column {snippet(name)!r} is a pattern of pandera (regex=True), not the name of a "
                "column: give the types of the columns themselves, in a dict.",
                setting="schema",
            )
    dtypes = [(name, column.dtype) for name, column in columns.items() if column.dtype is not None]
    return dtypes, frozenset(name for name, column in columns.items() if not column.required)
