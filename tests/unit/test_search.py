"""The answer search: what it finds, what it must not show, and that it never depends on its caches."""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bot.answering import minilm, unigram, use
from bot.answering.confidence import _best
from bot.answering.embeddings import Embedded
from bot.answering.encoder import Encoders, encoders_for, load_encoders
from bot.answering.entries import Entry, Library
from bot.answering.evaluate_answers import (
    auroc,
    calibration_error,
    evaluate_intents,
    evaluate_questions,
)
from bot.answering.head import fit_head, with_bias
from bot.answering.knowledge import Vocabulary, read_answers
from bot.answering.languages import load_languages
from bot.answering.lexical import Lexical, vocabulary
from bot.answering.onnx_file import Graph, read_weights
from bot.answering.search import Candidate, Index, Ranking, decide, load_generic, prepare
from bot.answering.share import fit_share
from bot.answering.typos import Typos
from bot.answering.wordpiece import WordPiece
from bot.app import measures
from bot.content import Faults, packaged_shelf
from bot.errors import ConfigError
from bot.model import Outcome
from bot.settings import Settings
from tests.fakes.search import misspelt, others
from tests.fakes.written import WRITTEN
from tests.warm import warm_cache

WORDS = Encoders("words", ())
ENTRIES = [
    ("vpn", ["vpn does not connect", "the vpn is down", "cannot reach vpn", "vpn keeps dropping", "vpn login fails"]),
    ("password", ["forgot my password", "password expired", "reset password please", "new password", "locked out"]),
    (
        "laptop",
        ["laptop stolen", "lost my laptop", "my laptop is gone", "left the laptop on a train", "missing laptop"],
    ),
    (
        "payroll",
        ["payroll export key", "who signs the payroll", "payroll vault", "payroll run failed", "payroll audit"],
    ),
    ("badge", ["badge broken", "my badge does not open the door", "new badge", "lost badge", "badge photo wrong"]),
    (
        "usb",
        ["found a usb stick", "usb stick in the car park", "may i plug in a usb stick", "unknown usb", "usb drive"],
    ),
]


class Letters:
    """A toy encoder: letter pairs, so that like words lie near one another. Counts what it encodes."""

    name, dim = "letters", 64

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, text: str) -> np.ndarray:
        self.asked.append(text)
        vector = np.full(self.dim, 0.01, np.float32)
        for a, b in itertools.pairwise(text):
            vector[(ord(a) * 31 + ord(b)) % self.dim] += 1
        return vector / np.float32(np.linalg.norm(vector))


def letters() -> tuple[Encoders, Letters]:
    toy = Letters()
    return Encoders("light", (toy,)), toy


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def full(cache: Path) -> Encoders:
    return load_encoders(cache)


@pytest.fixture(scope="module")
def library() -> Library:
    class Anything(frozenset[str]):
        def __contains__(self, name: object) -> bool:
            return True

    known = Anything()
    return read_answers(packaged_shelf(), Vocabulary(known, known, known), Faults())


@pytest.fixture(scope="module")
def live(library: Library, pytestconfig: pytest.Config) -> Index:
    return Index.fit(library, encoders=WORDS, cache=warm_cache(pytestconfig), generic=load_generic(packaged_shelf()))


# Ranking -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["words", "letters"])
def test_the_right_entry_comes_first_in_every_mode(kind: str) -> None:
    index = Index.fit(ENTRIES, encoders=WORDS if kind == "words" else letters()[0])
    for name, variants in ENTRIES:
        assert index.rank(variants[1]).candidates[0].id == name
    assert index.mode == ("words" if kind == "words" else "light")


@pytest.mark.parametrize("encoders", [WORDS, letters()[0]], ids=["words", "letters"])
def test_hidden_entries_leave_no_trace(encoders: Encoders) -> None:
    index = Index.fit(ENTRIES, encoders=encoders)
    allowed = {name for name, _ in ENTRIES if name != "payroll"}
    ranking = index.rank("payroll export key", allowed)
    assert "payroll" not in [candidate.id for candidate in ranking.candidates]
    assert len(ranking.candidates) <= 4
    assert index.rank("payroll export key").candidates[0].id == "payroll"
    assert index.rank("payroll export key", []) == Ranking(read="payroll export key", language="")
    assert index.rank("vpn is down", {"vpn", "nobody knows this id"}).candidates[0].id == "vpn"
    assert len(index.rank("vpn is down", {"vpn"}).candidates) == 1


