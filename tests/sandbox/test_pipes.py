"""Messages between the sandbox and its worker processes."""

from __future__ import annotations

from io import BytesIO

import msgspec

from connecty_frames.sandbox.pipes import WorkerReply, receive, send
from connecty_frames.sandbox.results import QueryResult
from tests.cases import cases


def test_messages_are_received_one_by_one() -> None:
    """They arrive as they were sent, empty ones too, and then None."""
    pipe = BytesIO()
    for message in (b"one", b"", b"three" * 1000):
        send(pipe, message)
    pipe.seek(0)

    assert [receive(pipe) for _ in range(5)] == [b"one", b"", b"three" * 1000, None, None]


@cases("length", range(11))
def test_an_incomplete_message_is_none(length: int) -> None:
    """An incomplete message is never taken for a complete one, wherever it ends."""
    pipe = BytesIO()
    send(pipe, b"one")

    assert receive(BytesIO(pipe.getvalue()[:length])) is None


def test_a_reply_is_received_as_it_was_sent() -> None:
    """Every field of a reply arrives."""
    reply = WorkerReply(
        result=QueryResult(("a", "a"), b"[1,2]", b"\x05" + b"\x00" * 7, b"{}"), retire_worker=True
    )

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(reply), type=WorkerReply) == reply
