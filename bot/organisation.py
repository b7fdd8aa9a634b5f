"""What is particular to one organisation: its values, legal entities, roles, and the words Secdesk speaks.

Values fall through group → country → entity. A value is a text, or a text for each language. One nobody set is absent, never
empty text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Generic, TypeVar

from pydantic import BeforeValidator, Field, StringConstraints

from bot.content import Document, Faults, M, Shape, Shelf, parse, read
from bot.directory import known_zone
from bot.permissions import DESK, ConsoleRole

PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,60}$")]
Texts = Annotated[dict[str, str], Field(min_length=1)]  # language → text
T = TypeVar("T")
_LANGUAGE = re.compile(r"[a-z]{2,3}")


class ValueInfo(Shape):
    """One line of `values.yaml`: what a value means. `required` ones keep Secdesk from starting when unset.

    `words`: it is part of a sentence, so an organisation that speaks several languages says it in each of them.
    """

    what: str
    required: bool = False
    words: bool = False


class ValueCatalogue(Shape):
    """`values.yaml`: every value that content may use as `{name}`."""

    schema_: str = Field(alias="schema", pattern="^values/1$")
    values: dict[Id, ValueInfo]


def _value(given: object) -> object:
    """Refuses what is neither text nor texts by language, in words for whoever wrote it."""
    if given is None or isinstance(given, str):
        return given
    if isinstance(given, dict) and given:
        codes = [code for code in given if not _LANGUAGE.fullmatch(str(code))]
        if codes:
            raise ValueError(f'"{codes[0]}" is not a language | write a code like en, de or fr')
        if all(text is None or isinstance(text, str) for text in given.values()):
            return given
    raise ValueError('this is neither text nor a text for each language | write it in quotes, or as {en: "…", de: "…"}')


Value = Annotated[str | dict[str, str | None] | None, BeforeValidator(_value)]


class Country(Shape):
    """Values of one country (`de`, `fr`, …)."""

    values: dict[Id, Value] = {}


class Entity(Shape):
    """A legal entity. Its values win over its country's, which win over the group's."""

    name: str
    country: str = ""
    values: dict[Id, Value] = {}


class OrgFile(Shape):
    """`org.yaml`. `sample: true` marks values nobody has checked: no real chat platform starts on them."""

    schema_: str = Field(alias="schema", pattern="^org/1$")
    sample: bool = False
    name: str
    language: str = "en"
    timezone: str = "UTC"
    domains: list[str] = []
    partner_domains: list[str] = []
    values: dict[Id, Value] = {}
    countries: dict[str, Country] = {}
    entities: dict[Id, Entity] = {}
    owners: dict[Id, str] = {}
    keepers: dict[Id, list[str]] = {}  # people (ids) behind an owner


class Role(Shape):
    """A role or tag. `desk` roles work tickets; `restricted` content stays with those who have the role.

    `console`: what its people may do in the console. Without it, a desk role does what analysts, authors and approvers do.
    `discreet`: lists of tickets show the role in place of the name; who opens one is written down.
    """

    name: Texts
    what: str
    tag: bool = False
    desk: bool = False
    discreet: bool = False
    console: list[ConsoleRole] = []


class RolesFile(Shape):
    """`roles.yaml`: which roles there are and which groups of questions."""

    schema_: str = Field(alias="schema", pattern="^roles/1$")
    roles: dict[Id, Role]
    groups: dict[Id, Texts]


class Values(dict[str, str]):
    """Values by name, as they read in one language. Absent: nobody set it."""

    def __init__(self, given: Mapping[str, Mapping[str, str] | str], language: str, default: str) -> None:
        super().__init__(
            {name: text if isinstance(text, str) else pick(text, language, default) for name, text in given.items()}
        )
        self._given, self._default = given, default

    def spoken(self, language: str) -> Values:
        """The same values in another language."""
        return Values(self._given, language, self._default)


def speaking(values: Mapping[str, str], language: str) -> Mapping[str, str]:
    """Values in the language of the text they stand in, which need not be the reader's. Plain texts stay as they are."""
    return values.spoken(language) if isinstance(values, Values) else values


