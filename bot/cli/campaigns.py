"""The campaign verbs of `secdesk nudge`: start one or try it, see how far it is, hold or end it; switches for all tips."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bot.errors import ConfigError, NotFound

if TYPE_CHECKING:
    from bot.app import App
    from bot.learning.waves import Audience, Progress

ACTOR = "secdesk"
VERBS = ("campaign", "campaigns", "pause", "resume", "cancel", "off", "on", "test", "live", "decisions", "overdue")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options that only campaigns have."""
    parser.add_argument(
        "what",
        nargs="?",
        default="",
        help="campaign: a lesson; pause, resume, cancel: a campaign, lesson or wave; travel: a file",
    )
    parser.add_argument(
        "--role", action="append", default=[], help="campaign, wave: only people with this role (repeatable)"
    )
    parser.add_argument(
        "--entity", action="append", default=[], help="campaign, wave: only people of this entity (repeatable)"
    )
    parser.add_argument("--title", default="", help="campaign: what people read as the reason; wave: its name")
    parser.add_argument("--day", default="", help="wave: the day on which their mail moves, YYYY-MM-DD")
    parser.add_argument("--test", action="store_true", help="campaign: decide for everybody and show it, send nothing")
    parser.add_argument(
        "--watch", action="store_true", help="campaigns: show again every two seconds until all are through"
    )


def run(app: App, options: argparse.Namespace) -> int:
    """One verb; the exit code."""
    match options.verb:
        case "campaign":
            return _campaign(app, options)
        case "campaigns":
            return _campaigns(app, options)
        case "pause" | "resume" | "cancel":
            return _hold(app, options.verb, options.what)
        case "overdue":
            return _overdue(app, options)
        case "decisions":
            return _decisions(app, options)
        case _:
            return _switch(app, options.verb)


def _campaign(app: App, options: argparse.Namespace) -> int:
    from bot.learning.waves import Order  # noqa: PLC0415 (only here)

    if not options.what:
        raise ConfigError("nudge campaign: name a lesson, as in secdesk nudge campaign clicked-tell-us-fast")
    order = Order(options.what, audience(app, options), options.title, test=options.test, at_once=options.now)
    wave = app.waves.start(app.work, ACTOR, order, app.clock.now(), _planned)
    told = app.waves.progress(wave)
    if options.json:
        print(json.dumps(_as_json(told)))
    else:
        print(_preview(app, told) if options.test else _line(app, told))
    return 0


def audience(app: App, options: argparse.Namespace) -> Audience:
    """Whom `--role` and `--entity` name. Raises `ConfigError` for what there is not."""
    from bot.learning.waves import Audience  # noqa: PLC0415 (only here)

    organisation = app.organisation()
    for name, known in ((options.role, organisation.roles), (options.entity, organisation.file.entities)):
        if unknown := sorted(set(name) - set(known)):
            raise ConfigError(f"there is no {unknown[0]}; there are: {', '.join(sorted(known))}")
    return Audience(frozenset(options.role), frozenset(options.entity))


def _planned(done: int, total: int) -> None:
    if total > 500:  # else it is through at once
        print(f"{done} of {total} planned", file=sys.stderr, flush=True)


def _preview(app: App, told: Progress) -> str:
    """What a test comes to."""
    count = told.counts.get("queued", 0)
    when = f", first {_moment(app, told.first)}, last {_moment(app, told.last)}" if count else ""
    return f"{told.lesson}: would go to {count} people{when}{_left_out(told)}. Nothing was sent."


def _left_out(told: Progress) -> str:
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(told.reasons.items()))
    return f"; left out: {reasons}" if reasons else ""


def _line(app: App, told: Progress) -> str:
    counts = ", ".join(f"{count} {state}" for state, count in sorted(told.counts.items()))
    state = "test" if told.test else told.state
    return f"{told.id}  {state:<10} {told.lesson or told.title:<34} {told.done} of {told.total} done: {counts}{_left_out(told)}"


