"""What follows one attempt at a job: done, again later, or given up. No job engine in here."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bot.errors import RetryLater, StoreUnavailable, Unreachable
from bot.ports import Payload
from bot.tracing import traced

log = logging.getLogger(__name__)
Handler = Callable[[Payload], None]


@dataclass(frozen=True)
class Pace:
    """How fast, how often, how long. Times in seconds."""

    workers: int = 16  # jobs at once in this process, of the kinds that share a queue
    poll: float = 0.5  # between two looks into a queue, each of which starts as many jobs as there are workers free
    attempts: int = 8  # of a handler that raises something unexpected
    first_wait: float = 2.0  # before the second attempt; doubles each time
    longest_wait: float = 600.0
    store_wait: float = 15.0  # while the database is away; not counted as an attempt
    rounds: int = 1000  # of one job altogether, waits that a platform asked for included
    crashes: int = 20  # of the process while it ran this job
    keep: float = 14 * 86400.0  # finished jobs; the same key runs again after that
    keep_timed: float = 86400.0  # finished jobs of a schedule
    beat: float = 5.0  # between two heartbeats of a replica
    silence: float = 40.0  # until a replica is taken for dead: its jobs are another's within a minute


@dataclass(frozen=True)
class Next:
    """`error` names what a job was given up for; else `wait` >= 0 is when to come again, and < 0 means done."""

    wait: float = -1.0
    failures: int = 0
    error: str = ""


@traced("job", lambda _handler, kind, *_more: {"kind": kind})
def attempt(handler: Handler | None, kind: str, key: str, payload: Payload, failures: int, pace: Pace) -> Next:
    """Run the handler once. Raises nothing: an engine would store the text of an exception.

    A platform's "later" and a database that is away are not the job's fault and don't count as failures.
    """
    if handler is None:  # queued by a version that still had it
        return Next(error="NoHandler")
    try:
        handler(payload)
    except RetryLater as error:
        return Next(wait=max(0.0, error.seconds), failures=failures)
    except StoreUnavailable:
        return Next(wait=pace.store_wait, failures=failures)
    except Unreachable as error:
        return Next(error=type(error).__name__)
    except Exception as error:
        tell("a job failed", kind, key, error, failures + 1)
        if failures + 1 >= pace.attempts:
            return Next(error=type(error).__name__)
        return Next(wait=min(pace.first_wait * 2.0**failures, pace.longest_wait), failures=failures + 1)
    return Next()


def refuse_text(payload: Payload) -> None:
    """Ids only, since no deletion and no search reaches an engine's rows. Raises `ValueError`."""
    for name, value in payload.items():
        if not isinstance(value, str) or len(value) > 300 or any(character.isspace() for character in value):
            raise ValueError(f"the payload of a job holds ids only, and {name!r} is more")


def tell(what: str, kind: str, key: str, error: Exception, attempts: int) -> None:
    """Log an exception without its text, which may repeat what a person wrote: its kind and where it came from."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(last.filename).name}:{last.lineno}"
    told = {"kind": kind, "key": key, "error": type(error).__name__, "place": place, "attempts": attempts}
    log.warning(what, extra=told)
