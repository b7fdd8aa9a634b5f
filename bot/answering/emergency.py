"""The emergency gate: sees an emergency in a sentence, and has the first card ready. Needs nothing but packaged files.

`Gate` never raises for content: a broken overlay file is left aside (see `Gate.faults`), and if even the packaged copy
cannot be read there is a card built into this module. Everything here is pure: no model, no network, no database, no clock.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from bot.answering.emergency_book import Book, load
from bot.answering.emergency_detect import Detector, Sighting, builtin
from bot.answering.emergency_shapes import NUMBER, PLACEHOLDER, CardText, Forms, Texts
from bot.cards import Button, Buttons, Card, Choices, Steps, Text
from bot.content import Shelf
from bot.errors import Fault
from bot.model import Lang
from bot.organisation import speaking

__all__ = ["Gate", "Option", "Question", "Sighting"]

T = TypeVar("T")
Values = Mapping[str, str]  # organisation values by name; missing or empty means unset
_LAST = re.compile(r"\s*\{[a-z_]+\}")


@dataclass(frozen=True, slots=True)
class Option:
    """One answer. `leads_to` is the kind whose card comes next, or empty."""

    id: str
    label: str
    leads_to: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """The next thing to ask. `wants_file`: an attached or forwarded mail answers it too."""

    id: str
    prompt: str
    options: tuple[Option, ...]
    wants_file: bool = False
    lang: Lang = "en"


# The one text in code: shown only when the packaged YAML itself cannot be read. A gap in the help is worse than this.
_BUILTIN = {
    "en": ("Help is on the way ({number}).", "Stop using that device or page.", "Press Deny on any sign-in prompt.",
           "Leave the computer on. Ring the help desk now."),
    "de": ("Hilfe ist unterwegs ({number}).", "Benutzen Sie das Gerät oder die Seite nicht mehr.",
           "Lehnen Sie jede Anmeldeanfrage ab.", "Lassen Sie den Computer an. Rufen Sie jetzt den Helpdesk an."),
    "fr": ("Nous arrivons ({number}).", "N'utilisez plus cet appareil ni cette page.",
           "Refusez toute demande de connexion.", "Laissez l'ordinateur allumé. Appelez maintenant le support."),
    "es": ("La ayuda está en camino ({number}).", "Deje de usar ese dispositivo o esa página.",
           "Rechace cualquier solicitud de inicio de sesión.", "Deje el ordenador encendido. Llame ya al servicio de ayuda."),
}  # fmt: skip
_SIGNS = {
    "en": (" phished", " hacked", "clicked the link", "clicked a link", "entered my password", "ransomware", " stolen"),
    "de": ("auf den link geklickt", "passwort eingegeben", "gehackt", "gestohlen", "verschlusselt"),
    "fr": ("clique sur le lien", "mon mot de passe sur", "pirate", " vole "),
    "es": ("clic en el enlace", "mi contrasena en", "hackead", " robado"),
}


class Gate:
    """Loads the content once and answers from memory. Make a new one to pick up edits."""

    def __init__(self, shelf: Shelf) -> None:
        self.faults: tuple[Fault, ...] = ()
        self._book: Book | None = None
        self._detector: Detector | None = None
        try:
            self._book = load(shelf)
            self._detector = Detector(self._book)
            self.faults = (*self._book.faults, *self._detector.faults)
        except Exception as error:  # the gate must stand whatever is wrong with a file
            what = f"emergency content cannot be used ({type(error).__name__}: {error})"
            self.faults = (Fault("knowledge/emergencies", 0, 0, what, "reinstall Secdesk; a built-in card is shown"),)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Ids of all cards."""
        return tuple(self._book.kinds) if self._book else ("incident",)

    def look(self, text: str) -> Sighting:
        """Whether a text tells of an emergency: `fire`, `confirm` (ask) or `none`. Deterministic. Of a long text
        the beginning and the end are read."""
        return self._detector.look(text) if self._detector else builtin(text, _SIGNS)

    def summary(self, kind: str, lang: Lang = "en") -> str:
        """Short words for the page to on-call, in the organisation's language where there are some."""
        found = self._book.kinds.get(kind) if self._book else None
        return (found.summary.get(lang) or found.summary["en"]) if found else "an emergency"

    def card(self, kind: str, lang: Lang, values: Values, number: str = "") -> Card:
        """The first card: what to do now. An unknown kind gives `incident`; an unknown language English."""
        if not self._book:
            return _builtin_card(lang, values, number)
        found = self._book.kinds.get(kind) or self._book.kinds["incident"]
        lang = lang if lang in found.card else "en"
        values = speaking(values, lang)
        return Card(
            title=_label(found.title, lang),
            blocks=(*self._advice(found.card[lang], lang, values, number), self._first_buttons(lang, number)),
            tone="emergency",
            source=found.id,
            lang=lang,
        )

    def _advice(self, text: CardText, lang: Lang, values: Values, number: str) -> tuple[Text | Steps, ...]:
        steps = Steps(tuple(_fill(step, values) for step in text.steps), self.text("do_now", lang, values))
        blocks: tuple[Text | Steps, ...] = (Text(_numbered(text.lead, number), "strong"), steps)
        if text.do_not:
            items = tuple(_fill(step, values) for step in text.do_not)
            blocks += (Steps(items, self.text("do_not", lang, values), ordered=False),)
        return (*blocks, Text(self.text("phone", lang, values), "strong"))

    def _first_buttons(self, lang: Lang, number: str) -> Buttons:
        call = Button(self.text("call_me", lang, {}), "emergency.call", number, "primary")
        return Buttons((call, Button(self.text("worse", lang, {}), "emergency.worse", number, "danger")))

    def confirm_card(self, kind: str, lang: Lang, values: Values) -> Card:
        """ "Did this just happen to you?" with the phone number, so that nobody waits for an answer."""
        if not self._book:
            return _builtin_card(lang, values, "")
        yes = Button(self.text("confirm_yes", lang, values), "emergency.yes", kind, "danger")
        no = Button(self.text("confirm_no", lang, values), "emergency.no", kind)
        why = Text(self.text("confirm_why", lang, values))
        blocks = (why, Choices("", (yes, no)), Text(self.text("phone", lang, values), "muted"))
        return Card(self.text("confirm_title", lang, values), blocks, "question", kind, lang)

    def question(self, kind: str, answered: Mapping[str, str], lang: Lang) -> Question | None:
        """The next question after a card of this kind, or None when all are answered (`answered`: question id -> option)."""
        if not self._book:
            return None
        flow = self._book.flow
        for name in flow.asks.get(kind, flow.asks["other"]):
            if name not in answered:
                return self._question(name, lang)
        return None

    def worse(self, lang: Lang) -> Question | None:
        """What to ask when somebody presses "It is worse"; every option leads to a card."""
        return self._question("worse", lang) if self._book else None

    def find_option(self, question: str, option: str, lang: Lang) -> Option | None:
        """An option by its ids, or None if there is no such thing (a stale or forged button)."""
        asked = self._question(question, lang) if self._book and question in self._book.flow.questions else None
        return next((found for found in asked.options if found.id == option), None) if asked else None

    def _question(self, name: str, lang: Lang) -> Question:
        assert self._book  # noqa: S101 - every caller has looked
        asked = self._book.flow.questions[name]
        options = tuple(Option(found.id, _label(found.label, lang), found.leads_to or "") for found in asked.options)
        return Question(name, _label(asked.prompt, lang), options, asked.wants_file, lang)

    def question_card(self, question: Question, number: str = "") -> Card:
        """A question as a card. Buttons: `emergency.answer` with the value `number:question:option`."""
        options = tuple(
            Button(option.label, "emergency.answer", f"{number}:{question.id}:{option.id}")
            for option in question.options
        )
        return Card(question.prompt, (Choices("", options),), "emergency", question.id, question.lang)

    def text(self, name: str, lang: Lang, values: Values, number: str = "") -> str:
        """One of the texts of `_flow.yaml` ("nobody_reached", "called", …), filled in."""
        texts: Mapping[str, Texts] = self._book.flow.texts if self._book else {}
        return _numbered(_fill(_label(texts[name], lang), speaking(values, lang)), number) if name in texts else ""

    def secret_card(self, removed: tuple[str, ...], lang: Lang, values: Values) -> Card:
        """What to tell somebody who pasted secrets (`Redaction.removed`). Asks before it accuses.

        Buttons: `emergency.secret_yes` and `emergency.secret_no` with the kind of secret as value.
        """
        if not self._book:
            return Card("A secret was removed. Please delete your message and change it.", tone="warning")
        values = speaking(values, lang)
        said = {name: _fill(_label(texts, lang), values) for name, texts in self._book.flow.secrets.items()}
        kinds = tuple(dict.fromkeys(kind for kind in removed if kind in said))
        about = "code" if kinds and set(kinds) <= {"code"} else "password"
        first = kinds[0] if kinds else "password"
        yes = Button(said[f"yes_{about}"], "emergency.secret_yes", first, "primary")
        choice = Choices(said[f"ask_{about}"], (yes, Button(said["no_secret"], "emergency.secret_no", first)))
        advice = tuple(Text(said[kind]) for kind in kinds)
        return Card(said["title"], (Text(said["kept"]), *advice, choice), "warning", lang=lang, private=True)


