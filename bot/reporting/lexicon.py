"""Reads knowledge/phishing: brands, hosts, wording, signs, weights. Checks everything, then makes the checks' `Context`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from string import Formatter
from typing import Annotated, TypeVar

from pydantic import Field, StringConstraints, field_validator

from bot.content import Faults, Shape, Shelf, packaged_shelf, parse, read
from bot.errors import ContentError
from bot.model import Finding
from bot.reporting.context import Brand, Context, Hosts, Redirector
from bot.reporting.phrases import read as read_phrase

FOLDER, WORDING = "phishing", "phishing/wording"
Domain = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]+(\.[a-z0-9_-]+)*$")]
Text = dict[str, str]  # language → text
M = TypeVar("M", bound=Shape)


class BrandShape(Shape):
    """One brand of brands.yaml."""

    name: str
    names: list[str] = Field(min_length=1)
    domains: list[Domain] = Field(min_length=1)
    word: bool = False


class BrandsShape(Shape):
    """brands.yaml."""

    brands: list[BrandShape]


class RedirectorShape(Shape):
    """One redirector of hosts.yaml."""

    host: Domain
    path: str
    parameters: list[str]


class HostsShape(Shape):
    """hosts.yaml."""

    shorteners: list[Domain]
    free_hosting: list[Domain]
    redirectors: list[RedirectorShape]
    gateways: list[Domain]
    mailers: list[Domain]
    freemail: list[Domain]
    cheap_endings: list[Domain]


class WordingShape(Shape):
    """One file of wording/."""

    category: str = Field(pattern=r"^[a-z_]+$")
    about: str
    phrases: dict[str, list[str]]

    @field_validator("phrases")
    @classmethod
    def _readable(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        _check_phrases(value)
        return value


def _check_phrases(languages: dict[str, list[str]]) -> None:
    for phrases in languages.values():
        for phrase in phrases:
            read_phrase(phrase)


class NamesShape(Shape):
    """names.yaml."""

    roles: list[str]
    fillers: list[str]


class IdeasShape(Shape):
    """ideas.yaml."""

    ideas: dict[str, dict[str, list[str]]]

    @field_validator("ideas")
    @classmethod
    def _readable(cls, value: dict[str, dict[str, list[str]]]) -> dict[str, dict[str, list[str]]]:
        for languages in value.values():
            _check_phrases(languages)
        return value


class VendorShape(Shape):
    """One header of practice.yaml."""

    header: str = Field(pattern=r"^[a-z0-9-]+$")
    vendor: str


class PracticeShape(Shape):
    """practice.yaml."""

    headers: list[VendorShape]


class WeightShape(Shape):
    """How much a sign speaks for phishing, and for spam."""

    weight: float = Field(default=0.0, ge=-10, le=10)
    spam: float = Field(default=0.0, ge=0, le=10)


class Weights(Shape):
    """weights.yaml."""

    weights: dict[str, WeightShape]


class Signs(Shape):
    """signs.yaml: sentences, by sign and language."""

    signs: dict[str, Text]


class Refusals(Shape):
    """refusals.yaml, whose keys are reasons."""

    reasons: dict[str, Text]


@dataclass(frozen=True)
class Lexicon:
    """Everything of knowledge/phishing. `context(language)` is what the checks get; the organisation's part is added to it."""

    base: Context
    signs: dict[str, Text]
    refusals: dict[str, Text]

    def context(self, language: str = "en", **organisation: object) -> Context:
        """The packaged context in a reader's language, with fields of the organisation (own_domains, people, …)."""
        signs = {sign: texts.get(language) or texts["en"] for sign, texts in self.signs.items()}
        return replace(self.base, signs=signs, **organisation)  # type: ignore[arg-type]

    def retell(self, finding: Finding, language: str) -> str:
        """A finding's sentence in a reader's language: the values are read out of the sentence as it was said.

        The sentence itself where it is none of ours, or where the language has no text.
        """
        texts = self.signs.get(finding.check, {})
        if language not in texts:
            return finding.sign
        said = (_template(text).fullmatch(finding.sign) for text in texts.values())
        values = next((match.groupdict() for match in said if match), None)
        return finding.sign if values is None else texts[language].format(**values)

    def looked_at(self, check: str, language: str) -> str:
        """What a check looks at, in words; its own name where there are none."""
        texts = self.signs.get(f"check.{check}", {})
        return texts.get(language) or texts.get("en") or check


