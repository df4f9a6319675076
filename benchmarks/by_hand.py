"""A question asked without this package, as a script that a user would write: ``make bench WHAT=startup``.

``python benchmarks/by_hand.py LIBRARY`` asks the API that the environment names, and makes a frame of the
rows: with ``pandas``, ``polars`` or ``pyarrow``, or with ``csv`` a pandas frame that is written to standard
output. It imports nothing else, and corrects no type.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any, Final

import requests

#: Seconds between two polls; the API document names none.
PAUSE: Final = 0.1


def ask(question: str) -> list[list[Any]]:
    """Return the header and the rows of the answer."""
    base, dw_id = os.environ["CONNECTY_BASE_URL"], os.environ["CONNECTY_DW_ID"]
    session = requests.Session()
    names = ("client_id", "client_secret")
    credentials = {name: os.environ[f"CONNECTY_{name.upper()}"] for name in names}
    response = session.post(f"{base}/v1/auth/token", json=credentials, timeout=60)
    response.raise_for_status()
    session.headers["Authorization"] = f"Bearer {response.json()['access_token']}"
    response = session.post(f"{base}/v1/dw/{dw_id}/questions", json={"question": question}, timeout=60)
    response.raise_for_status()
    address = f"{base}/v1/dw/{dw_id}/questions/{response.json()['question_id']}/results"
    parameters = {"include": "dataframe,statistics,sqlquery,summary"}
    while True:
        response = session.get(address, params=parameters, timeout=60)
        response.raise_for_status()
        answer = response.json()
        if answer["state"] == "COMPLETED":
            rows: list[list[Any]] = answer["results"]["dataframe"]
            return rows
        if answer["state"] == "FAILED":
            raise RuntimeError(answer)
        time.sleep(PAUSE)


def main(library: str, question: str) -> None:
    """Ask, and make the frame."""
    if library == "polars":
        import polars as pl

        header, *rows = ask(question)
        pl.DataFrame(rows, schema=header, orient="row", infer_schema_length=None)
    elif library == "pyarrow":
        import pyarrow as pa

        header, *rows = ask(question)
        pa.table(dict(zip(header, map(list, zip(*rows, strict=True)), strict=True)))
    else:
        import pandas as pd

        header, *rows = ask(question)
        frame = pd.DataFrame(rows, columns=header)
        if library == "csv":
            frame.to_csv(sys.stdout, index=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
