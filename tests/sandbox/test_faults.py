"""The text and keywords of faults, and which requests they apply to."""

from decimal import Decimal
from typing import Any

import pytest

from connecty_frames.errors import ConfigError
from connecty_frames.sandbox import Fault, Faults, Sandbox
from tests.cases import cases

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


@cases(("text", "fault"), SAME, ids=[text for text, _ in SAME])
def test_a_fault_has_a_text(text: str, fault: Fault) -> None:
    """A fault is equal to the one read from its text."""
    assert Fault.from_text(text) == fault
    assert str(fault) == text


def test_spaces_are_ignored() -> None:
    """Spaces around options are ignored; those in a question are kept."""
    assert Fault.from_text(" results : status=503 , times=2 , question= why ") == Fault(
        "results", status=503, times=2, question=" why "
    )


@cases(
    ("text", "message"),
    [
        ("", "there is no colon"),
        ("results", "there is no colon"),
        ("results:", "exactly one of latency, status, reset"),
        ("nowhere:reset", "choose an endpoint of health, token, ask, results"),
        ("results:sttus=503", "'sttus' is unknown"),
        ("results:status=503,status=504", "'status' is unknown or given twice"),
        ("results:status=x", "'status=x' needs a number"),
        ("results:status", "'status' needs a number"),
        ("results:reset=1", "takes no value"),
        ("results:latency=x", "'latency=x' needs a number"),
    ],
)
def test_invalid_text_is_rejected(text: str, message: str) -> None:
    """The error has the text and what is wrong with it."""
    with pytest.raises(ConfigError, match=message) as caught:
        Fault.from_text(text)
    assert repr(text) in str(caught.value)
    assert caught.value.setting == "fault"


def test_the_error_lists_what_is_accepted() -> None:
    """The error for an unreadable text names every kind and option."""
    with pytest.raises(ConfigError) as caught:
        Fault.from_text("results:what")
    message = str(caught.value)
    names = [name for name in Fault.__dataclass_fields__ if name not in {"_", "endpoint"}]
    assert [name for name in names if name not in message] == []


@cases(
    ("endpoint", "fault", "message"),
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
        ("ask", {"latency": Decimal("sNaN")}, "wrong type"),
        ("ask", {"status": [1] * 100_000}, "wrong type"),
        ("ask", {"state": "x" * 100_000}, "only results reports a state"),
    ],
)
def test_invalid_faults_are_rejected(endpoint: Any, fault: dict[str, Any], message: str) -> None:
    """The error says what is wrong."""
    with pytest.raises(ConfigError, match=message) as raised:
        Fault(endpoint, **fault)
    assert len(str(raised.value)) < 1_000


@cases(
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
def test_the_timing_of_a_fault(fault: Fault, kind: str, timing: str) -> None:
    """It is ``when``, and by default depends on the kind."""
    assert (fault.kind, fault.timing) == (kind, timing)


def statuses(faults: Faults, *questions: str | None) -> list[str | None]:
    """Return the statuses of the faults that apply to polls of these questions."""
    applied = [faults.next_for("results", question, "some-id") for question in questions]
    return [fault and str(fault.status) for fault in applied]


def test_a_fault_applies_a_number_of_times_and_then_the_next() -> None:
    """Two requests get 503, one 429, later ones none."""
    faults = Faults([Fault("results", status=503, times=2), Fault("results", status=429, times=1)])
    assert statuses(faults, *"abcde") == ["503", "503", "429", None, None]
    assert faults.next_for("ask", "a", None) is None


def test_a_fault_can_be_limited_to_one_question() -> None:
    """The question is given by its text or its id; other requests are not counted."""
    faults = Faults([Fault("results", status=503, times=1, question="b")])
    assert statuses(faults, "a", None, "b", "b") == [None, None, "503", None]
    faults.add(Fault("results", status=500, question="some-id"))
    assert statuses(faults, "a", None) == ["500", "500"]


def test_a_chance_is_repeated_by_its_seed() -> None:
    """The same seed selects the same requests, about as many as the chance says."""

    def drawn(seed: int) -> list[str | None]:
        return statuses(Faults([Fault("results", status=503, chance=0.25, seed=seed)]), *["a"] * 400)

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert 60 < drawn(1).count("503") < 140


def test_faults_can_be_changed() -> None:
    """They can be added, counted, listed, rearmed and cleared; another object is rejected."""
    first, second = Fault("results", status=503, times=1), Fault("ask", reset=True)
    faults = Faults([first])
    faults.add(second)
    assert list(faults) == [first, second]
    assert len(faults) == 2

    assert statuses(faults, "a", "a") == ["503", None]
    faults.rearm()
    assert statuses(faults, "a") == ["503"]
    faults.clear()
    assert list(faults) == []
    with pytest.raises(ConfigError, match="'ask:reset' is not a Fault"):
        faults.add("ask:reset")  # type: ignore[arg-type]


def test_a_sandbox_has_no_faults_by_default() -> None:
    """It has no faults, and entering restarts the counts of those passed to it."""
    assert list(Sandbox().faults) == []
    box = Sandbox(faults=[Fault("health", reset=True, times=1)])
    assert box.faults.next_for("health", None, None) is not None
    with box:
        assert box.faults.next_for("health", None, None) is not None
        assert box.faults.next_for("health", None, None) is None
