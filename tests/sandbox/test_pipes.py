"""Messages between the sandbox and the processes that run its queries."""

from __future__ import annotations

from io import BytesIO

import msgspec
import pytest

from connecty_frames.sandbox.pipes import WorkerReply, receive, send
from connecty_frames.sandbox.results import QueryResult


def test_messages_come_one_by_one() -> None:
    """As they were sent, empty ones too; then the end."""
    pipe = BytesIO()
    for message in (b"one", b"", b"three" * 1000):
        send(pipe, message)
    pipe.seek(0)

    assert [receive(pipe) for _ in range(5)] == [b"one", b"", b"three" * 1000, None, None]


@pytest.mark.parametrize("length", range(11))
def test_a_message_that_was_cut_is_none(length: int) -> None:
    """At any byte: half a message is never taken for a whole one."""
    pipe = BytesIO()
    send(pipe, b"one")

    assert receive(BytesIO(pipe.getvalue()[:length])) is None


def test_a_result_crosses_as_it_is() -> None:
    """Every part of a reply arrives."""
    reply = WorkerReply(
        result=QueryResult(("a", "a"), b"[1,2]", b"\x05" + b"\x00" * 7, b"{}"), retire_worker=True
    )

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(reply), type=WorkerReply) == reply
