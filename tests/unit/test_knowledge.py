"""Answer entries: what is refused, where it points, and what stays whatever the date."""

from __future__ import annotations

import copy
import json
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from bot.answering.entries import Vocabulary
from bot.answering.knowledge import Library, load_answers, read_answers
from bot.answering.schema import answer_schema, schema_path
from bot.content import Faults, Shelf, packaged_shelf
from bot.errors import ContentError

ROLES = {"executive", "hr_legal", "regular", "it_helpdesk", "high_risk"}
VALUES = {"helpdesk_phone", "report_button", "reset_url"}
EMERGENCIES = {"credentials", "device"}
TODAY = date(2026, 12, 1)

GOOD: dict[str, Any] = {
    "schema": "answer/1",
    "id": "lost-keys",
    "code": "ZZ01",
    "version": 1,
    "state": "published",
    "group": "devices",
    "roles": ["all"],
    "severity": "S1",
    "title": {"en": "I lost my office keys"},
    "questions": {"en": ["keys gone", "lost my keys", "where r my keys", "cant find the office key", "key missing"]},
    "golden": {"en": ["my key ring has vanished"]},
    "answer": {"en": {"short": "Tell reception now.", "steps": ["Ring {helpdesk_phone}."]}},
    "buttons": ["person"],
    "placeholders": ["helpdesk_phone"],
    "sources": [{"code": "NCSC-DEV", "title": "Device security", "publisher": "NCSC", "checked": date(2026, 11, 1)}],
    "owner": "service-desk",
    "author": "desk-author",
    "approved_by": "security-lead",
    "reviewed": date(2026, 11, 20),
    "review_due": date(2027, 5, 20),
}


def entry(**changes: Any) -> dict[str, Any]:
    """The good entry with changes; a dotted name (`answer__en__short`) changes something inside; None removes it."""
    made = copy.deepcopy(GOOD)
    for name, value in changes.items():
        *path, last = name.split("__")
        target = made
        for part in path:
            target = target[part]
        if value is None:
            target.pop(last, None)
        else:
            target[last] = value
    return made


def shelf(tmp_path: Path, *entries: dict[str, Any] | str, overlay: Path | None = None) -> Shelf:
    """A shelf of these entries, each in a file of its id; text is written as it is."""
    folder = tmp_path / "answers"
    folder.mkdir(exist_ok=True)
    for number, made in enumerate(entries):
        if isinstance(made, str):
            (folder / f"raw-{number}.yaml").write_text(made, encoding="utf-8")
        else:
            text = yaml.safe_dump(made, sort_keys=False, allow_unicode=True)
            (folder / f"{made['id']}.yaml").write_text(text, encoding="utf-8")
    return Shelf(tmp_path, overlay)


def load(where: Shelf, **more: Any) -> Library:
    return load_answers(where, ROLES, VALUES, EMERGENCIES, today=TODAY, **more)


def faults_of(where: Shelf, **more: Any) -> list[str]:
    with pytest.raises(ContentError) as caught:
        load(where, **more)
    return [str(fault) for fault in caught.value.faults]


def test_a_good_entry_loads(tmp_path: Path) -> None:
    library = load(shelf(tmp_path, GOOD))
    assert list(library.entries) == ["lost-keys"]
    assert library.entries["lost-keys"].answer["en"].short == "Tell reception now."
    assert library.notes == ()
    assert library.variants() == [("lost-keys", ["I lost my office keys", *GOOD["questions"]["en"]])]


