"""Client id, secret and token are found nowhere, whatever goes wrong.

The canaries are in the ``client`` fixture; each test makes something fail and looks through all that an error
leaves behind: its text, its fields, its pickle, the locals of every frame of ours and of the libraries
underneath, and the DEBUG log of every logger.
"""

from __future__ import annotations

import base64
import logging
import os
import pickle
import signal
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from connecty_frames.client import Client
from connecty_frames.errors import ConfigError, ConnectyError, SubmissionUncertain

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

QUESTION_ID = "729cb7a4-4b06-449e-a3c9-df40f5e570b8"
SECRETS = ("canary-client-id", "canary-secret", "canary-token-1")
FORMS = [
    form
    for secret in SECRETS
    for form in (secret, quote(secret), base64.b64encode(secret.encode()).decode().rstrip("="))
]
#: Before the first token came, nobody can know what it would have been.
FORMS_OF_CREDENTIALS = [form for form in FORMS if not form.startswith((SECRETS[2], "Y2FuYXJ5LXRva2Vu"))]
ECHO = " ".join(FORMS)


def left_behind(error: BaseException, log: str) -> str:
    """Give all that an error leaves where somebody could read it, but for the frames of this test."""
    texts = [log, repr(error), str(error), repr(vars(error))]
    seen: BaseException | None = error
    while seen is not None:
        frames = traceback.walk_tb(seen.__traceback__)
        for frame, _ in frames:
            if Path(frame.f_code.co_filename).parent != Path(__file__).parent:
                texts += [f"{name}={value!r}" for name, value in frame.f_locals.items()]
        seen = seen.__cause__ or seen.__context__
    if isinstance(error, ConnectyError):
        texts.append(pickle.dumps(error).decode("latin-1"))
    return "\n".join(texts)


def assert_clean(
    error: BaseException, caplog: pytest.LogCaptureFixture, forms: list[str] | None = None
) -> None:
    """Find none of the canaries in any form."""
    text = left_behind(error, caplog.text)
    assert [form for form in forms or FORMS if form in text] == []


@pytest.fixture(autouse=True)
def _every_log(caplog: pytest.LogCaptureFixture) -> None:
    """Take every record of every logger."""
    caplog.set_level(logging.DEBUG)


def ask(client: Client) -> object:
    """Ask a question."""
    return client.submit("how many?")


def look(client: Client) -> object:
    """Ask for a state."""
    return client.question(QUESTION_ID).state()


STEPS: dict[str, Callable[[Any], Any]] = {
    "refused": lambda server: server.answer(401, {"detail": ECHO}),
    "forbidden": lambda server: server.answer(403, {"detail": ECHO}),
    "invalid": lambda server: server.answer(422, raw=ECHO.encode(), X_Request_Id=ECHO),
    "fault": lambda server: server.answer(500, {"error": {"message": ECHO}}),
    "redirect": lambda server: server.answer(302, Location=f"https://login.test/?t={quote(ECHO)}"),
    "page": lambda server: server.answer(200, raw=f"<p>{ECHO}".encode(), Content_Type=f"text/{SECRETS[1]}"),
    "json": lambda server: server.answer(200, {"said": ECHO}),
    "reset": lambda server: server.reset,
    "closed": lambda server: server.close,
    "garbage": lambda server: server.send_and_close(ECHO.encode() + b"\r\n"),
    "cut": lambda server: server.send_and_close(
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + ECHO.encode()
    ),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("kind", "act"), [("token", ask), ("token", look), ("ask", ask)])
def test_no_error_shows_a_secret(  # noqa: PLR0917 - fixtures
    server: Any,
    client: Client,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    act: Callable[[Client], object],
    step: str,
) -> None:
    """Not even where the server repeats what it was sent."""
    server.on(kind, STEPS[step](server))
    with pytest.raises(ConnectyError) as caught:
        act(client)
    known = FORMS if kind == "ask" else FORMS_OF_CREDENTIALS
    assert_clean(caught.value, caplog, known)


@pytest.mark.parametrize("step", ["refused", "forbidden", "invalid", "fault", "redirect", "page"])
def test_no_error_of_a_look_shows_a_secret(
    server: Any, client: Client, caplog: pytest.LogCaptureFixture, step: str
) -> None:
    """The same for what is asked about a question."""
    server.on("results", STEPS[step](server))
    with pytest.raises(ConnectyError) as caught:
        look(client)
    assert_clean(caught.value, caplog)


@pytest.mark.parametrize(("kind", "act"), [("token", look), ("ask", ask), ("results", look)])
def test_no_interrupt_shows_a_secret(
    server: Any, client: Client, caplog: pytest.LogCaptureFixture, kind: str, act: Callable[[Client], object]
) -> None:
    """Ctrl-C among the frames of requests leaves without their locals."""
    server.on(kind, server.hang)
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt) as caught:
        act(client)
    assert_clean(caught.value, caplog)


def test_a_success_logs_no_secret(server: Any, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """The DEBUG log of a whole call."""
    server.on("results", server.answer(200, {"state": "COMPLETED", "results": {"response_summary": "x"}}))
    answer = client.ask("how many?")
    assert caplog.text != ""
    shown = caplog.text + repr(client) + repr(answer) + repr(answer.metadata)
    assert [form for form in FORMS if form in shown] == []


@pytest.mark.parametrize(
    "settings",
    [
        {"client_id": SECRETS[0]},
        {"client_id": SECRETS[0], "client_secret": SECRETS[1] + "\x00"},
        {"client_id": SECRETS[0], "client_secret": SECRETS[1], "base_url": "ftp://x"},
    ],
)
def test_no_wrong_setting_shows_a_secret(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A constructor that refuses leaves none of what it was given behind."""
    with pytest.raises(ConfigError) as caught:
        Client(**settings)
    assert_clean(caught.value, caplog)


def test_no_object_of_ours_shows_a_secret(client: Client) -> None:
    """The reprs of a client and of all it is made of."""
    look(client)
    seen: dict[int, object] = {}
    waiting: list[object] = [client]
    while waiting:
        value = waiting.pop()
        if id(value) not in seen and type(value).__module__.startswith("connecty_frames.client"):
            seen[id(value)] = value
            slots = [getattr(value, name) for name in getattr(type(value), "__slots__", ())]
            waiting += [*getattr(value, "__dict__", {}).values(), *slots]
    shown = " ".join(map(repr, seen.values()))
    assert len(seen) >= 5
    assert [form for form in FORMS if form in shown] == []


def test_an_exception_from_deep_below_is_ours_and_alone(server: Any, client: Client) -> None:
    """No exception of requests or urllib3 hangs on to an error of ours, where its request would show."""
    server.on("ask", server.reset)
    with pytest.raises(SubmissionUncertain) as caught:
        ask(client)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_no_foreign_exception_reaches_a_caller(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a library raises while sending, the caller sees an error of ours."""
    from urllib3.connection import HTTPConnection

    def fail(_self: HTTPConnection, *_: object, **__: object) -> socket.socket:
        raise RuntimeError("something new")

    monkeypatch.setattr(HTTPConnection, "getresponse", fail)
    with pytest.raises(ConnectyError):
        ask(client)
