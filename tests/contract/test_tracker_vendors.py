"""Jira Service Management, ServiceNow, webhook and mail, against servers that check what they are sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from adapters.mailboxes.imap import ImapAccount, ImapMailbox
from adapters.mailers.smtp import SmtpAccount, SmtpServer
from adapters.stores.open import open_db
from adapters.trackers.jira import JiraServiceManagement
from adapters.trackers.mail import Answer, Folders, MailTracker
from adapters.trackers.plain import from_html, key_in, seconds, signed
from adapters.trackers.rt import RequestTracker
from adapters.trackers.servicenow import ServiceNow
from adapters.trackers.webhook import PATH, Hook, WebhookTracker, headers
from adapters.trackers.wire import checked
from bot.app.contents import Contents
from bot.app.tracking import doctor, endpoints
from bot.errors import ChannelError, ConfigError, NotFound, RetryLater, StoreUnavailable
from bot.ports import Pushed, TicketLine, Tracker
from bot.reporting.unpack import unpack
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, SAM, FakeClock, House
from tests.fakes.imap import FakeImap
from tests.fakes.smtp import FakeSmtp
from tests.fakes.vendors import TOKEN, USER, FakeJira, FakeReceiver, FakeRt, FakeServiceNow, Server

contents, home = fakes.contents, fakes.home
SAMS = "sam.ortiz@northwind.example"
LINE = TicketLine("SEC-7/1", "SEC-7", "open", "It is “lost”\nsince Monday", subject="My badge\nis lost", author="Dana",
                  requester="Dana Reyes", requester_mail="dana@northwind.example", severity="S2", url="https://desk.example/7",
                  at=1_900_000_000.0)  # fmt: skip


class Vendor:
    """One vendor's fake, the adapter for it, and what people do there."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.fake: Any = {"jira": FakeJira, "servicenow": FakeServiceNow, "rt": FakeRt}[name]()
        self.settings = {"tracker": name, "tracker_url": self.fake.url, "tracker_user": USER, "tracker_token": TOKEN}
        if name == "rt":
            self.settings["tracker_queue"] = "Security"
        if name == "jira":
            self.settings |= {"tracker_queue": "SEC", "tracker_desk": "5", "tracker_type": "20"}

    @property
    def tracker(self) -> Tracker:
        if self.name == "jira":
            return JiraServiceManagement(self.fake.url, USER, TOKEN, "SEC", "5", "20")
        if self.name == "rt":
            return RequestTracker(self.fake.url, TOKEN, "Security")
        return ServiceNow(self.fake.url, USER, TOKEN)

    @property
    def rows(self) -> list[dict[str, Any]]:
        kept = {"jira": "issues", "servicenow": "incidents", "rt": "tickets"}[self.name]
        return list(getattr(self.fake, kept).values())

    def write(self, text: str, *, public: bool = True) -> None:
        if self.name == "jira":
            self.fake.write(self.rows[0], "acc-kim", text, public=public)
        elif self.name == "rt":
            quoted = f"Re: My badge [{key_in(text)}]" if key_in(text) else ""
            self.fake.write(self.rows[0], "kim", text, "Correspond" if public else "Comment", quoted, "Email")
        else:
            self.fake.write(self.rows[0], "kim", text, "comments" if public else "work_notes")

    def close_ticket(self) -> None:
        name, value = {"jira": ("status", "4"), "servicenow": ("state", "7"), "rt": ("Status", "resolved")}[self.name]
        self.rows[0][name] = value

    def words(self) -> list[str]:
        """What was written there, without keys."""
        if self.name == "jira":
            texts = [one["body"] for one in self.rows[0]["comments"]]
        elif self.name == "rt":
            texts = [one["text"] for one in self.rows[0]["words"] if one["kind"] != "Create"]
        else:
            texts = [one["value"] for one in self.fake.journal]
        return [text.rpartition("\n\n[")[0] if key_in(text) else text for text in texts]


@pytest.fixture(params=["rt", "jira", "servicenow"])
def vendor(request: pytest.FixtureRequest) -> Iterator[Vendor]:
    made = Vendor(request.param)
    yield made
    made.fake.close()
    assert made.fake.faults == []


