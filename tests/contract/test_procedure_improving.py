"""After a run: which step was slow or wrong, what its owner decides, and figures of steps that rank nobody. On both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.app.contents import Contents
from bot.cards import Card, as_text, pressables
from bot.errors import NotFound, Refused
from bot.ports import Db
from bot.procedures.evidence import Evidence
from bot.procedures.improving import Proposal
from bot.procedures.statistics import figures
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, INES, SAM, House
from tests.fakes.procedures import DAILY, TAKEOVER, with_procedures

contents, home = fakes.contents, fakes.home


@pytest.fixture
def house(db: Db, home: Path, contents: Contents) -> Iterator[House]:
    made = House(home, db, with_procedures(contents, home / "own", takeover=TAKEOVER, daily=DAILY))
    for who in (SAM, INES):
        made.say(who, "hello")
    yield made
    made.close()


def finish(house: House, who: str = INES, seconds: float = 60.0) -> str:
    """A run of the procedure from start to end by one person; its id."""
    runs, by = house.app.procedures.runs, house.analyst(who)
    run = house.app.work(lambda work: runs.start(work, "takeover", by))
    for verb, given in (("done", Evidence("text", "Revoked.")), ("answer", "no"), ("done", None)):
        house.clock.forward(seconds)
        now = runs.get(run.id)
        house.app.work(
            lambda work, at=now, do=verb, last=given: getattr(runs, do)(work, at.id, at.step, at.step_seq, by, last)
        )
    house.settle()
    return run.id


def card_with(house: House, who: str, label: str) -> Card:
    """The latest card of somebody with such a button."""
    return next(card for card in reversed(house.posts(who)) if any(label in b.label for b in pressables(card)))


def proposed(house: House, words: str = "Say which console to use.") -> Proposal:
    """Ines runs it, is asked, chooses the first step and says what should be different."""
    finish(house)
    form = house.press_label(INES, card_with(house, INES, "None of them"), "1. Revoke the sessions.").card
    button = next(block for block in form.blocks if hasattr(block, "submit"))
    said = house.press(INES, button.action, button.value, form={"text": words})
    assert "Thank you" in as_text(said.card)
    house.settle()
    (row,) = house.app.procedures.improving.store.listed()
    return Proposal(**row)


def test_whoever_ends_a_run_is_asked_once(house: House) -> None:
    finish(house)
    house.settle()
    cards = [card for card in house.posts(INES) if "Which step was slow or wrong?" in as_text(card)]
    assert len(cards) == 1
    labels = [button.label for button in pressables(cards[0])]
    assert labels == [
        "1. Revoke the sessions.",
        "2. Was it an administrator?",
        "4. Ring +49 30 5550 0000.",
        "None of them",
    ]
    assert "Nothing is changed" in as_text(house.press_label(INES, cards[0], "None of them").card)
    assert house.count("procedure_proposal") == 0
    assert "Which step" not in house.told(SAM)


def test_the_owner_accepts_and_the_author_hears_of_it(house: House) -> None:
    proposal = proposed(house)
    assert (proposal.step, proposal.text, proposal.version, proposal.state) == (
        "revoke",
        "Say which console to use.",
        3,
        "open",
    )
    card = card_with(house, SAM, "Accept")
    assert "Ines Brandt proposes a change to “Account taken over” after RUN-1." in as_text(card)
    assert "Accepted" in as_text(house.press_label(SAM, card, "Accept").card)
    house.settle()
    assert "Sam Ortiz has accepted your proposal for “Account taken over”." in house.told(INES)
    improving = house.app.procedures.improving
    assert improving.get(proposal.id).decided_by == house.key(SAM)
    assert improving.waiting(improving.get(proposal.id))
    assert "decided already" in as_text(house.press_label(SAM, card, "Accept").card)
    assert [row for row in house.audited() if "propose" in row] == ["procedure.propose", "procedure.propose_accept"]


def test_the_owner_declines_with_a_reason(house: House) -> None:
    proposal = proposed(house)
    form = house.press_label(SAM, card_with(house, SAM, "Accept"), "Decline").card
    button = next(block for block in form.blocks if hasattr(block, "submit"))
    assert "Say why" in as_text(house.press(SAM, button.action, button.value, form={"text": " "}).card)
    house.press(SAM, button.action, button.value, form={"text": "It is in the next version."})
    house.settle()
    assert "It is in the next version." in house.told(INES)
    assert house.app.procedures.improving.get(proposal.id).state == "declined"


def test_typed_words_answer_the_question_too(house: House) -> None:
    finish(house)
    house.press_label(INES, card_with(house, INES, "None of them"), "4. Ring +49 30 5550 0000.")
    assert "Thank you" in as_text(house.say(INES, "Nobody answers that number.").card)
    (row,) = house.app.procedures.improving.store.listed(run="RUN-1")
    assert (row["step"], row["text"]) == ("tell", "Nobody answers that number.")
    assert "Thank you" not in as_text(house.say(INES, "Is this email real?").card)


def test_others_decide_nothing_and_propose_nothing(house: House) -> None:
    proposal = proposed(house)
    improving = house.app.procedures.improving
    for verb in ("accept", "decline"):
        assert "owner decides" in as_text(house.press(INES, f"improve.{verb}", proposal.id, form={"text": "no"}).card)
    assert improving.get(proposal.id).state == "open"
    assert "no part" in as_text(house.press(DANA, "improve.say", "RUN-1:revoke", form={"text": "x"}).card)
    ines = house.analyst(INES)
    with pytest.raises(NotFound):
        house.app.work(lambda work: improving.propose(work, "RUN-1", "nothing", ines, "x"))
    for words in ("", "x" * 1_001):
        with pytest.raises(Refused):
            house.app.work(lambda work, said=words: improving.propose(work, "RUN-1", "", ines, said))
    assert house.count("procedure_proposal") == 1


def test_a_pasted_secret_is_not_kept_and_forgetting_takes_proposals(house: House) -> None:
    proposal = proposed(house, "my password is Tr0ub4dor&3xyz, Sam Ortiz knows")
    assert "Tr0ub4dor" not in proposal.text
    assert house.app.procedures.improving.store.open_counts() == {"takeover": 1}
    house.app.forget(SAM)
    assert "Sam Ortiz" not in house.app.procedures.improving.get(proposal.id).text
    house.app.forget(INES)
    assert house.count("procedure_proposal") == 0


def test_the_trail_is_what_figures_are_made_of(house: House) -> None:
    for seconds in (60.0, 120.0):
        finish(house, seconds=seconds)
    procedures = house.app.procedures
    procedure = house.app.contents.procedures.current.procedures["takeover"].procedure
    count, found = figures(procedure, procedures.trail, house.clock.now())
    assert (count, {one.step: one.visits for one in found}) == (
        2, {"revoke": 2, "was-admin": 2, "second": 0, "tell": 2, "partner": 0},
    )  # fmt: skip
    assert not any(one.shown for one in found)
    assert procedures.trail.trail("takeover", house.clock.now() + 1, 9) == []
    assert {row["run"] for row in procedures.trail.trail("takeover", 0.0, 1)} == {"RUN-2"}
