"""ConnectyAI answers as exactly typed pandas, polars and Arrow frames.

    import connecty_frames as cf

    df = cf.ask_df("list the top 5 countries with the most orders", dw_id=13)
    df.connecty.sql_query

The public names. Each is imported when it is first used (PEP 562), so that importing the package is fast.
"""

from __future__ import annotations

import sys

from connecty_frames._base.version import __version__ as __version__

# True for type checkers, which know the name; importing it from typing would double the time of this import.
# Not the literal False, below which jedi, as an editor uses it, finds no names.
TYPE_CHECKING = not __name__
if TYPE_CHECKING:
    from typing import Any, Final

    from connecty_frames.answer import Answer
    from connecty_frames.answer_metadata import AnswerMetadata
    from connecty_frames.api import ask, ask_async, ask_df, ask_df_async, ask_many, fetch, fetch_df
    from connecty_frames.batch import Batch, ask_batch, open_batch
    from connecty_frames.client import Client
    from connecty_frames.decode.schema import Schema
    from connecty_frames.decode.types.encodings import binary, epoch, local, strptime
    from connecty_frames.errors import (
        APIError,
        AuthError,
        ColumnNameWarning,
        ConfigError,
        ConnectionFailed,
        ConnectyError,
        ConnectyWarning,
        ConversionError,
        HistoryWarning,
        InsecureWarning,
        NoTableError,
        NotFoundError,
        PinChanged,
        PinWarning,
        QueryRefused,
        QuestionError,
        QuestionFailed,
        QuestionLimitError,
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
        WriteFailed,
    )
    from connecty_frames.frames.accessor import copy_metadata, metadata
    from connecty_frames.frames.parquet import read_parquet
    from connecty_frames.integrations.read_connecty import install_readers, read_connecty
    from connecty_frames.options import AskOptions
    from connecty_frames.pins import Pin, pin, pinned
    from connecty_frames.question import Question
    from connecty_frames.records import forget, history
    from connecty_frames.reruns import rerun
    from connecty_frames.settings.sources import configure
    from connecty_frames.shared import use_sandbox

__all__ = [
    "APIError",
    "Answer",
    "AnswerMetadata",
    "AskOptions",
    "AuthError",
    "Batch",
    "Client",
    "ColumnNameWarning",
    "ConfigError",
    "ConnectionFailed",
    "ConnectyError",
    "ConnectyWarning",
    "ConversionError",
    "HistoryWarning",
    "InsecureWarning",
    "NoTableError",
    "NotFoundError",
    "Pin",
    "PinChanged",
    "PinWarning",
    "QueryRefused",
    "Question",
    "QuestionError",
    "QuestionFailed",
    "QuestionLimitError",
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
    "WriteFailed",
    "ask",
    "ask_async",
    "ask_batch",
    "ask_df",
    "ask_df_async",
    "ask_many",
    "binary",
    "configure",
    "copy_metadata",
    "epoch",
    "fetch",
    "fetch_df",
    "forget",
    "history",
    "install_readers",
    "local",
    "metadata",
    "open_batch",
    "pin",
    "pinned",
    "read_connecty",
    "read_parquet",
    "rerun",
    "strptime",
    "use_sandbox",
]

#: The public names of each module; all others are those of errors.
_NAMES: Final[dict[str, str]] = {
    "answer": "Answer",
    "answer_metadata": "AnswerMetadata",
    "api": "ask ask_async ask_df ask_df_async ask_many fetch fetch_df",
    "batch": "Batch ask_batch open_batch",
    "client": "Client",
    "decode.schema": "Schema",
    "decode.types.encodings": "binary epoch local strptime",
    "frames.accessor": "copy_metadata metadata",
    "frames.parquet": "read_parquet",
    "integrations.ipython": "load_ipython_extension",  # for %load_ext, so it is not in __all__
    "integrations.read_connecty": "install_readers read_connecty",
    "options": "AskOptions",
    "pins": "Pin pin pinned",
    "question": "Question",
    "records": "forget history",
    "reruns": "rerun",
    "settings.sources": "configure",
    "shared": "use_sandbox",
}
_MODULES: Final[dict[str, str]] = {
    **dict.fromkeys(__all__, "errors"),
    **{name: module for module, names in _NAMES.items() for name in names.split()},
}


if not TYPE_CHECKING:  # type checkers would take any name for one of this module's

    def __getattr__(name: str) -> Any:
        # As `lazy_getattr`, but without importlib: this import may take a fifth of the start of Python.
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = f"{__name__}.{_MODULES[name]}"
        __import__(module)
        value = getattr(sys.modules[module], name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


if "pandas" in sys.modules or "polars" in sys.modules:
    from connecty_frames.frames.accessor import register_accessors

    register_accessors()