def test_every_kind_of_line_is_of_the_published_shape(vendor: Vendor) -> None:
    tracker = vendor.tracker
    assert tracker.find("SEC-7") == ""
    remote = tracker.open(LINE)
    assert vendor.tracker.find("SEC-7") == remote
    assert vendor.tracker.find("SEC-70") == vendor.tracker.find("SEC-9") == ""
    assert tracker.send(remote, replace(LINE, key="SEC-7/2", kind="said", text="Where?")) == ""
    assert tracker.send(remote, replace(LINE, key="SEC-7/3", kind="note", text="Again")) == ""
    assert [tracker.has(remote, f"SEC-7/{n}") for n in (2, 3, 4)] == [True, True, False]
    for status in ("waiting", "waiting", "open", "resolved", "open"):
        line = replace(LINE, key="SEC-7/5", kind="status", status=status)  # type: ignore[arg-type]
        assert tracker.send(remote, line) == status
    for severity in ("S3", "S0", "S1"):
        line = replace(LINE, key="SEC-7/6", kind="severity", severity=severity)  # type: ignore[arg-type]
        assert tracker.send(remote, line) == severity
    held = replace(LINE, key="SEC-7/7", kind="owner", owner="Sam", owner_mail=SAMS)
    assert tracker.send(remote, held) == SAMS
    stranger = replace(held, key="SEC-7/8", owner="Zoe", owner_mail="zoe@nowhere.example")
    assert tracker.send(remote, stranger) == SAMS  # said in a note, and the holder stays
    assert tracker.send(remote, replace(held, owner="", owner_mail="")) == ""
    stands = tracker.ticket(remote)
    assert stands is not None
    assert (stands.status, stands.owner, stands.severity) == ("open", "", "S1")
    assert [word.key for word in stands.words] == ["SEC-7/2", "SEC-7/3", "SEC-7/8"]
    assert [word.internal for word in stands.words] == [False, True, True]
    assert tracker.changed("", 0.0)[0] == [remote]
    assert tracker.ticket({"jira": "SEC-999", "servicenow": "f" * 32, "rt": "99"}[vendor.name]) is None
    assert tracker.look().startswith(tracker.label)


def test_what_others_wrote_is_told_from_what_quotes_us(vendor: Vendor) -> None:
    remote = vendor.tracker.open(LINE)
    vendor.write(signed("> Where?", "SEC-7/2"))
    vendor.write("hush", public=False)
    stands = vendor.tracker.ticket(remote)
    assert stands is not None
    found = [(word.author, word.mail, word.key, word.internal) for word in stands.words]
    assert found == [("Kim", "kim@northwind.example", "", False), ("Kim", "kim@northwind.example", "", True)]


@pytest.mark.parametrize(("status", "error", "seconds_"), [
    (429, RetryLater, 120.0), (503, RetryLater, 0.0), (401, ChannelError, None), (403, ChannelError, None),
    (302, ChannelError, None),
])  # fmt: skip
def test_refusals(vendor: Vendor, status: int, error: type[ChannelError], seconds_: float | None) -> None:
    vendor.fake.trouble = [status]
    with pytest.raises(error) as raised:
        vendor.tracker.find("SEC-7")
    assert isinstance(raised.value, RetryLater) == (seconds_ is not None)
    assert getattr(raised.value, "seconds", None) == seconds_
    assert TOKEN not in str(raised.value)


def test_nobody_there_and_a_lost_answer(vendor: Vendor) -> None:
    vendor.fake.lose = 1
    with pytest.raises(RetryLater, match="cannot be reached"):
        vendor.tracker.open(replace(LINE, severity="S1"))
    assert vendor.tracker.find("SEC-7") != ""
    gone = ServiceNow("http://127.0.0.1:9", USER, TOKEN)
    with pytest.raises(RetryLater, match=r"cannot be reached \(ConnectionRefusedError\)"):
        gone.find("SEC-7")


