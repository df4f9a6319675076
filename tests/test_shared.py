"""``use_sandbox`` and ``CONNECTY_SANDBOX``: one sandbox for a process, its settings, and its end."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

import connecty_frames as cf
from connecty_frames import api, shared
from connecty_frames._base.text import SecretStr
from connecty_frames.sandbox import Sandbox
from connecty_frames.settings import sources as config
from connecty_frames.testing import connected

#: Answered without a query, and so without a process for it.
ANSWERS: dict[str, Any] = {"why": [{"reason": "rain"}]}
EU = "https://api.eu1.connecty-ai.com"
NOTICE = (
    "connecty_frames asks its embedded sandbox, not ConnectyAI. `connecty sandbox --examples` lists what it "
    "knows.\n"
)


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    for sandbox, _, _ in list(shared._used.values()):
        sandbox.close()
    assert shared._used == {}


def settings() -> dict[str, str]:
    return {name: source for name, value, source in config.explain() if source != "default"}


def test_every_call_asks_the_sandbox(capsys: pytest.CaptureFixture[str]) -> None:
    """The functions and every Client; one line on standard error says so, once."""
    sandbox = cf.use_sandbox(answers=ANSWERS)
    assert cf.ask_df("why?").to_dict("list") == {"reason": ["rain"]}
    with cf.Client() as client:
        assert client.ask("why?").rows == 1
    assert cf.use_sandbox() is sandbox
    assert sandbox.request_log.submissions() == {"why?": 2}
    assert capsys.readouterr() == ("", NOTICE)


def test_it_takes_precedence_over_environment_and_profile(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And says whose credentials are not used; they apply again when it is closed."""
    file = tmp_path / "config.toml"
    file.write_text('[default]\nclient_id = "a"\nclient_secret = "b"\nregion = "us1"\n')
    file.chmod(0o600)
    monkeypatch.setenv("CONNECTY_CONFIG", str(file))
    monkeypatch.setenv("CONNECTY_DW_ID", "7")

    with cf.use_sandbox(answers=ANSWERS) as sandbox:
        assert cf.ask("why").metadata.dw_id == 13
        assert config.resolve().address == sandbox.connection["base_url"]

    resolved = config.resolve()
    assert resolved.client_id == SecretStr("a")
    assert (resolved.region, resolved.base_url, resolved.dw_id) == ("us1", None, 7)
    assert capsys.readouterr().err == (
        "connecty_frames asks its embedded sandbox, not ConnectyAI; the credentials of the profile default "
        f"in {file} are not used. `connecty sandbox --examples` lists what it knows.\n"
    )


def test_close_takes_the_settings_back() -> None:
    """Those of before apply again, and what was configured since stays; the client is closed."""
    cf.configure(dw_id=7, region="us1")
    sandbox = cf.use_sandbox(answers=ANSWERS)
    cf.configure(timeout=60)
    assert cf.ask("why").rows == 1
    (client,) = shared.clients.values()

    sandbox.close()
    sandbox.close()

    assert settings() == dict.fromkeys(["region", "dw_id", "timeout"], "configure()")
    assert (config.resolve().dw_id, config.resolve().address) == (7, "https://api.us1.connecty-ai.com")
    assert shared.clients == {}
    with pytest.raises(cf.ConfigError, match="closed"):
        client.health()


