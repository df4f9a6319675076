"""Client id, secret, token and the password of a proxy appear nowhere, whatever goes wrong.

Each test causes an outcome and searches all that remains of it: text, fields, notes and pickle of an error,
the locals of every frame of ours and of the libraries underneath, the DEBUG log of every logger, the display
of answers, the files, and the output of the command line. The secrets contain characters that each encoding
writes differently.
"""

import base64
import json
import logging
import os
import pickle
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

import connecty_frames as cf
from connecty_frames.client import Client
from connecty_frames.errors import ConfigError, ConnectyError, SubmissionUncertain, UnknownStateWarning
from tests.secrets import debuggers
from tests.servers.forking import CONNECTY, Forking
from tests.servers.scripted import QUESTION_ID, Script
from tests.servers.timing import press_ctrl_c, raising

SECRETS = ('canary-client-id/"\u00fc+', 'canary-secret/"\u00fc+', 'canary-token/"+1')
PASSWORD = "canary-proxy/+1"


def forms_of(secret: str) -> list[str]:
    """Return a secret in every encoding that a server, a library or a file may use."""
    bare = secret.encode()
    forms = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret)}
    forms |= {
        quote(quote(secret, safe=""), safe=""),
        secret.replace('"', '""'),
        bare.hex(),
        bare.hex().upper(),
    }
    forms |= {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    forms |= {encode(bare).decode().rstrip("=") for encode in (base64.b64encode, base64.urlsafe_b64encode)}
    return sorted(forms)


FORMS = [form for secret in SECRETS for form in forms_of(secret)]
#: Before the first token arrives, no redaction can know it.
FORMS_OF_CREDENTIALS = [form for secret in SECRETS[:2] for form in forms_of(secret)]
FORMS_OF_PASSWORD = [*forms_of(PASSWORD), base64.b64encode(f"user:{PASSWORD}".encode()).decode()]
ECHO = " ".join(FORMS)
ECHO_OF_PASSWORD = " ".join(FORMS_OF_PASSWORD)
ROWS = {"state": "COMPLETED", "results": {"dataframe": [["n"], [1], [2]], "response_summary": "Two."}}


@pytest.fixture
def server(server: Script) -> Script:
    server.on("token", server.answer(200, {"access_token": SECRETS[2]}))
    return server


@pytest.fixture
def client(server: Script) -> Iterator[Client]:
    with make(server, timeout=10) as client:
        yield client


def make(server: Script | str, timeout: float) -> Client:
    """Return a client whose credentials are canaries; the timeout also bounds its token requests."""
    settings: dict[str, Any] = {"client_secret": SECRETS[1], "dw_id": 13, "random": lambda: 0.0}
    address = server if isinstance(server, str) else server.address
    return Client(SECRETS[0], base_url=address, timeout=timeout, **settings)


def left_behind(error: BaseException, log: str) -> str:
    """Return all that can be read of an error, except the frames of this test."""
    texts = [log, repr(error), str(error), repr(vars(error)), *getattr(error, "__notes__", [])]
    seen: BaseException | None = error
    while seen is not None:
        for frame, _ in traceback.walk_tb(seen.__traceback__):
            if Path(frame.f_code.co_filename).parent != Path(__file__).parent:
                texts += [f"{name}={value!r}" for name, value in frame.f_locals.items()]
        seen = seen.__cause__ or seen.__context__
    if isinstance(error, ConnectyError):
        texts.append(pickle.dumps(error).decode("latin-1"))
    bare = error.with_traceback(called_by_tests(error.__traceback__))
    return "\n".join([*texts, debuggers.by_rich(bare)])


def called_by_tests(trace: TracebackType | None) -> TracebackType | None:
    """Return a traceback without the frames of this test that it begins with."""
    while trace is not None and Path(trace.tb_frame.f_code.co_filename).parent == Path(__file__).parent:
        trace = trace.tb_next
    return trace


def assert_clean(
    error: BaseException, caplog: pytest.LogCaptureFixture, forms: list[str] | None = None
) -> None:
    text = left_behind(error, caplog.text)
    assert [form for form in forms or FORMS if form in text] == []


@pytest.fixture(autouse=True)
def _every_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


def ask(client: Client) -> object:
    return client.submit("how many?")


def look(client: Client) -> object:
    return client.question(QUESTION_ID).state()


STEPS: dict[str, Callable[[Any], Any]] = {
    "refused": lambda server: server.answer(401, {"detail": ECHO}),
    "forbidden": lambda server: server.answer(403, {"detail": ECHO}),
    "invalid": lambda server: server.answer(422, raw=ECHO.encode(), X_Request_Id=ECHO),
    "fault": lambda server: server.answer(500, {"error": {"message": ECHO}}),
    "503": lambda server: server.answer(503, {"detail": ECHO}),
    "redirect": lambda server: server.answer(302, Location=f"https://login.test/?t={quote(ECHO)}"),
    "page": lambda server: server.answer(200, raw=f"<p>{ECHO}".encode(), Content_Type=f"text/{FORMS[0]}"),
    "json": lambda server: server.answer(200, {"said": ECHO}),
    "failed": lambda server: server.answer(200, {"state": "FAILED", "error": [{"message": ECHO}]}),
    "type": lambda server: server.answer(200, [], Content_Type=f"application/json; said={FORMS[0]}"),
    "reset": lambda server: server.reset,
    "closed": lambda server: server.close,
    "garbage": lambda server: server.send_and_close(ECHO.encode() + b"\r\n"),
    "cut": lambda server: server.send_and_close(
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + ECHO.encode()
    ),
}


def result(client: Client) -> object:
    return client.question(QUESTION_ID).result()


@pytest.mark.parametrize(
    ("kind", "act", "step"),
    [
        *(
            (kind, act, step)
            for kind, act in (("token", ask), ("token", look), ("ask", ask))
            for step in STEPS
        ),
        *(
            ("results", look, step)
            for step in ("refused", "forbidden", "invalid", "fault", "redirect", "page", "type")
        ),
        ("results", result, "json"),
        ("results", result, "failed"),
    ],
)
def test_no_error_shows_a_secret(
    server: Any, caplog: pytest.LogCaptureFixture, kind: str, act: Callable[[Client], object], step: str
) -> None:
    """Not even where the server repeats what it was sent, also as the reason of a failure."""
    server.on(kind, STEPS[step](server))
    timeout = 0.5 if kind == "token" or step in {"fault", "page"} else 10  # which are tried again
    with make(server, timeout) as client, pytest.raises(ConnectyError) as caught:
        act(client)
    assert_clean(caught.value, caplog, FORMS_OF_CREDENTIALS if kind == "token" else FORMS)


def test_no_unknown_state_shows_a_secret(server: Any, client: Client) -> None:
    """The warning has what the server reported, without it."""
    server.on("results", server.answer(200, {"state": f"WAITING {SECRETS[1]}"}))
    with pytest.warns(UnknownStateWarning, match=r"WAITING \*\*\*"):
        assert client.question(QUESTION_ID).state() == "WAITING ***"


@pytest.mark.parametrize(("kind", "act"), [("token", look), ("ask", ask), ("results", look)])
def test_no_interrupt_shows_a_secret(
    server: Any, client: Client, caplog: pytest.LogCaptureFixture, kind: str, act: Callable[[Client], object]
) -> None:
    """Ctrl-C among the frames of requests is raised without their locals."""
    server.on(kind, server.hang)
    press_ctrl_c(lambda: server.count(kind))
    with pytest.raises(KeyboardInterrupt) as caught:
        act(client)
    assert_clean(caught.value, caplog)


def test_a_success_leaves_no_secret(
    server: Any, client: Client, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """The DEBUG log of a whole call; the answer, its frames and metadata in every form; each file of them."""
    server.on("results", server.answer(200, ROWS))
    question = client.submit("how many?")
    answer = question.result()
    assert caplog.text != ""
    frames = [answer.to_pandas(), answer.to_polars(), answer.to_arrow()]
    shown = [repr(value) for value in (client, question, answer, answer.metadata, answer.schema, *frames)]
    shown += [getattr(value, "_repr_html_", str)() or "" for value in (answer, *frames)]
    shown += [value.connecty._repr_html_() or "" for value in frames[:2]]
    shown += [str(frames[0].attrs), str(frames[2].schema.metadata)]
    held = [pickle.dumps(value) for value in (answer, answer.metadata, *frames)]
    for number, frame in enumerate(frames[:2]):
        frame.connecty.to_parquet(tmp_path / f"{number}.parquet")
        frames[0].to_parquet(tmp_path / f"{number}.plain.parquet")
    answer.to_json(tmp_path / "answer.json")
    held += [path.read_bytes() for path in tmp_path.iterdir()]
    assert len(held) == 10
    everything = "\n".join([caplog.text, *shown, *(content.decode("latin-1") for content in held)])
    assert [form for form in FORMS if form in everything] == []


def run_cli(command: str, server: Any) -> str:
    """Ask a question by a command with these credentials, and return all that it writes."""
    names = ("CLIENT_ID", "CLIENT_SECRET", "BASE_URL", "DW_ID", "TIMEOUT")
    values = (*SECRETS[:2], server.address, "13", "5")
    settings = {f"CONNECTY_{name}": value for name, value in zip(names, values, strict=True)}
    done = subprocess.run(
        [command, "ask", "how many?"],
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **settings},
        capture_output=True,
        check=False,
        timeout=60,
    )
    return (done.stdout + done.stderr).decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "step", "shown"),
    [
        ("token", "refused", "AuthError"),
        ("ask", "invalid", "APIError"),
        ("ask", "reset", "SubmissionUncertain"),
        ("results", "page", "ResponseError"),
        ("results", "rows", "Two."),
    ],
)
def test_no_command_shows_a_secret(forking: Forking, server: Any, kind: str, step: str, shown: str) -> None:
    """Neither with an error nor without."""
    server.on(kind, server.answer(200, ROWS) if step == "rows" else STEPS[step](server))
    written = run_cli(forking.command, server)
    assert shown in written
    assert server.count(kind) == 1 or step == "page"  # which may pass
    known = FORMS if kind != "token" else FORMS_OF_CREDENTIALS
    assert [form for form in known if form in written] == []


