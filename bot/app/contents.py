"""Everything that is loaded from YAML, each kind watched for edits; and `lint`, which reads all of it and says all faults."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from adapters.directories.file import FileDirectory, load_people
from bot.answering.answers import Judgement, Knowledge
from bot.answering.emergency import Gate
from bot.answering.emergency_kept import open_gate
from bot.answering.encoder import Encoders, load_encoders
from bot.answering.entries import Library as AnswerLibrary
from bot.answering.entries import Vocabulary as AnswerVocabulary
from bot.answering.knowledge import read_answers
from bot.answering.search import Index, decide, load_generic
from bot.answering.smalltalk import load_smalltalk
from bot.content import Faults, Shelf, packaged_shelf
from bot.errors import ContentError, Fault
from bot.helpdesk.oncall import Rota, load_rota
from bot.helpdesk.sla import Target, load_sla
from bot.learning.lessons import read_lessons
from bot.learning.shapes import Library as Lessons
from bot.learning.shapes import Vocabulary as LessonVocabulary
from bot.model import Severity
from bot.organisation import Organisation, Words, load_organisation, load_words
from bot.reload import Poller, Watched
from bot.reporting.lexicon import Lexicon, load_lexicon

ORG_FILES = ("org.yaml", "roles.yaml", "values.yaml", "copy")


@dataclass(frozen=True)
class Contents:
    """All watched content of one process."""

    organisation: Watched[Organisation]
    directory: FileDirectory
    people: Watched[None]
    rota: Watched[Rota | None]
    sla: Watched[Mapping[Severity, Target]]
    gate: Watched[Gate]
    knowledge: Watched[Knowledge]
    lessons: Watched[Lessons]
    mail: Watched[Lexicon]

    def watched(self) -> list[Watched[Any]]:
        return [self.organisation, self.people, self.rota, self.sla, self.gate, self.knowledge, self.lessons, self.mail]

    @property
    def search(self) -> Index:
        """The fitted index in use."""
        search = self.knowledge.current.search
        assert isinstance(search, IndexSearch)  # noqa: S101
        return search.index

    def faults(self) -> list[Fault]:
        """What is wrong with what lies on disk now (the last good versions are in use)."""
        return sorted({fault for item in self.watched() for fault in item.faults} | set(self.gate.current.faults))

    def poller(self) -> Poller:
        return Poller(self.watched())


def load_contents(overlay: Path | None, cache: Path | None, today: Callable[[], date], search: str) -> Contents:
    """Load everything. Raises `ContentError` only where nothing honest could stand in: org.yaml and people.yaml."""
    shelf, ours = packaged_shelf(overlay), packaged_shelf(None)
    directory = FileDirectory(overlay)
    fitted: list[Index] = []  # the last one: an edit starts from it
    organisation = Watched("organisation", lambda: _organisation(shelf), lambda: shelf.stamp(*ORG_FILES))

    def org() -> Organisation:
        return organisation.current

    def names() -> list[str]:
        return [person.name for person in directory.people()]

    def people() -> None:
        file = org().file
        directory.replace(load_people(shelf, org().roles, file.entities, file.language, file.timezone))

    def rota(strict: bool) -> Rota | None:
        faults = Faults()
        found = load_rota(shelf, faults, [person.id for person in directory.people()])
        if strict:
            faults.check()
        return replace(found, works_here=lambda who: directory.find(who) is not None) if found else None

    def knowledge(strict: bool) -> Knowledge:
        faults = Faults()
        vocabulary = answer_vocabulary(org(), gate.current.kinds)
        library = read_answers(shelf, vocabulary, faults, today=today(), cache=cache)
        small, generic = load_smalltalk(shelf, faults), load_generic(shelf, faults)
        if strict:
            faults.check()
        if faults.found:  # nothing good has been in use yet: what ships stands in for what is broken
            shipped = read_answers(ours, vocabulary, Faults(), today=today(), cache=cache)
            library, small, generic = _joined(library, shipped), load_smalltalk(ours, Faults()), load_generic(ours)
        previous = fitted[0] if fitted else None
        if previous:
            encoders = previous.encoders
        elif search == "words":
            encoders = Encoders("words", ())
        else:
            encoders = load_encoders(cache, light=search == "light")
        # an edit starts from what is in use, so that it is live within a second; the next start fits everything anew
        index = Index.fit(library, cache=cache, generic=generic, encoders=encoders, previous=previous)
        fitted[:] = [index]
        return Knowledge(library, IndexSearch(index), small)

    def lessons(strict: bool) -> Lessons:
        faults = Faults()
        library = read_lessons(
            shelf, lesson_vocabulary(org(), knowledge_.current, gate.current.kinds, names()), faults, today=today()
        )
        if strict:
            faults.check()
        return library

    people_ = Watched("people", people, lambda: (shelf.stamp("people.yaml"), id(organisation.current)))
    rota_ = Watched(
        "on call", lambda: rota(True), lambda: (shelf.stamp("oncall.yaml"), tuple(p.id for p in directory.people())),
        lambda: rota(False),
    )  # fmt: skip
    sla = Watched("targets", lambda: _sla(shelf), lambda: shelf.stamp("sla.yaml"), lambda: _sla(ours))
    gate = Watched("emergencies", lambda: open_gate(shelf, cache), lambda: shelf.stamp("emergencies"))
    knowledge_ = Watched(
        "answers", lambda: knowledge(True),
        lambda: (shelf.stamp("answers", "smalltalk.yaml", "search"), id(organisation.current)),
        lambda: knowledge(False),
    )  # fmt: skip
    lessons_ = Watched(
        "lessons", lambda: lessons(True), lambda: shelf.stamp("lessons", "learning"), lambda: lessons(False)
    )
    mail = Watched(
        "mail checks", lambda: load_lexicon(shelf), lambda: shelf.stamp("phishing"), lambda: load_lexicon(ours)
    )
    return Contents(organisation, directory, people_, rota_, sla, gate, knowledge_, lessons_, mail)


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


def answer_vocabulary(org: Organisation, emergencies: Any) -> AnswerVocabulary:
    """The names that answers may use."""
    return AnswerVocabulary({*org.roles, "all"}, set(org.catalogue), set(emergencies), set(org.groups))


def lesson_vocabulary(
    org: Organisation, knowledge: Knowledge, emergencies: Collection[str], people: Collection[str]
) -> LessonVocabulary:
    """The names that lessons may use."""
    return LessonVocabulary(
        roles={*org.roles, "all"}, placeholders=set(org.catalogue), answers=set(knowledge.library.entries),
        unset=set(org.unset()),
        emergencies=set(emergencies), people=set(people),
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


def _sla(shelf: Shelf) -> Mapping[Severity, Target]:
    faults = Faults()
    targets = load_sla(shelf, faults)
    faults.check()
    assert targets is not None  # noqa: S101
    return targets


def lint(overlay: Path | None) -> tuple[list[Fault], list[str], dict[str, int]]:
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
        directory.replace(load_people(shelf, org.roles, org.file.entities, org.file.language, org.file.timezone))
    except ContentError as error:
        found.update(error.faults)
    faults = Faults()
    load_rota(shelf, faults, [person.id for person in directory.people()])
    load_sla(shelf, faults)
    small = load_smalltalk(shelf, faults)
    gate = Gate(shelf)
    found.update(gate.faults)
    answers = read_answers(shelf, answer_vocabulary(org, gate.kinds), faults)
    knowledge = Knowledge(answers, _NoSearch(), small)
    lessons = read_lessons(
        shelf, lesson_vocabulary(org, knowledge, gate.kinds, [person.name for person in directory.people()]), faults
    )
    try:
        load_lexicon(shelf)
    except ContentError as error:
        found.update(error.faults)
    found.update(faults.found)
    notes += [str(note) for note in (*answers.notes, *lessons.notes)]
    notes += [f"org.yaml: {name} has no value; answers that need it say to ring the desk" for name in org.unset()]
    counts = {"people": len(list(directory.people())), "answers": len(answers.entries), "lessons": len(lessons.lessons),
              "emergencies": len(gate.kinds)}  # fmt: skip
    return sorted(found), notes, counts


class IndexSearch:
    """`bot.answering.answers.Searcher` over a fitted index."""

    def __init__(self, index: Index) -> None:
        self.index = index

    def judge(self, question: str, allowed: Collection[str]) -> Judgement:
        ranking = self.index.rank(question, allowed)
        ids = tuple(candidate.id for candidate in ranking.candidates[:10])
        return Judgement(decide(ranking), ids, ranking.p1)


class _NoSearch:
    """Lint fits nothing."""

    def judge(self, question: str, allowed: Any) -> Any:
        raise NotImplementedError
