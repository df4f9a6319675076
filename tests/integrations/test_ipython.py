"""The magics of ``%load_ext connecty_frames`` in an IPython shell, and completion, against the sandbox."""

import dataclasses
import inspect
import json
import os
import subprocess
import sys
from datetime import date
from decimal import Decimal
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import connecty_frames as cf
from tests.cases import cases

pytest.importorskip("IPython", reason="IPython is not installed with the lowest versions")

from pathlib import Path

from IPython.core.completer import provisionalcompleter
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from connecty_frames.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("connected")

COUNTRIES = "list the top 5 countries with the most orders"
ORDERS = "how many orders are there"
ID = "729cb7a4-4b06-449e-a3c9-df40f5e570b8"
ACCESSOR = [
    "metadata",
    "plot",
    "question",
    "question_id",
    "response_summary",
    "schema",
    "sql_query",
    "statistics",
    "to_parquet",
    "total_rows",
    "truncated",
]


@pytest.fixture
def shell(tmp_path: Path) -> Any:
    """Return a shell that has loaded the extension, and writes no history."""
    config = Config({"HistoryManager": {"enabled": False}})
    shell = InteractiveShell(config=config, ipython_dir=str(tmp_path))
    shell.run_line_magic("load_ext", "connecty_frames")
    return shell


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the questions that the magic asks; none is sent."""
    asked: list[str] = []
    monkeypatch.setattr(
        "connecty_frames.integrations.ipython.ask_df",
        lambda question, **_: asked.append(question) or pd.DataFrame(),
    )
    return asked


def run(shell: Any, code: str) -> Any:
    result = shell.run_cell(code)
    result.raise_error()
    return result.result


def refused(shell: Any, code: str) -> str:
    with pytest.raises(UsageError) as raised:
        run(shell, code)
    return str(raised.value)


class TestConnecty:
    """``%%connecty``."""

    @cases(("engine", "type_"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame), ("pyarrow", pa.Table)])
    def test_it_stores_the_frame(
        self, shell: Any, engine: str, type_: type, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Of the chosen library, with metadata; one line says what it holds."""
        value = run(shell, f"%%connecty df --engine {engine} --max-rows all\n{COUNTRIES}")
        assert value is None
        (line,) = capsys.readouterr().out.splitlines()
        assert line.startswith("df: 5 of 5 rows x 2 columns. ")
        frame = shell.user_ns["df"]
        assert line.endswith(" ".join((cf.metadata(frame).response_summary or "").split()))
        assert isinstance(frame, type_)
        assert frame.shape == (5, 2)
        assert cf.metadata(frame).question == COUNTRIES

    def test_without_a_name_the_frame_is_the_value(self, shell: Any) -> None:
        """So that it is displayed."""
        value = run(shell, f"%%connecty\n{ORDERS}\n")
        assert value["orders"].tolist() == [100_000]

    @cases(
        "question",
        [
            "what is {x} and {0}, $df, ${x}, { } or %s of $100 and 100 %",
            "# how many",
            "-- how many",
            "--engine polars",
            "df --max-rows 5",
            "the \"first\" 'n' `day` \\n \\",
            "of two\n\n    indented\tlines?",
            "is this; a question?",
            "!ls",
            "%time x",
            "wie viele Bestellungen für 1 € 🛒",
        ],
    )
    def test_the_question_is_sent_as_typed(self, shell: Any, asked: list[str], question: str) -> None:
        """Nothing in it is substituted or read as an option; only white space around it goes."""
        shell.user_ns["df"] = "substituted"
        run(shell, f"%%connecty df\n\n  \n{question}  \n\n")
        assert (asked.pop(), asked) == (question, [])

    @cases(
        ("line", "question", "expected"),
        [
            ("--param year", "orders in {year}", "orders in 2025"),
            ("--param year", "{year}, { year } and {{year}}", "2025, 2025 and {year}"),
            ("--param year --param shop", "{shop} in {year}", "{year} in 2025"),
            ("--param day --param price", "since {day} above {price}", "since 2025-03-01 above 9.50"),
            ("", "{{year}} and {{no}}", "{year} and {no}"),
        ],
    )
    def test_variables_in_a_question(
        self, shell: Any, asked: list[str], line: str, question: str, expected: str
    ) -> None:
        """Named ones are filled in, once; doubled braces are single ones."""
        shell.user_ns |= {"year": 2025, "shop": "{year}", "day": date(2025, 3, 1), "price": Decimal("9.50")}
        run(shell, f"%%connecty df {line}\n{question}")
        assert (asked.pop(), asked) == (expected, [])

    @cases(
        ("line", "question", "why"),
        [
            ("", "orders in {year}", "sent as it stands, but year is a variable. Fill it in: --param year"),
            ("", "orders in {year:04}", "{year:04} would be sent as it stands"),
            ("", "orders in { year.real }", "{ year.real } would be sent"),
            ("--param year", "orders in {year} of {frame}", "{frame} would be sent"),
            ("--param year", "orders", "--param year: the question has no {year}."),
            ("--param year", "orders in {{year}}", "--param year: the question has no {year}."),
            ("--param no", "orders in {no}", "--param no: there is no variable 'no'."),
            ("--param year.real", "orders in {year.real}", "--param year.real: there is no variable"),
            ("--param In", "orders in {In}", "--param In: there is no variable 'In'"),
            ("--param frame", "orders in {frame}", "--param frame: frame is a list. A question takes text"),
        ],
    )
    def test_a_question_that_is_not_sent(
        self, shell: Any, sandbox: Sandbox, line: str, question: str, why: str
    ) -> None:
        """One with the name of a variable in braces, or a variable that has no place or no text."""
        before = sandbox.request_log.submissions().total()
        shell.user_ns |= {"year": 2025, "frame": [1]}
        assert why in refused(shell, f"%%connecty df {line}\n{question}")
        assert sandbox.request_log.submissions().total() == before

    @cases("engine", ["pandas", "polars", "pyarrow"])
    def test_plot(self, shell: Any, engine: str) -> None:
        """The chart is the value of the cell, and the frame is stored."""
        alt = pytest.importorskip("altair", reason="the extra [plot] is not installed")
        chart = run(shell, f"%%connecty df --plot --engine {engine}\n{COUNTRIES}")
        assert isinstance(chart, alt.LayerChart)
        assert chart.to_dict()["title"] == COUNTRIES
        assert shell.user_ns["df"].shape == (5, 2)

    def test_plot_where_none_fits(self, shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
        """The frame is the value, since it is paid for, and the error is shown."""
        pytest.importorskip("altair", reason="the extra [plot] is not installed")
        assert run(shell, f"%%connecty --plot\n{ORDERS}")["orders"].tolist() == [100_000]
        assert capsys.readouterr().err.startswith("No plot fits this answer")

    def test_plot_without_altair(self, shell: Any, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nothing is asked."""
        before = sandbox.request_log.submissions().total()
        monkeypatch.setitem(sys.modules, "altair", None)
        monkeypatch.delitem(sys.modules, "connecty_frames.display.altair_chart", raising=False)
        assert "Plots need altair" in refused(shell, f"%%connecty --plot\n{ORDERS}")
        assert sandbox.request_log.submissions().total() == before

    def test_a_name_is_read_as_python_reads_it(self, shell: Any) -> None:
        """Full-width letters, which input methods write, name the same variable as others."""
        run(shell, f"%%connecty \uff44\uff46\n{ORDERS}")
        assert run(shell, "\uff44\uff46").shape == (1, 1)
        assert "df" in shell.user_ns

    def test_each_cell_warns(self, shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
        """At the magic, also when a cell before it had the same warning."""
        # pytest collects warnings in place of printing them.
        monitored = (
            "import warnings\nwith warnings.catch_warnings():\n    warnings.simplefilter('default')\n"
            "    warnings.showwarning = lambda message, kind, file, line, *_: print(file, line, message)\n"
            "    get_ipython().run_cell_magic('connecty', 'df --max-rows 3', 'show the last 100 logins')"
        )
        run(shell, monitored)
        run(shell, monitored)

        first, stored, *again = capsys.readouterr().out.splitlines()
        assert again == [first, stored]
        assert stored.startswith("df: 3 of 100 rows x 2 columns, truncated.")
        assert first.startswith("%%connecty 1 3 of 100 rows received; max_rows=None fetches all")

    def test_a_failed_question_leaves_the_variable(self, shell: Any, connected: Sandbox) -> None:
        """The error is that of ask_df."""
        connected.answer("which orders are green", ValueError("no such colour"))
        shell.user_ns["df"] = "before"
        with pytest.raises(cf.QuestionFailed, match="no such colour"):
            run(shell, "%%connecty df\nwhich orders are green")
        assert shell.user_ns["df"] == "before"

    @cases(
        ("cell", "message"),
        [
            (f"%%connecty a.b\n{ORDERS}", "argument NAME: 'a.b' cannot be the name of a variable"),
            (f"%%connecty class\n{ORDERS}", "argument NAME: 'class' cannot be the name of a variable"),
            (f"%%connecty {{df}}\n{ORDERS}", "argument NAME: '{df}' cannot be the name of a variable"),
            (f"%%connecty df df2\n{ORDERS}", "unrecognized arguments: df2"),
            (f"%%connecty df --enginee polars\n{ORDERS}", "unrecognized arguments: --enginee polars"),
            (f"%%connecty df --max 5\n{ORDERS}", "unrecognized arguments: --max 5"),
            (f"%%connecty df --engine dask\n{ORDERS}", "argument --engine: invalid choice: 'dask'"),
            (
                f"%%connecty df --max-rows ten\n{ORDERS}",
                (
                    "'ten' is neither a number of rows, such as 1000, nor 'all'. %%connecty? describes its "
                    "options: --client, --dw-id, --engine, --dtype-backend, --max-rows, --schema, --tz"
                ),
            ),
            (f"%%connecty df --dw-id all\n{ORDERS}", "argument --dw-id: invalid int value: 'all'"),
            (f"%%connecty df --timeout\n{ORDERS}", "argument --timeout: expected one argument"),
            (f"%%connecty df --tz 'UTC\n{ORDERS}", "No closing quotation"),
            (f"%%connecty df --tz Mars\n{ORDERS}", "%%connecty: tz='Mars': expected the IANA name"),
            (f"%%connecty df --max-rows -1\n{ORDERS}", "'-1' is neither a number of rows"),
            (f"%%connecty df --strict --decimals float\n{ORDERS}", "%%connecty: decimals='float' rounds"),
            (
                "%connecty df --question-id a/b",
                "%%connecty: question_id='a/b': expected the id of a question",
            ),
            (f"%%connecty df --question-id {ID}\n{ORDERS}", "%%connecty: there is also a question."),
            (f"%connecty df --question-id {ID} --max-age 6h", "unexpected keyword argument 'max_age'"),
            (f"%%connecty df --progress df\n{ORDERS}", "%%connecty: progress='before': expected True, False"),
            (f"%%connecty df --schema types\n{ORDERS}", "There is no variable 'types': name 'types' is not"),
            (f"%%connecty df --client df.a\n{ORDERS}", "There is no variable 'df.a': 'str' object has no"),
            (f"%%connecty df --schema f(1)\n{ORDERS}", "'f(1)' is not the name of a variable"),
            ("%%connecty df\n \n\t\n", "%%connecty: there is no question."),
            ("%connecty df", "%%connecty: there is no question."),
            (
                f"%connecty {ORDERS}",
                f"write the question below %%connecty, in a cell:\n\n%%connecty df\n{ORDERS}",
            ),
        ],
    )
    def test_a_wrong_line(self, shell: Any, connected: Sandbox, cell: str, message: str) -> None:
        """Or value, or no question: what is wrong, before anything is sent; the variable is as it was."""
        shell.user_ns["df"] = "before"
        before = connected.request_log.submissions()
        assert message in refused(shell, cell)
        assert connected.request_log.submissions() == before
        assert shell.user_ns["df"] == "before"

    def test_a_wrong_client(self, shell: Any) -> None:
        """The error is that of ask_df."""
        with pytest.raises(cf.ConfigError, match="expected a Client"):
            run(shell, f"one = 1\n\nget_ipython().run_cell_magic('connecty', 'df --client one', {ORDERS!r})")

    def test_every_option_of_a_call(self, shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each is one of the line; those that are not given are left to ask_df."""
        calls: list[Any] = []
        monkeypatch.setattr(
            "connecty_frames.integrations.ipython.ask_df",
            lambda _, **options: calls.append(options) or pd.DataFrame(),
        )
        shell.user_ns |= {
            "types": {"orders": "int32"},
            "steps": [],
            "client": "the client",
            "labels": {"job": "n"},
        }
        line = (
            "--client client --dw-id 7 --engine polars --dtype-backend pyarrow --max-rows 5 --schema types "
            "--tz 'Asia/Tokyo' --no-infer-temporal --decimals exact --strict --on-truncation raise "
            "--timeout 2.5 --progress steps.append"
        )

        run(shell, f"%%connecty df {line}\nq")
        run(shell, "%%connecty df --max-rows all --progress False --max-age 6h --tags labels\nq")
        run(shell, "%%connecty\nq")

        assert calls == [
            {
                "client": "the client",
                "dw_id": 7,
                "engine": "polars",
                "dtype_backend": "pyarrow",
                "max_rows": 5,
                "schema": {"orders": "int32"},
                "tz": "Asia/Tokyo",
                "infer_temporal": False,
                "decimals": "exact",
                "strict": True,
                "on_truncation": "raise",
                "timeout": 2.5,
                "progress": shell.user_ns["steps"].append,
            },
            {
                "client": None,
                "engine": "pandas",
                "max_rows": None,
                "progress": False,
                "max_age": "6h",
                "tags": {"job": "n"},
            },
            {"client": None, "engine": "pandas"},
        ]
        assert calls[0].keys() | calls[1].keys() == {
            "client",
            *(field.name for field in dataclasses.fields(cf.AskOptions)),
        }

    def test_question_id(self, shell: Any, connected: Sandbox) -> None:
        """One line fetches the answer to an earlier question, and asks nothing."""
        run(shell, f"%%connecty df\n{ORDERS}")
        question_id = shell.user_ns["df"].connecty.question_id
        before = connected.request_log.submissions()
        run(shell, f"%connecty again --question-id {question_id}")
        assert shell.user_ns["again"]["orders"].tolist() == [100_000]
        assert connected.request_log.submissions() == before

    def test_help(self, shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
        """``%%connecty?`` describes the line, each option in the words of ask_df."""
        run(shell, "%%connecty?")
        shown = " ".join(capsys.readouterr().out.split())
        assert "%%connecty [NAME] [options] Ask a question, and store the frame of its answer" in shown
        assert "--max-rows <N|all> The maximum number of rows to fetch, 0 or more; None fetches all." in shown
        assert "--schema VARIABLE Column types that replace the inferred ones" in shown
        assert "--strict, --no-strict Raise instead of warning when a type or value is in doubt." in shown

    def test_reload(self, shell: Any) -> None:
        """``%reload_ext`` loads it again; it does not replace the class of errors."""
        error = cf.ConfigError
        completers = len(shell.Completer.custom_matchers)
        run(shell, "%reload_ext connecty_frames")
        assert cf.ConfigError is error
        assert run(shell, f"%%connecty\n{ORDERS}").shape == (1, 1)
        assert len(shell.Completer.custom_matchers) == completers


class TestConnectySQL:
    """``%connecty_sql``."""

    @cases("engine", ["pandas", "polars", "pyarrow"])
    def test_it_returns_the_sql_of_a_frame(self, shell: Any, engine: str) -> None:
        """As text, in every library."""
        run(shell, f"%%connecty df --engine {engine}\n{ORDERS}")
        assert run(shell, "%connecty_sql df") == "SELECT count(*) AS orders FROM sales.orders"

    def test_it_returns_the_sql_of_an_answer(self, shell: Any) -> None:
        """Also as the value of an assignment."""
        shell.user_ns["answers"] = [cf.ask(ORDERS)]
        run(shell, "answer = answers[0]\nsql = %connecty_sql answer")
        assert shell.user_ns["sql"] == "SELECT count(*) AS orders FROM sales.orders"

    def test_it_is_displayed_as_code(self, shell: Any) -> None:
        """Highlighted and escaped in a notebook, and without control characters as text."""
        shell.user_ns["df"] = cf.copy_metadata(
            pa.table({}).replace_schema_metadata(
                {"connecty": json.dumps({"sql_query": "SELECT '<b>$x\x1b'\n"})}
            ),
            pd.DataFrame(),
        )

        shown, _ = shell.display_formatter.format(run(shell, "%connecty_sql df"))

        assert shown["text/plain"] == "SELECT '<b>$x\\x1b'\n"
        assert shown["text/html"].endswith(
            '<div class="connecty tex2jax_ignore mathjax_ignore"><pre><span class="connecty-k">SELECT</span> '
            '<span class="connecty-s">&#x27;&lt;b&gt;&#36;x\\x1b&#x27;</span></pre></div>'
        )

    @cases(
        ("line", "message"),
        [
            ("", "expected the name of a frame or Answer, as in %connecty_sql df"),
            ("nothing", "There is no variable 'nothing': name 'nothing' is not defined."),
            ("1 + 1", "'1 + 1' is not the name of a variable."),
            (
                "number",
                "%connecty_sql number: int is not a frame: expected one of pandas, polars, pyarrow or Spark.",
            ),
            (
                "plain",
                "%connecty_sql plain: this frame has no answer metadata. cf.copy_metadata(source, plain)",
            ),
            ("without", "%connecty_sql without: the answer has no SQL."),
        ],
    )
    def test_errors(self, shell: Any, line: str, message: str) -> None:
        """One line that says what is wrong."""
        without = pd.DataFrame()
        without.attrs["connecty"] = "{}"
        shell.user_ns |= {"number": 5, "plain": pl.DataFrame(), "without": without}
        assert message in refused(shell, f"%connecty_sql {line}")


def completions(shell: Any, code: str) -> list[str]:
    with provisionalcompleter():
        found = list(shell.Completer.completions(code, len(code)))
    return [each.text.rpartition(".")[2] for each in found]


class TestCompletion:
    """Of attributes and of options, without jedi; the test in a kernel has both."""

    @pytest.fixture
    def shell(self, shell: Any) -> Any:
        answer = cf.ask(ORDERS)
        shell.user_ns |= {
            "answer": answer,
            "df": answer.to_pandas(),
            "pf": answer.to_polars(),
            "cf": cf,
            "plain": pd.DataFrame(),
        }
        shell.Completer.use_jedi = False
        return shell

    @cases(
        ("code", "expected"),
        [
            ("df.conn", ["connecty"]),
            ("pf.conn", ["connecty"]),
            ("df.connecty.", ACCESSOR),
            ("pf.connecty.", ACCESSOR),
            ("df.connecty.sq", ["sql_query"]),
            ("len(pf.connecty.sq", ["sql_query"]),
            ("df.connecty.metadata.asked", ["asked_at"]),
            ("answer.sq", ["sql_query"]),
            ("answer.metadata.sq", ["sql_query"]),
            ("answer.schema.to_", ["to_json"]),
            ("cf.ask", ["ask", "ask_async", "ask_batch", "ask_df", "ask_df_async", "ask_many"]),
            ("plain.connecty.", []),
            ("nothing.connecty.", []),
        ],
    )
    def test_attributes(self, shell: Any, connected: Sandbox, code: str, expected: list[str]) -> None:
        """Public names alone, each once; nothing is asked."""
        before = connected.request_log.submissions()
        assert completions(shell, code) == expected
        assert connected.request_log.submissions() == before

    @cases("name", ["ask", "ask_df", "fetch", "fetch_df", "ask_many", "ask_batch", "Client"])
    @cases("use_jedi", [False, True])
    def test_keywords(self, shell: Any, name: str, use_jedi: bool) -> None:
        """All that the signature has, those of AskOptions included."""
        shell.Completer.use_jedi = use_jedi
        keywords = [
            f"{each.name}="
            for each in inspect.signature(getattr(cf, name)).parameters.values()
            if each.kind is each.KEYWORD_ONLY
        ]
        assert len(keywords) > 10
        assert set(keywords) - set(completions(shell, f"cf.{name}('q', ")) == set()

    @cases(
        ("code", "expected"),
        [
            ("%%connect", ["%%connecty"]),
            ("%connecty_", ["%connecty_sql"]),
            ("%%connecty df --max", ["--max-age", "--max-rows"]),
            ("%%connecty df --engine ", ["pandas", "polars", "pyarrow"]),
            ("%%connecty df --strict --dec", ["--decimals"]),
            ("%connecty df --question", ["--question-id"]),
            ("%%connecty df --schema plai", ["plain"]),
            ("%%connecty df --max-rows --", []),
            ("%connecty_sql ", ["answer", "df", "pf"]),
            ("%connecty_sql p", ["pf"]),
        ],
    )
    def test_the_line_of_a_magic(self, shell: Any, code: str, expected: list[str]) -> None:
        """The names of options and their values; what has SQL."""
        assert completions(shell, code) == expected

    @pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # of IPython itself
    @cases(
        ("code", "expected"),
        [("%%connecty df --max", ["--max-age", "--max-rows"]), ("%%connecty df --engine po", ["polars"])],
    )
    def test_the_line_as_a_whole(self, shell: Any, code: str, expected: list[str]) -> None:
        """What ``ip.complete(line)`` returns, without a cursor."""
        assert shell.complete(code)[1] == expected

    @cases("use_jedi", [False, True])
    @cases(
        ("code", "expected"),
        [
            ("cf.ask_df('q', engine=", ['"pandas"', '"polars"', '"pyarrow"']),
            ('await client.ask_df_async("q (x)", engine="', ["pandas", "polars", "pyarrow"]),
            ("cf.fetch_df(ID,\n    tz='UTC', engine='po", ["polars"]),
            ("cf.ask('q', on_truncation=", ['"ignore"', '"raise"', '"warn"']),
        ],
    )
    def test_the_value_of_a_keyword(self, shell: Any, code: str, expected: list[str], use_jedi: bool) -> None:
        """In a call of ours, within quotes that are typed or with quotes of its own."""
        shell.Completer.use_jedi = use_jedi
        assert sorted(completions(shell, code)) == expected
        assert '"pandas"' not in completions(shell, "pd.read_csv('a', engine=")


#: Run in a process of its own, which may open sockets to the kernel.
KERNEL = """
import json
from jupyter_client.manager import start_new_kernel

manager, client = start_new_kernel(kernel_name="python3")

def run(code):
    outputs = []
    reply = client.execute_interactive(code, timeout=60, output_hook=outputs.append)["content"]
    return [reply["status"], *(m["content"]["data"]["text/plain"] for m in outputs if "data" in m["content"])]

def complete(*codes):
    return [client.complete(code, reply=True, timeout=60)["content"]["matches"] for code in codes]

CODES = ["df.connecty.sq", "%%connecty df --max", "%%connecty df --engine p", "%connecty_sql d"]

try:
    run('''import connecty_frames as cf
%load_ext connecty_frames
sandbox = cf.use_sandbox()''')
    found = {
        "asked": run("%%connecty df --engine polars --progress False\\nhow many orders are there?"),
        "frame": run("df['orders'].to_list()"),
        "magic": run("%%connecty year\\nhow many orders are there in 2024")[-1],
        "ask_df": run("_ = cf.ask_df('top city by revenue in 2024')")[-1],
        "without": run("_ = cf.ask_df('top 2 cities by revenue in 2024', progress=False)"),
        "wrong": run("%%connecty class\\nhow many orders are there"),
        "submissions": run("sandbox.request_log.submissions()['how many orders are there?']"),
        "with jedi": complete(*CODES),
    }
    run("get_ipython().Completer.use_jedi = False")
    found["without jedi"] = complete(*CODES)
    run("sandbox.close()")
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
print(json.dumps(found))
"""


@pytest.mark.slow
def test_a_kernel(tmp_path: Path) -> None:
    """The same in a kernel, whose event loop runs: a wrong line is an error, which ends "Run all"."""
    pytest.importorskip("ipykernel", reason="ipykernel is not installed with the lowest versions")

    done = subprocess.run(
        [sys.executable, "-c", KERNEL],
        capture_output=True,
        text=True,
        env={**os.environ, "IPYTHONDIR": str(tmp_path), "JUPYTER_CONFIG_DIR": str(tmp_path)},
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout) == {
        "asked": ["ok"],
        "frame": ["ok", "[100000]"],
        "magic": "1 of 1 row x 1 column. Read as: number of orders, in 2024. Rows: 1.",
        "ask_df": "1 of 1 row x 2 columns. Read as: revenue by city, in 2024, the highest 1 by revenue. "
        "Rows: 1.",
        "without": ["ok"],
        "wrong": ["error"],
        "submissions": ["ok", "1"],
        "with jedi": [["sql_query"], ["--max-age", "--max-rows"], ["pandas", "polars", "pyarrow"], ["df"]],
        "without jedi": [["sql_query"], ["--max-age", "--max-rows"], ["pandas", "polars", "pyarrow"], ["df"]],
    }