def test_a_workflow_that_cannot_be_ended_is_a_reason_and_one_without_waiting_is_none() -> None:
    with closing(FakeJira(moves={"2"})) as fake:
        tracker = JiraServiceManagement(fake.url, USER, TOKEN, "SEC", "5", "20")
        remote = tracker.open(LINE)
        assert tracker.send(remote, replace(LINE, kind="status", status="waiting")) == "open"
        with pytest.raises(ChannelError, match="no transition to a status that means resolved"):
            tracker.send(remote, replace(LINE, kind="status", status="resolved"))


@contextmanager
def house_with(folder: Path, home: Path, contents: Contents, settings: dict[str, Any], **given: Any) -> Iterator[House]:
    db = open_db("", folder)
    made = House(home, db, contents, settings=settings, **given)
    yield made
    made.close()
    db.close()


def minute(house: House) -> None:
    house.settle()
    house.clock.forward(900)  # the longest pause
    assert house.app.tracking
    house.app.tracking.poll({})
    house.settle()


def test_both_ways_and_answers_that_get_lost(vendor: Vendor, tmp_path: Path, home: Path, contents: Contents) -> None:
    with house_with(tmp_path, home, contents, vendor.settings) as house:
        house.press(DANA, "tickets.person", "", {"text": "My badge is lost"})
        number = house.ticket().number
        house.act("claim", number)
        house.act("reply", number, SAM, "Where did you see it last?")
        vendor.fake.lose = 3  # opening, holder, first words: each has its effect, and nobody hears of it
        for _ in range(5):
            minute(house)
        assert len(vendor.rows) == 1
        said = vendor.words()
        assert len(said) == 2  # the conversation, the reply
        assert said[1].endswith("Where did you see it last?")
        house.act("note", number, SAM, "Second one")
        vendor.write("At the door")
        vendor.close_ticket()
        for _ in range(3):
            minute(house)
        assert [text for kind, text in house.timeline(number) if kind == "reply"][1:] == ["Kim: At the door"]
        assert house.ticket().state == "resolved"
        assert vendor.words().count("Second one") == 1
        assert len(vendor.words()) == 4
        assert {check.level for check in doctor(house.app)} == {"ok"}
        vendor.fake.trouble = [401]
        assert next(iter(doctor(house.app))).level == "bad"


# the webhook ----------------------------------------------------------------------------------------------------------------


def test_lines_are_posted_signed_and_taken_once() -> None:
    clock = FakeClock()
    with closing(FakeReceiver(now=clock.now)) as fake:
        tracker = WebhookTracker(fake.url + "/in", fake.secret, clock)
        for _ in range(2):
            assert tracker.open(LINE) == "SEC-7"
        assert [line["key"] for line in fake.lines] == ["SEC-7/1"]
        assert fake.lines[0]["text"] == LINE.text
        assert fake.faults == []
        with pytest.raises(ChannelError, match="refuses our sign-in"):
            WebhookTracker(fake.url, "another secret", clock).open(LINE)


class Inbox:
    """Stands for the desk behind the hook."""

    def __init__(self) -> None:
        self.got: list[Pushed] = []
        self.error: Exception | None = None

    def __call__(self, pushed: Pushed) -> None:
        if self.error:
            raise self.error
        self.got.append(pushed)


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def hook(inbox: Inbox) -> TestClient:
    async def run(work: Any) -> None:
        work()

    return TestClient(Hook("s", FakeClock(), inbox, run))  # type: ignore[arg-type]


UPDATE = {
    "schema": "secdesk.update/1",
    "id": "u1",
    "ticket": "SEC-7",
    "status": "resolved",
    "reply": {"text": "Done", "author": "Kim"},
}
NOW = int(FakeClock().now())


def post(hook: TestClient, body: Any, *, at: int = NOW, secret: str = "s") -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return hook.post(PATH, content=raw, headers=dict(headers(secret, at, raw)))


def test_a_signed_update_is_taken(hook: TestClient, inbox: Inbox) -> None:
    assert post(hook, UPDATE).json() == {"taken": True}
    (pushed,) = inbox.got
    assert (pushed.id, pushed.number, pushed.ticket.status, pushed.ticket.owner) == ("u1", "SEC-7", "resolved", None)
    assert [(word.author, word.text) for word in pushed.ticket.words] == [("Kim", "Done")]


