"""Who is on the phone: codes that both sides can check, once, for minutes, by the right people; and never a reset."""

from __future__ import annotations

import re
from typing import Any

import pytest

from bot.cards import as_text, load
from bot.helpdesk.codes import PER_ANALYST, PER_PERSON, SECONDS, TRIES, fresh
from bot.model import Place
from tests.fakes import desk as fakes
from tests.fakes.desk import CLARA, DANA, INES, JONAS, SAM, TROUBLE, House, labels

contents, home, house = fakes.contents, fakes.home, fakes.house
CODE = re.compile(r"\b[a-z]{4}-[a-z]{4}\b")
PHONE = "+44 20 7946 0000"


def codes_in(text: str) -> list[str]:
    return CODE.findall(text)


def state(house: House) -> list[tuple[str, str]]:
    return [
        (row["kind"], row["state"]) for row in house.rows("SELECT kind, state FROM caller_code ORDER BY created_at")
    ]


def last(house: House) -> str:
    return str(house.rows("SELECT id FROM caller_code ORDER BY created_at DESC LIMIT 1")[0]["id"])


def asked(house: House, who: str = DANA, **more: Any) -> str:
    """Somebody asks whether it is us; their code."""
    (code,) = codes_in(as_text(house.say(who, "Did the help desk really contact me?", **more).card))
    return code


def checked(house: House, who: str = DANA, by: str = SAM) -> str:
    """An analyst has a caller who says they are `who`; the code in that person's chat."""
    house.say(who, "hello")
    house.say(by, f"check caller {who}")
    house.settle()
    return codes_in(house.told(who))[-1]


# a code -------------------------------------------------------------------------------------------------------------


def test_codes_can_be_read_out_and_look_like_no_sign_in_code() -> None:
    made = {fresh() for _ in range(300)}
    assert len(made) > 290
    assert all(CODE.fullmatch(code) and not any(char.isdigit() for char in code) for code in made)
    assert all(len({code[:2], code[2:4], code[5:7], code[7:]}) == 4 for code in made)


# "did the help desk really contact me?" -----------------------------------------------------------------------------


def test_both_sides_see_the_same_words_and_the_person_hears_who_looked(house: House) -> None:
    code = asked(house)
    reply = house.say(SAM, "code for Dana Reyes")
    assert codes_in(as_text(reply.card)) == [code]
    assert house.person(DANA).phone in as_text(reply.card)  # the directory's: only on a call that he placed himself
    house.settle()
    assert "Sam Ortiz of the help desk has just looked up the words" in house.told(DANA)
    heard = house.press(DANA, "codes.match", last(house))
    assert "Then it is Sam Ortiz of the help desk. Still give no password" in as_text(heard.card)
    assert state(house) == [("desk", "used")]
    assert [row for row in house.audited() if row.startswith("code.")] == ["code.made", "code.shown", "code.used"]
    assert house.tickets() == []
    assert house.whole()


@pytest.mark.parametrize("looked", [False, True])
def test_a_caller_who_cannot_read_it_is_none_of_us(house: House, looked: bool) -> None:
    asked(house)
    if looked:
        house.say(SAM, "code for dana.reyes")
    reply = house.press(DANA, "codes.nomatch", last(house))
    assert (reply.card.tone, "Hang up: that was not us." in as_text(reply.card)) == ("emergency", True)
    assert PHONE in as_text(reply.card)
    assert [(ticket.severity, ticket.subject) for ticket in house.tickets()] == [
        ("S2", "A caller pretended to be the help desk: Dana Reyes")
    ]


def test_the_right_words_that_nobody_of_us_has_looked_up_are_an_alarm(house: House) -> None:
    asked(house)
    reply = house.press(DANA, "codes.match", last(house))
    assert "Hang up: that was not us." in as_text(reply.card)
    assert state(house) == [("desk", "denied")]


def test_a_code_is_over_once_it_was_used_replaced_or_old(house: House) -> None:
    asked(house)
    first = last(house)
    house.say(SAM, "code for dana.reyes")
    house.press(DANA, "codes.match", first)
    for again in ("codes.match", "codes.nomatch"):
        assert "This code is over" in as_text(house.press(DANA, again, first).card)
    asked(house)
    second = last(house)
    asked(house)
    assert "This code is over" in as_text(house.press(SAM, "codes.show", second).card)
    house.clock.forward(SECONDS)
    assert "has not asked for a code" in as_text(house.say(SAM, "code for dana.reyes").card)
    assert "This code is over" in as_text(house.press(SAM, "codes.show", last(house)).card)
    assert state(house) == [("desk", "used"), ("desk", "replaced"), ("desk", "open")]


