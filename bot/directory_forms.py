"""Days, hours and leave as people write them in tables and files."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from bot.directory import Span

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LEAVE_MOST = 366  # days of one entry; longer ones are a mistake in the year


def read_days(text: str) -> frozenset[int]:
    """`mon-fri`, `mon,tue,thu` or `sun-thu`. Raises `ValueError` with what to write."""
    found: set[int] = set()
    for part in text.casefold().replace(";", ",").replace(" ", "").split(","):
        first, _, last = part.partition("-")
        if first not in DAYS or (last and last not in DAYS):
            raise ValueError(f'"{part}" is no working day; write mon-fri or mon,tue,thu')
        at, end = DAYS.index(first), DAYS.index(last or first)
        while True:
            found.add(at)
            if at == end:
                break
            at = (at + 1) % 7
    return frozenset(found)


def read_hours(text: str) -> tuple[time, time]:
    """`09:00-17:00`; an end before the start is a night shift. Raises `ValueError`."""
    first, _, last = text.replace("–", "-").replace(" ", "").partition("-")
    try:
        start, end = (datetime.strptime(part, "%H:%M").time() for part in (first, last))
    except ValueError:
        raise ValueError(f'"{text}" are no hours; write 09:00-17:00') from None
    if start == end:
        raise ValueError(f'"{text}" is no time at all; write 09:00-17:00')
    return start, end


def read_day(text: str) -> date:
    """`2026-12-31`, or `31.12.2026` as tables of some countries have it. Raises `ValueError`."""
    for form in ("%Y-%m-%d", "%d.%m.%Y", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S"):
        try:
            return datetime.strptime(text.strip(), form).date()
        except ValueError:
            continue
    raise ValueError(f'"{text}" is no day; write it as 2026-12-31')


def read_leave(text: str) -> tuple[Span, ...]:
    """`2026-12-20/2026-12-31; 2027-02-01`. Raises `ValueError`."""
    return tuple(read_span(part) for part in text.replace(",", ";").split(";") if part.strip())


def read_span(text: str) -> Span:
    """First and last day, or one day. Raises `ValueError`."""
    first, _, last = text.partition("/")
    start = read_day(first)
    end = read_day(last) if last.strip() else start
    if end < start:
        raise ValueError(f'"{text.strip()}" ends before it begins')
    if end - start > timedelta(days=LEAVE_MOST):
        raise ValueError(f'"{text.strip()}" is longer than a year; end it, or use an end date')
    return start, end
