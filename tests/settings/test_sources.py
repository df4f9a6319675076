"""Connection settings: their sources and precedence, and that secrets are never shown."""

import json
import os
import re
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from pydantic import SecretStr as PydanticSecret

import connecty_frames as cf
from connecty_frames._base.text import SecretStr, hidden
from connecty_frames.errors import ConfigError
from connecty_frames.settings import sources as config
from connecty_frames.settings.sources import explain, resolve
from connecty_frames.settings.values import NAMES
from tests.cases import cases

EU = "https://api.eu1.connecty-ai.com"
US = "https://api.us1.connecty-ai.com"
SECRET = "canary-secret-value"


class Values(NamedTuple):
    """The default of a setting, and a value of each source, the weakest first; each differs from the next."""

    default: Any
    profile: Any
    environment: Any
    configure: Any
    argument: Any


SETTINGS = {
    "client_id": Values(None, "profile", "environment", "configure", "argument"),
    "client_secret": Values(None, "p-secret", "e-secret", "c-secret", "a-secret"),
    "region": Values("eu1", "us1", "eu1", "us1", "eu1"),
    "base_url": Values(None, "https://p.com", "https://e.com", "https://c.com", "https://a.com"),
    "dw_id": Values(None, 4, 3, 2, 1),
    "timeout": Values(300.0, 40, 30.0, 20.0, 10.0),
    "max_body_bytes": Values(2_147_483_648, 4, 3, 2, 1),
    "verify_tls": Values(True, False, True, False, True),
    "ca_bundle": Values(None, Path("/p.pem"), Path("/e.pem"), Path("/c.pem"), Path("/a.pem")),
    "history": Values(False, Path("/p.db"), True, Path("/c.db"), "require"),
    "history_required": Values(False, True, False, True, False),
    "max_questions_per_day": Values(None, 4, 3, 2, 1),
    "keep_answers": Values(False, True, False, True, False),
    "keep_answers_max_bytes": Values(1_073_741_824, 4, 3, 2, 1),
    "keep_answers_max_age": Values(None, "4d", "3d", "2d", "1d"),
}
DEFAULTS = {name: values.default for name, values in SETTINGS.items()}


def value_of(name: str, **arguments: Any) -> Any:
    value = getattr(resolve(**arguments), name)
    return value.get_secret_value() if isinstance(value, SecretStr) else value


# Sources


def test_the_tables_name_every_setting() -> None:
    """Those of values and of wrong values; that of the profile's name has tests of its own."""
    assert (*SETTINGS, "profile") == NAMES
    assert {name for name, _, _ in WRONG} == set(NAMES)


