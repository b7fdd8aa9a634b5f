"""400 forwards and six `kill -9`: 400 reports, each answered once, with every letter filed."""

from __future__ import annotations

import os
import random
import re
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.app.posting import SENDERS
from bot.app.serving import WORKERS
from tests.e2e.mailbox.dovecot import Dovecot, dovecot, until_true
from tests.e2e.mailbox.forwards import GATEWAY, Reporter, directory, forwards, people
from tests.fakes.smtp import FakeSmtp
from tests.served import Served
from tests.warm import WORDS, data_folder

LETTERS, KILLS, ON_CHAT = 400, 6, 40
FIRST, PATIENCE = 100, 240.0  # seconds; a machine may be busy


@dataclass
class Desk:
    """The help desk as a process that dies and comes back, and what it has written down."""

    folder: Path
    data: Path
    settings: dict[str, str]
    served: Served | None = None
    starts: list[float] = field(default_factory=list)

    def start(self) -> Served:
        begun = time.monotonic()
        self.served = Served.start(self.folder, **self.settings).wait()
        self.starts.append(time.monotonic() - begun)
        return self.served

    def kill(self) -> None:
        assert self.served
        os.kill(self.served.process.pid, signal.SIGKILL)
        assert -signal.SIGKILL == self.served.process.wait(10)

    def rows(self, sql: str) -> list[tuple]:
        with sqlite3.connect(f"file:{self.data / 'secdesk.db'}?mode=ro", uri=True, timeout=30) as db:
            return db.execute(sql).fetchall()

    def count(self, what: str) -> int:
        return int(self.rows(f"SELECT COUNT(*) FROM {what}")[0][0])


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecot() as made:
        yield made


@pytest.fixture(scope="module")
def smtp() -> Iterator[FakeSmtp]:
    made = FakeSmtp()
    yield made
    made.close()


@pytest.fixture(scope="module")
def desk(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, server: Dovecot, smtp: FakeSmtp
) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    directory(folder / "knowledge", people(LETTERS))
    data = data_folder(request.config, folder)
    made = Desk(folder, data, {
        **WORDS, "SECDESK_DATA": str(data), "SECDESK_KNOWLEDGE": str(folder / "knowledge"), "SECDESK_AUTHSERV_ID": GATEWAY,
        "SECDESK_MAILBOX_HOST": "127.0.0.1", "SECDESK_MAILBOX_PORT": str(server.tls_port), "SECDESK_MAILBOX_SECURITY": "tls",
        "SECDESK_MAILBOX_USER": server.user, "SECDESK_MAILBOX_PASSWORD": server.password,
        "SSL_CERT_FILE": str(server.certificate),
        "SECDESK_SMTP_HOST": "127.0.0.1", "SECDESK_SMTP_PORT": str(smtp.port), "SECDESK_SMTP_SECURITY": "none",
    })  # fmt: skip
    yield made
    if made.served:
        made.served.kill()


def test_nothing_is_lost_and_nothing_doubled(desk: Desk, server: Dovecot, smtp: FakeSmtp) -> None:
    everybody, chance, begun = people(LETTERS), random.Random(6), time.monotonic()
    letters = list(forwards(everybody))
    on_chat = everybody[:ON_CHAT]
    say_hello(desk, on_chat)
    server.deliver(*letters[:FIRST])
    more = (LETTERS - FIRST) // KILLS
    for kill in range(1, KILLS + 1):
        goal = kill * LETTERS // (KILLS + 1)
        until_true(lambda: desk.count("submission") >= goal, PATIENCE, "letters are not taken")  # noqa: B023
        time.sleep(chance.random() * 0.3)  # so that it dies anywhere
        desk.kill()
        server.deliver(*letters[FIRST + (kill - 1) * more : FIRST + kill * more])
        desk.start()
    until_true(lambda: all_done(desk), PATIENCE, "not everything was done")

    assert {"Processed": LETTERS} == server.folders()
    assert set() == server.flags("Processed")
    reports = desk.rows("SELECT person, sha256, told FROM submission")
    assert (LETTERS, LETTERS) == (len(reports), len({person for person, _, _ in reports}))
    assert {1} == {told for _, _, told in reports}
    assert (LETTERS, LETTERS) == (
        desk.count("letter"),
        desk.count("mail WHERE state = 'decided' AND kind <> 'could_not_check'"),
    )
    assert LETTERS // 2 + 1 == desk.count("campaign")  # the campaign, and everybody else's own mail
    given, mailed = answers(desk), copies(smtp)
    by_mail, by_chat = LETTERS - ON_CHAT, ON_CHAT
    assert {("reply", "mail"): by_mail, ("reply", "web"): by_chat, ("verdict", "mail"): by_mail, ("verdict", "web"): by_chat} == {
        kind: count for kind, count in Counter(given.values()).items() if kind[0] in ("reply", "verdict")
    }  # fmt: skip
    assert {name for name, (_, channel) in given.items() if channel == "mail"} == set(mailed)
    twice = sum(mailed.values()) - len(
        mailed
    )  # the server had it, and we died before we knew; told apart by nobody's reader
    assert twice <= KILLS * (SENDERS + WORKERS["delivery.send"])
    print(figures(desk, time.monotonic() - begun, twice))


