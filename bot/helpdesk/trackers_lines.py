"""What the other ticket system is told of each line of a timeline: pure, one line in, the lines to send out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from bot.helpdesk.tickets import TicketEvent
from bot.helpdesk.trackers_merge import WORDS
from bot.model import SEVERITIES, Severity
from bot.ports import TicketLine, TrackerStatus

MOST_TEXT = 30_000  # characters of a line
STATUS: Mapping[str, TrackerStatus] = {
    "paused": "waiting", "resumed": "open", "resolved": "resolved", "reopened": "open",
}  # fmt: skip
OWNER = frozenset({"claimed", "assigned", "released"})
PERSON = frozenset({"said", "again"})
SAID = frozenset({*PERSON, "reply", "paused", "resolved", "reopened"})  # their words may be read by the person
QUIET = frozenset({"warned", "unreached", "from_tracker", "file_deleted"})  # about ourselves


@dataclass(frozen=True)
class Event(TicketEvent):
    """One line of a timeline. `theirs`: it came from the tracker."""

    theirs: bool = False


def field_of(event: Event) -> str:
    """The field that a line sets, "" for none."""
    if event.kind in STATUS:
        return "status"
    if event.kind in OWNER:
        return "owner"
    return "severity" if event.kind == "severity" else ""


def pending(events: Sequence[Event], void: Mapping[str, int]) -> Collection[str]:
    """What we have changed that the tracker has not got yet: fields, and `WORDS` of the person."""
    ours = [event for event in events if not event.theirs]
    found = {field for event in ours if (field := field_of(event)) and event.seq > void.get(field, 0)}
    return found | ({WORDS} if any(event.kind in PERSON and event.text for event in ours) else set())


def lines(
    event: Event, stands: TicketLine, void: Mapping[str, int], label: Callable[[str], str], *, notes: bool
) -> list[TicketLine]:
    """What to send for one line; nothing for what came from there. `stands`: the ticket as it is, with the author's name."""
    if event.theirs or event.kind in QUIET:
        return []
    made: list[TicketLine] = []
    line = replace(stands, key=f"{stands.number}/{event.seq}", at=event.at, text=event.text[:MOST_TEXT])
    if event.kind == "opened":
        return [replace(line, kind="open", severity=_severity(event, line.severity), status="open")]
    field = field_of(event)
    if field and event.seq > void.get(field, 0):
        change: dict[str, Any] = {"status": STATUS.get(event.kind, "open")} if field == "status" else {}
        change |= {"severity": _severity(event, line.severity)} if field == "severity" else {}
        made.append(replace(line, kind=cast(Any, field), text="", **change))
    if event.kind in SAID and event.text:
        words = replace(line, kind="said", key=f"{line.key}w" if made else line.key)
        # what is said with a closing stands before it: words on a closed ticket would open it again
        made = [words, *made] if event.kind == "resolved" else [*made, words]
    elif not field and event.text and notes:
        told = event.text if event.kind == "note" else f"{label(event.kind)}: {event.text}"
        made.append(replace(line, kind="note", text=told[:MOST_TEXT]))
    return made


def _severity(event: Event, otherwise: Severity) -> Severity:
    said = event.detail or event.text
    return said if said in SEVERITIES else otherwise
