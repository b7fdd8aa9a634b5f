"""Answer-time targets by severity, and the next moment a ticket breaks one.

The ticket's own times are the truth; `next_due_at` in the store is an index that `next_due` can always rebuild.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from bot.content import Faults, Shape, Shelf, parse, read
from bot.model import SEVERITIES, Severity

NEVER = 9e12  # a time after every other, so that resolved tickets sort last


class Target(Shape):
    """Minutes from opening until a person must have answered, and until it must be resolved."""

    acknowledge: int = Field(gt=0)
    resolve: int = Field(gt=0)


class SlaFile(Shape):
    """`sla.yaml`."""

    schema_: str = Field(alias="schema", pattern="^sla/1$")
    targets: dict[Severity, Target]


def load_sla(shelf: Shelf, faults: Faults) -> Mapping[Severity, Target] | None:
    """Targets for every severity, or None with the faults added."""
    found = shelf.file("sla.yaml")
    if found is None:
        faults.add("sla.yaml", (0, 0), "the file is missing", "restore it")
        return None
    document = parse(found[0], found[1], faults)
    sla = read(SlaFile, document, faults) if document else None
    if sla is None or document is None:
        return None
    for severity in SEVERITIES:
        if severity not in sla.targets:
            faults.add(document.file, document.place("targets"), f"{severity} has no target", "add it")
    return sla.targets if len(sla.targets) == len(SEVERITIES) else None


def next_due(target: Target, since: float, acknowledged_at: float, resolved_at: float) -> float:
    """When the next target is missed, in epoch seconds; `NEVER` once resolved. `since`: opened, or last opened again."""
    if resolved_at:
        return NEVER
    return since + 60 * (target.resolve if acknowledged_at else target.acknowledge)
