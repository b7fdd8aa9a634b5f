"""Contracts: what lint says of them, with line and mend; renewal, notice, and one place for answer times."""

from __future__ import annotations

import re
from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest

from bot.app.contents import lint
from bot.calendars import Calendar
from bot.content import Faults, packaged_shelf
from bot.contracts import load_contracts, notes
from bot.helpdesk.sla import load_sla

SAMPLE = (files("knowledge") / "partners" / "brightwell.yaml").read_text("utf-8")
SLA = (files("knowledge") / "sla.yaml").read_text("utf-8")


def shelf(folder: Path, **written: str) -> Path:
    """An overlay with contracts (`partners/<name>.yaml`) and other files (`sla_yaml`)."""
    for name, text in written.items():
        path = folder / (name.replace("_", ".") if "_" in name else f"partners/{name}.yaml")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def said(folder: Path) -> list[str]:
    return [str(fault).replace(f"{folder}/", "") for fault in lint(folder)[0]]


def test_the_sample_has_no_fault() -> None:
    faults = Faults()
    assert sorted(load_contracts(packaged_shelf(), faults)) == ["brightwell"]
    assert faults.found == []


BROKEN = {
    "calendar": (
        "resolve: 600, calendar: office",
        "resolve: 600, calendar: nights",
        ':35:3: there is no calendar "nights", add it',
    ),
    "owner": (
        'owner: "ines.brandt"\n\n',
        'owner: "nobody.here"\n\n',
        ':15:3: "nobody.here" is not in people.yaml, write the id',
    ),
    "warned": ("{at: 100, to: [manager]}", "{at: 100, to: [the_boss]}", '"the_boss" is nobody who can be warned'),
    "zone": (
        'timezone: "Europe/London"',
        'timezone: "Europe/Lndon"',
        '"Europe/Lndon" is not a time zone, write one like',
    ),
    "severity": ("  S1: {acknowledge: 240, resolve: 1800, calendar: office}\n", "", ":33:1: S1 has no target, add it"),
    "end": ("end: 2028-03-31", "end: 2025-03-31", "the contract ends before it starts"),
    "number": ("notice_days: 90", "notice_days: soon", ":12:3:"),
    "raci": ("we: I", "we: X", ':23:5: "raci.1.we": "X" is none of R, A, C, I'),
    "twice": ("id: managers", "id: service-leads", "an id stands twice under dispute"),
    "target": ("target_pct: 95", "target_pct: 195", "target_pct"),
    "schema": ("schema: partner/1", "schema: partner/9", "schema"),
}


@pytest.mark.parametrize(("old", "new", "wanted"), BROKEN.values(), ids=list(BROKEN))
def test_lint_names_file_line_and_mend(tmp_path: Path, old: str, new: str, wanted: str) -> None:
    assert SAMPLE.count(old) >= 1
    found = said(shelf(tmp_path, brightwell=SAMPLE.replace(old, new, 1)))
    ours = [line for line in found if line.startswith("partners/brightwell.yaml:")]
    assert [line for line in ours if wanted in line] != [], found


def test_answer_times_stand_in_one_place(tmp_path: Path) -> None:
    old = SLA + "partners:\n  brightwell:\n    name: B\n    targets: {S3: {acknowledge: 1, resolve: 2}, " + \
        "S2: {acknowledge: 1, resolve: 2}, S1: {acknowledge: 1, resolve: 2}, S0: {acknowledge: 1, resolve: 2}}\n"  # fmt: skip
    (found,) = said(shelf(tmp_path, sla_yaml=old, brightwell=SAMPLE))
    assert "brightwell has a contract in partners/brightwell.yaml, whose times count, take it out here" in found
    (tmp_path / "partners" / "brightwell.yaml").unlink()
    assert said(tmp_path) == []  # as it was before there were contracts
    only = shelf(tmp_path, sla_yaml=old.replace("brightwell:", "oldpartner:"))
    assert said(only) == []
    assert "sla.yaml: oldpartner has answer times and no contract; write partners/oldpartner.yaml" in lint(only)[1]
    sla = load_sla(packaged_shelf(only), Faults())
    assert sla is not None
    assert sla.partners() == {"oldpartner": "B"}


