"""What is particular to one organisation: its values, legal entities, roles, and the words Secdesk speaks.

Values fall through group → country → entity. A value nobody set is absent, never empty text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import Field, StringConstraints

from bot.content import Document, Faults, M, Shape, Shelf, parse, read

PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,60}$")]
Texts = Annotated[dict[str, str], Field(min_length=1)]  # language → text


class ValueInfo(Shape):
    """One line of `values.yaml`: what a value means. `required` ones keep Secdesk from starting when unset."""

    what: str
    required: bool = False


class ValueCatalogue(Shape):
    """`values.yaml`: every value that content may use as `{name}`."""

    schema_: str = Field(alias="schema", pattern="^values/1$")
    values: dict[Id, ValueInfo]


class Country(Shape):
    """Values of one country (`de`, `fr`, …)."""

    values: dict[Id, str] = {}


class Entity(Shape):
    """A legal entity. Its values win over its country's, which win over the group's."""

    name: str
    country: str = ""
    values: dict[Id, str] = {}


class OrgFile(Shape):
    """`org.yaml`. `sample: true` marks values nobody has checked: no real chat platform starts on them."""

    schema_: str = Field(alias="schema", pattern="^org/1$")
    sample: bool = False
    name: str
    language: str = "en"
    timezone: str = "UTC"
    domains: list[str] = []
    partner_domains: list[str] = []
    values: dict[Id, str | None] = {}
    countries: dict[str, Country] = {}
    entities: dict[Id, Entity] = {}
    owners: dict[Id, str] = {}


class Role(Shape):
    """A role or tag. `desk` roles work tickets in the console; `restricted` content stays with those who have the role."""

    name: Texts
    what: str
    tag: bool = False
    desk: bool = False


class RolesFile(Shape):
    """`roles.yaml`: which roles there are and which groups of questions."""

    schema_: str = Field(alias="schema", pattern="^roles/1$")
    roles: dict[Id, Role]
    groups: dict[Id, Texts]


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

    def values(self, entity: str = "") -> dict[str, str]:
        """The values that hold for a person of this legal entity ("" or unknown: the group's)."""
        merged = {name: value for name, value in self.file.values.items() if value}
        if found := self.file.entities.get(entity):
            country = self.file.countries.get(found.country, Country())
            merged |= {name: value for scope in (country, found) for name, value in scope.values.items() if value}
        return {**merged, "organisation": self.file.name}

    def unset(self) -> list[str]:
        """Names in the catalogue that have no value for the group, sorted."""
        return sorted(set(self.catalogue) - set(self.values()))

    def desk_roles(self) -> frozenset[str]:
        return frozenset(name for name, role in self.roles.items() if role.desk)


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
    """Every `copy/<lang>.yaml`. A language that lacks a key falls back to English for that key.

    An overlay's texts are laid over ours one by one: its file need hold only those that differ.
    """
    languages: dict[str, dict[str, str]] = {}
    for label, data, _ in Shelf(shelf.packaged).folder("copy"):
        languages[_language(label)] = _texts(label, data, None, faults)
    known = languages.get(Words().default, {})
    for label, data, own in shelf.folder("copy"):
        if own:
            languages.setdefault(_language(label), {}).update(_texts(label, data, known, faults))
    return Words(languages)


def _language(label: str) -> str:
    return re.split(r"[\\/]", label)[-1].removesuffix(".yaml")


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
    scopes: list[tuple[tuple[str, ...], Mapping[str, str | None]]] = [(("values",), org.values)]
    scopes += [(("countries", key, "values"), country.values) for key, country in org.countries.items()]
    scopes += [(("entities", key, "values"), entity.values) for key, entity in org.entities.items()]
    for path, values in scopes:
        for name in sorted(set(values) - set(known)):
            place = document.place(*path, name)
            faults.add(
                document.file, place, f'"{name}" is not a value that content uses', "check the spelling in values.yaml"
            )
    for name, info in known.items():
        if info.required and not org.values.get(name):
            place = document.place("values")
            faults.add(
                document.file, place, f'the value "{name}" ({info.what}) is not set', "set it: people depend on it"
            )
    if org.timezone not in available_timezones():
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
