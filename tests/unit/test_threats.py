"""The threat model is of this code: every test it names exists, every attacker and door has a threat, every threat a test."""

from __future__ import annotations

import re

import pytest

from tests.contract.test_doors import DOORS, exists
from tests.docs import ROOT

TEXT = (ROOT / "tests" / "threats.md").read_text("utf-8")
MORE_DOORS = {"mailbox", "files", "answers"}


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading."""
    part = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


THREATS, ACCEPTED = rows("Threats"), rows("Accepted")


@pytest.mark.parametrize("row", THREATS, ids=lambda row: row[2][:50])
def test_every_threat_has_a_control_and_a_test_that_exists(row: list[str]) -> None:
    attacker, _doors, threat, control, test = row
    assert all((attacker, threat, control))
    found = re.fullmatch(r"`(tests/[\w/]+\.py::\w+)`", test)
    assert found is not None
    assert exists(found[1])


def test_every_attacker_has_a_threat_and_every_threat_a_known_attacker() -> None:
    attackers = {row[0] for row in rows("Attackers")}
    assert attackers == {row[0] for row in THREATS}
    assert {row[0] for row in ACCEPTED} <= attackers


def test_every_door_is_threatened() -> None:
    named = {door.strip() for row in THREATS for door in row[1].split(",")}
    assert set(DOORS) | MORE_DOORS == named
    assert named == set(re.findall(r"\*\*([a-z -]+)\*\*", TEXT.partition("## Doors")[2].partition("## ")[0]))


def test_what_is_accepted_says_why() -> None:
    assert len(ACCEPTED) >= 5
    assert [] == [row for row in ACCEPTED if len(row) != 3 or not row[2]]


def test_contributing_leads_there() -> None:
    assert "(tests/threats.md)" in (ROOT / "CONTRIBUTING.md").read_text("utf-8")