@pytest.mark.parametrize("name", SETTINGS)
def test_the_precedence_of_sources(name: str, write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Argument, then configure(), environment and profile; None is as not given."""
    values = SETTINGS[name]
    text = values.profile if isinstance(values.profile, int) else str(values.profile)
    write(f"[default]\n{name} = {json.dumps(text)}\n")
    assert value_of(name) == values.profile
    monkeypatch.setenv(f"CONNECTY_{name.upper()}", str(values.environment))
    assert value_of(name) == values.environment
    cf.configure(**{name: values.configure})
    assert value_of(name) == values.configure
    assert value_of(name, **{name: values.argument}) == values.argument
    assert value_of(name, **{name: None}) == values.configure


@cases("name", SETTINGS)
def test_none_unsets_a_configured_setting(name: str) -> None:
    """Its default applies. Other settings are not affected."""
    other = "timeout" if name != "timeout" else "dw_id"
    cf.configure(**{name: SETTINGS[name].configure, other: 7})
    cf.configure(**{name: None})
    assert value_of(name) == DEFAULTS[name]
    assert resolve().address == EU
    assert value_of(other) == 7


def test_an_empty_variable_is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in ``CONNECTY_DW_ID= connecty …``, the only way to unset it for one command of a shell."""
    for name in SETTINGS:
        monkeypatch.setenv(f"CONNECTY_{name.upper()}", "")
    assert [value_of(name) for name in DEFAULTS] == list(DEFAULTS.values())


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("CONNECTY_SANDBOX", "", False),
        ("CONNECTY_SANDBOX", "false", False),
        ("connecty_sandbox", "1 ", True),
        ("Connecty_Sandbox", "TRUE", True),
    ],
)
def test_the_environment_chooses_the_sandbox(
    name: str, value: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the words of every setting that is true or false; another is an error that names the variable."""
    assert config.wants_sandbox() is False
    monkeypatch.setenv(name, value)
    assert config.wants_sandbox() is expected
    monkeypatch.setenv(name, "maybe")
    with pytest.raises(cf.ConfigError) as raised:
        config.wants_sandbox()
    assert str(raised.value) == "CONNECTY_SANDBOX=maybe in the environment: expected 1 or 0."


def test_threads_that_configure_at_once_lose_nothing() -> None:
    """Each setting has the value that was set last."""
    changes: list[Any] = [{"dw_id": 7}, {"timeout": 7.0}, {"max_body_bytes": 7}, {"history": True}]
    lost = []
    with ThreadPoolExecutor(len(changes)) as pool:
        for _ in range(300):
            config.swap_configured({})
            list(pool.map(lambda change: cf.configure(**change), changes))
            settings = resolve()
            lost += [
                name
                for change in changes
                for name, value in change.items()
                if getattr(settings, name) != value
            ]

    assert lost == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_child_can_configure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while another thread of its parent configures."""
    configuring, forked = threading.Event(), threading.Event()
    read = config._sources

    def slowly(*sources: Any) -> Any:
        configuring.set()
        forked.wait(20)
        return read(*sources)

    with monkeypatch.context() as patch, ThreadPoolExecutor() as pool:
        patch.setattr(config, "_sources", slowly)
        pool.submit(cf.configure, dw_id=7)
        configuring.wait()
        patch.setattr(config, "_sources", read)
        child = os.fork()
        if not child:
            signal.alarm(5)
            cf.configure(dw_id=8)
            os._exit(value_of("dw_id"))
        forked.set()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 8


def test_a_client_takes_what_is_configured() -> None:
    """Its arguments take precedence."""
    cf.configure(client_id="a", client_secret="bbbb", dw_id=2, base_url="https://configure.example")
    with cf.Client() as client:
        assert repr(client) == "<Client … at https://configure.example, dw_id=2>"
    with cf.Client(dw_id=5) as client:
        assert repr(client) == "<Client … at https://configure.example, dw_id=5>"


# Address


@pytest.mark.parametrize(
    ("profile", "environment", "configured", "argument", "address"),
    [
        ("", "", "", "eu1", EU),
        ("", "", "", "us1", US),
        # An address takes precedence over a region of the same source.
        ("", "", "", "us1 https://a.example", "https://a.example"),
        ("", "us1 https://e.example", "", "", "https://e.example"),
        # A region takes precedence over an address of a weaker one, such as that of a sandbox left there.
        ("https://p.example", "", "", "", "https://p.example"),
        ("https://p.example", "", "", "us1", US),
        ("https://p.example", "us1", "", "", US),
        ("", "https://e.example", "us1", "", US),
        ("", "https://e.example", "us1", "eu1", EU),
        ("", "", "https://c.example", "us1", US),
        # And a stronger address over a region.
        ("us1", "https://e.example", "", "", "https://e.example"),
        ("", "us1", "https://c.example", "", "https://c.example"),
    ],
)
def test_region_and_address_are_one_decision(
    profile: str,
    environment: str,
    configured: str,
    argument: str,
    address: str,
    write: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The strongest source that names either decides."""

    def named(text: str) -> dict[str, Any]:
        return {"base_url" if ":" in each else "region": each for each in text.split()}

    write("[default]\n" + "".join(f'{name} = "{value}"\n' for name, value in named(profile).items()))
    for name, value in named(environment).items():
        monkeypatch.setenv(f"CONNECTY_{name.upper()}", value)
    cf.configure(**named(configured))
    assert resolve(**named(argument)).address == address


def test_the_last_configured_of_region_and_address_applies(monkeypatch: pytest.MonkeyPatch) -> None:
    """In either order; a region that is unset no longer takes precedence over the environment."""
    cf.configure(base_url="https://configure.example")
    cf.configure(region="us1")
    assert resolve().address == US
    cf.configure(base_url="https://configure.example")
    assert resolve().address == "https://configure.example"
    cf.configure(region="us1")
    monkeypatch.setenv("CONNECTY_BASE_URL", "https://environment.example")
    cf.configure(region=None, base_url=None)
    assert resolve().address == "https://environment.example"


@cases(
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
    """Loopback addresses may use http."""
    assert resolve(base_url=given).address == address


@cases(
    ("address", "reason"),
    [
        ("", "expected an address such as https://api.eu1.connecty-ai.com"),
        ("api.eu1.connecty-ai.com", "expected an address such as"),
        ("ftp://api.eu1.connecty-ai.com", "expected an address such as"),
        ("https://", "expected an address such as"),
        ("https://user:word@api.example", "without user and password"),
        ("https://api.eu1.connecty-ai.com\\@evil.example", "without user and password"),
        ("https://api.example/?a=b", "spaces and control characters"),
        ("https://api.example?", "spaces and control characters"),
        ("https://api.example/#", "spaces and control characters"),
        ("https://api.example/a b", "spaces and control characters"),
        ("https://api.example/\u202e", "spaces and control characters"),
        ("https://api.example:99999", "its host or port is not valid"),
        ("https://api.example:port", "its host or port is not valid"),
        ("https://[::1", "its host or port is not valid"),
        (f"https://id:{SECRET}", "its host or port is not valid"),
        (f"https://id:{SECRET}\u2100@a.example", "its host or port is not valid"),
        ("http://api.eu1.connecty-ai.com", "would send the secret unencrypted; use https://"),
        ("http://localhost.example", "would send the secret unencrypted"),
        ("http://10.0.0.1", "would send the secret unencrypted"),
        (5, "expected text"),
    ],
)
def test_an_invalid_or_unsafe_address_is_refused(address: Any, reason: str) -> None:
    """Secrets and questions are sent there. No part of it that may be a password is shown."""
    with pytest.raises(cf.ConfigError, match=reason) as raised:
        resolve(base_url=address)
    assert raised.value.setting == "base_url"
    assert SECRET not in str(raised.value)


# Errors


#: Invalid values of each setting, and the reason.
WRONG: list[tuple[str, Any, str]] = [
    ("client_id", "", "it is empty"),
    ("client_id", " \n", "it is empty"),
    ("client_id", "a\nb", "without control characters"),
    ("client_id", 5, "expected text"),
    ("client_secret", "", "it is empty"),
    ("client_secret", f"{SECRET}\r\nX: y", "without control characters"),
    ("client_secret", 12345678, "expected text"),
    ("region", "eu", "'eu1' or 'us1'"),
    ("region", "EU1", "'eu1' or 'us1'"),
    ("region", ["eu1"], "'eu1' or 'us1'"),
    ("base_url", "http://a.example", "would send the secret unencrypted"),
    ("dw_id", -1, "expected a whole number, the workspace id"),
    ("dw_id", "13", "expected a whole number, the workspace id"),
    ("dw_id", 13.0, "expected a whole number, the workspace id"),
    ("dw_id", 10**100, "expected a whole number, the workspace id"),
    ("dw_id", True, "expected a whole number, the workspace id"),
    ("timeout", 0, "above 0 and at most 2592000"),
    ("timeout", "60", "expected a number of seconds"),
    ("timeout", float("nan"), "above 0 and at most 2592000"),
    ("timeout", float("inf"), "above 0 and at most 2592000"),
    ("timeout", 1e12, "above 0 and at most 2592000"),
    ("timeout", True, "expected a number"),
    ("max_body_bytes", 0, "expected a number of bytes above 0"),
    ("max_body_bytes", "1", "expected a number of bytes"),
    ("max_body_bytes", True, "expected a number"),
    ("verify_tls", "no", "expected True or False"),
    ("verify_tls", 0, "expected True or False"),
    ("ca_bundle", 7, "expected a path"),
    ("history", 1, r"expected True \(1\), False \(0\), 'require', the path of a file, or postgresql://user@"),
    *(("history", word, r"expected True \(1\), False \(0\)") for word in ("", "off", ".", "on", "YES", "no")),
    ("history", "a\0b", "NUL"),
    ("history_required", 1, "expected True or False"),
    *(
        ("max_questions_per_day", value, "expected a whole number above 0")
        for value in (0, -1, 2**63, 1.0, "many", True, {"a": 0}, {"a": "1"})
    ),
    ("max_questions_per_day", {}, "such numbers by job"),
    ("max_questions_per_day", {1: 1}, "such numbers by job"),
    ("max_questions_per_day", {"a\n": 1}, "control"),
    ("keep_answers", 1, "expected True or False"),
    ("keep_answers_max_bytes", 0, "above 0 and at most 9223372036854775807"),
    ("keep_answers_max_bytes", 2**63, "above 0 and at most 9223372036854775807"),
    ("keep_answers_max_bytes", True, "expected a number"),
    ("keep_answers_max_age", 0, "expected an age above 0: seconds, a timedelta, or text such as '30d'"),
    ("keep_answers_max_age", "a month", "expected an age above 0"),
    ("profile", 5, "expected text"),
    ("profile", "", "it is empty"),
]


@cases(("name", "value", "reason"), WRONG)
def test_a_wrong_argument_is_named(name: str, value: Any, reason: str) -> None:
    """With the reason, and without its value, which may be a secret; configure() changes nothing then."""
    for call in (resolve, cf.configure):
        with pytest.raises(cf.ConfigError, match=rf"^{name} \(argument\): .*({reason})") as raised:
            call(**{name: value})
        assert raised.value.setting == name
        assert SECRET not in "".join(traceback.format_exception(raised.value))
    assert value_of(name) == DEFAULTS.get(name)


@cases(
    ("name", "value"),
    [
        ("dw_id", 0),
        ("dw_id", 10**100 - 1),
        ("timeout", 2_592_000.0),
        ("max_body_bytes", 2**70),
        ("max_questions_per_day", 1),
        ("max_questions_per_day", 2**63 - 1),
        ("keep_answers_max_bytes", 2**63 - 1),
    ],
)
def test_the_least_and_the_greatest_number(name: str, value: float) -> None:
    """Both are accepted."""
    assert getattr(resolve(**{name: value}), name) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REGION", "mars"),
        ("DW_ID", "x"),
        ("DW_ID", "9" * 5_000),
        ("TIMEOUT", "-1"),
        ("TIMEOUT", "1e999"),
        ("TIMEOUT", "nan"),
        ("BASE_URL", "http://a.example"),
    ],
)
def test_a_wrong_variable_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the name of the variable."""
    monkeypatch.setenv(f"CONNECTY_{name}", value)
    with pytest.raises(cf.ConfigError, match=rf"environment variable CONNECTY_{name}\): "):
        resolve()


@cases(
    ("given", "hint"),
    [
        ({"clientid": "a"}, r"did you mean 'client_id'\?"),
        ({"time_out": None}, r"did you mean 'timeout'\?"),
        ({"engine": "polars"}, "Unknown setting 'engine' .*; expected one of client_id, "),
        (
            {"url": "a"},
            "expected one of client_id, client_secret, region, base_url, dw_id, timeout, max_body_bytes, ",
        ),
    ],
)
def test_an_unknown_setting_is_refused(given: dict[str, str], hint: str) -> None:
    """With the closest name, or all of them, also if it is None."""
    for function in (cf.configure, cf.Client):
        with pytest.raises(cf.ConfigError, match=hint):
            function(**given)


def test_configure_is_all_or_nothing() -> None:
    """A valid setting beside a wrong one is not set either; what was set before stays, limits by job too."""
    cf.configure(dw_id=3, max_questions_per_day={"nightly": 3})
    with pytest.raises(cf.ConfigError, match="timeout"):
        cf.configure(dw_id=4, timeout=-1)
    assert (value_of("dw_id"), value_of("timeout")) == (3, 300.0)
    cf.configure(timeout=5)
    assert value_of("max_questions_per_day") == (("nightly", 3),)


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, ["client_id", "client_secret"]),
        ({"client_id": "a"}, ["client_secret"]),
        ({"client_secret": "b"}, ["client_id"]),
    ],
)
def test_missing_credentials_are_named(given: dict[str, str], missing: list[str]) -> None:
    """What is missing, how to set it, and how to try the sandbox; never an answer from sample data."""
    cf.configure(**given)
    for call in (cf.Client, lambda: cf.ask_df("how many?", dw_id=13), lambda: cf.ask("how many?", dw_id=13)):
        with pytest.raises(cf.ConfigError) as raised:
            call()
        message = str(raised.value)
        assert raised.value.setting == missing[0]
        assert message.startswith(f"No {' and '.join(missing)}. ")
        for way in ("`connecty login`", "CONNECTY_CLIENT_SECRET", "cf.configure()", "cf.use_sandbox()"):
            assert way in message


