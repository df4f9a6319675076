"""What a batch shows and returns: its parts together, with other options, its progress and its errors."""

import json
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

import connecty_frames as cf
from connecty_frames.batch import BatchProgress, BatchSummary, run
from connecty_frames.client import Client
from connecty_frames.frames import parquet_file
from connecty_frames.options import AskOptions
from tests.servers.scripted import RecordedRequest, Script, Step, endpoint_of

_parts_differ = pytest.mark.filterwarnings("ignore:Types differ between parts")


def test_a_dataset(ask: Any) -> None:
    """All parts in the order of the questions, with their files."""
    dataset = ask([f"{'q' * number}" for number in range(1, 4)]).to_dataset()
    assert dataset.to_table().to_pydict() == {"n": [1, 2, 3]}
    found = dataset.to_table(columns=["__filename"])["__filename"].to_pylist()
    assert [Path(name).name for name in found] == ["000001.parquet", "000002.parquet", "000003.parquet"]


@_parts_differ
@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (
            [[["n"], ["because"]]],
            r"000001\.parquet has 'n' as int64, and 000002-why\.parquet string\. batch\.refetch\(",
        ),
        (
            [[["n"], [0.5]], [["n"], [2**53 + 1]]],
            r"000003\.parquet has 'n' as int64 beyond 2\*\*53, .*, and 000002-why\.parquet double\.",
        ),
        ([[["m"], [1]]], r"has the columns 'n', and 000002-why\.parquet 'm'\."),
        ([[["a" * 120, "n" * 120], [1, 2]]], f"and .* '{'a' * 120}', '{'n' * 75}…"),
    ],
)
def test_parts_of_different_schemas(ask: Any, service: Any, tables: list[Any], message: str) -> None:
    """They are no dataset; the error names two, with 200 characters of each."""
    for question, table in zip(["why?", "how long?"], tables, strict=False):
        service.answers[question] = service.frame(*table)
    batch = ask(["how many?", ("why", "why?"), "how long?"], infer_temporal=False)
    with pytest.raises(cf.ConfigError, match=message) as caught:
        batch.to_dataset()
    assert caught.value.setting == "folder"


@pytest.mark.filterwarnings("ignore:Types differ between parts")
@pytest.mark.parametrize(
    ("value", "type_"),
    [
        ("2026-01-31", pa.date32()),
        ("2026-01-31T10:00:00", pa.timestamp("us")),
        ("2026-01-31T10:00:00Z", pa.timestamp("us", "UTC")),
        (7, pa.int64()),
        (0.5, pa.float64()),
        (True, pa.bool_()),
    ],
    ids=str,
)
@pytest.mark.parametrize("rows", [[[None]], []], ids=["nulls", "no rows"])
def test_a_part_without_values(
    ask: Any, service: Any, value: object, type_: pa.DataType, rows: list[Any]
) -> None:
    """Its column, which is text, has the type of the other parts, those before it and those after it."""
    service.answers |= {each: service.frame(["n"], *rows) for each in ("why?", "how?")}
    service.answers["when?"] = service.frame(["n"], [value])
    found = ask(["why?", "when?", "how?"]).to_dataset().to_table()["n"]
    assert found.type == type_
    assert (found.null_count, len(found)) == (2 * len(rows), 1 + 2 * len(rows))


@_parts_differ
def test_a_part_without_values_that_cannot_be_read(ask: Any, service: Any) -> None:
    """Arrow reads no text as lists, even if all of it are nulls."""
    service.answers["why?"] = service.frame(["n"], [None])
    service.answers["which?"] = service.frame(["n"], [[1]])
    with pytest.raises(cf.ConfigError, match=r"000001\.parquet has 'n' as string, and 000002\.parquet list"):
        ask(["why?", "which?"]).to_dataset()


@_parts_differ
def test_whole_numbers_and_fractions(ask: Any, service: Any) -> None:
    """They are doubles, where that is exact; nulls are no obstacle, nor is what another column holds."""
    service.answers["one"] = service.frame(["n", "id"], [1, 2**60])
    service.answers["rates"] = service.frame(["n", "id"], [0.5, 2**60], [None, 1])
    service.answers["large"] = service.frame(["n", "id"], [2**53, 2], [-(2**53), 3])
    table = ask(["one", "rates", "large"]).to_dataset().to_table()
    assert table.schema.types == [pa.float64(), pa.int64()]
    assert table["n"].to_pylist() == [1.0, 0.5, None, 2.0**53, -(2.0**53)]
    assert table["id"].to_pylist() == [2**60, 2**60, 1, 2, 3]


