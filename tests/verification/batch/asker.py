"""A program: ask a batch of so many questions."""

import sys

from connecty_frames.batch import ask_batch
from connecty_frames.client import Client


def questions(count: int) -> list[str]:
    return [f"question {number}" for number in range(count)]


if __name__ == "__main__":
    _, address, folder, count = sys.argv
    with Client("id", client_secret="secret", base_url=address, dw_id=13) as client:
        ask_batch(questions(int(count)), folder, client=client, progress=False)
