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

# name without the prefix: (what it is, label); `bot/app/gauges.py` reads them
WATCHED: Mapping[str, tuple[str, str]] = {
    "outbox_oldest_seconds": ("Age of the oldest job that is due and was not handed over.", ""),
    "engine_lag_seconds": ("Age of the oldest job that the engine has and has not done.", ""),
    "engine_running": ("1 if this process runs jobs.", ""),
    "delivery_oldest_seconds": ("Age of the oldest message that is due and not sent.", ""),
    "unanswered_oldest_seconds": ("Age of the oldest ticket that nobody has taken.", ""),
    "page_oldest_seconds": ("Age of the oldest call that nobody has answered.", ""),
    "tickets_overdue": ("Open tickets past their promise.", "severity"),
    "nudges_sent_day": ("Tips sent in the last day.", "kind"),
    "mailbox_lag_seconds": ("Time since the reporting mailbox was looked into.", ""),
    "mailbox_waiting": ("Mails in the reporting mailbox that were not taken.", ""),
    "backup_timestamp_seconds": ("When the last backup was made; 0: never.", ""),
    "retention_timestamp_seconds": ("When old data was last deleted; 0: never.", ""),
    "content_faults": ("Faults in content files; the last good versions are in use.", ""),
    "content_overdue": ("Answers that somebody has to look at.", "kind"),
    "content_oldest_review_days": ("Days since the answer was reviewed that waits longest.", ""),
    "spool_waiting": ("Emergencies that wait for the database.", ""),
}
DOORS = ("web", "console", "api", "scim", "slack", "teams")
_PATHS = (("/console", "console"), ("/api/messages", "teams"), ("/api", "api"), ("/scim", "scim"), ("/slack", "slack"))


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
        self._answers = Counter(
            "secdesk_http_responses", "Answers by door and class of status.", ["door", "code"], registry=self.registry
        )
        for door in DOORS:
            self._answers.labels(door, "5xx")  # there from the start, so that the first error is a rise
        self._database = Gauge("secdesk_database_up", "1 if the database answered.", registry=self.registry)
        self._watched = {
            name: Gauge(f"secdesk_{name}", what, [label] if label else [], registry=self.registry)
            for name, (what, label) in WATCHED.items()
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

    def answered(self, path: str, status: int) -> None:
        """Count an answer over HTTP."""
        door = next((name for start, name in _PATHS if path.startswith(start)), "web")
        self._answers.labels(door, f"{status // 100}xx").inc()

    def watch(self, figures: Mapping[str, float | Mapping[str, float]] | None) -> None:
        """Set what is watched, by the names of `WATCHED`; None: the database did not answer."""
        self._database.set(figures is not None)
        for name, value in (figures or {}).items():
            gauge, label = self._watched[name], WATCHED[name][1]
            if isinstance(value, Mapping):
                gauge.clear()
                for one, count in value.items():
                    gauge.labels(**{label: one}).set(count)
            else:
                gauge.set(value)

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)

    def _gauge(self, name: str, what: str, label: str) -> Gauge:
        return Gauge(name, what, [label], registry=self.registry)
