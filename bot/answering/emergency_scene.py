"""A text as the phrase rules see it: which word groups stand where, and which verbs were really done.

A verb is *done* ("clicked"), or only *spoken of* ("click"), or denied ("did not click", not seen at all). "They sent me a
link" is not the person's doing. "He made me click" and "I shouldn't have clicked" are: it happened.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

from bot.answering.emergency_text import Word
from bot.answering.emergency_words import Form, Hit, Lexicon

NEAR = 25  # words within which danger, worry and harmless things bear on a rule
# The marks of `_words.yaml` and `_flow.yaml` that this code gives a meaning to.
MARKS = (
    "hypothetical", "third", "past", "training", "risk", "worry", "benign", "glitch", "negation", "negation_after",
    "break", "but", "modal", "helper", "made_me", "regret", "regret_after", "did_it", "after", "mine", "to_me",
    "to_me_before", "other_party", "towards", "i_did", "asking", "amount",
)  # fmt: skip


def slot(group: int, *, base: bool = False) -> int:
    """The number rules use for a group: even for things, marks and done verbs, odd for verbs only spoken of."""
    return group * 2 + base


@dataclass
class Scene:
    """`places` lists, for each slot, the positions of its words in `text`, in order."""

    text: tuple[Word, ...]
    places: dict[int, list[int]] = field(default_factory=dict)

    def at(self, slot: int) -> Sequence[int]:
        """Positions of a slot."""
        return self.places.get(slot, ())

    def add(self, slot: int, index: int) -> None:
        """Note that a slot stands at `index`."""
        self.places.setdefault(slot, []).append(index)

    def near(self, slot: int, index: int, reach: int = NEAR, besides: Container[int] = ()) -> bool:
        """Whether the slot stands within `reach` words of the word `index`, at a word not in `besides`."""
        here = self.text[index].place
        return any(abs(self.text[i].place - here) <= reach and i not in besides for i in self.at(slot))

    def same_sentence(self, i: int, j: int) -> bool:
        """Whether two words stand in one sentence."""
        return self.text[i].sentence == self.text[j].sentence


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

    def scene(self, text: tuple[Word, ...]) -> Scene:
        """Find the words of a text and settle its verbs."""
        scene = Scene(text)
        hits = self._lexicon.find(text)
        for hit in hits:
            for group, _ in hit.senses:
                if group not in self._actions:
                    scene.add(slot(group), hit.start)
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
        stops = () if whole else scene.at(self.marks["break"])
        for i in scene.at(self.marks[mark]):
            if not 0 < index - i <= reach or not scene.same_sentence(i, index):
                continue
            if whole or (
                scene.text[i].clause == scene.text[index].clause and not any(i < stop < index for stop in stops)
            ):
                return True
        return False

    def _settle(self, scene: Scene, hit: Hit, group: int, form: Form) -> None:
        if self._denied(scene, hit):
            if group in self._denied_as and self.before(scene, "mine", hit.start, 5):
                scene.add(self._denied_as[group], hit.start)
            return
        if group in self._directed and self._towards_me(scene, hit):
            return
        done = form is Form.DONE
        if form is Form.UNLESS_MODAL:
            done = not self.before(scene, "modal", hit.start, 3)
        elif form is Form.IF_HELPED:
            done = self.before(scene, "helper", hit.start, 3)
        scene.add(slot(group, base=not (done or self._brought_about(scene, hit))), hit.start)

    def _denied(self, scene: Scene, hit: Hit) -> bool:
        if self.before(scene, "negation", hit.start, 5):
            return True
        after = scene.at(self.marks["negation_after"])
        return hit.end in after and scene.text[hit.end].clause == scene.text[hit.start].clause

    def _towards_me(self, scene: Scene, hit: Hit) -> bool:
        """Somebody else did it, to the person: "they sent me a link", "the supplier sent new bank details"."""
        after = scene.at(self.marks["to_me"])
        if any(hit.end <= i <= hit.end + 1 for i in after) or self.before(scene, "to_me_before", hit.start, 6):
            return True
        if self.before(scene, "mine", hit.start, 10):
            return False
        towards = scene.at(self.marks["towards"])
        others = [i for i in scene.at(self.marks["other_party"]) if not {i - 1, i - 2} & set(towards)]
        known = {self.marks["other_party"]: others, self.marks["break"]: list(scene.at(self.marks["break"]))}
        return self.before(Scene(scene.text, known), "other_party", hit.start, 4)

    def _brought_about(self, scene: Scene, hit: Hit) -> bool:
        if self.before(scene, "made_me", hit.start, 6, whole=True) or self.before(scene, "after", hit.start, 2):
            return True
        if self.before(scene, "regret", hit.start, 6, whole=True) or scene.at(self.marks["did_it"]):
            return True
        return any(hit.end <= i <= hit.end + 3 for i in scene.at(self.marks["regret_after"]))

    def supposed(self, scene: Scene, index: int) -> bool:
        """Whether "if" or "what happens when" stands before `index`, with no "but" and no new "…, I" between."""
        if not self.before(scene, "hypothetical", index, 9, whole=True):
            return False
        last = max((i for i in scene.at(self.marks["hypothetical"]) if i < index), default=0)
        if any(last < i <= index for i in scene.at(self.marks["but"])):
            return False
        fresh = (i for i in scene.at(self.marks["mine"]) if last < i <= index and i)
        return not any(scene.text[i].clause > scene.text[i - 1].clause for i in fresh)
