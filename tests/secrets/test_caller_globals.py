"""No printer of tracebacks shows a secret, whatever was called and however it ended.

One secret is in the client, and one is a global of the module that calls.
"""

from collections.abc import Callable, Iterator
from inspect import signature
from pathlib import Path
from typing import Any, Final

import duckdb
import pytest

import connecty_frames as cf
from tests.secrets import caller, debuggers
from tests.servers.scripted import Script, serve

SECRETS: Final = (caller.CLIENT_SECRET, "canary-of-the-client")
SQL: Final = "SELECT n FROM numbers"
GOOD: Final = {"sql_query": SQL, "dataframe": [["n"], [1], [2]]}
#: Statistics that contradict the rows.
DOUBTFUL: Final = {**GOOD, "dataframe_stats": {"n": {"general": {"count": 2, "nulls_count": 1}}}}


#: Without IPython, which is not installed with the lowest versions, there is no magic.
CALLS: Final = [name for name in caller.ASKING if name != "magic" or "IPython" in debuggers.PRINTERS]


@pytest.fixture
def server() -> Iterator[Script]:
    with serve() as script:
        answer(script, GOOD)
        yield script


@pytest.fixture
def client(server: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[cf.Client]:
    """Return a client, in a folder that has a pin and is also the scratch folder of Spark."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPARK_LOCAL_DIRS", str(tmp_path))
    with cf.Client("id", client_secret=SECRETS[1], base_url=server.address, dw_id=13) as made:
        cf.pin("numbers", "how many?", client=made)
        yield made


def answer(server: Script, results: dict[str, Any]) -> None:
    server.on("results", server.answer(200, {"state": "COMPLETED", "results": results}))


def shown(expected: type[BaseException], call: Callable[..., object], *arguments: object) -> dict[str, str]:
    with pytest.raises(expected) as raised:
        call(*arguments)
    return debuggers.shown(raised.value)


def leaks(texts: dict[str, str]) -> list[tuple[str, str]]:
    return [(name, secret) for name, text in texts.items() for secret in SECRETS if secret in text]


def test_the_printers_show_locals() -> None:
    """A local of the innermost frame, so that they can show a secret."""

    def fail() -> None:
        secret = SECRETS[0]
        raise ValueError(len(secret))

    assert {name for name, _ in leaks(shown(ValueError, fail))} == set(debuggers.PRINTERS)


def test_each_entry_point_is_called() -> None:
    """The module calls each public function that takes a client or a connection."""
    functions = {name for name in cf.__all__ if callable(getattr(cf, name))}
    asking = {
        name
        for name in functions
        if {"client", "con", "connection"} & set(signature(getattr(cf, name)).parameters)
    }
    assert asking == {
        *("ask", "ask_async", "ask_batch", "ask_df", "ask_df_async", "ask_many", "pin", "read_connecty"),
        *("fetch", "fetch_df"),
    }
    source = Path(caller.__file__).read_text(encoding="utf-8")
    assert [name for name in asking if f"cf.{name}(" not in source] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
def test_no_asking_shows_a_secret(server: Script, client: cf.Client, name: str) -> None:
    """Neither by an error of the service, nor by a warning that is an error."""
    call = caller.ASKING[name]
    server.on("results", server.answer(401, {"detail": "no"}))
    refused = shown(cf.AuthError, call, client)
    answer(server, DOUBTFUL)
    doubted = shown(cf.StatisticsWarning, call, client)
    assert (leaks(refused), leaks(doubted)) == ([], [])


@pytest.mark.parametrize("settings", [{}, {"client_secret": SECRETS[1], "ca_bundle": "missing"}])
def test_no_shared_client_shows_a_secret(settings: dict[str, str]) -> None:
    """One that cannot be made does not show its id either."""
    cf.configure(client_id=SECRETS[1])
    cf.configure(**settings)  # type: ignore[arg-type]
    assert leaks(shown(cf.ConfigError, cf.ask, "how many?")) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", caller.CASTING)
def test_no_cast_shows_a_secret(client: cf.Client, name: str) -> None:
    """Neither by a value that does not fit, nor by a warning that is an error."""
    asked = client.ask("how many?")
    with duckdb.connect() as database:
        database.execute("CREATE TABLE numbers AS SELECT * FROM (VALUES ('1'), ('2'), ('x')) AS t (n)")
        texts = shown(cf.ConversionError, caller.CASTING[name], asked, database)
        assert leaks(texts) == []
        if not name.startswith("Pin"):  # which compares no number of rows
            database.execute("UPDATE numbers SET n = '3' WHERE n = 'x'")
            texts = shown(cf.StatisticsWarning, caller.CASTING[name], asked, database)
            assert leaks(texts) == []
