"""One sample of every kind of card, and every card that the packaged content can make."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any

from bot.answering.answer_card import answer_card
from bot.answering.emergency import Gate
from bot.answering.knowledge import read_answers
from bot.app.contents import answer_vocabulary
from bot.cards import Button, Buttons, Card, Choices, Facts, Input, Link, Steps, Text
from bot.content import Faults, packaged_shelf
from bot.learning.footers import line
from bot.learning.migration import Step
from bot.learning.switchover import step_card
from bot.learning.wording import later_card
from bot.organisation import Organisation, load_organisation

HOSTILE = "<!channel> <@U123> <https://evil.example|our bank> & *bold* `x` > \u202egnp.exe\u200b @here"


def b(label: str, action: str, value: str = "", style: Any = "plain") -> Button:
    """A button."""
    return Button(label, action, value, style)


CONSOLE = "https://desk.northwind.example/console"
OURS = re.compile(
    r"https?://(?:desk\.northwind\.example|127\.0\.0\.1(?::\d+)?)/console/[\w./?=&%-]+"
)  # pages that may be linked
WHAT = (
    "Clicked only",
    "Typed my password",
    "Approved a prompt",
    "Opened a file",
    "Sent money",
    "Sent data",
    "Not sure",
)

SAMPLES: dict[str, Card] = {
    "answer": Card(
        "Is this mail real?",
        (
            Text("Look at the address behind the name, not at the name. In doubt ring +49 30 5550100."),
            Steps(("Hold the pointer over the link.", "Compare it with the real address.", "Report it if it differs.")),
            Steps(("Reply to it.", "Ring a number in it."), "Do not", ordered=False),
            Text("This is urgent, so a person will look too: SEC-142.", "strong"),
            Text("This answer is past its review date (2026-11-20).", "muted"),
            Buttons((b("Report a mail", "reporting.start", "real"), b("Talk to a person", "tickets.person", "real"),
                     b("Solved", "answering.solved", "q1"), b("Did not help", "answering.unhelpful", "q1"),
                     b("Why this answer?", "answering.why", "is-this-mail-real"))),
        ),
        "answer",
    ),
    "did-you-mean": Card(
        "",
        (
            Choices("I am not sure. Did you mean one of these?", (
                b("Is this mail real?", "answering.ask", "a"),
                b("Somebody rang me and says they are from our bank, what now?", "answering.ask", "b"),
                b("None of these", "answering.none", "mail from bank"))),
            Text("If none fits, I will get a person.", "muted"),
        ),
        "question",
    ),
    "emergency": Card(
        "You did right to tell us. Help is on the way (SEC-142).",
        (
            Text("Nobody could be reached by phone yet.", "strong"),
            Steps(("Stop using that page. Close it.", "Press Deny on any sign-in prompt.", "Leave the computer on.")),
            Buttons((b("Call me now", "emergency.call", "SEC-142", "danger"), b("It is worse", "emergency.worse", "SEC-142"))),
            Choices("What happened?", tuple(
                b(label, "emergency.answer", f"SEC-142:what:{i}") for i, label in enumerate(WHAT))),
        ),
        "emergency",
    ),
    "confirm": Card(
        "Did this just happen to you?",
        (Buttons((b("Yes, help me now", "emergency.yes", "clicked", "danger"), b("No, just asking", "emergency.no"))),),
        "question",
    ),
    "quiz": Card(
        "A call from the bank",
        (
            Text("Somebody rings and knows your name and your account."),
            Choices("What do you do?", (
                b("Hang up and ring the number on my card", "learning.answer", "n1:a"),
                b("Answer the security questions", "learning.answer", "n1:b"))),
            Buttons((b("Later", "learning.later", "n1"), b("Less often", "learning.less", "n1"),
                     b("Stop tips", "learning.stop", "n1"), b("Why me?", "learning.why", "n1"),
                     b("Not useful", "learning.useless", "n1"))),
        ),
        "question", private=True,
    ),
    "receipt": Card("", (Text("Got it: SEC-143. We are checking “invoice.eml” now. You will hear here soon."),), "done"),
    "verdict": Card(
        "Your report SEC-143",
        (
            Text("This is very likely phishing.", "strong"),
            Text("Do not click, reply or pay. Leave it; the team takes it from here."),
            Steps(("The sender is paypa1[.]example, which only looks like paypal.",), "What I saw", ordered=False),
            Text("Could not be checked: links.", "muted"),
            Buttons((b("It has already happened", "emergency.start", "clicked", "danger"),
                     b("I see it differently", "reporting.dispute", "SEC-143"))),
        ),
        "warning",
    ),
    "person": Card(
        "SEC-144 is with the security team",
        (
            Text("You will hear by 14:30, here in this chat. Write here what they should know."),
            Text("If it gets urgent, ring +49 30 5550100.", "muted"),
            Buttons((b("Ask something else", "tickets.leave", "SEC-144"), b("My tickets", "tickets.mine"))),
        ),
        "done",
    ),
    "desk-reply": Card(
        "",
        (
            Text("Sam Ortiz wrote on SEC-144:"),
            Text("Please send us the mail as a file.\nThen delete it.", "quote"),
            Buttons((b("Ask something else", "tickets.leave", "SEC-144"), b("My tickets", "tickets.mine"))),
        ),
        "desk",
    ),
    "desk": Card(
        "SEC-142 · S3 · I clicked a link",
        (
            Facts((("From", "Dana Reyes"), ("State", "Waiting for a person"), ("Held by", "Nobody yet"),
                   ("With", "Brightwell Managed Security"), ("Answer by", "14:30"))),
            Text("I clicked on *this* <https://evil.example|link> <!channel>", "quote"),
            Input("text", "Reply to Dana", "desk.reply", "Reply", "SEC-142"),
            Buttons((b("Claim", "desk.claim", "SEC-142", "primary"), b("Resolve", "desk.resolve", "SEC-142"),
                     b("Take back to us", "desk.hand", "SEC-142:"),
                     b("Make it S2", "desk.severity", "SEC-142:S2"), b("Make it S1", "desk.severity", "SEC-142:S1"))),
            Text("Write in the thread to answer; start with note: to keep it inside.", "muted"),
        ),
        "emergency",
    ),
    "partner-pulse": Card(
        "",
        (
            Text("Five short questions about the work with Brightwell Managed Security."),
            Text("Answers are kept under a code, without your name, and shown once there are at least 4.", "muted"),
            Choices("1 of 5: They answer fast enough.", tuple(
                b(label, "partner.pulse", f"brightwell:2026-Q4:{mark}")
                for mark, label in enumerate(("1 not at all", "2", "3", "4", "5 fully"), 1))),
        ),
        "question",
    ),
    "partner-action": Card(
        "",
        (
            Text("ACT-7 is yours and due on 2026-12-01. Is it done?", "strong"),
            Text("Send the list of *held-back* suppliers <!channel>", "quote"),
            Input("text", "What shows that it is done?", "partner.done", "It is done", "ACT-7"),
        ),
        "question",
    ),
    "partner-report": Card(
        "Brightwell Managed Security, report for 2026-11",
        (
            Facts((("Promises kept", "93.8 % (15/16)"), ("Target", "95 %"), ("Breaches", "1"), ("Open actions", "2"))),
            Text("The whole report, also as PDF, is in the console, under “Partners”."),
            Buttons((b("Show it again", "partner.report", "brightwell:2026-11"),)),
        ),
        "desk",
    ),
    "tickets": Card(
        "Your tickets",
        (Facts(tuple((f"SEC-{n}", f"Waiting for a person · Question {n}") for n in range(100, 114))),),
    ),
    "secret": Card(
        "It looks like you shared a password",
        (
            Text("I have not kept it. Please delete your message: I cannot."),
            Choices("Was it a real one?", (b("Yes, help me change it", "emergency.secret_yes", "password"),
                                            b("No", "emergency.secret_no"))),
        ),
        "warning", private=True,
    ),
    "german": Card(
        "Ist diese E-Mail echt? Prüfen Sie zuerst die Absenderadresse & den Betreff",
        (
            Text("Größe über Geschwindigkeit: nehmen Sie sich eine Minute."),
            Buttons((b("Mit einem Menschen sprechen", "tickets.person"),)),
        ),
        lang="de",
    ),
    "hostile": Card(
        HOSTILE,
        (
            Text(HOSTILE), Text(HOSTILE, "strong"), Text(HOSTILE, "muted"), Text(f"{HOSTILE}\n> {HOSTILE}", "quote"),
            Facts(((HOSTILE, HOSTILE),)), Steps((HOSTILE,), HOSTILE), Buttons((b(HOSTILE, "a.b", HOSTILE),)),
            Choices(HOSTILE, (b(HOSTILE, "a.c", HOSTILE), b("x", "a.c", "2"))), Input("text", HOSTILE, "a.d", "Send", HOSTILE),
        ),
    ),
    "words-only": Card("", (Text("You have no tickets."),)),
    "long": Card(
        "A very long conversation " * 9,
        (
            Text("One sentence of a long story. " * 260),
            Steps(tuple(f"Step {n} of many, with words that explain it. " * 3 for n in range(60))),
            Facts(tuple((f"Fact {n}", "value " * 30) for n in range(25))),
            Text("\n".join(f"> quoted line {n}" for n in range(400)), "quote"),
            Choices("Which?", tuple(b(f"Option {n} with a rather long label indeed", "a.b", str(n)) for n in range(60))),
            Buttons((b("Done", "a.c"),)),
        ),
    ),
    "report-case": Card(
        "SEC-143 · S2 · Reported mail: Your mailbox is full",
        (
            Facts((("From", "Dana Reyes"), ("State", "Waiting for a person"))),
            Buttons((b("Claim", "desk.claim", "SEC-143", "primary"), b("Resolve", "desk.resolve", "SEC-143"))),
            Link("Open SEC-143 in the console", f"{CONSOLE}/tickets/SEC-143"),
            Link("Look at the mail in the console", f"{CONSOLE}/mail/{'0f' * 32}"),
        ),
        "desk",
    ),
    "page": Card(
        "SEC-142 needs somebody now",
        (
            Text("Password typed into a false page. Reported by Dana Reyes.", "strong"),
            Buttons((b("I have it", "oncall.ack", "c1", "primary"), b("Pass it on", "oncall.pass", "c1"))),
            Link("Open SEC-142 in the console", f"{CONSOLE}/tickets/SEC-142"),
        ),
        "emergency",
    ),
    "run": Card(
        "RUN-7 · Account compromised",
        (
            Text("Step 3 of 9 · 12 min · Sam Ortiz", "muted"), Text("Sign the account out everywhere.", "strong"),
            Buttons((b("Done", "procedure.done", "RUN-7:revoke:4", "primary"),)),
            Link("Open RUN-7 in the console", f"{CONSOLE}/runs/RUN-7"),
        ),
        "desk",
    ),
    "review": Card(
        "Is this still right?",
        (
            Text("“Is this mail real?” is due for a look on 2026-12-01."), Text("Look at the address.", "quote"),
            Buttons((b("Still right", "authoring.still", "real-or-phishing:2026-12-01", "primary"),)),
            Link("Open the answer in the console", f"{CONSOLE}/knowledge/real-or-phishing"),
        ),
        "question",
    ),
    "links-elsewhere": Card("", (
        Link("Sign in | <here>", "https://evil.example/sign-in"), Link("No", "javascript:alert(1)//x/console"),
        Link("*Two* <words> & [more](x)", "https://desk.northwind.example/console/queue?state=open&mine=1"),
        Link("User", "https://desk@evil.example/console"),
        Link("Elsewhere", "https://evil.example/|https://x/console"), Link("None", ""),
    )),
    "empty": Card("", ()),
    "blank": Card(" ", (Text("  "), Facts((("Label", ""),)), Steps((), ""), Buttons((b("", "a.b"),)))),
}  # fmt: skip


@cache
def organisation() -> Organisation:
    """The packaged sample organisation."""
    faults = Faults()
    org = load_organisation(packaged_shelf(None), faults)
    faults.check()
    assert org is not None
    return org


# cards that the learning pillar makes
_MOVE = Step(
    days=0, title={"en": "Your mail is on the new protection system"},
    text={"en": "The switch was planned for {day}. Held-back mail is in the new quarantine. Ring {helpdesk_phone} in doubt."},
)  # fmt: skip
SAMPLES |= {
    "tip-when": later_card("n1", organisation().words, "en"),
    "tip-when-german": later_card("n1", organisation().words, "de"),
    "tip-footer": replace(
        SAMPLES["answer"],
        blocks=(
            *SAMPLES["answer"].blocks,
            *line("ai-tools-and-data", "Before you paste it into an AI tool", organisation().words, "en"),
        ),
    ),
    "migration": step_card(
        _MOVE, date(2030, 3, 20), "en", {"helpdesk_phone": "+49 30 5550100"}, organisation().words,
        Card("Where is my old quarantine?", (Text("It stays open until the end of the month."),), "answer", "old-quarantine"),
    ),
}  # fmt: skip


def packaged_cards() -> Iterator[tuple[str, Card]]:
    """(name, card) of every answer and every emergency card, in every language that it has."""
    shelf, org, faults = packaged_shelf(None), organisation(), Faults()
    gate = Gate(shelf)
    values = org.values()
    library = read_answers(shelf, answer_vocabulary(org, gate.kinds), faults)
    for entry in library.published():
        for lang in entry.answer:
            yield (
                f"{entry.id}/{lang}",
                answer_card(entry, lang, values, org.words, date(2030, 1, 1), question="q1", ticket="SEC-1"),
            )
    for kind in gate.kinds:
        for lang in ("en", "de", "fr", "es"):
            yield f"{kind}/{lang}", gate.card(kind, lang, values, "SEC-1")
            yield f"confirm-{kind}/{lang}", gate.confirm_card(kind, lang, values)
