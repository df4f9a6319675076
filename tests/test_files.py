"""Where a path is taken, ``file://`` URLs are paths, and other URLs an error before anything is done."""

from __future__ import annotations

import enum
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from typer.testing import CliRunner

import connecty_frames as cf
from connecty_frames import files
from connecty_frames.cli.app import app
from connecty_frames.errors import ConfigError
from connecty_frames.sandbox import Sandbox
from tests.cases import cases
from tests.servers.scripted import Script, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

URLS: Final = (
    "s3://bucket/nightly",
    "gs://bucket/nightly",
    "postgresql://reader:canary@host/db",
    "abfss://data@account.dfs.core.windows.net/a",
    "hdfs://host:8020/a",
    "https://host/a.parquet",
    "S3://bucket",
    " s3a://bucket",
    "jdbc:postgresql://host/db",
    "simplecache::s3://bucket/a",
    "file://host/folder",
    "file://folder",
)


@cases("url", [*URLS, "sqlite:///a.db", "dbfs:/a", "s3://", *map(Path, URLS[:10])])
def test_a_url_is_no_path(url: str | Path) -> None:
    """Also as a Path, which has a single slash, and in any case; the message names the scheme alone."""
    scheme = str(url).partition(":/")[0].strip()
    with pytest.raises(ConfigError) as raised:
        files.checked_path(url, "folder")

    assert str(raised.value) == (
        f"folder: expected a local path, or file:///path, not a URL with {scheme}://."
    )
    assert raised.value.setting == "folder"


@cases(
    ("url", "path"),
    [
        ("file:///a/b.parquet", "/a/b.parquet"),
        ("FILE:///a", "/a"),
        ("file://localhost/a", "/a"),
        ("file://LOCALHOST/a", "/a"),
        ("file:/a", "/a"),
        (Path("file:///a/b c"), "/a/b c"),
        ("file:///a%20b/%C3%BC%25", "/a b/\u00fc%"),
        ("file:///a%ff", "/a\udcff"),
        ("file:///100%", "/100%"),
        ("file:///a?b#c", "/a?b#c"),
        ("file:///", "/"),
    ],
)
def test_a_url_of_a_file_is_its_path(url: str | Path, path: str) -> None:
    """With the host left out or localhost, and what is percent-encoded decoded."""
    assert files.checked_path(url) == Path(path)


def test_a_url_of_a_file_with_a_nul() -> None:
    """It is no path, as a path with one is none."""
    with pytest.raises(ConfigError, match="without NUL characters"):
        files.checked_path("file:///a%00b")


def test_a_text_that_is_an_enum_is_its_value() -> None:
    """Not the name of its member, which Path takes before Python 3.12."""
    names: Any = enum.Enum("names", {"OUTPUT": "a/b", "BUCKET": "s3://bucket"}, type=str)
    assert files.checked_path(names.OUTPUT) == Path("a/b")
    with pytest.raises(ConfigError, match="not a URL with s3://"):
        files.checked_path(names.BUCKET)


@cases(
    "path",
    [
        "C:\\x",
        "C:/x",
        "c://x",
        "a:b/c",
        "./s3://bucket",
        "/s3://bucket",
        "a/s3://b",
        "s3:",
        "a:b:/c",
        "10:/a",
        "",
        "~/a",
    ],
)
def test_other_texts_are_paths(path: str) -> None:
    """Drives of Windows, and what begins with no scheme."""
    assert files.checked_path(path) == Path(path)


@pytest.fixture
def server() -> Iterator[Script]:
    """Return a running server."""
    with serve() as script:
        results = {"sql_query": "SELECT 1 AS n", "dataframe": [["n"], [1]]}
        script.on("results", script.answer(200, {"state": "COMPLETED", "results": results}))
        yield script