def test_the_code_in_the_message_works() -> None:
    """The code that the message shows starts a sandbox."""
    with pytest.raises(cf.ConfigError) as raised:
        cf.Client()
    code = str(raised.value).partition("Without an account, call ")[2].partition(" ")[0]
    assert code == "cf.use_sandbox()"
    with eval(code), cf.Client() as client:
        assert client.health() is True


# Secrets


@cases("wrong", ["region", "dw_id", "base_url", "clientsecret"])
@cases("call", [cf.Client, cf.configure, resolve])
@cases("kind", [str, str.encode, Path])
def test_no_error_of_a_call_shows_its_secret(call: Any, wrong: str, kind: Any) -> None:
    """Also if it is given to another setting, with the locals of every frame of the package."""
    with pytest.raises(cf.ConfigError) as raised:
        call(client_id="a", client_secret=SECRET, **{wrong: kind(SECRET)})
    trace = traceback.TracebackException.from_exception(raised.value, capture_locals=True)
    below = [frame.locals for frame in trace.stack if frame.filename != __file__]
    assert SECRET not in "".join(trace.format_exception_only()) + str(below)


def test_a_secret_may_be_wrapped_already() -> None:
    """As a SecretStr, ours or that of pydantic."""
    assert value_of("client_secret", client_secret=SecretStr(SECRET)) == SECRET
    assert value_of("client_secret", client_secret=PydanticSecret(SECRET)) == SECRET