def test_parts_that_differ_in_type(ask: Any, service: Any, folder: Path) -> None:
    """Each call ends with one warning about all of them, until they were fetched again; DuckDB rounds."""
    for question, row in ("a", [7000, 1, "2026-01-01"]), ("b", [39586806.86, 2, "open"]):
        service.answers[question] = service.frame(["n", "id", "day"], row)
    service.answers["c"] = service.answers["a"]
    message = (
        "Types differ between parts: 'n' is int64 in 000001.parquet and double in 000002-north.parquet; "
        "'day' is date32[day] in 000001.parquet and string in 000002-north.parquet. Programs that read them "
        "together may round values. batch.refetch(schema=...) gives all parts the same types, at no cost."
    )

    for _ in range(2):
        with pytest.warns(cf.ConnectyWarning) as caught:
            batch = ask(["a", ("north", "b"), "c"])
        assert [(str(each.message), each.category) for each in caught] == [(message, cf.TypeFidelityWarning)]
    total = f"SELECT sum(n) FROM read_parquet('{folder}/parts/*.parquet'"
    assert duckdb.sql(f"{total})").fetchall() == [(39600807,)]
    assert duckdb.sql(f"{total}, union_by_name=true)").fetchall() == [(39600806.86,)]
    batch.refetch(schema={"n": "float64", "day": "string"})
    assert duckdb.sql(f"{total})").fetchall() == [(39600806.86,)]


def test_many_columns_that_differ_in_type(ask: Any, service: Any) -> None:
    """Five are named; a damaged part is left to what reads it."""
    for question, value in ("a", 1), ("b", 0.5):
        service.answers[question] = service.frame([f"c{at}" for at in range(7)], [value] * 7)
    with pytest.warns(cf.TypeFidelityWarning, match=r"'c4' is [^;]*; and 2 more\. Programs"):
        batch = ask(["a", "b"])
    batch.parts()[1].write_bytes(b"PAR1")
    assert ask(["a", "b"]).summary().answered == 2


def test_refetching(ask: Any, service: Any, folder: Path) -> None:
    """All parts have the other types, nothing is asked, and later calls go on with the new options."""
    batch = ask(["a", "bb"])
    before = json.loads((folder / "batch.json").read_text())

    assert batch.refetch(schema={"n": "float64"}) is batch
    assert batch.to_dataset().to_table().schema.types == [pa.float64()]
    assert pl.read_parquet(folder / "parts" / "*.parquet")["n"].to_list() == [1.0, 2.0]
    assert service.asked == {"a": 1, "bb": 1}
    after = json.loads((folder / "batch.json").read_text())
    assert {name for name in after if after[name] != before[name]} == {"schema"}
    with pytest.raises(cf.ConfigError, match=r"has a batch with schema=.*open_batch\(folder\)\.refetch"):
        ask(["a", "bb", "ccc"])
    assert ask(["a", "bb", "ccc"], schema={"n": "float64"}).summary() == BatchSummary(total=3, answered=3)
    assert batch.retry().summary().answered == 3
    assert service.asked == {"a": 1, "bb": 1, "ccc": 1}


def test_a_retry_after_refetching(ask: Any, service: Any) -> None:
    """Refetching is done once the answers are there; what is asked later has the new types too."""
    service.answers["bb"] = service.FAILED
    service.replies["ccc"] = Script.reset
    seen: list[BatchProgress] = []
    batch = ask(["a", "bb", "ccc"]).refetch(schema={"n": "float64"}, progress=seen.append)
    assert [(each.done, each.total) for each in seen] == [(1, 1)]
    service.answers.clear()
    service.replies.clear()
    assert batch.retry(uncertain=True).summary() == BatchSummary(total=3, answered=3)
    assert {parquet.read_schema(path).types[0] for path in batch.parts().values()} == {pa.float64()}


