"""Connection settings: where each may come from, which source counts, and what is never shown."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import SecretStr

import connecty_frames as cf
from connecty_frames.config import resolve

EU = "https://api.eu1.connecty-ai.com"
US = "https://api.us1.connecty-ai.com"
SECRET = "canary-secret-value"
#: A value of each setting from each source, and how the settings show it.
VALUES: dict[str, dict[str, Any]] = {
    "client_id": {"argument": "by-argument", "configure": "by-configure", "environment": "by-environment"},
    "client_secret": {"argument": "arg-secret", "configure": "conf-secret", "environment": "env-secret"},
    "region": {"argument": "us1", "configure": "us1", "environment": "us1"},
    "base_url": {
        "argument": "https://argument.example",
        "configure": "https://configure.example",
        "environment": "https://environment.example",
    },
    "dw_id": {"argument": 1, "configure": 2, "environment": 3},
    "timeout": {"argument": 10.0, "configure": 20.0, "environment": 30.0},
    "max_body_bytes": {"argument": 1, "configure": 2, "environment": 3},
    "verify_tls": {"argument": False, "configure": False, "environment": False},
    "ca_bundle": {"argument": Path("/a.pem"), "configure": Path("/c.pem"), "environment": Path("/e.pem")},
}
DEFAULTS = {
    "client_id": None,
    "client_secret": None,
    "region": "eu1",
    "base_url": None,
    "dw_id": None,
    "timeout": 300.0,
    "max_body_bytes": 2_147_483_648,
    "verify_tls": True,
    "ca_bundle": None,
}


def held(name: str, **arguments: Any) -> Any:
    """Give the value of a setting as it holds now."""
    value = getattr(resolve(**arguments), name)
    return value.get_secret_value() if isinstance(value, SecretStr) else value


# Sources


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_default_holds_where_nothing_is_said(name: str) -> None:
    """Region eu1, 300 seconds, 2 GiB, certificates verified; no credentials, address, workspace or bundle."""
    assert held(name) == DEFAULTS[name]


@pytest.mark.parametrize("name", VALUES)
def test_each_source_beats_the_ones_after_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Argument, then configure(), then environment; each is seen by itself first."""
    values = VALUES[name]
    monkeypatch.setenv(f"CONNECTY_{name.upper()}", str(values["environment"]))
    assert held(name) == values["environment"]
    cf.configure(**{name: values["configure"]})
    assert held(name) == values["configure"]
    assert held(name, **{name: values["argument"]}) == values["argument"]


