"""An answer that arrived is read and decoded within the deadline, or in a tenth of a second after it."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

import connecty_frames as cf
from connecty_frames import frames
from connecty_frames.asking import polling
from connecty_frames.client import Client
from connecty_frames.decode.envelope import read_envelope
from tests.servers.scripted import Script
from tests.servers.timing import FakeClock

BODY = {"state": "COMPLETED", "results": {"dataframe": [["n"], [1]]}}

every_time = pytest.mark.parametrize(("timeout", "allowed"), [(30.0, 30.0), (0.05, 0.1)])


@pytest.fixture
def spend(clock: FakeClock) -> Callable[[float], None]:
    def run(seconds: float) -> None:
        clock.at += seconds

    return run


@every_time
def test_reading(
    server: Script,
    fake_clock_client: Client,
    monkeypatch: pytest.MonkeyPatch,
    spend: Callable[[float], None],
    timeout: float,
    allowed: float,
) -> None:
    """Later it is a QuestionTimeout; result() then reads what was received before."""
    server.on("results", server.answer(200, BODY))
    taken = allowed

    def read(body: bytes, *, limits: Any, **options: Any) -> Any:
        spend(taken)
        limits.checkpoint()
        return read_envelope(body, limits=limits, **options)

    monkeypatch.setattr(polling, "read_envelope", read)
    assert fake_clock_client.submit("how many?").result(timeout=timeout).rows == 1
    taken = allowed + 0.001
    late = fake_clock_client.submit("how many?")
    with pytest.raises(cf.QuestionTimeout, match="its response arrived but was not read in time"):
        late.result(timeout=timeout)
    with pytest.raises(cf.QuestionTimeout, match="was not read in time"):
        late.result(timeout=timeout, max_rows=7)
    assert len(late._polling._unread) == 1  # of the latest request, since it may be large
    fetched, taken = server.count("results"), 0.0

    assert late.result(max_rows=7).rows == 1
    assert server.count("results") == fetched


@every_time
def test_decoding(
    server: Script,
    fake_clock_client: Client,
    monkeypatch: pytest.MonkeyPatch,
    spend: Callable[[float], None],
    timeout: float,
    allowed: float,
) -> None:
    """The time of an import does not count, and what was received is not fetched again."""
    server.on("results", server.answer(200, BODY))
    taken: list[float] = []
    replace = msgspec.structs.replace

    def limited(given: Any, **changes: Any) -> Any:
        spend(taken.pop() if taken else 0)
        return replace(given, **changes)

    monkeypatch.setattr("connecty_frames.question.msgspec.structs.replace", limited)
    monkeypatch.setattr(frames, "LOADED", set())
    monkeypatch.setattr(frames, "finish_loading", lambda _: (spend(100), taken.append(left)))
    question, left = fake_clock_client.submit("how many?"), allowed
    assert question.result(timeout=timeout).rows == 1
    left = allowed + 0.001
    with pytest.raises(cf.QuestionTimeout, match="was not decoded in the time allowed") as caught:
        question.result(timeout=timeout)

    assert (caught.value.question, caught.value.dw_id, caught.value.state) == ("how many?", 13, "COMPLETED")
    assert caught.value.asked_at is not None
    assert str(caught.value).endswith("dw_id=13) fetches it again.")
    monkeypatch.setattr(question._api, "resume_command", lambda *_: "")
    with pytest.raises(cf.QuestionTimeout, match=r"decodes it again without another request\.$"):
        question.result(timeout=timeout)
    assert server.count("results") == 1
