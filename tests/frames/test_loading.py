"""Arrow and the frame library are imported while the server works, and nothing else about a call changes."""

import importlib
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from connecty_frames import frames
from connecty_frames.options import Engine
from connecty_frames.sandbox import Sandbox
from tests.cases import cases


@pytest.fixture(scope="module")
def settings() -> Iterator[dict[str, str]]:
    with Sandbox(workers=1) as sandbox:
        found = {f"CONNECTY_{name.upper()}": str(value) for name, value in sandbox.connection.items()}
        yield os.environ | found


def run(script: str, env: dict[str, str] | None = None) -> str:
    command = [sys.executable, "-c", textwrap.dedent(script)]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout


@pytest.mark.slow
def test_nothing_is_imported_before_the_question_is_sent(settings: dict[str, str]) -> None:
    """Until it is accepted nothing heavy is loaded; afterwards no thread is left, and no pydantic loaded."""
    assert run(
        """
        import sys
        import threading

        import connecty_frames as cf
        from connecty_frames.http.transport import Transport

        send = Transport.send

        def watched(self, request, attempt, **options):
            if request.method == "POST":
                heavy = ("numpy", "pyarrow", "polars", "pydantic")
                print(request.path, [name for name in heavy if name in sys.modules])
            return send(self, request, attempt, **options)

        Transport.send = watched
        frame = cf.ask_df("how many orders are there", engine="polars")
        print(frame.rows(), [thread.name for thread in threading.enumerate()], "pydantic" in sys.modules)
        """,
        settings,
    ).splitlines() == [
        "/v1/auth/token []",
        f"/v1/dw/{settings['CONNECTY_DW_ID']}/questions []",
        "[(100000,)] ['MainThread'] False",
    ]


#: Slow packages, to be imported only where they are needed.
HEAVY = frozenset(
    {"altair", "duckdb", "pandas", "pandera", "polars", "psycopg", "pyarrow", "pydantic", "sqlglot"}
)
ASK = "['ask', 'how many orders are there', {}]"
#: Those that each way needs: a call, or the arguments of the command.
WAYS: dict[str, set[str]] = {
    "cf.ask('how many orders are there').rows": {"pyarrow"},
    "cf.ask_df('how many orders are there')": {"pandas", "pyarrow"},
    "cf.ask_df('how many orders are there', engine='polars')": {"polars", "pyarrow"},
    "cf.ask_df('how many orders are there', engine='pyarrow')": {"pyarrow"},
    "cf.fetch": set(),
    "cf.history()": {"pandas", "pyarrow"},
    "['--help']": set(),
    "['--version']": set(),
    "['config', 'show']": set(),
    "['doctor']": set(),
    "['history']": {"pandas", "pyarrow"},  # pyarrow imports pandas to make an array of a list
    "['history', '--format', 'json']": {"pandas", "pyarrow"},
    "['login', '--help']": set(),
    ASK.format("'--format', 'table'"): {"pandas", "pyarrow"},
    ASK.format("'--format', 'text', '--engine', 'polars'"): {"polars", "pyarrow"},
    **{
        ASK.format(f"'--format', {each!r}"): {"pyarrow"}
        for each in (
            "csv",
            "csv.gz",
            "tsv",
            "json",
            "ndjson",
            "jsonl",
            "parquet",
            "arrow",
            "markdown",
            "html",
            "xlsx",
        )
    },
    ASK.format("'--sql'"): {"pyarrow"},
    ASK.format("'--stats'"): {"pyarrow"},
    "['ask', 'orders by country', '--plot']": {"pandas", "pyarrow"},
}


