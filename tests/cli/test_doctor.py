"""``connecty doctor``: one line for each step to a token, what is wrong, and what to do; nothing is asked."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import certifi
import pytest
from rich.console import Console

from connecty_frames._base.clock import SYSTEM_CLOCK, Deadline
from connecty_frames.asking import checks
from connecty_frames.asking.checks import _Probe
from connecty_frames.cli.doctor import _OUTCOMES, _STYLES, _extras, _show
from connecty_frames.http.models import Attempt, Request, Response
from connecty_frames.http.transport import Transport
from connecty_frames.sandbox import Sandbox
from connecty_frames.settings.sources import resolve
from tests.cases import cases
from tests.servers.scripted import PEM, Script, serve
from tests.servers.timing import FakeClock, growing

CONNECTION = ["address", "connection", "proxy", "certificate", "service", "clock", "token"]
NAMES = ["version", "settings", *CONNECTION, "extras"]
LINE = re.compile(r"(ok|warning|failed|skipped) +(\w+) +(.*?) *")
Lines = dict[str, tuple[str, str]]
SECRET = "canary-of-a-secret"
PAGE = Script.answer(200, raw=b"<p>Log in", Content_Type="text/html")


@pytest.fixture
def doctor(shell: Any, server: Script) -> Callable[..., tuple[int, Lines]]:
    """Return a function that runs the command, and returns its exit code and its lines by their names."""
    known = {"base_url": server.address, "client_id": "canary-of-an-id", "client_secret": SECRET, "dw_id": 13}

    def run(**settings: object) -> tuple[int, Lines]:
        code, out, err = shell.text(shell.run("doctor", **{"history": "", **known, **settings}))
        found = [LINE.fullmatch(line) for line in out.splitlines()]
        lines = {each[2]: (each[1], each[3]) for each in found if each}
        assert ([*lines], len(found), err) == (NAMES, len(NAMES), "")
        for canary in ("canary-of", "canary-token"):
            assert canary not in out
        assert server.count("ask") == server.count("results") == 0
        return code, lines

    return run


def statuses(lines: Lines) -> list[str]:
    return [lines[name][0] for name in CONNECTION]


def test_all_is_well(doctor: Any, server: Script) -> None:
    """Each step, and the sources of the settings; one request for the health, and one for a token."""
    server.on("health", Script.answer(200, {}, Date=format_datetime(datetime.now(UTC), usegmt=True)))
    port = server.address.rpartition(":")[2]

    code, lines = doctor()

    assert code == 0
    assert lines["settings"] == (
        "ok",
        f"client_id …, client_secret ***, base_url {server.address}, dw_id 13 (from the environment)",
    )
    assert lines["address"] == ("ok", f"127.0.0.1:{port} resolves")
    assert lines["connection"] == ("ok", f"127.0.0.1:{port} accepts connections")
    assert lines["proxy"] == ("ok", "none is used")
    assert lines["certificate"] == ("skipped", "plain HTTP, which does not leave this machine")
    assert lines["service"] == ("ok", f"{server.address} is operational")
    assert lines["clock"][0] == "ok"
    assert lines["token"] == (
        "warning",  # its end is beyond belief
        "credentials accepted; a token is used for 54 s only: it names no later expires_at",
    )
    assert len(server.requests) == 2


def test_the_sandbox(doctor: Any, sandbox: Sandbox) -> None:
    """Its token is a usual one; the extras are named."""
    code, lines = doctor(**sandbox.connection)
    assert (code, lines["token"][0]) == (0, "ok")
    assert re.fullmatch(r"credentials accepted; a token is used for \d+ min", lines["token"][1])
    assert re.match(r"installed: .*\bsandbox", lines["extras"][1])
    assert lines["extras"][1].count("pip install") <= 1


@pytest.mark.parametrize(
    ("endpoint", "step", "code", "failed", "says"),
    [
        ("token", Script.answer(401, {"detail": SECRET}), 3, "token", "The credentials were refused: "),
        (
            "token",
            Script.answer(404),
            3,
            "token",
            "The token endpoint is unusable: HOST answered 404 to POST ",
        ),
        ("token", PAGE, 3, "token", "The token endpoint is unusable: HOST answered 200 with text/html "),
        ("health", Script.answer(503), 5, "service", "HOST answered 503 to GET /v1/health. "),
        ("health", Script.answer(204), 5, "service", "http://HOST is not operational: "),
        ("health", PAGE, 6, "service", "HOST answered 200 with text/html instead of JSON. Is a proxy or "),
        ("health", Script.answer(302, Location="https://a.test"), 2, "service", "HOST answered 302 to GET "),
        ("health", Script.send_and_close(b"SSH-2.0\r\n"), 6, "service", "No usable answer from HOST: "),
        ("health", Script.reset, 6, "service", "No usable answer from HOST: the connection was reset."),
    ],
)
def test_one_failure(
    doctor: Any, server: Script, endpoint: str, step: Any, code: int, failed: str, says: str
) -> None:
    """The exit code is that of its error; a token is requested even if the service is not operational."""
    server.on(endpoint, step)
    found, lines = doctor()
    assert found == code
    assert [name for name in NAMES if lines[name][0] == "failed"] == [failed]
    assert lines[failed][1].startswith(says.replace("HOST", server.address.removeprefix("http://")))
    assert lines["token"][0] != "skipped"


def test_no_server(doctor: Any) -> None:
    """What comes after the connection is skipped."""
    with serve() as script:
        closed = script.address
    code, lines = doctor(base_url=closed)
    assert code == 4
    assert statuses(lines) == ["ok", "failed", *["skipped"] * 5]
    assert lines["connection"][1].startswith("No connection to 127.0.0.1:")
    assert lines["token"][1] == "there is no connection"


def test_a_silent_server(doctor: Any, server: Script) -> None:
    """Each call ends after the timeout."""
    server.on("health", server.hang)
    server.on("token", server.hang)
    for seconds in growing(0.1):
        code, lines = doctor(timeout=seconds)
        if server.count("health") and server.count("token"):
            break
    assert code == 6
    assert lines["service"][1].endswith("no answer came in time.")
    assert lines["token"][0] == "failed"


@pytest.mark.parametrize(
    ("ahead", "status", "says"),
    [
        (1, "ok", "as the service's"),
        (2, "ok", "2 seconds ahead of the service's"),
        (-2, "ok", "2 seconds behind the service's"),
        (60, "ok", "60 seconds ahead of the service's"),
        (-61, "warning", "61 seconds behind the service's; tokens do not depend on it, but "),
    ],
)
def test_how_far_the_clock_is_off(ahead: int, status: str, says: str) -> None:
    """Up to a minute it is no reason to warn."""
    date = datetime(2025, 7, 1, tzinfo=UTC)
    probe = _Probe.__new__(_Probe)
    headers = {"Date": format_datetime(date, usegmt=True)}
    probe._found = Response(Request("GET", "/v1/health"), "api.test", 200, headers, b"{}")
    probe._received_at = date + timedelta(seconds=ahead)
    found = probe.clock()
    assert found.status is status
    assert found.text.startswith(says)


def test_no_credentials(doctor: Any, server: Script) -> None:
    """The connection is checked nevertheless."""
    code, lines = doctor(client_secret="", dw_id="")
    assert code == 2
    assert lines["settings"][0] == "failed"
    assert lines["settings"][1].startswith(
        f"client_id …, base_url {server.address} (from the environment). No client_secret. "
        "Run `connecty login` once"
    )
    assert lines["service"][0] == "ok"
    assert lines["token"] == ("skipped", "there are no credentials")


def test_no_workspace(doctor: Any) -> None:
    """A warning, since each question can name one."""
    code, lines = doctor(dw_id="")
    assert (code, lines["settings"][0]) == (0, "warning")
    assert lines["settings"][1].endswith("; no dw_id: each question needs --dw-id")


@pytest.mark.parametrize(
    ("settings", "code", "failed", "says"),
    [
        ({"base_url": "https://api.invalid"}, 4, "address", ""),  # never registered (RFC 6761)
        ({"base_url": "https://*.test"}, 2, "address", "base_url=https://*.test: expected an address"),
        (
            {"ca_bundle": "/nope.pem"},
            2,
            "certificate",
            "ca_bundle=/nope.pem: expected a file of",
        ),
        ({"timeout": "soon"}, 2, "settings", ""),
        ({"profile": "nope"}, 2, "settings", ""),
    ],
)
def test_settings_that_cannot_be_used(
    doctor: Any, settings: dict[str, str], code: int, failed: str, says: str
) -> None:
    """Nothing is sent, and all else is skipped; exit code 2 where a setting is wrong."""
    found, lines = doctor(**settings)
    assert found == code
    assert lines[failed][0] == "failed"
    assert statuses(lines) == ["failed" if name == failed else "skipped" for name in CONNECTION]
    assert lines[failed][1].startswith(says)
    if "*" in says:
        assert lines["certificate"][1] == "base_url is wrong"


@pytest.mark.parametrize("named", ["ca_bundle", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_trusted_certificate(
    doctor: Any, secured: Script, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    """Who issued it, how long it is valid, and what it was verified by."""
    monkeypatch.setenv(named, str(PEM))
    code, lines = doctor(base_url=secured.address, ca_bundle=PEM if named == "ca_bundle" else "")
    assert (code, lines["certificate"][0]) == (0, "ok")
    assert re.fullmatch(
        rf"issued by 127\.0\.0\.1, valid until .+ 2126 GMT; verified by {named} \({re.escape(str(PEM))}\)",
        lines["certificate"][1],
    )


def test_the_certificates_that_are_trusted_by_default() -> None:
    """Those of certifi. A certificate that says neither who issued it nor until when is shown too."""
    probe = _Probe.__new__(_Probe)
    probe._settings = resolve(base_url="https://api.test")
    probe._transport = Transport(probe._settings, SYSTEM_CLOCK)
    probe._attempt = Attempt(Deadline.after(9, SYSTEM_CLOCK), connect=9, idle=9)
    assert probe._certificate("certificate").text == (
        "issued by an unknown authority, valid until an unknown date; verified by certifi "
        f"({certifi.where()})"
    )


@cases(
    ("fields", "shown"),
    [
        ([("organizationName", "Authority"), ("commonName", "Root 1")], "Authority"),
        ([("countryName", "PL"), ("commonName", "Root 1")], "Root 1"),
        ([("countryName", "PL")], "an unknown authority"),
    ],
)
def test_who_issued_a_certificate(fields: list[tuple[str, str]], shown: str) -> None:
    """The organisation, else the name; each field as Python has it, in a group of its own."""
    assert checks._name(tuple((field,) for field in fields)) == shown


def test_a_certificate_that_is_not_trusted(doctor: Any, secured: Script) -> None:
    """As that of a company's proxy: what to do."""
    code, lines = doctor(base_url=secured.address)
    assert code == 4
    assert statuses(lines) == ["ok", "ok", "ok", "failed", "skipped", "skipped", "skipped"]
    assert "certificate verify failed: self-signed certificate" in lines["certificate"][1]
    assert "pass its CA bundle in CONNECTY_CA_BUNDLE" in lines["certificate"][1]


