"""Secrets planted in every input: afterwards they are in no column of the database (sealed values opened), log line or metric.

What somebody reports is kept as it came, sealed: a mail is evidence. That is the one place that is left out.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from adapters.web.metrics import Metrics
from bot.app.logs import JsonLines
from bot.helpdesk.triage import Filter
from bot.model import File, Place
from bot.procedures.evidence import Evidence
from bot.turn import TicketRequest
from tests.contract.test_postbox import imap as imap  # noqa: PLC0414 (a fixture)
from tests.contract.test_postbox import smtp as smtp  # noqa: PLC0414 (a fixture)
from tests.contract.test_procedures import Walk
from tests.contract.test_whole_life import everything
from tests.contract.test_whole_life import house as house  # noqa: PLC0414 (a fixture)
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, INES, MAIL, SAM, House

contents, home = fakes.contents, fakes.home

# (how somebody says it, what must be nowhere afterwards)
SAID = [
    ("my password is Kb7!quartzFox", "Kb7!quartzFox"),
    ("mein Passwort lautet Zt4#ahornWeg", "Zt4#ahornWeg"),
    ("mon mot de passe est Rv9!platane", "Rv9!platane"),
    ("mi contraseña es Mn2#olivoRojo", "Mn2#olivoRojo"),
    ("the API key: sk_live_51Hq8ZyLk2mNoPqRsT", "sk_live_51Hq8ZyLk2mNoPqRsT"),
    ("my card 4111 1111 1111 1111 was charged", "4111 1111 1111 1111"),
    ("IBAN DE89 3704 0044 0532 0130 00 please", "DE89 3704 0044 0532 0130 00"),
    ("the one-time code is 481 920", "481 920"),
    ("mein Bestätigungscode ist 735164", "735164"),
    ("token=ghp_16C7e42F292c6912E7710c838347Ae178B4a", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
    ("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqh\n-----END PRIVATE KEY-----", "MIIEvQIBADANBgkqh"),
]  # fmt: skip


@pytest.fixture
def logs() -> Iterator[io.StringIO]:
    """Everything that is logged, as it is written in production, from debug on."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield out
    root.removeHandler(handler)
    root.setLevel(level)


def plant(house: House, said: str, n: int) -> None:
    app, sam = house.app, house.analyst(SAM)
    flat = said.replace("\n", " ").replace("/", " ")
    # the web chat, Slack and Teams: what their edges hand over
    house.say(DANA, said)
    for channel in ("slack", "teams"):
        house.desk.handle(house.message(DANA, said, place=Place(channel, f"{channel}-{n}", private=True)))
    house.press(DANA, "tickets.person", said)
    house.press(DANA, "tickets.person", "", form={"text": said})
    house.send(DANA, MAIL.replace(b"hour", f"hour {n}".encode()), f"{flat}.eml", said)
    house.say(DANA, said, files=(File(f"{flat}.txt", b"notes"),))
    house.settle()
    # the API and other programs
    request = TicketRequest(house.key(DANA), house.place(DANA), "question", said, said, "S1")
    number = app.work(lambda work: app.tickets.open(work, request)).number
    # the desk
    house.act("claim", number)
    house.act("note", number, SAM, said)
    house.act("reply", number, SAM, said)
    app.work(lambda work: app.tickets.partner_said(work, number, sam.key, said))
    app.work(lambda work: app.triage.save_view(work, sam, said, Filter()))
    app.work(lambda work: app.tokens.create(work, said[:60], sam, ["see"], 30, sam.key))
    app.work(lambda work: app.retention.hold(work, number, said, sam.key))
    walk = Walk(house)
    walk.do("done", Evidence("text", said))
    walk.change("note", said)
    # feedback and what people say of partners
    house.press(DANA, "partner.pulse_words", "brightwell:2030-Q1:", {"text": said})
    house.press(INES, "partner.pulse", "brightwell:2030-Q1:54321")
    house.press(INES, "partner.pulse_words", "brightwell:2030-Q1:", {"text": said})
    house.act("resolve", number)
    house.settle()


@pytest.mark.parametrize(("said", "secret"), SAID, ids=[str(n) for n in range(len(SAID))])
def test_a_secret_is_nowhere(house: House, logs: io.StringIO, said: str, secret: str) -> None:
    metrics = Metrics()
    house.app.count = metrics.outcome
    plant(house, said, 1)
    left = [
        (line.partition(":")[0], line[max(0, line.find(secret) - 60) :][:140])
        for line in everything(house).split("\0")
        if (secret in line or secret.replace(" ", "") in line) and not line.startswith("mail.body")
    ]
    assert [] == left
    written = logs.getvalue() + metrics.text().decode()
    assert (True, False) == (len(written) > 1000, secret in written)
    assert "[removed: " in everything(house)


def test_the_secret_is_missed_where_nothing_takes_it_out(house: House) -> None:
    """The search of these tests finds what it looks for."""
    with house.db.tx() as tx:
        tx.execute("INSERT INTO setting (name, value, updated_at) VALUES ('x', 'Kb7!quartzFox', 0)")
    assert "Kb7!quartzFox" in everything(house)