@dataclass(frozen=True)
class Organisation:
    """The loaded organisation. Immutable; an edit makes a new one."""

    file: OrgFile
    roles: Mapping[str, Role]
    groups: Mapping[str, Texts]
    catalogue: Mapping[str, ValueInfo]
    words: Words

    @property
    def sample(self) -> bool:
        return self.file.sample

    def values(self, entity: str = "", language: str = "") -> Values:
        """The values that hold for a person of this legal entity ("" or unknown: the group's), in their language.

        What is not said in it is said in the organisation's own, else in any there is.
        """
        merged = dict(_set(self.file.values))
        if found := self.file.entities.get(entity):
            for scope in (self.file.countries.get(found.country, Country()), found):
                merged |= dict(_set(scope.values))
        default = self.file.language
        return Values({**merged, "organisation": self.file.name}, language or default, default)

    def unspoken(self) -> list[tuple[str, list[str]]]:
        """Values that are part of a sentence, with the languages they lack. What others are said in is what is expected."""
        said = {name: set(texts) for name, texts in _set(self.file.values) if isinstance(texts, dict)}
        wanted = {code for codes in said.values() for code in codes}
        found = {name: wanted - said.get(name, {self.file.language}) for name in self.values() if self._is_words(name)}
        return [(name, sorted(codes)) for name, codes in sorted(found.items()) if codes]

    def _is_words(self, name: str) -> bool:
        return name in self.catalogue and self.catalogue[name].words

    def unset(self) -> list[str]:
        """Names in the catalogue that have no value for the group, sorted."""
        return sorted(set(self.catalogue) - set(self.values()))

    def desk_roles(self) -> frozenset[str]:
        return frozenset(name for name, role in self.roles.items() if role.desk)

    def console_roles(self, roles: Collection[str]) -> frozenset[ConsoleRole]:
        """What people with these roles and tags may do in the console; empty: they have no business there."""
        held = [self.roles[name] for name in roles if name in self.roles]
        given = [role.console or (DESK if role.desk else ()) for role in held]
        return frozenset(name for names in given for name in names)

    def console_admins(self) -> frozenset[str]:
        """Roles and tags that make somebody an administrator of the console."""
        return frozenset(name for name, role in self.roles.items() if "admin" in role.console)


def _set(values: Mapping[str, Value]) -> Iterator[tuple[str, str | dict[str, str]]]:
    """Those that somebody has set, without languages that were left empty."""
    for name, value in values.items():
        said = {code: text for code, text in value.items() if text} if isinstance(value, dict) else value
        if said:
            yield name, said


@dataclass(frozen=True)
class Words:
    """What Secdesk says outside of answers: `knowledge/copy/<lang>.yaml`, flat keys. A fifth language is one more file."""

    by_language: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    default: str = "en"

    def say(self, language: str, key: str, **params: object) -> str:
        """The text for a key in a language, else in the default one. Unknown keys raise KeyError: a test finds them."""
        texts = self.by_language.get(language, {})
        text = texts[key] if key in texts else self.by_language[self.default][key]
        return PLACEHOLDER.sub(lambda match: str(params.get(match[1], match[0])), text)

    def every(self, key: str) -> tuple[str, ...]:
        """The text for a key in every language: for what people type, whatever language we think they speak."""
        return tuple(dict.fromkeys(texts[key] for texts in self.by_language.values() if key in texts))


class MadeOf(Generic[T]):
    """What is made of the words in use: made once, and again when others come into use."""

    def __init__(self, words: Callable[[], Words], make: Callable[[Words], T]) -> None:
        self._words, self._make = words, make
        self._made: tuple[Words, T] | None = None

    def __call__(self) -> T:
        words, made = self._words(), self._made
        if made is None or made[0] is not words:
            made = self._made = words, self._make(words)  # one assignment: threads see both or neither
        return made[1]


def fill(text: str, values: Mapping[str, str]) -> tuple[str, list[str]]:
    """The text with its `{placeholders}` filled, and the names that have no value."""
    missing = [name for name in PLACEHOLDER.findall(text) if name not in values]
    return PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), text), missing


def pick(texts: Mapping[str, str], language: str, default: str = "en") -> str:
    """The text in a language, else the default language, else any."""
    return texts.get(language) or texts.get(default) or next(iter(texts.values()))


