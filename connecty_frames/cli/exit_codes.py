"""Exit codes: one for each kind of error, so that a script knows what to do next."""

from __future__ import annotations

from typing import Final

from connecty_frames.errors import (
    APIError,
    AuthError,
    ConfigError,
    ConnectionFailed,
    ConnectyError,
    ConversionError,
    QuestionError,
    QuestionTimeout,
    ResponseError,
    SubmissionUncertain,
    TruncatedError,
)

__all__ = ["EXIT_CODES", "LEFT", "MEANINGS", "SIGNALLED", "exit_code_of"]

#: The exit code of each kind of error; the first class that an error is of decides.
EXIT_CODES: Final[dict[type[BaseException], int]] = {
    ConfigError: 2,
    AuthError: 3,
    ConnectionFailed: 4,
    APIError: 5,
    ResponseError: 6,
    QuestionTimeout: 8,
    SubmissionUncertain: 9,
    QuestionError: 7,
    ConversionError: 10,
    TruncatedError: 11,
    ConnectyError: 1,
    OSError: 1,
}

#: What a shell reports of a command that lost its reader: 128 and the number of SIGPIPE.
LEFT: Final = 141

#: The same of a command that a signal ended: 128 and the number of SIGHUP, SIGINT or SIGTERM.
SIGNALLED: Final = (129, 130, 143)

#: Every exit code in words, for the help and the documentation.
MEANINGS: Final[dict[int, str]] = {
    0: "all is well",
    1: "a file could not be written, or anything else",
    2: "the command line, a setting or a choice is wrong; nothing was sent",
    3: "the credentials were refused",
    4: "no connection was made, or no token came; no question was sent",
    5: "the server answered with an error",
    6: "the server's answer is not what the API promises",
    7: "the question failed, or its answer has no table or not the part that was asked for",
    8: "no answer in time; it may still be worked on",
    9: "sent, and nobody knows whether it arrived",
    10: "a value does not fit its column",
    11: "rows were cut, with --on-truncation raise",
    129: "SIGHUP: the terminal was closed",
    130: "Ctrl-C",
    LEFT: "whoever read the output left early",
    143: "SIGTERM, as from timeout or kill",
}


def exit_code_of(error: BaseException) -> int:
    """Give the exit code for an error."""
    return next(code for kind, code in EXIT_CODES.items() if isinstance(error, kind))
