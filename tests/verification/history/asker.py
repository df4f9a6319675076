"""A program: fork a process for each job on standard input, which asks a question, and kill it when told.

Forking takes milliseconds, where a process of its own would take most of a second to import the package. The
line after each job says that it is to be killed, since numbers of processes differ between namespaces.
"""

import json
import os
import signal
import sys
from pathlib import Path

from connecty_frames.client import Client
from connecty_frames.options import AskOptions
from connecty_frames.store.table import default_path


def main() -> None:
    default_path()  # imports what a client with a history imports
    for line in sys.stdin:
        process = os.fork()
        if not process:
            _ask(**json.loads(line))
            os._exit(0)
        print("begun", flush=True)
        sys.stdin.readline()
        os.kill(process, signal.SIGKILL)  # it may have ended, and has its number until it is waited for
        os.waitpid(process, 0)
        print("ended", flush=True)


def _ask(address: str, question: str, history: str, received: str) -> None:
    """Ask, and append the id to a file as soon as the caller learns it."""
    with (
        Path(received).open("a", encoding="utf-8") as file,
        Client(
            "id", client_secret="secret", base_url=address, dw_id=13, history=history, history_required=True
        ) as client,
    ):
        call = client.call(question, AskOptions(progress=False))
        call.answer(accepted=lambda asked: print(asked.question_id, file=file, flush=True))


if __name__ == "__main__":
    main()
