"""The reporting mailbox from end to end: letters in over IMAP, answers out over SMTP or by chat, once, for the right people."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest

from adapters.mailboxes.imap import ImapAccount, ImapMailbox
from adapters.mailers.channel import MOST_AN_HOUR, MailChannel
from adapters.mailers.smtp import SmtpAccount, SmtpServer
from adapters.stores.letters import SqlLetterStore
from bot.app import posting
from bot.cards import as_text
from bot.errors import ChannelError, RetryLater, StoreUnavailable, Unreachable
from bot.model import Place
from bot.reporting.postbox import TALK_AN_HOUR
from bot.reporting.unpack import Letter
from bot.reporting.watching import CRASHES, TRIES, Watch
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, JONAS, SAM, FailingDb, House
from tests.fakes.imap import FakeImap
from tests.fakes.letters import BOX, PHISH, inline, letter
from tests.fakes.smtp import FakeSmtp

contents, home = fakes.contents, fakes.home
ADDRESS = "dana.reyes@northwind.example"
GATEWAY = "mx.northwind.example"
PASSED = f"{GATEWAY}; dmarc=pass header.from=northwind.example"


@pytest.fixture
def imap() -> Iterator[FakeImap]:
    made = FakeImap(user=BOX)
    yield made
    made.close()


@pytest.fixture
def smtp() -> Iterator[FakeSmtp]:
    made = FakeSmtp()
    yield made
    made.close()


class Office(House):
    """The house with a mailbox and a mail server."""

    def __init__(
        self, home: Any, db: Any, contents: Any, imap: FakeImap, smtp: FakeSmtp | None, **settings: Any
    ) -> None:
        made = {name: settings.pop(name) for name in ("pagers", "clock") if name in settings}
        given = {"mailbox_host": "127.0.0.1", "mailbox_port": imap.port, "mailbox_security": "none", "mailbox_user": BOX,
                 "mailbox_password": imap.password, **settings}  # fmt: skip
        if smtp:
            given |= {"smtp_host": "127.0.0.1", "smtp_port": smtp.port, "smtp_security": "none"}
        super().__init__(home, db, contents, settings=given, **made)
        self.imap, self.smtp = imap, smtp
        self.watch = self.new_watch()

    def new_watch(self) -> Watch:
        """As a process that has just started."""
        box = posting.mailbox(self.app.settings, None)
        assert box
        return posting.watch(self.app, box, fakes.InProcess(), deliver=self.app.deliver)

    def arrives(self, *letters: bytes) -> None:
        """Letters come in and are taken."""
        self.imap.deliver(*letters)
        self.clock.forward(1)
        self.watch.look()

    def mail(self, who: str = DANA) -> EmailMessage:
        """The last mail that somebody got."""
        assert self.smtp
        return self.smtp.mails(f"{who}@northwind.example")[-1]

    def mailed(self, who: str = DANA) -> str:
        assert self.smtp
        return "\n".join(plain(mail) for mail in self.smtp.mails(f"{who}@northwind.example"))

    def folders(self) -> dict[str, int]:
        return {name: len(mails) for name, mails in self.imap.folders.items() if mails}

    def close(self) -> None:
        self.watch._mailbox.close()
        super().close()


@pytest.fixture
def office(db: Any, home: Any, contents: Any, imap: FakeImap, smtp: FakeSmtp) -> Iterator[Office]:
    made = Office(home, db, contents, imap, smtp)
    yield made
    made.close()


@pytest.fixture
def guarded(db: Any, home: Any, contents: Any, imap: FakeImap, smtp: FakeSmtp) -> Iterator[Office]:
    """With a gateway that vouches for senders."""
    made = Office(home, db, contents, imap, smtp, authserv_id=GATEWAY)
    yield made
    made.close()


def plain(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body
    return str(body.get_content())


def html(mail: EmailMessage) -> str:
    body = mail.get_body(("html",))
    assert body
    return str(body.get_content())


def reply_to(mail: EmailMessage, text: str, number: int = 50, **more: str) -> bytes:
    """What somebody answers to a mail of ours."""
    quoted = "\n".join("> " + line for line in plain(mail).splitlines())
    return letter(f"Re: {mail['Subject']}", f"{text}\n\nOn Sunday the desk wrote:\n{quoted}", number=number,
                  In_Reply_To=str(mail["Message-ID"]), **more)  # fmt: skip


def pressing(mail: EmailMessage, label: str, number: int = 60, **more: Any) -> bytes:
    """The mail that a click on a button of ours makes."""
    from urllib.parse import unquote

    (href,) = re.findall(rf'href="mailto:[^"?]+\?subject=([^"]+)">{label}<', html(mail))
    return letter(unquote(href), "", number=number, **more)


# reports ------------------------------------------------------------------------------------------------------------


def test_a_forward_is_a_report_and_is_answered_by_mail(office: Office) -> None:
    office.arrives(letter(mails=[PHISH]))
    assert office.folders() == {"Processed": 1}
    assert "Got it: SEC-101. We are checking “mail-1.eml” now." in office.mailed()
    office.settle()
    assert "Your report SEC-101" in office.mailed()
    assert [row["person"] for row in office.rows("SELECT person FROM submission")] == [office.key(DANA)]
    assert (office.ticket().kind, office.count("letter")) == ("report", 1)
    assert office.whole()


@pytest.mark.parametrize("program", ["gmail", "outlook", "apple"])
def test_an_inline_forward_joins_the_case_of_the_mail_itself(office: Office, program: str) -> None:
    office.send(JONAS, PHISH)
    office.arrives(inline(program, "is this real?"))
    office.settle()
    assert (len(office.tickets()), office.count("mail")) == (1, 2)
    assert ("reported_again", "is this real?") in [
        (kind, text.rpartition(": ")[2]) for kind, text in office.timeline("SEC-101")
    ]
    assert "SEC-101" in office.mailed()


def test_several_mails_in_one_letter_are_several_reports(office: Office) -> None:
    other = b"From: Ana <ana@shop.example>\r\nSubject: Great offer\r\n\r\nBuy one umbrella and get a second for nothing today."
    office.arrives(letter(mails=[PHISH, other]))
    assert (office.count("mail"), len(office.tickets())) == (2, 2)
    assert office.mailed().count("Got it:") == 2


def test_who_is_on_chat_is_answered_there(office: Office) -> None:
    office.say(DANA, "hello")
    office.arrives(letter(mails=[PHISH]))
    office.settle()
    assert ("Got it: SEC-101" in office.told(DANA), office.smtp.taken if office.smtp else None) == (True, [])
    assert "Your report SEC-101" in office.told(DANA)


def test_what_our_mails_say_of_themselves(office: Office) -> None:
    office.arrives(letter(mails=[PHISH]))
    mail = office.mail()
    assert ("auto-replied", "All", "1", "<letter-1@northwind.example>") == tuple(
        str(mail[name]) for name in ("Auto-Submitted", "X-Auto-Response-Suppress", "X-Secdesk", "In-Reply-To")
    )
    assert str(mail["From"]) == f'"Northwind (sample) security help desk" <{BOX}>'
    assert (str(mail["Content-Language"]), "http" in html(mail)) == ("en", False)
    assert office.app.report_store.mail(office.rows("SELECT sha256 FROM mail")[0]["sha256"])


def test_a_screenshot_by_mail_is_answered_with_the_way_to_forward(office: Office) -> None:
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (1170, 2532), "white").save(out, "PNG")
    message = EmailMessage()
    message["From"], message["To"], message["Subject"], message["Message-ID"] = ADDRESS, BOX, "look", "<s1@x>"
    message.set_content("is this real?")
    message.add_attachment(out.getvalue(), maintype="image", subtype="png", filename="IMG_1.PNG")
    office.arrives(message.as_bytes())
    assert f"Send it to {BOX}" in office.mailed()
    assert office.count("mail") == 0


def test_a_wanted_mail_by_the_report_button_says_so(office: Office) -> None:
    office.arrives(letter("2|8f6a|203.0.113.5|x@y.example|(Your parcel)", "", mails=[PHISH]))
    assert office.timeline("SEC-101")[0] == ("opened", "The reporter says that this is wanted mail.")


def test_a_report_for_somebody_else_by_mail(office: Office) -> None:
    office.arrives(letter(text="this is for Jonas Keller", mails=[PHISH]))
    office.settle()
    assert "They get the answer too." in office.mailed()
    assert "Dana Reyes reported this mail for you." in office.mailed(JONAS)


# whose letter it is -------------------------------------------------------------------------------------------------


def test_only_who_the_gateway_vouches_for_is_known(guarded: Office) -> None:
    forged = letter(mails=[PHISH], number=1)
    guarded.arrives(forged, letter(mails=[PHISH], number=2, Authentication_Results=PASSED))
    guarded.settle()
    people = {row["person"] for row in guarded.rows("SELECT person FROM submission")}
    assert (guarded.key(DANA) in people, len(people)) == (True, 2)
    assert guarded.mailed().count("Got it:") == 1  # the forged one is examined, and nobody is answered
    assert len(guarded.smtp.taken if guarded.smtp else []) == 2


def test_an_outsiders_forward_is_examined_and_not_answered(office: Office) -> None:
    office.arrives(letter(sender="Partner <p@partner.example>", mails=[PHISH]))
    office.settle()
    assert (office.count("mail"), office.smtp.taken if office.smtp else None) == (1, [])
    assert office.rows("SELECT kind FROM mail")[0]["kind"] != ""


@pytest.mark.parametrize(
    "data",
    [letter("cheap watches", "buy now", sender="Spam <s@spam.example>"),
     letter("I hacked your account", "I have your password, pay 500 now", sender="X <x@evil.example>")],
)  # fmt: skip
def test_what_strangers_write_is_put_aside(office: Office, data: bytes) -> None:
    office.arrives(data)
    assert (office.folders(), office.tickets(), office.pager.pages) == ({"Other": 1}, [], [])


def test_a_forged_sender_cannot_touch_what_another_reported(office: Office) -> None:
    """No gateway is set: the worst that a forger can do is a report in somebody's name, which they hear of."""
    office.say(DANA, "hello")
    office.press(DANA, "tickets.person", "about my laptop")
    before = office.timeline("SEC-101")
    office.send(DANA, PHISH)
    (sub,) = office.rows("SELECT id FROM submission")
    office.arrives(
        letter("close it", "please close SEC-101, all is well", number=1),
        letter(f"Take it back SEC-102:{sub['id']}", "reporting.undo", number=2),
        letter("Re: Your report SEC-102", "1", number=3, In_Reply_To=f"<sd.{'0' * 32}.{'0' * 16}@northwind.example>"),
    )
    office.settle()
    assert before == office.timeline("SEC-101")
    assert [row["withdrawn"] for row in office.rows("SELECT withdrawn FROM submission")] == [0]
    assert {ticket.state for ticket in office.tickets() if ticket.number in {"SEC-101", "SEC-102"}} == {"open"}


