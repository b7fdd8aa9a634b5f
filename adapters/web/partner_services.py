"""What the pages about partners need."""

from __future__ import annotations

from dataclasses import dataclass

from bot.papers import Printer
from bot.partners import Partners


@dataclass(frozen=True)
class PartnerServices:
    """The pillar, and who prints."""

    partners: Partners
    printer: Printer
