"""Tips for who is on mail only, over a real SMTP socket: answered by link or reply, put off, ended, data handed over."""

from __future__ import annotations

import json
import re
from email.message import EmailMessage
from html import escape
from urllib.parse import unquote

import pytest

from bot.learning.shapes import Lesson
from bot.organisation import fill
from tests.contract import test_postbox as post
from tests.contract.test_postbox import Office, letter, plain, pressing, reply_to
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA

contents, home, imap, smtp, office = fakes.contents, fakes.home, post.imap, post.smtp, post.office


def tip(office: Office) -> tuple[EmailMessage, Lesson]:
    """Dana's first tip, by mail, and its lesson. It was never written to in a chat."""
    app = office.app
    app.identities.meet_all([office.person(DANA)], office.clock.now())
    app.nudge_send(now=True)
    app.deliver_waiting()
    row = office.rows("SELECT lesson FROM nudge WHERE person = :person", person=office.key(DANA))[0]
    return office.mail(), app.contents.lessons.current.lessons[row["lesson"]]


def filled(office: Office, text: str) -> str:
    return fill(text, office.app.organisation().values("uk", "en"))[0]


def answers(office: Office) -> list[str]:
    return [row["choice"] for row in office.app.nudges.store.answers(office.key(DANA), office.clock.now())]


def states(office: Office) -> list[str]:
    rows = office.rows("SELECT state FROM nudge WHERE person = :person ORDER BY at", person=office.key(DANA))
    return [row["state"] for row in rows]


def test_a_tip_goes_by_mail_whole_and_says_how_it_is_ended(office: Office) -> None:
    mail, lesson = tip(office)
    assert mail["Subject"] == lesson.title["en"]
    said = plain(mail)
    assert lesson.question.prompt["en"] in said
    assert all(filled(office, option.text["en"]) in said for option in lesson.question.options)
    assert str(mail["Auto-Submitted"]) == "auto-generated"
    assert re.fullmatch(
        r"<mailto:report@northwind\.example\?subject=%5Bsd-[0-9a-f-]+%5D>", str(mail["List-Unsubscribe"])
    )
    assert "http" not in said  # no link is taught


@pytest.mark.parametrize("how", ["link", "letter", "number", "words"])
def test_its_question_is_answered_by_link_or_reply_once(office: Office, how: str) -> None:
    mail, lesson = tip(office)
    right = lesson.question.right
    place = [option.id for option in lesson.question.options].index(right.id)
    says = {"letter": "abcd"[place], "number": str(place + 1), "words": filled(office, right.text["en"])}
    for number in (70, 71):
        office.arrives(
            pressing(mail, re.escape(escape(filled(office, right.text["en"]))), number)
            if how == "link"
            else reply_to(mail, says[how], number)
        )
        assert right.feedback["en"].partition("{")[0] in plain(office.mail())
    assert (states(office), answers(office)) == (["answered"], [right.id])


def test_the_unsubscribe_of_a_mail_program_ends_tips(office: Office) -> None:
    mail, _ = tip(office)
    (subject,) = re.findall(r"subject=([^>]+)>", str(mail["List-Unsubscribe"]))
    office.arrives(letter(unquote(subject), "", number=72))
    assert "Fine, no more tips." in plain(office.mail())
    record = office.app.nudges.store.records([office.key(DANA)], 0.0)[office.key(DANA)]
    assert record.stopped
    office.clock.forward(30 * 86_400)
    assert office.app.nudges.plan(office.clock.now(), only={office.key(DANA)})[0].reason == "stopped"


def test_nobody_else_can_unsubscribe_or_answer_for_somebody(office: Office) -> None:
    mail, _ = tip(office)
    (subject,) = re.findall(r"subject=([^>]+)>", str(mail["List-Unsubscribe"]))
    office.arrives(letter(unquote(subject), "", number=73, sender="jonas.keller@northwind.example"))
    office.arrives(letter(unquote(subject)[:-4] + "000]", "", number=74))
    record = office.app.nudges.store.records([office.key(DANA)], 0.0)[office.key(DANA)]
    assert not record.stopped


def test_less_often_and_a_day_to_come_back_work_by_mail(office: Office) -> None:
    mail, _ = tip(office)
    office.arrives(pressing(mail, "Less often", 75))
    assert "half as many tips" in plain(office.mail())
    office.arrives(reply_to(mail, "Later", 76))
    assert "When should it come back?" in plain(office.mail())
    office.arrives(reply_to(office.mail(), "1 January 2020", 77))
    assert "is not ahead of us" in plain(office.mail())
    office.arrives(reply_to(office.mail(), "15 May", 78))
    assert "It comes back on Wednesday 15 May 2030." in plain(office.mail())
    assert states(office) == ["later"]


def test_who_is_on_mail_only_gets_the_file_of_their_data_by_mail(office: Office) -> None:
    mail, _ = tip(office)
    office.arrives(reply_to(mail, "my data", 79))
    office.arrives(pressing(office.mail(), "Get it all as a file", 80))
    (file,) = office.mail().iter_attachments()
    assert file.get_filename() == "my-data.json"
    tables = json.loads(file.get_payload(decode=True))["tables"]  # type: ignore[arg-type]
    assert [row["person"] for row in tables["nudge"]] == [office.key(DANA)]
