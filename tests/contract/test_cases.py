"""Cases on both databases: near-duplicates are one, one verdict answers everybody, recipients are warned, promises are kept."""

from __future__ import annotations

from typing import Any

import pytest

from bot.cards import as_text
from bot.errors import NotFound, Refused
from bot.model import Finding, Kind, Verdict
from bot.reporting.alerts import LIVES
from tests.fakes import desk as fakes
from tests.fakes.desk import CLARA, DANA, INES, JONAS, NOW, SAM, House, Says, labels

contents, home, house = fakes.contents, fakes.home, fakes.judging
LUCIA, AMA = "lucia.romero", "ama.mensah"
LURE = (
    "Your parcel could not be delivered because the address is incomplete. Pay the fee of {fee} euros within the hour and tell "
    "us where to bring it: http://parcel-fee.example/{path}. It goes back to the sender tomorrow. Your team of the parcel service"
)
CLUES = (Finding("links.mismatch", "shown parcel[.]example → goes to hxxp://parcel-fee[.]example/…", 3.0),
         Finding("language.urgency_body", "It is in a hurry: “within the hour”.", 1.0))  # fmt: skip


def lure(
    number: int = 1, *, fee: str = "1.99", path: str = "pay", to: str = "", cc: str = "", at: float = NOW - 720
) -> bytes:
    """One copy of a campaign, as it lies in somebody's mailbox."""
    from datetime import UTC, datetime
    from email.utils import format_datetime

    moment = format_datetime(datetime.fromtimestamp(at, UTC))
    lines = [f"Received: from mx.northwind.example by store.northwind.example; {moment}",
             "From: Parcel service <info@parcel-fee.example>", f"To: {to or 'someone@northwind.example'}",
             *([f"Cc: {cc}"] if cc else []), "Subject: Your parcel", f"Message-ID: <{number}@parcel-fee.example>", "",
             LURE.format(fee=fee, path=path)]  # fmt: skip
    return "\r\n".join(lines).encode()


def address(who: str) -> str:
    return f"{who}@northwind.example"


@pytest.fixture
def says() -> Says:
    made = Says()
    made.verdict = Verdict(Kind.LIKELY_PHISHING, 0.97, CLUES, (), 6.0)
    return made


def judge(house: House, kind: Kind, note: str = "", number: str = "SEC-101", **more: Any) -> None:
    house.clock.forward(60)
    analyst = house.analyst()
    house.app.work(lambda work: house.app.reports.judge(work, number, analyst, kind, note, **more))
    house.settle()


def kinds(house: House) -> list[str]:
    return [row["kind"] for row in house.rows("SELECT kind FROM mail ORDER BY created_at")]


# one case -----------------------------------------------------------------------------------------------------------


def test_near_duplicates_are_one_case_from_the_first_moment(house: House) -> None:
    first = as_text(house.send(DANA, lure(1)).card)
    second = as_text(house.send(JONAS, lure(2, fee="2.50")).card)
    third = as_text(house.send(INES, lure(3, path="pay?id=7")).card)
    assert all(text.startswith("Got it: SEC-101.") for text in (first, second, third))
    assert ("colleague" not in first, "A colleague has reported the same mail." in second) == (True, True)
    assert "2 colleagues have reported the same mail." in third
    assert (len(house.tickets()), house.count("mail"), house.count("campaign")) == (1, 3, 1)
    house.settle()
    for who in (DANA, JONAS, INES):
        assert [card.title for card in house.posts(who)].count("Your report SEC-101") == 1
    assert house.ticket().severity == "S2"
    assert house.whole()