def _label(labels: Mapping[str, T], lang: Lang) -> T:
    return labels[lang] if lang in labels else labels["en"]


def _fill(text: Forms, values: Values) -> str:
    """The fullest form whose values are all set."""
    known = {name: value.strip() for name, value in values.items() if value.strip()}
    known["number"] = "{number}"  # filled later
    form = next((form for form in text.forms if set(PLACEHOLDER.findall(form)) <= known.keys()), text.forms[-1])
    return PLACEHOLDER.sub(lambda found: known[found[1]], form)


def _numbered(text: str, number: str) -> str:
    """The text with the ticket number where it belongs, or without a trace of its place."""
    if number:
        return text.replace("{number}", number)
    return _LAST.sub("", text.replace(NUMBER, ""))


def _builtin_card(lang: Lang, values: Values, number: str) -> Card:
    lang = lang if lang in _BUILTIN else "en"
    lead, *steps = _BUILTIN[lang]
    phone = values.get("helpdesk_phone", "").strip()
    blocks = (
        Text(_numbered(lead, number), "strong"),
        Steps(tuple(steps)),
        *((Text(phone, "strong"),) if phone else ()),
    )
    calls = Buttons((Button("Call me now", "emergency.call", number, "primary"),))
    return Card("Emergency", (*blocks, calls), "emergency", "incident", lang)
