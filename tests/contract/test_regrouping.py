"""Cases put together and apart by hand, on both databases: mails, verdicts, tickets, and where the next copy goes."""

from __future__ import annotations

import pytest

from bot.errors import NotFound, Refused
from bot.model import Kind, Verdict
from tests.contract.test_cases import judge, lure
from tests.fakes import desk as fakes
from tests.fakes.desk import CLARA, DANA, INES, JONAS, House, Says

contents, home, says, house = fakes.contents, fakes.home, fakes.says, fakes.judging
INVOICE = (
    b"From: Billing <pay@invoice-desk.example>\r\nTo: clara.moreau@northwind.example\r\nSubject: Invoice 77\r\n"
    b"Message-ID: <77@invoice-desk.example>\r\n\r\nThe attached invoice was due in March and has not been paid. Our solicitors "
    b"will write to your directors on Friday unless the sum of 4,200 euros reaches the account that is named below by then.\r\n"
)


def merge(house: House, number: str, into: str, why: str = "Same sender, other words.") -> None:
    house.clock.forward(1)
    analyst = house.analyst()
    house.app.work(lambda work: house.app.reports.regrouping.merge(work, number, into, analyst, why))
    house.settle()


def split(house: House, sha256: str, why: str = "It only looks like it.") -> str:
    house.clock.forward(1)
    analyst, regrouping = house.analyst(), house.app.reports.regrouping
    outlines = regrouping.outlines(sha256)
    number: str = house.app.work(lambda work: regrouping.split(work, sha256, analyst, why, outlines))
    house.settle()
    return number


def cases(house: House) -> list[tuple[str, int, str]]:
    rows = house.rows("SELECT ticket, reports, kind FROM campaign WHERE reports > 0 ORDER BY ticket")
    return [(row["ticket"], row["reports"], row["kind"]) for row in rows]


def sha_of(house: House, who: str) -> str:
    sql = "SELECT sha256 FROM submission WHERE person = :person ORDER BY at"
    return str(house.rows(sql, person=house.key(who))[0]["sha256"])


def two(house: House) -> None:
    """SEC-101 is a lure that two have reported, SEC-102 an invoice."""
    for who, mail in ((DANA, lure(1)), (JONAS, lure(2)), (CLARA, INVOICE)):
        house.send(who, mail)
        house.settle()
    assert [ticket for ticket, _, _ in cases(house)] == ["SEC-101", "SEC-102"]


def test_merged_cases_are_one_with_one_verdict_and_the_next_copy_goes_there(house: House) -> None:
    two(house)
    merge(house, "SEC-102", "SEC-101")
    assert cases(house) == [("SEC-101", 3, Kind.LIKELY_PHISHING)]
    gone = house.app.tickets.get("SEC-102")
    assert (gone.state, gone.merged_into) == ("resolved", "SEC-101")
    assert ("case_merged", "SEC-102: Same sender, other words.") in house.timeline("SEC-101")
    assert ("case_merged", "SEC-101: Same sender, other words.") in house.timeline("SEC-102")
    house.send(INES, INVOICE.replace(b"<77@", b"<78@"))
    house.settle()
    assert cases(house) == [("SEC-101", 4, Kind.LIKELY_PHISHING)]
    judge(house, Kind.SPAM, "A known advertiser.", every=True)
    for who in (DANA, JONAS, CLARA, INES):
        assert house.told(who).count("A known advertiser.") == 1
    assert "report.merge" in house.audited()
    assert house.whole()


def test_a_persons_verdict_holds_for_what_is_merged_into_its_case_and_is_not_lost_the_other_way(house: House) -> None:
    two(house)
    judge(house, Kind.SPAM, "A known advertiser.", "SEC-102")
    with pytest.raises(Refused, match="Judge SEC-101 first"):
        merge(house, "SEC-102", "SEC-101")
    merge(house, "SEC-101", "SEC-102")
    assert cases(house) == [("SEC-102", 3, Kind.SPAM)]
    told = [house.told(who).count("A known advertiser.") for who in (DANA, JONAS, CLARA)]
    assert told == [0, 0, 1]  # harmless only for what says the same: the engine's verdict stays for the others
    kinds = {row["sha256"]: row["kind"] for row in house.rows("SELECT sha256, kind FROM mail")}
    assert kinds[sha_of(house, DANA)] == Kind.LIKELY_PHISHING