def test_an_answer_from_another_address_is_nobodys(office: Office) -> None:
    office.arrives(letter(mails=[PHISH]))
    office.arrives(pressing(office.mail(), "Take it back", sender="Jonas <jonas.keller@northwind.example>"))
    assert [row["withdrawn"] for row in office.rows("SELECT withdrawn FROM submission")] == [0]


# answers ------------------------------------------------------------------------------------------------------------


def test_an_accidental_report_is_undone_by_a_click_in_the_mail(office: Office) -> None:
    office.arrives(letter(mails=[PHISH]))
    office.arrives(pressing(office.mail(), "Take it back"))
    assert "Taken back. I have deleted my copy of “mail-1.eml”." in plain(office.mail())
    office.settle()
    assert (office.ticket().state, office.rows("SELECT state FROM mail")[0]["state"]) == ("resolved", "withdrawn")


def test_an_answer_with_the_number_does_the_same(office: Office) -> None:
    office.arrives(letter(mails=[PHISH]))
    assert "answer this mail with the number alone" in office.mailed()
    office.arrives(reply_to(office.mail(), "1"))
    assert "Taken back." in plain(office.mail())


def test_a_question_in_the_mail_is_answered_in_words(office: Office) -> None:
    office.arrives(letter(mails=[PHISH]))
    office.arrives(reply_to(office.mail(), "2"))
    assert "Who got this mail?" in plain(office.mail())
    office.arrives(reply_to(office.mail(), "Jonas Keller", number=51))
    assert "Noted: SEC-101 is for Jonas Keller." in plain(office.mail())


