"""``history="postgresql://..."``: what a URL may have in it, and how its connections are protected."""

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

import connecty_frames as cf
from connecty_frames.client import Client
from connecty_frames.settings.sources import resolve
from tests.cases import cases


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGHOSTADDR", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)


def mode(url: str | None) -> str | None:
    found = str(resolve(history=url).history)
    return dict(parse_qsl(urlsplit(found).query)).get("sslmode")


@cases(
    ("url", "expected"),
    [
        ("postgresql://u@localhost/d", None),
        ("postgres://u@127.0.0.1:5432/d", None),
        ("POSTGRESQL://u@[::1]:5432/d", None),
        ("postgresql:///d", None),
        ("postgresql:///d?host=/run/postgresql", None),
        ("postgresql://u@localhost/d?sslmode=disable", "disable"),
        ("postgresql://db.example.com/d", "verify-full"),
        ("postgresql://u@10.0.0.1:5432/d", "verify-full"),
        ("postgresql://u@[2001:db8::1]/d", "verify-full"),
        ("postgresql://u@localhost,db.example.com:5433/d", "verify-full"),
        ("postgresql://u@localhost,127.0.0.1:5433/d", None),
        ("postgresql:///d?host=localhost,/run/postgresql", None),
        ("postgresql://u@localhost/d?host=db.example.com", "verify-full"),
        ("postgresql://u@db.example.com/d?sslmode=require", "require"),
        ("postgresql://u@db.example.com/d?sslmode=verify-ca", "verify-ca"),
        ("postgresql://localhost.example.com/d", "verify-full"),
        ("postgresql://localhost@db.example.com/d", "verify-full"),
    ],
)
def test_the_mode_of_tls(url: str, expected: str | None) -> None:
    """Beyond this machine the server is verified, unless the URL says less, and then it is encrypted."""
    assert mode(url) == expected


@cases(("parameters", "name"), [("", "connecty_frames"), ("?application_name=nightly", "nightly")])
def test_the_name_of_the_application(parameters: str, name: str) -> None:
    """Administrators see it beside each connection."""
    expected = f"postgresql://u@localhost/d?application_name={name}"
    assert resolve(history=f"postgresql://u@localhost/d{parameters}").history == expected


PARAMETERS = """
    host=localhost port=1 user=u application_name=a options=-c%20search_path%3Dx passfile=f sslmode=disable
    target_session_attrs=any sslrootcert=f sslcert=f sslkey=f sslcrl=f channel_binding=prefer
    tcp_user_timeout=1 gssencmode=disable keepalives=1 keepalives_idle=1 keepalives_interval=1
    keepalives_count=1
"""


@cases("parameter", PARAMETERS.split())
def test_the_parameters_of_a_url(parameter: str) -> None:
    """They are passed to libpq, which takes + as it is: a space stays %20."""
    found = str(resolve(history=f"postgresql://localhost/d?{parameter}").history)
    assert parameter in found.partition("?")[2].split("&")


@cases(("name", "value"), [("PGHOST", "db.example.com"), ("PGHOSTADDR", "10.0.0.1"), ("PGSERVICE", "prod")])
def test_hosts_of_the_environment(name: str, value: str) -> None:
    """They count like those of the URL, also if they are set after ``configure()``."""
    cf.configure(history="postgresql:///d")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(name, value)
        assert mode("postgresql:///d") == mode(None) == "verify-full"
        with pytest.raises(cf.ConfigError, match="would send questions unencrypted"):
            mode("postgresql:///d?sslmode=prefer")


