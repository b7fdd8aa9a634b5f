"""How often somebody may do something: at most so many times in a minute, counted in this process."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from time import monotonic

MINUTE = 60.0
_MOST_NAMES = 10_000


class Limit:
    """`most` times in any minute, for each name. Thread-safe; names are forgotten, the longest unused first."""

    def __init__(self, most: int, now: Callable[[], float] = monotonic) -> None:
        self._most, self._now = most, now
        self._times = OrderedDict[str, deque[float]]()
        self._lock = threading.Lock()

    def wait(self, name: str) -> int:
        """Count one more; 0, or seconds to wait if it is one too many (which is not counted)."""
        now = self._now()
        with self._lock:
            times = self._times.setdefault(name, deque())
            self._times.move_to_end(name)
            while times and times[0] <= now - MINUTE:
                times.popleft()
            if len(times) >= self._most:
                return int(times[0] + MINUTE - now) + 1
            times.append(now)
            if len(self._times) > _MOST_NAMES:
                self._times.popitem(last=False)
        return 0

    def left(self, name: str) -> tuple[int, int]:
        """(how many more times now, seconds until there is one more)."""
        now = self._now()
        with self._lock:
            times = [at for at in self._times.get(name, ()) if at > now - MINUTE]
        return max(0, self._most - len(times)), int(times[0] + MINUTE - now) + 1 if times else 0