def test_probabilities_are_ordered_and_ranking_is_deterministic() -> None:
    first, second = (Index.fit(ENTRIES, encoders=letters()[0], generic=("how tall is a giraffe",)) for _ in range(2))
    for question in ("vpn broken again", "giraffes", "lost stuff", "pasword"):
        ranking = first.rank(question)
        assert ranking == second.rank(question)
        assert 0 <= ranking.p1 <= ranking.p3 <= 1
        scores = [candidate.score for candidate in ranking.candidates]
        assert scores == sorted(scores, reverse=True)


def test_thresholds_decide() -> None:
    some = (Candidate("vpn", 1.0),)
    cases = [(0.9, 0.95, Outcome.ANSWER), (0.3, 0.6, Outcome.SUGGEST), (0.1, 0.2, Outcome.ESCALATE)]
    assert [decide(Ranking(some, p1, p3)) for p1, p3, _ in cases] == [outcome for _, _, outcome in cases]
    assert decide(Ranking((), 1.0, 1.0)) is Outcome.ESCALATE
    assert decide(Ranking(some, 0.5, 0.6), answer_at=0.4) is Outcome.ANSWER


@pytest.mark.parametrize("question", ["", "   ", "🔥🔥🔥", "?!", "\u200b\u200b", "\x00\x01"])
def test_a_question_without_words_finds_nothing(question: str) -> None:
    assert Index.fit(ENTRIES, encoders=WORDS).rank(question).candidates == ()


def test_no_entries_and_few_entries_work() -> None:
    assert Index.fit([], encoders=WORDS).rank("vpn") == Ranking(read="vpn", language="")
    assert Index.fit([("empty", [])], encoders=letters()[0]).rank("vpn").candidates == ()
    alone = Index.fit([("vpn", ["vpn is down"])], encoders=letters()[0])
    assert [candidate.id for candidate in alone.rank("vpn is down").candidates] == ["vpn"]
    assert alone.rank("vpn is down").p1 > 0.8


def test_questions_are_tidied_before_they_are_read() -> None:
    assert prepare("  see\u200b https://evil.test/a?b=1 \n now ") == "see link now"
    assert prepare("ﬁle") == "file"
    assert len(prepare("word " * 5000)) <= 600


# Caches --------------------------------------------------------------------------------------------------------------


def test_an_edit_encodes_only_what_it_changed(tmp_path: Path) -> None:
    encoders, toy = letters()
    Index.fit(ENTRIES, encoders=encoders, cache=tmp_path)
    toy.asked.clear()
    changed = [(name, [*variants, "vpn hangs"] if name == "vpn" else variants) for name, variants in ENTRIES]
    Index.fit(changed, encoders=encoders, cache=tmp_path)
    assert toy.asked == ["vpn hangs"]


def test_a_second_start_fits_and_encodes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoders, toy = letters()
    before = Index.fit(ENTRIES, encoders=encoders, cache=tmp_path).rank("vpn broken")
    toy.asked.clear()
    monkeypatch.setattr("bot.answering.fitting.fit_head", None)
    again = Index.fit(ENTRIES, encoders=encoders, cache=tmp_path)
    assert toy.asked == []
    assert again.rank("vpn broken") == before


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 not a zip", b"\x00" * 4096])
def test_a_damaged_cache_is_made_again(tmp_path: Path, damage: bytes) -> None:
    encoders = letters()[0]
    before = Index.fit(ENTRIES, encoders=encoders, cache=tmp_path).rank("vpn broken")
    files = sorted(tmp_path.iterdir())
    assert [path.name[:6] for path in files] == ["index-", "vector"]
    for path in files:
        path.write_bytes(damage)
    assert Index.fit(ENTRIES, encoders=encoders, cache=tmp_path).rank("vpn broken") == before
    for path in files:
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
    assert Index.fit(ENTRIES, encoders=encoders, cache=tmp_path).rank("vpn broken") == before


def test_a_cache_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert Index.fit(ENTRIES, encoders=letters()[0], cache=blocked).rank("vpn is down").candidates[0].id == "vpn"