def test_other_words_from_the_same_place_are_another_case(house: House) -> None:
    house.send(DANA, lure(1))
    other = lure(2).replace(
        LURE.format(fee="1.99", path="pay").encode(), b"Your mailbox is full: http://parcel-fee.example/pay"
    )
    assert "SEC-102" in as_text(house.send(JONAS, other.replace(b"Your parcel", b"Mailbox")).card)
    from bot.reporting.campaigns import related

    (first, _) = [row["id"] for row in house.rows("SELECT id FROM campaign ORDER BY ticket")]
    assert {("SEC-102", "domain:parcel-fee.example")} <= {
        (item.ticket, item.trait) for item in related(house.app.reports._parts.campaigns, first)
    }


def test_many_reports_stand_on_the_ticket_in_a_few_lines(house: House) -> None:
    people = [person.id for person in house.app.directory.people()]
    for number, who in enumerate(people * 3):
        house.send(who, lure(number))
    logged = [kind for kind, _ in house.timeline("SEC-101")].count("reported_again")
    assert (len(people) * 3 > 25, 9 <= logged <= 12) == (True, True)


def test_the_worse_verdict_of_a_case_reaches_those_who_heard_a_milder_one(house: House, says: Says) -> None:
    says.verdict = Verdict(Kind.NOTHING_FOUND, 0.5, (), (), 0.5)
    house.send(DANA, lure(1))
    house.settle()
    assert house.ticket().severity == "S0"
    says.verdict = Verdict(Kind.LIKELY_PHISHING, 0.97, CLUES, (), 6.0)
    house.send(JONAS, lure(2))
    house.settle()
    told = house.posts(DANA)[-1]
    assert "This is very likely phishing." in as_text(told)
    assert "Others reported the same mail" in as_text(told)
    assert "Others reported" not in as_text(house.posts(JONAS)[-1])
    assert (kinds(house), house.ticket().severity) == (["likely_phishing"] * 2, "S2")


def test_a_milder_finding_does_not_lower_a_case(house: House, says: Says) -> None:
    house.send(DANA, lure(1))
    house.settle()
    says.verdict = Verdict(Kind.NOTHING_FOUND, 0.5, (), (), 0.5)
    house.send(JONAS, lure(2))
    house.settle()
    assert (kinds(house), house.ticket().severity) == (["likely_phishing"] * 2, "S2")
    assert len([card for card in house.posts(DANA) if card.title == "Your report SEC-101"]) == 1


def test_what_is_our_own_is_not_lifted(house: House, says: Says) -> None:
    house.send(DANA, lure(1))
    house.settle()
    says.verdict = Verdict(Kind.PRACTICE, 0.98, (), (), 0.0)
    house.send(JONAS, lure(2))
    house.settle()
    assert "That was a practice mail, well spotted." in house.told(JONAS)


# what a person decides ----------------------------------------------------------------------------------------------


def test_one_persons_verdict_answers_everybody_then_and_later(house: House, says: Says) -> None:
    says.verdict = Verdict(Kind.SUSPICIOUS, 0.6, CLUES[:1], (), 2.5)
    house.send(DANA, lure(1))
    house.send(JONAS, lure(2))
    house.settle()
    judge(house, Kind.LIKELY_PHISHING, "It collects card numbers.")
    for who in (DANA, JONAS):
        text = as_text(house.posts(who)[-1])
        assert text.startswith("Your report SEC-101\nA person has looked: it is phishing. Thank you for reporting it.")
        assert "> It collects card numbers." in text
    reply = house.send(CLARA, lure(1))  # the same bytes: told at once
    assert "it is phishing" in as_text(reply.card) or "c'est de l'hameçonnage" in as_text(reply.card)
    house.send(INES, lure(9, fee="7"))
    house.settle()
    assert kinds(house) == ["likely_phishing"] * 3
    assert [kind for kind, _ in house.timeline("SEC-101")].count("outcome") == 1
    assert house.ticket().severity == "S2"
    assert house.whole()


