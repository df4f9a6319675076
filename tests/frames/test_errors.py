"""Errors of answers and frames name the question, so that nobody pays twice for an answer that is there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import connecty_frames as cf
from connecty_frames.answer_metadata import AnswerMetadata, WithMetadata
from connecty_frames.frames.accessor import ConnectyAccessor
from tests.cases import cases
from tests.servers.scripted import Script

QUESTION_ID = "729cb7a4-4b06-449e-a3c9-df40f5e570b8"
COMMAND = f'cf.fetch("{QUESTION_ID}", dw_id=13) fetches the answer without asking again.'
NOWHERE = Path("/proc/nowhere/file")
#: A call of each method that fails, for an answer without a table or with one text column.
FAILING: dict[str, Callable[[Any], object]] = {
    "to_json": lambda answer: answer.to_json(NOWHERE),
    "to_parquet": lambda answer: answer.to_parquet(NOWHERE),
    "to_pandas": lambda answer: answer.to_pandas("arrow"),
    "to_polars": lambda answer: answer.to_polars(1),
    "to_arrow": lambda answer: answer.to_arrow(1),
    "to_spark": lambda answer: answer.to_spark("session"),
    "plot": lambda answer: answer.plot(y="nope"),
    "cast": lambda answer: answer.cast(7),
    "__getitem__": lambda answer: answer["n"],
    "__arrow_c_stream__": lambda answer: answer.__arrow_c_stream__(1, 2),
}


def answered(**fields: Any) -> cf.Answer:
    body = b'{"state": "COMPLETED", "results": {"dataframe": [["n"], ["a"]]}}'
    return cf.Answer.from_json(body, **fields)


def test_each_method_of_an_answer_is_called() -> None:
    """A new one belongs in the table above."""
    methods = {name for name, value in vars(cf.Answer).items() if hasattr(value, "__wrapped__")}
    of_classes = {"from_json", "from_response"}
    assert methods - of_classes == set(FAILING)


@cases("name", list(FAILING))
def test_an_error_of_a_method_names_the_question(name: str) -> None:
    """An error of ours has the id, and any error a note with the line that fetches the answer for free."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - of whatever kind
        FAILING[name](answered(question_id=QUESTION_ID, dw_id=13))
    assert caught.value.__notes__ == [COMMAND]
    if isinstance(caught.value, cf.ConnectyError):
        assert (caught.value.question_id, caught.value.not_started) == (QUESTION_ID, False)


def test_a_property_names_the_question() -> None:
    """As a method does."""
    answer = cf.Answer.from_json(
        b'{"state": "COMPLETED", "results": {"sql_query": "DROP TABLE a; DROP TABLE b"}}',
        question_id=QUESTION_ID,
        dw_id=13,
    )
    with pytest.raises(cf.QueryRefused) as caught:
        answer.tables
    assert (caught.value.question_id, caught.value.__notes__) == (QUESTION_ID, [COMMAND])


def test_an_answer_without_an_id_adds_nothing() -> None:
    """It was saved, and asking for it costs nothing."""
    with pytest.raises(cf.ConfigError) as caught:
        answered().plot(y="nope")
    assert caught.value.question_id is None
    assert not hasattr(caught.value, "__notes__")


@cases("engine", ["pandas", "polars"])
def test_an_error_of_an_accessor_names_the_question(engine: str) -> None:
    """Also of a frame that was filtered."""
    answer = answered(question_id=QUESTION_ID, dw_id=13)
    frame: Any = answer.to_pandas() if engine == "pandas" else answer.to_polars()
    accessor = frame.head(0).connecty if engine == "pandas" else frame.connecty
    with pytest.raises(OSError, match="nowhere") as caught:
        accessor.to_parquet(NOWHERE)
    assert caught.value.__notes__ == [COMMAND]
    pytest.importorskip("altair")
    with pytest.raises(cf.ConfigError, match="nope") as refused:
        accessor.plot(y="nope")
    assert refused.value.__notes__ == [COMMAND]