def test_vectors_of_another_shape_are_not_trusted(tmp_path: Path) -> None:
    toy = Letters()
    Embedded(toy, tmp_path).vectors(["one", "two"])
    path = tmp_path / "vectors-letters.npz"
    with np.load(path) as stored:
        np.savez(path, keys=stored["keys"], vectors=stored["vectors"][:, :10])
    again = Embedded(toy, tmp_path)
    assert again.vectors(["one"]).shape == (1, 64)
    assert again.encoded == 1


def test_a_quick_refit_keeps_the_calibration_and_finds_the_new_entry() -> None:
    encoders = letters()[0]
    before = Index.fit(ENTRIES, encoders=encoders, generic=("how tall is a giraffe",))
    more = [*ENTRIES, ("printer", ["printer jam", "printer out of ink", "printer offline"])]
    quick = Index.fit(more, generic=("how tall is a giraffe",), previous=before)
    assert quick.rank("printer jam").candidates[0].id == "printer"
    assert quick.rank("laptop stolen").candidates[0].id == "laptop"


def test_two_views_encode_each_text_once_and_an_edit_only_what_it_changed(tmp_path: Path) -> None:
    main, second = Letters(), Letters()
    main.name = "main"  # type: ignore[misc]
    both = Encoders("full", (main, second))
    english, german = [("vpn", "vpn is down"), ("badge", "lost badge")], {"vpn": "vpn geht nicht"}
    library = Library({name: entry(name, text, german.get(name)) for name, text in english})
    Index.fit(library, encoders=both, cache=tmp_path)
    assert sorted(main.asked) == ["lost badge", "vpn is down"]
    assert sorted(second.asked) == ["lost badge", "vpn geht nicht", "vpn is down"]
    main.asked.clear()
    second.asked.clear()
    edited = Library({**library.entries, "badge": entry("badge", "badge gone", None)})
    Index.fit(edited, encoders=both, cache=tmp_path)
    assert (main.asked, second.asked) == (["badge gone"], ["badge gone"])


def test_many_questions_at_once_are_ranked_as_each_alone_and_their_vectors_kept(tmp_path: Path) -> None:
    encoders, toy = letters()
    index = Index.fit(ENTRIES, encoders=encoders, generic=("how tall is a giraffe",))
    readers: list[set[str] | None] = [None, {"vpn", "usb", "badge"}, set(), {"laptop"}]
    texts = ["vpn brokn", "…", "who signs the payroll", "wo ist mein laptop", "usb", "lost badge"]
    asked = [(text, allowed) for text in texts for allowed in readers]
    assert not index.knows_questions(tmp_path)
    together = index.rank_all(asked, tmp_path)
    assert index.knows_questions(tmp_path)
    for ranking, alone in zip(together, [index.rank(*each) for each in asked], strict=True):
        assert (ranking.read, ranking.language) == (alone.read, alone.language)
        assert [item.id for item in ranking.candidates] == [item.id for item in alone.candidates]
        assert (ranking.p1, ranking.p3) == pytest.approx((alone.p1, alone.p3), abs=1e-5)
    toy.asked.clear()
    assert together == index.rank_all(asked, tmp_path)
    assert [] == toy.asked
    assert [] == index.rank_all([])


