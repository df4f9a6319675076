"""``connecty ask`` where there is no table, or a chart in its place."""

import re
import sys
from typing import Any

import pytest

import connecty_frames as cf
from tests.servers.scripted import QUESTION_ID, Script


@pytest.fixture
def answers(server: Script) -> Any:
    """Return a function that sets the components of the server's answer."""

    def set_components(**components: object) -> None:
        server.on("results", server.completed(**components))

    return set_components


@pytest.mark.parametrize(
    ("options", "sql", "shown"),
    [
        *(([*options], None, "") for options in ((), ("--engine", "polars"), ("--summary",))),
        ([], "SELECT 1", "\nSELECT 1\n\n"),
    ],
)
def test_a_summary_is_the_answer(
    ask_server: Any, shell: Any, answers: Any, options: list[str], sql: str | None, shown: str
) -> None:
    """On standard output, with exit code 0, and not again on standard error, which has the SQL."""
    answers(response_summary="It is a shop.\x1b[2J", sql_query=sql)
    code, out, err = shell.text(ask_server("what is it?", *options))
    assert (code, out) == (0, "It is a shop.\x1b[2J\n")  # a pipe gets every character
    assert shell.after_acceptance(err) == f"{shown}No table; question_id {QUESTION_ID}\n"


@pytest.mark.parametrize("asked_for", ["--format", "--output", "--schema-file", "--schema"])
def test_rows_that_were_asked_for(ask_server: Any, answers: Any, tmp_path: Any, asked_for: str) -> None:
    """No table is an error then, with exit code 7, and no file is written."""
    answers(response_summary="It is a shop.")
    schema, output = tmp_path / "schema.json", tmp_path / "out.csv"
    schema.write_text(cf.Schema([]).to_json())
    value = {"--format": "table", "--output": str(output), "--schema-file": str(schema)}.get(asked_for)
    done = ask_server("what is it?", asked_for, *([] if value is None else [value]))
    assert (done.returncode, done.stdout) == (7, b"")
    assert not output.exists()


@pytest.mark.parametrize("options", [[], ["--plot"]])
def test_neither_table_nor_summary(ask_server: Any, shell: Any, answers: Any, options: list[str]) -> None:
    """There is nothing to print, so it is an error with exit code 7, which is said once."""
    if options:
        pytest.importorskip("uniplot", reason="the extra [terminal-plot] is not installed")
    answers(response_summary=None)
    code, out, err = shell.text(ask_server("what is it?", *options))
    assert (code, out) == (7, "")
    assert "There is no summary either." in err
    assert err.count("without a table") == 1


@pytest.fixture
def uniplot() -> None:
    pytest.importorskip("uniplot", reason="the extra [terminal-plot] is not installed")


@pytest.mark.usefixtures("uniplot")
def test_a_chart_in_place_of_the_table(ask_server: Any, shell: Any, answers: Any) -> None:
    """On standard output, as wide as COLUMNS; the rest is on standard error as usual."""
    answers(
        dataframe=[["country", "orders"], ["Poland", 100], ["Spain\x1b[2J", 50]], response_summary="Two rows."
    )

    code, out, err = shell.text(ask_server("how many?", "--plot"))

    assert (code, out) == (
        0,
        (
            "how many?\norders by country\n"
            f"Poland       {'█' * 83} 100\nSpain\\x1b[2J {'█' * 41}▌{' ' * 41}  50\n"
        ),
    )
    assert shell.after_acceptance(err) == f"Two rows.\n2 rows; question_id {QUESTION_ID}\n"


@pytest.mark.usefixtures("uniplot")
def test_a_chart_of_an_answer_that_was_cut(ask_server: Any, shell: Any, answers: Any) -> None:
    """The line below its title says of how many rows."""
    answers(
        dataframe=[["country", "orders"], ["Poland", 100], ["Spain", 50]],
        dataframe_stats={"orders": {"type": "int64", "count": 5, "null_count": 0}},
    )
    code, out, _ = shell.text(ask_server("how many orders?", "--plot"))
    assert (code, out.splitlines()[:3]) == (
        0,
        ["how many orders?", "orders by country", "Shown: 2 of 5 rows"],
    )


@pytest.mark.usefixtures("uniplot")
@pytest.mark.parametrize(
    ("components", "out", "reason"),
    [
        (
            {"dataframe": [["n"], [5]]},
            r" n\b[^5]* 5 ",
            "No plot fits this answer: the columns are 'n' (measure). A plot needs a measure",
        ),
        (
            {"dataframe": [["n"]]},
            r" n\b",
            "No plot fits this answer: there are no rows. A plot needs a measure",
        ),
        (
            {"response_summary": "It is a shop."},
            r"^It is a shop\.\n$",
            "The question was answered without a table, so there is no chart.\n",
        ),
    ],
)
def test_an_answer_without_a_chart(
    ask_server: Any, shell: Any, answers: Any, components: Any, out: str, reason: str
) -> None:
    """It was paid for, so the table or summary is written, and standard error says why; exit code 0."""
    answers(**components)
    code, printed, err = shell.text(ask_server("how many?", "--plot"))
    assert code == 0
    assert re.search(out, printed)
    assert shell.after_acceptance(err).startswith(reason)


def test_without_the_library_that_draws(
    ask_server: Any, shell: Any, server: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says what to install, before anything is sent."""
    monkeypatch.setitem(sys.modules, "uniplot", None)
    code, out, err = shell.text(ask_server("how many?", "--plot"))
    assert (code, out) == (2, "")
    assert err == (
        "ConfigError: Plots in a terminal need uniplot: pip install 'connecty-frames[terminal-plot]'.\n"
    )
    assert server.requests == []


@pytest.mark.parametrize(
    ("option", "part"),
    [("--sql", "SQL"), ("--summary", "summary"), ("--stats", "statistics"), ("--schema", "schema")],
)
def test_a_part_that_did_not_come(ask_server: Any, shell: Any, answers: Any, option: str, part: str) -> None:
    """Exit code 7, and no empty line."""
    answers(response_summary="" if option == "--summary" else "It is a shop.")
    code, out, err = shell.text(ask_server("what is it?", option))
    assert (code, out) == (7, "")
    assert shell.after_acceptance(err).startswith(f"QuestionError: The answer came without {part}.\n")
