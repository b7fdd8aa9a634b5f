"""What makes a procedure followable beyond its shape: names that exist, a way from every step to the end, a sane calendar.

Every check yields `(path in the file, what, how to mend it)`, so that the loader can put a line and a column to it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import timedelta

from bot.procedures.shapes import DAYS, END, PARTNER, WORKDAYS, Procedure, Schedule, Step, Vocabulary

Path = tuple[str | int, ...]
Complaint = tuple[Path, str, str]
DEFAULT_LANGUAGE = "en"
LONGEST_REVIEW = timedelta(days=366)

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_DATE = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")
_SHORTEST = {
    "day": 86_400.0,
    "week": 7 * 86_400.0,
    "month": 28 * 86_400.0,
    "quarter": 90 * 86_400.0,
    "year": 365 * 86_400.0,
}
_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def complaints(procedure: Procedure, known: Vocabulary) -> Iterator[Complaint]:
    """Everything wrong with one procedure. A draft may lack an approver and sources; a retired one is left alone."""
    if procedure.state == "retired":
        return
    yield from _ids(procedure)
    yield from _names(procedure, known)
    yield from _texts(procedure, known)
    yield from _targets(procedure)
    yield from _four_eyes(procedure)
    yield from _ways(procedure)
    if procedure.start.schedule:
        yield from _calendar(procedure.start.schedule)
    if procedure.state == "published":
        yield from _people(procedure, alone=known.alone)
        if not procedure.sources:
            yield ("sources",), "no source is named", "name the authority that the procedure rests on"


def _ids(procedure: Procedure) -> Iterator[Complaint]:
    seen: set[str] = set()
    for i, step in enumerate(procedure.steps):
        if step.id == END:
            yield ("steps", i, "id"), f'no step may be called "{END}"', "choose another id: it means the end of a run"
        elif step.id in seen:
            yield ("steps", i, "id"), f'the step "{step.id}" is there twice', "change one of the ids"
        seen.add(step.id)
        options = [option.id for option in step.options]
        for j, option in enumerate(options):
            if option in options[:j]:
                yield ("steps", i, "options", j, "id"), f'the option "{option}" is there twice', "change one of the ids"
        if step.ask and len(options) < 2:
            yield (
                ("steps", i, "options"),
                "a question with one answer is none",
                "add a second option, or write it as do",
            )


def _names(procedure: Procedure, known: Vocabulary) -> Iterator[Complaint]:
    who = {*known.roles, *known.owners, PARTNER}
    for i, step in enumerate(procedure.steps):
        if step.who and step.who not in who:
            mend = f"use a role ({_listed(known.roles)}), {PARTNER}, or an owner of org.yaml ({_listed(known.owners)})"
            yield ("steps", i, "who"), f'"{step.who}" is nobody who can do this', mend
    if procedure.owner not in known.owners:
        mend = f"use one of: {_listed(known.owners)}"
        yield ("owner",), f'the owner "{procedure.owner}" is not in org.yaml', mend
    for i, name in enumerate(procedure.start.emergencies):
        if name not in known.emergencies:
            mend = f"use one of: {_listed(known.emergencies)}"
            yield ("start", "emergencies", i), f'the emergency "{name}" is not known', mend
    if procedure.start.automatic and not (procedure.start.emergencies or procedure.start.tickets):
        yield (
            ("start", "automatic"),
            "nothing is named that would start it",
            "name emergencies or tickets, or take it out",
        )
    start = procedure.start
    if not (start.manual or start.emergencies or start.tickets or start.schedule):
        yield ("start",), "nothing can start this", "set manual: true, or name what starts it"


def _texts(procedure: Procedure, known: Vocabulary) -> Iterator[Complaint]:
    texts: list[tuple[Path, dict[str, str]]] = [(("title",), procedure.title), (("purpose",), procedure.purpose)]
    for i, step in enumerate(procedure.steps):
        texts.append((("steps", i, "do" if step.do else "ask"), dict(step.texts)))
        texts += [(("steps", i, "options", j, "label"), option.label) for j, option in enumerate(step.options)]
    for path, by_language in texts:
        if DEFAULT_LANGUAGE not in by_language:
            mend = "add it: every other language falls back to it"
            yield path, f'"{path[-1]}" has no {DEFAULT_LANGUAGE}', mend
        for language, text in by_language.items():
            for name in _PLACEHOLDER.findall(text):
                if name not in known.placeholders:
                    mend = "check its spelling in values.yaml"
                    yield (*path, language), f'"{{{name}}}" is not a value that is known', mend
            if text.count("{") != text.count("}"):
                yield (*path, language), "a curly bracket has no partner", "write values as {name}"


def untranslated(procedure: Procedure) -> list[str]:
    """Languages that the title speaks and some other text does not."""
    texts = [procedure.purpose, *(step.texts for step in procedure.steps)]
    texts += [option.label for step in procedure.steps for option in step.options]
    return sorted(language for language in procedure.title if any(language not in text for text in texts))


def _targets(procedure: Procedure) -> Iterator[Complaint]:
    for i, step in enumerate(procedure.steps):
        targets: list[tuple[Path, str | None]] = [(("next",), step.next), (("on_failure", "go"), step.on_failure.go)]
        targets += [(("options", j, "go"), option.go) for j, option in enumerate(step.options)]
        for path, target in targets:
            if target is not None and target != END and not procedure.has(target):
                yield ("steps", i, *path), f'there is no step "{target}"', f"use the id of a step, or {END}"
        if step.on_failure.go == step.id:
            mend = "name another step, or use escalate: true"
            yield ("steps", i, "on_failure", "go"), "a step that fails leads to itself", mend


def _four_eyes(procedure: Procedure) -> Iterator[Complaint]:
    order = [step.id for step in procedure.steps]
    for i, step in enumerate(procedure.steps):
        if step.four_eyes is None:
            continue
        if step.four_eyes not in order:
            yield ("steps", i, "four_eyes"), f'there is no step "{step.four_eyes}"', "use the id of an earlier step"
        elif order.index(step.four_eyes) >= i:
            mend = "name a step that stands above: nobody has done this one yet"
            yield ("steps", i, "four_eyes"), f'"{step.four_eyes}" does not come before this step', mend


def onwards(procedure: Procedure, step: Step) -> list[str]:
    """Where a step can lead when it is done, skipped or answered (unknown targets left out)."""
    found = [option.go for option in step.options] or [procedure.after(step.id)]
    return [name for name in found if name == END or procedure.has(name)]


def _ways(procedure: Procedure) -> Iterator[Complaint]:
    """Every step can be reached from the first, and the end from every step without anything having to fail."""
    reached, todo = set[str](), [procedure.steps[0].id]
    while todo:
        name = todo.pop()
        if name == END or name in reached or not procedure.has(name):
            continue
        reached.add(name)
        step = procedure.step(name)
        todo += [*onwards(procedure, step), *([step.on_failure.go] if step.on_failure.go else [])]
    ends, grown = {END}, True
    while grown:
        more = {s.id for s in procedure.steps if s.id not in ends and ends.intersection(onwards(procedure, s))}
        ends |= more
        grown = bool(more)
    for i, step in enumerate(procedure.steps):
        if step.id not in reached:
            mend = "lead there by next, an option or on_failure, or take it out"
            yield ("steps", i, "id"), f'nothing leads to the step "{step.id}"', mend
        elif step.id not in ends:
            yield (
                ("steps", i, "id"),
                f'from "{step.id}" no way leads to the end',
                f"let next or an option go on to {END}",
            )


def _calendar(schedule: Schedule) -> Iterator[Complaint]:
    path, on = ("start", "schedule", "on"), schedule.on
    match schedule.every:
        case "day":
            if on not in (None, WORKDAYS):
                yield path, f'"{on}" does not fit every: day', f"take it out, or write {WORKDAYS}"
        case "week":
            if on not in DAYS:
                yield path, "a week needs a day", f"use one of: {', '.join(DAYS)}"
        case "month" | "quarter":
            if not isinstance(on, int) or not 1 <= on <= 28:
                yield path, f"a {schedule.every} needs a day that every month has", "use a number from 1 to 28"
        case "year":
            found = _DATE.fullmatch(str(on))
            if not found or int(found[2]) > _MONTH_DAYS[int(found[1]) - 1]:
                yield path, "a year needs a day that every year has", 'write it as "MM-DD"'
    if schedule.seconds > _SHORTEST[schedule.every]:
        mend = f"use less than a {schedule.every}"
        yield ("start", "schedule", "within"), "the next run would be due before this one is missed", mend


def _people(procedure: Procedure, *, alone: bool) -> Iterator[Complaint]:
    if not procedure.approved_by and not alone:
        yield ("state",), 'a published procedure has no "approved_by"', "have a second person approve it"
    if procedure.approved_by == procedure.author and not alone:
        yield ("approved_by",), "the author approved their own procedure", "have a second person approve it"
    if procedure.review_due <= procedure.reviewed:
        yield ("review_due",), "the next review is not after the last one", "set a later day"
    elif procedure.review_due - procedure.reviewed > LONGEST_REVIEW:
        yield ("review_due",), "the next review is more than a year away", "set it within 12 months"


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names))
