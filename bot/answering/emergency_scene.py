"""A text as the phrase rules see it: which word groups stand where, and which verbs were really done.

A verb is *done* ("clicked"), or only *spoken of* ("click"), or denied ("did not click", not seen at all). "They sent me a
link" is not the person's doing. "He made me click" and "I shouldn't have clicked" are: it happened.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

from bot.answering.emergency_text import Word
from bot.answering.emergency_words import Form, Hit, Lexicon

NEAR = 25  # words within which danger, worry and harmless things bear on a rule
# The marks of `_words.yaml` and `_flow.yaml` that this code gives a meaning to.
MARKS = (
    "hypothetical", "third", "past", "training", "risk", "worry", "benign", "glitch", "negation", "negation_after",
    "break", "but", "modal", "helper", "made_me", "regret", "regret_after", "did_it", "after", "mine", "to_me",
    "to_me_before", "other_party", "towards", "i_did", "asking", "permission", "handled", "amount",
)  # fmt: skip


def slot(group: int, *, base: bool = False) -> int:
    """The number rules use for a group: even for things, marks and done verbs, odd for verbs only spoken of."""
    return group * 2 + base


@dataclass
class Scene:
    """`places` lists, for each slot, the positions of its words in `text`, in order. `acts` are the positions of verbs."""

    text: tuple[Word, ...]
    places: dict[int, list[int]] = field(default_factory=dict)
    acts: set[int] = field(default_factory=set)

    def at(self, slot: int) -> Sequence[int]:
        """Positions of a slot."""
        return self.places.get(slot, ())

    def add(self, slot: int, index: int) -> None:
        """Note that a slot stands at `index`."""
        insort(self.places.setdefault(slot, []), index)

    def near(self, slot: int, index: int, reach: int = NEAR, besides: Container[int] = ()) -> bool:
        """Whether the slot stands within `reach` words of the word `index`, at a word not in `besides`."""
        here = self.text[index].place
        around = self.between(slot, index - reach, index + reach)
        return any(abs(self.text[i].place - here) <= reach and i not in besides for i in around)

    def between(self, slot: int, first: int, last: int) -> Sequence[int]:
        """Positions of a slot from `first` to `last`, both included."""
        found = self.places.get(slot)
        return found[bisect_left(found, first) : bisect_right(found, last)] if found else ()


class Director:
    """Makes scenes. `actions` are the groups that are verbs, `directed` those like "gave" and "sent".

    `denied` says for some verbs what they count as when denied ("I did not write it").
    """

    def __init__(
        self, lexicon: Lexicon, actions: frozenset[int], directed: frozenset[int], denied: Mapping[int, int]
    ) -> None:
        self._lexicon, self._actions, self._directed = lexicon, actions, directed
        self._denied_as = {group: slot(other) for group, other in denied.items()}
        self.marks = {name: slot(lexicon.group(name)) for name in MARKS}

    def scene(self, text: tuple[Word, ...], lang: str) -> Scene:
        """Find the words of a text and settle its verbs."""
        scene, supposing = Scene(text), self.marks["hypothetical"]
        hits = self._lexicon.find(text, lang)
        for hit in hits:
            for group, _ in hit.senses:
                if group not in self._actions:
                    scene.add(slot(group), hit.end - 1 if slot(group) == supposing else hit.start)
        for i, word in enumerate(text):
            if word.amount:
                scene.add(self.marks["amount"], i)
        for hit in hits:
            for group, form in hit.senses:
                if group in self._actions:
                    self._settle(scene, hit, group, form)
        return scene

    def before(self, scene: Scene, mark: str, index: int, reach: int, *, whole: bool = False) -> bool:
        """Whether a mark stands up to `reach` words before `index`, in the same clause; `whole`: in the same sentence."""
        here = scene.text[index]
        for i in scene.between(self.marks[mark], index - reach, index - 1):
            if whole and scene.text[i].sentence == here.sentence:
                return True
            stopped = scene.between(self.marks["break"], i + 1, index - 1)
            if scene.text[i].clause == here.clause and not stopped and not whole:
                return True
        return False

    def _settle(self, scene: Scene, hit: Hit, group: int, form: Form) -> None:
        if self._denied(scene, hit):
            if group in self._denied_as and self.before(scene, "mine", hit.start, 5):
                scene.add(self._denied_as[group], hit.start)
            return
        if group in self._directed and self._towards_me(scene, hit):
            return
        scene.acts.add(hit.start)
        done = form is Form.DONE
        if form is Form.UNLESS_MODAL:
            done = not self.before(scene, "modal", hit.start, 3)
        elif form is Form.IF_HELPED:
            done = self.before(scene, "helper", hit.start, 3)
        scene.add(slot(group, base=not (done or self._brought_about(scene, hit))), hit.start)

    def _denied(self, scene: Scene, hit: Hit) -> bool:
        if self.before(scene, "negation", hit.start, 5):
            return True
        after = scene.between(self.marks["negation_after"], hit.end, hit.end)
        return bool(after) and scene.text[hit.end].clause == scene.text[hit.start].clause

    def _towards_me(self, scene: Scene, hit: Hit) -> bool:
        """Somebody else did it, to the person: "they sent me a link", "the supplier sent new bank details"."""
        if scene.between(self.marks["to_me"], hit.end, hit.end + 1) or self.before(scene, "to_me_before", hit.start, 6):
            return True
        if self.before(scene, "mine", hit.start, 10):
            return False
        others = scene.between(self.marks["other_party"], hit.start - 4, hit.start - 1)
        if not any(not scene.between(self.marks["towards"], i - 2, i - 1) for i in others):
            return False
        return self.before(scene, "other_party", hit.start, 4)

    def _brought_about(self, scene: Scene, hit: Hit) -> bool:
        if self.before(scene, "made_me", hit.start, 6, whole=True) or self.before(scene, "after", hit.start, 2):
            return True
        if self.before(scene, "regret", hit.start, 6, whole=True) or scene.at(self.marks["did_it"]):
            return True
        return bool(scene.between(self.marks["regret_after"], hit.end, hit.end + 3))

    def supposed(self, scene: Scene, index: int) -> bool:
        """Whether "if" or "what happens when" stands before `index`, with no "but" and no new "…, I" between."""
        if not self.before(scene, "hypothetical", index, 9, whole=True):
            return False
        last = scene.between(self.marks["hypothetical"], 0, index - 1)[-1]
        if scene.between(self.marks["but"], last + 1, index):
            return False
        fresh = scene.between(self.marks["mine"], last + 1, index)
        return not any(scene.text[i].clause > scene.text[i - 1].clause for i in fresh)

    def only_asked(self, scene: Scene, index: int) -> bool:
        """Whether the text begins with "can I", "how do I": what follows in that clause is wished for, not done."""
        if not scene.between(self.marks["permission"], 0, 0) or scene.text[0].clause != scene.text[index].clause:
            return False
        return not any(scene.between(self.marks[mark], 2, index) for mark in ("mine", "hypothetical"))