def test_thanks_name_what_that_very_mail_was_known_by(house: House, home: Any, db: Any, contents: Any) -> None:
    real = House(home, db, contents)  # the engine itself
    mail = lure(1).replace(b"Parcel service <info@parcel-fee.example>", b"PayPal <x@parcel-fee.example>")
    real.send(DANA, mail)
    real.settle()
    judge(real, Kind.LIKELY_PHISHING)
    card = real.posts(DANA)[-1]
    assert "What gave it away" in as_text(card)
    assert "PayPal" in as_text(card)
    assert labels(card) == ["It has already happened", "I see it differently"]
    real.close()


def test_a_persons_verdict_is_told_once_however_often_the_job_runs(house: House) -> None:
    house.send(DANA, lure(1))
    house.settle()
    judge(house, Kind.SPAM)
    before = house.counts()
    (case,) = house.rows("SELECT id FROM campaign")
    house.app.reports.outcome.spread({"campaign": case["id"], "but": "", "at": "0"})
    assert before == house.counts()
    assert "unwanted advertising" in house.told(DANA)


@pytest.mark.parametrize("change", [{"fee": "19.90"}, {"path": "login"}])
def test_a_copy_with_another_sum_or_link_inherits_no_harmless_verdict(
    house: House, says: Says, change: dict[str, str]
) -> None:
    says.verdict = Verdict(Kind.SUSPICIOUS, 0.6, CLUES[:1], (), 2.5)
    house.send(DANA, lure(1))
    house.settle()
    judge(house, Kind.NOTHING_FOUND)
    assert "it is genuine" in as_text(house.posts(DANA)[-1])
    house.send(JONAS, lure(2))  # the same in every word, number and link
    house.send(INES, lure(3, **change))
    house.settle()
    assert kinds(house) == ["nothing_found", "nothing_found", "suspicious"]
    assert "it is genuine" not in house.told(INES)


def test_an_analyst_can_answer_all_of_a_case_at_once(house: House, says: Says) -> None:
    says.verdict = Verdict(Kind.SUSPICIOUS, 0.6, CLUES[:1], (), 2.5)
    house.send(DANA, lure(1))
    house.send(JONAS, lure(2, fee="5"))
    house.settle()
    judge(house, Kind.NOTHING_FOUND)
    assert kinds(house) == ["nothing_found", "suspicious"]
    judge(house, Kind.NOTHING_FOUND, every=True)
    assert kinds(house) == ["nothing_found", "nothing_found"]
    house.send(INES, lure(3, fee="6"))  # but not what comes afterwards
    house.settle()
    assert kinds(house) == ["nothing_found", "nothing_found", "suspicious"]


def test_verdicts_that_nobody_can_give(house: House) -> None:
    house.send(DANA, lure(1))
    with pytest.raises(Refused):
        judge(house, Kind.COULD_NOT_CHECK)
    with pytest.raises(NotFound):
        judge(house, Kind.SPAM, number="SEC-999")


def test_the_preview_is_what_is_sent(house: House) -> None:
    house.send(DANA, lure(1))
    house.settle()
    shown = house.app.reports.outcome.preview(
        "SEC-101", Kind.LIKELY_PHISHING, "Look at the sender.", house.person(DANA)
    )
    judge(house, Kind.LIKELY_PHISHING, "Look at the sender.")
    assert as_text(shown) == as_text(house.posts(DANA)[-1])


def test_closing_the_ticket_tells_the_others_too(house: House) -> None:
    house.send(DANA, lure(1))
    house.send(JONAS, lure(2))
    house.settle()
    house.act("resolve", "SEC-101", SAM, "Removed everywhere.")
    house.settle()
    assert "Removed everywhere." in house.told(DANA)
    assert "The team has closed SEC-101, which you reported too." in house.told(JONAS)
    assert "The team has closed" not in house.told(DANA)


# warning recipients -------------------------------------------------------------------------------------------------


def three_reports(house: House, **more: Any) -> None:
    everybody = f"{address(CLARA)}, {address(LUCIA)}, stranger@elsewhere.example"
    for number, who in enumerate((DANA, JONAS, INES)):
        house.send(who, lure(number, to=address(who), cc=everybody if number == 0 else "", **more))
    house.settle()


