"""What a read of the data source asks for, and asking it once per read.

A question with the same workspace and the same option ``read`` is one question throughout a session: the
first process that gets to it sends it, and keeps its id in the scratch folder of the driver, where the others
find it. Nothing here needs pyspark.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

from connecty_frames._base.text import did_you_mean, snippet, terminal
from connecty_frames.client import Client
from connecty_frames.errors import ConfigError, ConnectyError, SubmissionUncertain, is_own, wrong_value
from connecty_frames.files import lock, open_private
from connecty_frames.options import AskOptions, check_question_id, parse_max_rows
from connecty_frames.settings.sources import wants_sandbox

if TYPE_CHECKING:
    from connecty_frames.answer import Answer
    from connecty_frames.answer_metadata import AnswerMetadata

_SOURCES: Final = ("question", "questions", "question_ids")  # a read has one of these options
#: Names of options that are refused because they may hold credentials: a plan shows its options.
_SECRET: Final = re.compile(
    r"secret|token|passw|credential|client_?id|api_?key|authori[sz]ation|bearer", re.IGNORECASE
)


class AskedQuestion(NamedTuple):
    """A question that was accepted."""

    question_id: str
    dw_id: int
    question: str | None = None  # None if only the id is known
    asked_at: str | None = None  # as ISO 8601; None if only the id is known


@dataclass(frozen=True, slots=True)
class Read:
    """The options of a read."""

    questions: tuple[str, ...]  # empty if there are ids
    question_ids: tuple[str, ...]  # of questions asked before
    name: str  # the option ``read``, which tells reads of the same questions apart
    ask_options: AskOptions

    @classmethod
    def from_options(cls, options: Mapping[str, str]) -> Read:
        """Return the read that options of Spark, which are text, describe; raises ConfigError."""
        given = {name.lower(): value for name, value in options.items()}
        for name in given:
            _check_name(name)
        sources = [name for name in _SOURCES if name in given]
        if len(sources) != 1:
            found = f"not {' and '.join(sources)}" if sources else "none is set"
            raise ConfigError(
                f"Set exactly one of the options question, questions and question_ids; {found}.",
                setting="question",
            )
        texts = _texts(sources[0], given[sources[0]])
        values = {name: _parse(parse, given[name]) for name, parse in _OPTIONS.items() if name in given}
        # The warning about rows that were cut would be in the log of a process that nobody looks at.
        values.setdefault("max_rows", None)
        ask_options = AskOptions(engine="pyarrow", progress=False, **values)
        if sources[0] == "question_ids":
            return cls((), tuple(map(check_question_id, texts)), "", ask_options)
        return cls(texts, (), given.get("read", ""), ask_options)


def _check_name(name: str) -> None:
    if _SECRET.search(name):
        raise ConfigError(
            f"The option {snippet(name)!r} looks like a secret, but options are visible in the plan. Remove "
            "it: Spark's Python processes read credentials from the environment (CONNECTY_CLIENT_ID, "
            "CONNECTY_CLIENT_SECRET) or from a profile, on the driver and on each executor.",
            setting=name,
        )
    known = [*_SOURCES, "read", *_OPTIONS]
    if name not in known:
        raise ConfigError(f"Unknown option {snippet(name)!r}; {did_you_mean(name, known)}", setting=name)


def _texts(name: str, value: str) -> tuple[str, ...]:
    if name == "question" or (name == "question_ids" and not value.lstrip().startswith("[")):
        return (value,)
    try:
        texts = json.loads(value)
    except ValueError as error:
        raise wrong_value(name, value, f"a JSON array; {error}") from None
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise wrong_value(name, value, "a JSON array of one or more texts")
    return tuple(texts)


def _parse(parse: Callable[[str], Any], text: str) -> Any:
    try:
        return parse(text)
    except ConfigError:
        raise
    except (KeyError, ValueError):
        return text  # AskOptions says what is expected


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _max_rows(text: str) -> int | None:
    try:
        return parse_max_rows(text.lower())
    except ValueError:
        raise wrong_value("max_rows", text, "a whole number, or all") from None


#: The fields of AskOptions that are options of a read, and how their texts are read.
_OPTIONS: Final[dict[str, Callable[[str], Any]]] = {
    "dw_id": int,
    "max_rows": _max_rows,
    "tz": str,
    "infer_temporal": _boolean,
    "decimals": str,
    "strict": _boolean,
    "on_truncation": str,
    "timeout": float,
}


def open_client() -> Client:
    """Return a client with the settings of this process, which Spark started; raises ConfigError."""
    if wants_sandbox():
        raise ConfigError(
            "CONNECTY_SANDBOX is set: each Python process of Spark would start its own sandbox. Run "
            "`connecty sandbox` instead, and set the variables it prints for the driver and the executors.",
            setting="sandbox",
        )
    try:
        return Client()
    except ConfigError as error:
        reason = str(error).removesuffix(error.hint).rstrip()
        raise ConfigError(
            f"{reason} Spark's Python processes read the environment and the profile file, on the driver "
            "and on each executor, but not what the program has configured.",
            setting=error.setting,
        ) from None


def ask(read: Read, client: Client) -> list[AskedQuestion]:
    """Ask each question of a read once, and return them; raises what ``Client.submit`` raises."""
    # If it cannot be recorded that they are asked, nothing is sent.
    dw_id, timeout = read.ask_options.dw_id, read.ask_options.timeout
    if read.question_ids:
        known = [client.question(question_id, dw_id=dw_id) for question_id in read.question_ids]
        return [AskedQuestion(question.question_id, question.dw_id) for question in known]

    def submit(text: str) -> AskedQuestion:
        accepted = client.submit(text, dw_id=dw_id, timeout=timeout)
        asked_at = None if accepted.asked_at is None else accepted.asked_at.isoformat()
        return AskedQuestion(accepted.question_id, accepted.dw_id, text, asked_at)

    return [_ask_once(text, (dw_id, read.name), submit) for text in read.questions]


def fetch(client: Client, asked: AskedQuestion, ask_options: AskOptions) -> Answer:
    """Return the answer to a question that was asked; nothing is asked again."""
    return client.question(asked.question_id, dw_id=asked.dw_id).answer(ask_options)


def metadata_of(answer: Answer, asked: AskedQuestion) -> AnswerMetadata:
    """Return the metadata of an answer that was fetched by its id, with what is known of the question."""
    asked_at = None if asked.asked_at is None else datetime.fromisoformat(asked.asked_at)
    return replace(answer.metadata, question=asked.question, asked_at=asked_at)


_SENDING: Final = b"sending\n"  # what a record begins with before a question is sent


def _ask_once(
    question: str, key: tuple[object, ...], submit: Callable[[str], AskedQuestion]
) -> AskedQuestion:
    asked: AskedQuestion | None = None
    try:
        with _record(question, key) as file:
            found = file.read()
            if found.startswith(_SENDING):
                return _recorded(question, found.removeprefix(_SENDING))
            file.truncate(0)
            file.write(_SENDING)
            file.flush()
            try:
                asked = submit(question)
            except ConnectyError as error:
                if is_own(error) and error.not_started:  # the next attempt may ask
                    file.truncate(0)
                raise
            file.write(json.dumps(asked).encode())
            return asked
    except ConnectyError:
        raise  # a QuestionTimeout is an OSError too
    except OSError as error:
        raise ConfigError(
            f"It cannot be recorded that the question {snippet(question)!r} was asked: "
            f"{terminal(str(error))}. "
            + (f"It was asked, and its id is {asked.question_id}." if asked else "It was not sent."),
            question_id=asked and asked.question_id,
        ) from None


def _recorded(question: str, record: bytes) -> AskedQuestion:
    with suppress(ValueError):  # empty, or cut as the process ended
        return AskedQuestion(*json.loads(record))
    raise SubmissionUncertain(
        f"It is unknown whether the question {snippet(question)!r} was started: an earlier process of this "
        "Spark session was sending it, and did not get its id. It may be running, so it was not sent again. "
        "Look in ConnectyAI's chat history; the option question_ids reads an answer by its id, and another "
        "value of the option read asks again.",
        question=question,
    )


@contextmanager
def _record(question: str, key: tuple[object, ...]) -> Iterator[BinaryIO]:
    """Open the record of a question in this session, locked: other processes wait until it is closed."""
    # Spark's scratch folder on the driver, which is removed when the application ends.
    folder = os.environ.get("SPARK_LOCAL_DIRS", "").split(",")[0]
    if not folder or sys.platform == "win32":
        raise ConfigError(
            "It cannot be recorded that a question was asked, on Windows or without the variable "
            "SPARK_LOCAL_DIRS that Spark sets. Ask it outside Spark with Client.submit, and read the answer "
            "with the option question_ids.",
            setting="question",
        )
    session = os.environ.get("SPARK_JOB_ARTIFACT_UUID", "")  # of a session of Spark Connect
    digest = hashlib.sha256(json.dumps([session, question, *key]).encode()).hexdigest()
    with open(Path(folder) / f"connecty-{digest}", "a+b", opener=open_private) as file:
        # Not `locked`, which goes on where a file system has no locks: a question could be sent twice.
        lock(file.fileno(), blocks=True)
        file.seek(0)
        yield file
