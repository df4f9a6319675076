"""ConnectyAI answers as exactly typed pandas, polars and Arrow frames.

    import connecty_frames as cf

    df = cf.ask_df("list the top 5 countries with the most orders", dw_id=13)
    df.connecty.sql_query

The public names. Each is imported when it is first used (PEP 562), so that importing the package is fast.
"""

from __future__ import annotations

import sys

from connecty_frames._base import __version__ as __version__
from connecty_frames._base import lazy_getattr

# True for type checkers: they know the name. Importing it from typing would double the time of this import,
# and jedi, used by editors, finds no names below the literal False.
TYPE_CHECKING = not __name__
if TYPE_CHECKING:
    from typing import Final

    from connecty_frames.answer import Answer as Answer
    from connecty_frames.answer_metadata import AnswerMetadata as AnswerMetadata
    from connecty_frames.answer_metadata import Schema as Schema
    from connecty_frames.api import ask as ask
    from connecty_frames.api import ask_async as ask_async
    from connecty_frames.api import ask_df as ask_df
    from connecty_frames.api import ask_df_async as ask_df_async
    from connecty_frames.api import ask_many as ask_many
    from connecty_frames.api import fetch as fetch
    from connecty_frames.api import fetch_df as fetch_df
    from connecty_frames.batch import Batch as Batch
    from connecty_frames.batch import ask_batch as ask_batch
    from connecty_frames.batch import open_batch as open_batch
    from connecty_frames.client import Client as Client
    from connecty_frames.decode.types.encodings import binary as binary
    from connecty_frames.decode.types.encodings import epoch as epoch
    from connecty_frames.decode.types.encodings import local as local
    from connecty_frames.decode.types.encodings import strptime as strptime
    from connecty_frames.errors import APIError as APIError
    from connecty_frames.errors import AuthError as AuthError
    from connecty_frames.errors import ColumnNameWarning as ColumnNameWarning
    from connecty_frames.errors import ConfigError as ConfigError
    from connecty_frames.errors import ConnectionFailed as ConnectionFailed
    from connecty_frames.errors import ConnectyError as ConnectyError
    from connecty_frames.errors import ConnectyWarning as ConnectyWarning
    from connecty_frames.errors import ConversionError as ConversionError
    from connecty_frames.errors import HistoryWarning as HistoryWarning
    from connecty_frames.errors import InsecureWarning as InsecureWarning
    from connecty_frames.errors import NoTableError as NoTableError
    from connecty_frames.errors import NotFoundError as NotFoundError
    from connecty_frames.errors import PinChanged as PinChanged
    from connecty_frames.errors import PinWarning as PinWarning
    from connecty_frames.errors import ProtocolWarning as ProtocolWarning
    from connecty_frames.errors import QueryRefused as QueryRefused
    from connecty_frames.errors import QuestionError as QuestionError
    from connecty_frames.errors import QuestionFailed as QuestionFailed
    from connecty_frames.errors import QuestionLimitError as QuestionLimitError
    from connecty_frames.errors import QuestionTimeout as QuestionTimeout
    from connecty_frames.errors import RateLimitError as RateLimitError
    from connecty_frames.errors import ResponseError as ResponseError
    from connecty_frames.errors import ResponseTooLarge as ResponseTooLarge
    from connecty_frames.errors import ServerError as ServerError
    from connecty_frames.errors import StatisticsWarning as StatisticsWarning
    from connecty_frames.errors import SubmissionUncertain as SubmissionUncertain
    from connecty_frames.errors import TruncatedError as TruncatedError
    from connecty_frames.errors import TruncationWarning as TruncationWarning
    from connecty_frames.errors import TypeFidelityWarning as TypeFidelityWarning
    from connecty_frames.errors import UnknownStateWarning as UnknownStateWarning
    from connecty_frames.errors import WriteFailed as WriteFailed
    from connecty_frames.frames.accessor import copy_metadata as copy_metadata
    from connecty_frames.frames.accessor import metadata as metadata
    from connecty_frames.frames.cast import cast as cast
    from connecty_frames.frames.parquet import read_parquet as read_parquet
    from connecty_frames.integrations.read_connecty import install_readers as install_readers
    from connecty_frames.integrations.read_connecty import read_connecty as read_connecty
    from connecty_frames.options import AskOptions as AskOptions
    from connecty_frames.pins import Pin as Pin
    from connecty_frames.pins import pin as pin
    from connecty_frames.pins import pinned as pinned
    from connecty_frames.question import Question as Question
    from connecty_frames.records import forget as forget
    from connecty_frames.records import history as history
    from connecty_frames.settings.sources import configure as configure
    from connecty_frames.shared import use_sandbox as use_sandbox

#: The public names of each module.
_NAMES: Final[dict[str, str]] = {
    "answer": "Answer",
    "answer_metadata": "AnswerMetadata Schema",
    "api": "ask ask_async ask_df ask_df_async ask_many fetch fetch_df",
    "batch": "Batch ask_batch open_batch",
    "client": "Client",
    "decode.types.encodings": "binary epoch local strptime",
    "errors": (
        "APIError AuthError ColumnNameWarning ConfigError ConnectionFailed ConnectyError "
        "ConnectyWarning ConversionError HistoryWarning InsecureWarning NoTableError NotFoundError "
        "PinChanged PinWarning ProtocolWarning QueryRefused QuestionError QuestionFailed QuestionLimitError "
        "QuestionTimeout RateLimitError ResponseError ResponseTooLarge ServerError StatisticsWarning "
        "SubmissionUncertain TruncatedError TruncationWarning TypeFidelityWarning UnknownStateWarning "
        "WriteFailed"
    ),
    "frames.accessor": "copy_metadata metadata",
    "frames.cast": "cast",
    "frames.parquet": "read_parquet",
    "integrations.ipython": "load_ipython_extension",  # for %load_ext, so it is not in __all__
    "integrations.read_connecty": "install_readers read_connecty",
    "options": "AskOptions",
    "pins": "Pin pin pinned",
    "question": "Question",
    "records": "forget history",
    "settings.sources": "configure",
    "shared": "use_sandbox",
}
_MODULES: Final = {name: module for module, names in _NAMES.items() for name in names.split()}


if not TYPE_CHECKING:  # type checkers know the names from above, and would take any other for one, too
    __all__ = [name for name in sorted(_MODULES) if name != "load_ipython_extension"]

    #: What first guesses at a name mean.
    _GUESSES = {
        name: f"; use cf.{right}"
        for right, names in {
            "ask_df": "query read read_sql sql run execute ask_polars",
            "ask_batch": "batch",
            "configure": "connect login init setup config set_option set_options",
            "Client": "Connection Session",
            "use_sandbox": "sandbox Sandbox demo",
        }.items()
        for name in names.split()
    }
    __getattr__ = lazy_getattr(__name__, _MODULES, _GUESSES)

    def __dir__() -> list[str]:
        return [*__all__, "__version__"]


if "pandas" in sys.modules or "polars" in sys.modules:
    from connecty_frames.frames.accessor import register_accessors

    register_accessors()
