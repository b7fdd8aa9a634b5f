"""A dispute about a broken promise: evidence frozen at its opening, the contract's own steps with time limits, every offer and
answer kept, and a file at the end that anybody can check.

Only the owner of the contract goes on to a step, or closes. Whoever skips a step says why, and that stays.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from bot.contracts import Contract
from bot.errors import Conflict, NotFound, Refused
from bot.hash_chain import FIRST, canonical
from bot.model import Person
from bot.partners import chain
from bot.partners.figures import Breach, breach_json, day_of, find_breach
from bot.partners.parts import Parts
from bot.ports import Row
from bot.turn import Work

Said = Literal["offer", "answer", "note"]
SAID: tuple[Said, ...] = ("offer", "answer", "note")


@dataclass(frozen=True)
class Step:
    """A step as the contract had it at the opening. `until`: epoch seconds, 0 for no limit or not begun."""

    id: str
    who: Any  # a text, or one for each language
    within: int
    state: Literal["ahead", "now", "past", "skipped"]
    until: float = 0.0


@dataclass(frozen=True)
class Dispute:
    """A dispute and its record. `words` by (row, name): what people wrote, as far as it is still there."""

    row: Row
    steps: tuple[Step, ...]
    records: tuple[Row, ...]
    words: Mapping[tuple[int, str], str]
    fault: str

    @property
    def evidence(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.records[0]["detail"]["evidence"]
        return found

    @property
    def open(self) -> bool:
        return bool(self.row["state"] == "open")

    @property
    def due(self) -> float:
        """When the step that is on runs out; 0 if it has no limit."""
        return next((step.until for step in self.steps if step.state == "now"), 0.0)


class Disputes:
    """Open, say, go on, close, export."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    # reading

    def get(self, id_: str) -> Dispute:
        """Raises `NotFound`."""
        row = self._parts.store.dispute(id_.strip().upper())
        if row is None:
            raise NotFound(id_)
        records = tuple(_record(one) for one in self._parts.store.records(row["id"]))
        texts = self._parts.store.record_texts(row["id"])
        head = {"seq": row["seq"], "hash": row["head"]}
        words = {(int(text["seq"]), str(text["name"])): str(text["words"]) for text in texts}
        return Dispute(row, _steps(row, records), records, words, chain.fault(records, texts, head))

    def of(self, partner: str) -> list[Row]:
        return self._parts.store.disputes(partner)

    def export(self, id_: str) -> dict[str, Any]:
        """Everything, in the form that `chain.fault_of_file` checks."""
        found = self.get(id_)
        texts = [dict(text) for text in self._parts.store.record_texts(found.row["id"])]
        there = {(text["seq"], text["name"]) for text in texts}
        gone = [
            {"seq": row["seq"], "name": name, "salt": None, "words": None}
            for row in found.records
            for name in row["detail"].get("words", {})
            if (row["seq"], name) not in there
        ]
        actors = {row["actor"] for row in found.records} | _people(found.evidence)
        return {
            "schema": chain.SCHEMA, "dispute": found.row["id"], "partner": found.row["partner"],
            "records": [{name: row[name] for name in (*chain.FIELDS, "hash")} for row in found.records],
            "texts": sorted([*texts, *gone], key=lambda text: (text["seq"], text["name"])),
            "people": {key: self._parts.identities.name(key) for key in sorted(actors) if key.startswith("p_")},
            "head": {"seq": found.row["seq"], "hash": found.row["head"]},
        }  # fmt: skip

    def may_lead(self, dispute: Dispute, by: Person) -> bool:
        """The owner of the contract, as it is today."""
        contract = self._parts.contracts().get(dispute.row["partner"])
        return contract is not None and by.id == contract.file.contract.owner

    # changing

    def open(self, work: Work, partner: str, ticket: str, breach: str, by: Person) -> str:
        """From a breach of this partner; its id. Raises `NotFound`, `Conflict` if one is open about it."""
        contract = self._parts.contract(partner)
        number = ticket.strip().upper()
        found = find_breach(self._parts.cases(partner, 0.0, work.at, number), number, breach) if number else None
        if found is None:
            raise NotFound(f"{ticket} {breach}")
        first = contract.file.dispute[0]
        row = {"partner": partner, "ticket": found.ticket, "breach": breach, "state": "open", "step": first.id,
               "step_since": work.at, "opened_by": by.key, "opened_at": work.at, "closed_at": 0.0, "seq": 0,
               "head": FIRST}  # fmt: skip
        id_ = self._parts.store.add_dispute(work.tx, row)
        if not id_:
            there = self._parts.store.disputed(found.ticket, breach)
            raise Conflict(self._parts.say(by, "partner.dispute.there", id=there))
        evidence, words, authors = self._evidence(contract, found)
        detail = {"evidence": evidence, "step": first.id, "until": self._until(contract, first.within, work.at)}
        self._add(work, {**row, "id": id_}, by, "opened", detail, words, authors)
        work.audit(by.key, "partner.dispute", id_, ticket=found.ticket)
        return id_

    def say(self, work: Work, id_: str, kind: Said, text: str, by: Person) -> None:
        """An offer, an answer or a note is kept. Raises `Refused`, `Conflict` once it is closed."""
        row = self._locked(work, id_, by)
        text = self._parts.needed(by, text, 4000)
        self._add(work, row, by, kind, {"step": row["step"]}, {"text": text})

    def go_on(self, work: Work, id_: str, to: str, why: str, by: Person) -> None:
        """To a later step. Steps in between are skipped, which needs a reason. The contract's owner alone."""
        row = self._locked(work, id_, by, lead=True)
        steps = self.get(id_).steps
        ids = [step.id for step in steps]
        now, target = ids.index(row["step"]), ids.index(to) if to in ids else -1
        if target <= now:
            raise Refused(self._parts.say(by, "partner.dispute.no_way_back"))
        for step in steps[now + 1 : target]:
            words = self._parts.needed(by, why)
            row = self._add(work, row, by, "skipped", {"step": step.id}, {"text": words})
        contract = self._parts.contract(row["partner"])
        detail = {"step": to, "from": row["step"], "until": self._until(contract, steps[target].within, work.at)}
        self._add(work, row, by, "step", detail, {"text": self._parts.redact(why.strip())[:2000]} if why.strip() else {},
                  step=to, step_since=work.at)  # fmt: skip
        work.audit(by.key, "partner.dispute_step", row["id"], step=to)

    def close(self, work: Work, id_: str, outcome: str, by: Person) -> None:
        """How it ended. The contract's owner alone."""
        row = self._locked(work, id_, by, lead=True)
        words = {"text": self._parts.needed(by, outcome, 4000)}
        self._add(work, row, by, "closed", {"step": row["step"]}, words, state="closed", closed_at=work.at)
        work.audit(by.key, "partner.dispute_close", row["id"])

    # inside

    def _locked(self, work: Work, id_: str, by: Person, *, lead: bool = False) -> Row:
        row = self._parts.store.lock_dispute(work.tx, id_.strip().upper())
        if row is None:
            raise NotFound(id_)
        if row["state"] != "open":
            raise Conflict(self._parts.say(by, "partner.dispute.closed", id=row["id"]))
        owner = self._parts.contract(row["partner"]).file.contract.owner
        if lead and by.id != owner:
            raise Refused(self._parts.say(by, "partner.owner_only", name=self._parts.identities.shown(owner)))
        return row

    def _add(
        self, work: Work, row: Row, by: Person, kind: str, detail: dict[str, Any], words: Mapping[str, str],
        authors: Mapping[str, str] | None = None, **changes: object,
    ) -> Row:  # fmt: skip
        """One row of the record, and the end moved onto it."""
        seq, marks = int(row["seq"]) + 1, dict[str, str]()
        for name, text in words.items():
            salt, marks[name] = chain.sealed_words(text)
            beside = {
                "dispute": row["id"],
                "seq": seq,
                "name": name,
                "author": (authors or {}).get(name, by.key),
                "salt": salt,
                "words": text,
            }
            self._parts.store.add_record_text(work.tx, beside)
        detail = {**detail, "words": marks} if marks else detail
        record = {"dispute": row["id"], "seq": seq, "at": work.at, "actor": by.key, "kind": kind, "detail": detail,
                  "prev": row["head"]}  # fmt: skip
        hash_ = chain.row_hash(record)
        self._parts.store.add_record(work.tx, {**record, "detail": canonical(detail), "hash": hash_})
        changes = {**changes, "seq": seq, "head": hash_}
        self._parts.store.change_dispute(work.tx, row["id"], changes)
        return {**row, **changes}

    def _evidence(self, contract: Contract, breach: Breach) -> tuple[dict[str, Any], dict[str, str], dict[str, str]]:
        """What is frozen, the words that go beside it, and who wrote them."""
        file, lines, words, authors = contract.file, list[dict[str, Any]](), dict[str, str](), dict[str, str]()
        for line in self._parts.store.timeline(breach.ticket):
            name = f"line-{line['seq']}"
            if line["text"]:
                words[name], authors[name] = str(line["text"]), str(line["actor"])
            kept = {key: line[key] for key in ("seq", "at", "actor", "kind", "detail")}
            lines.append({**kept, "visible": bool(line["visible"]), "text": name if line["text"] else ""})
        calendars = sorted({clock.calendar for clock in (breach.promise, *breach.ours)})
        zones = {name: self._parts.calendar(name).zone for name in calendars}
        terms = {
            "ref": file.contract.ref, "version": contract.version, "name": file.name, "target_pct": file.target_pct,
            "pause": list(file.pause), "dispute": [step.model_dump(mode="json") for step in file.dispute],
            "sla": {severity: target.model_dump(mode="json") for severity, target in file.sla.items()},
        }  # fmt: skip
        return {"breach": breach_json(breach), "timeline": lines, "contract": terms, "zones": zones}, words, authors

    def _until(self, contract: Contract, within: int, at: float) -> float:
        """The end of the last working day that a step may take; 0 without a limit."""
        if not within:
            return 0.0
        meetings = contract.file.reviews
        day = self._parts.calendar(meetings.calendar).ahead(day_of(at, meetings.timezone), within)
        return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(meetings.timezone)).timestamp()


def _people(evidence: Mapping[str, Any]) -> set[str]:
    return {line["actor"] for line in evidence["timeline"]} | {pause["who"] for pause in evidence["breach"]["pauses"]}


def _record(row: Row) -> Row:
    return {**row, "seq": int(row["seq"]), "detail": json.loads(row["detail"])}


def _steps(row: Row, records: tuple[Row, ...]) -> tuple[Step, ...]:
    """The steps of the contract as it was, with where the dispute stands."""
    skipped = {record["detail"]["step"] for record in records if record["kind"] == "skipped"}
    until = {record["detail"]["step"]: record["detail"]["until"] for record in records if "until" in record["detail"]}
    found: list[Step] = []
    seen = False
    for step in records[0]["detail"]["evidence"]["contract"]["dispute"]:
        id_ = step["id"]
        now = id_ == row["step"]
        if now:
            state: Literal["ahead", "now", "past", "skipped"] = "now" if row["state"] == "open" else "past"
        else:
            state = "skipped" if id_ in skipped else "ahead" if seen else "past"
        seen = seen or now
        found.append(Step(id_, step["who"], step["within"], state, until.get(id_, 0.0)))
    return tuple(found)