@pytest.mark.parametrize(("more", "status"), [
    ({"secret": "x"}, 401), ({"at": NOW - 301}, 401), ({"at": NOW + 301}, 401), ({"at": NOW - 299}, 200),
])  # fmt: skip
def test_who_is_not_genuine_is_refused(hook: TestClient, inbox: Inbox, more: Any, status: int) -> None:
    assert (post(hook, UPDATE, **more).status_code, len(inbox.got)) == (status, int(status == 200))


@pytest.mark.parametrize("body", [
    b"", b"[]", b"{", {**UPDATE, "more": 1}, {**UPDATE, "ticket": "SEC-7; DROP"}, {**UPDATE, "status": "gone"},
    {**UPDATE, "id": ""},
    {**UPDATE, "reply": {"text": "x" * 20_001}}, {**UPDATE, "reply": {"text": 5}},
])  # fmt: skip
def test_what_is_not_of_the_form_is_refused_without_repeating_it(hook: TestClient, inbox: Inbox, body: Any) -> None:
    answer = post(hook, body)
    assert (answer.status_code, inbox.got) == (400, [])
    assert "DROP" not in answer.text


def test_the_hooks_other_answers(hook: TestClient, inbox: Inbox) -> None:
    assert hook.get(PATH).status_code == 405
    assert hook.post(PATH, content=json.dumps(UPDATE).encode()).status_code == 401
    assert post(hook, b"x" * 300_000).status_code == 413
    for error, status in ((NotFound("x"), 404), (StoreUnavailable("x"), 503)):
        inbox.error = error
        assert post(hook, UPDATE).status_code == status


# mail -----------------------------------------------------------------------------------------------------------------------


def letter(references: str, text: str, sender: str = "Kim <kim@northwind.example>", **more: str) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"], mail["Message-ID"] = (
        sender,
        "desk@northwind.example",
        "Re: x",
        "<a@kim.example>",
    )
    mail["Date"] = "Sun, 17 Mar 2030 10:00:00 +0000"
    mail["In-Reply-To"] = references
    for name, value in more.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    return mail.as_bytes()


def answer_of(data: bytes) -> Answer:
    found = unpack(data, "")
    return Answer(
        found.digest, found.sender.name, found.sender.email, found.references, found.automatic, found.note, found.fault
    )


def test_a_ticket_is_a_thread_of_mails_and_answers_to_it_come_back(
    tmp_path: Path, home: Path, contents: Contents
) -> None:
    with closing(FakeSmtp()) as smtp, closing(FakeImap("desk@northwind.example", "pw")) as imap:
        settings = {"tracker": "mail", "tracker_address": "support@northwind.example", "smtp_host": "127.0.0.1",
                    "smtp_port": smtp.port, "smtp_security": "none", "mailbox_host": "127.0.0.1",
                    "mailbox_address": "desk@northwind.example"}  # fmt: skip
        with house_with(tmp_path, home, contents, settings) as house:
            assert house.app.tracking
            account = ImapAccount("127.0.0.1", "desk@northwind.example", "pw", imap.port, "none")
            sender = SmtpServer(SmtpAccount("127.0.0.1", smtp.port, "none"))
            tracker: Any = MailTracker(
                sender, "desk@northwind.example", "support@northwind.example", house.app.vault, ImapMailbox(account),
                Folders("Processed", "Other"), answer_of,
            )  # fmt: skip
            house.app.tracking.tracker = tracker
            house.app.tracking._p = replace(house.app.tracking._p, tracker=tracker)
            house.press(DANA, "tickets.person", "", {"text": "My badge is lost"})
            number = house.ticket().number
            house.act("reply", number, SAM, "Where was it?")
            house.settle()
            first, *others = smtp.mails("support@northwind.example")
            assert first["Subject"] == f"[{number}] My badge is lost"
            assert {mail["In-Reply-To"] for mail in others} == {first["Message-ID"]}
            assert len({mail["Message-ID"] for mail in (first, *others)}) == 1 + len(others)
            forged = first["Message-ID"].replace(first["Message-ID"].split(".")[3][:4], "0000")
            imap.deliver(
                letter(others[-1]["Message-ID"], "Status: resolved\n\nAt the door\n\n> Where was it?\n"),
                letter(forged, "Status: open\n\nforged"),
                letter(first["Message-ID"], "I am away", Auto_Submitted="auto-replied"),
                letter("<other@x.example>", "no answer to us"),
            )
            for _ in range(2):
                minute(house)
            assert [text for kind, text in house.timeline(number) if kind == "reply"] == [
                "Where was it?",
                "Kim: At the door",
            ]
            assert house.ticket().state == "resolved"
            assert (imap.count("INBOX"), imap.count("Processed"), imap.count("Other")) == (0, 1, 3)