class _Wrapped:
    def __init__(self, value: object) -> None:
        self._value = value

    def get_secret_value(self) -> Any:
        if isinstance(self._value, Exception):
            raise self._value
        return self._value


@cases("value", [1, None, SECRET.encode(), ValueError(SECRET), RuntimeError(SECRET)])
def test_a_wrapped_secret_that_cannot_be_read_is_an_error(value: object) -> None:
    """Which shows nothing of what the other object said."""
    with pytest.raises(cf.ConfigError, match=r"^client_secret \(argument\): expected text\.$") as raised:
        resolve(client_secret=_Wrapped(value))
    assert (raised.value.__cause__, raised.value.__context__) == (None, None)


class _Region(str, Enum):  # noqa: UP042 - unlike StrEnum, its members are shown by their names
    EU = "eu1"


@cases("text", [_Region.EU, np.str_("eu1")])
def test_text_of_another_class_is_plain_text(text: str) -> None:
    """As it would be sent, compared and shown as something else."""
    for name in ("client_id", "client_secret", "region", "profile"):
        value = hidden(getattr(config.check_settings({name: text}), name)).get_secret_value()
        assert (type(value), value) == (str, "eu1")
    assert config.check_settings({"ca_bundle": text}).ca_bundle == Path("eu1")


class _PathLike:
    def __init__(self, path: object) -> None:
        self._path = path

    def __fspath__(self) -> Any:
        if isinstance(self._path, Exception):
            raise self._path
        return self._path


