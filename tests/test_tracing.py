"""Spans of OpenTelemetry: each question has one, with its id, its outcome and a status."""

from typing import Any

import pytest

import connecty_frames as cf
from connecty_frames.client import Client
from tests.servers.scripted import QUESTION_ID, Script

trace = pytest.importorskip("opentelemetry.trace")
export = pytest.importorskip("opentelemetry.sdk.trace.export")
memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
sdk = pytest.importorskip("opentelemetry.sdk.trace")


ANSWER = {"state": "COMPLETED", "results": {"dataframe": [["n"], [1]]}}


@pytest.fixture
def tracing(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return an exporter of the spans, which is used instead of the process's own."""
    exporter, provider = memory.InMemorySpanExporter(), sdk.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    return exporter


def seen(exporter: Any) -> list[tuple[str, str, str, str, str | None]]:
    """Return name, id, outcome and status of each span, in the order of their ends."""
    return [
        (
            span.name,
            span.attributes["connecty.question_id"],
            span.attributes.get("connecty.outcome", ""),
            span.status.status_code.name,
            span.status.description,
        )
        for span in exporter.get_finished_spans()
    ]


@pytest.mark.parametrize("level", ["WARNING", "DEBUG"])
def test_questions_that_are_answered(
    server: Script, client: Client, tracing: Any, caplog: pytest.LogCaptureFixture, level: str
) -> None:
    """The id and COMPLETED, or ASKED until the answer is fetched; the fetching belongs to the question."""
    caplog.set_level(level, "connecty_frames.client")
    server.on("results", server.answer(200, ANSWER))
    client.ask("how many?")
    client.submit("how many?").result()
    assert seen(tracing) == [
        ("connecty fetch", QUESTION_ID, "COMPLETED", "UNSET", None),
        ("connecty ask", QUESTION_ID, "COMPLETED", "UNSET", None),
        ("connecty ask", QUESTION_ID, "ASKED", "UNSET", None),
        ("connecty fetch", QUESTION_ID, "COMPLETED", "UNSET", None),
    ]
    fetch, ask = tracing.get_finished_spans()[:2]
    assert fetch.parent.span_id == ask.context.span_id


@pytest.mark.parametrize(
    ("endpoint", "status", "question_id", "outcome"),
    [
        ("results", 200, QUESTION_ID, "QuestionFailed"),
        ("ask", 500, "unknown", "SubmissionUncertain"),
        ("ask", 403, "unknown", "AuthError"),
    ],
)
def test_a_question_that_fails(
    server: Script, client: Client, tracing: Any, endpoint: str, status: int, question_id: str, outcome: str
) -> None:
    """An error, with the name of its class alone: a message may have values."""
    server.on(endpoint, server.answer(status, {"state": "FAILED", "error": "no table for canary"}))
    with pytest.raises(getattr(cf, outcome)):
        client.ask("how many?")
    assert seen(tracing)[-1] == ("connecty ask", question_id, outcome, "ERROR", outcome)
    assert "canary" not in "".join(span.to_json() for span in tracing.get_finished_spans())
    assert not any(span.events for span in tracing.get_finished_spans())


def test_many_questions(server: Script, client: Client, tracing: Any) -> None:
    """Each has a span, which belongs to the one that was current."""
    server.on("results", server.answer(200, ANSWER))
    with trace.get_tracer("nightly").start_as_current_span("report") as report:
        client.ask_many(["one?", "two?", "three?"])
    spans = [span for span in tracing.get_finished_spans() if span.name == "connecty ask"]
    assert [span.parent.span_id for span in spans] == [report.context.span_id] * 3
