"""A program: ask each question of standard input by several threads, and say what became of it."""

import json
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from connecty_frames.client import Client
from connecty_frames.options import AskOptions


def main(address: str, history: str, threads: str, settings: str) -> None:
    """Answer each line, a list of questions and of options, by a line with ids or names of errors."""
    warnings.simplefilter("ignore")
    options = json.loads(settings)
    with (
        Client(
            "id", client_secret="secret", base_url=address, dw_id=13, history=history, **options
        ) as client,
        ThreadPoolExecutor(int(threads)) as pool,
    ):

        def ask(question: str, options: dict[str, Any]) -> str:
            try:
                return client.call(question, AskOptions(progress=False, **options)).submit().question_id
            except Exception as error:
                return f"{type(error).__name__}: {error}"

        print("ready", flush=True)
        for line in sys.stdin:
            questions, options = json.loads(line)
            print(json.dumps(list(pool.map(ask, questions, [options] * len(questions)))), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
