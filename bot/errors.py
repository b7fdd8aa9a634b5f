"""Every error Secdesk raises on purpose.

SecdeskError
├── ConfigError           a setting, key or file is missing or wrong; says which and how to mend it
│   └── NewerDatabase     the database was written by a newer version
├── ContentError          YAML content has faults; carries all of them
├── Refused               the person may not do this (text is shown to them)
├── Conflict              somebody else was first (text is shown to them)
├── NotFound              the thing named does not exist, or not for this person
├── TooLarge              an upload or message is over its cap
├── StoreUnavailable      the database cannot be read or written right now
└── ChannelError          a chat platform did not take a message
    ├── RetryLater        try again after `seconds`
    └── Unreachable       this person cannot be reached there; trying again will not help
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class SecdeskError(Exception):
    """Root of the tree."""


class ConfigError(SecdeskError):
    """A setting is missing or wrong. The message names the setting and the mend."""


class NewerDatabase(ConfigError):
    """The database schema is newer than this program."""


@dataclass(frozen=True, order=True)
class Fault:
    """One thing wrong in one file. `line` and `column` start at 1; 0 means the whole file."""

    file: str
    line: int
    column: int
    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.what}, {self.mend}"


class ContentError(SecdeskError):
    """Content cannot be used. `faults` lists everything that is wrong, sorted by place."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(sorted(faults))
        super().__init__("\n".join(str(fault) for fault in self.faults))


class Refused(SecdeskError):
    """The person may not do this."""


class Conflict(SecdeskError):
    """Somebody else was first."""


class NotFound(SecdeskError):
    """No such thing, or not for this person (the two are not told apart)."""


class TooLarge(SecdeskError):
    """More bytes than the cap allows."""


class StoreUnavailable(SecdeskError):
    """The database cannot be reached or written now (full disk, read-only, locked, down)."""


class ChannelError(SecdeskError):
    """A platform did not take a message."""


class RetryLater(ChannelError):
    """Try again after `seconds`."""

    def __init__(self, message: str, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(message)


class Unreachable(ChannelError):
    """This person cannot be reached there."""
