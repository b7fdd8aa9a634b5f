"""Answers people can trust: what each severity brings, where an answer comes from, and what the register says of a mail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from adapters.stores.questions import SqlQuestionStore
from bot.answering.entries import Entry
from bot.app.contents import load_contents
from bot.cards import as_text, pressables
from bot.ports import Db
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, JONAS, House, labels

contents, home, house = fakes.contents, fakes.home, fakes.house
GUEST = "guest@elsewhere.example"
REGISTER = """
schema: register/1
surveys:
  - {name: "Pulse survey", sender: "ask@pollster.example", domains: ["pollster.example"], until: 2030-03-20, owner: awareness}
practice:
  - {name: "Spring", header: "x-phishtest", token: "token-4471-abc", domains: ["parcels.example"], until: 2030-03-20, owner: awareness}
callers:
  - {name: "Brightwell", phone: "+44 20 7946 0880", until: 2030-03-20, owner: service-desk}
"""  # noqa: E501
MAIL = (
    "Authentication-Results: mx.northwind.example; dmarc={dmarc} header.from=pollster.example\r\n"
    "From: {sender}\r\nTo: dana.reyes@northwind.example\r\nSubject: Pulse survey\r\nDate: Sun, 17 Mar 2030 10:00:00 +0000\r\n"
    "Message-ID: <{n}@x.example>\r\n{more}\r\nPlease take part: https://{host}/form\r\n"
)


def entries(house: House, severity: str) -> list[Entry]:
    library = house.app.contents.knowledge.current.library
    return [item for item in library.published() if item.public and item.severity == severity]


# severities ---------------------------------------------------------------------------------------------------------


def test_s0_is_an_answer(house: House) -> None:
    card = house.press(DANA, "answering.ask", entries(house, "S0")[0].id).card
    assert (card.tone, house.tickets(), house.pager.pages) == ("answer", [], [])


def test_s1_is_an_answer_and_the_offer_of_a_person(house: House) -> None:
    for item in entries(house, "S1"):
        card = house.app.answers.card(item.id, house.person(DANA), house.clock.now())
        assert "Talk to a person" in labels(card), item.id
    item = entries(house, "S1")[0]
    card = house.press(DANA, "answering.ask", item.id).card
    assert house.tickets() == []
    house.press_label(DANA, card, "Talk to a person")
    assert (house.ticket().severity, house.ticket().subject) == ("S1", item.title["en"])


def test_s2_brings_a_person_within_half_an_hour_too(house: House) -> None:
    item = entries(house, "S2")[0]
    card = house.press(DANA, "answering.ask", item.id).card
    ticket = house.ticket()
    assert (card.tone, ticket.severity, ticket.queue) == ("answer", "S2", item.escalate.queue)
    assert f"This is urgent, so a person will look too: {ticket.number}." in as_text(card)
    assert ticket.next_due_at - ticket.created_at == pytest.approx(30 * 60)
    house.press(DANA, "answering.ask", item.id)
    assert len(house.tickets()) == 1


def test_s2_gives_an_outsider_the_answer_and_no_ticket(house: House) -> None:
    card = house.press(GUEST, "answering.ask", entries(house, "S2")[0].id).card
    assert (card.tone, house.tickets()) == ("answer", [])


def test_s3_is_never_an_article_alone(house: House) -> None:
    for item in entries(house, "S3"):
        house.clock.forward(1)
        card = house.press(DANA, "answering.ask", item.id).card
        assert (card.tone, card.title) == ("question", "Did this just happen to you?"), item.id
        article = house.press(DANA, "emergency.no", item.emergency or "").card
        assert (article.source, "It has already happened" in labels(article)) == (item.id, True)
    assert (house.tickets(), house.pager.pages) == ([], [])


def test_s3_calls_somebody_as_soon_as_it_has_happened(house: House) -> None:
    item = entries(house, "S3")[0]
    confirm = house.press(DANA, "answering.ask", item.id).card
    card = house.press_label(DANA, confirm, "Yes, help me now").card
    house.settle()
    assert (card.tone, house.ticket().severity, len(house.pager.pages)) == ("emergency", "S3", 1)


def test_choosing_an_entry_says_what_the_question_before_was_about(house: House) -> None:
    suggested = house.say(DANA, "something about sharing a file").card
    assert suggested.tone == "question"
    chosen = next(iter(pressables(suggested)))
    house.press_label(DANA, suggested, chosen.label)
    rows = house.rows("SELECT outcome, entry, text FROM question ORDER BY at")
    assert [(row["outcome"], row["entry"]) for row in rows] == [("suggest", chosen.value), ("answer", chosen.value)]


# where an answer comes from -----------------------------------------------------------------------------------------


def test_every_answer_names_its_entry_its_owner_and_its_review(house: House) -> None:
    owners = house.app.organisation().file.owners
    for item in house.app.contents.knowledge.current.library.published():
        who = next(p.id for p in house.app.directory.people() if item.public or p.roles & set(item.roles))
        house.clock.forward(2)
        why = as_text(house.press(who, "answering.why", item.id).card)
        assert item.title["en"] in why
        assert owners[item.owner] in why
        assert item.reviewed.isoformat() in why
        for source in item.sources:
            assert f"{source.publisher}: {source.title}" in why


def test_what_is_overdue_says_so_there_too_and_is_still_found(house: House) -> None:
    item = entries(house, "S0")[0]
    house.clock.at = datetime(2040, 1, 1, tzinfo=UTC).timestamp()
    card = house.press(DANA, "answering.ask", item.id).card
    for shown in (card, house.press(DANA, "answering.why", item.id).card):
        assert "past its review date" in as_text(shown)
    assert house.say(JONAS, item.questions["en"][0]).card.source == item.id
    assert house.app.contents.knowledge.current.library.entries[item.id].state == "published"


def test_one_press_rates_both_answers_of_a_message_once(house: House) -> None:
    card = house.say(DANA, "How do I send an encrypted email and how do I release a message from quarantine?").card
    assert "Good to know" in as_text(house.press_label(DANA, card, "Solved").card)
    assert "You have told me already" in as_text(house.press_label(DANA, card, "Did not help").card)
    assert [row["rating"] for row in house.rows("SELECT rating FROM question")] == ["solved", "solved"]
    forged = next(button.value for button in pressables(card) if button.action == "answering.solved")
    assert "You have told me already" in as_text(house.press(JONAS, "answering.unhelpful", forged).card)


# the register -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> fakes.Contents:
    folder = tmp_path_factory.mktemp("registered")
    (folder / "register.yaml").write_text(REGISTER, "utf-8")
    shared = fakes.shared(fakes.cache_folder(request.config))
    return replace(shared, register=load_contents(folder, None, date.today, "words").register)


@pytest.fixture
def registry(db: Db, home: Path, registered: fakes.Contents) -> Iterator[House]:
    made = House(home, db, registered, settings={"authserv_id": "mx.northwind.example"})
    yield made
    made.close()


TOKEN = "X-PhishTest: token-4471-abc\r\n"


def mail(
    n: int, *, sender: str = "ask@pollster.example", host: str = "pollster.example", dmarc: str = "pass", more: str = ""
) -> bytes:
    return MAIL.format(n=n, sender=sender, host=host, dmarc=dmarc, more=more).encode()


def verdict(house: House, data: bytes) -> str:
    house.send(DANA, data, "mail.eml")
    house.settle()
    return str(house.rows("SELECT kind FROM mail ORDER BY created_at DESC LIMIT 1")[0]["kind"])


def test_staff_can_ask_whether_something_is_ours(registry: House) -> None:
    card = registry.say(DANA, "is the pulse survey real?").card
    text = as_text(card)
    for said in (
        "is a survey of ours",
        "ask@pollster.example",
        "2030-03-20",
        "Security awareness",
        "it is not this one",
    ):
        assert said in text
    assert "+44 20 7946 0880" in as_text(registry.say(DANA, "may Brightwell ring me, is that genuine?").card)
    assert "is not on our register" in as_text(registry.say(DANA, "is ask@stranger.test genuine?").card)
    assert "stranger.test" not in as_text(registry.say(DANA, "is ask@stranger.test genuine?").card)
    assert registry.tickets() == []


def test_past_its_last_day_it_proves_nothing_when_asked(registry: House) -> None:
    registry.clock.forward(4 * 86_400)
    text = as_text(registry.say(DANA, "is the pulse survey real?").card)
    assert "was on our register until 2030-03-20, and is not any more" in text
    assert "is a survey of ours" not in text


def test_outsiders_learn_nothing_of_the_register(registry: House) -> None:
    text = as_text(registry.say(GUEST, "is the pulse survey real?").card)
    assert "register" not in text
    assert "pollster" not in text


def test_a_reported_mail_of_ours_is_known_by_the_register(registry: House) -> None:
    assert verdict(registry, mail(1)) == "ours"
    assert verdict(registry, mail(2, dmarc="fail")) != "ours"
    assert verdict(registry, mail(3, host="pollster.example.evil.test")) != "ours"
    assert verdict(registry, mail(4, sender="ask@other.example")) != "ours"


def test_a_practice_mail_is_known_by_our_token(registry: House) -> None:
    assert verdict(registry, mail(1, sender="a@b.test", host="b.test", more=TOKEN)) == "practice"
    assert verdict(registry, mail(2, sender="a@b.test", host="b.test", more="X-PhishTest: another\r\n")) != "practice"


def test_past_its_last_day_the_register_proves_nothing_of_a_mail(registry: House) -> None:
    registry.clock.forward(4 * 86_400)
    assert verdict(registry, mail(1)) != "ours"
    assert verdict(registry, mail(2, sender="a@b.test", host="b.test", more=TOKEN)) != "practice"


# what could not be answered -----------------------------------------------------------------------------------------


def test_open_questions_are_kept_until_somebody_deals_with_them(house: House) -> None:
    house.say(DANA, fakes.NONSENSE)
    card = house.press(JONAS, "answering.ask", entries(house, "S0")[0].id).card
    house.press_label(JONAS, card, "Did not help")
    store = SqlQuestionStore(house.db)
    rows = store.unanswered(0.0, 10)
    assert [(row["outcome"], row["rating"]) for row in rows] == [("answer", "unhelpful"), ("escalate", "")]
    with house.db.tx() as tx:
        assert [store.settle(tx, [rows[0]["id"], "unknown"], "sam", 1.0) for _ in range(2)] == [1, 0]
    assert [row["id"] for row in store.unanswered(0.0, 10)] == [rows[1]["id"]]
    assert store.unanswered(house.clock.now() + 1, 10) == []


def test_who_wants_a_person_has_asked_nothing_that_could_be_answered(house: House) -> None:
    house.say(DANA, "talk to a person")
    assert SqlQuestionStore(house.db).unanswered(0.0, 10) == []