def alerts(house: House, who: str) -> int:
    return sum("holds until" in as_text(card) or card.title == house.app.organisation().words.say(
        house.person(who).language, "alert.title") for card in house.posts(who))  # fmt: skip


def test_at_three_reporters_the_recipients_are_warned(house: House) -> None:
    three_reports(house)
    assert [alerts(house, who) for who in (CLARA, LUCIA, DANA, JONAS, INES, SAM)] == [1, 1, 0, 0, 0, 0]
    card = house.posts(LUCIA)[-1]
    text = as_text(card)
    assert "://" not in text.replace("hxxp://", "")  # no link
    assert len(labels(card)) == 1  # what to do if it has happened already
    assert [kind for kind, _ in house.timeline("SEC-101")].count("declared") == 1
    assert ("campaign.declare", "campaign.alert") == tuple(
        action for action in house.audited() if action.startswith("campaign")
    )
    assert house.whole()


def test_two_reporters_are_no_campaign_and_one_person_is_no_three(house: House) -> None:
    for number in range(4):
        house.send(DANA, lure(number, to=address(CLARA)))
    house.send(JONAS, lure(9, to=address(LUCIA)))
    house.settle()
    assert (alerts(house, CLARA), alerts(house, LUCIA)) == (0, 0)


@pytest.mark.parametrize("kind", [Kind.SUSPICIOUS, Kind.SPAM, Kind.PRACTICE, Kind.OURS, Kind.NOTHING_FOUND])
def test_only_a_likely_fraud_warns(house: House, says: Says, kind: Kind) -> None:
    says.verdict = Verdict(kind, 0.9, (), (), 0.0)
    three_reports(house)
    assert alerts(house, CLARA) == 0


def test_an_analysts_verdict_warns_and_so_does_the_button(house: House, says: Says) -> None:
    says.verdict = Verdict(Kind.SUSPICIOUS, 0.6, (), (), 2.5)
    three_reports(house)
    judge(house, Kind.LIKELY_PHISHING)
    assert alerts(house, CLARA) == 1


def test_an_analyst_can_warn_after_one_report(house: House) -> None:
    house.send(DANA, lure(1, to=address(DANA), cc=address(LUCIA)))
    house.settle()
    analyst = house.analyst()
    house.app.work(lambda work: house.app.reports.alerts.declare(work, "SEC-101", analyst))
    house.settle()
    assert alerts(house, LUCIA) == 1


def test_those_at_whose_work_it_is_aimed_are_warned_too_once_and_are_not_counted_as_recipients(house: House) -> None:
    for who in (CLARA, "tom.whitaker"):
        house.say(who, "hello")
    house.send(DANA, lure(1, to=address(DANA), cc=address(LUCIA)))
    house.settle()
    analyst, target = house.analyst(), house.app.reports.alerts.target
    told = [house.app.work(lambda work: target(work, "SEC-101", "hr_legal", analyst)) for _ in range(2)]
    house.settle()
    assert (told, alerts(house, CLARA), alerts(house, "tom.whitaker"), alerts(house, LUCIA)) == ([2, 0], 1, 1, 1)
    card = next(card for card in house.posts(CLARA) if card.title == "False mails are aimed at people with your work")
    assert "Colleagues with your kind of work (HR and legal)" in as_text(card)
    assert house.rows("SELECT person FROM campaign_person WHERE role = ''") != []
    (case,) = house.app.reports._parts.campaigns.campaigns(5)
    assert case["recipients"] == 2
    for role, error in (("regular", Refused), ("nobody", NotFound)):
        with pytest.raises(error):
            house.app.work(lambda work, role=role: target(work, "SEC-101", role, analyst))  # type: ignore[misc]