def test_a_certificate_that_is_not_verified(doctor: Any, secured: Script) -> None:
    """A warning, which is on standard error nowhere else."""
    code, lines = doctor(base_url=secured.address, verify_tls=False)
    assert (code, lines["certificate"][0]) == (0, "warning")
    assert lines["certificate"][1].startswith("not verified, since verify_tls is False: ")


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_a_proxy(doctor: Any, server: Script, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """Its address and the variable that names it, without the password."""
    host = server.address.removeprefix("http://")
    monkeypatch.setenv(variable, f"http://user:canary-of-a-password@{host}")
    code, lines = doctor(base_url="http://127.0.0.1:1")
    assert code == 0
    assert lines["proxy"] == ("ok", f"{host}, from {variable}")
    assert [request.target for request in server.requests] == [
        "http://127.0.0.1:1/v1/health",
        "http://127.0.0.1:1/v1/auth/token",
    ]


def test_a_proxy_that_asks_for_a_password(
    doctor: Any, server: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was reached, so that only what lies behind it is unknown."""
    monkeypatch.setenv("https_proxy", server.address)
    server.on("tunnel", Script.answer(407))
    code, lines = doctor(base_url="https://api.test")
    assert code == 2
    assert statuses(lines) == ["ok", "ok", "failed", *["skipped"] * 4]


@pytest.mark.parametrize(("timeout", "seconds"), [(9.0, 9.0), (60.0, 10.0)])
def test_the_most_seconds_of_a_call(clock: FakeClock, timeout: float, seconds: float) -> None:
    """Ten, or the timeout of the settings if that is shorter."""
    settings = resolve(base_url="https://api.test", timeout=timeout)
    transport = Transport(settings, clock)
    assert checks._deadline(transport, settings).at == clock.at + seconds


def test_a_socks_proxy(doctor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused, as everywhere."""
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:1")
    code, lines = doctor()
    assert code == 2
    assert lines["address"][1].startswith("The proxy for 127.0.0.1:")


@pytest.mark.parametrize(
    ("seconds", "status", "text"),
    [
        (59.9, "warning", "a token is used for 60 s only: it names no later expires_at"),
        (60.0, "ok", "a token is used for 1 min"),
        (3600.0, "ok", "a token is used for 60 min"),
    ],
)
def test_how_long_a_token_is_used(
    monkeypatch: pytest.MonkeyPatch, seconds: float, status: str, text: str
) -> None:
    """For less than a minute, most calls would ask for another one."""
    monkeypatch.setattr(checks, "_request_token", lambda *_: seconds)
    found = checks._token(None, None)  # type: ignore[arg-type]
    assert (found.status, found.text) == (status, f"credentials accepted; {text}")


@pytest.mark.parametrize(
    ("is_installed", "text"),
    [
        (True, r"installed: (\w[\w-]*, )+\w[\w-]*"),
        (False, r"installed: none; for the others: pip install 'connecty-frames\[(\w[\w-]*,)+\w[\w-]*\]'"),
    ],
)
def test_what_is_installed(monkeypatch: pytest.MonkeyPatch, text: str, *, is_installed: bool) -> None:
    """All of the optional dependencies, or none."""
    monkeypatch.setattr("importlib.metadata.distributions", lambda name: [name] * is_installed)
    assert re.fullmatch(text, _extras().text)


def test_the_colours_of_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Red is for what failed, and what was skipped or not seen is dim."""
    shown: list[str] = []
    monkeypatch.setattr("typer.echo", lambda text, **_: shown.append(text))  # would drop them for a pipe
    console = Console(width=80, force_terminal=True, color_system="standard", no_color=False)
    for outcome in (*_STYLES.items(), *_OUTCOMES.values()):
        _show(console, outcome, "name", "text")

    assert re.findall(r"\x1b\[((?:1;)?[23]\d?)m(\w+(?: \w+)?)", "".join(shown)) == [
        ("32", "ok"),
        ("33", "warning"),
        ("1;31", "failed"),
        ("2", "skipped"),
        ("32", "held"),
        ("1;31", "not held"),
        ("2", "not seen"),
    ]


@pytest.mark.parametrize(
    ("width", "name", "text", "end"),
    [
        (44, "version", "a text that is too long for a line", "long for a line"),
        (60, "extras", "installed: plot, sql; for the others: pip install 'a[b,c]'", "pip install 'a[b,c]'"),
    ],
)
def test_text_is_wrapped_beside_its_name(
    capsys: pytest.CaptureFixture[str], width: int, name: str, text: str, end: str
) -> None:
    """As in a column of its own; a command stays on a line, since it is copied."""
    _show(Console(width=width), ("ok", "green"), name, text)
    first = f"ok        {name:<13}{text.removesuffix(f' {end}')}"
    assert capsys.readouterr().out.splitlines() == [first, f"{' ' * 23}{end}"]
