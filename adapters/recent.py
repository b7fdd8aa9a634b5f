"""The values used last, a bounded number of them, for as long as they are fresh. Thread-safe."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """`seconds` after which a value has to be looked up again."""

    def __init__(self, most: int, seconds: float, now: Callable[[], float] = monotonic) -> None:
        self._most, self._seconds, self._now = most, seconds, now
        self._values = OrderedDict[str, tuple[float, T]]()
        self._lock = threading.Lock()

    def get(self, key: str) -> T | None:
        """The value, None if it is not here or too old."""
        with self._lock:
            found = self._values.get(key)
            if found is None or found[0] < self._now():
                return None
            self._values.move_to_end(key)
            return found[1]

    def put(self, key: str, value: T) -> None:
        """Keep a value; the one used longest ago goes when there are too many."""
        with self._lock:
            self._values[key] = (self._now() + self._seconds, value)
            self._values.move_to_end(key)
            if len(self._values) > self._most:
                self._values.popitem(last=False)

    def drop(self, key: str) -> None:
        with self._lock:
            self._values.pop(key, None)

    def clear(self) -> None:
        with self._lock:
            self._values.clear()