@pytest.mark.parametrize("name", VALUES)
def test_none_is_not_given(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument of None takes what the weaker sources say."""
    monkeypatch.setenv(f"CONNECTY_{name.upper()}", str(VALUES[name]["environment"]))

    assert held(name, **{name: None}) == VALUES[name]["environment"]


@pytest.mark.parametrize("name", VALUES)
def test_none_takes_a_configured_setting_back(name: str) -> None:
    """And the others stay."""
    other = "timeout" if name != "timeout" else "dw_id"
    cf.configure(**{name: VALUES[name]["configure"], other: 7})

    cf.configure(**{name: None})

    assert held(name) == DEFAULTS[name]
    assert resolve().address == EU
    assert held(other) == 7


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """``CONNECTY_DW_ID= connecty …`` unsets it, as shells have no other way."""
    for name in VALUES:
        monkeypatch.setenv(f"CONNECTY_{name.upper()}", "")

    assert [held(name) for name in DEFAULTS] == list(DEFAULTS.values())


def test_configure_adds_up() -> None:
    """Settings configured before stay."""
    cf.configure(client_id="a")
    cf.configure(client_secret="b")

    assert (held("client_id"), held("client_secret")) == ("a", "b")


def test_a_client_takes_what_is_configured() -> None:
    """Its own arguments count more."""
    cf.configure(client_id="a", client_secret="bbbb", dw_id=2, base_url="https://configure.example")

    with cf.Client() as client:
        assert repr(client) == "<Client … at https://configure.example, dw_id=2>"
    with cf.Client(dw_id=5) as client:
        assert repr(client) == "<Client … at https://configure.example, dw_id=5>"


# Address


@pytest.mark.parametrize(("region", "address"), [("eu1", EU), ("us1", US)])
def test_a_region_is_an_address(region: str, address: str) -> None:
    """That of the API document, without the final slash."""
    assert resolve(region=region).address == address


def test_an_address_takes_the_place_of_a_region() -> None:
    """Where one source names both."""
    assert resolve(region="us1", base_url="https://own.example").address == "https://own.example"


def test_a_region_beats_an_address_from_a_weaker_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who names a region in a call does not want yesterday's address of a sandbox."""
    monkeypatch.setenv("CONNECTY_BASE_URL", "https://environment.example")
    assert resolve().address == "https://environment.example"
    assert resolve(region="us1").address == US
    cf.configure(region="us1")
    assert resolve().address == US
    assert resolve(region="eu1").address == EU
    cf.configure(region=None, base_url="https://configure.example")
    assert resolve().address == "https://configure.example"
    assert resolve(region="us1").address == US


def test_a_region_does_not_beat_a_stronger_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor one of its own source in the environment."""
    monkeypatch.setenv("CONNECTY_REGION", "us1")
    monkeypatch.setenv("CONNECTY_BASE_URL", "https://environment.example")
    assert resolve().address == "https://environment.example"
    cf.configure(base_url="https://configure.example")
    assert resolve().address == "https://configure.example"


def test_the_region_configured_last_counts() -> None:
    """More than an address configured before it, and the other way round."""
    cf.configure(base_url="https://configure.example")
    cf.configure(region="us1")
    assert resolve().address == US
    cf.configure(base_url="https://configure.example")
    assert resolve().address == "https://configure.example"


def test_a_region_taken_back_takes_its_address_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of it is left to beat the environment."""
    cf.configure(region="us1")
    cf.configure(region=None)
    assert resolve().address == EU
    monkeypatch.setenv("CONNECTY_BASE_URL", "https://environment.example")
    assert resolve().address == "https://environment.example"


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("https://api.eu1.connecty-ai.com/", EU),
        ("https://api.eu1.connecty-ai.com///", EU),
        ("https://gateway.example/connecty/", "https://gateway.example/connecty"),
        ("https://gateway.example:8443", "https://gateway.example:8443"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_an_address_with_and_without_the_slash_is_the_same(given: str, address: str) -> None:
    """And http is for loopback."""
    assert resolve(base_url=given).address == address


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("", "expected an address such as https://api.eu1.connecty-ai.com"),
        ("api.eu1.connecty-ai.com", "expected an address such as"),
        ("ftp://api.eu1.connecty-ai.com", "expected an address such as"),
        ("https://", "expected an address such as"),
        ("https://user:word@api.example", "user information"),
        ("https://api.eu1.connecty-ai.com\\@evil.example", "user information"),
        ("https://api.example/?a=b", r"without \? or #"),
        ("https://api.example?", r"without \? or #"),
        ("https://api.example/#", r"without \? or #"),
        ("https://api.example/a b", "spaces and control characters"),
        ("https://api.example/\u202e", "spaces and control characters"),
        ("https://api.example:99999", "Port"),
        ("https://api.example:port", "Port"),
        ("https://[::1", "IPv6"),
        ("http://api.eu1.connecty-ai.com", "would send the secret in the clear; use https://"),
        ("http://localhost.example", "would send the secret in the clear"),
        ("http://10.0.0.1", "would send the secret in the clear"),
        (5, "valid string"),
    ],
)
def test_an_address_that_is_none_or_unsafe_is_refused(address: Any, reason: str) -> None:
    """Secrets and questions go there."""
    with pytest.raises(cf.ConfigError, match=reason) as raised:
        resolve(base_url=address)

    assert raised.value.setting == "base_url"


# Errors


#: What each setting refuses, and why.
WRONG: list[tuple[str, Any, str]] = [
    ("client_id", "", "it is empty"),
    ("client_id", " \n", "it is empty"),
    ("client_id", "a\nb", "without control characters"),
    ("client_id", 5, "valid string"),
    ("client_secret", "", "it is empty"),
    ("client_secret", f"{SECRET}\r\nX: y", "without control characters"),
    ("client_secret", 12345678, "valid string"),
    ("region", "eu", "'eu1' or 'us1'"),
    ("region", "EU1", "'eu1' or 'us1'"),
    ("region", ["eu1"], "'eu1' or 'us1'"),
    ("dw_id", -1, "greater than or equal to 0"),
    ("dw_id", "13", "expected a number, the whole one"),
    ("dw_id", 13.0, "expected a number, the whole one"),
    ("dw_id", 10**100, "less than 1"),
    ("dw_id", True, "expected a number"),
    ("timeout", 0, "greater than 0"),
    ("timeout", "60", "expected a number of seconds"),
    ("timeout", float("nan"), "finite number"),
    ("timeout", float("inf"), "2592000|finite number"),
    ("timeout", 1e12, "less than or equal to 2592000"),
    ("timeout", True, "expected a number"),
    ("max_body_bytes", 0, "greater than 0"),
    ("max_body_bytes", "1", "expected a number of bytes"),
    ("max_body_bytes", True, "expected a number"),
    ("verify_tls", "no", "expected True or False"),
    ("verify_tls", 0, "expected True or False"),
    ("ca_bundle", 7, "not a valid path"),
]


@pytest.mark.parametrize(("name", "value", "reason"), WRONG)
def test_a_wrong_argument_is_named(name: str, value: Any, reason: str) -> None:
    """With what is wrong, and without its value, which may be a secret."""
    with pytest.raises(cf.ConfigError, match=rf"^{name} \(given\): .*({reason})") as raised:
        resolve(**{name: value})

    assert raised.value.setting == name
    assert SECRET not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize(("name", "value", "reason"), WRONG)