def test_who_sees_it_differently_says_so_by_mail(office: Office) -> None:
    office.arrives(letter(mails=[PHISH]))
    office.settle()
    office.arrives(pressing(office.mail(), "I see it differently"))
    assert "A person will look at SEC-101 by " in plain(office.mail())
    assert "disputed" in [kind for kind, _ in office.timeline("SEC-101")]


def test_the_desk_answers_by_mail_and_the_talk_goes_on(office: Office) -> None:
    office.arrives(letter(mails=[PHISH]))
    office.settle()
    office.act("reply", "SEC-101", SAM, "Did you pay?")
    office.settle()
    assert "> Did you pay?" in plain(office.mail())
    office.arrives(reply_to(office.mail(), "No, I did not."))
    assert ("said", "No, I did not.") in office.timeline("SEC-101")


def test_a_cry_for_help_in_a_letter_is_heard_first(office: Office) -> None:
    office.arrives(letter(text="I clicked the link and typed my password", mails=[PHISH]))
    assert sorted(ticket.severity for ticket in office.tickets()) == ["S1", "S3"]
    office.settle()
    assert len(office.pager.pages) == 1
    assert "Got it:" in office.mailed()


def test_a_question_by_mail_is_answered_by_mail(office: Office) -> None:
    office.arrives(letter("Question", "how do I report a phishing mail?"))
    assert office.folders() == {"Processed": 1}
    assert len(office.mailed()) > 100


