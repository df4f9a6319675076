"""The sandbox as a whole: starting, arguments and closing."""

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

import connecty_frames.sandbox
from connecty_frames.errors import ConfigError
from connecty_frames.sandbox import Fault, Plan, Sandbox
from tests.cases import cases
from tests.servers.timing import until

LONG = "SELECT count(*) FROM range(100000000000) AS t(i) WHERE hash(i) = 0"


@pytest.mark.parametrize("module", ["uvicorn", "duckdb"])
@pytest.mark.parametrize(
    "code",
    [
        "from connecty_frames.sandbox import Sandbox",
        "from connecty_frames.testing import connected\nconnected().__enter__()",
        "from connecty_frames.cli.connection import sandbox_class\nsandbox_class()",
        "from connecty_frames import use_sandbox\nuse_sandbox()",
    ],
    ids=["import", "connected", "command", "use_sandbox"],
)
def test_without_its_extra(code: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each entry point names the missing module and what to install; also one imported only at the start."""
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, "connecty_frames.sandbox.sandbox")
    monkeypatch.delitem(sys.modules, "connecty_frames.sandbox.listening")
    monkeypatch.delattr(connecty_frames.sandbox, "Sandbox")
    with pytest.raises(ConfigError) as raised:
        exec(code, {})
    assert str(raised.value) == f"The sandbox needs {module}: pip install 'connecty-frames[sandbox]'."
    assert raised.value.setting == "sandbox"


@pytest.mark.slow
def test_it_answers_while_sentry_watches_the_process() -> None:
    """With its default integrations, which patch Starlette, threads and the HTTP client."""
    pytest.importorskip("sentry_sdk")
    script = (
        "import sentry_sdk; sentry_sdk.init('http://key@127.0.0.1:9/1', traces_sample_rate=1.0)\n"
        "import connecty_frames as cf; cf.use_sandbox()\n"
        "print(cf.ask('how many orders are there', timeout=30).response_summary)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "There are 100000 orders.\n")


@pytest.mark.slow
def test_nothing_is_left_behind(connect: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread, open port or file is left, even with questions in progress; no process was started."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(subprocess, "Popen", None)
    threads = set(threading.enumerate())
    with Sandbox(workers=2, time_limit=3600) as sandbox:
        api = connect(sandbox)
        api.answer("SELECT 1")
        api.ask(LONG)
        api.ask(LONG)
        while [thread.name for thread in threading.enumerate()].count("connecty-sandbox-query") < 2:
            time.sleep(0.001)
        port = int(sandbox.connection["base_url"].rpartition(":")[2])

    # The threads were told to end; another sandbox of these tests may have ended one meanwhile.
    until(lambda: set(threading.enumerate()) <= threads)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)
    assert list(tmp_path.iterdir()) == []


def test_it_closes_when_the_block_raises() -> None:
    """The exception propagates, and no thread is left."""
    threads = set(threading.enumerate())
    with pytest.raises(ZeroDivisionError), Sandbox():
        raise ZeroDivisionError
    until(lambda: set(threading.enumerate()) <= threads)  # a thread ends a moment after it says so


def test_two_sandboxes_are_independent(connect: Any) -> None:
    """Each has its own port, secret, questions and tokens."""
    with Sandbox() as one, Sandbox() as other:
        first, second = connect(one), connect(other)
        question_id = first.ask("SELECT 1")
        assert second.results(question_id).status_code == 404
        second.session.headers["Authorization"] = first.session.headers["Authorization"]
        assert second.results(question_id).status_code == 401


def test_it_can_be_entered_again() -> None:
    """It starts from the beginning the second time; to enter it twice at once is an error."""
    sandbox = Sandbox()
    with sandbox:
        secret = sandbox.connection["client_secret"]
        with pytest.raises(ConfigError, match="running already"):
            sandbox.__enter__()
    with pytest.raises(ConfigError, match="not running"):
        _ = sandbox.connection
    with sandbox:
        assert sandbox.connection["client_secret"] != secret


def test_it_runs_without_a_block() -> None:
    """From ``start`` to ``close``, which calls what was given to be called; closed again, nothing happens."""
    closed = []
    sandbox = Sandbox()
    assert repr(sandbox) == "<Sandbox not running>"

    assert sandbox.start(on_close=lambda: closed.append(True)) is sandbox
    assert repr(sandbox) == f"<Sandbox at {sandbox.connection['base_url']}>"
    with pytest.raises(ConfigError, match="running already"):
        sandbox.start()
    sandbox.close()
    sandbox.close()

    assert closed == [True]
    with pytest.raises(ConfigError, match="not running"):
        _ = sandbox.connection


def test_a_block_closes_what_was_started_before() -> None:
    """So that a running sandbox can be used in a ``with`` statement, too."""
    sandbox = Sandbox().start()
    address = sandbox.connection["base_url"]
    with sandbox as entered:
        assert entered.connection["base_url"] == address
    with pytest.raises(ConfigError, match="not running"):
        _ = sandbox.connection


def test_it_can_be_reset(connect: Any) -> None:
    """To the faults and answers of the constructor, and an empty request log."""
    fault, other = Fault("health", status=500), Fault("health", status=503)
    with Sandbox(faults=[fault], answers={"why": ValueError("rain")}) as sandbox:
        sandbox.faults.add(other)
        sandbox.answer("why", None, summary="Because of rain.")
        sandbox.answer("who", None, summary="We.")
        assert connect(sandbox).answer("why").json()["state"] == "COMPLETED"

        sandbox.reset()

        assert list(sandbox.faults) == [fault]
        assert sandbox.request_log.requests == []
        assert connect(sandbox).answer("Why?").json() == {"state": "FAILED", "error": "ValueError: rain"}
        assert connect(sandbox).answer("who").json()["state"] == "FAILED"


def test_the_port_can_be_chosen() -> None:
    """A port in use is an error that says what to do, and leaves nothing open."""
    with Sandbox() as sandbox:
        port = int(sandbox.connection["base_url"].rpartition(":")[2])
        with pytest.raises(ConfigError, match=rf"cannot listen .*port={port}.*port=0 chooses a free port"):
            Sandbox(port=port).__enter__()
    with Sandbox(port=port) as sandbox:
        assert sandbox.connection["base_url"] == f"http://127.0.0.1:{port}"


def test_exports_are_for_a_shell() -> None:
    """A shell that runs them has the variables with their exact values."""
    with Sandbox() as sandbox:
        script = (
            sandbox.exports()
            + '\necho "$CONNECTY_CLIENT_ID $CONNECTY_CLIENT_SECRET $CONNECTY_BASE_URL $CONNECTY_DW_ID"'
        )
        echoed = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
        connection = sandbox.connection

    assert echoed.split() == [
        connection["client_id"],
        connection["client_secret"],
        connection["base_url"],
        "13",
    ]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit there")
def test_a_server_that_cannot_start_is_an_error() -> None:
    """With one file descriptor, for the listening socket, entering raises ConfigError and does not hang."""
    script = (
        "import os, resource\n"
        "from connecty_frames.errors import ConfigError\n"
        "from connecty_frames.sandbox import Sandbox\n"
        "sandbox, free = Sandbox(), os.dup(0)\n"
        "os.close(free)\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (free + 1, free + 1))\n"
        "try:\n"
        "    sandbox.__enter__()\n"
        "except ConfigError as error:\n"
        "    print(error)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert "could not be started" in ended.stdout
    assert "ulimit -n" in ended.stdout


@pytest.mark.slow
def test_a_database_from_a_file(connect: Any, tmp_path: Path) -> None:
    """A DuckDB file answers SELECT statements alone."""
    database = tmp_path / "own.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute("CREATE TABLE t AS SELECT 42 AS answer")
    with Sandbox(database=database) as sandbox:
        api = connect(sandbox)
        assert api.answer("SELECT * FROM t").json()["results"]["dataframe"] == [["answer"], [42]]
        error = api.answer("how many orders are there").json()["error"]
    assert error == (
        "This sandbox answers SELECT statements alone. Questions in English are about the sample workspace."
    )


@pytest.mark.slow
def test_a_custom_answerer(connect: Any) -> None:
    """An object with the method is called with the question and the workspace."""

    class Echo:
        def answer(self, question: str, dw_id: int) -> Plan:
            return Plan(f"SELECT '{question}' AS question, {dw_id} AS dw_id", "You asked: {question}")

    with Sandbox(answerer=Echo()) as sandbox:
        results = connect(sandbox).answer("why", include="dataframe,summary").json()["results"]

    assert results == {
        "response_summary": "You asked: why",
        "dataframe": [["question", "dw_id"], ["why", 13]],
    }


@cases(
    ("arguments", "setting", "message"),
    [
        ({"latency": -1.0}, "latency", "Give 0 or more seconds"),
        ({"latency": float("nan")}, "latency", "is not a time"),
        ({"time_limit": 0.0}, "time_limit", "Give more than 0 seconds"),
        ({"token_lifetime": float("inf")}, "token_lifetime", "is not a time"),
        ({"workers": 0}, "workers", "at least 1"),
        ({"faults": ["ask:reset"]}, "fault", r"Fault\.from_text"),
        ({"port": 70000}, "port", "Give 0 .* to 65535"),
        ({"port": -1}, "port", "is not a port"),
        ({"database": "/nowhere/x.duckdb"}, "database", "is not a file"),
        ({"latency": "1"}, "latency", "latency='1' is not a time"),
        ({"latency": True}, "latency", "latency=True is not a time"),
        ({"time_limit": None}, "time_limit", "time_limit=None is not a time"),
        ({"token_lifetime": 10**400}, "token_lifetime", "is not a time"),
        ({"workers": "4"}, "workers", "workers='4' is not a number of threads"),
        ({"workers": 1.5}, "workers", "workers=1.5 is not a number of threads"),
        ({"workers": 10**9}, "workers", "at most 1000"),
        ({"port": "80"}, "port", "port='80' is not a port"),
        ({"port": True}, "port", "port=True is not a port"),
        ({"database": 1}, "database", "database: expected a path as text, .* not int"),
        ({"answerer": object()}, "answerer", "has no method answer"),
        ({"answers": [1]}, "answers", "answers is of type list"),
        ({"faults": None}, "faults", "faults=None is not a list of Fault"),
        ({"faults": [None]}, "fault", "None is not a Fault"),
        ({"clock": object()}, "clock", "is not a Clock"),
    ],
)
def test_invalid_arguments_are_rejected(arguments: dict[str, Any], setting: str, message: str) -> None:
    """The constructor raises an error with the argument's name, what is wrong and what is valid."""
    with pytest.raises(ConfigError, match=message) as caught:
        Sandbox(**arguments)
    assert caught.value.setting == setting


CLOCK = """
import json, sys
from datetime import UTC, datetime
import requests
from connecty_frames import Client
from connecty_frames.sandbox import Sandbox

canned = {"when": [{"at": datetime(2025, 7, 1, 23, 30, tzinfo=UTC)}]}
with Sandbox(answers=canned) as sandbox, Client(**sandbox.connection) as client:
    for question in sys.argv[1:]:
        print(json.loads(client.ask(question).response)["results"]["dataframe"][1:])
    url = sandbox.connection["base_url"] + "/v1/auth/token"
    keys = {name: sandbox.connection[name] for name in ("client_id", "client_secret")}
    print(requests.post(url, json=keys, timeout=9).json()["expires_at"][-6:])
"""


@pytest.mark.slow
@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_the_whole_sandbox_is_in_utc(zone: str) -> None:
    """Questions, their SQL as a SELECT, instants, days, canned answers and expiries."""
    questions = {
        "revenue in 2024": "[[62067794.67]]",
        "SELECT sum(total) FROM sales.orders WHERE year(ordered_at) = 2024": "[[62067794.67]]",
        "SELECT TIMESTAMPTZ '2025-07-01 01:30:00+02' AS at": "[['2025-06-30T23:30:00+00:00']]",
        "SELECT CAST(TIMESTAMPTZ '2025-07-01 01:30:00+02' AS DATE) AS day": "[['2025-06-30']]",
        "SELECT current_setting('TimeZone') AS zone": "[['UTC']]",
        "when": "[['2025-07-01T23:30:00+00:00']]",
    }
    done = subprocess.run(
        [sys.executable, "-c", CLOCK, *questions],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "TZ": zone},
    )
    assert done.stdout.splitlines() == [*questions.values(), "+00:00"]