def test_a_quick_refit_knows_the_habits_of_its_entries_without_comparing_words(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Index.fit(ENTRIES, encoders=letters()[0], generic=("how tall is a giraffe",))
    whole = before._states[0].arrays["habit"]
    monkeypatch.setattr(Lexical, "similarities", None)  # it would be called
    quick = Index.fit(ENTRIES, generic=("how tall is a giraffe",), previous=before)
    assert np.allclose(whole, quick._states[0].arrays["habit"], atol=1e-6)


def test_many_texts_are_encoded_on_threads_in_their_order() -> None:
    toy = Letters()
    texts = [f"text number {number}" for number in range(200)]
    expected = np.stack([Letters().encode(text) for text in texts])
    assert np.array_equal(Embedded(toy, None).vectors(texts), expected)
    assert sorted(toy.asked) == sorted(texts)


def entry(name: str, english: str, german: str | None) -> Entry:
    questions = {"en": [english]} | ({"de": [german]} if german else {})
    return Entry.model_construct(id=name, state="published", title={}, questions=questions, roles=["all"])


# Encoders ------------------------------------------------------------------------------------------------------------


def test_the_shipped_models_are_the_pinned_ones(full: Encoders, cache: Path) -> None:
    assert (full.mode, full.notes) == ("full", ())
    assert full.name == f"minilm-{minilm.DERIVED_SHA256[:12]}+use-multilingual-3-int8"
    assert sorted(path.name for path in cache.iterdir() if not path.name.startswith(("vectors", "index"))) == [
        "minilm.onnx",
        "use-table.npy",
        "use.npz",
    ]


def test_vectors_have_length_one_and_similar_questions_are_near(full: Encoders) -> None:
    for part in full.parts:
        same, like, other = (
            part.encode(text)
            for text in ("I lost my work phone", "my company mobile is gone", "how do I boil an egg properly")
        )
        assert float(np.linalg.norm(same)) == pytest.approx(1.0, abs=1e-4)
        assert same @ like > same @ other + 0.2


def test_the_language_of_a_question_does_not_matter_to_the_second_encoder(full: Encoders) -> None:
    english = full.parts[1].encode("How do I reset my password?")
    for text in ("Wie setze ich mein Passwort zurück?", "¿Cómo restablezco mi contraseña?"):
        assert english @ full.parts[1].encode(text) > 0.6


def test_the_light_mode_does_without_onnxruntime(cache: Path, full: Encoders, monkeypatch: pytest.MonkeyPatch) -> None:
    light = load_encoders(cache, light=True)
    assert (light.mode, light.name) == ("light", "use-multilingual-3")
    assert light.parts[0].encode("lost laptop") @ full.parts[1].encode("lost laptop") > 0.98
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    missing = load_encoders(cache)
    assert missing.mode == "light"
    assert "onnxruntime" in missing.notes[0]


def test_without_any_model_words_remain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "shipped_model", lambda: None)
    monkeypatch.setattr(use, "shipped_files", lambda: None)
    encoders = load_encoders(tmp_path)
    assert (encoders.mode, len(encoders.notes)) == ("words", 2)
    assert Index.fit(ENTRIES, encoders=encoders).rank("vpn is down").candidates[0].id == "vpn"


def test_a_model_file_that_was_tampered_with_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "model.onnx"
    fake.write_bytes(b"something else")
    monkeypatch.setattr(minilm, "shipped_model", lambda: fake)
    monkeypatch.setattr(use, "shipped_files", lambda: (fake, fake))
    encoders = load_encoders(tmp_path / "cache")
    assert encoders.mode == "words"
    assert all("is not the file we know" in note for note in encoders.notes)


def test_damaged_derived_files_are_made_again(cache: Path, full: Encoders) -> None:
    expected = full.parts[0].encode("lost laptop")
    (cache / "minilm.onnx").write_bytes(b"broken")
    again = load_encoders(cache)
    assert (again.mode, again.notes) == ("full", ())
    assert np.array_equal(again.parts[0].encode("lost laptop"), expected)


def test_an_own_model_by_path(cache: Path, full: Encoders, tmp_path: Path) -> None:
    assert full.mode == "full"
    own = tmp_path / "own.onnx"
    own.write_bytes((cache / "minilm.onnx").read_bytes())
    encoders = encoders_for(str(own), cache)
    assert encoders.parts[0].name.startswith("own-")
    assert np.array_equal(encoders.parts[0].encode("hello"), full.parts[0].encode("hello"))
    assert encoders_for(str(tmp_path / "none.onnx"), cache).mode == "light"


