"""Near-duplicates become one case, whatever order they come in; the index does not slow down as it grows."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.reporting.campaigns import MOST_SAMPLES, packed, unpacked
from bot.reporting.outline import Outline, bands, outline, sketch
from bot.reporting.pairs import Gathered, compared, evaluate_pairs
from tests.fakes.letters import PHISH

WORDS = [f"w{chr(97 + a)}{chr(97 + b)}" for a in range(26) for b in range(26)]


def made(text: list[str], domain: str = "evil.example") -> Outline:
    pieces = sketch("Subject of it", "Some sender", " ".join(text))
    return Outline(pieces, bands(pieces), (domain,))


def changed(text: list[str], times: int, chance: random.Random) -> list[str]:
    copy = list(text)
    for _ in range(times):
        copy[chance.randrange(len(copy))] = chance.choice(WORDS)
    return copy


def test_variants_of_a_text_are_one_case() -> None:
    chance = random.Random(3)
    base, other = chance.choices(WORDS, k=80), chance.choices(WORDS, k=80)
    gathered = Gathered()
    for place in range(30):
        gathered.take(f"a{place}", made(changed(base, 3, chance)))
        gathered.take(f"b{place}", made(changed(other, 3, chance)))
    assert ({"a0"}, {"b0"}) == tuple({gathered.case_of[f"{kind}{place}"] for place in range(30)} for kind in "ab")


def test_a_shared_domain_is_related_and_joins_nothing() -> None:
    chance = random.Random(4)
    gathered = Gathered()
    for name, domain in (("a", "evil.example"), ("b", "evil.example"), ("c", "other.example")):
        gathered.take(name, made(chance.choices(WORDS, k=80), domain))
    assert ({("a", "b")}, 3) == (gathered.related(), len(set(gathered.case_of.values())))


def test_mails_without_words_stay_alone() -> None:
    gathered = Gathered()
    assert ["a", "b"] == [gathered.take(name, Outline()) for name in "ab"]


def grown(mails: int) -> float:
    """Samples compared a mail: half of the mails are of one campaign, the others of thirty."""
    chance = random.Random(5)
    texts = [chance.choices(WORDS, k=60) for _ in range(31)]
    gathered = Gathered()
    for place in range(mails):
        text = texts[0] if place % 2 else texts[1 + place // 2 % 30]
        gathered.take(str(place), made(changed(text, 2, chance)))
    assert len(set(gathered.case_of.values())) < 60
    return gathered.index.compared / mails


def test_the_thousandth_mail_costs_no_more_than_the_hundredth() -> None:
    small, large = grown(200), grown(1600)
    assert large <= MOST_SAMPLES
    assert large < 2 * small


def test_sketches_are_stored_whole() -> None:
    pieces = made(WORDS[:50]).pieces
    assert pieces == unpacked(packed(pieces))
    assert () == unpacked(packed(()))


def test_pairs_are_counted() -> None:
    found = {"a": "1", "b": "1", "c": "1", "d": "2", "e": "2"}
    truth = {"a": "x", "b": "x", "c": "y", "d": "y", "e": "y"}
    assert {"precision": 0.5, "recall": 0.5, "joined": 4, "true": 4, "right": 2} == compared(found, truth)
    assert (None, None) == tuple(compared({"a": "1"}, {"a": "x"})[name] for name in ("precision", "recall"))


class InProcess:
    """Without the sandbox."""

    def outline(self, data: bytes, name: str) -> Outline:
        return outline(data, name)


def test_a_folder_is_measured(tmp_path: Path) -> None:
    mails = {
        "a.eml": PHISH,
        "b.eml": PHISH.replace(b"1.99", b"2.50"),
        "c.eml": b"From: Ana <a@b.example>\r\n\r\nLunch at one in town?",
    }
    rows = [{"path": name, "text_cluster": int(name == "c.eml")} for name in mails]
    for name, data in mails.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))
    result = evaluate_pairs(tmp_path, InProcess())
    assert (3, 2, 1.0, 1.0, 0) == (
        result["mails"], result["cases"], result["pairs"]["precision"], result["pairs"]["recall"], result["failed"]
    )  # fmt: skip
    with pytest.raises(ConfigError, match=r"manifest\.jsonl"):
        evaluate_pairs(tmp_path / "nowhere", InProcess())
