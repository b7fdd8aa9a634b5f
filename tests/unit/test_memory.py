"""Spacing: the ladders of the behaviour guide, and the simple ladder as an oracle."""

from __future__ import annotations

import random
from itertools import product

import pytest

from bot.learning.memory import DAY, LONGEST, Fsrs, Leitner, Memory, Scheduler, review

START = 1_795_514_400.0  # Tuesday 24 November 2026, 10:00 UTC
THREE_YEARS = 3 * 365.25 * DAY


def ladder(scheduler: Scheduler, answers: str, start: float = START) -> list[int]:
    """Days until the next review after each answer (`r` right, `w` wrong), each given on its due date."""
    memory: Memory | None = None
    days, at = [], start
    for answer in answers:
        memory = review(scheduler, "p_1", "odd-prompt", 1, memory, right=answer == "r", at=at)
        days.append(round((memory.due - at) / DAY))
        at = memory.due
    return days


@pytest.mark.parametrize("start", [START, START + THREE_YEARS])
@pytest.mark.parametrize(
    ("answers", "days"),
    [
        ("rrrr", [4, 31, 150, 150]),
        ("wrrr", [1, 4, 17, 61]),
        ("rrwrr", [4, 31, 4, 14, 44]),
        ("www", [1, 1, 1]),
    ],
)
def test_the_ladders_are_those_of_the_guide(answers: str, days: list[int], start: float) -> None:
    assert ladder(Fsrs(), answers, start) == days


def test_a_late_right_answer_earns_a_longer_interval() -> None:
    first = review(Fsrs(), "p_1", "odd-prompt", 1, None, right=True, at=START)
    late = review(Fsrs(), "p_1", "odd-prompt", 1, first, right=True, at=first.due + 30 * DAY)
    assert round((late.due - (first.due + 30 * DAY)) / DAY) == 74


@pytest.mark.parametrize("answers", ["".join(answers) for answers in product("rw", repeat=5)])
def test_it_stays_close_to_the_simple_ladder(answers: str) -> None:
    """Tomorrow at the earliest, the cap at the latest; at most twice the ladder, a fortnight after a wrong answer."""
    for ours, oracle, answer in zip(ladder(Fsrs(), answers), ladder(Leitner(), answers), answers, strict=True):
        assert 1 <= ours <= min(LONGEST, 2 * oracle if answer == "r" else 14)


def test_right_answers_space_out_and_a_wrong_one_brings_it_back() -> None:
    for scheduler in (Fsrs(), Leitner()):
        days = ladder(scheduler, "rrrrw")
        assert days[:4] == sorted(days[:4])
        assert days[4] < days[3]


def test_the_memory_counts() -> None:
    memory = review(Fsrs(), "p_1", "odd-prompt", 2, None, right=True, at=START)
    memory = review(Fsrs(), "p_1", "odd-prompt", 3, memory, right=False, at=START + DAY)
    counted = (memory.version, memory.reviews, memory.rights, memory.first_at, memory.reviewed_at)
    assert counted == (3, 2, 1, START, START + DAY)


def test_nothing_is_random() -> None:
    random.seed(1)
    once = review(Fsrs(), "p_1", "odd-prompt", 1, None, right=True, at=START)
    random.seed(2)
    assert review(Fsrs(), "p_1", "odd-prompt", 1, None, right=True, at=START) == once
