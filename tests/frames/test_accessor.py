"""Metadata on frames: attach, metadata, copy_metadata and the accessor, in three libraries."""

import gc
import importlib
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from connecty_frames.answer_metadata import AnswerMetadata
from connecty_frames.decode.schema import ColumnSchema
from connecty_frames.errors import ConfigError
from connecty_frames.frames.accessor import (
    ConnectyAccessor,
    attach,
    copy_metadata,
    metadata,
    register_accessors,
)
from tests.cases import cases

METADATA = AnswerMetadata(
    question="top 5 countries",
    question_id="729cb7a4-4b06-449e-a3c9-df40f5e570b8",
    sql_query="select country",
    response_summary="Poland leads.",
    rows=3,
    total_rows=100,
    truncated=True,
    statistics={"a": {"general": {"count": 100}}},
    schema=[{"name": "a", "type": "int64", "evidence": "3 whole numbers"}],
)
OTHER = AnswerMetadata(question="another", rows=1)

MAKERS: dict[str, Callable[[], Any]] = {
    "pandas": lambda: pd.DataFrame({"a": [3, 1, 2]}),
    "polars": lambda: pl.DataFrame({"a": [3, 1, 2]}),
    "pyarrow": lambda: pa.table({"a": [3, 1, 2]}),
}
every_library = cases("make", MAKERS.values(), ids=MAKERS)
with_accessor = cases("make", [MAKERS["pandas"], MAKERS["polars"]], ids=["pandas", "polars"])


class TestAttachAndMetadata:
    """Metadata on one frame."""

    @every_library
    def test_other_metadata(self, make: Callable[[], Any]) -> None:
        """Attaching again replaces all of the first metadata."""
        assert metadata(attach(attach(make(), METADATA), OTHER)) == OTHER

    def test_same_frame(self) -> None:
        """Frames of pandas and polars are changed in place; Arrow tables, being immutable, are not."""
        frame, other, table = (make() for make in MAKERS.values())
        assert attach(frame, METADATA) is frame
        assert attach(other, METADATA) is other
        assert attach(table, METADATA) is not table
        assert metadata(table) is None

    @cases("thing", [None, 5, "text", [1], {"a": 1}, object(), pd.Index([1]), pa.array([1]), METADATA])
    def test_no_frame(self, thing: object) -> None:
        """Anything else is a ConfigError that says what was expected."""
        message = "not a frame: expected one of pandas, polars, pyarrow or Spark"
        with pytest.raises(ConfigError, match=message):
            metadata(thing)
        with pytest.raises(ConfigError, match=message):
            attach(thing, METADATA)


class TestPandas:
    """Attrs of plain strings."""

    def test_attrs(self) -> None:
        """Four texts have keys of their own, the whole is JSON; every value is a string."""
        frame = attach(MAKERS["pandas"](), METADATA)
        assert list(frame.attrs) == ["question", "question_id", "sql_query", "response_summary", "connecty"]
        assert frame.attrs["question"] == "top 5 countries"
        assert frame.attrs["question_id"] == "729cb7a4-4b06-449e-a3c9-df40f5e570b8"
        assert frame.attrs["sql_query"] == "select country"
        assert frame.attrs["response_summary"] == "Poland leads."
        assert all(type(value) is str for value in frame.attrs.values())

    def test_unknown_fields_have_no_key(self) -> None:
        """None is not a string, so it is left out."""
        assert list(attach(MAKERS["pandas"](), OTHER).attrs) == ["question", "connecty"]

    def test_own_attrs_stay(self) -> None:
        """The user's attrs stay; those of earlier metadata go."""
        frame = MAKERS["pandas"]()
        frame.attrs = {"mine": 1}
        assert list(attach(attach(frame, METADATA), OTHER).attrs) == ["mine", "question", "connecty"]

    def test_series(self) -> None:
        """A column of a frame has the frame's metadata."""
        assert metadata(attach(MAKERS["pandas"](), METADATA)["a"]) == METADATA
        assert metadata(pd.Series([1])) is None

    @cases("kept", ["{", "5", "", 5, {"question": "q"}])
    def test_damaged(self, kept: object) -> None:
        """Anything else under our key is an error that says how to remove it, and not None."""
        frame = MAKERS["pandas"]()
        frame.attrs["connecty"] = kept
        with pytest.raises(ConfigError, match=r"damaged.*del frame\.attrs\['connecty'\]"):
            metadata(frame)
        with pytest.raises(AttributeError, match="damaged"):
            _ = frame.connecty
        assert not hasattr(frame, "connecty")
        assert metadata(attach(frame, METADATA)) == METADATA


