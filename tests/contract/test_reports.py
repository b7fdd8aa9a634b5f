"""Reported mail on both databases: a receipt at once, one mail with many reporters, a verdict for each of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bot.cards import as_text, pressables
from bot.model import File, Kind, Verdict
from bot.reporting.reports import SEVERITY, verdict_from, verdict_text
from bot.turn import VerdictGiven
from tests.fakes import desk as fakes
from tests.fakes.desk import CLARA, DANA, JONAS, MAIL, SAM, SIGN, House, Says, labels

contents, home, says, house = fakes.contents, fakes.home, fakes.says, fakes.judging


def mail(house: House) -> dict[str, Any]:
    (row,) = house.rows("SELECT * FROM mail")
    return row


def test_a_report_gets_a_receipt_at_once_and_a_verdict_later(house: House) -> None:
    receipt = as_text(house.send(DANA).card)
    assert receipt.startswith("Got it: SEC-101. We are checking “parcel.eml” now.")
    assert (mail(house)["state"], mail(house)["ticket"]) == ("checking", "SEC-101")
    house.settle()
    verdict = house.posts(DANA)[-1]
    assert verdict.title == "Your report SEC-101"
    assert "This is very likely phishing." in as_text(verdict)
    assert SIGN.sign in as_text(verdict)
    assert labels(verdict) == ["It has already happened", "I see it differently"]
    assert (mail(house)["state"], mail(house)["kind"]) == ("decided", "likely_phishing")
    ticket = house.ticket()
    assert (ticket.severity, ticket.queue, ticket.kind) == ("S2", "mail", "report")
    assert [kind for kind, _ in house.timeline("SEC-101")] == ["opened", "verdict", "severity"]
    assert house.audited() == ["ticket.open", "report.filed", "ticket.severity", "report.verdict"]
    assert house.whole()


@pytest.mark.parametrize("kind", list(Kind))
def test_every_verdict_has_its_words_and_its_severity(house: House, says: Says, kind: Kind) -> None:
    says.verdict = Verdict(kind, 0.5, (), ("links",), 0.0)
    house.send(DANA)
    house.settle()
    text = house.told(DANA)
    assert "{" not in text
    assert " safe" not in text.lower()
    assert "Could not be checked: the links." in text
    assert house.ticket().severity == SEVERITY.get(kind, "S0")


def test_the_same_bytes_are_one_mail_with_two_reporters(house: House, says: Says) -> None:
    house.send(DANA)
    again = house.send(DANA, name="other-name.eml")
    assert as_text(again.card).startswith("You have reported this mail already (SEC-101).")
    second = house.send(JONAS)
    assert "SEC-101" in as_text(second.card)
    house.settle()
    assert (house.count("mail"), house.count("submission"), len(house.tickets())) == (1, 2, 1)
    assert says.calls == 1
    for who in (DANA, JONAS):
        assert [card.title for card in house.posts(who)].count("Your report SEC-101") == 1
    assert [kind for kind, _ in house.timeline("SEC-101")].count("reported_again") == 2
    assert house.audited().count("report.filed") == 2


def test_a_mail_that_is_decided_gets_its_verdict_at_once(house: House, says: Says) -> None:
    house.send(DANA)
    house.settle()
    reply = house.send(JONAS)
    assert reply.card.title == "Your report SEC-101"
    assert "This is very likely phishing." in as_text(reply.card)
    house.settle()
    assert len(house.posts(JONAS)) == 1
    assert says.calls == 1


def test_many_reporters_at_once_make_one_mail(house: House) -> None:
    people = [person.id for person in house.app.directory.people()]
    messages = [house.message(who, files=(File("parcel.eml", MAIL),)) for who in people]
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(house.desk.handle, messages))
    assert all("SEC-101" in as_text(reply.card) for reply in replies)
    assert (house.count("mail"), house.count("submission"), len(house.tickets())) == (1, len(people), 1)
    house.settle()
    assert house.whole()
    sent = house.rows("SELECT person FROM delivery WHERE key LIKE 'verdict:%' AND state = 'sent'")
    assert len({row["person"] for row in sent}) == len(sent) == len(people)


def test_two_mails_in_one_message_are_two_reports(house: House) -> None:
    other = MAIL.replace(b"parcel", b"packet").replace(
        b"Pay the fee within the hour:", b"Are you at your desk? Look at this:"
    )
    reply = house.say(DANA, files=(File("a.eml", MAIL), File("b.eml", other), File("a-copy.eml", MAIL)))
    text = as_text(reply.card)
    assert [text.count(part) for part in ("SEC-101", "SEC-102", "“a.eml”", "“b.eml”")] == [2, 1, 1, 1]
    assert house.count("mail") == 2


def test_the_job_may_run_again(house: House, says: Says) -> None:
    house.send(DANA)
    house.settle()
    before = house.counts()
    house.app.handlers()["reporting.analyse"]({"sha256": mail(house)["sha256"]})
    assert (says.calls, before) == (1, house.counts())
    house.app.handlers()["reporting.analyse"]({"sha256": "0" * 64})  # forgotten meanwhile


def test_two_workers_at_one_mail_decide_it_once(house: House) -> None:
    house.send(DANA)
    sha256 = mail(house)["sha256"]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: house.app.reports.analyse({"sha256": sha256}), range(2)))
    assert house.audited().count("report.verdict") == 1
    assert len(house.rows("SELECT id FROM delivery WHERE key LIKE 'verdict:%'")) == 1
    assert house.whole()


def test_a_verdict_is_told_in_the_same_transaction(house: House) -> None:
    """If a listener fails, nothing of the verdict is stored, and the job comes again."""

    def breaks(_work: Any, _event: VerdictGiven) -> None:
        raise RuntimeError("a listener broke")

    parts = house.app.reports._parts
    listeners = dict(parts.listeners)
    house.send(DANA)
    before = house.counts()
    parts.listeners[VerdictGiven] = (*listeners[VerdictGiven], breaks)  # type: ignore[index]
    with pytest.raises(RuntimeError):
        house.app.reports.analyse({"sha256": mail(house)["sha256"]})
    assert (before, mail(house)["state"]) == (house.counts(), "checking")
    parts.listeners[VerdictGiven] = listeners[VerdictGiven]  # type: ignore[index]
    house.settle()
    assert mail(house)["state"] == "decided"


def test_the_body_is_sealed_and_whole(house: House) -> None:
    house.send(DANA)
    stored = bytes(mail(house)["body"])
    assert b"parcel-fee" not in stored
    assert house.app.vault.unseal("mail", stored) == MAIL


# what is no mail ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data"),
    [("notes.docx", b"PK\x03\x04word/document.xml" + b"\x00" * 30), ("empty.eml", b""),
     ("tool.exe", b"MZ\x90\x00" + b"\x00" * 60),
     ("a.zip", b"PK\x03\x04" + b"\x00" * 30), ("scan.pdf", b"%PDF-1.7\n")],
)  # fmt: skip
def test_what_is_no_mail_is_said_and_not_kept(house: House, name: str, data: bytes) -> None:
    reply = house.send(DANA, data, name)
    assert as_text(reply.card).startswith(f"I can read mails saved as .eml or .msg. “{name}” is neither.")
    assert "Report phishing" in as_text(reply.card)  # the organisation's own button
    assert (house.count("mail"), house.tickets()) == (0, [])


def test_a_mail_of_thirty_megabytes_is_too_large(house: House) -> None:
    reply = house.send(DANA, MAIL + b"x" * 30_000_000, "big.eml")
    assert as_text(reply.card) == (
        "“big.eml” is too large for me (over 30 MB). Ring +44 20 7946 0000 and a person will take it."
    )
    assert house.count("mail") == 0


def test_a_good_mail_beside_a_bad_file_is_taken(house: House) -> None:
    reply = house.say(DANA, files=(File("scan.pdf", b"%PDF-1.7\n"), File("parcel.eml", MAIL)))
    assert "“scan.pdf” is neither" in as_text(reply.card)
    assert "Got it: SEC-101" in as_text(reply.card)


@pytest.mark.parametrize(
    ("name", "shown"),
    [("../../etc/passwd.eml", "passwd.eml"), ("C:\\mails\\odd.eml", "odd.eml"), ("\u202elme.exe", "lme.exe"),
     ("", "mail.eml"), ("x" * 300 + ".eml", "x" * 80), ("a\nb\x00.eml", "ab.eml")],
)  # fmt: skip
def test_file_names_are_shown_without_tricks(house: House, name: str, shown: str) -> None:
    house.send(DANA, MAIL, name)
    assert mail(house)["name"] == shown
    assert house.ticket().subject == f"Reported mail: {shown}"


# afterwards ---------------------------------------------------------------------------------------------------------


def test_a_reporter_can_disagree_and_nobody_else_can(house: House, says: Says) -> None:
    says.verdict = Verdict(Kind.NOTHING_FOUND, 0.5, (), (), 0.0)
    house.send(DANA)
    house.settle()
    assert house.ticket().severity == "S0"
    card = house.posts(DANA)[-1]
    forged = house.press(JONAS, "reporting.dispute", "SEC-101")
    assert as_text(forged.card).startswith("I cannot find that")
    house.press_label(DANA, card, "I see it differently")
    assert house.ticket().severity == "S1"
    assert [kind for kind, _ in house.timeline("SEC-101")][-2:] == ["disputed", "severity"]
    assert house.audited()[-1] == "report.dispute"


def test_having_clicked_it_is_an_emergency(house: House) -> None:
    house.send(DANA)
    house.settle()
    reply = house.press_label(DANA, house.posts(DANA)[-1], "It has already happened")
    assert reply.card.tone == "emergency"
    assert [ticket.severity for ticket in house.tickets("unresolved")] == ["S3", "S2"]


def test_the_report_of_an_outsider_is_answered(house: House) -> None:
    house.send("u-outsider")
    house.settle()
    assert "This is very likely phishing." in house.told("u-outsider")


def test_a_reporters_verdict_names_the_numbers_of_their_own_entity(house: House, says: Says) -> None:
    says.verdict = Verdict(Kind.COULD_NOT_CHECK, 0.0, (), ("everything",), 0.0)
    for who in (DANA, JONAS, CLARA):
        house.send(who)
    house.settle()
    for who in (DANA, JONAS, CLARA):
        person, values = house.person(who), house.app.organisation().values(house.person(who).entity)
        expected = house.app.reports.verdict_card(says.verdict, "SEC-101", person.language, values)
        told = house.posts(who)[-1]
        assert (
            as_text(expected).splitlines()[:-1] == as_text(told).splitlines()[: len(as_text(expected).splitlines()) - 1]
        )


def test_how_to_report_names_the_button_where_there_is_one(house: House) -> None:
    assert "use Report phishing in your mail program" in as_text(house.press(DANA, "reporting.start").card)


def test_verdicts_come_back_from_their_stored_form() -> None:
    verdict = Verdict(Kind.SUSPICIOUS, 0.6, (SIGN,), ("attachments",), 2.5)
    assert verdict_from(verdict_text(verdict)) == verdict


def test_the_desk_sees_the_report_resolved_and_reopened(house: House) -> None:
    house.send(DANA)
    house.settle()
    house.act("resolve", "SEC-101", SAM, "We have removed it everywhere.")
    house.settle()
    card = house.posts(DANA)[-1]
    assert "We have removed it everywhere." in as_text(card)
    assert [button.action for button in pressables(card)] == ["tickets.good", "tickets.reopen", "tickets.mine"]
