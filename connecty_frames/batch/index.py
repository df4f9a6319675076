"""The index of a batch: a history with an additional table ``items`` for the questions of the batch.

The items say what the questions are and which are finished. The rows of the history say what is known about
each. Both have the key that identifies a question in later calls.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn, Self, TypeVar

from connecty_frames._base.text import snippet, value_text
from connecty_frames.asking.submission import question_body
from connecty_frames.batch.erasing import forget_records
from connecty_frames.errors import ConfigError
from connecty_frames.files import folded, name_problem
from connecty_frames.store.database import StoreError
from connecty_frames.store.table import column_expressions, is_sound, store_at

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from connecty_frames.batch.erasing import Erased

_T = TypeVar("_T")
#: The outcomes of a finished question: its part is written, or its answer has no table.
PART: Final = "PART"
NO_TABLE: Final = "NO TABLE"
#: The outcome of a question that failed by a word the API document does not have: it is fetched once more.
FETCH_AGAIN: Final = "FETCH AGAIN"
_BULK: Final = 140  # the questions that one statement adds: SQLite before 3.32 takes at most 999 parameters
_ENTRIES: Final = """\
SELECT number, items.key, name, items.question, outcome, coalesce(items.error, {error}),
    coalesce(id, 0), {state}, question_id, asked_at, questions.question, base_url, dw_id
