"""What is kept about people, module by module, in words for those people; and whether a module may run at all.

Whatever is able to watch people at work needs an agreement with who represents them before it starts (BetrVG § 87(1) no. 6 turns
on the ability, not the intent). Modules that do are off until the organisation's value `works_agreement` names one; it falls
through from group over country to legal entity, so one company can have it while another has not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import Field

from bot.cards import Block, Button, Buttons, Card, Choices, Facts, Text
from bot.content import Faults, Shape, Shelf, parse, read
from bot.learning.shapes import Name, Texts
from bot.organisation import Words, pick

AGREEMENT = "works_agreement"
PRIVACY = "learning/privacy.yaml"
MODULES = ("tips", "answers", "attendance", "topics", "targets", "reporting", "comparison")  # that code asks about
FIELDS = ("data", "purpose", "viewers", "retention")


class Module(Shape):
    """One page: what is kept, what for, who sees it, how long. `watches`: off without an agreement; `on: false`: off with it."""

    title: Texts
    data: Texts
    purpose: Texts
    viewers: Texts
    retention: Texts
    watches: bool = True
    on: bool = True

    def texts(self) -> Iterator[tuple[str, Mapping[str, str]]]:
        yield "title", self.title
        yield from ((field, getattr(self, field)) for field in FIELDS)


class PrivacyFile(Shape):
    """`learning/privacy.yaml`."""

    schema_: str = Field(alias="schema", pattern="^privacy/1$")
    modules: dict[Name, Module]


Privacy = Mapping[str, Module]


def read_privacy(shelf: Shelf, faults: Faults) -> dict[str, Module]:
    """The pages of a shelf. Faults name modules that have none, and texts without English."""
    found = shelf.file(PRIVACY)
    document = parse(found[0], found[1], faults) if found else None
    file = read(PrivacyFile, document, faults) if document else None
    if document is None or file is None:
        return {}
    for name in MODULES:
        if name not in file.modules:
            place = document.place("modules")
            faults.add(document.file, place, f'the module "{name}" has no page', "write one: people have a right to it")
    for name, module in file.modules.items():
        for field, texts in module.texts():
            if "en" not in texts:
                faults.add(document.file, document.place("modules", name, field), "there is no en text", "add en")
    return dict(file.modules)


def allowed(privacy: Privacy, module: str, values: Mapping[str, str]) -> bool:
    """Whether a module may run for somebody with these values (those of their legal entity). Without a page it may not."""
    page = privacy.get(module)
    if page is None or not page.on:
        return False
    return not page.watches or bool(values.get(AGREEMENT, "").strip())


def state_key(privacy: Privacy, module: str, values: Mapping[str, str]) -> str:
    """The words for how a module stands: `privacy.always`, `privacy.on`, `privacy.off` (by choice), `privacy.waits`."""
    page = privacy[module]
    if not page.on:
        return "privacy.off"
    if not page.watches:
        return "privacy.always"
    return "privacy.on" if allowed(privacy, module, values) else "privacy.waits"


def overview_card(privacy: Privacy, words: Words, lang: str) -> Card:
    """Which pages there are."""
    options = tuple(
        Button(pick(page.title, lang), "learning.privacy", name) for name, page in privacy.items() if page.title
    )
    blocks: tuple[Block, ...] = (
        Text(words.say(lang, "privacy.lead")),
        Choices(words.say(lang, "privacy.which"), options),
    )
    return Card(words.say(lang, "privacy.title"), blocks, lang=lang, private=True)


def module_card(privacy: Privacy, module: str, values: Mapping[str, str], words: Words, lang: str) -> Card:
    """One page, with how it stands for whoever reads it."""
    page = privacy[module]
    pairs = tuple((words.say(lang, f"privacy.{field}"), pick(getattr(page, field), lang)) for field in FIELDS)
    state = words.say(lang, state_key(privacy, module, values), agreement=values.get(AGREEMENT, ""))
    back = (
        Button(words.say(lang, "home.my_data"), "learning.mydata"),
        Button(words.say(lang, "privacy.others"), "learning.privacy"),
    )
    blocks: tuple[Block, ...] = (Facts(pairs), Text(state, "strong"), Buttons(back))
    return Card(pick(page.title, lang), blocks, lang=lang, private=True)
