"""The gate of golden questions for `secdesk lint`: what answers of one's own do to those that ship, and to themselves.

What ships is fitted as it is, then with the organisation's folder over it, as an edit would be. Nothing is fitted where the
folder changes nothing that the search sees.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.answering.emergency_book import load as emergencies
from bot.answering.encoder import encoders_for
from bot.answering.golden import changed, faults_of, goldens
from bot.answering.knowledge import read_answers
from bot.answering.languages import load_languages
from bot.answering.search import Index, load_generic
from bot.app.candidates import Candidates
from bot.app.contents import answer_vocabulary
from bot.content import Faults, packaged_shelf
from bot.errors import Fault
from bot.organisation import load_organisation
from bot.settings import Settings


@dataclass(frozen=True)
class Asked:
    """How many golden questions were asked, and those that the organisation's own answers break."""

    number: int = 0
    faults: tuple[Fault, ...] = ()


def ask_golden(settings: Settings) -> Asked:
    """Ask them. For files without faults: where there are some, nothing is asked."""
    shelf, ours, faults = packaged_shelf(settings.overlay), packaged_shelf(None), Faults()
    org = load_organisation(shelf, faults)
    if org is None:
        return Asked()
    vocabulary = answer_vocabulary(org, tuple(emergencies(shelf).kinds), alone=not settings.approval)
    library, shipped = read_answers(shelf, vocabulary, faults), read_answers(ours, vocabulary, Faults())
    if faults.found or not changed(shipped, library):
        return Asked()
    cache = settings.data / "cache" if settings.data.is_dir() else None
    encoders = encoders_for(settings.search, cache)
    generic, languages = load_generic(shelf), load_languages(shelf)
    index = Index.fit(shipped, cache=cache, generic=generic, encoders=encoders, languages=languages)
    candidates = Candidates(
        lambda entries, lines, spoken, previous: Index.fit(
            entries, cache=cache, generic=lines, encoders=previous.encoders, previous=previous, languages=spoken
        ),
        cache,
    )
    candidates.use(shipped, index, generic, languages)
    found = candidates.broken(library, generic, languages)
    return Asked(sum(1 for _ in goldens(library)), tuple(sorted(set(faults_of(found, library, shelf)))))