def test_who_turns_out_to_have_got_it_later_is_warned_too_for_three_days(house: House) -> None:
    three_reports(house)
    house.send(SAM, lure(8, cc=address(AMA)))
    house.settle()
    assert (alerts(house, AMA), alerts(house, CLARA)) == (1, 1)
    house.clock.forward(LIVES)
    house.send(SAM, lure(9, cc="tom.whitaker@northwind.example", at=house.clock.now()))
    house.settle()
    assert house.count("campaign_person") >= 7
    assert len(house.rows("SELECT key FROM delivery WHERE key LIKE 'alert:%'")) == 3


def test_two_warnings_a_week_are_the_most(house: House) -> None:
    texts = [b"Your parcel could", b"Our lawyers say that your invoice", b"This tax refund"]
    for number, text in enumerate(texts):
        words = " ".join(f"{text.decode().split()[-1]}{chr(97 + n)}" for n in range(40)).encode()
        for place, who in enumerate((DANA, JONAS, INES)):
            mail = lure(10 * number + place, to=address(who), cc=address(LUCIA)).partition(b"\r\n\r\n")[0]
            house.send(who, mail.replace(b"Your parcel", text) + b"\r\n\r\n" + words)
        house.settle()
    assert (house.count("campaign"), alerts(house, LUCIA)) == (3, 2)


def test_the_head_start_is_measured(house: House) -> None:
    house.send(DANA, lure(1, at=NOW - 300))
    house.send(JONAS, lure(2, at=NOW - 720))  # delivered earlier, reported later
    house.send(INES, lure(3, at=NOW + 9_000))  # a clock that is wrong
    house.settle()
    (text,) = [text for kind, text in house.timeline("SEC-101") if kind == "declared"]
    assert text == "first delivered 2030-03-17 17:34 UTC, first reported 2030-03-17 17:46 UTC, 12 minutes later"
    (row,) = house.app.reports._parts.campaigns.campaigns(10)
    assert (row["mails"], row["reporters"], row["delivered_at"]) == (3, 3, NOW - 720)


# taking it back -----------------------------------------------------------------------------------------------------


def test_an_accidental_report_is_undone_with_one_tap(house: House, says: Says) -> None:
    receipt = house.send(DANA, lure(1), "salary.eml").card
    assert labels(receipt) == ["Take it back", "It is for somebody else"]
    reply = house.press_label(DANA, receipt, "Take it back")
    assert as_text(reply.card).startswith("Taken back. I have deleted my copy of “salary.eml”.")
    house.settle()
    (row,) = house.rows("SELECT * FROM mail")
    assert (row["state"], bytes(row["body"]), row["name"], row["facts"]) == ("withdrawn", b"", "", "")
    assert (house.ticket().state, says.calls) == ("resolved", 0)
    assert [card for card in house.posts(DANA) if card.title] == []
    assert as_text(house.press_label(DANA, receipt, "Take it back").card) == "You have taken SEC-101 back already."
    assert house.whole()


def test_of_a_private_mail_that_is_taken_back_nothing_stays_in_its_ticket(house: House) -> None:
    receipt = house.send(
        DANA, lure(1, cc=address(LUCIA)), "Salary of Dana Zweig.eml", "from my doctor, Dr Quincewood"
    ).card
    house.settle()
    assert "Salary of Dana Zweig" in house.ticket().subject
    house.press_label(DANA, receipt, "Take it back")
    house.settle()
    assert house.ticket().subject == "Reported mail: …"
    assert house.timeline("SEC-101")[0] == ("opened", "")
    assert [text for kind, text in house.timeline("SEC-101") if kind == "verdict"] == ["likely_phishing"]
    assert (house.count("campaign_person"), house.count("campaign_trait")) == (0, 0)
    found = {row["word"] for row in house.rows("SELECT word FROM ticket_word")}
    assert (found & {"salary", "zweig", "doctor", "quincewood", "eml"}, "reported" in found) == (set(), True)
    assert house.whole()