class Statistics(dict[str, Any]):
    """Statistics that a test can watch: metadata itself has no weak references."""


class TestPolars:
    """A registry beside the frames."""

    def test_nothing_is_kept_alive(self) -> None:
        """Neither the registry nor the accessor keeps a frame alive, and its metadata is freed with it."""
        gc.disable()
        try:
            statistics = Statistics()
            frame = attach(MAKERS["polars"](), AnswerMetadata(question="top 5", statistics=statistics))
            assert frame.connecty.question == "top 5"
            references = [weakref.ref(frame), weakref.ref(statistics)]
            del statistics
            assert [reference() is None for reference in references] == [False, False]
            del frame
            assert [reference() is None for reference in references] == [True, True]
        finally:
            gc.enable()

    def test_reused_ids(self) -> None:
        """A frame at the address of an earlier one does not get its metadata."""
        for _ in range(1000):
            assert metadata(pl.DataFrame({"a": [1]})) is None
            attach(pl.DataFrame({"a": [1]}), METADATA)

    def test_frame_in_a_cycle(self) -> None:
        """The metadata of a frame that the garbage collector frees is freed as well."""
        statistics = Statistics()
        reference = weakref.ref(statistics)
        holder: dict[str, Any] = {"frame": attach(MAKERS["polars"](), AnswerMetadata(statistics=statistics))}
        holder["self"] = holder
        del holder, statistics
        gc.collect()
        assert reference() is None

    def test_series_and_lazy_frames(self) -> None:
        """Lazy frames and series of polars have metadata only once it is copied."""
        frame = attach(MAKERS["polars"](), METADATA)
        assert metadata(frame["a"]) is None
        assert metadata(frame.lazy()) is None
        assert metadata(copy_metadata(frame, frame["a"])) == METADATA

    def test_threads(self) -> None:
        """Frames of many threads, made and collected, each have their own metadata."""
        wrong: list[object] = []

        def work(number: int) -> None:
            mine = AnswerMetadata(rows=number)
            for _ in range(300):
                frame = attach(pl.DataFrame({"a": [number]}), mine)
                if metadata(frame) != mine or metadata(pl.DataFrame({"a": [1]})) is not None:
                    wrong.append(number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []


class TestArrow:
    """The schema's metadata."""

    def test_key(self) -> None:
        """One key, beside those that are there."""
        table = pa.table({"a": [1]}).replace_schema_metadata({"mine": "1"})
        kept = attach(table, METADATA).schema.metadata
        assert list(kept) == [b"mine", b"connecty"]
        assert kept[b"connecty"].startswith(b'{"question": "top 5 countries"')

    def test_kinds(self) -> None:
        """A table, a record batch and a schema."""
        table = pa.table({"a": [1]})
        for thing in (table, table.to_batches()[0], table.schema):
            kept = attach(thing, METADATA)
            assert type(kept) is type(thing)
            assert metadata(kept) == METADATA

    def test_damaged(self) -> None:
        """Anything else under our key is an error, not None."""
        table = pa.table({"a": [1]}).replace_schema_metadata({"connecty": b"\xff"})
        with pytest.raises(ConfigError, match=r"damaged.*replace_schema_metadata"):
            metadata(table)

    @every_library
    def test_without_metadata(self, make: Callable[[], Any]) -> None:
        """A frame to which nothing was attached has none; with required=True that is an error."""
        assert metadata(make()) is None
        with pytest.raises(
            ConfigError, match=r"^This frame has no answer metadata.*cf\.copy_metadata\(source, frame\)"
        ) as caught:
            metadata(make(), required=True)
        assert caught.value.setting == "frame"


class TestCopyMetadata:
    """A derived frame gets the metadata of its source."""

    @cases("source", MAKERS)
    @cases("target", MAKERS)
    def test_any_to_any(self, source: str, target: str) -> None:
        """From each library to each, all of it."""
        assert metadata(copy_metadata(attach(MAKERS[source](), METADATA), MAKERS[target]())) == METADATA

    @every_library
    def test_source_without_metadata(self, make: Callable[[], Any]) -> None:
        """A source without metadata is an error."""
        with pytest.raises(ConfigError, match="source has no answer metadata") as caught:
            copy_metadata(make(), attach(make(), METADATA))
        assert caught.value.setting == "source"

    def test_no_frames(self) -> None:
        """Both arguments must be frames."""
        with pytest.raises(ConfigError, match="not a frame"):
            copy_metadata(5, MAKERS["pandas"]())
        with pytest.raises(ConfigError, match="not a frame"):
            copy_metadata(attach(MAKERS["pandas"](), METADATA), 5)


class TestAccessor:
    """``frame.connecty``, the same in both libraries."""

    @with_accessor
    def test_attributes(self, make: Callable[[], Any]) -> None:
        """Every field has an attribute."""
        accessor = attach(make(), METADATA).connecty
        assert accessor.question == "top 5 countries"
        assert accessor.question_id == "729cb7a4-4b06-449e-a3c9-df40f5e570b8"
        assert accessor.sql_query == "select country"
        assert accessor.response_summary == "Poland leads."
        assert accessor.truncated is True
        assert accessor.total_rows == 100
        assert accessor.statistics == {"a": {"general": {"count": 100}}}
        assert list(accessor.schema) == [ColumnSchema("a", pa.int64(), "3 whole numbers")]
        assert accessor.metadata == METADATA

    @with_accessor
    def test_html(self, make: Callable[[], Any]) -> None:
        """As the value of a notebook's cell: the metadata, and the frame that it is on."""
        shown = (
            attach(make(), METADATA).head(2).connecty
            if make is MAKERS["pandas"]
            else attach(make(), METADATA).connecty
        )
        page = shown._repr_html_()
        assert "top 5 countries" in page
        assert "3 of 100 rows, cut" in page
        assert '<td class="connecty-number">3</td>' in page

    @with_accessor
    def test_html_of_a_frame_that_arrow_lacks_a_type_for(self, make: Callable[[], Any]) -> None:
        """The page has the metadata alone."""
        frame = make()
        odd: Any = (
            frame.assign(o=[1, "x", ()])
            if make is MAKERS["pandas"]
            else frame.with_columns(pl.Series("o", [1, "x", ()], dtype=pl.Object))
        )
        page = attach(odd, METADATA).connecty._repr_html_()
        assert "top 5 countries" in page
        assert "<td class" not in page

    @cases(("rows", "subtitle"), [(3, None), (2, "Shown: 2 of 3 rows")])
    @cases("library", ["pandas", "polars"])
    def test_plot(self, library: str, rows: int, subtitle: str | None) -> None:
        """The frame as it is now, filtered and with columns of the user; the subtitle counts the rows."""
        pytest.importorskip("altair", reason="the extra [plot] is not installed")
        make = {"pandas": pd, "polars": pl}[library].DataFrame
        frame = attach(
            make({"shop": [*"abc"], "a": [3, 1, 2]}), replace(METADATA, total_rows=3, truncated=False)
        )

        chosen = copy_metadata(frame, frame[frame["a"] <= rows] if library == "pandas" else frame.head(rows))
        chart = chosen.connecty.plot(x="shop", y="a").to_dict()

        title = chart["title"]
        assert (title if subtitle is None else title["text"]) == "a by shop"
        assert subtitle is None or title["subtitle"] == subtitle
        (data,) = chart["datasets"].values()
        assert len(data) == rows
        assert frame.connecty.plot().to_dict()["title"] == "top 5 countries"

    @with_accessor
    def test_plot_without_a_column_of_the_answer(self, make: Callable[[], Any]) -> None:
        """The error names it."""
        pytest.importorskip("altair", reason="the extra [plot] is not installed")
        schema = [*METADATA.schema, {"name": "gone", "type": "int64", "evidence": "3 whole numbers"}]
        frame = attach(make(), replace(METADATA, schema=schema))
        with pytest.raises(ConfigError, match=r"^This frame no longer has the columns .*: 'gone'\."):
            frame.connecty.plot()

    @with_accessor
    def test_repr(self, make: Callable[[], Any]) -> None:
        """One short line for each known field."""
        assert repr(attach(make(), METADATA).connecty) == (
            "<connecty>\n"
            "  question: top 5 countries\n"
            "  question_id: 729cb7a4-4b06-449e-a3c9-df40f5e570b8\n"
            "  sql_query: select country\n"
            "  response_summary: Poland leads.\n"
            "  rows: 3 of 100 rows, truncated"
        )
        hostile = AnswerMetadata(sql_query="select\n\x1b[2J" + "x" * 500)
        assert repr(attach(make(), hostile).connecty) == (
            "<connecty>\n  sql_query: select \\x1b[2J" + "x" * 46 + "…\n  rows: 0 rows"
        )

    @with_accessor
    @cases("name", ["question", "sql_query", "truncated", "statistics", "schema", "metadata"])
    def test_frame_without_metadata(self, make: Callable[[], Any], name: str) -> None:
        """Every attribute is an AttributeError that names cf.copy_metadata; pandas has no accessor at all."""
        with pytest.raises(AttributeError, match=r"no answer metadata.*cf\.copy_metadata\(source, frame\)"):
            getattr(make().connecty, name)
        assert hasattr(make(), "connecty") is (make is MAKERS["polars"])

    @with_accessor
    def test_nothing_to_write(self, make: Callable[[], Any], tmp_path: Path) -> None:
        """A frame without metadata is not written: its own library does that."""
        with pytest.raises(AttributeError, match=r"cf\.copy_metadata\(source, frame\)"):
            make().connecty.to_parquet(tmp_path / "frame.parquet")
        assert list(tmp_path.iterdir()) == []

    @with_accessor
    def test_does_not_keep_the_frame(self, make: Callable[[], Any]) -> None:
        """Reading the accessor does not keep the frame alive, which it outlives."""
        frame = attach(make(), METADATA)
        accessor = frame.connecty
        reference = weakref.ref(frame)
        del frame
        gc.collect()
        assert reference() is None
        assert accessor.question == "top 5 countries"

    @with_accessor
    def test_metadata_changes(self, make: Callable[[], Any]) -> None:
        """After new metadata the accessor reads it, although the library caches accessors on the frame."""
        frame = attach(make(), METADATA)
        assert frame.connecty.question == "top 5 countries"
        copy_metadata(attach(make(), OTHER), frame)
        assert frame.connecty.question == "another"

    def test_metadata_comes_later(self) -> None:
        """An accessor without metadata shows how to get some, and reads what is attached afterwards."""
        register_accessors()
        frame = MAKERS["polars"]()
        assert not hasattr(frame.connecty, "question")
        assert repr(frame.connecty).startswith("<connecty: This frame has no answer metadata")
        assert frame.connecty._repr_html_() is None  # a notebook then shows the repr
        assert attach(frame, METADATA).connecty.question == "top 5 countries"

    def test_one_class(self) -> None:
        """Both libraries have the same class."""
        register_accessors()
        one: Any = pd.DataFrame
        other: Any = pl.DataFrame
        assert one.connecty is other.connecty is ConnectyAccessor

    def test_column_of_that_name(self) -> None:
        """A column called connecty is read by brackets, beside the accessor."""
        frame = attach(pd.DataFrame({"connecty": [1]}), METADATA)
        assert frame["connecty"].to_list() == [1]
        assert frame.connecty.question == "top 5 countries"


class TestRegistration:
    """Once for each library that is loaded; a second time would make both of them warn."""

    def test_again(self) -> None:
        """Repeated calls, from several threads, cause no warning."""
        threads = [threading.Thread(target=register_accessors) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        register_accessors()

    @pytest.mark.parametrize(("frame", "name"), [(pd.DataFrame, "pandas"), (pl.DataFrame, "polars")])
    def test_where_frames_are_made(self, frame: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """What makes frames of a library registers the accessor when it is imported."""
        module = importlib.import_module(f"connecty_frames.frames.{name}")
        for key, value in vars(module).copy().items():
            monkeypatch.setitem(vars(module), key, value)
        monkeypatch.delattr(frame, "connecty")
        importlib.reload(module)
        assert frame.connecty is ConnectyAccessor

    @pytest.mark.parametrize(
        "function",
        [metadata, lambda frame: attach(frame, METADATA), lambda frame: copy_metadata(frame, frame)],
        ids=["metadata", "attach", "copy_metadata"],
    )
    @pytest.mark.parametrize("library", ["pandas", "polars"])
    def test_by_each_function(self, library: str, function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """A library that was loaded later has the accessor then."""
        frame = attach(MAKERS[library](), METADATA)
        monkeypatch.delattr(type(frame), "connecty")
        function(frame)
        assert frame.connecty.question == "top 5 countries"
