"""The cards that people really get, as files: `python -m tests.e2e.teams.shipped FOLDER`.

A whole conversation with employees and the desk on the fake platform, and every answer, emergency and lesson in one of its
languages. The browser test shows them in the official renderer.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

from adapters.channels.teams_cards import adaptive_cards
from bot.app import App
from bot.cards import Card
from bot.learning.planner import Decision
from bot.learning.wording import INTENTS, lesson_card
from tests.fakes.teams import Json, running
from tests.fakes.teams_app import DESK, Driver, buttons, make, run, shared_contents
from tests.unit.test_teams_cards import real_cards

LANGUAGES = ("en", "de", "fr", "es")


def main() -> int:
    """Write them; how many there are."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.json"):
        old.unlink()
    talked, lessons = talk()
    cards = {f"talk-{i:02}": [card] for i, card in enumerate(talked)}
    for kind, neutral in (("ship", real_cards()), ("lesson", lessons)):
        cards |= {f"{kind}-{i:03}": adaptive_cards(card) for i, card in enumerate(neutral)}
    for name, parts in cards.items():
        (folder / f"{name}.json").write_text(json.dumps(parts, ensure_ascii=False), "utf-8")
    print(f"{len(cards)} cards in {folder}")
    return 0


def talk() -> tuple[list[Json], list[Card]]:
    """(what came in at the platform, each card once; the lessons)."""
    with tempfile.TemporaryDirectory() as folder, running() as teams:
        home = Path(folder)
        app = make(home, teams, shared_contents(home, home / "cache"))
        try:
            run(app, teams, conversation)
            lessons = list(lesson_cards(app))
        finally:
            app.close()
        now = [body["attachments"][0]["content"] for body in teams.messages.values() if body.get("attachments")]
        return list({_mark(card): card for card in teams.cards() + now}.values()), lessons


def lesson_cards(app: App) -> Iterator[Card]:
    """Each lesson as it is sent, in one of its languages."""
    org, lessons = app.organisation(), app.contents.lessons.current.lessons
    for number, lesson in enumerate(lessons.values()):
        chosen = Decision("p_1", lesson.id, language=LANGUAGES[number % 4])
        yield lesson_card(lesson, chosen, "n1", org.values("uk"), org.words, INTENTS)[0]


async def conversation(t: Driver) -> None:
    """Employees, reports, an emergency, a tip, and the desk."""
    await t.send(t.teams.installed())
    for text in (
        "hello",
        "help",
        "privacy",
        "my tickets",
        "how do I report a phishing mail?",
        "vpn",
        "what about the weather",
    ):
        await t.send(t.teams.message(text))
    for title in ("Why this answer?", "Solved", "Talk to a person"):
        await pressed(t, title)
    await reported(t)
    for text in ("I clicked the link and entered my password", "my password is Hunter2!Blue", "talk to a person"):
        await t.send(t.teams.message(text))
    t.app.nudge_send(now=True)
    await t.drain()
    await t.drain()
    await at_the_desk(t)


async def pressed(t: Driver, title: str) -> None:
    """The newest button of this name."""
    for name, body in reversed(t.teams.messages.items()):
        card = body["attachments"][0]["content"] if body.get("attachments") else {}
        if title in buttons(card):
            await t.send(t.teams.press(buttons(card)[title], name))
            return


async def reported(t: Driver) -> None:
    """A mail as a file, its verdict, and a reporter who sees it differently."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "PayPal <it@paypa1.example>", "dana@northwind.example", "Your account"
    mail.set_content("Your account is closed. Confirm your password at http://paypa1.example/login today.")
    t.teams.files["odd.eml"] = mail.as_bytes()
    kind = "application/vnd.microsoft.teams.file.download.info"
    sent = {"contentType": kind, "name": "odd.eml", "content": {"downloadUrl": f"{t.teams.base}/files/odd.eml"}}
    await t.send(t.teams.message("", attachments=[sent]))
    await t.drain("reporting.analyse")
    await t.drain("delivery.send")
    await pressed(t, "I see it differently")


async def at_the_desk(t: Driver) -> None:
    """Claim, answer and resolve what is there."""
    for title in ("Claim", "Resolve"):
        for name, body in list(t.teams.messages.items()):
            card = body["attachments"][0]["content"] if body.get("attachments") else {}
            if title in buttons(card) and "·" in str(card):
                await t.send(t.teams.in_channel(t.teams.press(buttons(card)[title], name, "sam.ortiz"), DESK, name))
                await t.drain()


def _mark(card: Json) -> str:
    return hashlib.sha256(json.dumps(card, sort_keys=True).encode()).hexdigest()


if __name__ == "__main__":
    raise SystemExit(main())