FROM items LEFT JOIN questions
ON questions.key = items.key AND NOT EXISTS (
    SELECT 1 FROM questions AS later WHERE later.key = items.key AND later.id > questions.id
)
WHERE batch = ? AND number > 0
ORDER BY number"""

_SENT: Final = """\
SELECT number FROM items WHERE batch = ? AND (
    outcome IS NOT NULL OR EXISTS (SELECT 1 FROM questions WHERE questions.key = items.key)
)"""


_UPDATE: Final = "UPDATE items SET %s AND batch = ?"


class Entry(NamedTuple):
    """What is known about a question of the batch."""

    # ``number`` is its position in the list that added it; later lists continue the numbers. ``outcome`` is
    # one of the constants above, or None until it is finished. ``row`` (0 if there is none) and the fields
    # after it are from its last row in the history. ``asked_at`` is in microseconds, ``asked`` the question.

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
    asked: str | None
    base_url: str | None
    dw_id: str | None


class Index:
    """The index of a batch: a file in its folder, or rows with the batch's id in a database."""

    def __init__(self, place: Path | str, batch: str = "", folder: Path | None = None) -> None:
        self.place = place
        self._batch = batch
        self._folder = folder
        self._database = store_at(place)
        self._database.must_exist = True

    def __enter__(self) -> Self:
        """Keep the index open until the end of ``with``."""
        self._database.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._database.__exit__()

    def create(self) -> bool:
        """Create the index if there is none, and return whether it has questions."""
        self._database.must_exist = False
        found = self._execute("SELECT 1 FROM items WHERE batch = ? LIMIT 1", (self._batch,))
        self._database.must_exist = True
        if self._batch:
            self._insert([(0, f"{self._batch}:", None, None, str(self._folder), "")])
        return bool(found)

    @property
    def store_id(self) -> str:
        """The id of the file or database; raises ConfigError."""
        return self._try(lambda: self._database.store_id)

    def check(self) -> None:
        """Raise ConfigError if the index is missing or cannot be read."""
        if not self._try(lambda: self._database.exists):
            self.refuse("it is missing")
        found = self._execute("SELECT 1 FROM items WHERE batch = ? AND number = 0", (self._batch,))
        if self._batch and not found:
            self.refuse("it does not have this batch")

    def keyed(self, items: Iterable[Item]) -> list[Item]:
        """Return questions with their keys in this index."""
        return [item._replace(key=f"{self._batch}:{item.key}") if self._batch else item for item in items]

    def register(self, items: Collection[Item], redact: Callable[[str], str]) -> None:
        """Add the questions that the index does not have, with secrets masked by ``redact``."""
        if self._batch and any("\0" in item.question for item in items):
            self.refuse("a question has a NUL character, which PostgreSQL cannot store")
        # Try again if another process took the numbers; a different question with the same name is an error.
        last = -1
        while missing := self._missing(items):
            tried = last
            ((last,),) = self._sound_rows(("number",), "SELECT max(number) FROM items WHERE batch = ?")
            if tried == last:
                self.refuse("it takes no new questions")
            rows = []
            for number, (key, name, text) in enumerate(missing, start=(last or 0) + 1):
                rows.append((number, key, name, name and folded(name), redact(text), digest(text)))
            for at in range(0, len(rows), _BULK):
                self._insert(rows[at : at + _BULK])

    def _insert(self, rows: Sequence[tuple[object, ...]]) -> None:
        insert = "INSERT INTO items (batch, number, key, name, folded, question, digest) VALUES "
        values = ", ".join(["(?, ?, ?, ?, ?, ?, ?)"] * len(rows))
        parameters = tuple(chain.from_iterable((self._batch, *row) for row in rows))
        self._execute(f"{insert}{values} ON CONFLICT DO NOTHING", parameters)

    def sent(self) -> set[int]:
        """Return the numbers of the questions that were sent, or are about to be."""
        return {number for (number,) in self._execute(_SENT, (self._batch,))}

    def _missing(self, items: Collection[Item]) -> list[Item]:
        statement = "SELECT key, folded, digest FROM items WHERE batch = ?"
        found = self._sound_rows(("key", "folded", "digest"), statement)
        known = {key: digest_ for key, _, digest_ in found}
        names = {name: key for key, name, _ in found}
        missing = []
        for item in items:
            if known.get(item.key, digest_ := digest(item.question)) != digest_:
                reason = f"The batch has a different question named {item.name!r}. Choose another name."
                raise _refused(reason)
            if item.name is not None and names.get(folded(item.name), item.key) != item.key:
                reason = f"The batch has a name that differs from {item.name!r} only in case. Choose another."
                raise _refused(reason)
            if item.key not in known:
                missing.append(item)
        return missing

    def entries(self) -> list[Entry]:
        """Return all questions, in the order of their numbers."""
        statement = _ENTRIES.format_map(column_expressions(self._database))
        return [Entry(*row) for row in self._sound_rows(Entry._fields, statement)]

    def _sound_rows(self, columns: Sequence[str], statement: str) -> list[tuple[Any, ...]]:
        """Return rows of the batch; raises ConfigError for one that no client can have written."""
        rows = self._execute(statement, (self._batch,))
        for row in rows:
            for column, value in zip(columns, row, strict=True):
                if value is not None and not is_sound(column, value):
                    self.refuse(f"no client writes {value_text(value)} as the {column} of a question")
        return rows

    def done(self, key: str, outcome: str | None) -> bool:
        """Record how a question ended, or None to fetch its answer again; return False if it is erased."""
        return self._update("outcome = ?, error = NULL WHERE key = ?", outcome, key)

    def refetch(self) -> None:
        """Mark all answers to be fetched again."""
        self._update(
            "outcome = NULL, error = NULL WHERE outcome IN (?, ?) AND question <> ''", PART, NO_TABLE
        )

    def failed(self, key: str, error: str | None, outcome: str | None = None) -> None:
        """Record why a question has no answer, or keeps its old part; None clears the error."""
        # SQLite refuses lone surrogates.
        text = error and error.encode(errors="backslashreplace").decode()
        self._update("error = ?, outcome = coalesce(?, outcome) WHERE key = ?", text, outcome, key)

    def erase(self, *, dry_run: bool) -> Erased:
        """Erase all questions, but not the batch itself, and return how many were recorded."""
        return self._try(lambda: forget_records(self._database, batch=self._batch, dry_run=dry_run))

    def remove(self) -> None:
        """Erase the batch itself."""
        self._execute("DELETE FROM items WHERE batch = ?", (self._batch,))

    def _update(self, change: str, *parameters: object) -> bool:
        update = _UPDATE % change, (*parameters, self._batch)
        return bool(self._try(lambda: self._database.execute(*update)).changed)

    def _execute(self, statement: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        return self._try(lambda: self._database.execute(statement, parameters).rows)

    def _try(self, act: Callable[[], _T]) -> _T:
        try:
            return act()
        except StoreError as error:
            self.refuse(str(error))

    def refuse(self, reason: str) -> NoReturn:
        """Raise ConfigError."""
        raise ConfigError(
            f"The index of the batch, {self._database.place}, cannot be used: {reason}. Without it, it is "
            "unknown which questions were asked.",
            setting="folder",
        ) from None


class Item(NamedTuple):
    """A question of a batch."""

    key: str  # a hash of the name, or of the text and the number of its earlier occurrences
    name: str | None
    question: str


def read_items(questions: object) -> list[Item]:
    """Check and return the questions that a caller passes; raises ConfigError."""
    items: list[Item] = []
    occurrences: Counter[str] = Counter()
    names: dict[str, str] = {}
    for position, given in enumerate(_values(questions), start=1):
        name, question = _pair(given, position)
        try:
            question_body(question)
        except ConfigError as error:
            raise _wrong(position, str(error)) from None
        if name is None:
            key = digest("question", question, occurrences[question])
            occurrences[question] += 1
        else:
            if problem := name_problem(name):
                raise _wrong(position, f"the name {snippet(name)!r} {problem}; parts are named after it.")
            key = digest("name", name)
            earlier = names.get(folded(name))
            names[folded(name)] = name
            if earlier is not None:
                reason = "occurs twice" if earlier == name else f"differs from {earlier!r} only in case"
                raise _wrong(position, f"the name {name!r} {reason}; choose another.")
        items.append(Item(key, name, question))
    return items


def digest(*parts: object) -> str:
    """Return a hash of texts and numbers."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _values(questions: object) -> Iterable[Any]:
    if hasattr(questions, "columns"):
        raise _refused(
            f"questions is a {type(questions).__name__}: pass its column of questions, or pairs of "
            'names and questions such as zip(frame["name"], frame["question"]).'
        )
    if isinstance(questions, Mapping):
        return questions.items()
    if hasattr(questions, "to_pylist"):  # iterating over an Arrow array yields scalars
        values: list[Any] = questions.to_pylist()
        return values
    if isinstance(questions, str | bytes) or not isinstance(questions, Iterable):
        raise _refused(
            f"questions is of type {type(questions).__name__}; expected a list of questions, or of pairs of "
            "a name and a question."
        )
    return questions


def _pair(given: Any, position: int) -> tuple[str | None, str]:
    if not isinstance(given, tuple | list):
        return None, given
    match given:
        case [str(name), question]:
            return name, question
    why = "is not a pair of texts, a name and a question; use str() to make a number a name."
    raise _wrong(position, f"{value_text(given)} {why}")


def _wrong(position: int, reason: str) -> ConfigError:
    return _refused(f"questions, number {position}: {reason}")


def _refused(reason: str) -> ConfigError:
    return ConfigError(reason, setting="questions")
