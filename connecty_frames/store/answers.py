"""Kept answers: the responses to recorded questions, as received, in a file next to the history."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from connecty_frames.store.database import SQLiteFile, Store, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta

#: The end of the last body.
_END: Final = "(SELECT position + length(body) FROM answers ORDER BY position DESC LIMIT 1)"
_CODEC: Final = "zstd"


class KeptAnswers(SQLiteFile):
    """The answers kept next to a history. If one cannot be kept or read, questions are asked nevertheless."""

    # ``position`` is the offset of a body as if all bodies were concatenated, so that their total size is
    # known without reading the rows. Answers removed from the middle still count.

    content = "store of kept answers"
    application_id = 0x636E7461  # "cnta"
    versions = (
        (
            """\
            CREATE TABLE IF NOT EXISTS answers (
                position INTEGER PRIMARY KEY, question_id TEXT NOT NULL, base_url TEXT NOT NULL,
                max_rows INTEGER NOT NULL, length INTEGER NOT NULL, body BLOB NOT NULL,
                checksum BLOB NOT NULL, kept_at REAL NOT NULL,
                UNIQUE (question_id, base_url)
            )""",
        ),
    )

    def keep(self, question_id: str, base_url: str, body: bytes, max_rows: int, *, max_bytes: int) -> None:
        """Keep the response to a question, unless one with at least as many rows is kept."""
        # If all bodies, compressed, exceed ``max_bytes``, the oldest are removed.
        import pyarrow as pa

        compressed = pa.compress(body, codec=_CODEC)
        if len(compressed) > max_bytes:
            return
        fields = (question_id, base_url, max_rows, len(body))
        try:
            self.execute(
                "INSERT OR REPLACE INTO answers "
                "(position, question_id, base_url, max_rows, length, body, checksum, kept_at) "
                f"SELECT coalesce({_END}, 0), ?, ?, ?, ?, ?, ?, ? WHERE NOT EXISTS "
                "(SELECT 1 FROM answers WHERE question_id = ? AND base_url = ? AND max_rows >= ?)",
                (*fields, compressed, _checksum(compressed, *fields), time.time(), *fields[:3]),
            )
            self.execute(f"DELETE FROM answers WHERE position < {_END} - ?", (max_bytes,))
        except StoreError as error:
            self._warn(f"cannot be used ({error})")

    def find(self, question_id: str, base_url: str) -> tuple[bytes, int] | None:
        """Return an intact response to a question and the ``max_rows`` of its request, or None."""
        if not self.exists:
            return None
        key = (question_id, base_url)
        try:
            rows = self.execute(
                "SELECT body, max_rows, length, checksum FROM answers WHERE question_id = ? AND base_url = ?",
                key,
            ).rows
        except StoreError as error:
            self._warn(f"cannot be used ({error})")
            return None
        for body, max_rows, length, checksum in rows:
            # A damaged row may have any types, and a damaged index may lead to the row of another question.
            if isinstance(body, bytes) and _checksum(body, *key, max_rows, length) == checksum:
                import pyarrow as pa

                return pa.decompress(body, decompressed_size=length, codec=_CODEC, asbytes=True), max_rows
            self._warn(f"have a damaged answer, to question {question_id}; it is fetched again")
            self.forget(question_id)  # if that fails, it is found damaged again
        return None

    def expire(self, max_age: timedelta) -> None:
        """Remove the answers that have been kept for longer, and overwrite them as :meth:`erase` does."""
        oldest = time.time() - max_age.total_seconds()
        try:
            if self.execute("DELETE FROM answers WHERE kept_at < ?", (oldest,), creates=False).changed:
                self.erase([])
        except StoreError as error:
            self._warn(f"cannot be used ({error})")

    def forget(self, question_id: str) -> None:
        """Remove the answer to a question, if the file can be changed."""
        with suppress(StoreError):
            self.erase([question_id])

    def erase(self, question_ids: Iterable[str]) -> None:
        """Remove the answers to questions, and overwrite them in the file and its log."""
        if not self.exists:
            return
        named = "question_id IN (SELECT value FROM json_each(?))"
        self.execute(f"DELETE FROM answers WHERE {named}", (json.dumps(list(question_ids)),))
        self.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _warn(self, problem: str) -> None:
        self.warn_once(problem, f"The kept answers in {self.place} {problem}.")


def answers_beside(history: Store) -> KeptAnswers:
    """Return the file of the answers that are kept next to a history."""
    return KeptAnswers(history.answers_path.absolute()).shared()


def _checksum(body: bytes, *fields: object) -> bytes:
    checksum = hashlib.blake2b(repr(fields).encode(), digest_size=32)
    checksum.update(body)
    return checksum.digest()
