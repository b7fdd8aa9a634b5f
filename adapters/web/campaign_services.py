"""What the console's page of campaigns needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.learning.nudges import Nudges
from bot.learning.switchover import Switchover
from bot.learning.waves import Waves


@dataclass(frozen=True)
class Campaigns:
    """What the page needs. `later` runs something behind the scenes: planning for many takes a while."""

    nudges: Nudges
    waves: Waves
    later: Callable[[Callable[[], object]], None]
    switchover: Switchover | None = None
