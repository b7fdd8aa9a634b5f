"""Lessons: loading with all faults at once, every publishing rule, and what is only marked."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.content import Faults, Shelf, packaged_shelf
from bot.errors import ContentError
from bot.learning.lessons import load_lessons, read_lessons
from bot.learning.shapes import TRACKS, Library, Vocabulary, track_of
from bot.organisation import load_organisation
from tests.fakes.lessons import curriculum, lesson, library, raw, write

ROLES = ["executive", "hr_legal", "it_helpdesk", "regular", "high_risk"]
KNOWN = Vocabulary(ROLES, ["helpdesk_phone", "oncall"], ["some-entry"], ["mfa"], people=["Dana Reyes"])
TODAY = date(2026, 11, 24)
LONG = (
    "This one sentence has far too many words because it never comes to an end and goes on and on until nobody who "
    "reads it knows how it began."
)


def load(tmp_path: Path, *lessons: dict[str, Any], known: Vocabulary = KNOWN, today: date = TODAY) -> Library:
    return load_lessons(Shelf(write(tmp_path, *lessons)), known, today=today)


def faults_of(tmp_path: Path, *lessons: dict[str, Any], known: Vocabulary = KNOWN) -> list[str]:
    faults = Faults()
    read_lessons(Shelf(write(tmp_path, *lessons)), known, faults, today=TODAY)
    return [f"{fault.what}, {fault.mend}" for fault in faults.found]


def test_a_good_lesson_has_no_fault(tmp_path: Path) -> None:
    loaded = load(tmp_path, raw())
    assert list(loaded.lessons) == ["odd-prompt"]
    assert loaded.lessons["odd-prompt"].question.right.id == "b"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"id": "Bad_Id"}, '"id": string should match pattern'),
        ({"colour": "red"}, '"colour" is not a key that is known here'),
        ({"status": "live"}, '"status": input should be'),
        ({"question__options__0__correct": True}, "2 options are correct, mark exactly one"),
        ({"question__options__1__correct": False}, "0 options are correct, mark exactly one"),
        ({"question__options": [{"id": "a", "text": {"en": "x"}, "feedback": {"en": "y"}}]}, "at least 2"),
        ({"question__options__1__id": "a"}, 'the option "a" stands here twice'),
        ({"question__options__0__feedback": None}, '"question.options.0.feedback" is missing'),
        ({"title": {"de": "Eine Anfrage"}}, "there is no en text"),
        ({"body__en": "Go. " * 100 + "Ring {helpdesk_phone}."}, "the body has 102 words, cut it to 90"),
        ({"body__en": LONG + " Ring {helpdesk_phone}."}, "a sentence has 29 words, split it"),
        ({"question__options__0__feedback__en": "Do. " * 31}, "the feedback has 31 words, cut it to 30"),
        ({"question__options__0__text__en": "x" * 76}, "the text has 76 characters, cut it to 75"),
        ({"body__en": "Ring {helpdesk_phone} or {oncall}."}, '"{oncall}" is used but not declared'),
        ({"body__en": "Ring {helpdesk_phone} or {nobody}."}, '"{nobody}" is not a value that is known'),
        ({"placeholders": ["helpdesk_phone", "oncall"]}, '"oncall" is declared but no text uses it'),
        ({"body__en": "Ring {helpdesk_phone} or {oncall."}, "a curly bracket has no partner"),
        ({"body__en": "Ring {helpdesk_phone} or {{oncall}}."}, "a curly bracket has no partner"),
        ({"action__intent": "dance"}, '"action.intent": input should be'),
        ({"action__intent": "ask"}, '"ask" and intent ask go together'),
        ({"action__intent": "ask", "action__ask": {"en": "How?"}, "kb": []}, "no answer is named"),
        ({"action__emergency": "flood"}, 'the emergency "flood" is not known, use one of: mfa'),
        ({"action__intent": "report", "action__emergency": "mfa"}, "only the intent emergency starts one"),
        ({"kb": ["nowhere-else"]}, 'the answer "nowhere-else" does not exist'),
        ({"roles": ["boss"], "curriculum": "role"}, 'the role "boss" is not known'),
        ({"roles": ["regular"]}, "a core lesson is for everybody"),
        ({"curriculum": "high_risk"}, "a high_risk lesson lacks the tag"),
        ({"review_due": "2028-01-01"}, "the next review is more than a year away"),
        ({"review_due": "2026-11-20"}, "the next review is not after the last one"),
        ({"obligation": "mandatory"}, 'a mandatory lesson has no "works_agreement_ref"'),
        ({"obligation": "mandatory"}, 'a mandatory lesson has no "legal_basis"'),
        ({"obligation": "mandatory"}, 'a mandatory lesson has no "evidence"'),
        ({"obligation": "mandatory"}, 'a mandatory lesson has no "due_days"'),
        ({"body__en": "See https://x.test/a and ring {helpdesk_phone}."}, "there is a raw web address"),
        ({"body__en": "See portal.example.com and ring {helpdesk_phone}."}, "there is a raw web address"),
        ({"body__en": "Write to it@contoso.com or ring {helpdesk_phone}."}, "there is a real e-mail address"),
        ({"body__en": "Do not be caught. Ring {helpdesk_phone}."}, '"caught" is a phrase we do not use'),
        ({"body__en": "The key AKIAIOSFODNN7EXAMPLE. Ring {helpdesk_phone}."}, "looks like a real key"),
        ({"body__en": "Card 4111 1111 1111 1111. Ring {helpdesk_phone}."}, "looks like a real key"),
        ({"body__en": "Ask Dana Reyes or ring {helpdesk_phone}."}, '"Dana Reyes" is a person who works here'),
        ({"approved_by": "author"}, "the author approved their own lesson"),
        ({"approved_by": None}, 'a published lesson has no "approved_by"'),
        ({"triggers": [{"event": "moon.full"}]}, '"triggers.0.event": input should be'),
        ({"translated": {"de": 2}}, "there is no version 2 yet, at most 1"),
    ],
)  # fmt: skip
def test_each_publishing_rule_is_a_fault(tmp_path: Path, changes: dict[str, Any], expected: str) -> None:
    write(tmp_path, raw(**changes), names={0: changes.get("id", "odd-prompt")})
    (tmp_path / "learning").mkdir()
    (tmp_path / "learning/wording.yaml").write_text('schema: wording/1\nbanned: {en: ["caught"]}\n', "utf-8")
    faults = Faults()
    read_lessons(Shelf(tmp_path), KNOWN, faults, today=TODAY)
    assert [text for text in map(str, faults.found) if expected in text], "\n".join(map(str, faults.found))


def test_an_example_address_is_allowed(tmp_path: Path) -> None:
    body = {"en": "Mail like pay@shop.example is not ours. Ring {helpdesk_phone}."}
    assert faults_of(tmp_path, raw(body=body)) == []


def test_all_faults_of_all_files_come_at_once_with_their_places(tmp_path: Path) -> None:
    first, second = raw(id="one", kb=["nowhere"], roles=["boss"]), raw(id="two", review_due="2028-01-01")
    write(tmp_path, first, second)
    (tmp_path / "lessons/broken.yaml").write_text("id: [", "utf-8")
    with pytest.raises(ContentError) as caught:
        load_lessons(Shelf(tmp_path), KNOWN, today=TODAY)
    places = [(Path(fault.file).name, fault.line) for fault in caught.value.faults]
    text = (tmp_path / "lessons/one.yaml").read_text("utf-8").splitlines()
    assert [name for name, _ in places] == ["broken.yaml", "one.yaml", "one.yaml", "one.yaml", "two.yaml"]
    assert ("one.yaml", text.index("- nowhere") + 1) in places


def test_a_broken_file_leaves_the_others(tmp_path: Path) -> None:
    write(tmp_path, raw(), raw(id="broken", question__options__1__correct=False))
    faults = Faults()
    assert list(read_lessons(Shelf(tmp_path), KNOWN, faults, today=TODAY).lessons) == ["odd-prompt"]
    assert len(faults.found) == 1


def test_an_id_belongs_to_one_file_of_that_name(tmp_path: Path) -> None:
    write(tmp_path, raw(), raw(), names={1: "other"})
    faults = Faults()
    read_lessons(Shelf(tmp_path), KNOWN, faults, today=TODAY)
    assert sorted(fault.what for fault in faults.found) == [
        'the id "odd-prompt" is already in knowledge/lessons/odd-prompt.yaml',
        'the id "odd-prompt" is not the file name "other"',
    ]


def test_a_right_answer_that_can_be_guessed_is_a_fault(tmp_path: Path) -> None:
    long = "Press Deny, then tell us as soon as you can"
    same = [raw(id=f"les-{n}", question__options__1__text={"en": long}) for n in range(4)]
    assert faults_of(tmp_path, *same) == [
        "the right answer is number 2 in every lesson, vary it over the lessons",
        "the right answer is the longest in every lesson, vary it over the lessons",
    ]


def test_a_right_answer_that_can_be_guessed_in_a_translation_is_one_too(tmp_path: Path) -> None:
    def german(number: int) -> dict[str, Any]:
        wrong, right, unsure = raw()["question"]["options"]
        made = raw(id=f"les-{number}", question__options=[wrong, right, unsure] if number else [right, wrong, unsure])
        places = [made["title"], made["body"], made["action"]["label"], made["question"]["prompt"]]
        places += [texts for option in made["question"]["options"] for texts in (option["text"], option["feedback"])]
        for texts in places:
            texts["de"] = "Ablehnen und {helpdesk_phone}" if texts is made["body"] else "Kurz"
        right["text"]["de"] = "Ablehnen und melden"
        return made

    found = faults_of(tmp_path, *(german(n) for n in range(4)))
    assert found == ["the right answer is the longest in every lesson (de), vary it over the lessons"]


def test_three_lessons_are_too_few_for_a_pattern(tmp_path: Path) -> None:
    assert faults_of(tmp_path, *(raw(id=f"les-{n}") for n in range(3))) == []


def test_a_draft_may_be_long_but_not_name_what_is_not_there(tmp_path: Path) -> None:
    draft = raw(status="draft", approved_by=None, body={"en": LONG + " {helpdesk_phone}"}, kb=["nowhere"])
    assert faults_of(tmp_path, draft) == ['the answer "nowhere" does not exist, check its id, or remove it']


def test_time_marks_and_never_refuses(tmp_path: Path) -> None:
    old = raw(schedule={"spaced": True, "expires": "2027-01-01"})
    loaded = load(tmp_path, old, today=TODAY + timedelta(days=3 * 366))
    kinds = sorted(note.kind for note in loaded.notes if note.lesson)
    assert (list(loaded.lessons), kinds) == (["odd-prompt"], ["expired", "overdue"])


def test_what_owners_should_look_at_is_noted(tmp_path: Path) -> None:
    shaky = raw(
        title={"en": "word " * 13, "de": "Eine Anfrage"},
        sources=[{"title": "Some page"}],
        question__options__1__text={"en": "Press Deny, hang up, tell us at once and wait for our call"},
    )
    known = Vocabulary(ROLES, ["helpdesk_phone"], unset=["helpdesk_phone"])
    notes = load(tmp_path, shaky, known=known).notes
    assert sorted(note.kind for note in notes if note.lesson) == ["length", "source", "title", "translation", "unset"]


def test_an_incomplete_curriculum_is_noted_for_each_role(tmp_path: Path) -> None:
    notes = [note.what for note in load(tmp_path, raw()).notes if note.kind == "curriculum"]
    assert notes == [f"{track} has 1 published lessons" for track in TRACKS]


def test_a_translation_of_an_older_version_is_noted(tmp_path: Path) -> None:
    notes = load(tmp_path, raw(version=3, translated={"de": 2, "fr": 3})).notes
    assert [note.what for note in notes if note.kind == "translation"] == [
        "the de texts are those of version 2, the lesson is at 3"
    ]


def test_likely_targets_have_four_lessons_of_their_own(tmp_path: Path) -> None:
    notes = load(tmp_path, raw(tags=["high_risk"], curriculum="high_risk")).notes
    assert "likely targets have 1 published lessons of their own" in [note.what for note in notes]


def test_too_many_duties_are_noted(tmp_path: Path) -> None:
    duty = raw(obligation="mandatory", legal_basis="law", due_days=30, evidence="answer", works_agreement_ref="BV 1")
    notes = [note.what for note in load(tmp_path, duty).notes if note.kind == "mandatory"]
    assert notes[0] == "1 of 1 lessons of executive are mandatory"


def test_core_and_own_lessons_take_turns() -> None:
    ids = [item.id for item in curriculum().curriculum("hr_legal")]
    assert ids[:4] == ["core-1", "hr-legal-1", "core-2", "hr-legal-2"]
    assert len(ids) == 12


def test_high_risk_adds_four() -> None:
    ids = [item.id for item in curriculum().curriculum("executive", high_risk=True)]
    assert len(ids) == 16
    assert ids[:3] == ["core-1", "executive-1", "risk-1"]


@pytest.mark.parametrize(
    ("roles", "track"),
    [
        ({"regular", "executive"}, "executive"),
        ({"it_helpdesk", "hr_legal"}, "hr_legal"),
        ({"regular", "it_helpdesk", "high_risk"}, "it_helpdesk"),
        ({"high_risk"}, "regular"),
        (set(), "regular"),
    ],
)
def test_several_roles_have_one_curriculum(roles: set[str], track: str) -> None:
    assert track_of(roles) == track


def test_a_lesson_for_a_role_stays_with_it() -> None:
    own = lesson("own", roles=["hr_legal"], curriculum="role")
    risky = lesson("risky", tags=["high_risk"], curriculum="high_risk")
    assert (own.fits({"hr_legal"}, False), own.fits({"regular"}, True)) == (True, False)
    assert (risky.fits({"regular"}, True), risky.fits({"regular"}, False)) == (True, False)


def test_a_retired_lesson_is_in_no_curriculum() -> None:
    assert library(lesson("gone", status="retired")).curriculum("regular") == []


# what ships


@pytest.fixture(scope="module")
def shipped() -> Library:
    shelf, faults = packaged_shelf(), Faults()
    organisation = load_organisation(shelf, faults)
    assert organisation is not None, faults.found
    answers = [Path(label).stem for label, _, _ in shelf.folder("answers")]
    known = Vocabulary(organisation.roles, organisation.catalogue, answers, organisation.unset())
    return load_lessons(shelf, known, today=TODAY + timedelta(days=3 * 366))


def test_what_ships_is_publishable_even_in_three_years(shipped: Library) -> None:
    assert {note.kind for note in shipped.notes} <= {"overdue", "source", "unset"}


@pytest.mark.parametrize("track", TRACKS)
def test_every_role_has_its_lessons(shipped: Library, track: str) -> None:
    assert [len(shipped.curriculum(track)), len(shipped.curriculum(track, high_risk=True))] == [12, 16]
