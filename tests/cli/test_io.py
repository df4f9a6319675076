"""Signals, within the process of the tests."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from unittest import mock

import pytest

from connecty_frames.cli.io import _clear_tracebacks, _is_ending, _SignalHandler, exit_on_signals

SIGNALS = {"SIGHUP": 129, "SIGINT": 130, "SIGTERM": 143}


@pytest.fixture
def _handlers() -> Iterator[None]:
    """Set the handlers of signals as in a shell without nohup, and restore them."""
    numbers = [getattr(signal, name) for name in SIGNALS if hasattr(signal, name)]  # Windows has no SIGHUP
    before = {number: signal.signal(number, signal.SIG_DFL) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_handlers")
@pytest.mark.parametrize(("name", "code"), SIGNALS.items())
def test_a_signal_ends_a_command(name: str, code: int) -> None:
    """Also if another error follows; a second signal then ends the process at once."""
    number = getattr(signal, name, None)
    if number is None:
        pytest.skip(f"the system has no {name}")

    def run() -> None:
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt:
            raise OSError("while it ends") from None

    with pytest.raises(SystemExit) as ended, exit_on_signals():
        run()
    assert ended.value.code == code
    assert signal.getsignal(number) is signal.SIG_DFL


@pytest.mark.usefixtures("_handlers")
def test_an_interrupt_that_is_lost_is_repeated() -> None:
    """As one that Python drops in a finalizer."""

    def run() -> None:
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        time.sleep(50)

    with pytest.raises(SystemExit) as ended, exit_on_signals():
        run()
    assert ended.value.code == 143


def test_an_error_in_a_finalizer(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is reported unless a signal came."""
    reported: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", reported.append)
    handler, dropped = _SignalHandler(), mock.sentinel.dropped
    handler.unraisable(dropped)
    handler.number = 2
    handler.unraisable(dropped)
    handler.close()
    assert reported == [dropped]


def test_which_errors_end_a_program() -> None:
    """One that is handled does not, unless it came while another was on its way."""
    interrupted, inner = ValueError(), OSError()
    inner.__context__ = KeyboardInterrupt()
    interrupted.__context__ = inner
    assert [
        _is_ending(error) for error in (None, ValueError(), interrupted, KeyboardInterrupt(), SystemExit())
    ] == [*(False, False, True, True, True)]
    for error in (interrupted, inner):
        error.__traceback__ = TracebackType(None, sys._getframe(), 0, 1)
    _clear_tracebacks(interrupted)
    assert [interrupted.__traceback__, inner.__traceback__] == [None, None]


@pytest.mark.usefixtures("_handlers")
def test_the_hook_for_finalizers_is_restored() -> None:
    """It is one of the command's own while that runs."""
    before = sys.unraisablehook
    with exit_on_signals():
        inside = sys.unraisablehook
    assert getattr(inside, "__func__", None) is _SignalHandler.unraisable
    assert sys.unraisablehook is before


@pytest.mark.usefixtures("_handlers")
def test_a_signal_that_ends_no_command() -> None:
    """A stopped server has succeeded, and a command that no signal came to keeps its error."""
    with exit_on_signals(), suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGINT, before := signal.default_int_handler)
    with pytest.raises(OSError, match="of its own"), exit_on_signals():
        raise OSError("of its own")
    assert signal.getsignal(signal.SIGINT) is before
    assert signal.set_wakeup_fd(-1) == -1


def test_signals_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first decides the code; for a second, others do not cut off its message."""
    handler, now = _SignalHandler(), 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    seen = []
    for number, later in ((15, 0.0), (2, 0.0), (2, 0.9), (2, 0.2), (2, 0.9), (2, 0.2)):
        now += later
        with suppress(KeyboardInterrupt):
            handler.handle(number, None)
            seen.append(round(now, 1))
    handler.close()

    assert handler.number == 15
    assert seen == [100.0, 100.9, 102.0]  # no interrupt
    now += 2
    handler.handle(2, None)  # nor one after the end
