"""The shapes of `knowledge/emergencies/*.yaml`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from bot.content import Shape

PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
NUMBER = " ({number})"

Words = dict[str, tuple[str, ...]]  # language -> entries
Labels = dict[str, str]  # language -> text


class Forms(Shape):
    """A text in several forms, fullest first: `"text"`, or a list of texts.

    The first form whose organisation values are all set is shown. The last one must need none, so a step never has a gap.
    """

    forms: Annotated[tuple[str, ...], Field(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        if isinstance(value, Mapping):
            return value
        return {"forms": (value,) if isinstance(value, str) else value}

    @field_validator("forms")
    @classmethod
    def _plain_last(cls, forms: tuple[str, ...]) -> tuple[str, ...]:
        if set(PLACEHOLDER.findall(forms[-1])) - {"number"}:
            raise ValueError("the last form needs an organisation value | add a form without any {value} at the end")
        return forms


Texts = dict[str, Forms]  # language -> text


def _english(value: Mapping[str, object]) -> None:
    if "en" not in value:
        raise ValueError("English is missing | add en: it is shown where no other language fits")


class CardText(Shape):
    """A first card in one language. `lead` says where the ticket number stands, as ` ({number})`."""

    lead: str
    steps: Annotated[tuple[Forms, ...], Field(min_length=1, max_length=6)]
    do_not: tuple[Forms, ...] = ()

    @field_validator("lead")
    @classmethod
    def _numbered(cls, lead: str) -> str:
        if NUMBER not in lead:
            raise ValueError('the place of the ticket number is missing | write " ({number})" where it belongs')
        return lead


class Emergency(Shape):
    """One kind of emergency: the first card, and the phrases and seed sentences that lead to it."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,40}$")]
    schema_: Literal["emergency/1"] = Field(alias="schema")
    severity: Literal["S3"]
    title: Labels
    card: dict[str, CardText]
    summary: Labels
    phrases: Words = Field(default_factory=dict)
    seeds: Words = Field(default_factory=dict)

    @field_validator("title", "card", "summary")
    @classmethod
    def _has_english(cls, value: dict[str, object]) -> dict[str, object]:
        _english(value)
        return value


class AnswerOption(Shape):
    """An answer to a question. `leads_to` is the card it changes to, or null."""

    id: Annotated[str, Field(pattern=r"^[a-z_]{1,20}$")]
    leads_to: str | None
    label: Labels


class Asked(Shape):
    """One question of the flow. `wants_file`: a mail or file answers it as well."""

    prompt: Labels
    options: Annotated[tuple[AnswerOption, ...], Field(min_length=2, max_length=8)]
    wants_file: bool = False


class Flow(Shape):
    """`_flow.yaml`. `asks` names the questions after each card; `other` is for a card it does not name."""

    schema_: Literal["emergency-flow/1"] = Field(alias="schema")
    order: tuple[str, ...]
    asks: dict[str, tuple[str, ...]]
    questions: dict[str, Asked]
    texts: dict[str, Texts]
    secrets: dict[str, Texts]
    markers: dict[Literal["hypothetical", "third", "past", "training"], Words]

    @model_validator(mode="after")
    def _whole(self) -> Flow:
        named = {name for names in self.asks.values() for name in names} | {"worse"}
        missing = sorted(named - set(self.questions)) + sorted({"other"} - set(self.asks))
        if missing:
            raise ValueError(f"not there: {', '.join(missing)} | add what is missing or correct the name")
        return self


class Verb(Shape):
    """A verb: done (past) and base forms.

    `directed`: "they sent me" is not the person's doing. `suffered`: done to the person ("stole"). `denied_as`: what it
    counts as when denied ("I did not write it").
    """

    done: Words
    base: Words = Field(default_factory=dict)
    directed: bool = False
    suffered: bool = False
    denied_as: str = ""


class WordTables(Shape):
    """`_words.yaml`. `hiding` names the groups whose longer entries hide the shorter ones; `calm` are seeds of no emergency.

    `recent`: what makes a base form a done one ("je viens de cliquer").
    """

    schema_: Literal["emergency-words/1"] = Field(alias="schema")
    hiding: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    verbs: dict[str, Verb]
    things: dict[str, Words]
    marks: dict[str, Words]
    mend: Words
    unmended: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    recent: Words = Field(default_factory=dict)
    calm: Words = Field(default_factory=dict)
    languages: Words