def test_what_others_wrote_stays_when_one_takes_a_report_back(house: House) -> None:
    receipt = house.send(DANA, lure(1), "mine.eml", "my own words").card
    house.send(JONAS, lure(2), "theirs.eml", "other words")
    house.press_label(DANA, receipt, "Take it back")
    texts = [text for kind, text in house.timeline("SEC-101") if kind in ("opened", "reported_again")]
    assert texts == ["", "theirs.eml: other words"]
    assert house.ticket().subject == "Reported mail: …"


@pytest.mark.parametrize(("note", "subject"), [("Ich habe diese Mail bekommen, ist die echt?", "Gemeldete Mail: a.eml"),
                                               ("Est-ce que ce message est vrai ?", "Mail signalé : a.eml"),
                                               ("¿Este correo es de verdad?", "Correo notificado: a.eml")])  # fmt: skip
def test_a_ticket_speaks_its_reporters_language(house: House, note: str, subject: str) -> None:
    house.send(JONAS, lure(1), "a.eml", note)
    assert house.ticket().subject == subject


def test_a_reported_chat_message_is_called_a_message(house: House, says: Says) -> None:
    from bot.reporting.chat_message import ChatMessage, as_mail

    says.verdict = Verdict(Kind.SUSPICIOUS, 0.6, CLUES[:1], (), 2.5)
    file = as_mail(ChatMessage("Slack", "Mallory", LURE))
    receipt = house.send(DANA, file.data, file.name).card
    house.send(JONAS, file.data, file.name, "Diese Nachricht habe ich heute bekommen, ist das echt?")
    house.settle()
    told = house.told(DANA)
    assert "We are checking that message now." in told
    assert "This message is suspicious." in told
    assert "Diese Nachricht ist verdächtig." in house.told(JONAS)
    assert (" mail" in told, house.ticket().subject) == (False, "Reported chat message")
    undone = house.press_label(DANA, receipt, "Take it back")
    assert as_text(undone.card).startswith("Taken back. Others reported the same message, so SEC-101 goes on")


def test_nobody_takes_back_what_another_reported(house: House) -> None:
    receipt = house.send(DANA, lure(1)).card
    forged = house.press_label(JONAS, receipt, "Take it back")
    assert as_text(forged.card).startswith("I cannot find that")
    assert [row["withdrawn"] for row in house.rows("SELECT withdrawn FROM submission")] == [0]


def test_one_of_two_reporters_goes_and_the_case_goes_on(house: House) -> None:
    receipt = house.send(DANA, lure(1)).card
    house.send(JONAS, lure(1))
    reply = house.press_label(DANA, receipt, "Take it back")
    assert "SEC-101 goes on without you" in as_text(reply.card)
    house.settle()
    assert (house.ticket().state, len(house.rows("SELECT key FROM delivery WHERE key LIKE 'verdict:%'"))) == ("open", 1)


def test_what_was_taken_back_can_be_reported_again(house: House) -> None:
    house.press_label(DANA, house.send(DANA, lure(1)).card, "Take it back")
    house.settle()
    again = house.send(DANA, lure(1))
    assert as_text(again.card).startswith("Got it: SEC-102.")
    house.settle()
    assert "This is very likely phishing." in house.told(DANA)
    assert house.app.vault.unseal("mail", bytes(house.rows("SELECT body FROM mail")[0]["body"])) == lure(1)


# for somebody else --------------------------------------------------------------------------------------------------


def test_a_report_for_somebody_else_by_button(house: House) -> None:
    receipt = house.send(DANA, lure(1)).card
    asked = house.press_label(DANA, receipt, "It is for somebody else")
    (field,) = [block for block in asked.card.blocks if hasattr(block, "submit")]
    wrong = house.press(DANA, field.action, field.value, {"who": "Nobody Atall"})
    assert "I find nobody called “Nobody Atall”" in as_text(wrong.card)
    done = house.press(DANA, field.action, field.value, {"who": "lucia romero"})
    assert as_text(done.card).startswith("Noted: SEC-101 is for ")
    house.settle()
    assert "Dana Reyes" in house.told(LUCIA)
    assert "Your report SEC-101" in house.told(DANA)


