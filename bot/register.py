"""The register: what the organisation itself sends, runs and calls from, so that "is this ours?" has an answer.

`knowledge/register.yaml` is kept by the organisation. Every item has an owner and a last day; past it the item proves nothing.
The answers (for people who ask) and the mail checks (for mails that are reported) read the same items.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from bot.content import Document, Faults, Shape, Shelf, parse, read

FILE = "register.yaml"
Kind = Literal["mailing", "survey", "domain", "practice", "caller"]
Line = Annotated[str, StringConstraints(min_length=2, max_length=120)]
Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,60}$")]


def _matching(pattern: str, mend: str) -> AfterValidator:
    """Text of this form, in lower case; else a fault that shows how to write it."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value.lower()):
            raise ValueError(f'"{value}" cannot be read | {mend}')
        return value.lower()

    return AfterValidator(check)


Address = Annotated[str, _matching(r"[^@\s]+@[a-z0-9-]+(\.[a-z0-9-]+)+", "write one address, like news@example.com")]
Domain = Annotated[str, _matching(r"[a-z0-9-]+(\.[a-z0-9-]+)+", "write a domain without https, like example.com")]
Header = Annotated[str, _matching(r"[a-z0-9-]+", "write the name of a mail header, like x-phishtest")]
Phone = Annotated[str, _matching(r"\+?[0-9][0-9 ()/.-]{7,30}", "write the whole number, like +44 20 7946 0880")]


class ItemShape(Shape):
    """What every item has: what people call it (`name`, `also`), until when it holds, who keeps it."""

    name: Line
    also: list[Line] = []
    what: dict[str, Line] = {}
    since: date | None = None
    until: date
    owner: Id

    @model_validator(mode="after")
    def _in_order(self) -> ItemShape:
        if self.since and self.since > self.until:
            raise ValueError("it ends before it begins | correct since or until")
        return self


class MailingShape(ItemShape):
    """A mailing or a survey: the one address it comes from, and the only domains its links lead to."""

    sender: Address
    domains: list[Domain] = Field(min_length=1)


class DomainShape(ItemShape):
    """A domain that somebody runs for us."""

    domain: Domain


class PracticeShape(ItemShape):
    """Practice mails, known by a header with our secret `token`, or by the header and one of our practice `domains`.

    `tell`: whoever asks about one of these domains is told; else it is an address like any other.
    """

    header: Header
    token: Annotated[str, StringConstraints(min_length=8, max_length=200)] | None = None
    domains: list[Domain] = []
    tell: bool = True

    @model_validator(mode="after")
    def _proves(self) -> PracticeShape:
        if not self.token and not self.domains:
            raise ValueError("a header alone proves nothing, since anybody can write one | add a token or domains")
        return self


class CallerShape(ItemShape):
    """Somebody who may ring our people, and the number to ring back: the one that is shown can be forged."""

    phone: Phone


class RegisterFile(Shape):
    """`register.yaml`. `sample: true`: made up, and left aside as soon as the organisation is a real one."""

    schema_: str = Field(alias="schema", pattern="^register/1$")
    sample: bool = False
    mailings: list[MailingShape] = []
    surveys: list[MailingShape] = []
    domains: list[DomainShape] = []
    practice: list[PracticeShape] = []
    callers: list[CallerShape] = []


@dataclass(frozen=True)
class Item:
    """One item. `domains` of a mailing: the only ones its links lead to; of a domain: itself. `place`: line and column."""

    kind: Kind
    name: str
    until: date
    owner: str
    also: tuple[str, ...] = ()
    what: Mapping[str, str] | None = None
    since: date | None = None
    sender: str = ""
    domains: tuple[str, ...] = ()
    phone: str = ""
    header: str = ""
    token: str = ""
    tell: bool = True
    place: tuple[int, int] = (0, 0)

    def current(self, today: date) -> bool:
        """From its first day to the end of its last."""
        return (self.since is None or self.since <= today) and today <= self.until


@dataclass(frozen=True)
class Register:
    """The items of one file."""

    items: tuple[Item, ...] = ()
    file: str = ""

    def current(self, today: date, *kinds: Kind) -> tuple[Item, ...]:
        """What holds today, of these kinds (none given: of all)."""
        return tuple(item for item in self.items if item.current(today) and (not kinds or item.kind in kinds))

    def expired(self, today: date) -> tuple[Item, ...]:
        """What has held and no longer does: its owner sets a later day, or takes it out."""
        return tuple(item for item in self.items if item.until < today)

    def notes(self, today: date) -> list[str]:
        """What time has done, and what to do about it."""
        return [
            f'"{item.name}" held until {item.until}, {item.owner}: set a later day, or take it out'
            for item in self.expired(today)
        ]


_LISTS: tuple[tuple[str, Kind], ...] = (
    ("mailings", "mailing"), ("surveys", "survey"), ("domains", "domain"), ("practice", "practice"), ("callers", "caller"),
)  # fmt: skip


def load_register(shelf: Shelf, faults: Faults, *, sample: bool) -> Register:
    """The register of a shelf; empty, with the faults added, if it is broken. `sample`: the organisation is made up itself."""
    found = shelf.file(FILE)
    document = parse(found[0], found[1], faults) if found else None
    model = read(RegisterFile, document, faults) if document else None
    if document is None or model is None:
        return Register()
    items = tuple(_items(model, document))
    _check_names(items, document, faults)
    return Register(() if model.sample and not sample else items, document.file)


def _items(model: RegisterFile, document: Document) -> Iterator[Item]:
    for name, kind in _LISTS:
        for number, shape in enumerate(getattr(model, name)):
            made = Item(
                kind, shape.name, shape.until, shape.owner, tuple(shape.also), shape.what or None, shape.since,
                place=document.place(name, number),
            )  # fmt: skip
            yield replace(made, **_own(shape))


def _own(shape: ItemShape) -> dict[str, Any]:
    match shape:
        case MailingShape():
            return {"sender": shape.sender, "domains": tuple(shape.domains)}
        case DomainShape():
            return {"domains": (shape.domain,)}
        case PracticeShape():
            return {"header": shape.header, "token": shape.token or "", "domains": tuple(shape.domains),
                    "tell": shape.tell}  # fmt: skip
        case CallerShape():
            return {"phone": shape.phone}
    return {}


def _check_names(items: tuple[Item, ...], document: Document, faults: Faults) -> None:
    """A name stands for one thing: else "is the survey real" has two answers."""
    owner: dict[str, Item] = {}
    for item in items:
        for name in (item.name, *item.also):
            other = owner.setdefault(name.casefold(), item)
            if other is not item:
                what = f'"{name}" is also a name of "{other.name}"'
                faults.add(document.file, item.place, what, "tell them apart, by the year for example")
