"""Reports and disputes as papers: one form for the page and the PDF."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from bot.contracts import said
from bot.errors import NotFound
from bot.model import SEVERITIES, Person
from bot.papers import Bars, Facts, Grid, Heading, Paper, Part, Words
from bot.partners.actions import Actions
from bot.partners.disputes import Dispute
from bot.partners.figures import WHATS
from bot.partners.parts import Parts
from bot.partners.reports import SOON, Report

STILL = 8e12  # a clock that stands still has no due time


class Papers:
    """Makes papers for a reader, in their language; times are the organisation's, with the zone said."""

    def __init__(self, parts: Parts, actions: Actions) -> None:
        self._parts, self._actions = parts, actions

    # the report

    def report(self, report: Report, reader: Person) -> Paper:
        """A month."""
        body, say = report.body, self._say(reader)
        title = say("partner.report.card", name=body["name"], month=report.month)
        parts = [*self._head(report, reader), *self._attainment(body, reader), *self._breaches(body, reader),
                 *self._quality(body, reader), *self._open_actions(body, reader), *self._risks(body, reader),
                 *self._pulse(body, reader)]  # fmt: skip
        foot = say("partner.paper.print", sha=report.sha256) if report.issued else say("partner.paper.draft")
        return Paper(title, reader.language, report.issued or body["as_of"], tuple(parts), foot=foot,
                     author=self._parts.organisation().file.name, letters=say("partner.paper.letters"))  # fmt: skip

    def _head(self, report: Report, reader: Person) -> Iterator[Part]:
        body, say = report.body, self._say(reader)
        begin, end = (self._when(body["figures"][name], body["zone"]) for name in ("begin", "end"))
        yield Facts((
            (say("partner.fact.contract"), body["contract"]["ref"]),
            (say("partner.fact.ends"), body["contract"]["end"]),
            (say("partner.report.span"), f"{begin} – {end} ({body['zone']})"),
            (say("partner.report.target"), f"{body['target']:g} %"),
            (say("partner.report.handed"), ", ".join(f"{s}: {n}" for s, n in body["figures"]["handed"].items() if n) or "0"),
            (say("partner.report.reopened"), str(body["figures"]["reopened"])),
        ))  # fmt: skip
        if body["contract"]["ended"]:
            yield Words(say("partner.ended", day=body["contract"]["end"]), "alert")
        if not body["closed"]:
            yield Words(say("partner.report.running"), "alert")
        elif not report.issued:
            yield Words(say("partner.paper.draft"), "muted")
        if report.unreached:
            yield Words(say("partner.report.unreached", names=", ".join(report.unreached)), "alert")

    def _attainment(self, body: Mapping[str, Any], reader: Person) -> Iterator[Part]:
        say, target = self._say(reader), body["target"]
        yield Heading(say("partner.report.attainment"))
        rates = {(rate["severity"], rate["what"]): rate for rate in body["figures"]["rates"]}
        if not rates:
            yield Words(say("partner.report.none"), "strong")
            yield Words(say("partner.report.none_what"))
            return
        rows, bars = [], []
        for severity in reversed(SEVERITIES):
            for what in WHATS:
                if rate := rates.get((severity, what)):
                    met = say("partner.report.met" if rate["percent"] >= target else "partner.report.not_met")
                    name = say(f"partner.what.{what}")
                    percent = f"{rate['percent']:.1f} %"
                    rows.append((severity, name, str(rate["n"]), str(rate["kept"]), percent, f"{target:g} %", met))
                    bars.append((f"{severity} {name}", rate["percent"], f"{percent} ({rate['kept']}/{rate['n']})"))
        heads = tuple(
            say(f"partner.head.{name}") for name in ("severity", "what", "n", "kept", "percent", "target", "met")
        )
        yield Grid(
            heads, tuple(rows), (1, 2, 1, 1, 1.2, 1.2, 1.6), frozenset({2, 3, 4, 5}), say("partner.report.attainment")
        )
        spoken = "; ".join(f"{label}: {text}" for label, _, text in bars)
        yield Bars(say("partner.report.attainment"), tuple(bars), spoken, 100.0, target)
        yield Words(say("partner.report.counted", void=body["figures"]["void"]), "muted")

    def _breaches(self, body: Mapping[str, Any], reader: Person) -> Iterator[Part]:
        say = self._say(reader)
        yield Heading(say("partner.report.breaches"))
        if not body["figures"]["breaches"]:
            yield Words(say("partner.report.no_breach"))
        for breach in body["figures"]["breaches"]:
            yield from self._breach(breach, body["name"], body["zone"], reader)

    def _breach(
        self, breach: Mapping[str, Any], name: str, zone: str, reader: Person, words: Mapping[int, str] | None = None
    ) -> Iterator[Part]:
        """Both sides' clocks, and the pauses that were claimed. `words`: of lines, where they are kept elsewhere."""
        say, promise, ticket = self._say(reader), breach["promise"], breach["ticket"]
        yield Heading(
            f"{ticket}: {promise['severity']} {say('partner.what.' + promise['what'])}", 2 if words is None else 1
        )
        heads = tuple(
            say(f"partner.head.{part}") for part in ("side", "what", "since", "due", "ended", "used", "state")
        )
        clocks = [(name, promise), *((say("partner.us"), clock) for clock in breach["ours"])]
        rows = tuple(
            (who, say(f"partner.what.{clock['what']}"), self._when(clock["since"], zone), self._due(clock["due"], zone, say),
             self._when(clock["ended"], zone) if clock["ended"] else say("partner.still_open"),
             f"{clock['used'] / 60:.0f} / {clock['target'] / 60:.0f}", say(f"partner.result.{clock['result']}"))
            for who, clock in clocks
        )  # fmt: skip
        yield Grid(
            heads,
            rows,
            (1.4, 1.3, 1.4, 1.4, 1.4, 1.1, 1.5),
            frozenset({5}),
            say("partner.report.clocks", number=ticket),
        )
        pauses = [
            (self._parts.named(p["who"]) if p["who"] != "secdesk" else "Secdesk",
             (self._parts.store.line_text(ticket, p["line"]) if words is None else words.get(p["line"], "")) or "–",
             self._when(p["begin"], zone), self._when(p["end"], zone) if p["end"] else say("partner.still_open"))
            for p in breach["pauses"]
        ]  # fmt: skip
        if pauses:
            heads = tuple(say(f"partner.head.{part}") for part in ("who", "why", "since", "ended"))
            yield Words(say("partner.report.pauses", number=ticket), "strong")
            yield Grid(heads, tuple(pauses), (1.5, 3, 1.4, 1.4), title=say("partner.report.pauses", number=ticket))
        else:
            yield Words(say("partner.report.no_pause"), "muted")

    def _quality(self, body: Mapping[str, Any], reader: Person) -> Iterator[Part]:
        say, quality = self._say(reader), body["quality"]
        yield Heading(say("partner.report.quality"))
        yield Facts((
            (say("partner.report.let_through"), say("partner.report.let_through_n", n=quality["let_through"]["all"],
                                                    people=quality["let_through"]["person"])),
            (say("partner.report.missed"), self._tickets(quality["missed"])),
            (say("partner.report.held_back"), self._tickets(quality["held_back"])),
        ))  # fmt: skip
        yield Words(say("partner.report.quality_how"), "muted")

    @staticmethod
    def _tickets(numbers: list[str]) -> str:
        return f"{len(numbers)}" + (f" ({', '.join(numbers)})" if numbers else "")

    def _open_actions(self, body: Mapping[str, Any], reader: Person) -> Iterator[Part]:
        say = self._say(reader)
        yield Heading(say("partner.report.actions"))
        rows = []
        for one in body["actions"]:
            try:
                action = self._actions.get(one["id"])
            except NotFound:
                continue
            state = say(f"partner.action.state.{one['state']}") + (
                f", {say('partner.action.late')}" if one["late"] else ""
            )
            rows.append((one["id"], action.what, self._actions.owner(action), one["due"], str(one["age"]), state))
        if not rows:
            yield Words(say("partner.report.no_action"))
            return
        heads = tuple(say(f"partner.head.{name}") for name in ("id", "action", "owner", "until", "age", "state"))
        yield Grid(heads, tuple(rows), (1, 3.5, 1.6, 1.3, 0.9, 1.5), frozenset({4}), say("partner.report.actions"))

    def _risks(self, body: Mapping[str, Any], reader: Person) -> Iterator[Part]:
        say, default = self._say(reader), self._parts.organisation().file.language
        contract = self._parts.contracts().get(body["partner"])
        known = {risk.id: risk for risk in contract.file.risks} if contract else {}
        if not body["risks"]:
            return
        yield Heading(say("partner.report.risks"))
        rows = []
        for one in body["risks"]:
            risk = known.get(one["id"])
            what = [said(proof.what, reader.language, default) for proof in risk.evidence] if risk else []
            proofs = [
                f"{what[i] if i < len(what) else ''} {proof['valid_to']}"
                + (f" ({say('partner.risk.expired')})" if proof["left"] < 0 else
                   f" ({say('partner.risk.left', n=proof['left'])})" if proof["left"] <= SOON else "")
                for i, proof in enumerate(one["evidence"])
            ]  # fmt: skip
            look = one["next_look"] + (f" ({say('partner.risk.overdue')})" if one["overdue"] else "")
            text = said(risk.what, reader.language, default) if risk else one["id"]
            rows.append((text, self._parts.named(risk.owner) if risk else "", look, "\n".join(proofs) or "–"))
        heads = tuple(say(f"partner.head.{name}") for name in ("risk", "owner", "look", "proof"))
        yield Grid(heads, tuple(rows), (3, 1.4, 1.4, 2.4), title=say("partner.report.risks"))

    def _pulse(self, body: Mapping[str, Any], reader: Person) -> Iterator[Part]:
        say, pulse = self._say(reader), body["pulse"]
        if pulse is None:
            return
        yield Heading(say("partner.pulse.title", quarter=pulse["quarter"]))
        if pulse["means"] is None:
            yield Words(say("partner.pulse.too_few", n=pulse["n"], fewest=pulse["fewest"]))
            return
        rows = tuple(
            (say(f"partner.pulse.q{i}"), f"{mean:.1f}", str(pulse["n"])) for i, mean in enumerate(pulse["means"], 1)
        )
        heads = (say("partner.head.what"), say("partner.pulse.scale"), say("partner.head.n"))
        yield Grid(heads, rows, (3, 1.4, 0.6), frozenset({1, 2}), say("partner.pulse.title", quarter=pulse["quarter"]))

    # the dispute

    def dispute(self, dispute: Dispute, reader: Person) -> Paper:
        """A dispute with its evidence, steps and record."""
        say, row, evidence = self._say(reader), dispute.row, dispute.evidence
        zone, name = self._parts.zone, evidence["contract"]["name"]
        state = say(f"partner.dispute.state.{row['state']}")
        whole = say("partner.dispute.whole" if not dispute.fault else "partner.dispute.broken", why=dispute.fault)
        parts: list[Part] = [
            Facts((
                (say("partner.fact.contract"), f"{evidence['contract']['ref']} ({evidence['contract']['version'][:16]}…)"),
                (say("partner.head.state"), state),
                (say("partner.dispute.opened"), f"{self._when(row['opened_at'], zone)} {self._parts.named(row['opened_by'])}"),
                (say("partner.dispute.zones"), f"{zone}; " + ", ".join(f"{k}: {v}" for k, v in evidence["zones"].items())),
                (say("partner.dispute.head"), row["head"]),
            )),
            Words(whole, "alert" if dispute.fault else "strong"),
            *self._breach(evidence["breach"], name, zone, reader, self._frozen(dispute)),
            *self._steps(dispute, reader), *self._record(dispute, reader), *self._timeline(dispute, reader),
        ]  # fmt: skip
        title = say("partner.dispute.title", id=row["id"], name=name)
        made = dispute.records[-1]["at"]
        foot = say("partner.paper.print", sha=row["head"])
        return Paper(title, reader.language, made, tuple(parts), foot=foot, letters=say("partner.paper.letters"),
                     author=self._parts.organisation().file.name)  # fmt: skip

    @staticmethod
    def _frozen(dispute: Dispute) -> dict[int, str]:
        return {
            line["seq"]: dispute.words.get((1, line["text"]), "")
            for line in dispute.evidence["timeline"]
            if line["text"]
        }

    def _steps(self, dispute: Dispute, reader: Person) -> Iterator[Part]:
        say, default = self._say(reader), self._parts.organisation().file.language
        yield Heading(say("partner.dispute.steps"))
        rows = tuple(
            (str(i), said(step.who, reader.language, default), str(step.within) if step.within else "–",
             self._when(step.until, self._parts.zone) if step.until else "–", say(f"partner.dispute.step.{step.state}"))
            for i, step in enumerate(dispute.steps, 1)
        )  # fmt: skip
        heads = tuple(say(f"partner.head.{name}") for name in ("id", "who", "within", "until", "state"))
        yield Grid(heads, rows, (0.6, 3, 1.2, 1.6, 1.4), title=say("partner.dispute.steps"))

    def _record(self, dispute: Dispute, reader: Person) -> Iterator[Part]:
        say = self._say(reader)
        yield Heading(say("partner.dispute.record"))
        rows = []
        for row in dispute.records:
            text = dispute.words.get(
                (row["seq"], "text"), say("partner.dispute.gone") if "text" in row["detail"].get("words", {}) else ""
            )
            kind = say(f"partner.dispute.kind.{row['kind']}")
            rows.append((str(row["seq"]), self._when(row["at"], self._parts.zone), self._parts.named(row["actor"]),
                         kind, text or row["detail"].get("step", ""), row["hash"][:12]))  # fmt: skip
        heads = tuple(say(f"partner.head.{name}") for name in ("id", "since", "who", "what", "why", "hash"))
        yield Grid(heads, tuple(rows), (0.5, 1.5, 1.4, 1.2, 3, 1.5), title=say("partner.dispute.record"))

    def _timeline(self, dispute: Dispute, reader: Person) -> Iterator[Part]:
        say = self._say(reader)
        yield Heading(say("partner.dispute.timeline"))
        words = self._frozen(dispute)
        rows = tuple(
            (str(line["seq"]), self._when(line["at"], self._parts.zone),
             self._parts.named(line["actor"]) if line["actor"].startswith("p_") else line["actor"],
             self._kind(reader, line["kind"]),
             words.get(line["seq"], "") or line["detail"])
            for line in dispute.evidence["timeline"]
        )  # fmt: skip
        heads = tuple(say(f"partner.head.{name}") for name in ("id", "since", "who", "what", "why"))
        yield Grid(heads, rows, (0.5, 1.5, 1.4, 1.2, 4), title=say("partner.dispute.timeline"))

    # inside

    def _say(self, reader: Person) -> Any:
        return lambda key, **params: self._parts.say(reader, key, **params)

    def _kind(self, reader: Person, kind: str) -> str:
        """What the console calls a line."""
        try:
            return self._parts.say(reader, f"console.event.{kind}")
        except KeyError:
            return kind

    def _due(self, at: float, zone: str, say: Any) -> str:
        return str(say("partner.stands_still")) if at >= STILL else self._when(at, zone)

    @staticmethod
    def _when(at: float, zone: str) -> str:
        """`2026-11-24 14:05 +00:00`: with its offset, so that a change of the clocks cannot be misread."""
        local = datetime.fromtimestamp(at, UTC).astimezone(ZoneInfo(zone))
        return f"{local:%Y-%m-%d %H:%M} {local:%z}"
