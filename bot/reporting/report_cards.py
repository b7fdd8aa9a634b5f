"""What reporters and recipients read. Every sentence is in `knowledge/copy/`; a card holds plain, defanged text only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bot.cards import Block, Button, Buttons, Card, Choices, Facts, Input, Steps, Text
from bot.model import Finding, Kind, Verdict
from bot.organisation import Organisation
from bot.ports import Row
from bot.reporting.chat_message import is_message
from bot.reporting.explain import defang, short, where
from bot.reporting.lexicon import Lexicon, packaged_lexicon
from bot.reporting.parts import DESK, clues_from, verdict_from
from bot.reporting.screenshots import Phone, Picture

MAX_MB = 30
PHONES: tuple[Phone, ...] = ("iphone", "android")
_HAPPENED = frozenset({Kind.OURS, Kind.PRACTICE, Kind.SPAM})  # verdicts after which nothing can have happened
_OF_MESSAGES: Mapping[str, str] = {  # what is said of a chat message where it is not said of a mail
    "report.receipt": "report.receipt_message",
    "report.again": "report.again_message",
    "report.another": "report.another_message",
    "report.others": "report.others_message",
    "report.subject": "report.subject_message",
    "report.undone": "report.undone_message",
    "report.undone_kept": "report.undone_kept_message",
    "report.behalf_told": "report.behalf_told_message",
    "verdict.suspicious": "verdict.suspicious_message",
    "verdict.could_not_check": "verdict.could_not_check_message",
    "verdict.case": "verdict.case_message",
}
_BAD = frozenset({Kind.LIKELY_PHISHING, Kind.SUSPICIOUS})
Values = Mapping[str, str]


class ReportCards:
    """Makes cards. `values` are the organisation's for the person who reads, signs are retold in their language."""

    def __init__(
        self, organisation: Callable[[], Organisation], lexicon: Callable[[], Lexicon] = packaged_lexicon, address: str = ""
    ) -> None:  # fmt: skip
        self._organisation, self._lexicon, self._address = organisation, lexicon, address

    def say(self, lang: str, key: str, **params: object) -> str:
        return self._organisation().words.say(lang, key, **params)

    def of(self, reported: str, lang: str, key: str, /, **params: object) -> str:
        """As `say`, in the words for what was reported under this name: a mail or a chat message."""
        return self.say(lang, _OF_MESSAGES.get(key, key) if is_message(reported) else key, **params)

    def said(self, lang: str, values: Values, key: str, **params: object) -> Card:
        """One sentence."""
        return Card("", (Text(self.say(lang, key, **{**values, **params})),), "done", lang=lang)

    # taking a report

    def receipt(
        self, lang: str, values: Values, *, number: str, name: str, submission: str, others: int, picture: Picture | None,
        behalf: str, again: bool,
    ) -> Card:  # fmt: skip
        """That it was taken, with the ways to take it back and to say whose mail it is."""
        lines = [self.of(name, lang, "report.again" if again else "report.receipt", number=number, name=name)]
        if picture:
            lines += [self.say(lang, "report.code_read", where=_code(code)) for code in picture.codes[:3]]
        if others:
            lines.append(self.of(name, lang, "report.others" if others > 1 else "report.another", n=others))
        if behalf:
            lines.append(self.say(lang, "report.behalf_done", number=number, name=behalf))
        buttons = [Button(self.say(lang, "button.undo"), "reporting.undo", f"{number}:{submission}")]
        if not behalf and not again:
            button = Button(self.say(lang, "button.behalf"), "reporting.behalf", f"{number}:{submission}")
            buttons.append(button)
        blocks: list[Block] = [Text(line) for line in lines]
        if picture:
            blocks += self._forwarding(lang, values, picture.phone)
        return Card("", (*blocks, Buttons(tuple(buttons))), "done", lang=lang)

    def undone(self, lang: str, number: str, name: str, *, kept: bool) -> Card:
        """That a report was taken back. `kept`: others reported the same."""
        key = "report.undone_kept" if kept else "report.undone"
        return Card("", (Text(self.of(name, lang, key, number=number, name=name)),), "done", lang=lang)

    def refused(self, lang: str, values: Values, key: str, name: str) -> Card:
        """Why a file is not taken."""
        if key == "report.not_mail" and "report_button" not in values:
            key = "report.not_mail_plain"
        return self.said(lang, values, key, name=name, limit=MAX_MB)

    def screenshot(self, lang: str, values: Values, phone: Phone) -> Card:
        """A picture cannot be checked: how to send the mail itself from the phone."""
        blocks = [Text(self.say(lang, "report.screenshot")), *self._forwarding(lang, values, phone)]
        buttons = Buttons((self._emergency(lang), Button(self.say(lang, "button.person"), "tickets.person")))
        return Card("", (*blocks, buttons), "question", lang=lang)

    def phone(self, lang: str, values: Values, phone: str) -> Card:
        """The steps on one sort of phone."""
        chosen: Phone = "android" if phone == "android" else "iphone"
        return Card("", tuple(self._forwarding(lang, values, chosen)), "answer", lang=lang)

    def _forwarding(self, lang: str, values: Values, phone: Phone) -> list[Block]:
        """How a mail leaves a phone: to the reporting mailbox, else by the report button, else from a computer."""
        if phone in ("", "phone"):
            options = tuple(
                Button(self.say(lang, f"report.phone.{name}"), "reporting.phone", f"{name}:") for name in PHONES
            )
            return [Choices(self.say(lang, "report.which_phone"), options)]
        if address := values.get("report_address") or self._address:
            steps = [self.say(lang, f"report.forward.{phone}.{n}", address=address) for n in (1, 2, 3)]
            return [Steps(tuple(steps), self.say(lang, f"report.phone.{phone}"))]
        if button := values.get("report_button"):
            return [Text(self.say(lang, "report.forward.button", report_button=button))]
        return [Text(self.say(lang, "report.forward.computer"))]

    def how(self, lang: str, values: Values) -> Card:
        """How to report."""
        key = "report.how" if "report_button" in values else "report.how_plain"
        lines = [Text(self.say(lang, key, **values)), Text(self.say(lang, "report.how_paste"))]
        if address := values.get("report_address") or self._address:
            lines.insert(1, Text(self.say(lang, "report.how_mail", address=address)))
        return Card("", tuple(lines), "done", lang=lang)

    # for somebody else

    def whose(self, lang: str, value: str, unknown: str = "") -> Card:
        """Asks whose mail it was. `unknown`: what was typed and is nobody."""
        label, submit = self.say(lang, "report.behalf_who"), self.say(lang, "report.behalf_submit")
        blocks: list[Block] = [Text(self.say(lang, "report.behalf_nobody", who=short(unknown, 60)))] if unknown else []
        blocks.append(Input("who", label, "reporting.behalf", submit, value, multiline=False))
        return Card("", tuple(blocks), "question", lang=lang)

    # verdicts

    def verdict(
        self, verdict: Verdict, number: str, lang: str, values: Values, *, clues: Sequence[Finding] = (), by: str = "",
        case: bool = False, reporter: str = "", name: str = "",
    ) -> Card:  # fmt: skip
        """What the reporter reads: the verdict in words, what was seen, what to do, and a way to disagree.

        `by`: when a person will have looked. `case`: the verdict is that of many reports. `reporter`: who reported it for them.
        `name`: of what was reported.
        """
        kind = verdict.kind.value
        blocks: list[Block] = [Text(self.of(name, lang, "report.behalf_told", name=reporter))] if reporter else []
        blocks.append(Text(self.of(name, lang, f"verdict.{kind}"), "strong"))
        blocks.append(Text(self.say(lang, f"verdict.do.{kind}", **values)))
        if case:
            blocks.append(Text(self.of(name, lang, "verdict.case")))
        blocks += self._signs(lang, verdict, clues)
        if verdict.unchecked:
            names = "; ".join(self._lexicon().looked_at(check, lang) for check in verdict.unchecked)
            blocks.append(Text(self.say(lang, "verdict.unchecked", names=names), "muted"))
        if by:
            blocks.append(Text(self.say(lang, "verdict.by", by=by)))
        title = self.say(lang, "verdict.title", number=number)
        return Card(title, (*blocks, self._reactions(lang, verdict.kind, number)), _tone(verdict.kind), lang=lang)

    def _told(self, findings: Sequence[Finding], lang: str) -> tuple[str, ...]:
        return tuple(self._lexicon().retell(finding, lang) for finding in findings)

    def _signs(self, lang: str, verdict: Verdict, clues: Sequence[Finding]) -> list[Block]:
        """The signs; of a practice mail one clue too, since that is what it was for."""
        blocks: list[Block] = []
        if verdict.signs:
            blocks.append(Steps(self._told(verdict.signs, lang), self.say(lang, "verdict.signs"), ordered=False))
        if verdict.kind is Kind.PRACTICE and clues:
            blocks.append(Steps(self._told(clues[:1], lang), self.say(lang, "outcome.clue"), ordered=False))
        return blocks

    def outcome(
        self, kind: Kind, number: str, lang: str, values: Values, *, clues: Sequence[Finding], note: str = "", reporter: str = "",
        name: str = "",
    ) -> Card:  # fmt: skip
        """What a person decided, with thanks that name what that very mail was known by (content 1.6)."""
        blocks: list[Block] = [Text(self.of(name, lang, "report.behalf_told", name=reporter))] if reporter else []
        blocks.append(Text(self.say(lang, f"outcome.{kind.value}"), "strong"))
        if note:
            blocks.append(Text(note, "quote"))
        shown = self._told(clues[: 1 if kind is Kind.PRACTICE else 2], lang)
        if shown:
            heading = "outcome.clue" if len(shown) == 1 else "outcome.clues"
            key = heading if kind in _BAD | {Kind.PRACTICE, Kind.SPAM} else "outcome.looked_odd"
            blocks.append(Steps(shown, self.say(lang, key), ordered=False))
        blocks.append(Text(self.say(lang, f"outcome.do.{kind.value}", **values)))
        title = self.say(lang, "verdict.title", number=number)
        return Card(title, (*blocks, self._reactions(lang, kind, number)), _tone(kind), lang=lang)

    def of_mail(
        self, row: Row, note: str, lang: str, values: Values, *, by: str = "", reporter: str = ""
    ) -> Card:  # fmt: skip
        """What is known of a decided mail (`row`): what a person said of it, else what was found."""
        number, clues, name = str(row["ticket"]), clues_from(row["clues"]), str(row["name"])
        if row["decided_by"] != DESK:
            return self.outcome(
                Kind(row["kind"]), number, lang, values, clues=clues, note=note, reporter=reporter, name=name
            )  # fmt: skip
        raised = row["own_kind"] not in ("", row["kind"])
        return self.verdict(
            verdict_from(row["verdict"]), number, lang, values, clues=clues, by=by, case=raised, reporter=reporter, name=name
        )  # fmt: skip

    def _reactions(self, lang: str, kind: Kind, number: str) -> Buttons:
        buttons = [Button(self.say(lang, "button.dispute"), "reporting.dispute", number)]
        if kind not in _HAPPENED:
            buttons.insert(0, self._emergency(lang))
        return Buttons(tuple(buttons))

    def _emergency(self, lang: str) -> Button:
        return Button(self.say(lang, "button.emergency"), "emergency.start", "clicked", "danger")

    # the rest

    def late(self, what: str, number: str, lang: str, values: Values) -> Card:
        """A promise that was not kept."""
        title = self.say(lang, "verdict.title", number=number)
        text = Text(self.say(lang, f"late.{what}", **{**values, "number": number}))
        return Card(title, (text, Buttons((self._emergency(lang),))), "warning", lang=lang)

    def alert(
        self,
        facts: Mapping[str, Any],
        clues: Sequence[Finding],
        until: str,
        number: str,
        lang: str,
        values: Values,
        role: str = "",
    ) -> Card:
        """A warning to somebody who was sent a mail that others reported, or at whose work (`role`, by its name) it is aimed:
        look, do, do not. No link in it (content 1.6)."""
        title, body = ("alert.role_title", "alert.role_body") if role else ("alert.title", "alert.body")
        shown = [
            (self.say(lang, "alert.from"), facts.get("from")),
            (self.say(lang, "alert.subject"), facts.get("subject")),
        ]
        pairs = tuple((label, short(str(text), 120)) for label, text in shown if text)
        blocks: list[Block] = [Text(self.say(lang, body, role=role), "strong"), *([Facts(pairs)] if pairs else [])]
        if clues:
            blocks.append(Steps(self._told(clues[:2], lang), self.say(lang, "alert.look"), ordered=False))
        blocks.append(Text(self.say(lang, "alert.do", **values)))
        blocks.append(Text(self.say(lang, "alert.do_not")))
        blocks.append(Text(self.say(lang, "alert.until", until=until, number=number), "muted"))
        return Card(self.say(lang, title), (*blocks, Buttons((self._emergency(lang),))), "warning", lang=lang)


def _tone(kind: Kind) -> Any:
    return "warning" if kind in _BAD else "plain"


def _code(text: str) -> str:
    """Where a code leads, or what it says: never clickable."""
    return where(text) if "://" in text[:12] else defang(short(text, 80))
