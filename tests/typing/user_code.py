"""Code of a user, as type checkers see it: ``tests/typing/test_typing.py`` runs pyright and mypy over it.

A comment ``# error`` stands in each line that both must report, ``# error: mypy`` where mypy alone does.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, assert_type

import pandas as pd
import polars as pl
from pandas.testing import assert_frame_equal

import connecty_frames as cf
from connecty_frames import sandbox
from connecty_frames.answer import Answer
from connecty_frames.answer_metadata import AnswerMetadata
from connecty_frames.batch import Batch
from connecty_frames.calls import QuestionFuture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from connecty_frames.frames.accessor import ConnectyAccessor
    from connecty_frames.options import AskOptionsDict

# Names


def names() -> None:
    """A misspelled one is an error, although the packages load theirs when they are first used."""
    cf.ask_fd("q")  # error
    sandbox.Sandbxo()  # error


# Frames, and their attribute `connecty`


def accessor(given: ConnectyAccessor) -> str | None:
    return given.sql_query


def the_accessor() -> None:
    """It is known wherever a frame comes from this package, and to methods that keep attrs."""
    df = cf.ask_df("q")
    accessor(df.connecty)
    df.connecty.sql  # error
    accessor(df.head().connecty)
    df.head().connecty.sql  # error
    accessor(cf.ask_df("q", engine="polars").connecty)
    cf.ask_df("q", engine="polars").connecty.sql  # error
    accessor(cf.read_connecty("q", index_col="a").connecty)
    cf.read_connecty("q", index_col="a").connecty.sql  # error
    accessor(cf.read_parquet("a.parquet").connecty)
    cf.read_parquet("a.parquet").connecty.sql  # error
    accessor(cf.read_parquet("a.parquet", engine="polars").connecty)
    cf.read_parquet("a.parquet", engine="polars").connecty.sql  # error
    accessor(cf.Client().ask_df("q").connecty)
    cf.Client().ask_df("q").connecty.sql  # error
    accessor(cf.Client().ask_df("q", engine="polars").connecty)
    cf.Client().ask_df("q", engine="polars").connecty.sql  # error
    accessor(cf.fetch_df("id").connecty)
    cf.fetch_df("id").connecty.sql  # error
    accessor(cf.Client().fetch_df("id", engine="polars").connecty)
    cf.fetch_df("id", engine="polars").connecty.sql  # error
    accessor(cf.fetch("id").to_pandas().connecty)
    accessor(cf.ask("q").to_pandas().connecty)
    cf.ask("q").to_pandas().connecty.sql  # error
    accessor(cf.ask("q").to_polars().connecty)
    cf.ask("q").to_polars().connecty.sql  # error
    cf.ask("q").to_spark()  # error


def copied_metadata(other: pd.DataFrame) -> None:
    """A derived frame has it by its method, or after copy_metadata."""
    df = cf.ask_df("q")
    accessor(cf.copy_metadata(df, df.merge(other)).connecty)
    cf.copy_metadata(df, df.merge(other)).connecty.sql  # error
    frame = cf.ask_df("q", engine="polars")
    accessor(cf.copy_metadata(frame, frame.drop_nulls()).connecty)
    cf.copy_metadata(frame, frame.drop_nulls()).connecty.sql  # error
    frame.drop_nulls().connecty  # error


def metadata(frame: pl.DataFrame, *, flag: bool) -> None:
    assert_type(cf.metadata(frame), AnswerMetadata | None)
    assert_type(cf.metadata(frame, required=True), AnswerMetadata)
    assert_type(cf.metadata(frame, required=flag), AnswerMetadata | None)
    cf.metadata(frame).sql_query  # error
    cf.metadata(frame, require=True)  # error


# Frames are ordinary frames of their libraries


def exact_types() -> None:
    """In mypy what a frame returns may also be Any, since a variable may be assigned another frame."""
    assert_type(cf.ask_df("q").shape, tuple[int, int])  # error: mypy
    assert_type(cf.ask_df("q", engine="polars").shape, tuple[int, int])  # error: mypy
    assert_type(cf.fetch_df("id").shape, tuple[int, int])  # error: mypy
    assert_type(cf.read_parquet("a.parquet", engine="polars").shape, tuple[int, int])  # error: mypy
    assert_type(cf.history(), pd.DataFrame)
    assert_type(cf.history("polars"), pl.DataFrame)
    cf.metadata(cf.ask("q").to_arrow())


def reassigned_pandas(other: pd.DataFrame) -> pd.DataFrame:
    df = cf.ask_df("q")
    df = df[df["orders"] > 10]
    df = df.groupby("country").sum()
    df = df.merge(other, on="country")
    return pd.concat([df, cf.ask_df("r")])  # error: mypy


def reassigned_polars(other: pl.DataFrame) -> pl.DataFrame:
    """The same, where each method returns a plain frame."""
    df = cf.ask_df("q", engine="polars")
    df = df.filter(pl.col("orders") > 10)
    df = df.group_by("country").agg(pl.col("orders").sum())
    df = df.lazy().join(other.lazy(), on="country").collect()
    return pl.concat([df, other])


def alternatives(*, cached: bool) -> pd.DataFrame:
    if cached:
        df = cf.ask_df("q")
    else:
        df = pd.DataFrame()
    df = df.dropna()
    try:
        other = cf.ask_df("q")
    except cf.NoTableError:
        other = pd.DataFrame()
    return df if cached else other


def passed_on(transform: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    df = cf.ask_df("q")
    df = transform(df)
    df = df.pipe(transform)
    assert_frame_equal(transform(cf.ask_df("q")), df)
    frames: list[pd.DataFrame] = [cf.ask_df(question) for question in ("q", "r")]
    frames.append(df)
    tables: dict[str, pl.DataFrame] = {"q": cf.ask_df("q", engine="polars")}
    tables["r"] = tables["q"].head(3)


def containers(combine: Callable[[list[pd.DataFrame]], None]) -> None:
    """A list without annotation is one of our frames in pyright, and so not one of plain frames."""
    frames = [cf.ask_df(question) for question in ("q", "r")]
    combine(frames)  # error: pyright
    combine([cf.ask_df(question) for question in ("q", "r")])
    pd.concat(frames)


@dataclass
class Report:
    frame: pd.DataFrame
    table: pl.DataFrame | None = None

    def load(self) -> pd.DataFrame:
        self.frame = cf.ask_df("q")
        self.frame = self.frame.describe()
        if self.table is None:
            self.table = cf.ask_df("q", engine="polars")
        return self.frame


def executors() -> list[Answer]:
    with ThreadPoolExecutor() as pool:
        futures: list[Future[Answer]] = [pool.submit(cf.ask, question) for question in ("q", "r")]
        frames = pool.map(cf.ask_df, ["q", "r"])
        pd.concat(frames)
    return [future.result() for future in futures]


def other_frames() -> pl.DataFrame:
    number: int = cf.ask_df("q")  # error
    assert number
    cf.ask_df("q", engine="polars").groupby("a")  # error
    return cf.ask_df("q")  # error


# Options

ENGINE: Final = "polars"


def engines(engine: Literal["pandas", "polars"], name: str) -> None:
    """A constant or a literal type; a text may be anything."""
    accessor(cf.ask_df("q", engine=ENGINE).connecty)
    cf.ask_df("q", engine=ENGINE).connecty.sql  # error
    frame = cf.ask_df("q", engine=engine)
    if isinstance(frame, pl.DataFrame):
        frame = frame.to_pandas()
    cf.ask_df("q", engine=name)  # error
    cf.ask_df("q", engine="dask")  # error
    cf.ask("q", engine="polars")  # error
    cf.Client().ask_df("q", engine="dask")  # error


def keywords(common: AskOptionsDict, loose: dict[str, Any]) -> None:
    cf.ask("q", dw_id=13, max_rows=None, tz="UTC", schema={"a": "int64"}, strict=True, timeout=60)
    cf.ask("q", progress=print, on_truncation="raise", decimals="exact", infer_temporal=False)
    cf.ask("q", **common)
    cf.ask("q", **loose)
    cf.ask_df("q", engine="polars", **common)
    cf.ask_df("q", max_row=5)  # error
    cf.ask_df("q", question_id="id")  # error
    cf.fetch_df("id", max_rows=None, engine="polars", dw_id=13)
    cf.fetch("id", max_age="6h")  # error
    cf.fetch_df("id", tags={"job": "n"})  # error
    cf.fetch_df(5)  # error
    cf.fetch_df("id", engine="dask")  # error
    cf.ask_df("q", max_rows="all")  # error
    cf.ask_df("q", dtype_backend="arrow")  # error
    cf.ask("q", decimals="decimal")  # error
    cf.ask("q", tz=None)  # error
    cf.ask("q", progress=1)  # error
    cf.read_connecty("q", engine="polars")  # error
    cf.Client().ask("q", timezone="UTC")  # error
    cf.Client().submit("q").result(max_row=5)  # error
    cf.Answer.from_json(b"{}", schemas={})  # error
    cf.AskOptions(engine="dask")  # error
    pd.read_connecty("q")  # error


def settings() -> None:
    """Those of configure, Client and use_sandbox."""
    cf.configure(client_id="a", client_secret="b", region="us1", dw_id=13, timeout=None)
    cf.configure(region="eu2")  # error
    cf.configure(dw=13)  # error
    cf.Client(region="eu2")  # error
    used = cf.use_sandbox(latency=0.1, answers={"q": [{"a": 1}]})
    cf.Client(**used.connection)
    cf.use_sandbox(latenzy=1)  # error
    cf.use_sandbox(workers="4")  # error


# All rows


def all_rows(given: pd.DataFrame, fetched: pl.DataFrame, table: object, metadata: AnswerMetadata) -> None:
    """What was given comes out, or what the engine says."""
    answer = cf.ask("q")
    assert_type(answer.tables, tuple[str, ...] | None)
    accessor(answer.cast(given).connecty)
    accessor(answer.cast(fetched, schema={"a": int}).connecty)
    accessor(cf.cast(given, table, engine="polars").connecty)
    accessor(cf.cast(metadata, table, engine="pandas").connecty)
    cf.cast(answer, table, engine="pyarrow")
    answer.cast(table, engine="dask")  # error
    cf.cast(answer)  # error


def pins(connection: object, fetched: pl.DataFrame) -> None:
    """Frames of the engine, and what a check found."""
    pin = cf.pin("name", "q", dialect="postgres", max_rows=None)
    assert_type(pin, cf.Pin)
    accessor(cf.pinned("name", path=Path("connecty-pins")).fetch_df().connecty)
    assert_type(pin.tables, tuple[str, ...])
    accessor(pin.fetch_df(engine="polars", client=cf.Client()).connecty)
    assert_type(pin.check(ask=True, times=2, on_change=print).changed, bool)
    pin.rerun(connection, dialect="postgres", schema={"a": int})
    accessor(pin.cast(fetched).connecty)
    pin.check(on_change="ignore")  # error
    pin.rerun(connection, functions=["f"])  # error
    cf.pin("name", "q", max_row=5)  # error
    pin.fetch_df(engine="dask")  # error


# Many questions


def many(*, flag: bool) -> None:
    assert_type(cf.ask_many(["q"]), list[QuestionFuture])
    assert_type(cf.ask_many(["q"], max_workers=2)[0].result(), Answer)
    completed: Iterator[QuestionFuture] = cf.ask_many(["q"], as_completed=True)
    assert_type(next(completed).question, str)
    for future in cf.ask_many(["q"], as_completed=flag):
        assert_type(future, QuestionFuture)
    cf.ask_many(["q"], workers=2)  # error
    cf.ask_many(["q"], as_completed=True)[0]  # error


def batches(names: pd.Series[str], column: pl.Series, pairs: list[tuple[str, str]]) -> None:
    """Texts, columns, pairs or a dict; frames of the engine."""
    batch = cf.ask_batch(["q"], "folder", max_workers=2, max_questions=5, max_rows=None, progress=print)
    assert_type(batch, Batch)
    cf.ask_batch(names, "folder")
    cf.ask_batch(column, Path("folder"))
    cf.ask_batch(pairs, "folder", retry_failed=True)
    cf.ask_batch({"a": "q"}, "folder", client=cf.Client())
    cf.ask_batch(zip(["a"], ["q"], strict=True), "folder")
    assert_type(batch.summary().answered, int)
    assert_type(batch.errors(), pd.DataFrame)
    assert_type(batch.errors("polars"), pl.DataFrame)
    assert_type(batch.parts(), dict[str | int, Path])
    assert_type(cf.open_batch("folder").retry(uncertain=True), Batch)
    cf.ask_batch(["q"], "folder", max_row=5)  # error
    cf.ask_batch([1], "folder")  # error
    batch.errors("dask")  # error


# Awaited questions


async def awaited(*, cached: bool) -> pd.DataFrame:
    """The types of the functions that wait, also of tasks."""
    assert_type(await cf.ask_async("q"), Answer)
    accessor((await cf.ask_df_async("q")).connecty)
    (await cf.ask_df_async("q")).connecty.sql  # error
    accessor((await cf.ask_df_async("q", engine="polars")).connecty)
    (await cf.Client().ask_df_async("q", engine="polars")).connecty.sql  # error
    async with asyncio.TaskGroup() as group:
        task = group.create_task(cf.Client().ask_async("q", max_rows=None))
    assert_type(task.result(), Answer)
    first, second = await asyncio.gather(cf.ask_async("q"), cf.ask_async("r"))
    assert_type((first, second), tuple[Answer, Answer])
    cf.ask_df_async("q").connecty  # error
    await cf.ask_async("q", max_row=5)  # error
    await cf.ask_df_async("q", engine="dask")  # error
    if cached:
        df = pd.DataFrame()
    else:
        df = await cf.ask_df_async("q")
    return df


def errors() -> None:
    try:
        cf.ask("q")
    except cf.QuestionError as error:
        assert_type(error.question_id, str | None)
    except cf.RateLimitError as error:
        assert_type(error.retry_after, float | None)
    except cf.ConfigError as error:
        assert_type(error.setting, str | None)
        error.seting  # error