def test_the_sample_partner_belongs_to_the_sample_organisation(tmp_path: Path) -> None:
    org = (files("knowledge") / "org.yaml").read_text("utf-8")
    assert load_contracts(packaged_shelf(shelf(tmp_path, org_yaml=org)), Faults()) == {}
    mine = shelf(tmp_path, mine=SAMPLE.replace("id: brightwell", "id: mine"))
    assert sorted(load_contracts(packaged_shelf(mine), Faults())) == ["mine"]


def loaded(folder: Path, text: str) -> object:
    found = load_contracts(packaged_shelf(shelf(folder, brightwell=text)), Faults())
    return found["brightwell"]


def test_a_contract_that_renews_itself_goes_on_and_another_ends(tmp_path: Path) -> None:
    one = load_contracts(packaged_shelf(), Faults())["brightwell"]
    assert (one.ends(date(2028, 3, 31)), one.ends(date(2028, 4, 1)), one.ended(date(2035, 1, 1))) == (
        date(2028, 3, 31), date(2029, 3, 31), False,
    )  # fmt: skip
    assert one.notices(date(2027, 1, 1)) == [
        (180, date(2027, 10, 3)),
        (120, date(2027, 12, 2)),
        (97, date(2027, 12, 25)),
    ]
    text = SAMPLE.replace("auto_renew: true", "auto_renew: false").replace("notice_days: 90", "notice_days: 30")
    other = load_contracts(packaged_shelf(shelf(tmp_path, brightwell=text)), Faults())["brightwell"]
    assert (other.ended(date(2028, 3, 31)), other.ended(date(2028, 4, 1))) == (False, True)
    assert [days for days, _ in other.notices(date(2027, 1, 1))] == [180, 120, 60, 37]
    assert any("the contract ended on 2028-03-31, renew it" in note for note in notes(other, date(2028, 4, 1)))
    late = [note for note in notes(one, date(2028, 2, 1)) if "notice" in note]
    assert late[0].endswith("the last day to give notice was 2028-01-01: it renews itself on 2028-03-31, plan for it")
    assert any(
        ":73:5: the risk one-supplier was to be looked at on 2027-03-01" in note
        for note in notes(one, date(2027, 3, 2))
    )


def test_working_days_leave_out_weekends_and_holidays() -> None:
    sla = load_sla(packaged_shelf(), Faults())
    assert sla is not None
    office = sla.calendars["office"]
    assert office.back(date(2026, 12, 29), 3) == date(2026, 12, 22)  # Christmas, Boxing Day's substitute, a weekend
    assert office.ahead(date(2026, 12, 23), 2) == date(2026, 12, 29)
    assert (office.onward(date(2026, 12, 25)), office.works(date(2026, 12, 28))) == (date(2026, 12, 29), False)
    assert (Calendar().works(date(2026, 12, 25)), Calendar().works(date(2026, 12, 26))) == (True, False)


def test_the_guides_example_loads_beside_the_authors_guide(tmp_path: Path) -> None:
    """`knowledge/partners/README.md`, with the people and the organisation of the guide above it."""
    for guide in (files("knowledge") / "README.md", files("knowledge") / "partners" / "README.md"):
        for block in re.findall(r"^```yaml\n(.*?)^```", guide.read_text("utf-8"), re.M | re.S):
            name = block.partition("\n")[0].removeprefix("# ")
            if name in {"org.yaml", "people.yaml", "sla.yaml", "oncall.yaml"} or name.startswith("partners/"):
                (tmp_path / name).parent.mkdir(exist_ok=True)
                (tmp_path / name).write_text(block, "utf-8")
    faults, _, _ = lint(tmp_path)
    assert [str(fault) for fault in faults if "partners" in fault.file] == []
    assert sorted(load_contracts(packaged_shelf(tmp_path), Faults())) == ["mailguard"]