# loops --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [{"Auto_Submitted": "auto-replied"}, {"X_Autoreply": "yes"}, {"Return_Path": "<>"}, {"Precedence": "auto_reply"}],
)
def test_machines_are_not_answered(office: Office, headers: dict[str, str]) -> None:
    office.arrives(letter(mails=[PHISH]))
    sent = len(office.smtp.taken if office.smtp else [])
    office.arrives(reply_to(office.mail(), "I am away until Monday", **headers))
    assert (len(office.smtp.taken if office.smtp else []), office.folders()) == (sent, {"Processed": 2})


def test_our_own_mail_that_comes_back_does_nothing(office: Office) -> None:
    office.arrives(letter(mails=[PHISH]))
    before = office.counts()
    office.arrives(office.mail().as_bytes(), letter(sender=f"Us <{BOX}>", mails=[PHISH], number=3))
    after = office.counts()
    assert {name: n for name, n in after.items() if name not in {"letter", "letter_seen"}} == {
        name: n for name, n in before.items() if name not in {"letter", "letter_seen"}
    }


def test_a_machine_without_marks_is_not_answered_for_ever(office: Office) -> None:
    for number in range(TALK_AN_HOUR + 5):
        office.arrives(letter("away", f"I am not in the office, day {number}", number=number))
    assert len(office.smtp.taken if office.smtp else []) <= TALK_AN_HOUR
    assert office.folders()["Other"] == 5


@pytest.mark.slow
def test_one_person_gets_so_many_mails_an_hour(office: Office) -> None:
    for number in range(MOST_AN_HOUR + 3):
        office.arrives(letter(mails=[PHISH.replace(b"1.99", f"{number}.50".encode())], number=number))
    assert office.count("submission") == MOST_AN_HOUR + 3
    assert len(office.smtp.taken if office.smtp else []) == MOST_AN_HOUR


def test_a_list_or_a_generated_mail_is_no_talk_but_a_report_all_the_same(office: Office) -> None:
    office.arrives(letter("news", "our newsletter", List_Id="<news.northwind.example>"))
    office.arrives(letter(mails=[PHISH], number=2, Auto_Submitted="auto-generated"))
    office.settle()
    assert (office.count("submission"), office.smtp.taken if office.smtp else None) == (1, [])


