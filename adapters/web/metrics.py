"""Numbers for Prometheus. No label ever says who somebody is.

Counters live in this process; gauges are read from the database when somebody scrapes (`refresh`), so every replica
shows the same ones: take `max`, not `sum`, over replicas.
"""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from bot.model import Message, Reply

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)


class Metrics:
    """One registry a process. `observe` and `asked` are called by the application; the rest by `/metrics`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._events = Counter(
            "secdesk_events", "Messages, buttons and files handled.", ["channel", "kind"], registry=self.registry
        )
        self._repeats = Counter(
            "secdesk_events_repeated", "Events that had been handled before.", ["channel"], registry=self.registry
        )
        self._unstored = Counter(
            "secdesk_replies_unstored",
            "Replies given while nothing could be stored.",
            ["channel"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "secdesk_reply_seconds",
            "Seconds from message to reply.",
            ["channel"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._outcomes = Counter(
            "secdesk_outcomes", "What became of messages and questions.", ["outcome"], registry=self.registry
        )
        self._gauges = {
            "deliveries": self._gauge("secdesk_deliveries", "Deliveries by state.", "state"),
            "outbox": self._gauge("secdesk_outbox", "Outbox rows by state.", "state"),
            "tickets": self._gauge("secdesk_tickets_open", "Unresolved tickets by severity.", "severity"),
            "reports": self._gauge("secdesk_reports", "Reported mails by verdict.", "verdict"),
        }
        self._stored = Gauge("secdesk_events_stored", "Events in the database.", registry=self.registry)
        self._pages = Gauge("secdesk_pages_unacknowledged", "Calls nobody has answered.", registry=self.registry)

    def observe(self, message: Message, reply: Reply, seconds: float) -> None:
        """Count one handled message."""
        kind = "action" if message.action else "file" if message.files else "message"
        self._events.labels(message.place.channel, kind).inc()
        self._seconds.labels(message.place.channel).observe(seconds)
        if reply.repeated:
            self._repeats.labels(message.place.channel).inc()
        elif not reply.delivery:
            self._unstored.labels(message.place.channel).inc()

    def outcome(self, outcome: str) -> None:
        """Count an outcome: `answer`, `suggest`, `escalate`, `emergency`, `confirm`, or a card's tone."""
        self._outcomes.labels(outcome).inc()

    def refresh(self, *, by_state: Mapping[str, Mapping[str, int]], events: int, pages: int) -> None:
        """Set the gauges: `by_state` holds counts for deliveries, outbox, tickets and reports."""
        for name, counts in by_state.items():
            gauge = self._gauges[name]
            gauge.clear()
            for label, count in counts.items():
                gauge.labels(label or "checking").set(count)
        self._stored.set(events)
        self._pages.set(pages)

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)

    def _gauge(self, name: str, what: str, label: str) -> Gauge:
        return Gauge(name, what, [label], registry=self.registry)