@pytest.mark.parametrize("note", ["this is for Jonas Keller", "reported on behalf of jonas.keller@northwind.example"])
def test_a_report_for_somebody_else_by_saying_so(house: House, note: str) -> None:
    receipt = house.send(DANA, lure(1), text=note)
    assert "Noted: SEC-101 is for Jonas Keller. They get the answer too." in as_text(receipt.card)
    house.settle()
    assert as_text(house.posts(JONAS)[-1]).splitlines()[1] == "Dana Reyes reported this mail for you."
    assert ("behalf", "Jonas Keller") in house.timeline("SEC-101")


def test_after_the_verdict_they_are_told_at_once(house: House) -> None:
    receipt = house.send(DANA, lure(1)).card
    house.settle()
    value = next(
        button.value
        for block in receipt.blocks
        for button in getattr(block, "buttons", ())
        if "behalf" in button.action
    )
    house.press(DANA, "reporting.behalf", value, {"who": "Jonas Keller"})
    house.settle()
    assert "This is very likely phishing." in house.told(JONAS)


def test_an_outsider_speaks_for_nobody(house: House) -> None:
    receipt = house.send("u-outsider", lure(1), text="for Jonas Keller")
    assert "Noted" not in as_text(receipt.card)
    value = receipt.card.blocks[-1].buttons[0].value  # type: ignore[union-attr]
    forged = house.press("u-outsider", "reporting.behalf", value, {"who": "Jonas Keller"})
    assert as_text(forged.card).startswith("I cannot find that")


# promises -----------------------------------------------------------------------------------------------------------


def test_a_check_that_takes_too_long_is_said(house: House) -> None:
    house.send(DANA, lure(1))
    house.clock.forward(85)
    house.sweeper.sweep()
    house.jobs.waiting = [job for job in house.jobs.waiting if job[0] != "reporting.analyse"]  # it hangs
    house.clock.forward(10)
    house.settle()
    assert "Checking SEC-101 takes longer than I said." in house.told(DANA)
    assert [kind for kind, _ in house.timeline("SEC-101")][-1] == "late"


def test_nothing_is_said_where_the_promise_was_kept(house: House) -> None:
    house.send(DANA, lure(1))
    house.settle()
    house.act("claim", "SEC-101")
    house.clock.forward(3 * 86_400)
    house.settle()
    assert "takes longer" not in house.told(DANA)


def test_a_person_who_does_not_look_in_time_is_said(house: House) -> None:
    house.send(DANA, lure(1))
    house.settle()
    card = as_text(house.posts(DANA)[-1])
    assert "A person looks at it too, by " in card
    house.clock.forward(1_900)  # S2: half an hour
    house.settle()
    assert "I said that a person would have looked at SEC-101 by now." in house.told(DANA)
    house.clock.forward(86_400)
    house.settle()
    assert house.told(DANA).count("by now") == 1


def test_a_dispute_opens_a_closed_case_and_has_a_promise_of_its_own(house: House, says: Says) -> None:
    says.verdict = Verdict(Kind.NOTHING_FOUND, 0.5, (), (), 0.0)
    house.send(DANA, lure(1))
    house.settle()
    house.act("resolve", "SEC-101", SAM, "Fine.")
    house.settle()
    card = next(card for card in house.posts(DANA) if "I see it differently" in labels(card))
    reply = house.press_label(DANA, card, "I see it differently")
    assert "A person will look at SEC-101 by " in as_text(reply.card)
    assert (house.ticket().state, house.ticket().severity) == ("open", "S1")
    house.clock.forward(4 * 3_600)
    house.settle()
    assert "I said that a person would have looked at SEC-101 by now." in house.told(DANA)


# pasted and photographed --------------------------------------------------------------------------------------------

