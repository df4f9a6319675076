"""A sandbox that can be killed: ``python durable.py PORT JOURNAL`` serves until SIGTERM.

Unlike other sandboxes it keeps its credentials and its questions over a restart. A question is written to the
journal before its id is sent, so that the journal has all that was ever accepted.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

from connecty_frames.sandbox import Fault, Sandbox, jobs, sandbox, server

CREDENTIALS: Final = {"client_id": "canary-client-id", "client_secret": "canary-secret"}
#: Questions are delayed before or after they are accepted, or their id is sent byte by byte, so that a
#: program that is killed or suspended is often processing one.
_SLOW: Final = (
    Fault("ask", latency=0.3, chance=0.3, seed=1),
    Fault("ask", drip_body=0.005, chance=0.4, seed=2),
    Fault("ask", latency=0.3, when="after"),
)


class Accepted(NamedTuple):
    """A question that the sandbox accepted, and its id."""

    question_id: str
    question: str


def read_journal(path: Path) -> list[Accepted]:
    return [Accepted(*json.loads(line)) for line in path.read_text().splitlines()]


class _Tokens(server.Tokens):
    """Fixed credentials, and a new signing key in each process, so that a restart invalidates all tokens."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.client_id, self.client_secret = CREDENTIALS.values()


class _DurableJobQueue(jobs.JobQueue):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        path = Path(sys.argv[2])
        self._journal = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._before = dict(read_journal(path))

    def find(self, question_id: str) -> jobs.Job | None:
        question = self._before.pop(question_id, None)
        if question is not None:  # it is run again, but only when its results are requested
            self._jobs[question_id] = jobs.Job(question_id, question)
            self._pending.put(self._jobs[question_id])
        return super().find(question_id)

    def submit(self, question: str) -> jobs.Job:
        job = super().submit(question)
        os.write(self._journal, json.dumps(Accepted(job.question_id, question)).encode() + b"\n")
        return job


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sandbox.JobQueue, sandbox.Tokens = _DurableJobQueue, _Tokens  # type: ignore[attr-defined]
    Sandbox(port=int(sys.argv[1]), workers=2, faults=_SLOW).serve()