@pytest.fixture
def client(server: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[cf.Client]:
    """Return a client, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    with cf.Client("id", client_secret="secret", base_url=server.address, dw_id=13) as made:
        yield made


CALLS: Final[dict[str, Callable[[Any, cf.Client], object]]] = {
    "ask_batch": lambda url, client: cf.ask_batch(["how many?"], url, client=client),
    "open_batch": lambda url, _: cf.open_batch(url),
    "pin": lambda url, client: cf.pin("a", "how many?", path=url, client=client),
    "pinned": lambda url, _: cf.pinned("a", path=url),
    "read_parquet": lambda url, _: cf.read_parquet(url),
    "to_parquet": lambda url, client: client.question(ID).result().to_pandas().connecty.to_parquet(url),
    "to_json": lambda url, client: client.question(ID).result().to_json(url),
    "from_json": lambda url, _: cf.Answer.from_json(url),
    "history": lambda url, _: cf.configure(history=url),
    "Client": lambda url, _: cf.Client("id", client_secret="secret", history=url),
    "certificates": lambda url, _: cf.Client("id", client_secret="secret", ca_bundle=url),
    "database": lambda url, _: Sandbox(database=url),
}
ID: Final = "729cb7a4-4b06-449e-a3c9-df40f5e570b8"


@pytest.mark.parametrize("make", [str, Path])
@pytest.mark.parametrize("name", CALLS)
def test_no_call_takes_a_url(server: Script, client: cf.Client, name: str, make: type[str | Path]) -> None:
    """Nothing is asked, and no file or folder is made."""
    with pytest.raises(ConfigError, match=r"expected a local path, .* not a URL with s3://"):
        CALLS[name](make("s3://bucket/nightly"), client)

    assert server.count("ask") == 0
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["ask", "how", "many", "--output", "gs://bucket/a.csv"],
        ["ask", "how", "many", "--save", "gs://bucket/a.json"],
        ["ask", "how", "many", "--schema-file", "gs://bucket/a.json"],
        ["ask", "--file", "gs://bucket/a.txt"],
        ["batch", "gs://bucket/a.csv", "--output", "folder"],
        ["batch", "questions.txt", "--output", "gs://bucket/a"],
        ["pin", "add", "a", "how many", "--folder", "gs://bucket/pins"],
        ["pin", "run", "a", "--connection", "sqlite:///a", "--folder", "gs://bucket/pins"],
        ["history", "--output", "gs://bucket/a.csv"],
        ["sandbox", "--database", "gs://bucket/a.duckdb"],
    ],
)
def test_no_command_takes_a_url(
    server: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """It ends with a ConfigError; nothing is asked or written."""
    monkeypatch.chdir(tmp_path)
    Path("questions.txt").write_text("how many?\n")
    for name, value in {
        "CLIENT_ID": "id",
        "CLIENT_SECRET": "s",
        "BASE_URL": server.address,
        "DW_ID": "1",
    }.items():
        monkeypatch.setenv(f"CONNECTY_{name}", value)

    ended = CliRunner().invoke(app, arguments)

    assert isinstance(ended.exception, ConfigError)
    assert "not a URL with gs://" in str(ended.exception)
    assert server.count("ask") == 0
    assert [path.name for path in Path().iterdir()] == ["questions.txt"]


@pytest.mark.parametrize("variable", ["CONNECTY_HISTORY", "CONNECTY_CA_BUNDLE", "CONNECTY_CONFIG"])
def test_no_variable_takes_a_url(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named; a password in the URL is not shown."""
    monkeypatch.setenv(variable, "mysql://reader:canary@host/db")
    with pytest.raises(ConfigError, match=f"{variable}.*not a URL with mysql://") as raised:
        cf.ask("how many?")
    assert "canary" not in str(raised.value)


def test_a_profile_takes_urls_of_files_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path is relative to the folder of the profiles, a URL is absolute or an error."""
    file = tmp_path / "config.toml"
    monkeypatch.setenv("CONNECTY_CONFIG", file.as_uri())
    file.touch(mode=0o600)
    file.write_text(
        f'[default]\nclient_id = "a"\nclient_secret = "b"\nhistory = "{tmp_path.as_uri()}/a%20b"\n'
    )
    with cf.Client() as client:
        assert client.history is not None
        assert client.history.place == os.fspath(tmp_path / "a b")

    file.write_text('[default]\nca_bundle = "s3://bucket/a.pem"\n')
    with pytest.raises(ConfigError, match=r"ca_bundle \(profile default in .*not a URL with s3://"):
        cf.Client()


def test_files_of_urls(client: cf.Client, tmp_path: Path) -> None:
    """What is written to a ``file://`` URL is there, and the path is returned."""
    url = f"{tmp_path.as_uri()}/a%20b"
    answer = client.question(ID).result()

    assert answer.to_json(f"{url}.json") == tmp_path / "a b.json"
    assert answer.to_polars().connecty.to_parquet(f"{url}.parquet") == tmp_path / "a b.parquet"
    assert cf.read_parquet(f"{url}.parquet").shape == (1, 1)
    assert cf.ask_batch(["how many?"], url, client=client).folder == tmp_path / "a b"
    assert cf.open_batch(url).summary().answered == 1
    cf.pin("a", "how many?", path=f"{url}.pins", client=client)
    assert cf.pinned("a", path=tmp_path / "a b.pins").sql == "SELECT 1 AS n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a b", "a b.json", "a b.parquet", "a b.pins"]