def test_one_analyst_a_code(house: House) -> None:
    code = asked(house)
    house.say(SAM, "code for dana.reyes")
    assert codes_in(as_text(house.say(INES, "code for dana.reyes").card)) == []
    assert codes_in(as_text(house.say(SAM, "code for dana.reyes").card)) == [code]


@pytest.mark.parametrize("who", [JONAS, CLARA, "ruth.adeyemi", "stranger"])
def test_nobody_else_sees_or_settles_a_code(house: House, who: str) -> None:
    code = asked(house)
    for verb in ("match", "nomatch", "not_me", "show", "read", "check"):
        said = as_text(house.press(who, f"codes.{verb}", last(house), {"text": code}).card)
        assert code not in said
    assert code not in as_text(house.say(who, "code for dana.reyes").card)
    assert state(house) == [("desk", "open")]


def test_asked_in_a_channel_it_is_answered_in_private(house: House) -> None:
    house.say(DANA, "hello")
    room = Place("web", "a-room", private=False)
    reply = house.say(DANA, "is it really you?", place=room)
    assert codes_in(as_text(reply.card)) == []
    house.settle()
    assert len(codes_in(house.told(DANA))) == 1


def test_a_guest_gets_the_number_to_ring(house: House) -> None:
    reply = house.say("stranger", "did you call me?")
    assert (codes_in(as_text(reply.card)), PHONE in as_text(reply.card)) == ([], True)
    assert house.count("caller_code") == 0


def test_there_are_only_so_many_an_hour(house: House) -> None:
    for _ in range(PER_PERSON):
        asked(house)
    assert "many codes in the last hour" in as_text(house.say(DANA, "check call").card)
    house.clock.forward(3601)
    asked(house)


@pytest.mark.parametrize(("said", "words"), [
    ("Haben Sie mich angerufen?", "Ihre Wörter für diesen Anruf"), ("vérifier un appel", "Vos mots pour cet appel"),
    ("comprobar llamada", "Sus palabras para esta llamada"), ("Is it really you?", "Your words for this call"),
])  # fmt: skip
def test_in_every_language(house: House, said: str, words: str) -> None:
    assert words in as_text(house.say(DANA, said).card)


# "is this caller really our employee?" ------------------------------------------------------------------------------


def test_the_caller_reads_what_stands_in_their_own_chat(house: House) -> None:
    code = checked(house)
    assert "Sam Ortiz of the help desk has somebody on the phone who says they are you" in house.told(DANA)
    assert code not in house.told(SAM)  # who asks does not know it
    reply = house.say(SAM, code.upper().replace("-", " "))
    said = as_text(reply.card)
    assert "Right: whoever calls holds the chat of Dana Reyes" in said
    assert f"not enough for a reset or a new authenticator: for these ring back on {house.person(DANA).phone}" in said
    assert state(house) == [("person", "used")]
    assert "code.right" in house.audited()


def test_a_replay_is_no_proof(house: House) -> None:
    code = checked(house)
    step = last(house)
    house.press(SAM, "codes.read", step, {"text": code})
    again = house.press(SAM, "codes.read", step, {"text": code})
    assert "This check is over" in as_text(again.card)
    fresh_one = checked(house)
    assert fresh_one != code
    assert "That is not it" in as_text(house.press(SAM, "codes.read", last(house), {"text": code}).card)


def test_guessing_ends_after_three_and_the_right_one_comes_too_late(house: House) -> None:
    code = checked(house)
    step = last(house)
    said = [
        as_text(house.press(SAM, "codes.read", step, {"text": guess}).card) for guess in ("bobi-lulu", "", "x" * 500)
    ]
    assert ["That is not it" in text for text in said] == [True] * TRIES
    assert "This check is over" in as_text(house.press(SAM, "codes.read", step, {"text": code}).card)
    assert state(house) == [("person", "wrong")]
    assert house.audited().count("code.wrong") == TRIES


