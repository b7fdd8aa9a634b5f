"""Giving a run out as JSON, CSV or PDF, and telling whether its record is whole: in a file, and here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from bot.errors import NotFound
from bot.organisation import Organisation
from bot.papers import Printer
from bot.ports import Row
from bot.procedures import exported, printing
from bot.procedures.chain import Record
from bot.procedures.evidence import Written
from bot.procedures.ledger import Ledger
from bot.procedures.state import Run

Form = Literal["json", "csv", "pdf"]
FORMS: tuple[Form, ...] = ("json", "csv", "pdf")
TYPES = {"json": "application/json", "csv": "text/csv; charset=utf-8", "pdf": "application/pdf"}


class AuditTrail(Protocol):
    """What the audit log holds of a run: rows with `detail`, in order."""

    def audited(self, run: str) -> list[Row]: ...


@dataclass(frozen=True)
class File:
    """A file to hand out."""

    name: str
    type: str
    data: bytes


@dataclass(frozen=True)
class Shown:
    """A run for a page: its lines, what was written by row and part, and what is wrong with its record ("" if nothing)."""

    lines: list[printing.Line]
    written: dict[tuple[int, str], Written]
    trouble: str


@dataclass(frozen=True)
class _Read:
    """`exported.Reads` of one run that was read already."""

    found: list[Record]
    beside: dict[tuple[int, str], Written]
    text: str

    def records(self, _run: Run) -> list[Record]:
        return self.found

    def written(self, _run: Run) -> dict[tuple[int, str], Written]:
        return self.beside

    def version_text(self, _run: Run) -> str:
        return self.text


@dataclass(frozen=True)
class Exports:
    """`digest` is the vault's, `table` makes CSV of (heads, rows), `printed` a PDF of a paper."""

    ledger: Ledger
    trail: AuditTrail
    organisation: Callable[[], Organisation]
    digest: Callable[[str, bytes], str]
    printed: Printer
    table: Callable[[Sequence[str], Iterable[Sequence[object]]], bytes]

    def document(self, run: Run) -> exported.Document:
        """The run as it is checked."""
        return exported.document(run, self.ledger, self.ledger.crew.identities.name, self.digest)

    def file(self, run: Run, form: Form, lang: str, at: float) -> File:
        """A run as a file, in words of `lang` where there are words."""
        made, reader = self.document(run), self._reader(lang)
        match form:
            case "json":
                data = exported.dumped(made)
            case "csv":
                data = self.table(printing.COLUMNS, printing.rows(made, reader))
            case _:
                name = self.organisation().file.name
                data = self.printed(printing.paper(made, reader, name, at, fault=self.trouble(run)))
        return File(f"{run.id}.{form}", TYPES[form], data)

    def shown(self, run: Run, lang: str) -> Shown:
        """What a page shows of a run, from one reading of its chain."""
        read = _Read(self.ledger.records(run), self.ledger.written(run), self.ledger.version_text(run))
        made = exported.document(run, read, self.ledger.crew.identities.name, self.digest)
        wrong = self._trouble(run, read.found) and self.trouble(run)
        return Shown(printing.lines(made, self._reader(lang)), read.beside, wrong)

    def trouble(self, run: Run) -> str:
        """What is wrong with a run's record as it is stored: its chain, and that the audit log knows each row; "" if nothing."""
        return self._trouble(run) and self._trouble(self.ledger.get(run.id))  # it may have gone on while it was read

    def file_trouble(self, data: bytes) -> str:
        """What is wrong with an exported JSON file: by itself, by our signature, and beside what is stored here.

        Raises `ValueError` for something that is no export, `NotFound` for a run that is not here.
        """
        try:
            made = json.loads(data.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise ValueError("this is not UTF-8") from error
        except RecursionError as error:
            raise ValueError("this is nested too deeply") from error
        if not isinstance(made, dict):
            raise ValueError(f"this is not {exported.SCHEMA}")
        if found := exported.trouble(made):
            return found
        run = self.ledger.get(str(made["run"]["id"]))
        if not exported.signed(made, self.digest):
            return "the signature is not ours: the file was made anew somewhere else"
        return exported.differs(made, self.ledger.records(run)) or self.trouble(run)

    def form(self, name: str) -> Form:
        """One of the forms there are. Raises `NotFound`."""
        found = next((form for form in FORMS if form == name), None)
        if found is None:
            raise NotFound(name)
        return found

    def _reader(self, lang: str) -> printing.Reader:
        org, crew = self.organisation(), self.ledger.crew
        return printing.Reader(
            lang,
            lambda key, **params: org.words.say(lang, key, **params),
            org.values("", lang),
            lambda who: crew.called(who, lang),
        )

    def _trouble(self, run: Run, records: Sequence[Record] | None = None) -> str:
        records = self.ledger.records(run) if records is None else records
        return self.ledger.fault(run, records) or self._unaudited(run, records)

    def _unaudited(self, run: Run, records: Sequence[Record]) -> str:
        details = (json.loads(row["detail"] or "{}") for row in self.trail.audited(run.id))
        known = {int(detail["seq"]): detail["hash"] for detail in details if "hash" in detail and "seq" in detail}
        for record in records:
            if known.get(record.seq) != record.hash:
                return f"row {record.seq} is not the one in the audit log"
        beyond = max(known, default=0) - len(records)
        return f"the audit log knows {beyond} more row(s) than there are" if beyond > 0 else ""
