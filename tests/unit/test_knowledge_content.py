"""What ships as knowledge: in four languages, as people write, with numbers that name their source, told to each role."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

import pytest

from bot.answering.entries import AnswerText, Entry, Library, Vocabulary
from bot.answering.knowledge import read_answers
from bot.content import Faults, Shelf, packaged_shelf, parse
from bot.organisation import Organisation, load_organisation

LANGUAGES = {"en", "de", "fr", "es"}
QUESTIONS = 8  # of each language, at least
GOLDEN = 3
# codes of the questions that ship: two letters a group, numbered from 01 without a gap
CODES = {"PH": 9, "QU": 10, "EN": 6, "PW": 10, "DV": 8, "RW": 4, "TR": 3, "CL": 8, "SE": 8, "IN": 9, "MI": 6, "EX": 6,
         "HL": 6, "IT": 8, "PA": 4}  # fmt: skip
# where the answer differs for a role
TOLD = {
    "EN03": {"hr_legal"}, "EN04": {"hr_legal"}, "IN09": {"hr_legal"}, "HL04": {"hr_legal"}, "HL05": {"hr_legal"},
    "PW09": {"executive"}, "SE04": {"executive"}, "IN04": {"executive"}, "PA03": {"executive"}, "PA04": {"executive"},
    "TR01": {"executive", "high_risk"}, "SE07": {"high_risk"}, "QU07": {"it_helpdesk"}, "QU08": {"it_helpdesk"},
    "DV08": {"it_helpdesk"},
}  # fmt: skip
SPELLED = {
    "en": r"(?:one|two|three|four|five|six|ten|twelve|fifteen|thirty|sixty) (?:minute|hour|day|week|month|year)s?",
    "de": r"(?:zwei|drei|vier|fünf|sechs|zehn|zwölf|fünfzehn|dreißig) (?:Minuten|Stunden|Tagen?|Wochen|Monaten?|Jahren?)",
    "fr": r"(?:deux|trois|quatre|cinq|six|dix|douze|quinze|trente) (?:minutes|heures|jours|semaines|mois|ans)",
    "es": r"(?:dos|tres|cuatro|cinco|seis|diez|doce|quince|treinta) (?:minutos|horas|días|semanas|meses|años)",
}
NAMED = ("NIST", "ICO", "NCSC", "CISA", "FBI", "IC3", "Microsoft", "RFC 3463", "GDPR", "DSGVO", "RGPD")


@pytest.fixture(scope="module")
def organisation() -> Organisation:
    faults = Faults()
    found = load_organisation(packaged_shelf(), faults)
    assert found is not None, faults.found
    return found


@pytest.fixture(scope="module")
def library(organisation: Organisation) -> Library:
    faults = Faults()
    shelf = packaged_shelf()
    emergencies = {label.rsplit("/", 1)[-1].removesuffix(".yaml") for label, _, _ in shelf.folder("emergencies")}
    known = Vocabulary({*organisation.roles, "all"}, set(organisation.catalogue), emergencies, set(organisation.groups))
    found = read_answers(shelf, known, faults, today=date(2026, 11, 24))
    assert [str(fault) for fault in faults.found] == []
    return found


@pytest.fixture(scope="module")
def entries(library: Library) -> list[Entry]:
    return library.published()


def test_every_question_is_there_once(entries: list[Entry]) -> None:
    found = sorted(entry.code or entry.id for entry in entries)
    assert found == sorted(f"{group}{number:02}" for group, count in CODES.items() for number in range(1, count + 1))


def test_every_answer_is_there_in_every_language(entries: list[Entry]) -> None:
    parts = {
        entry.id: [
            set(part) for part in (entry.title, entry.questions, entry.golden, entry.answer, *entry.for_roles.values())
        ]
        for entry in entries
    }
    assert {name: found for name, found in parts.items() if any(part != LANGUAGES for part in found)} == {}


def test_there_are_enough_ways_to_ask(entries: list[Entry]) -> None:
    few = [
        (entry.id, language, len(entry.questions[language]), len(entry.golden[language]))
        for entry in entries
        for language in LANGUAGES
        if len(entry.questions[language]) < QUESTIONS or len(entry.golden[language]) < GOLDEN
    ]
    assert few == []


def test_questions_are_as_people_write_them(entries: list[Entry]) -> None:
    """Short and mostly without capitals: nobody types a help desk's sentences."""
    for language in LANGUAGES:
        asked = [question for entry in entries for question in entry.questions[language]]
        assert sum(len(question.split()) for question in asked) / len(asked) < 11
        assert sum(question[:1].islower() for question in asked) / len(asked) > 0.7


def test_what_is_said_in_another_language_is_not_the_english_text(entries: list[Entry]) -> None:
    same = [
        (entry.id, language)
        for entry in entries
        for language in LANGUAGES - {"en"}
        if entry.answer[language].short == entry.answer["en"].short or entry.title[language] == entry.title["en"]
    ]
    assert same == []


def test_each_language_uses_the_same_values(entries: list[Entry]) -> None:
    def used(text: AnswerText) -> set[str]:
        return {name for _, line in text.texts() for name in re.findall(r"\{(\w+)\}", line)}

    differing = [
        (entry.id, role, language)
        for entry in entries
        for role, texts in (("", entry.answer), *entry.for_roles.items())
        for language in LANGUAGES
        if used(texts[language]) != used(texts["en"])
    ]
    assert differing == []