@cases(
    ("url", "reason"),
    [
        ("postgresql://u:canary@h/d", r"set PGPASSWORD, or store it in ~/\.pgpass"),
        ("postgresql://u:can@ary@h/d", r"set PGPASSWORD, or store it in ~/\.pgpass"),
        ("postgresql://u@h/d?password=canary", r"set PGPASSWORD, or store it in ~/\.pgpass"),
        ("postgresql://u@h/d?sslpassword=canary", r"set PGPASSWORD, or store it in ~/\.pgpass"),
        *(
            (spelling, "PGPASSWORD")
            for spelling in (
                "postgresql:u:canary@h/d",
                "postgres:/u:canary@h/d",
                " postgresql://u:canary@h/d",
                "postgresql+psycopg2://u:canary@h/d",
                "jdbc:postgresql://h/d?user=u&password=canary",
                "host=h password=canary",
                "host=h dbname=d",
                "PASSWORD = 'canary' host=h",
                "dbname=d sslpassword=canary",
                "postgresql://u:ca/nary@h/d",
                "postgresql://u@h/d?pass%77ord=canary",
            )
        ),
        ("postgresql://u:ca?nary@h/d", "it is not a valid PostgreSQL URL"),
        ("postgresql://u:ca#nary@h/d", "with the name of a database"),
        ("postgresql://u@h/d?schema=A", "a schema of lower-case letters"),
        ("postgresql://u@h/d?schema=pg_x", "a schema of lower-case letters"),
        ("postgresql://u@h/d?schema=a;b", "a schema of lower-case letters"),
        ("postgresql://u@h/d?PASSWORD=canary", "unknown parameter"),
        ("postgresql://u@h/d?service=canary", "unknown parameter"),
        ("postgresql://u@h/d?hostaddr=10.0.0.1", "unknown parameter"),
        ("postgresql://u@h/d?canary", "it is not a valid PostgreSQL URL"),
        ("postgresql://u@[h/d", "it is not a valid PostgreSQL URL"),
        ("postgresql://u@h", "with the name of a database"),
        ("postgresql://u@h/", "with the name of a database"),
        ("postgresql://u@h/a b", "with the name of a database"),
        ("postgresql://u@h/d#canary", "with the name of a database"),
        ("postgresql://u@h/d?sslmode=prefer", "would send questions unencrypted"),
        ("mysql://u:canary@h/d", "not a URL with mysql://; or a PostgreSQL URL, postgresql://user@host/"),
        ("s3://bucket/canary", "not a URL with s3://; or a PostgreSQL URL"),
    ],
)
@cases(
    "use",
    [
        lambda url: Client("id", client_secret="s", history=url),
        lambda url: cf.configure(history=url),
        lambda url: resolve(history=url),
    ],
)
def test_urls_that_are_refused(url: str, reason: str, use: Callable[[str], Any]) -> None:
    """With what to do; no message and no traceback with the locals of this package has a password."""
    with pytest.raises(cf.ConfigError, match=reason) as caught:
        use(url)
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    frames = [
        each for each in shown.stack if "connecty_frames" in each.filename and "tests" not in each.filename
    ]
    assert "canary" not in str(caught.value)
    assert not any("canary" in f"{each.locals}" for each in frames)


def test_a_refused_url_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its variable is named, and the password is not shown."""
    monkeypatch.setenv("CONNECTY_HISTORY", "postgresql://u:canary@h/d")
    with pytest.raises(cf.ConfigError, match=r"CONNECTY_HISTORY\): expected .*without a") as caught:
        resolve()
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert "canary" not in "".join(shown.format())


@cases("spelling", ["postgresql:u:canary@h/d", "host=h password=canary"])
def test_a_refused_database_of_a_profile(
    spelling: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not taken for a file beside the profile."""
    (tmp_path / "config.toml").write_text(f'[default]\nhistory = "{spelling}"\n')
    monkeypatch.setenv("CONNECTY_CONFIG", str(tmp_path / "config.toml"))
    with pytest.raises(cf.ConfigError, match="PGPASSWORD") as caught:
        resolve()
    assert "canary" not in str(caught.value)


def test_short_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are masked as words, not as letters of others; longer ones everywhere."""
    postgres = pytest.importorskip("connecty_frames.store.postgres")
    for password, shown in (("a", 'database "data" of ***'), ("data", '***base "***" of a')):
        monkeypatch.setenv("PGPASSWORD", password)
        assert postgres._said(b'database "data" of a') == shown
