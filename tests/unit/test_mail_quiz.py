"""A quiz by mail, for people who are on no chat: all of it in plain text, and answered by number, letter or words."""

from __future__ import annotations

from typing import cast

import pytest

from adapters.mailers.compose import Letterhead, compose
from bot.cards import as_text, dump
from bot.reporting import postbox
from tests.fakes.cards import SAMPLES

HEAD = Letterhead("Desk", "report@x.example", "Your report", "Answer with the number.", "Foot", lambda n: f"[sd-{n}]")


def test_the_mail_holds_the_whole_card_and_a_link_for_each_answer() -> None:
    mail = compose(SAMPLES["quiz"], HEAD, "dana@x.example", "<1@x.example>", "", 0.0)
    plain, page = (part.get_content() for part in mail.iter_parts())
    assert mail["Subject"] == "A call from the bank"
    assert str(plain).replace("\r\n", "\n").startswith(as_text(SAMPLES["quiz"]))
    assert [f"[sd-{n}]".replace("[", "%5B").replace("]", "%5D") in page for n in range(1, 7)] == [True] * 6


@pytest.mark.parametrize(
    ("note", "value"),
    [
        ("2", "n1:b"),
        ("(2)", "n1:b"),
        ("b", "n1:b"),
        ("answer the security questions.", "n1:b"),
        ("stop tips", "n1"),
        ("e", ""),
    ],
)
def test_what_is_answered_presses(note: str, value: str) -> None:
    class Sender:
        answered = {"card": dump(SAMPLES["quiz"])}
        button = 0

    pressed = postbox._pressed(cast(postbox._Sender, Sender()), note)
    assert (pressed.value if pressed else "") == value
