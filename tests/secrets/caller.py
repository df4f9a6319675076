"""A module of a user, with a secret among its globals as in every notebook, that calls each entry point."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final

import connecty_frames as cf
from connecty_frames.spark import reads

CLIENT_SECRET = "canary-of-the-module"


def results(futures: Iterable[Any]) -> list[Any]:
    """Return the results of futures, or raise the error of the first."""
    return [future.result() for future in futures]


def batch(client: cf.Client, *, retry: bool) -> object:
    made = cf.ask_batch(["how many?"], "folder", client=client, max_questions=0 if retry else None)
    return made.retry()


def pandas_reader(client: cf.Client) -> object:
    import pandas as pd

    cf.install_readers()
    return pd.read_connecty("how many?", client)  # type: ignore[attr-defined]


def polars_reader(client: cf.Client) -> object:
    import polars as pl

    cf.install_readers()
    return pl.read_connecty("how many?", client)  # type: ignore[attr-defined]


def spark(client: cf.Client) -> object:
    """Ask and fetch as the processes of Spark do."""
    read = reads.Read.from_options({"question": "how many?"})
    return [reads.fetch(client, asked, read.ask_options) for asked in reads.ask(read, client)]


def magic(client: cf.Client) -> object:
    """Ask in a notebook, whose variables are the globals then."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    shell.user_ns |= {"client": client, "CLIENT_SECRET": CLIENT_SECRET}
    shell.run_line_magic("load_ext", "connecty_frames")
    return shell.run_cell_magic("connecty", "df --client client", "how many?")


ASKING: Final[dict[str, Callable[[cf.Client], object]]] = {
    "ask": lambda client: cf.ask("how many?", client=client),
    "ask_df": lambda client: cf.ask_df("how many?", client=client),
    "Client.ask": lambda client: client.ask("how many?"),
    "Client.ask_df": lambda client: client.ask_df("how many?", engine="polars"),
    "fetch": lambda client: cf.fetch(client.ask("how many?").question_id or "", client=client),
    "fetch_df": lambda client: cf.fetch_df(client.ask("how many?").question_id or "", client=client),
    "Client.fetch": lambda client: client.fetch(client.ask("how many?").question_id or ""),
    "Client.fetch_df": lambda client: client.fetch_df(client.ask("how many?").question_id or ""),
    "Question.result": lambda client: client.submit("how many?").result(),
    "ask_async": lambda client: asyncio.run(cf.ask_async("how many?", client=client)),
    "ask_df_async": lambda client: asyncio.run(cf.ask_df_async("how many?", client=client)),
    "Client.ask_async": lambda client: asyncio.run(client.ask_async("how many?")),
    "Client.ask_df_async": lambda client: asyncio.run(client.ask_df_async("how many?")),
    "ask_many": lambda client: results(cf.ask_many(["how many?"], client=client)),
    "ask_many as completed": lambda client: results(
        cf.ask_many(["how many?"], client=client, as_completed=True)
    ),
    "Client.ask_many": lambda client: results(client.ask_many(["how many?"])),
    "ask_batch": lambda client: batch(client, retry=False),
    "Batch.retry": lambda client: batch(client, retry=True),
    "pin": lambda client: cf.pin("new", "how many?", client=client),
    "Pin.fetch_df": lambda client: cf.pinned("numbers").fetch_df(client=client),
    "Pin.check": lambda client: cf.pinned("numbers").check(ask=True, client=client),
    "read_connecty": lambda client: cf.read_connecty("how many?", client),
    "pandas.read_connecty": pandas_reader,
    "polars.read_connecty": polars_reader,
    "spark": spark,
    "magic": magic,
}
CASTING: Final[dict[str, Callable[[cf.Answer, Any], object]]] = {
    "Answer.cast": lambda answer, database: answer.cast(database.sql("FROM numbers").to_arrow_table()),
    "cast": lambda answer, database: cf.cast(
        answer.to_polars(), database.sql("FROM numbers").to_arrow_table().to_reader()
    ).read_all(),
    "Pin.cast": lambda _, database: cf.pinned("numbers").cast(database.sql("FROM numbers").to_arrow_table()),
    "Pin.rerun": lambda _, database: cf.pinned("numbers").rerun(database, dialect="duckdb").read_all(),
}