def test_clients_of_other_addresses_stay_open(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing it does not disturb what asks elsewhere."""
    for name, value in sandbox.connection.items():
        monkeypatch.setenv(f"CONNECTY_{name.upper()}", str(value))
    client = api.shared_client()
    cf.use_sandbox(answers=ANSWERS).close()
    assert api.shared_client() is client
    assert client.health() is True


@pytest.mark.parametrize(
    ("given", "unset"),
    [
        ({"client_id": "a", "client_secret": "b"}, "client_id=None, client_secret=None"),
        ({"profile": "staging"}, "profile=None"),
    ],
)
@pytest.mark.parametrize("variable", [False, True])
def test_configured_credentials_are_not_replaced(
    given: dict[str, str], unset: str, variable: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Code that names an account must not turn to sample data; the error says what to unset."""
    file = tmp_path / "config.toml"
    file.write_text("[staging]\ndw_id = 7\n")
    monkeypatch.setenv("CONNECTY_CONFIG", str(file))
    if variable:
        monkeypatch.setenv("CONNECTY_SANDBOX", "1")
    cf.configure(**given)

    with pytest.raises(cf.ConfigError) as raised:
        api.shared_client() if variable else cf.use_sandbox()

    assert str(raised.value) == (
        f"configure() has set {next(iter(given))}, so calls use that account. To ask a "
        f"sandbox instead, unset it: cf.configure({unset})."
    )
    assert shared._used == {}


@pytest.fixture
def staging(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[staging]\nclient_id = "stored"\nclient_secret = "stored"\n')
    file.chmod(0o600)
    monkeypatch.setenv("CONNECTY_CONFIG", str(file))


@pytest.mark.parametrize(
    "given",
    [{"client_id": "a", "client_secret": "b"}, {"profile": "staging"}],
    ids=["credentials", "profile"],
)
@pytest.mark.usefixtures("staging")
def test_an_account_configured_afterwards_applies(given: dict[str, str]) -> None:
    """Whole: its credentials are not sent to the sandbox. A further call is an error."""
    cf.use_sandbox(answers=ANSWERS)
    cf.configure(**given)

    resolved = config.resolve()
    assert (resolved.client_id, resolved.address, resolved.dw_id) == (
        SecretStr(given.get("client_id", "stored")),
        EU,
        None,
    )
    with pytest.raises(cf.ConfigError, match=f"has set {next(iter(given))}"):
        cf.use_sandbox()
    cf.configure(**dict.fromkeys(given))
    assert cf.ask("why").rows == 1


@pytest.mark.parametrize(
    ("arguments", "client_id"),
    [
        ({"client_id": "a", "client_secret": "b"}, "a"),
        ({"profile": "staging"}, "stored"),
        ({"base_url": EU}, "by-environment"),
        ({"region": "eu1"}, "by-environment"),
    ],
    ids=["credentials", "profile", "address", "region"],
)
@pytest.mark.usefixtures("staging")
def test_a_client_that_names_an_account_or_address_does_not_ask_it(
    arguments: dict[str, str], client_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither are credentials sent to the sandbox, nor those of the sandbox elsewhere."""
    if "profile" not in arguments:
        monkeypatch.setenv("CONNECTY_CLIENT_ID", "by-environment")
        monkeypatch.setenv("CONNECTY_CLIENT_SECRET", "by-environment")
    cf.use_sandbox(answers=ANSWERS)
    resolved = config.resolve(**arguments)
    assert (resolved.client_id, resolved.address, resolved.dw_id) == (SecretStr(client_id), EU, None)


def test_configured_settings_of_no_account_do_not_redirect_it() -> None:
    """Whether configured before or afterwards, they neither take it elsewhere nor to another workspace."""
    cf.configure(dw_id=7)
    sandbox = cf.use_sandbox(answers=ANSWERS)
    cf.configure(base_url=EU, timeout=60)
    assert config.resolve().address == sandbox.connection["base_url"]
    assert (cf.ask("why").metadata.dw_id, config.resolve().timeout) == (13, 60.0)


def test_the_sandbox_of_a_test_is_not_replaced(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """``CONNECTY_SANDBOX`` has no effect in ``connected``, and is there again afterwards."""
    monkeypatch.setenv("CONNECTY_SANDBOX", "1")
    with connected(sandbox):
        assert api.shared_client().health() is True
        assert "CONNECTY_SANDBOX" not in os.environ
        assert shared._used == {}
    assert os.environ["CONNECTY_SANDBOX"] == "1"


def test_the_sandbox_of_a_test_is_asked_instead(sandbox: Sandbox) -> None:
    """Code under test that called ``use_sandbox`` when it was imported asks the one of the test."""
    running = cf.use_sandbox(answers=ANSWERS)
    with connected(sandbox):
        assert config.resolve().address == sandbox.connection["base_url"]
    assert config.resolve().address == running.connection["base_url"]


@pytest.mark.parametrize("options", [{"latency": 0.5}, {"answers": {"why": [{"n": 1}]}}])
def test_other_options_are_an_error(options: dict[str, Any]) -> None:
    """The running one is returned for the same options only, as when the cell of a notebook runs again."""
    running = cf.use_sandbox(answers={"why": [{"n": 2}]}, latency=0.0)
    assert cf.use_sandbox(answers={"why": [{"n": 2}]}, latency=0.0) is running
    with pytest.raises(cf.ConfigError) as raised:
        cf.use_sandbox(**options)
    assert str(raised.value) == (
        "A sandbox with other options is running. Close it first: cf.use_sandbox().close()"
    )


def test_a_wrong_option_starts_nothing() -> None:
    """Neither a sandbox nor a change of settings."""
    with pytest.raises(cf.ConfigError, match="latency=-1"):
        cf.use_sandbox(latency=-1)
    assert (shared._used, settings()) == ({}, {})


def test_other_data_are_not_announced_as_those_of_the_catalogue(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command that lists the questions knows those of the sample workspace alone."""
    file = tmp_path / "own.duckdb"
    duckdb.connect(file).close()
    cf.use_sandbox(database=file)
    assert capsys.readouterr().err == "connecty_frames asks its embedded sandbox, not ConnectyAI.\n"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_standard_error_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in pythonw on Windows."""
    monkeypatch.setattr(sys, "stderr", None)
    assert cf.use_sandbox(answers=ANSWERS).connection["dw_id"] == 13


def test_in_a_notebook_the_notice_is_an_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Standard error is displayed there in red, as failures are; IPython in a terminal has no kernel."""
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=SimpleNamespace))
    cf.use_sandbox(answers=ANSWERS).close()
    assert capsys.readouterr() == ("", NOTICE)
    shell = SimpleNamespace(kernel=None)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    cf.use_sandbox(answers=ANSWERS).close()
    assert capsys.readouterr() == (NOTICE, "")


def test_threads_start_one() -> None:
    """However many call at the same time."""
    barrier = threading.Barrier(8)

    def use(_: int) -> Sandbox:
        barrier.wait(10)
        return cf.use_sandbox(answers=ANSWERS)

    with ThreadPoolExecutor(8) as threads:
        assert len({id(each) for each in threads.map(use, range(8))}) == 1


def test_no_message_offers_an_answer_that_ends_with_the_process() -> None:
    """Neither of a question, nor of a batch; a client of a sandbox that runs elsewhere offers it."""
    sandbox = cf.use_sandbox(answers=ANSWERS)
    asked = api.shared_client().submit("why")
    with cf.Client(**sandbox.connection) as client:
        assert client.question(asked.question_id).resume_command.startswith("cf.fetch(")
    assert asked.resume_command == ""
    assert asked.message() == f"Question {asked.question_id} may still be running."
    assert not api.shared_client().is_resumable


# The environment


def test_the_environment_starts_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For the first call without a client, and never for a Client."""
    monkeypatch.setenv("CONNECTY_SANDBOX", "1")
    for _ in range(2):
        assert cf.ask("what is this workspace about").table is None
        with pytest.raises(cf.ConfigError, match="No client_id"):
            cf.Client()
    sandbox = cf.use_sandbox()
    with cf.Client() as client:
        assert client.health()
    assert sandbox.request_log.submissions() == {"what is this workspace about": 2}
    assert capsys.readouterr().err == NOTICE


def test_another_thread_closes_it_as_it_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The call that has started it finds it closed, as any other call would."""

    def close(_notice: str) -> None:
        ((sandbox, _, _),) = shared._used.values()
        sandbox.close()

    monkeypatch.setenv("CONNECTY_SANDBOX", "1")
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(write=close, flush=lambda: None))
    with pytest.raises(cf.ConnectionFailed):
        cf.ask("what is this workspace about")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        *((value, "No client_id") for value in ("", "0", "false")),
        ("maybe", "CONNECTY_SANDBOX=maybe in the environment"),
    ],
)
def test_the_environment_starts_none(value: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the variable is empty, says so, or is no such word, which is an error."""
    monkeypatch.setenv("CONNECTY_SANDBOX", value)
    with pytest.raises(cf.ConfigError, match=message):
        cf.ask("why")


# Processes


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # Python 3.12 warns of threads
def test_a_forked_process_leaves_it_running(tmp_path: Path) -> None:
    """It asks the sandbox of its parent, and its ``close`` has no effect."""
    sandbox = cf.use_sandbox(answers=ANSWERS)
    written = tmp_path / "rows"
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            sandbox.close()
            written.write_text(str(cf.ask("why").rows))
        os._exit(0)
    os.waitpid(child, 0)

    assert written.read_text() == "1"
    assert cf.ask("why").rows == 1
    assert sandbox.request_log.submissions() == {"why": 2}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are looked up in /proc")
def test_nothing_is_left_when_a_script_ends(tmp_path: Path) -> None:
    """Even while an endless query runs: Python does not wait for it, and its process ends."""
    code = (
        "import sys, time, connecty_frames as cf\n"
        "cf.use_sandbox()\n"
        "print(cf.ask('how many orders are there').rows)\n"
        "endless = 'SELECT count(*) FROM range(100000000000) AS t(i) WHERE hash(i) = 0'\n"
        "question = cf.Client().submit(endless)\n"
        "while question.state() == 'PENDING':\n"
        "    time.sleep(0.01)\n"
        "sys.exit(3)\n"
    )
    mark = str(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "MARK": mark},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (3, "1\n", NOTICE)
    left = []
    for file in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it has ended, or is another user's
            left += [file] if mark.encode() in file.read_bytes() else []
    assert left == []


@pytest.mark.slow
def test_processes_that_are_spawned_start_none(tmp_path: Path) -> None:
    """They have no settings of the process that spawned them, as after ``configure()``."""
    script = tmp_path / "script.py"
    script.write_text(
        "import multiprocessing, connecty_frames as cf\n"
        "def ask(question):\n"
        "    try:\n"
        "        return cf.ask(question).rows\n"
        "    except cf.ConfigError as error:\n"
        "        return error.setting\n"
        "if __name__ == '__main__':\n"
        "    cf.use_sandbox(answers={'why': [{'n': 1}]})\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print(ask('why'), pool.map(ask, ['why']))\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 ['client_id']\n", NOTICE)
