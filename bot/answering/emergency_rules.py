"""The emergency gate's small grammar: phrase rules over word groups, and what stands around them.

A rule is a line of text in `knowledge/emergencies/<id>.yaml`:

    <click> <link>                 both, in any order, within 12 words
    ! <steal> <device>             `!` is sure: nothing harmless in the sentence takes it back
    got phished                    literal words
    ? <enter> <password>           `?` is weak: only a question back, unless danger or worry stands beside it
    ?? <open> <risk> <message>     `??` is never more than a question back
    <open> <file|link> -<benign>   either group; and not if `benign` stands near
    <lose> <device> ~20            within 20 words

A verb counts when it is *done* ("clicked"). Its base form counts in a hypothetical sentence, or as `<click.any>`.

What is met is weighed: 3, 2 or 1 points for a sure, plain or weak rule. Danger adds one. Worry lifts one to two. Without
danger an ordinary fault ("expired") takes one and a known harmless thing ("survey") two. Two points fire, one asks. A
hypothetical sentence, somebody else's story, a thing long past and a training only ever ask.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bot.answering.emergency_scene import Director, Scene, slot
from bot.answering.emergency_words import Form, Lexicon

SPAN = 12
SURE, PLAIN, WEAK = 3, 2, 1
_MANY = 12  # places of one group that are looked at
_TERM = re.compile(r"(-?)<([a-z0-9_|.]+)>|~(\d{1,2})\b|((?:(?!-<)[^<~])+)|(.)")

Level = Literal["fire", "confirm", "none"]
LEVELS: tuple[Level, ...] = ("none", "confirm", "fire")
Term = frozenset[int]  # slots, any of which will do


class RuleFault(ValueError):
    """A rule that cannot be read. The message says why."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One compiled rule. `spoken` are its terms with base forms, empty if no term is a verb. Masks have a bit a slot."""

    kind: str
    text: str
    points: int
    most: int  # the score it cannot pass
    terms: tuple[Term, ...]
    spoken: tuple[Term, ...]
    masks: tuple[int, ...]
    spoken_masks: tuple[int, ...]
    vetoes: Term
    span: int
    danger: bool  # a term is danger itself
    told: bool  # a verb somebody may tell of another; of a theft or a break-in the other is no story-teller


@dataclass(frozen=True, slots=True)
class Match:
    """A rule that was met, with the level after everything around it has been weighed."""

    rule: Rule
    level: Level
    score: int


