"""Faults as they are written, and when they are due."""

from __future__ import annotations

from typing import Any

import pytest

from connecty_frames.errors import ConfigError
from connecty_frames.sandbox import Fault, Faults, Sandbox

SAME = [
    ("health:latency=0.5", Fault("health", latency=0.5)),
    ("results:status=503,retry_after=1,times=2", Fault("results", status=503, retry_after="1", times=2)),
    ("results:status=429,retry_after=soon", Fault("results", status=429, retry_after="soon")),
    ("ask:reset,when=after", Fault("ask", reset=True, when="after")),
    ("ask:close,chance=0.25,seed=7", Fault("ask", close=True, chance=0.25, seed=7)),
    ("ask:lost", Fault("ask", lost=True)),
    ("token:cut=0", Fault("token", cut=0)),
    ("token:expired", Fault("token", expired=True)),
    ("results:drip_headers=0.1", Fault("results", drip_headers=0.1)),
    ("results:drip_body=0.0", Fault("results", drip_body=0.0)),
    ("results:state=ARCHIVED", Fault("results", state="ARCHIVED")),
    ("ask:reset,question=a, b=c", Fault("ask", reset=True, question="a, b=c")),
]


@pytest.mark.parametrize(("text", "fault"), SAME, ids=[text for text, _ in SAME])
def test_a_fault_is_written_either_way(text: str, fault: Fault) -> None:
    """The text and the keywords say the same, there and back."""
    assert Fault.from_text(text) == fault
    assert str(fault) == text


def test_spaces_are_free() -> None:
    """Around what stands between commas; a question keeps its own."""
    assert Fault.from_text(" results : status=503 , times=2 , question= why ") == Fault(
        "results", status=503, times=2, question=" why "
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no colon"),
        ("results", "there is no colon"),
        ("results:", "exactly one of latency, status, reset"),
        ("nowhere:reset", "choose an endpoint of health, token, ask, results"),
        ("results:sttus=503", "'sttus' is not known"),
        ("results:status=503,status=504", "'status' is not known, or given twice"),
        ("results:status=x", "invalid literal"),
        ("results:status", "invalid literal"),
        ("results:reset=1", "takes no value"),
        ("results:latency=x", "could not convert"),
    ],
)
def test_what_cannot_be_read_is_refused(text: str, said: str) -> None:
    """ConfigError with the text, what is wrong, and what would be right."""
    with pytest.raises(ConfigError, match=said) as caught:
        Fault.from_text(text)

    assert repr(text) in str(caught.value)
    assert caught.value.setting == "fault"


def test_what_is_accepted_is_told() -> None:
    """Every endpoint, kind and option is named where a text cannot be read."""
    with pytest.raises(ConfigError) as caught:
        Fault.from_text("results:what")

    message = str(caught.value)
    names = [name for name in Fault.__dataclass_fields__ if name not in {"_", "endpoint"}]
    assert [name for name in names if name not in message] == []


@pytest.mark.parametrize(
    ("endpoint", "fault", "said"),
    [
        ("results", {}, "exactly one"),
        ("results", {"reset": True, "close": True}, "exactly one"),
        ("result", {"reset": True}, "choose an endpoint"),
        ("results", {"latency": -1.0}, "0 or more seconds"),
        ("results", {"latency": float("nan")}, "0 or more seconds"),
        ("results", {"drip_body": float("inf")}, "0 or more seconds"),
        ("results", {"status": 100}, "status is 200 to 599"),
        ("results", {"status": 600}, "status is 200 to 599"),
        ("results", {"reset": True, "retry_after": 1}, "needs status"),
        ("results", {"status": 503, "retry_after": "1\r\nSet-Cookie: a=b"}, "one line"),
        ("results", {"cut": -1}, "0 or more bytes"),
        ("health", {"expired": True}, "no token that could expire"),
        ("ask", {"state": "ARCHIVED"}, "only results reports a state"),
        ("token", {"reset": True, "question": "x"}, "has no question"),
        ("ask", {"reset": True, "when": "during"}, "'before' or 'after'"),
        ("ask", {"cut": 1, "when": "before"}, "changes an existing response"),
        ("ask", {"reset": True, "times": 0}, "1 or more"),
        ("ask", {"reset": True, "chance": 1.5}, "between 0 and 1"),
        ("ask", {"reset": True, "chance": float("nan")}, "between 0 and 1"),
        ("ask", {"status": "503"}, "wrong type"),
    ],
)
def test_what_makes_no_sense_is_refused(endpoint: Any, fault: dict[str, Any], said: str) -> None:
    """ConfigError that says why."""
    with pytest.raises(ConfigError, match=said):
        Fault(endpoint, **fault)


