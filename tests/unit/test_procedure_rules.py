"""What a file of a procedure can have wrong, each with its line and how to mend it."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import pytest

from bot.app.contents import Contents
from bot.app.procedure_files import watched
from bot.content import packaged_shelf
from bot.procedures.library import as_of, unpinned
from tests.fakes import desk as fakes
from tests.fakes.procedures import DAILY, TAKEOVER, loaded, write

contents = fakes.contents


def complaints(contents: Contents, folder: Path, text: str, *, alone: bool = False) -> list[str]:
    """`line: what, mend` of each fault."""
    _, faults = loaded(contents, folder, alone=alone, takeover=text)
    return [f"{fault.line}: {fault.what}, {fault.mend}" for fault in sorted(faults)]


def test_the_sound_ones_are_sound(contents: Contents, tmp_path: Path) -> None:
    library, faults = loaded(contents, tmp_path, takeover=TAKEOVER, daily=DAILY)
    assert (faults, sorted(library.procedures)) == ([], ["daily", "takeover"])


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("go: tell}", "go: tel}", 'there is no step "tel", use the id of a step, or end'),
        ("on_failure: {go: partner}", "on_failure: {go: nobody}", 'there is no step "nobody"'),
        ("on_failure: {go: partner}", "on_failure: {go: revoke}", "a step that fails leads to itself"),
        ("on_failure: {go: partner}", "on_failure: {go: partner, stop: true}", "says more than one thing, or nothing"),
        ("on_failure: {go: partner}", "on_failure: {escalate: true}", 'nothing leads to the step "partner"'),
        ("next: end", "next: revoke", 'from "tell" no way leads to the end'),
        ("four_eyes: revoke", "four_eyes: tell", '"tell" does not come before this step'),
        ("four_eyes: revoke", "four_eyes: second", '"second" does not come before this step'),
        ("four_eyes: revoke", "four_eyes: gone", 'there is no step "gone", use the id of an earlier step'),
        ("who: partner", "who: santa", '"santa" is nobody who can do this'),
        ("    who: partner\n", "", "nobody is named who does this, add who"),
        ("owner: security-lead", "owner: nobody", 'the owner "nobody" is not in org.yaml'),
        ("emergencies: [credentials]", "emergencies: [boredom]", 'the emergency "boredom" is not known'),
        ("{helpdesk_phone}", "{helpdesk_fone}", '"{helpdesk_fone}" is not a value that is known'),
        ("Revoke the sessions.", "Revoke {the sessions.", "a curly bracket has no partner"),
        ("approved_by: ines-brandt", "approved_by: sam-ortiz", "the author approved their own procedure"),
        (
            "approved_by: ines-brandt\n",
            "",
            'a published procedure has no "approved_by", have a second person approve it',
        ),
        ("review_due: 2030-07-10", "review_due: 2030-01-10", "the next review is not after the last one"),
        ("review_due: 2030-07-10", "review_due: 2032-01-10", "the next review is more than a year away"),
        ("sources: [{", "sources: []\n#[{", "no source is named"),
        ('{id: "no",', '{id: "yes",', 'the option "yes" is there twice'),
        ("id: partner\n", "id: end\n", 'no step may be called "end"'),
        ("id: partner\n", "id: tell\n", 'the step "tell" is there twice'),
        ('do: {en: "Ring the partner.", de:', "do: {de:", '"do" has no en, add it'),
        ("    evidence: text\n", "    evidence: video\n", '"steps.0.evidence"'),
        ("    evidence: text\n", "    proof: text\n", '"steps.0.proof" is not a key that is known here'),
        ("start: {", "start: {manual: false, schedule: {every: day, at: '25:00', within: 1h}, ", '"start.schedule.at"'),
        (
            "start: {emergencies: [credentials], tickets: [report, takeover]}",
            "start: {automatic: true}",
            "nothing is named that would start",
        ),
        (
            "start: {emergencies: [credentials], tickets: [report, takeover]}",
            "start: {manual: false}",
            "nothing can start this",
        ),
    ],
)
def test_a_fault_says_where_what_and_how_to_mend_it(
    contents: Contents, tmp_path: Path, old: str, new: str, says: str
) -> None:
    assert old in TAKEOVER
    found = complaints(contents, tmp_path, TAKEOVER.replace(old, new, 1))
    assert [said for said in found if says in said], found
    line = int(next(said for said in found if says in said).partition(":")[0])
    assert 1 <= line <= TAKEOVER.count("\n") + 1


def test_the_line_is_that_of_the_fault(contents: Contents, tmp_path: Path) -> None:
    text = TAKEOVER.replace("go: partner", "go: partnr")
    line = text.splitlines().index("    on_failure: {go: partnr}") + 1
    assert f'{line}: there is no step "partnr", use the id of a step, or end' in complaints(contents, tmp_path, text)


@pytest.mark.parametrize(
    ("schedule", "says"),
    [
        ('{every: day, at: "09:00", on: mon, within: 4h}', '"mon" does not fit every: day'),
        ('{every: week, at: "09:00", within: 1d}', "a week needs a day"),
        ('{every: month, at: "09:00", on: 31, within: 1d}', "a month needs a day that every month has"),
        ('{every: quarter, at: "09:00", on: first, within: 1d}', "a quarter needs a day that every month has"),
        ('{every: year, at: "09:00", on: "02-29", within: 1d}', "a year needs a day that every year has"),
        ('{every: year, at: "09:00", on: "04-31", within: 1d}', "a year needs a day that every year has"),
        ('{every: day, at: "09:00", within: 25h}', "the next run would be due before this one is missed"),
        ('{every: week, at: "09:00", on: mon, within: 8d}', "the next run would be due before this one is missed"),
    ],
)
def test_a_calendar_that_makes_no_sense(contents: Contents, tmp_path: Path, schedule: str, says: str) -> None:
    text = TAKEOVER.replace("start: {", f"start: {{schedule: {schedule}, ")
    assert any(says in said for said in complaints(contents, tmp_path, text))


def test_a_loop_with_a_way_out_is_fine_and_one_that_only_a_failure_leaves_is_not(
    contents: Contents, tmp_path: Path
) -> None:
    again = TAKEOVER.replace("go: tell}", "go: revoke}")
    assert complaints(contents, tmp_path, again) == []
    stuck = TAKEOVER.replace("next: end", "next: was-admin").replace("go: tell}", "go: second}")
    assert any("no way leads to the end" in said for said in complaints(contents, tmp_path, stuck))


def test_where_one_person_does_everything_they_may_publish(contents: Contents, tmp_path: Path) -> None:
    text = TAKEOVER.replace("approved_by: ines-brandt\n", "")
    assert complaints(contents, tmp_path, text, alone=True) == []


def test_a_draft_may_lack_its_second_person_but_not_its_steps(contents: Contents, tmp_path: Path) -> None:
    draft = TAKEOVER.replace("state: published", "state: draft").replace("approved_by: ines-brandt\n", "")
    assert complaints(contents, tmp_path, draft) == []
    assert any(
        "there is no step" in said for said in complaints(contents, tmp_path, draft.replace("go: tell}", "go: tel}"))
    )


def test_what_time_does_is_a_note_and_the_procedure_stays(contents: Contents, tmp_path: Path) -> None:
    text = TAKEOVER.replace("checked: 2030-01-02", "checked: null").replace(
        ', es: "Cuenta tomada"', ', es: "Cuenta", it: "Conto"'
    )
    library, faults = loaded(contents, tmp_path, takeover=text)
    later = as_of(library, date(2030, 8, 1))
    assert faults == []
    assert [(note.kind, note.what) for note in later.notes] == [
        ("overdue", "the review was due on 2030-07-10"), ("untranslated", "not every text is there in it"),
        ("unchecked", "nobody has opened the source T-1"),
    ]  # fmt: skip


def test_a_file_that_is_broken_leaves_the_others_alone(contents: Contents, tmp_path: Path) -> None:
    library, faults = loaded(contents, tmp_path, takeover=TAKEOVER.replace("steps:", "steps"), daily=DAILY)
    assert (sorted(library.procedures), len(faults) > 0) == (["daily"], True)
    renamed, faults = loaded(contents, tmp_path / "other", account=TAKEOVER)
    assert (dict(renamed.procedures), "is not the file name" in faults[0].what) == ({}, True)


def test_a_pinned_text_is_read_back_as_it_was_and_its_hash_is_that_of_its_bytes(
    contents: Contents, tmp_path: Path
) -> None:
    library, _ = loaded(contents, tmp_path, takeover=TAKEOVER)
    one = library.procedures["takeover"]
    assert (one.text, one.sha256) == (TAKEOVER, hashlib.sha256(TAKEOVER.encode()).hexdigest())
    assert unpinned(one.text) == one.procedure


def test_at_a_start_ours_stand_in_for_what_is_broken_and_later_the_last_good_ones_hold(
    contents: Contents, tmp_path: Path
) -> None:
    own = write(tmp_path, lost_device="schema: [\n", takeover=TAKEOVER)
    organisation, gate = contents.organisation, contents.gate
    found = watched(packaged_shelf(own), None, organisation, gate, lambda: date(2030, 2, 1), alone=False)
    assert [fault.file.rpartition("/")[2] for fault in found.faults] == ["lost-device.yaml"]
    assert found.current.procedures["lost-device"].file == "knowledge/procedures/lost-device.yaml"
    assert found.current.procedures["takeover"].procedure.version == 3
    write(own, lost_device="schema: [\n", takeover=TAKEOVER.replace("version: 3", "version: four"))
    assert found.poll() is False
    assert found.current.procedures["takeover"].procedure.version == 3
