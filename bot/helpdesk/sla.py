"""Answer-time targets: `sla.yaml` for us, the contracts in `partners/` for partners. Each in the hours of a calendar.

`bot.helpdesk.clocks` works out from a ticket's timeline when each target is missed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from pydantic import Field

from bot.calendars import ALWAYS, Calendar, CalendarFile
from bot.content import Document, Faults, Shape, Shelf, parse, read
from bot.contracts import Contract, Step, Target, load_contracts
from bot.model import SEVERITIES, Severity

NEVER = 9e12  # a time after every other, so that resolved tickets sort last
STILL = 8e12  # after every other that counts: the clocks of a ticket that waits for somebody
US = ""  # the owner of a ticket that nobody else has
Pause = Literal["person", "partner"]  # who is waited for


class PartnerFile(Shape):
    """What a partner without a contract (`partners/<id>.yaml`) owes us. Its clock starts when we hand a ticket over."""

    name: str
    targets: dict[Severity, Target]
    pause: list[Literal["person", "us"]] = ["us"]  # while we owe them an answer their clock stands still
    chain: list[Step] = []


class SlaFile(Shape):
    """`sla.yaml`."""

    schema_: str = Field(alias="schema", pattern="^sla/1$")
    calendars: dict[str, CalendarFile] = {}
    targets: dict[Severity, Target]
    pause: list[Pause] = ["person"]
    chain: list[Step] = []
    partners: dict[str, PartnerFile] = {}  # those without a contract


@dataclass(frozen=True)
class Owed:
    """What one owner owes: us (`US`) or a partner, by its id."""

    owner: str
    name: str
    targets: Mapping[Severity, Target]
    pause: frozenset[str]
    chain: tuple[Step, ...]
    contract: Contract | None = None


@dataclass(frozen=True)
class Sla:
    """The loaded targets. `sla["S2"]` is ours."""

    owners: Mapping[str, Owed]
    calendars: Mapping[str, Calendar]

    def __getitem__(self, severity: Severity) -> Target:
        return self.owners[US].targets[severity]

    def calendar(self, target: Target) -> Calendar:
        return self.calendars.get(target.calendar, ALWAYS)

    def ended(self, owner: str, today: date) -> date | None:
        """The last day of a partner's contract, if that has gone by."""
        contract = self.owners[owner].contract if owner in self.owners else None
        return contract.ends(today) if contract and contract.ended(today) else None

    def partners(self) -> dict[str, str]:
        """Names of the partners a ticket can be handed to, by id."""
        return {owner: owed.name for owner, owed in self.owners.items() if owner != US}


def load_sla(shelf: Shelf, faults: Faults) -> Sla | None:
    """Targets for every severity, or None with the faults added."""
    found = shelf.file("sla.yaml")
    if found is None:
        faults.add("sla.yaml", (0, 0), "the file is missing", "restore it")
        return None
    document = parse(found[0], found[1], faults)
    sla = read(SlaFile, document, faults) if document else None
    if sla is None or document is None:
        return None
    before = len(faults.found)
    contracts = load_contracts(shelf, faults)
    _check(sla, document, faults, contracts)
    if len(faults.found) > before:
        return None
    ours = Owed(US, "", sla.targets, frozenset(sla.pause), _in_order(sla.chain))
    theirs = {
        name: Owed(name, one.name, one.targets, frozenset(one.pause), _in_order(one.chain))
        for name, one in sla.partners.items()
    }
    for name, contract in contracts.items():
        file = contract.file
        theirs[name] = Owed(name, file.name, file.sla, frozenset(file.pause), _in_order(file.chain), contract)
    calendars = {name: Calendar.of(file) for name, file in sla.calendars.items()}
    return Sla({US: ours, **theirs}, {"always": ALWAYS, **calendars})


def _in_order(chain: list[Step]) -> tuple[Step, ...]:
    return tuple(sorted(chain, key=lambda step: step.at))


def _check(sla: SlaFile, document: Document, faults: Faults, contracts: Mapping[str, Contract]) -> None:
    """Every severity has a target, every calendar that is named is there, no partner's times stand in two places."""
    for name in sorted(set(sla.partners) & set(contracts)):
        what = f"{name} has a contract in {contracts[name].document.file}, whose times count"
        faults.add(document.file, document.place("partners", name), what, "take it out here")
    groups: list[tuple[tuple[str, ...], Mapping[Severity, Target]]] = [(("targets",), sla.targets)]
    groups += [(("partners", name, "targets"), partner.targets) for name, partner in sla.partners.items()]
    for path, targets in groups:
        for severity in SEVERITIES:
            if severity not in targets:
                faults.add(document.file, document.place(*path), f"{severity} has no target", "add it")
        for severity, target in targets.items():
            if target.calendar != "always" and target.calendar not in sla.calendars:
                place = document.place(*path, severity)
                faults.add(document.file, place, f'there is no calendar "{target.calendar}"', "add it under calendars")
    for contract in contracts.values():
        for severity, target in contract.file.sla.items():
            if target.calendar != "always" and target.calendar not in sla.calendars:
                place = contract.document.place("sla", severity)
                mend = "add it under calendars in sla.yaml"
                faults.add(contract.document.file, place, f'there is no calendar "{target.calendar}"', mend)
