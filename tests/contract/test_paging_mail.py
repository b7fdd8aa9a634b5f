"""Calls by mail: a real SMTP conversation, an answer that comes back through the mailbox, and a mail server that is away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.test_postbox import Office, plain, pressing, reply_to
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, INES, SAM, TROUBLE, FailingDb
from tests.fakes.imap import FakeImap
from tests.fakes.letters import BOX
from tests.fakes.smtp import FakeSmtp

contents, home = fakes.contents, fakes.home
PHONE = "+44 20 7946 0000"


class Duty(Office):
    """Nobody is on chat but the person in trouble; the routes are those that the settings give."""

    def __init__(self, home: Any, db: Any, contents: Any, imap: FakeImap, smtp: FakeSmtp) -> None:
        super().__init__(home, db, contents, imap, smtp, pagers=None)
        for who in (SAM, INES):
            self.analyst(who)

    def trouble(self) -> str:
        self.say(DANA, TROUBLE)
        self.some_jobs()
        return next(ticket.number for ticket in self.tickets() if ticket.requester == self.key(DANA))

    def some_jobs(self) -> None:
        """As `settle`, where some go on waiting."""
        for _ in range(4):
            self.clock.forward(6)
            self.sweeper.sweep()
            self.jobs.run()

    def from_sam(self, letter: bytes) -> bytes:
        return letter.replace(b"dana.reyes", b"sam.ortiz").replace(b"Dana Reyes", b"Sam Ortiz")


@pytest.fixture
def servers() -> Iterator[tuple[FakeImap, FakeSmtp]]:
    imap, smtp = FakeImap(user=BOX), FakeSmtp()
    yield imap, smtp
    imap.close()
    smtp.close()


@pytest.fixture
def duty(db: Any, home: Any, contents: Any, servers: tuple[FakeImap, FakeSmtp]) -> Iterator[Duty]:
    """The routes that the settings give, no fake among them."""
    made = Duty(home, db, contents, *servers)
    yield made
    made.close()


def test_a_call_goes_out_by_mail_and_says_what_happened_and_where(duty: Duty) -> None:
    number = duty.trouble()
    mail = duty.mail(SAM)
    assert str(mail["Subject"]) == f"Call {number}"
    said = plain(mail)
    assert "Dana Reyes" in said
    assert f"/console/tickets/{number}" in said
    assert "typed my password" not in said  # what the person wrote stays inside
    tries = [(row["who"], row["pager"], row["error"]) for row in duty.rows("SELECT * FROM page_try ORDER BY seq")]
    assert (SAM, "mail", "") in tries
    assert "I could not reach anyone" not in duty.told(DANA)


def test_a_button_of_the_mail_takes_the_call(duty: Duty) -> None:
    number = duty.trouble()
    duty.arrives(duty.from_sam(pressing(duty.mail(SAM), "I have it")))
    ticket = duty.app.tickets.get(number)
    assert (ticket.assignee, ticket.acknowledged_at > 0) == (duty.key(SAM), True)
    duty.clock.forward(300)
    duty.settle()
    assert duty.mailed(INES) == ""


def test_an_answer_with_the_number_alone_calls_the_next(duty: Duty) -> None:
    duty.trouble()
    duty.arrives(duty.from_sam(reply_to(duty.mail(SAM), "2")))
    duty.settle()
    assert "Dana Reyes" in duty.mailed(INES)


def test_whoever_is_not_of_the_desk_takes_no_call_by_a_forwarded_mail(duty: Duty) -> None:
    number = duty.trouble()
    duty.arrives(pressing(duty.mail(SAM), "I have it").replace(b"dana.reyes", b"clara.moreau"))
    assert duty.app.tickets.get(number).acknowledged_at == 0


def test_a_mail_server_that_is_away_is_a_failed_route_and_is_told(
    duty: Duty, servers: tuple[FakeImap, FakeSmtp]
) -> None:
    _, smtp = servers
    smtp.answers["MAIL"] = "451 not now"
    number = duty.trouble()
    assert f"I could not reach anyone. Ring {PHONE} now." in duty.told(DANA)
    errors = {row["pager"]: row["error"] for row in duty.rows("SELECT pager, error FROM page_try")}
    assert errors["mail"] == "did not take it; it is tried again"
    assert "page_failed" in [kind for kind, _ in duty.timeline(number)]
    del smtp.answers["MAIL"]
    duty.some_jobs()
    assert duty.mailed(SAM).count("Dana Reyes") == 1  # the outbox made up for it, once


def test_without_a_database_the_mail_goes_out_all_the_same(
    db: Any, home: Any, contents: Any, servers: tuple[FakeImap, FakeSmtp]
) -> None:
    failing = FailingDb(db)
    duty = Duty(home, failing, contents, *servers)
    failing.read_only = True
    reply = duty.desk.handle(duty.message(DANA, TROUBLE))
    assert (reply.delivery, "SEC-" in str(reply.card)) == ("", False)
    assert "Dana Reyes" in duty.mailed(SAM)
    duty.close()