class TestProxy:
    """The password of a proxy is only in the environment."""

    @pytest.fixture(autouse=True)
    def _proxy(self, server: Script, monkeypatch: pytest.MonkeyPatch) -> None:
        address = server.address.replace("//", f"//user:{quote(PASSWORD, safe='')}@")
        monkeypatch.setenv("HTTP_PROXY", address)
        monkeypatch.setenv("HTTPS_PROXY", address)

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "step", [*(400, 401, 403, 407, 422, 500, 502, 503), "redirect", "page", "reset", "garbage", "cut"]
    )
    @pytest.mark.parametrize("kind", ["token", "ask", "results"])
    def test_any_response(
        self, server: Script, client: Client, caplog: pytest.LogCaptureFixture, kind: str, step: str | int
    ) -> None:
        """Any response of the proxy, or none; a page shows the header with its password, or that alone."""
        said = {"raw": ECHO_OF_PASSWORD.encode(), "X_Request_Id": ECHO_OF_PASSWORD}
        server.on(kind, server.answer(step, **said) if isinstance(step, int) else STEPS[step](server))
        with pytest.raises(ConnectyError) as caught:
            client.ask("how many?", timeout=0.5)
        assert_clean(caught.value, caplog, FORMS_OF_PASSWORD)

    @pytest.mark.slow
    @pytest.mark.parametrize("step", ["refused", "fault", "reset", "garbage"])
    def test_a_rejected_tunnel(self, server: Script, caplog: pytest.LogCaptureFixture, step: str) -> None:
        """CONNECT answered by a status, by nothing or by anything; credentials are not sent then."""
        server.on("tunnel", STEPS[step](server))
        with make("https://127.0.0.1:9", 60) as client, pytest.raises(ConnectyError) as caught:
            client.ask("how many?")
        assert_clean(caught.value, caplog, [*FORMS_OF_PASSWORD, *FORMS_OF_CREDENTIALS])

    def test_an_address_where_nothing_listens(
        self, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A proxy that refuses connections, and one whose address is none."""
        for address in ("127.0.0.1:9", ":80:80"):
            monkeypatch.setenv("HTTPS_PROXY", f"http://user:{quote(PASSWORD, safe='')}@{address}")
            with make("https://a.test", 60) as client, pytest.raises(ConnectyError) as caught:
                client.ask("how many?")
            assert_clean(caught.value, caplog, [*FORMS_OF_PASSWORD, *FORMS_OF_CREDENTIALS])

    @pytest.mark.parametrize("signalled", [KeyboardInterrupt, TimeoutError])
    def test_an_interrupt(
        self, server: Script, client: Client, caplog: pytest.LogCaptureFixture, signalled: type[BaseException]
    ) -> None:
        """Ctrl-C among the frames of requests, or what a signal handler raises."""
        server.on("ask", server.hang)
        press_ctrl_c(lambda: server.count("ask"))
        with raising(signalled), pytest.raises(signalled) as caught:
            client.ask("how many?")
        assert_clean(caught.value, caplog, [*FORMS_OF_PASSWORD, *FORMS])

    @pytest.mark.slow
    def test_a_command(self, server: Script) -> None:
        """What the command line writes."""
        server.on("ask", server.reset)
        assert [form for form in FORMS_OF_PASSWORD if form in run_cli(CONNECTY, server)] == []


#: The folders that secrets go through, and text that may hold them.
FOLDERS = tuple(
    str(Path(cf.__file__).parent / name)
    for name in ("asking/", "calls/", "http/", "client.py", "question.py")
)


# An interrupt while a socket is made leaves it to the collector, before anything could close it.
@pytest.mark.filterwarnings(
    "ignore:unclosed <connecty_frames.http.connection._DeadlineSocket:ResourceWarning"
)
# One in a finalizer can only be reported.
@pytest.mark.filterwarnings("ignore:Exception ignored:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("kind", "step"),
    [
        ("token", "invalid"),
        pytest.param("ask", "fault", marks=pytest.mark.slow),
        pytest.param("results", "json", marks=pytest.mark.slow),
    ],
)
def test_no_interrupt_in_this_package_shows_a_secret(
    server: Any, caplog: pytest.LogCaptureFixture, kind: str, step: str
) -> None:
    """Ctrl-C at the end of any function that a call goes through, some with secrets among their locals."""
    server.on(kind, STEPS[step](server))
    returned: list[Any] = []

    def act(profile: Callable[[Any, str, object], None]) -> BaseException:
        caplog.clear()
        try:
            sys.setprofile(profile)
            with make(server, timeout=5) as client:
                client.ask("how many?")
        except BaseException as error:
            sys.setprofile(None)
            return error
        finally:
            sys.setprofile(None)
        raise AssertionError("nothing ended it")

    def record(frame: Any, event: str, _argument: object) -> None:
        code = frame.f_code
        if event == "return" and code.co_filename.startswith(FOLDERS) and code not in returned:
            returned.append(code)

    assert isinstance(act(record), ConnectyError)
    assert {"Redaction.add", "Auth.bearer", "Transport.send"} <= {code.co_qualname for code in returned}
    waiting = list(returned)

    def press(frame: Any, event: str, _argument: object) -> None:
        if event == "return" and frame.f_code is place and place in waiting:
            waiting.remove(place)
            raise KeyboardInterrupt

    for place in returned:
        error = act(press)
        assert isinstance(error, KeyboardInterrupt), place
        assert_clean(error, caplog, FORMS_OF_CREDENTIALS if kind == "token" else FORMS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"ca_bundle": "a\0b"},
        {"ca_bundle": b"\xff"},
        {"clock": None},
        {"client_secret": None},
        {"client_secret": SECRETS[1] + "\x00"},
        {"base_url": "ftp://x"},
    ],
)
def test_no_wrong_argument_shows_a_secret(wrong: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever a constructor raises has no secret, also after a bug of the caller or of the package."""
    given = {"client_id": SECRETS[0], "client_secret": SECRETS[1], "base_url": "https://a.test", **wrong}
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whichever it is
        Client(**given)
    assert_clean(caught.value, caplog)


@pytest.mark.parametrize("ends", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("place", ["_settings", "_sources", "_environment", "_secret"])
@pytest.mark.parametrize("by", ["argument", "configure", "environment"])
def test_no_exception_while_settings_are_read_shows_a_secret(
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    by: str,
    place: str,
    ends: type[BaseException],
) -> None:
    """Ctrl-C, or a bug of the package, wherever the settings come from."""

    def end(frame: Any, event: str, _argument: object) -> None:
        code = frame.f_code
        if (
            event == "return"
            and code.co_name == place
            and code.co_filename.endswith(("settings/sources.py", "settings/values.py"))
        ):
            raise ends

    credentials = {"client_id": SECRETS[0], "client_secret": SECRETS[1]}
    if by == "environment":
        for name, value in credentials.items():
            monkeypatch.setenv(f"CONNECTY_{name.upper()}", value)
    calls = {
        "argument": lambda: Client(**credentials),
        "configure": lambda: cf.configure(**credentials),
        "environment": lambda: cf.ask("how many?"),
    }
    try:
        sys.setprofile(end)
        calls[by]()
    except BaseException as error:
        sys.setprofile(None)
        assert isinstance(error, ends)
        assert_clean(error, caplog)
    else:
        raise AssertionError("nothing ended it")
    finally:
        sys.setprofile(None)


def test_a_bundle_path_with_a_nul_is_refused() -> None:
    """A NUL in ca_bundle: ConfigError that names the setting."""
    with pytest.raises(ConfigError, match="NUL") as caught:
        Client("id", client_secret="s", base_url="https://a.test", ca_bundle="a\0b")
    assert caught.value.setting == "ca_bundle"


def test_no_object_of_this_package_shows_a_secret(client: Client) -> None:
    """The reprs of a client and of all it is made of."""
    look(client)
    seen: dict[int, object] = {}
    waiting: list[object] = [client]
    while waiting:
        value = waiting.pop()
        if id(value) not in seen and type(value).__module__.startswith(
            ("connecty_frames.asking", "connecty_frames.client", "connecty_frames.http")
        ):
            seen[id(value)] = value
            names = {*getattr(type(value), "__slots__", ())} - {"__weakref__"}  # Python 3.11.2 cannot read it
            slots = [getattr(value, name) for name in names]
            waiting += [*getattr(value, "__dict__", {}).values(), *slots]
        elif isinstance(value, dict):
            waiting += value.values()
    assert {type(value).__name__ for value in seen.values()} >= {
        "API",
        "Auth",
        "Bearer",
        "Client",
        "ConnectionAdapter",
        "Redaction",
        "RetryBudget",
        "Transport",
    }
    shown = " ".join(map(repr, seen.values()))
    assert [form for form in FORMS if form in shown] == []


def test_no_foreign_exception_is_the_cause_of_an_error(server: Any, client: Client) -> None:
    """No exception of requests or urllib3, which holds its request, is the cause or context of an error."""
    server.on("ask", server.reset)
    with pytest.raises(SubmissionUncertain) as caught:
        ask(client)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_no_foreign_exception_reaches_a_caller(server: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a library raises while a request is sent, the caller gets a ConnectyError."""
    from urllib3.connection import HTTPConnection

    def fail(_self: HTTPConnection, *_: object, **__: object) -> socket.socket:
        raise RuntimeError("something new")

    monkeypatch.setattr(HTTPConnection, "getresponse", fail)
    with make(server, timeout=0.5) as client, pytest.raises(ConnectyError):
        ask(client)
