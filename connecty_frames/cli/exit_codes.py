"""Exit codes: one for each kind of error, for scripts to react to."""

from __future__ import annotations

from typing import Final

from connecty_frames import errors

#: The exit code of each kind of error; the first matching class decides.
EXIT_CODES: Final[dict[type[BaseException], int]] = {
    errors.ConfigError: 2,
    errors.AuthError: 3,
    errors.ConnectionFailed: 4,
    errors.APIError: 5,
    errors.ResponseError: 6,
    errors.QuestionTimeout: 8,
    errors.SubmissionUncertain: 9,
    errors.QuestionLimitError: 14,
    errors.QuestionError: 7,
    errors.ConversionError: 10,
    errors.TruncatedError: 11,
    errors.PinChanged: 12,
    errors.ConnectyError: 1,
    OSError: 1,
}

#: The exit code of ``connecty doctor --ask`` if the answer came, and not as assumed.
NOT_AS_ASSUMED: Final = 13

#: The exit code after the reader closed the pipe: 128 + SIGPIPE.
BROKEN_PIPE: Final = 141

#: The exit codes of a command ended by a signal: 128 + SIGHUP, SIGINT or SIGTERM.
SIGNAL_CODES: Final = (129, 130, 143)

#: The meaning of each exit code, for ``connecty help exit-codes`` and the documentation.
MEANINGS: Final[dict[int, str]] = {
    0: "success",
    1: "a file could not be written, or any other error",
    2: "the command line, a setting or an option is wrong",
    3: "the credentials were refused",
    4: "no connection, or no token; no question was sent",
    5: "the server answered with an error",
    6: "the server's response is not what the API promises",
    7: "the question failed, or its answer lacks the requested table or part",
    8: "no answer in time; the question may still be running",
    9: "sent, delivery unknown",
    10: "a value does not fit its column",
    11: "rows were cut, with --on-truncation raise",
    12: "a pinned question has a different answer now",
    NOT_AS_ASSUMED: "an assumption about the service did not hold, with doctor --ask",
    14: "the question limit for 24 hours is reached; nothing was sent",
    129: "SIGHUP: the terminal was closed",
    130: "Ctrl-C",
    BROKEN_PIPE: "the reader of the output closed the pipe",
    143: "SIGTERM, for example from timeout or kill",
}


def exit_code_of(error: BaseException) -> int:
    """Return the exit code of an error."""
    return next(code for kind, code in EXIT_CODES.items() if isinstance(error, kind))
