"""What ships as procedures: those a help desk needs, in four languages, short steps, two people where harm cannot be undone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from unittest.mock import Mock

import pytest
from jsonschema import Draft202012Validator

from adapters.directories.file import load_people
from bot.answering.emergency import Gate
from bot.answering.entries import Entry
from bot.answering.knowledge import load_answers
from bot.answering.rules import load_banned
from bot.app.procedure_files import vocabulary
from bot.content import Faults, packaged_shelf, parse
from bot.model import Person
from bot.organisation import PLACEHOLDER, Organisation, load_organisation
from bot.procedures.crew import Crew
from bot.procedures.library import FOLDER, read_procedures
from bot.procedures.rules import onwards
from bot.procedures.schema import procedure_schema, schema_path
from bot.procedures.shapes import END, Library, Procedure
from bot.procedures.stepcards import StepCards

LANGUAGES = ("en", "de", "fr", "es")
SHIPPED = {
    "account-compromised", "allow-list-change", "backup-overdue", "clicked-link", "content-faulty", "daily-checks",
    "desk-not-answering", "gave-card-or-id", "infected-computer", "mailbox-stuck", "messages-stuck", "tickets-waiting",
    "leaver", "lost-device", "mail-to-wrong-person", "malicious-app-consent", "migration-wave", "monthly-checks",
    "paid-invoice", "partner-breach", "partner-dispute", "partner-review", "payment-change", "phishing-purge",
    "quarterly-checks", "ransom-note", "restricted-sender", "verify-caller", "weekly-checks",
}  # fmt: skip
# (procedure, step of the second person, what cannot be reached before it unless something fails)
GUARDED = [
    ("account-compromised", "restore", "look-again"), ("account-compromised", "second-pair", "restore"),
    ("allow-list-change", "approve", "enter"), ("leaver", "check", "last-look"), ("lost-device", "wipe", "encrypted"),
    ("mail-to-wrong-person", "second-look", "make-harder"), ("malicious-app-consent", "grants-gone", "tell-people"),
    ("migration-wave", "switch", "test-mail"), ("monthly-checks", "admins-removed", "forwarding"),
    ("paid-invoice", "confirm-changes", "insurer"), ("partner-breach", "give-back", "risk"),
    ("partner-breach", "cut", "own-logs"), ("partner-dispute", "check-case", "notice"),
    ("payment-change", "second-yes", "change"), ("phishing-purge", "approve", "purge"),
    ("quarterly-checks", "break-glass-sealed", "exercise"), ("ransom-note", "agree-order", "restore"),
    ("restricted-sender", "unblock", "lists"), ("weekly-checks", "remove-entries", "consents"),
    ("infected-computer", "release", "thank"),
]  # fmt: skip
TITLED = {"allow-list-change": "allowlist_sop", "verify-caller": "verify_sop", "partner-dispute": "dispute_sop",
          "leaver": "offboarding_sop"}  # fmt: skip
CALENDAR = {"daily-checks": "day", "weekly-checks": "week", "monthly-checks": "month", "quarterly-checks": "quarter",
            "partner-review": "month"}  # fmt: skip
AUTHORITIES = {"Microsoft", "CISA", "NIST", "FBI IC3", "NCSC", "European Union", "EDPB", "ICO", "ISO/IEC", "BSI", "IETF",
               "M3AAWG", "CISA, MS-ISAC", "NSA, FBI, CISA", "Google"}  # fmt: skip
# a number that an authority gave, the words that stand beside it, and the code of its source
GIVEN = [
    (r"\b72\b", r"GDPR|DSGVO|RGPD|FBI", {"GDPR", "IC3-FFKC"}),
    (r"\b50[.,\s]000\b", "Microsoft", {"MS-REMED"}),
    (r"\b45 \w+.*\b30\b", "Microsoft", {"MS-TABL"}),
    (r"six months|sechs Monate|six mois|seis meses", "CISA", {"CISA-MSP"}),
]


@pytest.fixture(scope="module")
def organisation() -> Organisation:
    found = load_organisation(packaged_shelf(), faults := Faults())
    assert found is not None, faults.found
    return found


@pytest.fixture(scope="module")
def gate() -> Gate:
    return Gate(packaged_shelf())


@pytest.fixture(scope="module")
def library(organisation: Organisation, gate: Gate) -> Library:
    known = vocabulary(organisation, gate.kinds)
    found = read_procedures(packaged_shelf(), known, faults := Faults(), today=date(2026, 11, 24))
    assert [] == [str(fault) for fault in faults.found]
    return found


@pytest.fixture(scope="module")
def procedures(library: Library) -> list[Procedure]:
    return [one.procedure for one in library.published()]


def texts(procedure: Procedure) -> Iterator[tuple[str, dict[str, str]]]:
    yield "title", procedure.title
    yield "purpose", procedure.purpose
    for step in procedure.steps:
        yield step.id, dict(step.texts)
        yield from ((f"{step.id}/{option.id}", option.label) for option in step.options)


def said(procedures: list[Procedure]) -> Iterator[tuple[str, str, str]]:
    """(procedure and place, language, text) of everything that people read."""
    for procedure in procedures:
        for place, by_language in texts(procedure):
            yield from ((f"{procedure.id} {place}", language, text) for language, text in by_language.items())


def test_editors_check_with_the_schema_that_is_current() -> None:
    assert schema_path().read_text("utf-8") == procedure_schema(), "run: python -m bot.procedures.schema"
    checker = Draft202012Validator(json.loads(procedure_schema()))
    for label, data, _ in packaged_shelf().folder(FOLDER):
        document = parse(label, data, Faults())
        assert document is not None
        plain = json.loads(json.dumps(document.value, default=str))
        assert [] == [error.message for error in checker.iter_errors(plain)]
        plain["steps"][0]["wo"] = plain["steps"][0].pop("who")  # a slip of the pen is seen
        assert len(list(checker.iter_errors(plain))) > 0


def test_those_a_help_desk_needs_are_there(procedures: list[Procedure]) -> None:
    assert {procedure.id for procedure in procedures} == SHIPPED


def test_every_text_is_there_in_every_language_with_the_same_values(procedures: list[Procedure]) -> None:
    odd = []
    for procedure in procedures:
        for place, found in texts(procedure):
            values = {tuple(sorted(set(PLACEHOLDER.findall(text)))) for text in found.values()}
            if set(found) != set(LANGUAGES) or len(values) != 1:
                odd.append((procedure.id, place, sorted(found), values))
    assert odd == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_value_is_set_in_the_sample_organisation(
    procedures: list[Procedure], organisation: Organisation, language: str
) -> None:
    for entity in ("", *organisation.file.entities):
        values = organisation.values(entity, language)
        used = {name for _, code, text in said(procedures) if code == language for name in PLACEHOLDER.findall(text)}
        assert sorted(used - set(values)) == []


def test_an_organisation_that_has_set_little_is_told_what_is_missing(library: Library, tmp_path: Path) -> None:
    """As after `secdesk init`: no owners, few values. Every procedure is there, and says which number is not."""
    (tmp_path / "org.yaml").write_text(
        'schema: org/1\nname: "Acme"\nlanguage: en\ntimezone: "Europe/Berlin"\ndomains: ["acme.example"]\n'
        'values: {helpdesk_phone: "+49 30 5550 1", oncall: "+49 30 5550 2"}\ncountries: {}\nentities: {}\nowners: {}\n'
    )
    shelf = packaged_shelf(tmp_path)
    fresh = load_organisation(shelf, faults := Faults())
    assert fresh is not None, faults.found
    found = read_procedures(shelf, vocabulary(fresh, Gate(shelf).kinds), faults, today=date(2026, 11, 24))
    assert ([], SHIPPED) == (faults.found, set(found.procedures))
    cards = StepCards(lambda: fresh, Crew(Mock(), lambda: fresh, Mock(), Mock()))
    ring = library.procedures["ransom-note"].procedure.step("call")
    reader = Person("kim.lee", "Kim Lee", roles=frozenset({"it_helpdesk"}))
    assert "on call (+49 30 5550 2) and the partner ([not in org.yaml yet: partner phone])" in cards.task(
        ring, reader, "en"
    )
    assert cards.task(ring, reader, "de").startswith("Rufen Sie die Bereitschaft (+49 30 5550 2)")


def test_a_step_is_read_in_one_look(procedures: list[Procedure]) -> None:
    long = []
    for place, language, text in said(procedures):
        words, sentence = (60, 25) if language == "en" else (72, 33)
        longest = max(len(part.split()) for part in re.split(r"(?<=[.?:;])\s", text))
        if len(text.split()) > words or longest > sentence:
            long.append((place, language, len(text.split()), longest))
    assert long == []


def test_nobody_is_blamed_and_no_link_is_given(procedures: list[Procedure]) -> None:
    banned = load_banned(packaged_shelf(), Faults())
    found = [
        (place, language, text)
        for place, language, text in said(procedures)
        if "!" in text
        or re.search(r"https?:|www\.|\S@\S", text)
        or any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text.lower()) for word in banned.get(language, ()))
    ]
    assert found == []


def test_each_rests_on_an_authority(procedures: list[Procedure]) -> None:
    alone = {p.id: sorted(s.publisher for s in p.sources) for p in procedures}
    assert {name: named for name, named in alone.items() if not AUTHORITIES.intersection(named)} == {}


def test_numbers_of_an_authority_name_it(procedures: list[Procedure]) -> None:
    """All other numbers are ours, and a source of every procedure says so."""
    assert [p.id for p in procedures if "OWN" not in {source.code for source in p.sources}] == []
    codes = {p.id: {source.code for source in p.sources} for p in procedures}
    orphans, seen = [], set()
    for place, language, text in said(procedures):
        for number, beside, sources in GIVEN:
            if re.search(number, text):
                seen.add(number)
                if not re.search(beside, text) or not sources & codes[place.partition(" ")[0]]:
                    orphans.append((place, language, text))
    assert (orphans, seen) == ([], {number for number, _, _ in GIVEN})


def test_sources_that_nobody_opened_are_noted(library: Library, procedures: list[Procedure]) -> None:
    unread = {p.id for p in procedures if any(source.checked is None for source in p.sources)}
    assert {note.procedure for note in library.notes if note.kind == "unchecked"} == unread


@pytest.mark.parametrize(("name", "second", "after"), GUARDED)
def test_a_second_person_stands_before_what_cannot_be_undone(
    library: Library, name: str, second: str, after: str
) -> None:
    procedure = library.procedures[name].procedure
    assert procedure.step(second).four_eyes
    reached, todo = set[str](), [procedure.steps[0].id]
    while todo:
        here = todo.pop()
        if here not in reached and here not in (END, second):
            reached.add(here)
            todo += onwards(procedure, procedure.step(here))
    assert after not in reached


def test_no_way_comes_to_a_second_person_without_the_first(procedures: list[Procedure]) -> None:
    """Else nobody would be barred, and one person could do both."""
    gaps = []
    for procedure in procedures:
        for step in procedure.steps:
            reached, todo = set[str](), [procedure.steps[0].id]
            while todo and step.four_eyes:
                here = todo.pop()
                if here not in reached and here not in (END, step.four_eyes):
                    reached.add(here)
                    todo += onwards(procedure, procedure.step(here))
            if step.id in reached:
                gaps.append((procedure.id, step.id))
    assert gaps == []


def test_the_sample_organisation_has_two_people_for_every_such_step(
    procedures: list[Procedure], organisation: Organisation
) -> None:
    people = load_people(packaged_shelf(), organisation.roles, organisation.file.entities, "en", "Europe/London")

    def able(who: str | None) -> set[str]:
        if who in organisation.roles:
            return {person.id for person in people if who in person.roles}
        desk = {person.id for person in people if person.roles & organisation.desk_roles()}
        return set(organisation.file.keepers.get(who or "", ())) or desk

    stuck = [(p.id, step.id) for p in procedures for step in p.steps if not able(step.who)]
    for procedure in procedures:
        for step in (step for step in procedure.steps if step.four_eyes):
            first = able(procedure.step(step.four_eyes or "").who)
            stuck += [(procedure.id, step.id) for person in first if not able(step.who) - {person}]
    assert stuck == []


def test_what_must_be_proved_asks_for_the_proof(procedures: list[Procedure]) -> None:
    """Most steps leave something behind; those that are required and leave nothing are told apart on purpose."""
    bare = {(p.id, s.id) for p in procedures for s in p.steps if s.do and s.required and s.evidence == "none"}
    assert bare == {
        ("account-compromised", "reset"), ("allow-list-change", "tell"), ("clicked-link", "say-so"),
        ("malicious-app-consent", "tell-people"), ("migration-wave", "remind"), ("phishing-purge", "answer-reporters"),
        ("phishing-purge", "answer-harmless"),
    }  # fmt: skip


def test_every_emergency_has_one(procedures: list[Procedure], gate: Gate) -> None:
    led = [kind for procedure in procedures for kind in procedure.start.emergencies]
    assert sorted(led) == sorted(set(gate.kinds))


def test_the_calendar_holds_the_checks_and_the_review(procedures: list[Procedure]) -> None:
    assert {p.id: p.start.schedule.every for p in procedures if p.start.schedule} == CALENDAR


def test_titles_are_those_that_answers_use(library: Library, organisation: Organisation) -> None:
    for name, value in TITLED.items():
        title = library.procedures[name].procedure.title
        found = {language: organisation.values("", language)[value].casefold() for language in LANGUAGES}
        assert found == {language: text.casefold() for language, text in title.items()}


def test_titles_can_be_told_apart(procedures: list[Procedure]) -> None:
    for language in LANGUAGES:
        titles = [procedure.title[language].casefold() for procedure in procedures]
        assert len(titles) == len(set(titles))


def test_answers_name_procedures_that_are_there(library: Library, organisation: Organisation, gate: Gate) -> None:
    shelf = packaged_shelf()
    answers = load_answers(shelf, {*organisation.roles, "all"}, set(organisation.catalogue), set(gate.kinds))
    named: list[Entry] = [entry for entry in answers.published() if entry.sop]
    assert [(entry.id, entry.sop) for entry in named if entry.sop not in library.procedures] == []
    # whoever works an emergency finds its procedure from the answer too
    kinds = {kind: p.id for p in (one.procedure for one in library.published()) for kind in p.start.emergencies}
    runbooks = [entry for entry in answers.published() if entry.roles == ["it_helpdesk"] and entry.emergency]
    assert runbooks
    assert [(e.id, e.sop) for e in runbooks if e.emergency and e.sop != kinds[e.emergency]] == []