def test_refetching_an_opened_batch(ask: Any, client: Client, service: Any, folder: Path) -> None:
    """The questions need not be known; those that were not asked are not asked."""
    ask(["a", "bb"], max_questions=1)
    batch = cf.open_batch(folder).refetch(client=client, schema={"n": "string"}, progress=False)
    assert batch.summary() == BatchSummary(total=2, answered=1, unasked=1)
    assert batch.to_dataset().to_table().schema.types == [pa.string()]
    assert service.asked.total() == 1


@_parts_differ
def test_an_answer_that_is_gone(ask: Any, service: Any) -> None:
    """Its part stays, and is reported, also by later calls, which do not ask for it again."""
    batch = ask(["a", "bb"])
    service.missing.add("bb")

    batch.refetch(schema={"n": "float64"})

    assert batch.summary() == BatchSummary(total=2, answered=2)
    assert list(batch.parts()) == [1, 2]
    assert batch.errors()["question"].tolist() == ["bb"]
    assert batch.errors()["error"].str.startswith("NotFoundError: ").all()
    assert batch.to_dataset().to_table()["n"].to_pylist() == [1.0, 2.0]
    fetched = service.fetched["bb"]
    assert len(ask(["a", "bb"], schema={"n": "float64"}).errors()) == 1
    assert service.fetched["bb"] == fetched
    service.missing.clear()
    assert len(batch.refetch(schema={"n": "float64"}).errors()) == 0


def test_omitted_options(ask: Any, service: Any, client: Any, folder: Path) -> None:
    """They stay as they were, so that no part loses rows or has other types; the schema is none."""
    service.answers["a"] = service.table(*range(1001))
    options = {"max_rows": None, "tz": "Europe/Warsaw", "schema": {"n": "float64"}}
    ask(["a"], **options)

    assert cf.open_batch(folder).refetch(client=client).to_dataset().to_table().num_rows == 1001
    assert ask(["a"], **options | {"schema": None}).summary() == BatchSummary(total=1, answered=1)


@_parts_differ
def test_an_answer_that_does_not_fit(ask: Any, service: Any) -> None:
    """It is unusable, and the next options replace its part; nothing is asked."""
    service.answers["why?"] = service.table("because")
    batch = ask(["a", "why?"])
    batch.refetch(schema={"n": "int64"})
    assert batch.summary() == BatchSummary(total=2, answered=1, unusable=1)
    assert batch.refetch(schema={"n": "string"}).summary() == BatchSummary(total=2, answered=2)
    assert batch.to_dataset().to_table()["n"].to_pylist() == ["1", "because"]
    assert service.asked.total() == 2