@pytest.mark.slow
@cases("way", WAYS)
def test_what_each_way_imports(settings: dict[str, str], tmp_path: Path, way: str) -> None:
    """Python with each engine, and the command in each format, import no other library of this kind."""
    is_command = way.startswith("[")
    call = f"sys.argv[1:] = {way}; main()" if is_command else way
    script = f"""
        import atexit
        import pathlib
        import sys

        import connecty_frames as cf
        from connecty_frames.cli.app import main

        atexit.register(lambda: pathlib.Path("modules").write_text(" ".join(sys.modules)))
        {call}
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    settings = settings | {"HOME": str(tmp_path), "CONNECTY_HISTORY": str(tmp_path / "history.sqlite3")}
    subprocess.run(command, check=True, capture_output=True, env=settings, cwd=tmp_path)
    heavy = HEAVY - {"pydantic"} if is_command else HEAVY  # typer imports it from some version on
    assert heavy & set((tmp_path / "modules").read_text().split()) == WAYS[way]


@pytest.mark.slow
def test_a_library_that_cannot_be_imported(settings: dict[str, str]) -> None:
    """Its error is raised where the frame is made; the import ahead of it reports none."""
    assert (
        run(
            """
            import sys

            import connecty_frames as cf

            sys.modules["polars"] = None
            print(cf.ask("how many orders are there").rows)
            try:
                cf.ask_df("how many orders are there", engine="polars")
            except ImportError as error:
                print(error)
            """,
            settings,
        )
        == "1\nimport of polars halted; None in sys.modules\n"
    )


@pytest.mark.slow
def test_a_fork_waits_for_the_import() -> None:
    """A child can import what another thread of its parent was importing at the fork; no error is written."""
    assert (
        run(
            """
            import os
            import sys
            import warnings

            from connecty_frames import frames

            sys.stderr = sys.stdout
            warnings.simplefilter("ignore", DeprecationWarning)  # of Python 3.12 on, at a fork
            frames.begin_loading("polars")
            if os.fork() == 0:
                import polars

                print(polars.DataFrame({"a": [1]}).rows(), flush=True)
                os._exit(0)
            os.wait()
            """
        )
        == "[(1,)]\n"
    )


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="a fork beside a thread is a warning")
def test_a_fork_waits_for_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for that of an import, whichever thread forks."""
    thread = threading.Thread(target=time.sleep, args=(0.1,))
    monkeypatch.setattr(frames, "_threads", {"polars": thread, "pandas": threading.current_thread()})
    thread.start()
    child = os.fork()
    if not child:
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert not thread.is_alive()


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the threads that import something, where nothing has been imported yet."""
    names: list[str] = []

    def load(engine: str) -> None:
        names.append(threading.current_thread().name)
        frames.LOADED.add(engine)

    monkeypatch.setattr(frames, "_threads", {})
    monkeypatch.setattr(frames, "LOADED", set())
    monkeypatch.setattr(frames, "_load", load)
    return names


def test_it_is_begun_once(begun: list[str]) -> None:
    """Only the first question to an engine begins an import."""
    for _ in range(2):
        frames.begin_loading("pyarrow")
        frames.finish_loading("pyarrow")
    assert begun == ["connecty_frames import pyarrow"]


def test_no_thread_can_be_started(begun: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller imports, before it decodes."""

    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    frames.begin_loading("pyarrow")
    frames.finish_loading("pyarrow")
    assert begun == ["MainThread"]


def test_python_waits_for_an_import_that_an_awaited_call_began(
    begun: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread of such a call is a daemon; that of its import is none."""
    daemons: list[bool] = []
    monkeypatch.setattr(frames, "_load", lambda _: daemons.append(threading.current_thread().daemon))
    caller = threading.Thread(target=frames.begin_loading, args=("pyarrow",), daemon=True)
    caller.start()
    caller.join()
    frames._threads["pyarrow"].join()
    assert (begun, daemons) == ([], [False])


@cases("engine", ["pandas", "polars", "pyarrow"])
def test_the_frame_of_an_engine(engine: Engine) -> None:
    """It is of that library, and has the values of the table."""
    frame = frames.to_engine(pa.table({"a": [1, 2]}), engine)
    assert type(frame).__module__.partition(".")[0] == engine
    assert list(frame["a"].to_pylist() if engine == "pyarrow" else frame["a"]) == [1, 2]


@pytest.mark.parametrize("engine", ["pandas", "polars"])
def test_what_is_loaded_for_an_engine(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is what makes its frames."""
    name = f"connecty_frames.frames.{engine}"
    monkeypatch.setattr(frames, engine, importlib.import_module(name))
    monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(frames, "LOADED", set())
    frames._load(engine)
    assert name in sys.modules
    assert {engine} == frames.LOADED


@pytest.mark.slow
def test_what_a_schema_loads() -> None:
    """A schema of Arrow, Python and text types needs Arrow alone; a model of pydantic is loaded already."""
    assert (
        run(
            """
            import decimal, enum, sys, typing
            import connecty_frames as cf, pyarrow as pa

            def loaded():
                print([name for name in ("pandas", "pandera", "polars", "pydantic") if name in sys.modules])

            kind = enum.Enum("Kind", {"A": "a"})
            given = {"a": "Int64", "b": decimal.Decimal, "c": typing.Literal["x"], "d": kind}
            fields = pa.schema([pa.field(name, pa.string(), False) for name in "abcd"])
            rows = b'[["a", "b", "c", "d"], [1, 2, "x", "a"]]'
            body = b'{"state": "COMPLETED", "results": {"dataframe": %s}}' % rows
            for schema in (None, given, fields):
                cf.Answer.from_json(body, schema=schema).to_arrow()
            loaded()
            cf.Answer.from_json(body, schema=given).to_polars()
            cf.Answer.from_json(body, schema=given).to_pandas()
            loaded()

            import pydantic

            class Model(pydantic.BaseModel):
                a: int
                b: int
                c: str
                d: str

            cf.Answer.from_json(body, schema=Model)
            loaded()
            """
        )
        == "[]\n['pandas', 'polars']\n['pandas', 'polars', 'pydantic']\n"
    )
