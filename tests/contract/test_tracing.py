"""Spans from event to sending, with nothing about anybody; off means that nothing is imported."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from adapters import tracing
from adapters.attempts import Pace, attempt
from bot.tracing import span
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, NONSENSE, TROUBLE, House

contents, home, house = fakes.contents, fakes.home, fakes.house


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    kept = InMemorySpanExporter()
    stop = tracing.start("one", kept)
    yield kept
    stop()


def named(spans: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {one.name: one for one in spans.get_finished_spans()}


def test_an_event_is_gate_search_transaction_and_then_sent(house: House, spans: InMemorySpanExporter) -> None:
    house.say(DANA, NONSENSE)
    found = named(spans)
    assert {"event", "gate", "search", "transaction", "send"} == set(found)
    event = found["event"]
    assert {"channel": "web", "kind": "message"} == dict(event.attributes or {})
    for name in ("gate", "search", "transaction"):
        parent = found[name].parent
        assert parent is not None
        assert event.context.span_id == parent.span_id
    assert found["search"].end_time <= found["transaction"].start_time  # type: ignore[operator]
    assert found["transaction"].end_time <= found["send"].start_time  # type: ignore[operator]


def test_no_span_says_who_or_what(house: House, spans: InMemorySpanExporter) -> None:
    house.say(DANA, f"{TROUBLE} says dana.reyes {NONSENSE}")
    house.send(DANA)
    house.settle()
    said = json.dumps([json.loads(one.to_json()) for one in spans.get_finished_spans()])
    assert len(spans.get_finished_spans()) > 5
    traces = (house.key(DANA), "dana", "Dana", NONSENSE, "event-1", "SEC-1", "parcel")
    assert [] == [trace for trace in traces if trace in said]
    names = {name for one in spans.get_finished_spans() for name in one.attributes or {}}
    assert {"channel", "kind"} == names


def test_what_goes_wrong_is_told_by_its_kind_alone(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="secret"), span("event"):
        raise ValueError("secret words of somebody")
    (one,) = spans.get_finished_spans()
    assert (False, "ValueError", ()) == ("secret" in one.to_json(), one.status.description, one.events)


def test_a_job_is_a_span_with_its_kind(spans: InMemorySpanExporter) -> None:
    attempt(lambda _payload: None, "reporting.analyse", "analyse:abc", {}, 0, Pace())
    (one,) = spans.get_finished_spans()
    assert ("job", {"kind": "reporting.analyse"}) == (one.name, dict(one.attributes or {}))


def test_after_the_end_nothing_is_traced() -> None:
    kept = InMemorySpanExporter()
    tracing.start("one", kept)()
    with span("event"):
        pass
    assert () == kept.get_finished_spans()


def test_off_means_not_imported() -> None:
    code = "import sys, bot.app, bot.app.serving; print([name for name in sys.modules if name.startswith('opentelemetry')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]\n" == done.stdout