# once ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", ["-MOVE", "+MOVE", "-FETCH", "-SEARCH", "+FETCH"])
def test_a_connection_that_breaks_loses_and_doubles_nothing(office: Office, cut: str) -> None:
    letters = [letter(mails=[PHISH.replace(b"1.99", f"{n}.50".encode())], number=n) for n in range(5)]
    office.imap.deliver(*letters)
    office.imap.cut = cut
    with pytest.raises(ChannelError):
        office.watch.look()
    office.watch = office.new_watch()
    office.watch.look()
    assert (office.count("submission"), office.count("letter"), office.folders()) == (5, 5, {"Processed": 5})


def test_a_second_copy_and_a_mailbox_made_anew_change_nothing(office: Office) -> None:
    data = letter(mails=[PHISH])
    office.arrives(data, b"Received: by mx2.northwind.example; Sun, 17 Mar 2030 10:00:09 +0000\r\n" + data)
    office.watch._mailbox.close()
    office.imap.validity += 1
    office.imap.folders = {"INBOX": {1: data}}
    office.watch.look()
    assert (office.count("submission"), office.count("letter"), len(office.tickets())) == (1, 1, 1)
    assert (office.mailed().count("Got it:"), office.folders()) == (1, {"Processed": 1})


def test_a_database_that_is_away_leaves_the_letter_where_it_is(
    home: Any, db: Any, contents: Any, imap: FakeImap, smtp: FakeSmtp
) -> None:
    failing = FailingDb(db)
    office = Office(home, failing, contents, imap, smtp)
    imap.deliver(letter(mails=[PHISH]))
    failing.read_only = True
    with pytest.raises(StoreUnavailable):
        office.watch.look()
    assert office.folders() == {"INBOX": 1}
    failing.read_only = False
    office.watch.look()
    assert (office.count("submission"), office.folders()) == (1, {"Processed": 1})
    office.close()


