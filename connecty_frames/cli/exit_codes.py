"""Exit codes: one for each kind of error, so that a script can react to it."""

from __future__ import annotations

from typing import Final

from connecty_frames.errors import (
    APIError,
    AuthError,
    ConfigError,
    ConnectionFailed,
    ConnectyError,
    ConversionError,
    PinChanged,
    QuestionError,
    QuestionLimitError,
    QuestionTimeout,
    ResponseError,
    SubmissionUncertain,
    TruncatedError,
)

#: The exit code of each kind of error; the first class that matches decides.
EXIT_CODES: Final[dict[type[BaseException], int]] = {
    ConfigError: 2,
    AuthError: 3,
    ConnectionFailed: 4,
    APIError: 5,
    ResponseError: 6,
    QuestionTimeout: 8,
    SubmissionUncertain: 9,
    QuestionLimitError: 14,
    QuestionError: 7,
    ConversionError: 10,
    TruncatedError: 11,
    PinChanged: 12,
    ConnectyError: 1,
    OSError: 1,
}

#: The exit code of ``connecty doctor --ask`` if the answer came, and not as assumed.
NOT_AS_ASSUMED: Final = 13

#: The exit code of a command whose reader closed the pipe: 128 + SIGPIPE.
BROKEN_PIPE: Final = 141

#: The exit codes of a command that a signal ended: 128 + SIGHUP, SIGINT or SIGTERM.
SIGNAL_CODES: Final = (129, 130, 143)

#: The meaning of each exit code, for ``connecty help exit-codes`` and the documentation.
MEANINGS: Final[dict[int, str]] = {
    0: "success",
    1: "a file could not be written, or any other error",
    2: "the command line, a setting or an option is wrong; nothing was sent",
    3: "the credentials were refused",
    4: "no connection was made, or no token came; no question was sent",
    5: "the server answered with an error",
    6: "the server's answer is not what the API promises",
    7: "the question failed, or its answer lacks the table or part that was asked for",
    8: "no answer in time; the server may still be working on it",
    9: "sent, delivery unknown",
    10: "a value does not fit its column",
    11: "rows were cut, with --on-truncation raise",
    12: "a pinned question has another answer now",
    NOT_AS_ASSUMED: "an assumption about the service did not hold, with doctor --ask",
    14: "the limit of questions in 24 hours is reached; nothing was sent",
    129: "SIGHUP: the terminal was closed",
    130: "Ctrl-C",
    BROKEN_PIPE: "the reader of the output closed the pipe",
    143: "SIGTERM, as from timeout or kill",
}


def exit_code_of(error: BaseException) -> int:
    """Return the exit code of an error."""
    return next(code for kind, code in EXIT_CODES.items() if isinstance(error, kind))