PASTED = f"strange, no?\nFrom: Parcel service <info@parcel-fee.example>\nSent: Sunday\nTo: me\nSubject: Your parcel\n\n{LURE}"
WIRE = (
    "Return-Path: <x@parcel-fee.example>\nReceived: from a by b; Sun, 17 Mar 2030 08:59:00 +0000\n"
    "Message-ID: <1@parcel-fee.example>\n"
    f"From: Parcel service <info@parcel-fee.example>\nSubject: Your parcel\n\n{LURE}"
)


@pytest.mark.parametrize(
    "text", [PASTED, WIRE, PASTED.replace("http://", "hxxp://").replace(".example/", "[.]example/")]
)
def test_a_pasted_mail_is_a_report(house: House, text: str) -> None:
    house.say(DANA, text.format(fee="1.99", path="pay"))
    house.settle()
    assert "Got it: SEC-101. We are checking “pasted.eml” now." in house.told(DANA)
    joined = house.send(JONAS, lure(1))
    assert "SEC-101" in as_text(joined.card)


def test_pasted_headers_may_be_long(house: House) -> None:
    hops = "".join(f"Received: from mx{n} by relay{n}; Sun, 17 Mar 2030 08:59:00 +0000\n" for n in range(100))
    text = "is this real?\n" + WIRE.format(fee="1.99", path="pay").replace("Received:", hops + "Received:", 1)
    house.say(DANA, text)
    house.settle()
    assert (len(text) > 6_000, "Got it: SEC-101." in house.told(DANA)) == (True, True)
    assert "SEC-101" in as_text(house.send(JONAS, lure(1)).card)
    assert house.timeline("SEC-101")[0] == ("opened", "is this real?")


def test_text_alone_is_a_report_after_the_button(house: House) -> None:
    text = LURE.format(fee="1", path="x")
    house.press(DANA, "reporting.start")
    house.say(DANA, text)
    house.settle()
    assert "Got it: SEC-101." in house.told(DANA)
    assert house.app.core.dialogue(house.key(DANA), fakes_place(house, DANA)) is None


def fakes_place(house: House, who: str) -> str:
    from bot.turn import place_key

    return place_key(house.place(who))


def test_a_question_after_the_button_is_a_question(house: House) -> None:
    house.press(DANA, "reporting.start")
    house.say(DANA, "how do I report?")
    assert house.count("mail") == 0


def test_a_screenshot_without_a_code_is_answered_with_the_way_to_forward(house: House) -> None:
    import io

    from PIL import Image

    from tests.unit.test_letters import qr  # noqa: F401

    out = io.BytesIO()
    Image.new("RGB", (1170, 2532), "white").save(out, "PNG")
    reply = house.send(DANA, out.getvalue(), "IMG_0042.PNG")
    text = as_text(reply.card)
    assert ("iPhone" in text, "Forward" in text, house.count("mail")) == (True, True, 0)
    out = io.BytesIO()
    Image.new("RGB", (1080, 2400), "white").save(out, "PNG")
    which = house.send(DANA, out.getvalue(), "image.png")
    assert labels(which.card)[:2] == ["iPhone", "Android"]
    assert "three dots" in as_text(house.press_label(DANA, which.card, "Android").card)


def test_a_code_in_a_screenshot_is_read_and_checked(home: Any, db: Any, contents: Any) -> None:
    from tests.unit.test_letters import qr

    house = House(home, db, contents)
    reply = house.send(DANA, qr("https://paypal.account-check.evil.example/login"), "Screenshot_20300317.png")
    text = as_text(reply.card)
    assert "Got it: SEC-101." in text
    assert "It leads to hxxps://paypal[.]account-check[.]evil[.]example/…" in text
    assert "three dots" in text
    house.settle()
    (row,) = house.rows("SELECT facts FROM mail")
    assert "hxxps://paypal[.]account-check[.]evil[.]example" in row["facts"]
    house.close()