def test_a_worse_verdict_comes_along_and_is_told(house: House, says: Says) -> None:
    two(house)
    says.verdict = Verdict(Kind.SUSPICIOUS, 0.6, (), (), 1.0)
    other = b"Your mailbox has reached its limit and nothing more is delivered. Sign in to keep what you have received so far."
    house.send(INES, b"From: Post <post@box.example>\r\nSubject: Full\r\nMessage-ID: <1@box.example>\r\n\r\n" + other)
    house.settle()
    mild = cases(house)[-1]
    assert mild == ("SEC-103", 1, Kind.SUSPICIOUS)
    merge(house, "SEC-101", "SEC-103")
    assert cases(house)[-1] == ("SEC-103", 3, Kind.LIKELY_PHISHING)
    rows = house.rows("SELECT kind FROM mail WHERE ticket = 'SEC-103'")
    assert [row["kind"] for row in rows] == [Kind.LIKELY_PHISHING] * 3


def test_a_mail_that_was_split_off_is_a_case_of_its_own_and_so_is_its_next_copy(house: House) -> None:
    two(house)
    merge(house, "SEC-102", "SEC-101")
    number = split(house, sha_of(house, CLARA))
    assert (number, cases(house)) == ("SEC-103", [("SEC-101", 2, "likely_phishing"), ("SEC-103", 1, "likely_phishing")])
    ticket = house.app.tickets.get(number)
    assert (ticket.requester, ticket.kind, ticket.queue, ticket.severity) == (house.key(CLARA), "report", "mail", "S2")
    assert ("case_split", "SEC-101: It only looks like it.") in house.timeline(number)
    house.send(INES, INVOICE.replace(b"<77@", b"<78@"))
    house.settle()
    assert [(ticket, reports) for ticket, reports, _ in cases(house)] == [("SEC-101", 2), ("SEC-103", 2)]
    judge(house, Kind.SPAM, "A known advertiser.", number)
    assert [house.told(who).count("A known advertiser.") for who in (DANA, CLARA, INES)] == [0, 1, 1]
    assert house.whole()


def test_the_mail_that_began_a_case_can_leave_it_and_come_back_after_it_was_taken_back(house: House) -> None:
    house.send(DANA, lure(1))
    house.settle()
    house.send(JONAS, lure(2))
    house.settle()
    first = sha_of(house, DANA)
    split(house, first)
    assert [(ticket, reports) for ticket, reports, _ in cases(house)] == [("SEC-101", 1), ("SEC-102", 1)]
    house.send(CLARA, lure(2))
    house.settle()
    assert [(ticket, reports) for ticket, reports, _ in cases(house)] == [("SEC-101", 2), ("SEC-102", 1)]
    (row,) = house.rows("SELECT id FROM submission WHERE sha256 = :sha", sha=first)
    house.press(DANA, "reporting.undo", f"SEC-102:{row['id']}")
    house.send(INES, lure(1))
    house.settle()
    assert sum(reports for _, reports, _ in cases(house)) == 3
    (jonas,) = house.rows("SELECT campaign FROM mail WHERE sha256 = :sha", sha=sha_of(house, JONAS))
    (case,) = house.rows("SELECT ticket, kind FROM campaign WHERE id = :id", id=jonas["campaign"])
    assert case == {"ticket": "SEC-101", "kind": Kind.LIKELY_PHISHING}


def test_what_cannot_be_regrouped_is_said(house: House) -> None:
    two(house)
    for number, into, why, said in (
        ("SEC-101", "SEC-102", " ", "Say why"), ("SEC-101", "SEC-101", "x", "this case itself"),
    ):  # fmt: skip
        with pytest.raises(Refused, match=said):
            merge(house, number, into, why)
    with pytest.raises(NotFound):
        merge(house, "SEC-101", "SEC-999")
    with pytest.raises(Refused, match="only mail"):
        split(house, sha_of(house, CLARA))
    with pytest.raises(Refused, match="Say why"):
        split(house, sha_of(house, DANA), "")
    with pytest.raises(NotFound):
        split(house, "0" * 64)
    assert [(ticket, reports) for ticket, reports, _ in cases(house)] == [("SEC-101", 2), ("SEC-102", 1)]