def say_hello(desk: Desk, on_chat: list[Reporter]) -> None:
    """Some are on chat, and are answered there."""
    served = desk.start()
    for who in on_chat:
        served.become(who.id)
        served.write("hello")


def all_done(desk: Desk) -> bool:
    return (
        desk.count("letter_seen WHERE folder <> ''") == LETTERS
        and desk.count("mail WHERE state = 'checking'") == 0
        and desk.count("delivery WHERE state IN ('queued', 'sending') AND (channel = 'mail' OR key LIKE 'verdict:%')")
        == 0
        and desk.count("delivery WHERE key LIKE 'verdict:%'") == LETTERS
    )


def answers(desk: Desk) -> dict[str, tuple[str, str]]:
    """What was answered: by the delivery's id, of which sort it is and how. Waiting longer than was said is told, too."""
    rows = desk.rows(
        "SELECT id, key, channel, state FROM delivery WHERE key NOT LIKE 'reply:web%' AND key NOT LIKE 'nudge%'"
    )
    assert {"sent"} == {state for _, _, _, state in rows}
    return {id_: (key.split(":")[0], channel) for id_, key, channel, _ in rows}


def copies(smtp: FakeSmtp) -> Counter[str]:
    """How often each mail of ours was handed in, by the delivery that its Message-ID names."""
    ids = (
        re.fullmatch(r"<sd\.([0-9a-f]{32})\.[0-9a-f]{16}@northwind\.example>", str(mail["Message-ID"]))
        for mail in smtp.mails()
    )
    return Counter(hit[1] for hit in ids if hit)


def figures(desk: Desk, spent: float, twice: int) -> str:
    waits = desk.rows(
        """SELECT delivery.sent_at - submission.at FROM submission JOIN delivery
           ON delivery.key = 'verdict:' || submission.sha256 || ':' || submission.id ORDER BY 1"""
    )
    seconds = [wait for (wait,) in waits]
    return (
        f"\n{LETTERS} forwards, {KILLS} kills: {spent:.0f} s, {len(desk.starts)} starts of them {sum(desk.starts):.0f} s;"
        f" report to verdict p50 {seconds[len(seconds) // 2]:.1f} s, longest {seconds[-1]:.1f} s;"
        f" mails that came twice, under one Message-ID: {twice}"
    )


def test_a_receipt_at_once_and_the_verdict_within_a_minute(desk: Desk, server: Dovecot, smtp: FakeSmtp) -> None:
    """With the process at rest: told by IDLE, answered over SMTP."""
    who = Reporter(LETTERS - 1)
    (letter,) = forwards([Reporter(LETTERS + 7)])  # another mail of the same person
    before, sent = len(smtp.mails(who.address)), time.monotonic()
    server.deliver(letter.replace(b"person.407", who.id.encode()))
    until_true(lambda: len(smtp.mails(who.address)) > before, 60, "no receipt")
    receipt = time.monotonic() - sent
    until_true(lambda: len(smtp.mails(who.address)) > before + 1, 60, "no verdict")
    verdict = time.monotonic() - sent
    first, second = (str(mail["Subject"]) for mail in smtp.mails(who.address)[before:])
    assert (False, True) == (first.startswith("Your report "), second.startswith("Your report SEC-"))
    assert receipt <= verdict < 60.0
    print(f"\nforward to receipt {receipt:.1f} s, to verdict {verdict:.1f} s")