def load_organisation(shelf: Shelf, faults: Faults) -> Organisation | None:
    """Read org.yaml, roles.yaml, values.yaml and copy/. None if any has faults (added to `faults`)."""
    before = len(faults.found)
    org = _one(shelf, "org.yaml", OrgFile, faults)
    roles = _one(shelf, "roles.yaml", RolesFile, faults)
    catalogue = _one(shelf, "values.yaml", ValueCatalogue, faults)
    words = load_words(shelf, faults)
    if org is None or roles is None or catalogue is None or len(faults.found) > before:
        return None
    org_file, org_document = org
    known = catalogue[0].values
    _check_values(org_file, org_document, known, faults)
    if len(faults.found) > before:
        return None
    return Organisation(org_file, roles[0].roles, roles[0].groups, known, words)


def load_words(shelf: Shelf, faults: Faults) -> Words:
    """Every `copy/<lang>.yaml`, and parts of one as `copy/<what>.<lang>.yaml`. A language that lacks a key falls back to English.

    An overlay's texts are laid over ours one by one: its file need hold only those that differ.
    """
    languages: dict[str, dict[str, str]] = {}
    for label, data, _ in Shelf(shelf.packaged).folder("copy"):
        languages.setdefault(_language(label), {}).update(_texts(label, data, None, faults))
    known = languages.get(Words().default, {})
    for label, data, own in shelf.folder("copy"):
        if own:
            languages.setdefault(_language(label), {}).update(_texts(label, data, known, faults))
    return Words(languages)


def _language(label: str) -> str:
    """`de` of `copy/de.yaml` and of `copy/partners.de.yaml`."""
    return re.split(r"[\\/]", label)[-1].removesuffix(".yaml").rpartition(".")[2]


def _texts(label: str, data: bytes, known: Mapping[str, str] | None, faults: Faults) -> dict[str, str]:
    """The texts of one file; `known` are the keys there may be."""
    document = parse(label, data, faults)
    if document is None:
        return {}
    if not isinstance(document.value, dict):
        faults.add(label, (1, 1), "this is not a list of texts", 'write key: "text"')
        return {}
    for key, text in document.value.items():
        if not isinstance(text, str):
            faults.add(label, document.place(key), f'"{key}" is not text', "put it in quotes")
        elif known is not None and key not in known:
            faults.add(label, document.place(key), f'"{key}" is not a text that is used', "check its spelling")
    return {key: text for key, text in document.value.items() if isinstance(text, str)}


def _one(shelf: Shelf, name: str, model: type[M], faults: Faults) -> tuple[M, Document] | None:
    found = shelf.file(name)
    if found is None:
        faults.add(name, (0, 0), "the file is missing", "run `secdesk init` or restore it")
        return None
    document = parse(found[0], found[1], faults)
    value = read(model, document, faults) if document else None
    return (value, document) if value is not None and document is not None else None


def _check_values(org: OrgFile, document: Document, known: Mapping[str, ValueInfo], faults: Faults) -> None:
    scopes: list[tuple[tuple[str, ...], Mapping[str, Value]]] = [(("values",), org.values)]
    scopes += [(("countries", key, "values"), country.values) for key, country in org.countries.items()]
    scopes += [(("entities", key, "values"), entity.values) for key, entity in org.entities.items()]
    for path, values in scopes:
        for name in sorted(set(values) - set(known)):
            place = document.place(*path, name)
            faults.add(
                document.file, place, f'"{name}" is not a value that content uses', "check the spelling in values.yaml"
            )
    given = dict(_set(org.values))
    for name, texts in given.items():
        if isinstance(texts, dict) and org.language not in texts:
            place = document.place("values", name)
            what = f'"{name}" has no text in {org.language}, which other languages fall back to'
            faults.add(document.file, place, what, f"add {org.language}")
    for name, info in known.items():
        if info.required and name not in given:
            place = document.place("values")
            faults.add(
                document.file, place, f'the value "{name}" ({info.what}) is not set', "set it: people depend on it"
            )
    for owner in sorted(set(org.keepers) - set(org.owners)):
        place = document.place("keepers", owner)
        faults.add(document.file, place, f'"{owner}" is not listed under owners', "add it there or remove it")
    if not known_zone(org.timezone):
        place = document.place("timezone")
        faults.add(document.file, place, f'"{org.timezone}" is not a time zone', "write one like Europe/Berlin")
    for key, entity in org.entities.items():
        if entity.country and entity.country not in org.countries:
            place = document.place("entities", key, "country")
            faults.add(
                document.file, place, f'"{entity.country}" is not listed under countries', "add it there or remove it"
            )


def overdue(review_due: date, today: date) -> bool:
    """Past its review date: marked everywhere, never hidden."""
    return review_due < today