@dataclass
class Grammar:
    """Lexicon and rules together. Add rules with `learn`, then close the lexicon."""

    lexicon: Lexicon
    actions: frozenset[int]
    director: Director
    alarms: frozenset[int] = frozenset()
    objects: frozenset[int] = frozenset()
    suffered: frozenset[int] = frozenset()  # verbs that others do to the person
    rules: list[Rule] = field(default_factory=list)

    def learn(self, kind: str, line: str) -> None:
        """Read one rule. Raises `RuleFault` for an unknown group or an empty rule."""
        terms: list[Term] = []
        vetoes: set[int] = set()
        span = SPAN
        for minus, names, number, literal, stray in _TERM.findall(line.lstrip("!? ")):
            if stray:
                raise RuleFault(f'"{stray}" stands where it means nothing')
            if number:
                span = int(number)
            elif names and minus:
                vetoes |= self._slots(names)
            elif names:
                terms.append(self._slots(names))
            elif literal.strip():
                terms.append(self._literal(literal.strip()))
        if not terms:
            raise RuleFault("the rule has no words")
        self.rules.append(self._rule(kind, line, tuple(terms), frozenset(vetoes), span))

    def _rule(self, kind: str, line: str, terms: tuple[Term, ...], vetoes: Term, span: int) -> Rule:
        points = SURE if line.startswith("!") else WEAK if line.startswith("?") else PLAIN
        spoken = tuple(term | {part | 1 for part in term if part // 2 in self.actions} for term in terms)
        if spoken == terms:
            spoken = ()
        danger = any(self.director.marks["risk"] in term for term in terms)
        most = WEAK if line.startswith("??") else SURE
        masks = tuple(map(_mask, terms)), tuple(map(_mask, spoken))
        suffered = any(part // 2 in self.suffered for term in terms for part in term)
        return Rule(
            kind, line, points, most, terms, spoken, *masks, vetoes, span, danger, bool(spoken) and not suffered
        )

    def _slots(self, names: str) -> Term:
        found: set[int] = set()
        for part in names.split("|"):
            name, _, form = part.partition(".")
            if name not in self.lexicon.groups or form not in ("", "any", "base"):
                raise RuleFault(f'there is no word group "{part}"')
            group = self.lexicon.groups[name]
            found.update(slot(group, base=base) for base in (False, True) if (form or "done") in _FORMS[base])
        return frozenset(found)

    def _literal(self, text: str) -> Term:
        name = f'"{text}"'
        self.lexicon.add(name, [text], Form.PLAIN, "", hides=False)
        return frozenset((slot(self.lexicon.groups[name]),))

    def matches(self, scene: Scene) -> Iterator[Match]:
        """Every rule that the scene meets, weighed."""
        present = _mask(scene.places)
        supposing = bool(scene.at(self.director.marks["hypothetical"]))
        for rule in self.rules:
            found: Sequence[int] = ()
            if _has(present, rule.masks):
                found = self._met(scene, rule, rule.terms)
            base = not found and supposing and bool(rule.spoken)
            if base and _has(present, rule.spoken_masks):
                found = self._met(scene, rule, rule.spoken)
                if found and not self.director.supposed(scene, _first_act(scene, found)):
                    found = ()
            if found:
                yield self._weigh(scene, rule, found, base=base)

    def signs(self, scene: Scene) -> int:
        """How much in a text speaks for an emergency that no rule has words for; 0 for a question or without any alarm.

        One for each kind of alarm, up to two for verbs that were done and for objects, less what is denied or harmless.
        """
        marks = self.director.marks
        if 0 in scene.at(marks["asking"]) and not scene.at(marks["hypothetical"]):
            return 0
        done = {part // 2: places for part, places in scene.places.items() if places and not part % 2}
        alarms = {i for group in self.alarms & done.keys() for i in done[group]}
        acts = {i for group in self.actions & done.keys() for i in done[group]} - alarms
        objects = {i for group in self.objects & done.keys() for i in done[group]} - alarms - acts
        against = sum(bool(scene.at(marks[name])) for name in ("negation", "benign", "benign", "glitch"))
        if not acts:
            against += 2 * bool(scene.at(marks["handled"]))
        return min(3, len(alarms)) + min(2, len(acts)) + min(2, len(objects)) - against if alarms else 0

    def calm(self, scene: Scene) -> bool:
        """Whether something is denied or harmless, it is a plain question, or nothing was done and nothing is wrong."""
        marks = self.director.marks
        if any(scene.at(marks[name]) for name in ("negation", "benign", "glitch", "handled")):
            return True
        if 0 in scene.at(marks["asking"]) and not scene.at(marks["hypothetical"]):
            return True
        telling = self.alarms | self.actions
        return not any(places and not part % 2 and part // 2 in telling for part, places in scene.places.items())

    def only_told(self, scene: Scene) -> bool:
        """Whether anything in the text makes it a story, a supposition or a question."""
        return any(
            scene.at(self.director.marks[name]) for name in ("hypothetical", "third", "past", "training", "modal")
        )

    def _met(self, scene: Scene, rule: Rule, terms: tuple[Term, ...]) -> Sequence[int]:
        found = _together(scene, terms, rule.span)
        return () if found and any(scene.near(veto, found[0], SPAN) for veto in rule.vetoes) else found

    def _weigh(self, scene: Scene, rule: Rule, found: Sequence[int], *, base: bool) -> Match:
        first = min(found)
        score = rule.points
        if score < SURE:
            score += self._around(scene, rule, found)
            score += score < PLAIN and any(scene.near(self.director.marks[mark], first) for mark in ("worry", "regret"))
        level = LEVELS[max(0, min(2, score, rule.most))]
        if level == "fire" and (base or self._only_told(scene, rule, found)):
            level = "confirm"
        return Match(rule, level, score)

    def _around(self, scene: Scene, rule: Rule, found: Sequence[int]) -> int:
        marks, first = self.director.marks, min(found)
        if scene.near(marks["risk"], first, besides=found):
            return 1
        if rule.danger:
            return 0
        harmless = scene.near(marks["benign"], first, besides=found)
        fault = scene.near(marks["glitch"], first, besides=found)
        return -2 * harmless - fault - self.director.only_asked(scene, first)

    def _only_told(self, scene: Scene, rule: Rule, found: Sequence[int]) -> bool:
        """Whether it is long past, a training, somebody else's story or a supposition."""
        marks, first = self.director.marks, _first_act(scene, found)
        if scene.near(marks["past"], first) or scene.near(marks["training"], first):
            return True
        others = scene.between(marks["third"], first - 6, first - 1) if rule.told else ()
        told = any(i not in found and scene.text[i].sentence == scene.text[first].sentence for i in others)
        if (
            told
            and not self.director.before(scene, "i_did", first, 8)
            and not self.director.before(scene, "made_me", first, 6)
        ):
            return True
        return self.director.supposed(scene, first)


_FORMS: Mapping[bool, tuple[str, ...]] = {False: ("done", "any"), True: ("base", "any")}


def _first_act(scene: Scene, found: Sequence[int]) -> int:
    """The first verb of what was found; its first word if it has no verb."""
    return min(scene.acts.intersection(found), default=min(found))


def _has(present: int, masks: tuple[int, ...]) -> bool:
    for mask in masks:  # noqa: SIM110 - the hottest line of the gate: a generator takes twice the time
        if not mask & present:
            return False
    return True


def _mask(slots: Iterable[int]) -> int:
    mask = 0
    for part in slots:
        mask |= 1 << part
    return mask


def _together(scene: Scene, terms: tuple[Term, ...], span: int) -> Sequence[int]:
    """Word positions of all terms, each its own word, within `span` words; empty if they are not that near."""
    options = [sorted({i for part in term for i in scene.at(part)[:_MANY]}) for term in terms]
    options.sort(key=len)
    for anchor in options[0][:_MANY]:
        here = scene.text[anchor].place
        chosen = [anchor]
        for places in options[1:]:
            free = [i for i in places if i not in chosen]
            if not free:
                break
            chosen.append(min(free, key=lambda i: abs(scene.text[i].place - here)))
        if len(chosen) == len(terms):
            spots = [scene.text[i].place for i in chosen]
            if max(spots) - min(spots) <= span:
                return tuple(chosen)
    return ()


def best(found: Iterable[Match], order: Mapping[str, int]) -> Match | None:
    """The match that decides: the highest level, then a plain rule before a weak one, then the kind first in `order`."""
    return max(
        found,
        key=lambda match: (
            LEVELS.index(match.level),
            min(PLAIN, match.rule.points),
            -order.get(match.rule.kind, len(order)),
            match.score,
        ),
        default=None,
    )