@cases("path", [b"/a", 7, None, OSError(5, SECRET), ValueError(SECRET), "a\0b"])
@cases("name", ["ca_bundle", "history"])
def test_an_object_that_has_no_path_is_an_error(name: str, path: object) -> None:
    """Whatever it raises when it is asked for one."""
    with pytest.raises(cf.ConfigError, match=rf"^{name} \(argument\): expected a path") as raised:
        resolve(**{name: _PathLike(path)})
    assert SECRET not in str(raised.value)


def test_settings_that_are_the_same_are_equal() -> None:
    """And have the same hash: calls with equal settings share a client."""
    first = resolve(client_id="a", client_secret="b", dw_id=np.int64(1))
    second = resolve(client_id="a", client_secret=SecretStr("b"), dw_id=1)
    assert (first, hash(first)) == (second, hash(second))
    assert first != resolve(client_id="a", client_secret="other", dw_id=1)


# Profiles


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that writes a private file of profiles and sets CONNECTY_CONFIG."""
    file = tmp_path / "config.toml"
    monkeypatch.setenv("CONNECTY_CONFIG", str(file))

    def write(text: str, mode: int = 0o600) -> Path:
        file.write_bytes(text.encode())
        file.chmod(mode)
        return file

    return write


def test_a_profile_is_named_by_each_source(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The strongest source applies, and the profile `default` without any."""
    write("[default]\ndw_id = 1\n[a]\ndw_id = 2\n[b]\ndw_id = 3\n[c]\ndw_id = 4\n")
    assert value_of("dw_id") == 1
    monkeypatch.setenv("CONNECTY_PROFILE", "a")
    assert value_of("dw_id") == 2
    cf.configure(profile="b")
    assert value_of("dw_id") == 3
    assert value_of("dw_id", profile="c") == 4
    with cf.Client("x", client_secret="yyyy", profile="c") as client:
        assert "dw_id=4" in repr(client)


def test_a_profile_does_not_inherit(write: Any) -> None:
    """Settings of the default profile do not apply to another."""
    write('[default]\nclient_id = "a"\ndw_id = 1\n[b]\ntimeout = 5\n')
    assert (value_of("client_id", profile="b"), value_of("dw_id", profile="b")) == (None, None)