@pytest.mark.parametrize(
    ("fault", "kind", "timing"),
    [
        (Fault("ask", reset=True), "reset", "before"),
        (Fault("ask", reset=True, when="after"), "reset", "after"),
        (Fault("ask", lost=True), "lost", "after"),
        (Fault("ask", cut=0), "cut", "after"),
        (Fault("results", latency=0.0), "latency", "before"),
        (Fault("results", expired=True), "expired", "before"),
        (Fault("token", expired=True), "expired", "after"),
    ],
)
def test_when_a_fault_strikes(fault: Fault, kind: str, timing: str) -> None:
    """As it says, else when its kind makes sense."""
    assert (fault.kind, fault.timing) == (kind, timing)


def strikes(faults: Faults, *questions: str | None) -> list[str | None]:
    """Return what strikes polls of these questions."""
    struck = [faults.next_for("results", question, "some-id") for question in questions]
    return [fault and str(fault.status) for fault in struck]


def test_a_fault_strikes_so_often_and_the_next_takes_over() -> None:
    """Twice 503, once 429, then never."""
    faults = Faults([Fault("results", status=503, times=2), Fault("results", status=429, times=1)])

    assert strikes(faults, *"abcde") == ["503", "503", "429", None, None]
    assert faults.next_for("ask", "a", None) is None


def test_a_fault_may_be_about_one_question() -> None:
    """By its words or by its id; others pass, and do not count."""
    faults = Faults([Fault("results", status=503, times=1, question="b")])

    assert strikes(faults, "a", None, "b", "b") == [None, None, "503", None]
    faults.add(Fault("results", status=500, question="some-id"))
    assert strikes(faults, "a", None) == ["500", "500"]


def test_a_chance_is_repeated_by_its_seed() -> None:
    """The same seed strikes the same requests, about as many as the chance says."""

    def drawn(seed: int) -> list[str | None]:
        return strikes(Faults([Fault("results", status=503, chance=0.25, seed=seed)]), *["a"] * 400)

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert 60 < drawn(1).count("503") < 140


def test_faults_can_be_changed() -> None:
    """Added, counted, listed, armed again and cleared; what is no fault is refused."""
    first, second = Fault("results", status=503, times=1), Fault("ask", reset=True)
    faults = Faults([first])
    faults.add(second)
    assert list(faults) == [first, second]
    assert len(faults) == 2

    assert strikes(faults, "a", "a") == ["503", None]
    faults.rearm()
    assert strikes(faults, "a") == ["503"]
    faults.clear()
    assert list(faults) == []
    with pytest.raises(ConfigError, match="'ask:reset' is not a Fault"):
        faults.add("ask:reset")  # type: ignore[arg-type]


def test_a_sandbox_behaves_by_default() -> None:
    """It has no faults, and each entering lets those it has count anew."""
    assert list(Sandbox().faults) == []

    box = Sandbox(faults=[Fault("health", reset=True, times=1)])
    assert box.faults.next_for("health", None, None) is not None
    with box:
        assert box.faults.next_for("health", None, None) is not None
        assert box.faults.next_for("health", None, None) is None