def test_after_five_minutes_it_is_too_late(house: House) -> None:
    code = checked(house)
    house.clock.forward(SECONDS)
    assert "This check is over" in as_text(house.press(SAM, "codes.read", last(house), {"text": code}).card)


def test_only_who_asked_can_read_it_in(house: House) -> None:
    code = checked(house)
    for who in (INES, DANA, JONAS):
        house.press(who, "codes.read", last(house), {"text": code})
    assert state(house) == [("person", "open")]


def test_it_is_not_me_warns_the_analyst_at_once(house: House) -> None:
    code = checked(house)
    card = next(card for card in reversed(house.posts(DANA)) if "It is not me" in labels(card))
    reply = house.press_label(DANA, card, "It is not me")
    assert "does nothing for that caller" in as_text(reply.card)
    house.settle()
    assert "Dana Reyes says: it is not me on the phone. Give nothing, hang up." in house.told(SAM)
    assert [ticket.subject for ticket in house.tickets()] == ["A caller pretends to be Dana Reyes"]
    assert "This check is over" in as_text(house.press(SAM, "codes.read", last(house), {"text": code}).card)


@pytest.mark.parametrize("who", ["nobody at all", SAM, "stranger@elsewhere.example"])
def test_there_is_no_check_of_nobody_or_oneself(house: House, who: str) -> None:
    assert "I find nobody else" in as_text(house.say(SAM, f"check caller {who}").card)
    assert house.count("caller_code") == 0


def test_a_chat_that_may_be_stolen_proves_nothing(house: House) -> None:
    house.say(DANA, TROUBLE)
    said = as_text(house.say(SAM, "verify caller Dana Reyes").card)
    assert "Somebody else may be reading the chat of Dana Reyes" in said
    assert house.person(DANA).phone in said
    assert house.count("caller_code") == 0


def test_an_analyst_sends_only_so_many_an_hour(house: House) -> None:
    people = [DANA, JONAS, CLARA, "tom.whitaker", "ama.mensah", "lucia.romero"]
    for who in people:
        house.say(who, "hello")
    for number in range(PER_ANALYST):
        house.say(SAM, f"check caller {people[number % len(people)]}")
    assert house.count("caller_code") == PER_ANALYST
    assert "many codes in the last hour" in as_text(house.say(SAM, f"check caller {JONAS}").card)


def test_whoever_is_not_of_the_desk_checks_nobody(house: House) -> None:
    house.say(DANA, "hello")
    house.say(JONAS, "check caller dana.reyes")
    assert "Only the help desk" in as_text(house.press(JONAS, "codes.check", DANA).card)
    assert house.count("caller_code") == 0


def test_a_race_of_two_right_answers_is_won_once(house: House) -> None:
    code, step = checked(house), last(house)
    results = [as_text(house.press(SAM, "codes.read", step, {"text": code}).card) for _ in range(2)]
    assert [text.startswith("Right") for text in results] == [True, False]


# resets never happen here -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("said", "words"), [
    ("reset my MFA here", "Nothing is reset, unlocked or enrolled in this chat"),
    ("Unblock my account!", "They ring you back on the number the directory has for you"),
    ("Entsperren Sie mein Konto", "In diesem Chat wird für niemanden etwas zurückgesetzt"),
    ("réinitialisez mon mot de passe", "Rien n'est réinitialisé"), ("Desbloquee mi cuenta", "no se restablece"),
])  # fmt: skip
def test_nothing_is_reset_in_chat_and_it_says_why_and_where(house: House, said: str, words: str) -> None:
    house.say(SAM, "hello")
    for who in (DANA, SAM):  # an analyst's word in chat is no more than anybody's
        reply = house.say(who, said)
        assert (words in as_text(reply.card), PHONE in as_text(reply.card)) == (True, True)
    assert (house.tickets(), house.count("containment")) == ([], 0)


def test_codes_are_sealed_and_gone_with_the_person(house: House) -> None:
    code = checked(house)
    assert code not in str(house.rows("SELECT * FROM caller_code"))
    house.app.forget(DANA)
    assert house.count("caller_code") == 0
    assert [
        load(row["card"]) for row in house.rows("SELECT card FROM delivery WHERE card LIKE :c", c=f"%{code}%")
    ] == []