@pytest.mark.parametrize("name", ["ca_bundle", "history"])
def test_a_path_is_relative_to_the_file(write: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not to the working directory; absolute paths, `~` and the words of ``history`` are unaffected."""
    paths = {"a": "ca.pem", "b": "~/ca.pem", "c": "/ca.pem"}
    file = write("".join(f'[{profile}]\n{name} = "{path}"\n' for profile, path in paths.items()))
    monkeypatch.setenv("HOME", "/home/ada")
    found = [value_of(name, profile=profile) for profile in paths]
    assert found == [file.parent / "ca.pem", Path("/home/ada/ca.pem"), Path("/ca.pem")]
    write('[a]\nhistory = "require"\n[b]\nhistory = true\n')
    assert [value_of("history", profile=profile) for profile in "ab"] == ["require", True]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", True),
        ("true", True),
        ("TRUE", True),
        ("0", False),
        ("False", False),
        ("require", "require"),
        ("Require", "require"),
        ("h.db", Path("h.db")),
        ("~/h.db", Path("/home/ada/h.db")),
    ],
)
def test_the_history_as_text(text: str, expected: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """A word, or the path of a file."""
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("CONNECTY_HISTORY", text)
    assert value_of("history") == expected


def test_the_file_may_be_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The usual one may be missing; a file or a profile that is named must exist."""
    monkeypatch.delenv("CONNECTY_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert value_of("dw_id") is None
    with pytest.raises(cf.ConfigError, match=r"has none\. To create .*: connecty login --profile a$"):
        resolve(profile="a")
    monkeypatch.setenv("CONNECTY_CONFIG", str(tmp_path / "named.toml"))
    with pytest.raises(cf.ConfigError, match=r"The profiles in .*named\.toml cannot be read: No such file"):
        resolve()


@pytest.mark.skipif(sys.platform != "linux", reason="where the file is depends on the platform")
def test_the_usual_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The one of the platform; on Linux, that of XDG."""
    monkeypatch.delenv("CONNECTY_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "connecty").mkdir()
    (tmp_path / "connecty" / "config.toml").write_text("[default]\ndw_id = 5\n")
    assert value_of("dw_id") == 5


@cases(
    ("text", "message"),
    [
        ("[default]\ndw_id = \n", r"config\.toml is not valid TOML: .*\(at line 2, column 9\)\. Correct it"),
        ("[a]\n[a]\n", r"is not valid TOML: .*\(at line 2, "),
        ("dw_id = 5\n", r"'dw_id' in .*config\.toml does not belong to a profile; put it under \[default\]"),
        (
            '[default]\ndw_id = "5"\n',
            r"^dw_id \(profile default in .*config\.toml\): expected a whole number",
        ),
        ("[default]\ntimeout = -1\n", r"^timeout \(profile default in .*\): expected a number of seconds"),
        ("[default]\ntimeout = true\n", r"^timeout \(profile default in .*\): expected a number"),
        ("[default]\nclientid = 1\n", r"Unknown setting 'clientid' \(profile default in .*'client_id'\?$"),
        ('[default]\nprofile = "b"\n', r"^profile \(profile default in .*\): a profile cannot name another"),
        ("[default.client_id]\na = 1\n", r"^client_id \(profile default in .*\): expected text"),
        ('[default]\nbase_url = "http://a.example"\n', r"^base_url \(profile .*\): http:// would send the"),
        ('[default]\nca_bundle = "a\\u0000b"\n', r"^ca_bundle \(profile default in .*NUL"),
    ],
)
def test_an_invalid_file(write: Any, text: str, message: str) -> None:
    """The error names the file, and the line or the setting."""
    write(text)
    with pytest.raises(cf.ConfigError, match=message):
        resolve()


def test_many_profiles(write: Any) -> None:
    """The error lists ten of them and the number of the others."""
    write("".join(f"[p{at}]\n" for at in range(3_000)))
    with pytest.raises(cf.ConfigError, match=r"it has p0, p1, .* p9 and 2,990 more\. To"):
        resolve(profile="x")


def test_a_path_of_any_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control characters are escaped in an error, and a long path is shortened."""
    monkeypatch.setenv("CONNECTY_CONFIG", "\x1b[2J  " + "x" * 100_000)
    with pytest.raises(cf.ConfigError) as raised:
        resolve()
    assert str(raised.value) == (
        f"The profiles in \\x1b[2J  {'x' * 494}… (99,506 more characters) cannot be read: File name too "
        "long. Set CONNECTY_CONFIG to another file."
    )


def test_an_unknown_profile(write: Any) -> None:
    """The error lists the known profiles; configure() raises it too."""
    file = write("[default]\n[staging]\n")
    create = "To create the profile, run: connecty login --profile x"
    message = f"No profile 'x' in {file}; it has default, staging. {create}"

    for call in (resolve, cf.configure, cf.Client):
        with pytest.raises(cf.ConfigError) as raised:
            call(profile="x")
        assert str(raised.value) == message
    assert "configure()" not in [source for _, _, source in config.explain()]
    write("")
    with pytest.raises(cf.ConfigError, match=r"No profile 'x' in .*; it has none\."):
        resolve(profile="x")


def test_an_account_of_the_code_does_not_turn_to_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given or configured: its credentials are not sent there."""
    sandbox = {"client_id": "s", "client_secret": "t", "base_url": "http://localhost:1", "dw_id": 1}
    monkeypatch.setattr(config._process, "sandbox", sandbox)
    assert (value_of("base_url"), value_of("dw_id")) == ("http://localhost:1", 1)
    assert ("dw_id", 1, "use_sandbox()") in explain()
    assert resolve(client_id="a").base_url is None
    cf.configure(client_id="a", client_secret="b")
    assert (value_of("base_url"), value_of("dw_id")) == (None, None)


@cases("name", ["", " ", "a\x1b[2J", 5])
def test_an_invalid_name_of_a_profile(write: Any, name: Any) -> None:
    """Its control characters are escaped."""
    write("[default]\n")
    with pytest.raises(cf.ConfigError) as raised:
        resolve(profile=name)
    assert "\x1b" not in str(raised.value)


def test_a_byte_order_mark_is_ignored(write: Any) -> None:
    """And so are line breaks of Windows."""
    write("\ufeff[default]\r\ndw_id = 5\r\n")
    assert value_of("dw_id") == 5


@cases(
    ("content", "reason"),
    [
        (b"[default]\na = " + b"[" * 50_000 + b"]" * 50_000, "its values are nested too deeply"),
        (b"[default]\ndw_id = " + b"9" * 5_000, "a number in it has too many digits"),
        (b"#" * 1_048_577, "it is longer than 1,048,576 bytes"),
        (b"[default]\nclient_id = '\0'", r"Found invalid character '\\x00' \(at line 2"),
        (b"[default]\n\xff", "it is not UTF-8 text"),
    ],
    ids=["nested", "digits", "long", "NUL", "bytes"],
)
def test_a_file_that_cannot_be_parsed(write: Any, content: bytes, reason: str) -> None:
    """A ConfigError with the file and the reason, whatever the TOML reader raises."""
    file = write("")
    file.write_bytes(content)
    with pytest.raises(cf.ConfigError, match=rf"^{file} is not valid TOML: {reason}") as raised:
        resolve()
    assert raised.value.setting == "profile"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
def test_a_file_that_is_not_regular(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening a pipe would block, and reading a device, also behind a link, would never end."""
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to("/dev/zero")
    for path, reason in {
        pipe: "Not a regular file",
        link: "Not a regular file",
        "/dev/zero": "Not a regular file",
        tmp_path: "Is a directory",
    }.items():
        monkeypatch.setenv("CONNECTY_CONFIG", str(path))
        with pytest.raises(cf.ConfigError, match=rf"cannot be read: {reason}\. Set CONNECTY_CONFIG"):
            resolve()


def test_a_symbolic_link(write: Any, tmp_path: Path) -> None:
    """It is followed, as for settings under version control."""
    kept = write(f'[default]\nclient_secret = "{SECRET}"\n').rename(tmp_path / "kept.toml")
    (tmp_path / "config.toml").symlink_to(kept)
    assert value_of("client_secret") == SECRET


@pytest.mark.skipif(
    getattr(os, "geteuid", lambda: None)() != 0, reason="only root can give a file to somebody else"
)
@pytest.mark.parametrize("text", [f'[default]\nclient_secret = "{SECRET}"\n', "[default]\ndw_id = 5\n"])
def test_a_file_of_another_user_is_refused(write: Any, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its owner could send questions elsewhere. A file of root is accepted."""
    file = write(text)
    os.chown(file, 12345, -1)
    with pytest.raises(
        cf.ConfigError, match=rf"^{file} belongs to another user \(uid 12345\).* chown 0 {file}$"
    ) as raised:
        resolve()
    assert raised.value.setting == "profile"
    os.chown(file, 0, -1)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert resolve() is not None


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such bits")
@cases("mode", [0o640, 0o604, 0o620, 0o602, 0o777])
@cases("table", ["default", "other"])
def test_a_secret_that_others_can_read_is_refused(write: Any, mode: int, table: str) -> None:
    """In any profile; the error has the command that corrects it."""
    file = write(f'[{table}]\nclient_secret = "{SECRET}"\n', mode)
    with pytest.raises(cf.ConfigError, match=rf"\(mode {mode:o}\)\. Run: chmod 600 {file}$") as raised:
        resolve()
    assert raised.value.setting == "client_secret"
    file.chmod(0o600)  # as seen by the next call
    assert value_of("client_secret", profile=table) == SECRET


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such bits")
def test_a_file_without_a_secret_may_be_read_by_all(write: Any) -> None:
    """It has nothing to protect."""
    write('[default]\nclient_id = "a"\n', 0o644)
    assert value_of("client_id") == "a"


@cases(
    "text",
    [
        f'[default]\nclient_secret = "{SECRET}"\ndw_id = -1\n',
        f'[default]\nclient_secret = "{SECRET}\\n"\n',
        f'[default]\nclient_secret = "{SECRET}"\nx = \n',
        f'[default]\nclient_secret = "{SECRET}"\nunknown = 1\n',
        f'client_secret = "{SECRET}"\n',
        f'[default]\nclient_secret = ["{SECRET}"]\n',
        f'[default]\nclient_secret = "{SECRET}"\nx = {"[" * 50_000}\n',
        f'[default]\nclient_secret = "{SECRET}"\nx = {"9" * 5_000}\n',
        f'[default]\nclient_secret = "{SECRET}"\nca_bundle = "\\u0000"\n',
    ],
    ids=range(9),
)
@cases("call", [resolve, cf.configure, cf.Client, cf.ask_many])
def test_no_error_of_a_file_shows_its_secret(write: Any, text: str, call: Any) -> None:
    """Neither its message nor the locals of its frames, those of its causes included."""
    write(text)
    with pytest.raises(cf.ConfigError) as raised:
        call(*[["x"]] if call is cf.ask_many else [])
    assert (raised.value.__cause__, raised.value.__context__) == (None, None)
    trace = traceback.TracebackException.from_exception(raised.value, capture_locals=True)
    below = [frame.locals for frame in trace.stack if frame.filename != __file__]
    assert SECRET not in "".join(trace.format_exception_only()) + str(below)


# Changes between calls


def test_each_change_is_seen_by_the_next_call(
    write: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Changes of the environment, of configure(), and of the content, path and existence of the file."""
    file = write("[default]\ndw_id = 1\n")
    assert value_of("dw_id") == 1
    write("[default]\ndw_id = 22\n")
    assert value_of("dw_id") == 22
    new = tmp_path / "new.toml"
    new.write_text("[default]\ndw_id = 33\n")
    new.replace(file)
    assert value_of("dw_id") == 33
    cf.configure(dw_id=4)
    assert value_of("dw_id") == 4
    cf.configure(dw_id=None)
    assert value_of("dw_id") == 33
    monkeypatch.setenv("connecty_dw_id", "5")
    assert value_of("dw_id") == 5
    monkeypatch.delenv("connecty_dw_id")
    assert value_of("dw_id") == 33
    other = tmp_path / "other.toml"
    other.write_text("[default]\ndw_id = 66\n")
    monkeypatch.setenv("CONNECTY_CONFIG", str(other))
    assert value_of("dw_id") == 66
    other.unlink()
    with pytest.raises(cf.ConfigError, match="cannot be read: No such file"):
        resolve()


def test_a_home_directory_that_changes_after_configure_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """``~`` of a configured path is expanded by each call, as that of a profile and the environment is."""
    cf.configure(ca_bundle="~/ca.pem")
    monkeypatch.setenv("HOME", "/elsewhere")
    monkeypatch.setenv("USERPROFILE", "/elsewhere")
    assert value_of("ca_bundle") == Path("/elsewhere/ca.pem")


def test_explain(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each setting with its value and source, in the order of Settings."""
    file = write('[a]\nregion = "us1"\nclient_secret = "bbbb"\n')
    monkeypatch.setenv("CONNECTY_DW_ID", "7")
    cf.configure(timeout=60)

    found = config.explain(profile="a", client_id="c")

    assert found == [
        ("client_id", SecretStr("c"), "argument"),
        ("client_secret", SecretStr("bbbb"), f"profile a in {file}"),
        ("region", "us1", f"profile a in {file}"),
        ("base_url", None, "default"),
        ("dw_id", 7, "environment variable CONNECTY_DW_ID"),
        ("timeout", 60.0, "configure()"),
        ("max_body_bytes", 2_147_483_648, "default"),
        ("verify_tls", True, "default"),
        ("ca_bundle", None, "default"),
        ("history", False, "default"),
        ("history_required", False, "default"),
        ("max_questions_per_day", None, "default"),
        ("keep_answers", False, "default"),
        ("keep_answers_max_bytes", 1_073_741_824, "default"),
        ("keep_answers_max_age", None, "default"),
        ("profile", "a", "argument"),
    ]


def test_a_secret_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is read without its line break; a variable with the secret itself excludes it."""
    file = tmp_path / "secret"
    file.write_text("canary\n")
    monkeypatch.setenv("CONNECTY_CLIENT_SECRET_FILE", str(file))
    (secret,) = (each for each in explain() if each[0] == "client_secret")
    assert secret[1].get_secret_value() == "canary"
    assert secret[2] == "environment variable CONNECTY_CLIENT_SECRET_FILE"
    assert value_of("client_secret", client_secret="argument") == "argument"
    monkeypatch.setenv("CONNECTY_CLIENT_SECRET", "canary")
    with pytest.raises(ConfigError, match="CONNECTY_CLIENT_SECRET_FILE are both set: unset one of them"):
        resolve()


@cases(
    "secret, reason",
    [
        ("", "it is empty"),
        (None, "it cannot be read: No such file or directory"),
        ("a\x00b", "expected text without control characters"),
        ("c" * 65_537, "it cannot be read: it is too long"),
        ("canary-\udce9", "it cannot be read: it is not UTF-8"),
    ],
)
def test_a_wrong_secret_in_a_file(secret: str | None, reason: str, tmp_path: Path) -> None:
    """The error names the variable, and not the secret."""
    file = tmp_path / "secret"
    file.unlink(missing_ok=True)
    if secret is not None:
        file.write_bytes(secret.encode(errors="surrogateescape"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONNECTY_CLIENT_SECRET_FILE", str(file))
        with pytest.raises(ConfigError) as caught:
            resolve()
    place = "environment variable CONNECTY_CLIENT_SECRET_FILE"
    assert str(caught.value) == f"client_secret ({place}): {reason}."


def test_a_long_secret_in_a_file(tmp_path: Path) -> None:
    """It may have 65,536 bytes."""
    (tmp_path / "secret").write_text("c" * 65_536)
    assert config._read_secret(str(tmp_path / "secret")) == "c" * 65_536


@cases(
    "function, reason",
    [
        (lambda: 7, "expected text"),
        (lambda: 1 / 0, "its function raised ZeroDivisionError"),
        (lambda: "canary\n", "expected text without control characters"),
    ],
)
def test_a_function_that_returns_no_secret(function: Callable[[], Any], reason: str) -> None:
    """The error does not show what it raised or returned."""
    with pytest.raises(ConfigError, match=re.escape(f"client_secret (argument): {reason}.")) as caught:
        resolve(client_secret=function)
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_function_that_returns_the_secret() -> None:
    """It is kept, also by configure(), for a client to call again."""
    secrets = iter(["first", "second", "third", "fourth"])
    cf.configure(client_secret=lambda: next(secrets))
    secret = resolve().client_secret
    assert secret is not None
    assert secret.read is not None
    assert (secret.get_secret_value(), secret.read()) == ("first", "second")


@cases(
    ("text", "value"),
    [
        *((text, True) for text in ("1", "true", "YES", "On", "y", "t", " 1 ")),
        *((text, False) for text in ("0", "false", "NO", "Off", "n", "f", "0 ")),
    ],
)
def test_words_for_true_and_false(text: str, *, value: bool) -> None:
    """In any case, and with spaces around them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONNECTY_VERIFY_TLS", text)
        assert value_of("verify_tls") is value


@cases("name", ["client_id", "client_secret", "base_url", "history", "region", "ca_bundle", "clientsecret"])
def test_a_traceback_shows_no_argument_that_may_hold_a_secret(name: str) -> None:
    """Not even in the caller's own dict."""
    arguments = {name: "https://u:canary@h", "dw_id": 13}
    config.hide(arguments)
    assert "canary" not in repr(arguments)
    assert arguments["dw_id"] == 13
