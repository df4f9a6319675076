"""ConnectyAI answers as exactly typed pandas, polars and Arrow frames.

    import connecty_frames as cf

    df = cf.ask_df("list the top 5 countries with the most orders", dw_id=13)
    df.connecty.sql_query

The public names and nothing else. Each is loaded when it is first used (PEP 562), so that importing the
package costs next to nothing.
"""

from __future__ import annotations

import sys

from connecty_frames.version import __version__ as __version__

TYPE_CHECKING = False  # what type checkers take for True; the module typing alone would double the cost
if TYPE_CHECKING:
    from typing import Any, Final

    from connecty_frames.answer import Answer
    from connecty_frames.api import ask, ask_df, ask_many
    from connecty_frames.client import Client, Question
    from connecty_frames.config import configure
    from connecty_frames.decode import Schema
    from connecty_frames.errors import (
        APIError,
        AuthError,
        ColumnNameWarning,
        ConfigError,
        ConnectionFailed,
        ConnectyError,
        ConnectyWarning,
        ConversionError,
        InsecureWarning,
        NoTableError,
        NotFoundError,
        QuestionError,
        QuestionFailed,
        QuestionTimeout,
        RateLimitError,
        ResponseError,
        ResponseTooLarge,
        ServerError,
        StatisticsWarning,
        SubmissionUncertain,
        TruncatedError,
        TruncationWarning,
        TypeFidelityWarning,
        UnknownStateWarning,
    )
    from connecty_frames.frames import AnswerMetadata, copy_metadata, metadata, read_parquet
    from connecty_frames.options import AskOptions
    from connecty_frames.readers import install_readers, read_connecty

__all__ = [
    "APIError",
    "Answer",
    "AnswerMetadata",
    "AskOptions",
    "AuthError",
    "Client",
    "ColumnNameWarning",
    "ConfigError",
    "ConnectionFailed",
    "ConnectyError",
    "ConnectyWarning",
    "ConversionError",
    "InsecureWarning",
    "NoTableError",
    "NotFoundError",
    "Question",
    "QuestionError",
    "QuestionFailed",
    "QuestionTimeout",
    "RateLimitError",
    "ResponseError",
    "ResponseTooLarge",
    "Schema",
    "ServerError",
    "StatisticsWarning",
    "SubmissionUncertain",
    "TruncatedError",
    "TruncationWarning",
    "TypeFidelityWarning",
    "UnknownStateWarning",
    "ask",
    "ask_df",
    "ask_many",
    "configure",
    "copy_metadata",
    "install_readers",
    "metadata",
    "read_connecty",
    "read_parquet",
]

#: Where each public name lives.
_HOMES: Final[dict[str, str]] = {
    **dict.fromkeys(__all__, "errors"),
    "Answer": "answer",
    "AnswerMetadata": "answer_metadata",
    "AskOptions": "options",
    "Client": "client",
    "Question": "client",
    "Schema": "decode",
    "ask": "api",
    "ask_df": "api",
    "ask_many": "api",
    "copy_metadata": "frames",
    "configure": "config",
    "install_readers": "readers",
    "metadata": "frames",
    "read_connecty": "readers",
    "read_parquet": "frames",
}


def __getattr__(name: str) -> Any:
    # As in `lazy`, but without it and importlib: a fifth of what starting Python takes is all this may cost.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = f"{__name__}.{_HOMES[name]}"
    __import__(home)
    found = getattr(sys.modules[home], name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


if "pandas" in sys.modules or "polars" in sys.modules:
    from connecty_frames.frames import register_accessors

    register_accessors()