FAULTS: list[tuple[str, dict[str, Any], str]] = [
    ("unknown key", {"colour": "red"}, '"colour" is not a key that is known here'),
    ("missing", {"owner": None}, '"owner" is missing'),
    ("bad id", {"id": "Lost_Keys"}, '"id": string should match'),
    ("bad severity", {"severity": "S7"}, '"severity": input should be'),
    ("unknown role", {"roles": ["pilot"]}, 'the role "pilot" is not known'),
    ("unknown emergency", {"emergency": "flood"}, 'the emergency "flood" is not known'),
    ("unknown value", {"answer__en__short": "See {vault_url}."}, '"{vault_url}" is not a value that is known'),
    ("undeclared value", {"answer__en__short": "See {reset_url}."}, '"{reset_url}" is used but not declared'),
    ("unused value", {"placeholders": ["helpdesk_phone", "reset_url"]}, '"reset_url" is declared but no text uses it'),
    ("open bracket", {"answer__en__short": "Ring {helpdesk_phone"}, "a curly bracket has no partner"),
    ("too few questions", {"questions__en": ["keys gone", "keys"]}, "only 2 question(s)"),
    ("no English", {"title": {"de": "Schlüssel weg"}}, '"title" has no en'),
    ("half a language", {"answer__de": {"short": "Melde dich."}}, '"title" has no de'),
    ("too many words", {"answer__en__short": "word " * 61}, "short and steps have 63 words"),
    ("long sentence", {"answer__en__short": "word " * 26 + "."}, "a sentence has 26 words"),
    ("exclamation", {"answer__en__short": "Run!"}, "there is an exclamation mark"),
    ("banned phrase", {"answer__en__short": "Please note the door."}, '"Please note" is a phrase we do not use'),
    ("web address", {"answer__en__short": "See https://keys.test/a."}, "there is a raw web address"),
    ("bare domain", {"answer__en__short": "See keys.example.com now."}, "there is a raw web address"),
    ("mail address", {"answer__en__short": "Write to a@keys.test."}, "there is an e-mail address"),
    ("no source", {"sources": None}, "no source is named"),
    ("no person", {"buttons": ["report"]}, 'a S1 entry has no "person" button'),
    ("S3 without emergency", {"severity": "S3", "buttons": ["emergency"]}, 'an S3 entry has no "emergency"'),
    (
        "S3 without page",
        {"severity": "S3", "buttons": ["emergency"], "emergency": "device"},
        "an S3 entry pages nobody",
    ),
    ("migration", {"group": "migration"}, 'a migration entry has no "expires"'),
    ("own approval", {"approved_by": "desk-author"}, "the author approved their own entry"),
    ("no approval", {"approved_by": None}, 'a published entry has no "approved_by"'),
    ("review far away", {"review_due": date(2028, 5, 20)}, "the next review is more than a year away"),
    ("review before", {"review_due": date(2026, 11, 19)}, "the next review is not after the last one"),
    ("golden is a question", {"golden__en": ["Lost my keys?"]}, "this golden question is also a question"),
    ("golden is the title", {"golden__en": ["i lost my office keys"]}, "this golden question is also a question"),
    ("unknown related", {"related": ["nowhere"]}, 'the related entry "nowhere" does not exist'),
    ("related to itself", {"related": ["lost-keys"]}, 'the related entry "lost-keys" is this one'),
    ("question twice", {"questions__en": [*GOOD["questions"]["en"], "KEYS gone"]}, '"KEYS gone" stands here twice'),
    ("four steps", {"answer__en__steps": ["Go."] * 4}, '"answer.en.steps" has more than 3 items'),
    (
        "ring missing",
        {"answer__en__short": "See {reset_url}.", "placeholders": ["helpdesk_phone", "reset_url"]},
        '"ring" is',
    ),
    ("role unknown", {"for_roles": {"pilot": {"en": {"short": "Fly."}}}}, 'the role "pilot" is not known'),
    ("role is everybody", {"for_roles": {"all": {"en": {"short": "Go."}}}}, 'the role "all" is not known'),
    (
        "role that may not see it",
        {"roles": ["regular"], "for_roles": {"executive": {"en": {"short": "Go."}}}},
        '"executive" may not see this answer',
    ),
    (
        "language missing for a role",
        {"for_roles": {"executive": {"de": {"short": "Los."}}}},
        "there is no en text for this role",
    ),
    (
        "blame for a role",
        {"for_roles": {"executive": {"en": {"short": "Please note it."}}}},
        '"Please note" is a phrase',
    ),
    (
        "value of a role",
        {"for_roles": {"executive": {"en": {"short": "{reset_url}"}}}},
        '"{reset_url}" is used but not',
    ),
    (
        "ring of a role",
        {"for_roles": {"executive": {"en": {"short": "{reset_url}"}}}, "placeholders": ["helpdesk_phone", "reset_url"]},
        '"ring" is missing',
    ),
    ("address for a role", {"for_roles": {"executive": {"en": {"short": "See www.x.example."}}}}, "a raw web address"),
]


@pytest.mark.parametrize(("changes", "expected"), [case[1:] for case in FAULTS], ids=[case[0] for case in FAULTS])
def test_what_is_refused(tmp_path: Path, changes: dict[str, Any], expected: str) -> None:
    wording = tmp_path / "search"
    wording.mkdir()
    (wording / "wording.yaml").write_text('schema: wording/1\nbanned: {en: ["please note"]}\n', encoding="utf-8")
    made = entry(**changes)
    found = faults_of(shelf(tmp_path, made))
    assert [fault for fault in found if expected in fault], found