def test_a_wrong_setting_is_not_configured(name: str, value: Any, reason: str) -> None:
    """It is told at once, and what held before goes on to hold."""
    with pytest.raises(cf.ConfigError, match=rf"^{name} \(given\): .*({reason})"):
        cf.configure(**{name: value})

    assert held(name) == DEFAULTS[name]


@pytest.mark.parametrize(
    ("name", "value"),
    [("REGION", "mars"), ("DW_ID", "x"), ("TIMEOUT", "-1"), ("BASE_URL", "http://a.example")],
)
def test_a_wrong_variable_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the variable that it is, so that one knows where to look."""
    monkeypatch.setenv(f"CONNECTY_{name}", value)

    with pytest.raises(cf.ConfigError, match=rf"environment variable CONNECTY_{name}\): "):
        resolve()


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({"clientid": "a"}, r"did you mean 'client_id'\?"),
        (
            {"url": "a"},
            "there are client_id, client_secret, region, base_url, dw_id, timeout, max_body_bytes, ",
        ),
    ],
)
def test_an_unknown_setting_is_refused(given: dict[str, str], hint: str) -> None:
    """With the nearest one, or all."""
    with pytest.raises(cf.ConfigError, match=hint):
        cf.configure(**given)


def test_nothing_is_configured_where_something_is_wrong() -> None:
    """Neither the wrong setting nor the right one beside it."""
    cf.configure(dw_id=3)

    with pytest.raises(cf.ConfigError, match="timeout"):
        cf.configure(dw_id=4, timeout=-1)

    assert (held("dw_id"), held("timeout")) == (3, 300.0)


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, ["client_id", "client_secret"]),
        ({"client_id": "a"}, ["client_secret"]),
        ({"client_secret": "b"}, ["client_id"]),
    ],
)
def test_missing_credentials_are_named(given: dict[str, str], missing: list[str]) -> None:
    """What is missing, where it may be set, and how to try the sandbox; never an answer from sample data."""
    cf.configure(**given)

    for call in (cf.Client, lambda: cf.ask_df("how many?", dw_id=13), lambda: cf.ask("how many?", dw_id=13)):
        with pytest.raises(cf.ConfigError) as raised:
            call()
        message = str(raised.value)
        assert raised.value.setting == missing[0]
        assert [name for name in ("client_id", "client_secret") if f"{name} (" in message] == missing
        for name in missing:
            assert f"environment: CONNECTY_{name.upper()}" in message
        assert "connecty_frames.configure()" in message
        assert "`connecty sandbox`" in message
        assert "Client(**sandbox.connection)" in message


def test_the_way_to_the_sandbox_that_it_tells_works() -> None:
    """The lines of the message, run."""
    with pytest.raises(cf.ConfigError) as raised:
        cf.Client()
    parts = str(raised.value).split("`")
    assert parts[3:7:2] == [
        "from connecty_frames.sandbox import Sandbox",
        "with Sandbox() as sandbox: Client(**sandbox.connection)",
    ]

    from connecty_frames.sandbox import Sandbox

    with Sandbox() as sandbox, cf.Client(**sandbox.connection) as client:
        assert client.health() is True


# Secrets


def test_no_setting_shows_the_secret() -> None:
    """Neither in a repr nor in a text nor as JSON; it is there for those who ask for it."""
    settings = resolve(client_id="a", client_secret=SECRET)

    for shown in (repr(settings), str(settings), settings.model_dump_json(), str(settings.model_dump())):
        assert SECRET not in shown
    assert settings.credentials[1].get_secret_value() == SECRET


def test_no_error_shows_the_secret() -> None:
    """Also where another setting is wrong, with the locals of every frame written out."""
    with pytest.raises(cf.ConfigError) as raised:
        cf.Client(client_id="a", client_secret=SECRET, region="mars")  # type: ignore[arg-type]

    trace = traceback.TracebackException.from_exception(raised.value, capture_locals=True)
    ours = [
        frame
        for frame in trace.stack
        if "connecty_frames" in frame.filename and "tests" not in frame.filename
    ]
    shown = "".join(trace.format_exception_only()) + str([frame.locals for frame in ours])
    assert SECRET not in shown


def test_a_secret_may_be_wrapped_already() -> None:
    """As one that was read out of a vault is."""
    assert held("client_secret", client_secret=SecretStr(SECRET)) == SECRET


def test_settings_that_are_the_same_are_equal() -> None:
    """And have one hash: the verbs share one client for them."""
    first = resolve(client_id="a", client_secret="b", dw_id=np.int64(1))
    second = resolve(client_id="a", client_secret=SecretStr("b"), dw_id=1)

    assert first == second
    assert hash(first) == hash(second)
    assert first != resolve(client_id="a", client_secret="other", dw_id=1)