@lru_cache(maxsize=2000)
def _template(text: str) -> re.Pattern[str]:
    """What reads the values out of a sentence made from a template."""
    parts, seen = list[str](), set[str]()
    for literal, name, _, _ in Formatter().parse(text):
        parts.append(re.escape(literal))
        if name:
            parts.append(f"(?P={name})" if name in seen else f"(?P<{name}>.+?)")
            seen.add(name)
    return re.compile("".join(parts), re.DOTALL)


def load_lexicon(shelf: Shelf | None = None) -> Lexicon:
    """Read and check the folder. Raises `ContentError` with every fault there is."""
    shelf = shelf or packaged_shelf()
    faults = Faults()
    brands = _one(shelf, "brands", BrandsShape, faults)
    hosts = _one(shelf, "hosts", HostsShape, faults)
    practice = _one(shelf, "practice", PracticeShape, faults)
    names = _one(shelf, "names", NamesShape, faults)
    ideas = _one(shelf, "ideas", IdeasShape, faults)
    weights = _one(shelf, "weights", Weights, faults)
    signs = _one(shelf, "signs", Signs, faults)
    refusals = _one(shelf, "refusals", Refusals, faults)
    phrases: dict[str, tuple[str, ...]] = {}
    for label, data, _ in shelf.folder(WORDING):
        document = parse(label, data, faults)
        wording = read(WordingShape, document, faults) if document else None
        if wording:
            phrases[wording.category] = tuple(item for items in wording.phrases.values() for item in items)
    if signs and weights:
        for missing in sorted(set(weights.weights) - set(signs.signs)):
            faults.add("knowledge/phishing/signs.yaml", (0, 0), f'the sign "{missing}" has no text', "add it")
    faults.check()
    if not (brands and hosts and practice and names and ideas and weights and signs and refusals):
        raise ContentError(())  # never: a file that is missing or wrong is a fault, and faults have been raised
    base = Context(
        brands=tuple(Brand(b.name, tuple(b.names), tuple(b.domains), b.word) for b in brands.brands),
        hosts=Hosts(
            shorteners=tuple(hosts.shorteners),
            free_hosting=tuple(hosts.free_hosting),
            redirectors=tuple(Redirector(r.host, r.path, tuple(r.parameters)) for r in hosts.redirectors),
            gateways=tuple(hosts.gateways),
            mailers=tuple(hosts.mailers),
            freemail=tuple(hosts.freemail),
            cheap_endings=tuple(hosts.cheap_endings),
        ),
        phrases=phrases,
        roles=frozenset(names.roles),
        fillers=frozenset(names.fillers),
        ideas={
            name: tuple(item for items in languages.values() for item in items)
            for name, languages in ideas.ideas.items()
        },
        weights={sign: (item.weight, item.spam) for sign, item in weights.weights.items()},
        vendor_headers=tuple(item.header for item in practice.headers),
    )
    return Lexicon(base, signs.signs, refusals.reasons)


@lru_cache(maxsize=1)
def packaged_lexicon() -> Lexicon:
    """The packaged folder, read once."""
    return load_lexicon()


def _one(shelf: Shelf, name: str, shape: type[M], faults: Faults) -> M | None:
    found = shelf.file(f"{FOLDER}/{name}.yaml")
    if found is None:
        faults.add(f"knowledge/{FOLDER}/{name}.yaml", (0, 0), "the file is missing", "put it back")
        return None
    document = parse(found[0], found[1], faults)
    return read(shape, document, faults) if document else None