def test_a_fault_points_at_its_line_and_column_with_the_mend(tmp_path: Path) -> None:
    made = entry(roles=["all", "pilot"])
    where = shelf(tmp_path, made)
    lines = (tmp_path / "answers/lost-keys.yaml").read_text().splitlines()
    line = next(i for i, text in enumerate(lines, 1) if "pilot" in text)
    mend = "use one of: all, executive, high_risk, hr_legal, it_helpdesk, regular"
    assert faults_of(where) == [f'knowledge/answers/lost-keys.yaml:{line}:3: the role "pilot" is not known, {mend}']


def test_all_faults_of_all_files_come_at_once(tmp_path: Path) -> None:
    other = entry(id="found-keys", code="ZZ02", questions={"en": ["a", "b"]}, roles=["pilot"])
    found = faults_of(
        shelf(tmp_path, entry(colour="red"), other, "schema: answer/1\nid: raw-2\nid: twice\n", "a: [1\n")
    )
    files = {fault.split(":")[0] for fault in found}
    assert files == {f"knowledge/answers/{name}.yaml" for name in ("lost-keys", "found-keys", "raw-2", "raw-3")}
    assert len([fault for fault in found if "found-keys" in fault]) == 2


def test_a_duplicate_key_is_refused_at_its_second_place(tmp_path: Path) -> None:
    found = faults_of(shelf(tmp_path, "schema: answer/1\nid: raw-0\nid: raw-0\n"))
    assert found == ['knowledge/answers/raw-0.yaml:3:1: the key "id" stands here twice, keep one of them']


def test_ids_codes_and_questions_belong_to_one_entry(tmp_path: Path) -> None:
    other = entry(id="found-keys", golden={})
    other["questions"] = {"en": ["Keys  GONE", "found a key", "whose key is this", "key on the floor", "key found"]}
    found = faults_of(shelf(tmp_path, GOOD, other))
    assert 'the code "ZZ01" is already in knowledge/answers/found-keys.yaml' in found[0]
    assert '"keys gone" is also a question of found-keys' in found[1]
    renamed = entry(id="third")
    (tmp_path / "answers/found-keys.yaml").unlink()
    where = shelf(tmp_path, renamed)
    (tmp_path / "answers/third.yaml").rename(tmp_path / "answers/fourth.yaml")
    assert any('the id "third" is not the file name "fourth"' in fault for fault in faults_of(where))


def test_a_golden_question_may_not_be_another_entrys_question(tmp_path: Path) -> None:
    asked = {"en": ["found a key", "whose key is this", "key on the floor", "key found", "spare key"]}
    other = entry(id="found-keys", code="ZZ02", questions=asked, golden={"en": ["Lost my keys"]})
    found = faults_of(shelf(tmp_path, GOOD, other))
    assert [fault.split(": ", 1)[1] for fault in found] == [
        'the golden question "Lost my keys" is a question of lost-keys (knowledge/answers/lost-keys.yaml), '
        "ask it in other words"
    ]


def test_a_draft_may_be_incomplete_but_not_misspelt(tmp_path: Path) -> None:
    draft = entry(state="draft", approved_by=None, questions={"en": ["keys"]}, sources=None, buttons=[])
    library = load(shelf(tmp_path, draft))
    assert (list(library.entries), library.visible({"regular"}), library.variants()) == (["lost-keys"], frozenset(), [])
    assert faults_of(shelf(tmp_path, {**draft, "roles": ["pilot"]}))


def test_time_makes_notes_never_faults(tmp_path: Path) -> None:
    made = entry(group="migration", expires=date(2027, 12, 31))
    made["sources"][0].pop("checked")
    where = shelf(tmp_path, made)
    later = load_answers(where, ROLES, VALUES, EMERGENCIES, today=date(2029, 11, 24))
    assert later.visible({"regular"}) == {"lost-keys"}
    assert [(note.kind, note.entry) for note in later.notes] == [
        ("overdue", "lost-keys"),
        ("expired", "lost-keys"),
        ("unchecked", "lost-keys"),
    ]
    assert later.entries["lost-keys"].overdue(date(2029, 11, 24))
    assert not later.entries["lost-keys"].overdue(TODAY)
    assert str(later.notes[0]) == (
        "knowledge/answers/lost-keys.yaml: the review was due on 2027-05-20, "
        "service-desk: say that it is still right, or edit it"
    )


def test_retired_hides_and_the_overlay_replaces(tmp_path: Path) -> None:
    overlay = tmp_path / "own"
    (overlay / "answers").mkdir(parents=True)
    text = yaml.safe_dump(entry(state="retired"))
    (overlay / "answers/lost-keys.yaml").write_text(text)
    library = load(shelf(tmp_path, GOOD, overlay=overlay))
    assert library.entries["lost-keys"].state == "retired"
    assert library.visible({"regular"}) == frozenset()


