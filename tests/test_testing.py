"""Helpers for tests of users: a sandbox instead of ConnectyAI, as a fixture or a context manager."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import connecty_frames as cf
from connecty_frames.sandbox import Fault, Sandbox
from connecty_frames.settings import sources as config
from connecty_frames.testing import connected

pytest_plugins = ["pytester"]

QUESTION = "how many orders are there"


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a function that runs test files of a user in a new process and folder."""
    monkeypatch.setenv("CONNECTY_BASE_URL", "https://api.eu1.connecty-ai.com")  # which no test may reach

    def run(*arguments: str, **files: str) -> pytest.RunResult:
        pytester.makepyfile(**files)
        others = ["anyio", "cacheprovider", "hypothesispytest", "platformdirs", "schemathesis", "typeguard"]
        without = [argument for name in others for argument in ("-p", f"no:{name}")]  # slower than the tests
        return pytester.runpytest_subprocess("-W", "error", *without, *arguments)

    return run


# The fixture


@pytest.mark.slow
def test_all_calls_ask_the_sandbox(suite: Any) -> None:
    """The functions, a Client, and a command that the test starts."""
    result = suite(
        test_it=f"""
        import subprocess, sys
        import connecty_frames as cf

        def test_it(connecty_sandbox):
            assert cf.ask({QUESTION!r}).rows == 1
            with cf.Client() as client:
                client.ask_df({QUESTION!r}, engine="polars")
            command = [sys.executable, "-m", "connecty_frames.cli", "ask", {QUESTION!r}]
            subprocess.run(command, check=True)
            assert connecty_sandbox.request_log.submissions() == {{{QUESTION!r}: 3}}
        """
    )

    result.assert_outcomes(passed=1)


@pytest.mark.slow
def test_tests_are_isolated(suite: Any) -> None:
    """Requests, tokens, faults, answers and settings of the test before are removed."""
    test = f"""
    import connecty_frames as cf
    import pytest
    from connecty_frames.sandbox import Fault

    @pytest.mark.parametrize("number", range(3))
    def test_it(connecty_sandbox, number):
        assert connecty_sandbox.request_log.requests == []
        cf.ask({QUESTION!r})
        assert connecty_sandbox.request_log.tokens == 1
        cf.configure(dw_id=99)
        with pytest.raises(cf.QuestionFailed):
            cf.ask("why", dw_id=13)
        connecty_sandbox.answer("why", [{{"reason": "rain"}}])
        assert cf.ask_df("Why?", dw_id=13)["reason"].to_list() == ["rain"]
        connecty_sandbox.faults.add(Fault("ask", status=500))
        with pytest.raises(cf.ConnectyError):
            cf.ask({QUESTION!r}, dw_id=13)
    """

    suite(test_it=test).assert_outcomes(passed=3)


@pytest.mark.slow
def test_the_options_of_the_sandbox(suite: Any) -> None:
    """Keywords of Sandbox; its faults are active in each test."""
    result = suite(
        conftest="""
        import pytest
        from connecty_frames.sandbox import Fault

        @pytest.fixture(scope="session")
        def connecty_sandbox_options():
            return {"latency": 0.3, "faults": [Fault("results", status=503, times=1)]}
        """,
        test_it=f"""
        import connecty_frames as cf
        import pytest

        @pytest.mark.parametrize("number", range(2))
        def test_it(connecty_sandbox, number):
            assert cf.ask({QUESTION!r}).metadata.elapsed >= 0.3
            assert [seen.status for seen in connecty_sandbox.request_log.requests].count(503) == 1
        """,
    )

    result.assert_outcomes(passed=2)


@pytest.mark.slow
def test_the_plugin_imports_nothing_heavy(suite: Any) -> None:
    """At every start, pytest loads it."""
    result = suite(
        test_it="""
        import sys

        def test_it():
            assert "connecty_frames.pytest_plugin" in sys.modules
            heavy = ["pandas", "polars", "pyarrow", "duckdb", "requests", "uvicorn", "pydantic"]
            assert [name for name in heavy if name in sys.modules] == []
        """
    )

    result.assert_outcomes(passed=1)


@pytest.mark.slow
def test_the_fixtures_are_listed(suite: Any) -> None:
    """By ``pytest --fixtures``, with their descriptions."""
    lines = suite("--fixtures", test_it="").outlines
    found = [line for line in lines if line.startswith("connecty_sandbox")]
    assert [line.split()[0] for line in found] == ["connecty_sandbox_options", "connecty_sandbox"]


@pytest.mark.slow
def test_the_documentation_page(suite: Any) -> None:
    """Its tests pass."""
    page = (Path(__file__).parents[1] / "docs" / "testing.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    tests = [block for block in blocks if "def test_" in block]
    options = [block for block in blocks if "connecty_sandbox_options" in block]
    result = suite(test_page=tests[0], conftest=options[0])
    assert (len(tests), len(options)) == (1, 1)
    result.assert_outcomes(passed=3)


# The context


def test_settings_are_replaced_and_restored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Those of configure() and of the environment, in any case of letters."""
    monkeypatch.setenv("CONNECTY_REGION", "us1")
    monkeypatch.setenv("CONNECTY_DW_ID", "7")
    (tmp_path / "secret").write_text("secret")
    monkeypatch.setenv("CONNECTY_CLIENT_SECRET_FILE", str(tmp_path / "secret"))
    cf.configure(timeout=5, dw_id=8)
    before = dict(os.environ)
    closed: list[bool] = []
    close = cf.Client.close

    def closing(client: cf.Client) -> None:
        close(client)
        closed.append(True)

    monkeypatch.setattr(cf.Client, "close", closing)

    with connected() as sandbox:
        settings = config.resolve()
        assert settings.address == sandbox.connection["base_url"]
        assert (settings.dw_id, settings.timeout) == (13, 300.0)
        assert cf.ask(QUESTION).rows == 1

    assert dict(os.environ) == before
    assert (config.resolve().dw_id, config.resolve().timeout, config.resolve().region) == (8, 5.0, "us1")
    assert closed == [True]


def test_settings_are_restored_after_an_error() -> None:
    """And a sandbox that was started is stopped."""
    box = Sandbox()
    with pytest.raises(ZeroDivisionError), connected(box):
        1 / 0
    with pytest.raises(cf.ConfigError, match="not running"):
        box.connection
    assert "configure()" not in [source for _, _, source in config.explain()]


def test_a_running_sandbox_is_not_stopped() -> None:
    """Its faults apply to calls within the context."""
    with Sandbox(faults=[Fault("ask", status=500)]) as box:
        with connected(box), pytest.raises(cf.SubmissionUncertain):
            cf.ask(QUESTION)
        assert box.connection["dw_id"] == 13