def test_each_method_of_an_accessor_is_called() -> None:
    """A new one belongs in the test above."""
    methods = {name for name, value in vars(ConnectyAccessor).items() if hasattr(value, "__wrapped__")}
    assert methods == {"plot", "to_parquet"}


@cases("engine", [None, "pandas", "polars"])
def test_a_wrong_attribute_names_the_question(engine: str | None) -> None:
    """It stays an AttributeError, as hasattr, copy and pickle expect; a private name is left alone."""
    answer = answered(question_id=QUESTION_ID, dw_id=13)
    owner: Any = answer if engine is None else getattr(answer, f"to_{engine}")().connecty
    with pytest.raises(AttributeError) as caught:
        owner.sum
    assert caught.value.__notes__ == [COMMAND]
    assert not hasattr(owner, "sum")
    with pytest.raises(AttributeError) as caught:
        owner._repr_png_
    assert not hasattr(caught.value, "__notes__")


def test_batches_that_are_read_later_name_the_question() -> None:
    """A reader that cast returned fails in its second batch, long after the call."""
    batches = (pa.record_batch({"n": values}) for values in (["a"], [1.5]))
    reader = answered(question_id=QUESTION_ID, dw_id=13).cast(batches)
    with pytest.raises(cf.ConversionError) as caught:
        reader.read_all()
    assert (caught.value.question_id, caught.value.__notes__) == (QUESTION_ID, [COMMAND])


@cases("function", ["cast", "copy_metadata"])
@cases("engine", ["pandas", "polars"])
def test_a_function_of_a_frame_names_the_question(engine: str, function: str) -> None:
    """Its source knows the question; what is wrong is the other argument."""
    frame = getattr(answered(question_id=QUESTION_ID, dw_id=13), f"to_{engine}")()
    with pytest.raises(cf.ConfigError) as caught:
        getattr(cf, function)(frame, 7)
    assert (caught.value.question_id, caught.value.__notes__) == (QUESTION_ID, [COMMAND])
    assert not caught.value.not_started


def test_another_question_is_left() -> None:
    """An error that is about another question keeps its id, and is not noted twice."""

    class Thing(WithMetadata):
        metadata = AnswerMetadata(question_id=QUESTION_ID, dw_id=13)  # type: ignore[assignment]

        def fail(self, question_id: str | None) -> None:
            raise cf.ResponseError("no", question_id=question_id)

        def fail_inside(self) -> None:
            self.fail(None)

    with pytest.raises(cf.ResponseError) as caught:
        Thing().fail("other")
    assert (caught.value.question_id, hasattr(caught.value, "__notes__")) == ("other", False)
    with pytest.raises(cf.ResponseError) as caught:
        Thing().fail_inside()
    assert (caught.value.question_id, caught.value.__notes__) == (QUESTION_ID, [COMMAND])


def test_a_frame_without_metadata_keeps_its_error() -> None:
    """In polars its accessor raises when it is used."""
    pl = pytest.importorskip("polars")
    with pytest.raises(AttributeError, match="copy_metadata") as caught:
        ConnectyAccessor(pl.DataFrame({"n": [1]})).to_parquet(NOWHERE)
    assert not hasattr(caught.value, "__notes__")


@cases("index_col", ["nope", ["n", "nope"]])
def test_an_error_of_a_reader_names_the_question(
    server: Script, client: cf.Client, index_col: str | list[str]
) -> None:
    """It was asked and paid for: the line that fetches the answer is a note."""
    server.on("results", server.answer(200, {"state": "COMPLETED", "results": {"dataframe": [["n"], [5]]}}))
    with pytest.raises(cf.ConfigError, match="index_col: the answer has no column 'nope'") as caught:
        cf.read_connecty("how many?", client, index_col=index_col)
    assert (caught.value.question_id, caught.value.__notes__) == (QUESTION_ID, [COMMAND])
    assert not caught.value.not_started
    with pytest.raises(cf.ConfigError) as caught:
        cf.read_connecty("how many?", client, index_col=[])
    assert caught.value.not_started