def _as_json(told: Progress) -> dict[str, Any]:
    return {**vars(told), "done": told.done}


def _moment(app: App, at: float) -> str:
    from bot.learning.workdays import zone  # noqa: PLC0415

    where = zone(app.organisation().file.timezone)
    return f"{datetime.fromtimestamp(at, where):%a %d %b %H:%M}"


def _campaigns(app: App, options: argparse.Namespace) -> int:
    while True:
        found = [app.waves.progress(options.what)] if options.what else app.waves.all()
        if options.json:
            print(json.dumps([_as_json(told) for told in found]))
        else:
            print("\n".join(_line(app, told) for told in found) or "no campaigns yet; see secdesk nudge campaign")
        if not options.watch or all(told.state not in ("planning", "running") for told in found):
            return 0
        time.sleep(2.0)


def _hold(app: App, verb: str, what: str) -> int:
    """A campaign by its id, or a lesson (pause and resume) by its own."""
    if what in app.contents.lessons.current.lessons and verb != "cancel":
        app.work(lambda work: app.nudges.pause(work, ACTOR, what, verb == "pause"))
        print(f"{what}: {'held back' if verb == 'pause' else 'goes out again'}")
        return 0
    if not what:
        raise NotFound(f"nudge {verb}: name a campaign; see secdesk nudge campaigns")
    app.waves.progress(what)  # or there is none
    steps: dict[str, Callable[[], str]] = {
        "pause": lambda: _word(app.work(lambda work: app.waves.pause(work, ACTOR, what)), "held", "is not running"),
        "resume": lambda: _word(app.work(lambda work: app.waves.resume(work, ACTOR, what)), "goes on", "is not held"),
        "cancel": lambda: f"cancelled; {app.work(lambda work: app.waves.cancel(work, ACTOR, what))} do not get it",
    }
    print(f"{what}: {steps[verb]()}")
    return 0


def _word(done: bool, yes: str, no: str) -> str:
    return yes if done else no


def _switch(app: App, verb: str) -> int:
    """All tips off and on; test mode on and off."""
    said = {
        "off": "Tips are off for everybody: nothing goes out until secdesk nudge on.",
        "on": "Tips are on again.",
        "test": "Test mode: everything is decided and kept, nothing is sent, until secdesk nudge live.",
        "live": "Test mode is over: tips are sent.",
    }
    if verb in ("off", "on"):
        app.work(lambda work: app.nudges.switch_off(work, ACTOR, verb == "off"))
    else:
        app.work(lambda work: app.nudges.test(work, ACTOR, verb == "test"))
    print(said[verb])
    return 0


def _overdue(app: App, options: argparse.Namespace) -> int:
    """Required lessons past their day, by owner: who has not answered, no score."""
    rows = [
        {"owner": lesson.owner, "lesson": lesson.id, "person": person.name, "due": due.isoformat()}
        for lesson, person, due in app.nudges.overdue(app.clock.now())
    ]
    if options.json:
        print(json.dumps(rows, ensure_ascii=False))
        return 0
    for row in rows:
        print(f"{row['owner']:<24} {row['lesson']:<34} {row['due']:<12} {row['person']}")
    if not rows:
        print("No required lesson is overdue.")
    return 0


def _decisions(app: App, options: argparse.Namespace) -> int:
    """What the planner decided about somebody, newest first, with reasons and rules."""
    person = app.person(options.what) if options.what else None
    if person is None or app.nudges.decisions is None:
        raise ConfigError("nudge decisions: name a person, by id or address")
    rows = app.nudges.decisions.of(person.key, 100)
    if options.json:
        print(json.dumps(rows, ensure_ascii=False))
        return 0
    for row in rows:
        when = _moment(app, row["planned_at"]) if row["planned_at"] else "-"
        moved = f" [{row['rules']}]" if row["rules"] else ""
        print(
            f"{_moment(app, row['at'])}  {row['outcome']:<11} {row['lesson'] or '-':<34} {when:<20} {row['reason']}{moved}"
        )
    return 0
