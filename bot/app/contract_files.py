"""Contracts with partners as watched content, and what `lint` says of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

from adapters.directories.file import FileDirectory
from bot.content import Faults, Shelf, packaged_shelf
from bot.contracts import FOLDER, Contract, check_contracts, load_contracts, notes
from bot.errors import ContentError, Fault
from bot.helpdesk.sla import Sla, load_sla
from bot.organisation import Organisation, load_organisation
from bot.reload import Watched

TARGET_FILES = ("sla.yaml", FOLDER, "org.yaml", "people.yaml")  # whose organisation it is says which contracts count


def watched(
    shelf: Shelf, org: Callable[[], Organisation], sla: Watched[Sla], directory: FileDirectory
) -> Watched[Mapping[str, Contract]]:
    """Contracts whose names are all there. While an edit has faults the last good ones hold."""

    def load() -> dict[str, Contract]:
        faults = Faults()
        contracts = load_contracts(shelf, faults)
        _check(contracts, faults, sla.current, org(), directory)
        faults.check()
        return contracts

    return Watched(
        "partners", load, lambda: (shelf.stamp(*TARGET_FILES), id(sla.current), tuple(p.id for p in directory.people())),
        lambda: {name: owed.contract for name, owed in sla.current.owners.items() if owed.contract},
    )  # fmt: skip


def lint(shelf: Shelf, faults: Faults, sla: Sla | None, org: Organisation, directory: FileDirectory) -> list[str]:
    """Add what is wrong with the contracts; notes of what time has done to them."""
    contracts = load_contracts(
        shelf, faults
    )  # what is wrong with a file was said with the targets already, and counts once
    if sla:
        _check(contracts, faults, sla, org, directory)
    said = [note for one in contracts.values() for note in notes(one, date.today())]
    without = sorted(owed.owner for owed in sla.owners.values() if owed.owner and not owed.contract) if sla else []
    return said + [f"sla.yaml: {name} has answer times and no contract; write partners/{name}.yaml" for name in without]


def lint_alone(overlay: Path | None) -> tuple[list[Fault], list[str]]:
    """Faults and notes of the contracts and of what they name, without reading anything else."""
    from bot.app.contents import read_people  # noqa: PLC0415 (which reads contracts through this module)

    shelf, faults = packaged_shelf(overlay), Faults()
    org = load_organisation(shelf, faults)
    if org is None:
        return faults.found, []
    directory = FileDirectory(overlay)
    try:
        said, rules = read_people(shelf, org)
        directory.replace(said, rules.merging)
    except ContentError as error:
        faults.found += error.faults
    notes_ = lint(shelf, faults, load_sla(shelf, faults), org, directory)
    return sorted(set(faults.found)), notes_


def _check(
    contracts: Mapping[str, Contract], faults: Faults, sla: Sla, org: Organisation, directory: FileDirectory
) -> None:
    people = {person.id for person in directory.people()}
    check_contracts(contracts, faults, calendars=sla.calendars, people=people, owners=org.file.owners)
