"""The index of a batch: a history, and beside its table one with the questions of the batch.

The rows of the history say what is known of each question; they have the key of the question as theirs. The
items say what the questions are, and which of them are done with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from connecty_frames.batch.items import Item, digest, folded
from connecty_frames.errors import ConfigError
from connecty_frames.store import StoreError, database_at
from connecty_frames.store.records import mark_abandoned
from connecty_frames.text import path_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

__all__ = ["NO_TABLE", "PART", "Entry", "Index"]

#: The outcomes of a question that is done with: its part is written, or its answer has no table.
PART: Final = "PART"
NO_TABLE: Final = "NO TABLE"
_CREATE: Final = """\
CREATE TABLE IF NOT EXISTS items (
    number INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    name TEXT,
    question TEXT NOT NULL,
    digest TEXT NOT NULL,
    outcome TEXT,
    error TEXT
)"""
_ENTRIES: Final = """\
SELECT number, items.key, name, items.question, outcome, coalesce(items.error, questions.error),
    coalesce(id, 0), state, question_id, asked_at
FROM items LEFT JOIN questions
ON id = (SELECT max(id) FROM questions WHERE questions.key = items.key)
ORDER BY number"""


class Entry(NamedTuple):
    """What is known of a question of the batch.

    Parameters
    ----------
    number
        Its position in the list with which it first came, from 1 on; later lists continue the numbers.
    key, name, question
        As of :class:`Item`; the text is without secrets.
    outcome
        :data:`PART`, :data:`NO_TABLE`, or None if it is not done with.
    error
        Why it has no answer, None if nothing went wrong.
    row, state, question_id, asked_at
        Its last row in the history: the number, 0 if there is none; the state; the id if it was accepted;
        and when it was sent, in microseconds.
    """

    number: int
    key: str
    name: str | None
    question: str
    outcome: str | None
    error: str | None
    row: int
    state: str | None
    question_id: str | None
    asked_at: int | None


class Index:
    """The index in a folder.

    Parameters
    ----------
    path
        The path of its file.
    """

    def __init__(self, path: Path) -> None:
        self._database = database_at(path)

    def create(self) -> bool:
        """Create the index unless there is one, and return whether it has questions."""
        self._execute(_CREATE)
        return bool(self._execute("SELECT 1 FROM items LIMIT 1"))

    def check(self) -> None:
        """Raise ConfigError if there is no index, which would then be begun anew, or it cannot be read."""
        if not self._database.exists:
            self._raise_for("it is missing")
        self._execute("SELECT 1 FROM items LIMIT 1")

    def register(self, items: Iterable[Item], redact: Callable[[str], str]) -> None:
        """Add the questions that the index does not have.

        Parameters
        ----------
        redact
            Masks secrets in a text that is kept.

        Raises
        ------
        ConfigError
            If a name is that of another question. Nothing is added then.
        """
        found = self._execute("SELECT key, name, digest FROM items")
        known = {key: digest_ for key, _, digest_ in found}
        names = {folded(name): key for key, name, _ in found if name is not None}
        added = []
        for item in items:
            digest_ = digest(item.question)
            name = item.name
            if known.get(item.key, digest_) != digest_:
                raise ConfigError(
                    f"The batch has another question of the name {name!r}. Give the new one another name.",
                    setting="questions",
                )
            if name is not None and names.get(folded(name), item.key) != item.key:
                raise ConfigError(
                    f"The batch has a name that differs from {name!r} in case alone. Choose another one.",
                    setting="questions",
                )
            if item.key not in known:
                added.append((item.key, name, redact(item.question), digest_))
        for values in added:  # another process may add them at the same time
            self._execute(
                "INSERT INTO items (key, name, question, digest) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (key) DO NOTHING",
                values,
            )

    def entries(self) -> list[Entry]:
        """Return all questions with what is known of them, in the order of their numbers.

        Those that were being sent when their process ended are UNCERTAIN from now on.
        """
        try:
            mark_abandoned(self._database)
        except StoreError as error:
            self._raise_for(str(error))
        return [Entry(*row) for row in self._execute(_ENTRIES)]

    def done(self, number: int, outcome: str) -> None:
        """Record that a question is done with."""
        self._execute("UPDATE items SET outcome = ?, error = NULL WHERE number = ?", (outcome, number))

    def failed(self, number: int, error: str | None) -> None:
        """Record why a question has no answer; None as it is asked again."""
        # SQLite refuses halves of characters.
        text = error and error.encode(errors="backslashreplace").decode()
        self._execute("UPDATE items SET error = ? WHERE number = ?", (text, number))

    def _execute(self, statement: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._database.execute(statement, parameters).rows
        except StoreError as error:
            self._raise_for(str(error))

    def _raise_for(self, reason: str) -> NoReturn:
        raise ConfigError(
            f"The index of the batch, {path_text(self._database.path)}, cannot be used: {reason}. Without "
            "it, which questions were asked before is unknown.",
            setting="folder",
        ) from None
