"""Everything that is loaded from YAML, each kind watched for edits; and `lint`, which reads all of it and says all faults."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from adapters.directories.file import FileDirectory, load_said
from bot.answering.answers import Knowledge
from bot.answering.emergency import Gate
from bot.answering.emergency_kept import open_gate
from bot.answering.encoder import Encoders, encoders_for
from bot.answering.entries import Library as AnswerLibrary
from bot.answering.entries import Vocabulary as AnswerVocabulary
from bot.answering.golden import faults_of
from bot.answering.knowledge import as_of as answers_as_of
from bot.answering.knowledge import read_answers
from bot.answering.languages import Languages, load_languages
from bot.answering.loaded import Hearing, load_hearing
from bot.answering.search import Index, load_generic
from bot.answering.smalltalk import load_smalltalk
from bot.app import contract_files, procedure_files
from bot.app.candidates import Candidates, IndexSearch
from bot.content import Faults, Shelf, packaged_shelf
from bot.contracts import Contract
from bot.directory import Said
from bot.directory_rules import FILE as DIRECTORY
from bot.directory_rules import DirectoryRules, load_rules
from bot.errors import ContentError, Fault
from bot.helpdesk.oncall import Rota, load_rota
from bot.helpdesk.sla import Sla, load_sla
from bot.kept import content, kept, names
from bot.learning.lessons import read_lessons
from bot.learning.notes import as_of as lessons_as_of
from bot.learning.shapes import Library as Lessons
from bot.learning.shapes import Vocabulary as LessonVocabulary
from bot.model import Person
from bot.organisation import Organisation, Words, load_organisation, load_words, pick
from bot.procedures.library import FOLDER as PROCEDURES
from bot.procedures.library import read_procedures
from bot.procedures.shapes import Library as Procedures
from bot.register import FILE as REGISTER
from bot.register import Register, load_register
from bot.reload import Poller, Watched
from bot.reporting.lexicon import Lexicon, load_lexicon
from bot.retention import load_retention

ORG_FILES = ("org.yaml", "roles.yaml", "values.yaml", "copy")


@dataclass(frozen=True)
class Contents:
    """All watched content of one process."""

    organisation: Watched[Organisation]
    directory: FileDirectory
    people: Watched[DirectoryRules]
    roster: Watched[None]
    rota: Watched[Rota | None]
    sla: Watched[Sla]
    gate: Watched[Gate]
    knowledge: Watched[Knowledge]
    lessons: Watched[Lessons]
    mail: Watched[Lexicon]
    candidates: Candidates
    register: Watched[Register]
    procedures: Watched[Procedures]
    partners: Watched[Mapping[str, Contract]]

    def watched(self) -> list[Watched[Any]]:
        return [self.organisation, self.people, self.roster, self.rota, self.sla, self.gate, self.knowledge, self.lessons,
                self.mail, self.register, self.procedures, self.partners]  # fmt: skip

    @property
    def search(self) -> Index:
        """The fitted index in use."""
        search = self.knowledge.current.search
        assert isinstance(search, IndexSearch)  # noqa: S101
        return search.index

    def faults(self) -> list[Fault]:
        """What is wrong with what lies on disk now (the last good versions are in use)."""
        return sorted({fault for item in self.watched() for fault in item.faults} | set(self.gate.current.faults))

    def poller(self, before: Callable[[], object]) -> Poller:
        """`before` brings the folder up to date first."""
        return Poller(self.watched(), before=before)


@dataclass(frozen=True)
class Beside:
    """What the database knows of answers and lessons, beside their files.

    `held`: what ships and is not in use; `over` takes it out of a library of answers; `lessons`: those of it by id, each
    "waiting" or "out". `proven`: whether the replica that published a file has tried it on the golden questions: to do so
    again on each would only take time.
    """

    held: Callable[[], object] = tuple
    over: Callable[[AnswerLibrary], AnswerLibrary] = lambda library: library
    lessons: Callable[[], Mapping[str, str]] = dict
    proven: Callable[[str], bool] = lambda _path: False


NOTHING = Beside()


def load_contents(
    overlay: Path | None,
    cache: Path | None,
    today: Callable[[], date],
    search: str,
    *,
    alone: bool = False,
    beside: Beside = NOTHING,
) -> Contents:
    """Load everything. `alone`: answers need no second person. `beside`: what the database knows of content.

    Raises `ContentError` only where nothing honest could stand in: org.yaml and people.yaml.
    """
    shelf, ours = packaged_shelf(overlay), packaged_shelf(None)
    encoders = _encoders(cache, search)
    directory = FileDirectory(overlay, lambda: _noon(today()))
    candidates = Candidates(lambda entries, generic, languages, previous: Index.fit(
        entries, cache=cache, generic=generic, encoders=previous.encoders, previous=previous, languages=languages
    ), cache)  # fmt: skip
    organisation = Watched(
        "organisation",
        lambda: kept(cache, "organisation", content(shelf, *ORG_FILES), Organisation, lambda: _organisation(shelf)),
        lambda: shelf.stamp(*ORG_FILES),
    )

    def org() -> Organisation:
        return organisation.current

    def people() -> DirectoryRules:
        said, rules = read_people(shelf, org())
        directory.replace(said, rules.merging)
        return rules

    def rota(strict: bool) -> Rota | None:
        faults = Faults()
        found = load_rota(shelf, faults, [person.id for person in directory.people()])
        if strict:
            faults.check()
        return replace(found, works_here=lambda who: directory.find(who) is not None) if found else None

    def knowledge(strict: bool) -> Knowledge:
        faults = Faults()
        vocabulary = answer_vocabulary(org(), gate.current.kinds, alone=alone)
        made_of = (*content(shelf, "answers", "search/wording.yaml"), names(*vars(vocabulary).values()))
        library = beside.over(answers_as_of(kept(
            cache, "library", made_of, AnswerLibrary,
            lambda: read_answers(shelf, vocabulary, faults, today=today(), cache=cache), lambda _made: not faults.found,
        ), today()))  # fmt: skip
        small, generic = load_smalltalk(shelf, faults), load_generic(shelf, faults)
        languages, hearing = _hearing(shelf, faults, org())
        if strict:
            faults.check()
        if faults.found:  # nothing good has been in use yet: what ships stands in for what is broken
            shipped = read_answers(ours, vocabulary, Faults(), today=today(), cache=cache)
            library, small, generic = (
                beside.over(_joined(library, shipped)),
                load_smalltalk(ours, Faults()),
                load_generic(ours),
            )
            languages, hearing = _hearing(ours, Faults(), org())
        if candidates.used is None:
            index = Index.fit(library, cache=cache, generic=generic, encoders=encoders(), languages=languages)
        else:
            index = candidates.index(library, generic, languages)
            if strict and (broken := candidates.broken(library, generic, languages, beside.proven)):
                raise ContentError(faults_of(broken, library, shelf))
        candidates.use(library, index, generic, languages)
        return Knowledge(library, IndexSearch(index), small, languages, hearing)

    def lessons(strict: bool) -> Lessons:
        faults = Faults()
        vocabulary = lesson_vocabulary(org(), knowledge_.current, gate.current.kinds, list(directory.people()))
        library = lessons_as_of(kept(
            cache, "lessons", (*content(shelf, "lessons", "learning"), names(*vars(vocabulary).values())), Lessons,
            lambda: read_lessons(shelf, vocabulary, faults, today=today()), lambda _made: not faults.found,
        ), today())  # fmt: skip
        if strict:
            faults.check()
        return _without(library, beside.lessons())

    people_ = Watched("people", people, lambda: (shelf.stamp("people.yaml", DIRECTORY), id(organisation.current)))
    roster = Watched("roster", directory.refresh, directory.stamp)
    rota_ = Watched(
        "on call", lambda: rota(True), lambda: (shelf.stamp("oncall.yaml"), tuple(p.id for p in directory.people())),
        lambda: rota(False),
    )  # fmt: skip
    sla = Watched(
        "targets", lambda: kept(cache, "targets", content(shelf, *contract_files.TARGET_FILES), Sla, lambda: _sla(shelf)),
        lambda: shelf.stamp(*contract_files.TARGET_FILES), lambda: _sla(ours),
    )  # fmt: skip
    gate = Watched("emergencies", lambda: open_gate(shelf, cache), lambda: shelf.stamp("emergencies"))
    knowledge_ = Watched(
        "answers", lambda: knowledge(True),
        lambda: (shelf.stamp("answers", "smalltalk.yaml", "search"), id(organisation.current), beside.held()),
        lambda: knowledge(False),
    )  # fmt: skip
    lessons_ = Watched(
        "lessons",
        lambda: lessons(True),
        lambda: (shelf.stamp("lessons", "learning"), beside.held()),
        lambda: lessons(False),
    )
    mail = Watched(
        "mail checks",
        lambda: kept(cache, "lexicon", content(shelf, "phishing", "phishing/wording"), Lexicon, lambda: load_lexicon(shelf)),
        lambda: shelf.stamp("phishing", "phishing/wording"), lambda: load_lexicon(ours),
    )  # fmt: skip
    register = Watched(
        "register", lambda: _register(shelf, org()), lambda: (shelf.stamp(REGISTER), id(organisation.current)), Register
    )
    return Contents(
        organisation, directory, people_, roster, rota_, sla, gate, knowledge_, lessons_, mail, candidates, register,
        procedure_files.watched(shelf, cache, organisation, gate, today, alone=alone),
        contract_files.watched(shelf, org, sla, directory),
    )  # fmt: skip


def _encoders(cache: Path | None, search: str) -> Callable[[], Encoders]:
    """The language models, loaded on a thread while YAML is read: half of it is hashing, and opening libraries."""
    if search == "words":
        return lambda: Encoders("words", ())
    pool = ThreadPoolExecutor(1, "models")
    loading = pool.submit(encoders_for, search, cache)
    pool.shutdown(wait=False)
    return loading.result


def lesson_told(contents: Contents, name: str, lang: str) -> tuple[str, str]:
    """Title and text of a lesson in a language; both empty if there is none."""
    lesson = contents.lessons.current.lessons.get(name)
    return (pick(lesson.title, lang), pick(lesson.body, lang)) if lesson else ("", "")


def _without(library: Lessons, unused: Mapping[str, str]) -> Lessons:
    """The lessons in which what waits is for review, and what was left out is retired."""
    held = {
        name: lesson.model_copy(update={"status": "review" if unused[name] == "waiting" else "retired"})
        for name, lesson in library.lessons.items()
        if name in unused and lesson.status == "published"
    }
    return replace(library, lessons={**library.lessons, **held}) if held else library


def _joined(library: AnswerLibrary, shipped: AnswerLibrary) -> AnswerLibrary:
    """A library with the shipped entries where its own are broken (an entry that is retired is there, and stays so)."""
    missing = shipped.entries.keys() - library.entries.keys()
    return replace(
        library,
        entries=dict(sorted({**library.entries, **{name: shipped.entries[name] for name in missing}}.items())),
        files={**library.files, **{name: shipped.files[name] for name in missing}},
        notes=(*library.notes, *(note for note in shipped.notes if note.entry in missing)),
        digest=library.digest + shipped.digest,
    )


def answer_vocabulary(org: Organisation, emergencies: Any, *, alone: bool = False) -> AnswerVocabulary:
    """The names that answers may use."""
    return AnswerVocabulary({*org.roles, "all"}, set(org.catalogue), set(emergencies), set(org.groups), alone=alone)


def lesson_vocabulary(
    org: Organisation, knowledge: Knowledge, emergencies: Collection[str], people: Collection[Person]
) -> LessonVocabulary:
    """The names that lessons may use."""
    return LessonVocabulary(
        roles={*org.roles, "all"}, placeholders=set(org.catalogue), answers=set(knowledge.library.entries),
        unset=set(org.unset()),
        emergencies=set(emergencies), people={person.name for person in people}, ids={person.id for person in people},
    )  # fmt: skip


def copy_words() -> Words:
    """The packaged words, for a command that runs before there is an organisation."""
    return load_words(packaged_shelf(), Faults())


def _organisation(shelf: Shelf) -> Organisation:
    faults = Faults()
    organisation = load_organisation(shelf, faults)
    faults.check()
    assert organisation is not None  # noqa: S101 (check() has raised otherwise)
    return organisation


def read_people(shelf: Shelf, org: Organisation) -> tuple[tuple[Said, ...], DirectoryRules]:
    """people.yaml, and how it is merged with what other sources say. Raises `ContentError`."""
    entities = {name.casefold(): key for key, entity in org.file.entities.items() for name in (key, entity.name)}
    file = org.file
    rules = load_rules(shelf, org.roles, org.desk_roles(), entities, file.language, file.timezone)
    return load_said(shelf, org.roles, file.entities), rules


def _noon(day: date) -> float:
    return datetime.combine(day, time(12), UTC).timestamp()


def _sla(shelf: Shelf) -> Sla:
    faults = Faults()
    targets = load_sla(shelf, faults)
    faults.check()
    assert targets is not None  # noqa: S101
    return targets


def _hearing(shelf: Shelf, faults: Faults, org: Organisation) -> tuple[Languages, Hearing]:
    """The small words of each language, and the others by which messages are told apart."""
    languages = load_languages(shelf, faults)
    return languages, load_hearing(shelf, faults, languages, tuple(org.words.by_language))


def _register(shelf: Shelf, org: Organisation) -> Register:
    faults = Faults()
    register = load_register(shelf, faults, sample=org.sample)
    faults.check()
    return register


def lint(overlay: Path | None, *, alone: bool = False) -> tuple[list[Fault], list[str], dict[str, int]]:
    """Every fault of every file, notes of what time has done, and how many of each kind there are. Nothing is fitted."""
    shelf, found, notes = packaged_shelf(overlay), set[Fault](), list[str]()
    counts: dict[str, int] = {}
    faults = Faults()
    org = load_organisation(shelf, faults)
    found.update(faults.found)
    if org is None:
        return sorted(found), notes, counts
    directory = FileDirectory(overlay)
    try:
        said, rules = read_people(shelf, org)
        directory.replace(said, rules.merging)
    except ContentError as error:
        found.update(error.faults)
    faults = Faults()
    load_rota(shelf, faults, [person.id for person in directory.people()])
    sla = load_sla(shelf, faults)
    notes += contract_files.lint(shelf, faults, sla, org, directory)
    load_retention(shelf, faults)
    small = load_smalltalk(shelf, faults)
    _hearing(shelf, faults, org)
    register = load_register(shelf, faults, sample=org.sample)
    gate = Gate(shelf)
    found.update(gate.faults)
    steps = {Path(file).stem for file, _, _ in shelf.folder(PROCEDURES)}
    named = replace(answer_vocabulary(org, gate.kinds, alone=alone), procedures=steps)
    answers = read_answers(shelf, named, faults)
    knowledge = Knowledge(answers, _NoSearch(), small)
    lessons = read_lessons(shelf, lesson_vocabulary(org, knowledge, gate.kinds, list(directory.people())), faults)
    procedures = read_procedures(shelf, procedure_files.vocabulary(org, gate.kinds, alone=alone), faults)
    try:
        load_lexicon(shelf)
    except ContentError as error:
        found.update(error.faults)
    found.update(faults.found)
    notes += [str(note) for note in (*answers.notes, *lessons.notes, *procedures.notes)]
    notes += [f"{register.file}: {note}" for note in register.notes(date.today())]
    notes += [f"org.yaml: {name} has no value; answers that need it say to ring the desk" for name in org.unset()]
    notes += [f"org.yaml: {name} is words, and not said in {', '.join(codes)}" for name, codes in org.unspoken()]
    counts = {"people": len(list(directory.people())), "answers": len(answers.entries), "lessons": len(lessons.lessons),
              "procedures": len(procedures.procedures),
              "emergencies": len(gate.kinds)}  # fmt: skip
    return sorted(found), notes, counts


class _NoSearch:
    """Lint fits nothing."""

    def judge(self, question: str, allowed: Any) -> Any:
        raise NotImplementedError