def numbers(text: str, language: str) -> list[str]:
    """Figures and spelled-out spans of time of a text, values left out."""
    plain = re.sub(r"\{\w+\}", " ", text)
    return re.findall(r"\d[\d.,]*|\b" + SPELLED[language], plain, re.IGNORECASE)


def told(entries: list[Entry]) -> Iterator[tuple[Entry, str, str]]:
    """(entry, language, everything that one telling says)."""
    for entry in entries:
        for _, language, text in entry.tellings():
            yield entry, language, " ".join(line for path, line in text.texts() if path != ("ring",))
            yield entry, language, text.ring or ""


def test_every_number_names_its_source(entries: list[Entry]) -> None:
    orphans = []
    for entry, language, text in told(entries):
        found = numbers(text, language)
        if found and not any(name in text for name in NAMED):
            orphans.append((entry.id, language, found))
    assert orphans == []


def test_the_source_that_is_named_is_among_the_sources(entries: list[Entry]) -> None:
    missing = []
    for entry, language, text in told(entries):
        publishers = " ".join(f"{source.publisher} {source.code} {source.title}" for source in entry.sources)
        for name in NAMED[:7]:
            if re.search(rf"\b{name}\b", text) and name not in publishers:
                missing.append((entry.id, language, name))
    assert missing == []


def test_a_source_that_nobody_opened_is_listed(library: Library, entries: list[Entry]) -> None:
    unread = {(entry.id, source.code) for entry in entries for source in entry.sources if source.checked is None}
    noted = {note.entry for note in library.notes if note.kind == "unchecked"}
    assert noted == {entry for entry, _ in unread}
    assert all(source.checked is None or source.checked <= date(2026, 12, 31) for e in entries for source in e.sources)


def test_answers_about_the_move_expire(entries: list[Entry]) -> None:
    assert [entry.id for entry in entries if entry.group == "migration" and entry.expires is None] == []
    assert [entry.id for entry in entries if entry.group != "migration" and entry.expires is not None] == []


def test_roles_are_told_what_differs_for_them(entries: list[Entry]) -> None:
    by_code = {entry.code: entry for entry in entries}
    assert {code: set(by_code[code].for_roles) for code in TOLD} == TOLD
    for code, roles in TOLD.items():
        for role in roles:
            mine = by_code[code].told_to({role, "regular"}).answer
            assert all(mine[language].short != by_code[code].answer[language].short for language in LANGUAGES)


def test_urgent_answers_bring_a_person_and_incidents_their_card(entries: list[Entry]) -> None:
    assert [entry.id for entry in entries if entry.severity == "S2" and "person" not in entry.buttons] == []
    incidents = [entry for entry in entries if entry.severity == "S3"]
    assert [entry.id for entry in incidents if not (entry.emergency and entry.escalate.page)] == []


def test_every_value_that_content_uses_is_set_in_the_sample(entries: list[Entry], organisation: Organisation) -> None:
    used = {name for entry in entries for name in entry.placeholders}
    assert sorted(used - set(organisation.values())) == []
    assert organisation.unset() == []


# words that other files hold


def test_roles_and_groups_have_names_in_every_language(organisation: Organisation) -> None:
    names = {**{key: role.name for key, role in organisation.roles.items()}, **organisation.groups}
    assert {key: set(texts) for key, texts in names.items() if set(texts) != LANGUAGES} == {}


def every_text(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], set[str]]]:
    """Everything in a file that is given by language: each mapping that has English."""
    if isinstance(value, dict):
        if "en" in value:
            yield path, set(value)
        for key, item in value.items():
            yield from every_text(item, (*path, str(key)))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from every_text(item, (*path, str(number)))


# read by the search, in as many languages as it can tell apart; and by the rules of detection, which have other languages too
NOT_FOR_READERS = ("search/", "phishing/ideas", "phishing/wording", "emergencies/_words")


def test_whatever_a_person_reads_is_there_in_every_language() -> None:
    lacking = []
    for label, document in documents(packaged_shelf()):
        if any(part in label for part in NOT_FOR_READERS):
            continue
        lacking += [
            (label, path) for path, found in every_text(document) if not LANGUAGES <= found and path[-1] != "phrases"
        ]
    assert lacking == []


def documents(shelf: Shelf) -> Iterator[tuple[str, object]]:
    """Every YAML file of the package, parsed."""
    faults = Faults()
    for folder in ("", "answers", "lessons", "learning", "emergencies", "phishing", "copy"):
        home = shelf.packaged.joinpath(folder) if folder else shelf.packaged
        for item in sorted(home.iterdir(), key=lambda item: item.name):
            if item.name.endswith(".yaml"):
                name = f"{folder}/{item.name}" if folder else item.name
                document = parse(name, item.read_bytes(), faults)
                if document is not None:
                    yield name, document.value
    assert faults.found == []


def test_a_text_without_a_language_would_be_found() -> None:
    assert list(every_text({"a": [{"b": {"en": "x", "de": "y"}}]})) == [(("a", "0", "b"), {"en", "de"})]
    assert numbers("Wait 72 hours, or three days, at {helpdesk_phone}.", "en") == ["72", "three days"]