def test_a_killed_refetch_goes_on(ask: Any, service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the next call, with the new options; no part is of unknown options."""
    batch = ask(["a", "bb", "ccc"])
    write, written = parquet_file.write_table, []

    def write_one(*args: Any) -> None:
        if written:
            raise KeyboardInterrupt
        written.append(write(*args))

    with monkeypatch.context() as patch:
        patch.setattr(parquet_file, "write_table", write_one)
        with pytest.raises(KeyboardInterrupt):
            batch.refetch(schema={"n": "float64"}, max_workers=1)

    assert ask(["a", "bb", "ccc"], schema={"n": "float64"}).summary() == BatchSummary(total=3, answered=3)
    assert {cf.read_parquet(path)["n"].dtype.name for path in batch.parts().values()} == {"Float64"}
    assert service.asked.total() == 3


def test_refetching_by_another_account(ask: Any, server: Script, folder: Path) -> None:
    """It is refused before anything is changed, as are options of a single question."""
    batch = ask(["a"])
    before = (folder / "batch.json").read_bytes()

    with (
        cf.Client("other", client_secret="s", base_url=server.address, dw_id=13) as other,
        pytest.raises(cf.ConfigError, match=r"has a batch with client=.*\(--client-changed\)\.$"),
    ):
        batch.refetch(client=other, schema={"n": "float64"})
    with pytest.raises(TypeError, match="unexpected keyword argument 'question_id'"):
        batch.refetch(question_id="a")
    assert (folder / "batch.json").read_bytes() == before
    assert batch.summary().answered == 1


def test_a_damaged_part_in_a_dataset(ask: Any) -> None:
    """Its checksum does not fit, where the values could be read."""
    batch = ask(["how many?"])
    part = batch.parts()[1]
    content = part.read_bytes()
    assert content.index((9).to_bytes(8, "little")) < content.rindex(b"PAR1") // 2
    part.write_bytes(content.replace((9).to_bytes(8, "little"), (8).to_bytes(8, "little"), 1))
    with pytest.raises(OSError, match=r"(?i)crc checksum"):
        batch.to_dataset().to_table()


def test_a_missing_part_in_a_dataset(ask: Any) -> None:
    """It is named, and how to get it back."""
    batch = ask(["how many?"])
    batch.parts()[1].unlink()
    with pytest.raises(
        cf.ConfigError, match=r"000001\.parquet cannot be read .* ask_batch fetches it again"
    ) as caught:
        batch.to_dataset()
    assert caught.value.setting == "folder"


def test_no_batch_to_open(tmp_path: Path) -> None:
    """An error about its argument, and nothing is created."""
    file = tmp_path / "file"
    file.touch()
    places: list[Any] = [tmp_path, tmp_path / "missing", file, 5]
    for path in places:
        with pytest.raises(cf.ConfigError, match=r"has no batch|^folder: expected a path") as caught:
            cf.open_batch(path)
        assert caught.value.setting == "folder"
    assert list(tmp_path.iterdir()) == [file]


def test_open_batch(ask: Any, service: Any, folder: Path) -> None:
    """How a batch stands, and its answers; it cannot ask."""
    service.answers["why?"] = service.FAILED
    ask(["how many?", "why?"])
    batch = cf.open_batch(folder)

    assert batch.summary() == BatchSummary(total=2, answered=1, failed=1)
    assert batch.to_dataset().count_rows() == 1
    with pytest.raises(cf.ConfigError, match="retry_failed=True") as caught:
        batch.retry()
    assert caught.value.setting == "folder"
    wrong: dict[str, Any] = {"max_workers": 0, "max_questions": -1, "uncertain": 1}
    for name, value in wrong.items():
        with pytest.raises(cf.ConfigError, match=f"{name}={value}: expected"):
            batch.retry(**{name: value})
    with pytest.raises(cf.ConfigError, match="max_workers=0: expected"):
        batch.refetch(max_workers=0)
    with pytest.raises(TypeError, match="dw_id"):
        batch.refetch(dw_id=14)  # type: ignore[call-arg]


def test_progress_by_a_callable(ask: Any, service: Any) -> None:
    """After each question, with counts; its text is that of the line."""
    seen: list[BatchProgress] = []
    service.answers["why?"] = service.FAILED
    ask(["how many?", "why?"], progress=seen.append)
    assert [(each.done, each.total) for each in seen] == [(1, 2), (2, 2)]
    assert (seen[-1].asked, seen[-1].answered) == (2, 1)
    assert 0 < seen[0].elapsed <= seen[1].elapsed < 60
    assert str(BatchProgress(50, 100, 40, 30, 4.0)) == "50 of 100, 30 answered, 12.5/s"
    assert BatchProgress(0, 1, 0, 0, 0.0).rate == 0.0


def test_progress_by_a_line(
    ask: Any, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a log, a line at the beginning and one at the end, if no pause is over in between."""
    monkeypatch.setattr(run, "_PAUSE", 1e9)
    ask(["how many?", "how much?", "who?"], progress=True, max_workers=1)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("batch of 3 questions  1 of 3, 1 answered, ")
    assert lines[1].startswith("batch of 3 questions  3 of 3, 3 answered, ")
    assert lines[1].endswith(f" s  {folder}")


def test_warnings_point_at_the_caller(ask: Any, service: Any) -> None:
    """As those of a single question do."""
    service.answers["why?"] = service.frame(["n"], [1], n={"general": {"count": 9, "nulls_count": 0}})
    with pytest.warns(cf.TruncationWarning) as caught:
        ask(["why?"])
    assert [Path(warning.filename).parent.name for warning in caught] == ["batch"]


def test_the_line_is_updated_every_two_seconds(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, then at most once in two seconds, and at the end; without questions there is none."""
    shown: list[Any] = []

    @contextmanager
    def line(title: str, place: str, *, wanted: object) -> Any:
        shown.append((title, place, wanted))
        yield lambda text, elapsed: shown.append((text.partition(" ")[0], elapsed))

    monkeypatch.setattr(run, "progress", line)
    with run._reporting(AskOptions(progress=None), 8, folder) as report:
        for done, elapsed in enumerate((0.0, 1.9, 2.0, 3.9, 4.5, 6.4, 6.5, 6.6), start=1):
            report(BatchProgress(done, 8, done, done, elapsed))

    assert shown == [
        ("batch of 8 questions", str(folder), None),
        ("1", 0.0),
        ("3", 2.0),
        ("5", 4.5),
        ("7", 6.5),
        ("8", 6.6),
    ]


def test_a_batch_that_is_done_shows_no_line(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does the look at what others are sending, at the end of each."""
    titles: list[str] = []
    show = run.progress

    def line(title: str, place: str, *, wanted: Any) -> Any:
        titles.append(title)
        return show(title, place, wanted=wanted)

    monkeypatch.setattr(run, "progress", line)
    ask(["how many?"])
    ask(["how many?"])

    assert [title for title in titles if title.startswith("batch")] == ["batch of 1 question"]


def test_the_errors_of_a_batch(ask: Any, service: Any) -> None:
    """Each column of those without an answer, in every library; the types do not depend on the rows."""
    service.answers["why?"] = service.FAILED
    service.replies["who?"] = Script.answer(422, {"detail": "No"})
    batch = ask([("a", "why?"), "who?", "how many?", "when?"], max_questions=2, max_workers=1)
    assert batch.summary().unasked == 1
    table = batch.errors("pyarrow")

    reasons = table["error"].to_pylist()
    assert [reason.partition(":")[0] for reason in reasons] == ["QuestionFailed", "APIError"]
    assert table.drop_columns(["error"]).to_pylist() == [
        {
            "number": 1,
            "name": "a",
            "question": "why?",
            "state": "FAILED",
            "question_id": service.question_id("why?"),
        },
        {"number": 2, "name": None, "question": "who?", "state": "REJECTED", "question_id": None},
    ]
    assert [str(type_) for type_ in table.schema.types] == ["int64", *["string"] * 5]
    assert ask([]).errors("pyarrow").schema == table.schema
    assert batch.errors().equals(batch.errors("pandas"))
    with pytest.raises(cf.ConfigError, match="engine='dask': expected 'pandas', 'polars' or 'pyarrow'"):
        batch.errors("dask")


def test_an_error_of_a_question_that_is_asked_again(
    ask: Any, service: Any, server: Script, folder: Path
) -> None:
    """It is forgotten before the question is sent."""
    service.replies["why?"] = Script.answer(422, {})
    assert len(ask(["why?"]).errors()) == 1
    del service.replies["why?"]
    seen: list[int] = []

    def handle(request: RecordedRequest) -> Step:
        if endpoint_of(request.target) == "ask":
            seen.append(len(cf.open_batch(folder).errors()))
        return service.handle(request)

    server.handler = handle
    ask(["why?"])

    assert seen == [0]


def test_what_is_in_the_folder(ask: Any, folder: Path) -> None:
    """The manifest as other versions read it, and whose the files are."""
    ask([], schema={"n": "int64"}, tz="Europe/Warsaw", max_rows=7, decimals="float", infer_temporal=False)
    text = (folder / "batch.json").read_text(encoding="utf-8")
    found = json.loads(text)

    assert text.startswith('{\n  "format": 1,\n  "') and text.endswith("\n}\n")  # noqa: PT018 - one text
    assert {name: found[name] for name in ("format", "dw_id", "max_rows", "tz", "decimals")} == {
        "format": 1,
        "dw_id": 13,
        "max_rows": 7,
        "tz": "Europe/Warsaw",
        "decimals": "float",
    }
    assert found["infer_temporal"] is False
    assert found["schema"] == {"types": {"n": "int64"}, "complete": False, "inferred": [], "optional": []}
    assert sorted(path.name for path in folder.iterdir()) == ["batch.json", "index.sqlite3", "parts"]
