"""The cards of a run in Slack and in Teams: golden files, what both platforms take, and what text from outside can do.

`python -m tests.unit.test_procedure_cards` writes the golden files anew (look at the difference before you commit it).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from adapters.channels.slack_blocks import messages
from adapters.channels.teams_cards import adaptive_cards
from bot.cards import Card, as_text
from bot.content import Faults, packaged_shelf, parse, read
from bot.model import Person
from bot.organisation import load_organisation
from bot.procedures.crew import Crew
from bot.procedures.shapes import Procedure
from bot.procedures.state import Run
from bot.procedures.stepcards import StepCards
from tests.fakes.cards import HOSTILE
from tests.fakes.procedures import TAKEOVER
from tests.fakes.slack_checks import message_faults
from tests.fakes.teams_cards import faults

GOLDEN = Path(__file__).parent.parent / "golden" / "procedures"
SAM = Person("sam.ortiz", "Sam Ortiz", roles=frozenset({"it_helpdesk"}), key="p_sam")
INES = Person("ines.brandt", "Ines Brandt", roles=frozenset({"it_helpdesk"}), key="p_ines", language="de")
STARTED = 1_900_000_000.0


class Names:
    """The two people, as `Identities` names them."""

    def name(self, key: str) -> str:
        return {"p_sam": "Sam Ortiz", "p_ines": "Ines Brandt"}.get(key, key)


@cache
def cards() -> StepCards:
    organisation = load_organisation(packaged_shelf(), Faults())
    assert organisation is not None
    crew = Crew(Names(), lambda: organisation, lambda _at: (), lambda _key: None)  # type: ignore[arg-type]
    return StepCards(lambda: organisation, crew)


def procedure(text: str = TAKEOVER) -> Procedure:
    document = parse("takeover.yaml", text.encode(), Faults())
    made = read(Procedure, document, Faults()) if document else None
    assert made is not None
    return made


def run(step: str, state: str = "running", ticket: str = "SEC-142") -> Run:
    return Run(
        "RUN-7", 7, "takeover", 3, "0" * 64, "ticket", "", ticket, "p_sam", STARTED, STARTED + 3600, state, step, 4, STARTED,
        "p_sam" if step else "", 4, "0" * 64, ended_at=STARTED + 1500,
    )  # fmt: skip


AT, VALUE = STARTED + 12 * 60, "RUN-7:revoke:4"
SAMPLES: dict[str, Callable[[], Card]] = {
    "step": lambda: cards().step(run("revoke"), procedure(), SAM, AT, acts=True, said="RUN-7 has begun."),
    "question": lambda: cards().step(run("was-admin"), procedure(), SAM, AT, acts=True),
    "second-person-german": lambda: cards().step(run("second"), procedure(), INES, AT, acts=True),
    "looking-on": lambda: cards().step(run("tell", ticket=""), procedure(), SAM, AT, acts=False),
    "evidence": lambda: cards().asks(run("revoke"), procedure(), "en", "evidence", VALUE),
    "why-cannot": lambda: cards().asks(run("revoke"), procedure(), "fr", "why_cannot", VALUE),
    "why-skip": lambda: cards().asks(run("revoke"), procedure(), "es", "why_skip", VALUE),
    "hand-over": lambda: cards().hand(run("revoke"), procedure(), "en", VALUE, [INES]),
    "follower": lambda: cards().told(
        run("was-admin"), procedure(), SAM, "Ines Brandt did step 1 of 5: Revoke the sessions."
    ),
    "over": lambda: cards().over(run("", "done"), procedure(), SAM, ""),
    "offer": lambda: cards().offer(procedure(), SAM, "SEC-142", AT + 200 * 86_400.0),
    "list": lambda: cards().listed(SAM, [(run("revoke"), procedure())], [procedure()]),
}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("platform", ["slack", "teams"])
def test_golden(platform: str, name: str) -> None:
    assert json.loads((GOLDEN / f"{platform}-{name}.json").read_text("utf-8")) == made(platform, name)


def test_no_golden_file_is_left_over() -> None:
    expected = {f"{platform}-{name}" for platform in ("slack", "teams") for name in SAMPLES}
    assert expected == {path.stem for path in GOLDEN.glob("*.json")}


@pytest.mark.parametrize("name", SAMPLES)
def test_both_platforms_take_it(name: str) -> None:
    assert [] == [fault for message in made("slack", name) for fault in message_faults(message, ())]
    assert [] == [fault for adaptive in made("teams", name) for fault in faults(adaptive)]


def test_hostile_words_in_a_procedure_stay_words() -> None:
    text = TAKEOVER.replace('"Revoke the sessions."', json.dumps(HOSTILE)).replace(
        '"Account taken over"', json.dumps(HOSTILE[:60])
    )
    card = cards().step(run("revoke"), procedure(text), SAM, AT, acts=True, said=HOSTILE)
    assert HOSTILE in as_text(card)
    slack = json.dumps(messages(card, {}))
    assert [found for found in ("<!channel>", "<@U123>", "<https://evil") if found in slack] == []
    assert [fault for adaptive in adaptive_cards(card) for fault in faults(adaptive)] == []


def test_a_procedure_of_sixty_steps_and_eight_options_of_the_longest_labels_fits() -> None:
    label = json.dumps("x" * 60)
    options = "\n".join(f"      - {{id: o{i}, label: {{en: {label}}}, go: end}}" for i in range(8))
    question = f'  - id: was-admin\n    ask: {{en: "{"long " * 230}"}}\n    options:\n{options}\n'
    head, _, _ = TAKEOVER.partition("steps:\n")
    made_ = procedure(head + "steps:\n" + question)
    card = cards().step(run("was-admin"), made_, SAM, AT, acts=True)
    assert [] == [fault for message in messages(card, {}) for fault in message_faults(message, ())]
    assert [] == [fault for adaptive in adaptive_cards(card) for fault in faults(adaptive)]


def made(platform: str, name: str) -> Any:
    """What a platform gets."""
    card = SAMPLES[name]()
    return messages(card, {}) if platform == "slack" else adaptive_cards(card)


if __name__ == "__main__":
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for one in ("slack", "teams"):
        for sample in SAMPLES:
            content = json.dumps(made(one, sample), indent=1, ensure_ascii=False)
            (GOLDEN / f"{one}-{sample}.json").write_text(content + "\n", "utf-8")