def test_restricted_entries_are_for_their_roles_and_strangers_get_public_ones(tmp_path: Path) -> None:
    asked = {"en": ["found a key", "whose key is this", "key on the floor", "key found", "spare key"]}
    secret = entry(id="key-cabinet", code="ZZ02", roles=["it_helpdesk"], questions=asked)
    library = load(shelf(tmp_path, GOOD, secret))
    assert library.visible({"regular"}) == {"lost-keys"}
    assert library.visible({"it_helpdesk"}) == {"lost-keys", "key-cabinet"}
    assert library.visible({"it_helpdesk"}, known=False) == {"lost-keys"}


def test_people_are_told_what_is_meant_for_their_role(tmp_path: Path) -> None:
    own = {"it_helpdesk": {"en": {"short": "Issue a new key."}}, "executive": {"en": {"short": "Have somebody ring."}}}
    draft = entry(for_roles=own, answer__de={"short": "Zum Empfang."}, state="draft")  # that may lack a translation
    made = load(shelf(tmp_path, draft)).entries["lost-keys"]
    told = {
        role: made.told_to({role, "regular"}).answer["en"].short for role in ("it_helpdesk", "executive", "hr_legal")
    }
    assert told == {
        "it_helpdesk": "Issue a new key.", "executive": "Have somebody ring.", "hr_legal": "Tell reception now.",
    }  # fmt: skip
    assert made.told_to({"executive", "it_helpdesk"}).answer["en"].short == "Issue a new key."  # the first in the file
    assert made.told_to({"executive"}).answer["de"].short == "Zum Empfang."
    assert made.told_to(set()) is made


def test_one_broken_file_leaves_the_others(tmp_path: Path) -> None:
    faults = Faults()
    where = shelf(tmp_path, GOOD, "id: [")
    library = read_answers(where, Vocabulary(ROLES, VALUES, EMERGENCIES), faults, today=TODAY)
    assert (list(library.entries), len(faults.found)) == (["lost-keys"], 1)


def test_the_cache_changes_nothing_even_when_damaged(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    where = shelf(tmp_path, GOOD)
    plain = load(where)
    assert load(where, cache=cache) == plain
    assert load(where, cache=cache) == plain
    for damage in (b"", b"{", b'{"x": 1}', (cache / "answers.json").read_bytes()[:40]):
        (cache / "answers.json").write_bytes(damage)
        assert load(where, cache=cache) == plain
    (tmp_path / "answers/lost-keys.yaml").write_text(yaml.safe_dump(entry(roles=["pilot"])))
    assert len(faults_of(where, cache=cache)) == 1
    assert faults_of(where, cache=cache) == faults_of(where)


def test_the_digest_follows_the_content(tmp_path: Path) -> None:
    first = load(shelf(tmp_path, GOOD)).digest
    assert load(shelf(tmp_path, GOOD)).digest == first
    assert load(shelf(tmp_path, entry(version=2))).digest != first


def test_the_shipped_entries_are_sound() -> None:
    """Every packaged entry, with its own names taken as known: the names themselves are checked by the whole build."""
    shelf_ = packaged_shelf()
    faults = Faults()

    class Anything(frozenset[str]):
        def __contains__(self, name: object) -> bool:
            return True

    known = Anything()
    library = read_answers(shelf_, Vocabulary(ROLES, known, known), faults, today=TODAY)
    assert [str(fault) for fault in faults.found] == []
    assert len(library.published()) >= 45


def test_loading_the_shipped_entries_is_quick(tmp_path: Path) -> None:
    vocabulary = Vocabulary(ROLES, VALUES, EMERGENCIES)
    read_answers(packaged_shelf(), vocabulary, Faults(), cache=tmp_path)
    start = time.process_time()
    read_answers(packaged_shelf(), vocabulary, Faults(), cache=tmp_path)
    assert time.process_time() - start < 1.0


def test_the_schema_for_editors_is_current_and_accepts_what_the_loader_does() -> None:
    assert schema_path().read_text(encoding="utf-8") == answer_schema(), "run: python -m bot.answering.schema"
    checker = Draft202012Validator(json.loads(answer_schema()))
    plain = json.loads(json.dumps(GOOD, default=str))
    assert list(checker.iter_errors(plain)) == []
    assert [error.validator for error in checker.iter_errors({**plain, "colour": "red"})] == ["additionalProperties"]