# small things ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["http://rt.example", "ftp://x", "https://", "https://u:p@rt.example", "https://rt.example/?q=1"]
)
def test_addresses_that_are_not_taken(url: str) -> None:
    with pytest.raises(ConfigError, match=r"tracker\.url"):
        checked(url)
    assert checked("https://rt.example/rt/") == "https://rt.example/rt"


def test_plain_text() -> None:
    assert from_html("<style>x</style><p>a &amp; b<br>c</p><script>d</script>") == "a & b\nc"
    assert [key_in(text) for text in ("x [SEC-1/2w]", "x [SEC-1/2] y", "[sec-1/2]", "")] == ["SEC-1/2w", "", "", ""]
    assert seconds("2030-03-17T17:46:40Z") == seconds("2030-03-17 17:46:40") == 1_900_000_000.0
    assert seconds("yesterday") == 0.0


def test_a_setting_that_is_missing_is_named(tmp_path: Path, home: Path, contents: Contents) -> None:
    for name, missing in (
        ("rt", "tracker.url"),
        ("jira", "tracker.url"),
        ("mail", "tracker.address"),
        ("webhook", "tracker.url"),
    ):
        with pytest.raises(ConfigError, match=missing), house_with(tmp_path / name, home, contents, {"tracker": name}):
            pass


def test_request_tracker_refuses_an_answer_that_is_no_json() -> None:
    class Page(Server):
        def answer(self, *_given: Any) -> Any:
            return 200, "<html>"

    with closing(Page()) as page, pytest.raises(ChannelError, match="opened no ticket"):
        RequestTracker(page.url, TOKEN, "Security").open(LINE)


def test_the_webhooks_two_ways_in_the_whole_app(tmp_path: Path, home: Path, contents: Contents) -> None:
    class Pool:
        async def run(self, work: Any) -> None:
            work()

    clock = FakeClock()
    with closing(FakeReceiver(now=clock.now)) as fake:
        settings = {"tracker": "webhook", "tracker_url": fake.url, "tracker_token": fake.secret}
        with house_with(tmp_path, home, contents, settings, clock=clock) as house:
            house.press(DANA, "tickets.person", "", {"text": "My badge is lost"})
            number = house.ticket().number
            house.settle()
            assert [line["kind"] for line in fake.lines] == ["open", "note"]  # the note is the conversation
            ((path, hook_),) = endpoints(house.app, Pool()).items()  # type: ignore[arg-type]
            browser = TestClient(hook_)  # type: ignore[arg-type]
            body = json.dumps({**UPDATE, "ticket": number}).encode()
            for _ in range(2):  # played back: taken, and without effect
                sent = dict(headers(fake.secret, int(clock.now()), body))
                assert browser.post(path, content=body, headers=sent).json() == {"taken": True}
            assert [text for kind, text in house.timeline(number) if kind == "reply"] == ["Kim: Done"]
            assert house.ticket().state == "resolved"
            house.settle()
            assert len(fake.lines) == 2  # what came from there does not go back
            other = json.dumps({**UPDATE, "id": "u2", "ticket": "SEC-9"}).encode()
            sent = dict(headers(fake.secret, int(clock.now()), other))
            assert browser.post(path, content=other, headers=sent).status_code == 404