def test_the_onnx_file_reads_what_it_writes() -> None:
    graph = Graph()
    weight = np.arange(6, dtype=np.float32).reshape(2, 3)
    graph.one("MatMul", ["x", graph.weight("w", weight)])
    data = graph.save({"x": (1, ["n", 2])}, "n1_0", ["n", 3])
    assert np.array_equal(read_weights(data)["w"], weight)
    for bad in (b"", b"not a model", data[: len(data) // 2]):
        with pytest.raises(ValueError):  # noqa: PT011 (where it is cut decides the words)
            read_weights(bad)


def test_wordpiece_splits_as_published() -> None:
    words = WordPiece(16)
    assert words.ids("Hello, world!") == [101, 7592, 1010, 2088, 999, 102]
    assert words.ids("unaffable") == [101, 14477, 20961, 3468, 102]
    assert words.ids("Café") == words.ids("cafe")
    assert len(words.ids("word " * 100)) == 16


def test_unigram_takes_the_best_segmentation() -> None:
    pieces = [("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0), ("▁", -2.0), ("ab", -1.0), ("a", -3.0), ("b", -3.0)]
    model = b""
    for text, score in pieces:
        body = b"\x0a" + bytes([len(text.encode())]) + text.encode() + b"\x15" + np.float32(score).tobytes()
        model += b"\x0a" + bytes([len(body)]) + body
    split = unigram.Unigram(unigram.build(model))
    assert split.ids("ab") == [1, 3, 4, 2]
    assert split.ids("ba") == [1, 3, 6, 5, 2]
    assert split.ids("aXb") == [1, 3, 5, 0, 6, 2]
    assert split.ids("") == [1, 0, 2]


# Parts ---------------------------------------------------------------------------------------------------------------


def typos() -> Typos:
    counted = vocabulary(["quarantine release", "password reset", "vpn tunnel", "Schlüssel verloren"])
    return Typos.fit(counted, ["the", "please", "how", "can", "reset", "word", "taco", "my"])


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("please relaese my quarntine", "please release my quarantine"),
        ("pasword reset", "password reset"),
        ("how can my passwrod", "how can my password"),
        ("the tacos", "the tacos"),
        ("zzzz my vpn", "zzzz my vpn"),
        ("how cant the vpn", "how can't the vpn"),
        ("how can the vpn", "how can the vpn"),
        ("can teh wrd be reset", "can the word be reset"),
        ("my vpn tunlle", "my vpn tunnel"),
        ("my vpn nutnel", "my vpn nutnel"),
        ("can the npn reset my cam", "can the npn reset my cam"),
        ("wo ist mein haustier", "wo ist mein haustier"),
    ],
)
def test_typos_are_mended_and_nothing_else(typed: str, meant: str) -> None:
    assert typos().repair(typed) == meant


def test_only_own_words_mend_another_language() -> None:
    assert typos().repair("my Schlüsel pleese", own=True) == "my schlüssel pleese"


def test_languages_are_told_by_their_small_words() -> None:
    languages = load_languages(packaged_shelf())
    asked = {
        "en": "how do i get into my account",
        "de": "wie komme ich an mein Konto",
        "fr": "comment je peux voir mon compte",
        "es": "cómo puedo entrar en mi cuenta",
        "": "vpn",
    }
    assert {languages.guess(text): text for text in asked.values()} == asked


def test_tfidf_finds_shared_words_and_ignores_unknown_ones() -> None:
    found = Lexical.fit(["red apple", "green apple", "blue sky"])
    assert int(found.similarities("the sky is blue").argmax()) == 2
    assert found.similarities("red apple")[0] == pytest.approx(1.0, abs=1e-5)
    assert float(found.similarities("qqq").sum()) == 0.0
    assert Lexical.fit([]).similarities("x").shape == (0,)


def test_calibration_is_the_same_where_evidence_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    generic = ("how tall is a giraffe", "what is for lunch")
    kept = Index.fit(ENTRIES, encoders=letters()[0], generic=generic).rank("vpn broken")
    monkeypatch.setattr("bot.answering.calibration.MANY", 0)
    found = Index.fit(ENTRIES, encoders=letters()[0], generic=generic).rank("vpn broken")
    assert (found.p1, found.p3) == pytest.approx((kept.p1, kept.p3), abs=1e-4)


def test_among_many_only_the_likely_are_looked_at_and_those_are_the_visible_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for place in ("state", "fitting", "calibration"):
        monkeypatch.setattr(f"bot.answering.{place}.MANY", 3)
    monkeypatch.setattr("bot.answering.sketch.LIKELY", 2)
    monkeypatch.setattr("bot.answering.state.NEAREST", 1)
    many = Index.fit(ENTRIES, encoders=letters()[0])
    for name, texts in ENTRIES:
        assert many.rank(texts[0]).candidates[0].id == name
        others = {other for other, _ in ENTRIES} - {name}
        assert {candidate.id for candidate in many.rank(texts[0], others).candidates} <= others


def test_what_is_in_most_of_many_texts_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.answering.lexical._TOO_COMMON", 2)
    found = Lexical.fit(["how do i bake", "how do i cook", "how do i fry", "how do i"])
    assert found.similarities("how do i bake").tolist() == pytest.approx([1, 0, 0, 0], abs=1e-5)


def test_the_best_of_many_are_those_of_a_stable_sort() -> None:
    for seed in range(20):
        chance = np.random.default_rng(seed)
        scores = chance.integers(0, 300, 800).astype(float)
        assert _best(scores, 4).tolist() == np.argsort(-scores, kind="stable")[:4].tolist()


def test_long_lists_of_words_are_counted_as_short_ones_are(monkeypatch: pytest.MonkeyPatch) -> None:
    index = Lexical.fit([text for _, texts in ENTRIES for text in texts])
    short = index.similarities("lost the vpn laptop")
    monkeypatch.setattr("bot.answering.lexical._LONG", 0)
    assert np.array_equal(index.similarities("lost the vpn laptop"), short)


@pytest.mark.parametrize(("noisy", "share"), [(0, 1.0), (1, 0.45), (None, 0.8)])
def test_the_encoder_that_tells_entries_apart_gets_the_larger_share(noisy: int | None, share: float) -> None:
    chance = np.random.default_rng(3)
    owners = np.arange(60).repeat(4)
    middles = chance.normal(size=(60, 24))
    parts = []
    for number in range(2):
        spread = {None: 0.01, number: 8.0}.get(noisy, 1.5)
        rows = middles[owners] + chance.normal(size=(240, 24)) * spread
        parts.append((rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32))
    assert fit_share(parts, owners) == share
    assert fit_share(parts[:1], owners) == fit_share([part[:40] for part in parts], owners[:40]) == 0.8


def test_the_head_separates_what_can_be_separated() -> None:
    rows = np.eye(4, dtype=np.float32).repeat(3, axis=0)
    owners = np.arange(4).repeat(3)
    weights = fit_head(rows, owners, 4)
    assert (with_bias(rows) @ weights).argmax(axis=1).tolist() == owners.tolist()


# The live knowledge base ---------------------------------------------------------------------------------------------


def test_restricted_entries_never_surface(live: Index, library: Library) -> None:
    for roles, known in (({"regular"}, True), ({"it_helpdesk"}, False)):
        allowed = library.visible(roles, known=known)
        for entry in library.published():
            if entry.id not in allowed:
                ranking = live.rank(entry.questions["en"][0], allowed)
                assert not {c.id for c in ranking.candidates} - allowed


@pytest.mark.parametrize("question", ["best pasta recipe", "who won the football", "wie wird das wetter", "2 + 2"])
def test_what_is_none_of_our_business_is_not_answered(live: Index, question: str) -> None:
    assert decide(live.rank(question)) is not Outcome.ANSWER


def test_a_very_long_question_finds_its_answer(live: Index) -> None:
    assert live.rank("i lost my laptop " * 700).candidates[0].id == "lost-or-stolen-device"


@pytest.mark.parametrize("kind", WRITTEN)
def test_whatever_is_written_is_read_quickly(live: Index, kind: str) -> None:
    spent = []
    for _ in range(3):  # the best of three: others work on the machine that tests
        start = time.thread_time()
        live.rank(WRITTEN[kind])
        spent.append(time.thread_time() - start)
    assert min(spent) < 0.03  # of the 50 ms that the desk has for all of it


# Measuring -----------------------------------------------------------------------------------------------------------


def intents(path: Path) -> Path:
    test = [{"q": variants[4], "id": name, "typo": variants[4].replace("a", "")} for name, variants in ENTRIES]
    test += [{"q": "how tall is a giraffe", "id": None, "kind": "far"}, {"q": "car key", "id": None, "kind": "near"}]
    entries = [{"id": name, "title": name, "variants": variants} for name, variants in ENTRIES]
    path.write_text(json.dumps({"entries": entries, "test": test}))
    return path


def test_an_intent_set_is_measured_with_the_encoders_that_are_set(tmp_path: Path) -> None:
    file = intents(tmp_path / "set.json")
    found = measures.answers(Settings(tmp_path, data=tmp_path, search="words"), file, 4, typos=False)
    generic = load_generic(packaged_shelf())
    expected = evaluate_intents(file, 4, encoders=WORDS, generic=generic)
    measured = {"p50_ms", "p99_ms", "rss_mb"}
    assert {n: v for n, v in found.items() if n not in measured} == {
        n: v for n, v in expected.items() if n not in measured
    }


def test_an_intent_set_is_measured_through_the_public_interface(tmp_path: Path) -> None:
    figures = evaluate_intents(intents(tmp_path / "set.json"), 4, encoders=WORDS)
    keys = (
        "top1 recall3 oos_auroc right wrong suggested_hit suggested_miss escalated oos_answered oos_suggested "
        "oos_escalated near_oos_answered ece p50_ms p99_ms rss_mb"
    )
    assert set(figures) == set(keys.split())
    triage = ("right", "wrong", "suggested_hit", "suggested_miss", "escalated")
    assert sum(figures[key] for key in triage) == pytest.approx(1, abs=0.001)
    assert figures["oos_answered"] + figures["oos_suggested"] + figures["oos_escalated"] == pytest.approx(1)
    assert figures["top1"] >= 4 / 6 - 0.001


def test_the_names_of_intents_are_no_variants(tmp_path: Path) -> None:
    entries = [{"id": name, "title": "zebra crossing", "variants": variants} for name, variants in ENTRIES]
    test = [{"q": "zebra crossing", "id": None, "kind": "far"}, {"q": ENTRIES[0][1][0], "id": ENTRIES[0][0]}]
    (tmp_path / "set.json").write_text(json.dumps({"entries": entries, "test": test}))
    assert evaluate_intents(tmp_path / "set.json", 4, encoders=WORDS)["oos_escalated"] == 1.0


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"entries": 1, "test": []}'])
def test_a_file_that_is_no_intent_set_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(ConfigError, match="is not an intent set"):
        evaluate_intents(tmp_path / "bad.json", 5, encoders=WORDS)


def test_questions_for_the_live_index_list_their_misses(tmp_path: Path) -> None:
    index = Index.fit(ENTRIES, encoders=letters()[0])
    questions, outside = tmp_path / "q.tsv", tmp_path / "o.tsv"
    questions.write_text("# comment\nvpn is down\tvpn\nlaptop stolen\tvpn\n\n")
    outside.write_text("how tall is a giraffe\n")
    figures = evaluate_questions(index, questions, outside)
    assert (figures["questions"], figures["top1"], "unknown_ids" in figures) == (3, 0.5, False)
    assert [(miss["question"], miss["id"], miss["found"][0]) for miss in figures["misses"] if miss["id"]] == [
        ("laptop stolen", "vpn", "laptop")
    ]


def test_an_id_that_no_entry_has_is_named(tmp_path: Path) -> None:
    questions = tmp_path / "q.tsv"
    questions.write_text("vpn is down\tvpn\nlaptop stolen\tlaptops\nlaptop stolen\t\n")
    assert ["laptops"] == evaluate_questions(Index.fit(ENTRIES, encoders=WORDS), questions)["unknown_ids"]


def test_figures_are_computed_as_defined() -> None:
    assert auroc([0.9, 0.8], [0.1, 0.8]) == pytest.approx(0.875)
    assert calibration_error([0.95, 0.95, 0.05], [True, True, False]) == pytest.approx(0.05)
    assert calibration_error([1.0, 1.0], [True, False]) == pytest.approx(0.5)


def test_entries_in_another_order_rank_the_same() -> None:
    def names(entries: Sequence[tuple[str, list[str]]]) -> list[str]:
        return [candidate.id for candidate in Index.fit(entries, encoders=letters()[0]).rank("lost my vpn").candidates]

    assert names(ENTRIES)[0] == names(list(reversed(ENTRIES)))[0]


def test_the_measurement_asks_about_entries_that_are_all_different() -> None:
    made = others(3000)
    assert len({name for name, _ in made}) == len({variants[0] for _, variants in made}) == 3000
    assert {len(variants) for _, variants in made} == {5}
    typed = [misspelt(variants[-1]) for _, variants in made]
    assert [
        text for text, (_, variants) in zip(typed, made, strict=True) if abs(len(text) - len(variants[-1])) > 1
    ] == []
    assert typed == [misspelt(variants[-1]) for _, variants in made]