def test_a_letter_that_breaks_us_is_moved_aside_and_holds_up_nobody(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = office.watch._postbox._parts.unpack

    def breaks(data: bytes) -> Letter:
        if b"poison" in data:
            raise RuntimeError("broken")
        return real(data)

    object.__setattr__(office.watch._postbox._parts, "unpack", breaks)
    office.arrives(letter("poison", number=1), letter(mails=[PHISH], number=2))
    assert (office.count("submission"), office.folders()) == (1, {"INBOX": 1, "Processed": 1})
    for _ in range(TRIES - 1):
        office.watch.look()
    assert office.folders() == {"Failed": 1, "Processed": 1}


def test_a_letter_that_kills_the_process_is_moved_aside_in_the_end(office: Office) -> None:
    office.imap.deliver(letter(mails=[PHISH]))
    store = SqlLetterStore(office.db)
    for _ in range(CRASHES):
        office.app.work(lambda work: store.attempt(work.tx, f"{BOX}/INBOX", "77", 101, work.at))
    office.watch.look()
    assert office.folders() == {"Failed": 1}


def test_what_cannot_be_read_in_time_is_for_a_person(office: Office) -> None:
    object.__setattr__(office.watch._postbox._parts, "unpack", lambda _data: Letter("d" * 64, fault="time"))
    office.arrives(letter(mails=[PHISH]))
    assert (office.count("mail"), office.folders()) == (1, {"Processed": 1})


def test_one_replica_watches_and_another_takes_over(office: Office) -> None:
    other = office.new_watch()
    other._holder = "second"
    assert (office.watch.look(), other.look()) == (True, False)
    office.clock.forward(200)
    assert (other.look(), office.watch.look()) == (True, False)
    other._mailbox.close()


def test_the_thread_takes_what_comes_and_stops(office: Office) -> None:
    import threading

    taken = threading.Event()
    watch = posting.watch(
        office.app, posting.mailbox(office.app.settings, None), fakes.InProcess(), deliver=lambda _id: taken.set()
    )  # type: ignore[arg-type]
    watch.start()
    office.imap.deliver(letter(mails=[PHISH]))
    assert taken.wait(20)
    watch.stop()
    assert office.count("submission") == 1
    assert (watch.health().level, "letters at the last look" in watch.health().says) == ("ok", True)


def test_trouble_is_told_and_goes_away(office: Office) -> None:
    office.imap.refuses = 1
    with pytest.raises(ChannelError) as error:
        office.watch.look()
    office.watch._trouble(error.value)
    assert office.watch.health().says.startswith("the mail server refuses the sign-in")
    office.watch.look()
    assert office.watch.health().level == "ok"


# without a mail server of our own -----------------------------------------------------------------------------------


def test_without_smtp_reports_are_taken_and_answered_in_the_web_chat(
    db: Any, home: Any, contents: Any, imap: FakeImap
) -> None:
    office = Office(home, db, contents, imap, None)
    office.arrives(letter(mails=[PHISH]))
    office.settle()
    assert "Your report SEC-101" in office.told(DANA)
    office.close()


# the mail server ----------------------------------------------------------------------------------------------------


def channel(office: Office, smtp: FakeSmtp, **account: Any) -> MailChannel:
    server = SmtpServer(SmtpAccount("127.0.0.1", smtp.port, "none", **account))
    return MailChannel(server, BOX, SqlLetterStore(office.db), office.app.vault, office.clock, office.app.identities.who,
                       office.app.organisation)  # fmt: skip


@pytest.mark.parametrize(
    ("answers", "error"),
    [({"RCPT": "550 no such user"}, Unreachable), ({"RCPT": "451 later"}, RetryLater), ({"MAIL": "421 busy"}, RetryLater),
     ({"DATA": "554 refused"}, ChannelError)],
)  # fmt: skip
def test_what_a_mail_server_says_no_to(
    office: Office, smtp: FakeSmtp, answers: dict[str, str], error: type[Exception]
) -> None:
    key = office.analyst(DANA).key
    smtp.answers = answers
    with pytest.raises(error) as caught:
        channel(office, smtp)._send(Place("mail", key), as_card(), "key")
    assert "no such user" not in str(caught.value)


def as_card() -> Any:
    from bot.cards import text_card

    return text_card("Title", "Text")


def test_signing_in_with_a_password_and_with_a_token(office: Office, smtp: FakeSmtp) -> None:
    key = office.analyst(DANA).key
    smtp.login = (BOX, "secret word")
    with pytest.raises(ChannelError, match="refuses"):
        channel(office, smtp)._send(Place("mail", key), as_card(), "a")
    channel(office, smtp, user=BOX, password="secret word")._send(Place("mail", key), as_card(), "a")
    smtp.login, smtp.token = None, (BOX, "token-1")

    class Tokens:
        def __call__(self) -> str:
            return "token-1"

        def forget(self) -> None:
            raise AssertionError

    channel(office, smtp, user=BOX, tokens=Tokens())._send(Place("mail", key), as_card(), "b")
    assert len(smtp.taken) == 2


def test_nobody_there_and_names_with_tricks(office: Office, smtp: FakeSmtp) -> None:
    with pytest.raises(Unreachable):
        channel(office, smtp)._send(Place("mail", "p_nobody"), as_card(), "a")
    assert smtp.taken == []


def test_doctor_asks_both_servers(office: Office) -> None:
    checks = {check.name: check for check in posting.doctor(office.app.settings)}
    assert ("ok", "ok") == (checks["mailbox"].level, checks["answers by mail"].level)
    assert "IDLE, MOVE" in checks["mailbox"].says
    assert office.smtp is not None
    assert office.smtp.taken == []
    office.imap.refuses = 1
    assert {check.name: check.level for check in posting.doctor(office.app.settings)}["mailbox"] == "bad"


def test_forgetting_somebody_takes_their_letters(office: Office) -> None:
    office.arrives(letter(mails=[PHISH]))
    office.settle()
    office.app.forget(DANA)
    assert (office.count("letter"), office.count("submission")) == (0, 0)
    text = office.everything()
    assert (ADDRESS in text, "Dana Reyes" in text) == (False, False)


def test_mail_and_imap_are_what_the_settings_say(office: Office) -> None:
    assert isinstance(office.watch._mailbox, ImapMailbox)
    assert repr(ImapAccount("h", "u", "secret")).count("secret") == 0
    assert as_text(as_card()) == "Title\nText"
