"""The pulse: five questions a quarter to those who work with the partner, answered 1 to 5, under a code that is theirs for that
quarter alone. Nothing is shown below the contract's `fewest` answers: with fewer one could guess who said what.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from bot.contracts import Contract
from bot.model import Person
from bot.partners.figures import quarter_of
from bot.partners.parts import Parts
from bot.turn import Work

QUESTIONS = 5
MARKS = (1, 2, 3, 4, 5)


def code_of(digest: Callable[[str, bytes], str], person: str, quarter: str) -> str:
    """What somebody's answers of a quarter are kept under; without the vault's key it leads nowhere."""
    return "u_" + digest(f"partner.pulse.{quarter}", person.encode())[:32]


@dataclass(frozen=True)
class Pulse:
    """What came in. `means` (one a question) and `words` are None and empty while `n` is below `fewest`."""

    quarter: str
    n: int
    fewest: int
    means: tuple[float, ...] | None
    words: tuple[str, ...] = ()


class Pulses:
    """Keeps answers and sums them up."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def quarter(self) -> str:
        return quarter_of(self._parts.today())

    def asked(self, contract: Contract) -> tuple[str, ...]:
        """Ids of those who are asked."""
        return tuple(contract.file.pulse.ask) if contract.file.pulse else ()

    def due(self, today: date) -> bool:
        """The last month of a quarter."""
        return today.month % 3 == 0

    def answer(self, work: Work, partner: str, quarter: str, by: Person, marks: str) -> None:
        """Five digits. Answering again replaces what was said. Whoever was not asked is refused by the caller."""
        code = code_of(self._parts.digest, by.key, quarter)
        row = {"partner": partner, "quarter": quarter, "code": code, "marks": marks, "at": work.at}
        self._parts.store.add_pulse(work.tx, row)

    def comment(self, work: Work, partner: str, quarter: str, by: Person, text: str) -> None:
        """What they want to say besides."""
        words = self._parts.redact(text.strip())[:1000]
        self._parts.store.add_pulse_words(
            work.tx, partner, quarter, code_of(self._parts.digest, by.key, quarter), words
        )

    def shown(self, contract: Contract, quarter: str) -> Pulse | None:
        """The answers of a quarter as far as they may be shown; None where nobody is asked."""
        if contract.file.pulse is None:
            return None
        rows, fewest = self._parts.store.pulse(contract.id, quarter), contract.file.pulse.fewest
        if len(rows) < fewest:
            return Pulse(quarter, len(rows), fewest, None)
        sums = [sum(int(row["marks"][place]) for row in rows) for place in range(QUESTIONS)]
        words = tuple(sorted(str(row["words"]) for row in rows if row["words"]))
        return Pulse(quarter, len(rows), fewest, tuple(round(total / len(rows), 1) for total in sums), words)
