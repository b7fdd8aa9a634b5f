"""`secdesk partner …`: contracts, reports, the next review, actions, disputes; and who a ticket is with."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.cli.opening import opened
from bot.errors import ConfigError, NotFound
from bot.settings import Settings

if TYPE_CHECKING:
    from bot.app import App
    from bot.contracts import Contract
    from bot.model import Person

VERBS = ("list", "show", "report", "agenda", "actions", "dispute", "verify", "lint", "hand")


def arguments(parser: argparse.ArgumentParser) -> None:
    says = (
        "list and show contracts; report shows or issues a month; agenda of the next review; actions lists them; "
        "dispute shows one or writes its file; verify checks such a file; lint checks the contracts; "
        "hand gives a ticket to a partner or to us"
    )
    parser.add_argument("verb", choices=VERBS, help=says, metavar="VERB")
    parser.add_argument(
        "name", nargs="?", default="", help="a partner; dispute: its number; verify: a file; hand: a ticket"
    )
    parser.add_argument("to", nargs="?", default="", help="hand: a partner, or us")
    parser.add_argument(
        "--month", default="", metavar="YYYY-MM", help="report: which (default: the last one that is over)"
    )
    parser.add_argument(
        "--issue", action="store_true", help="report: keep it as it is and send it to those who are named"
    )
    parser.add_argument("--as", dest="who", default="", metavar="PERSON", help="report --issue, hand: who does it")
    parser.add_argument("--pdf", type=Path, metavar="FILE", help="report, dispute: write it as PDF")
    parser.add_argument("--export", type=Path, metavar="FILE", help="report, dispute: write it as JSON")
    parser.add_argument("--ics", type=Path, metavar="FILE", help="agenda: write the calendar file")
    parser.add_argument("--all", action="store_true", help="actions: also those that are closed")


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    if options.verb == "verify":
        return _verify(options.name)
    if options.verb == "lint":
        return _lint(settings())
    with opened(settings()) as app:
        verbs: Mapping[str, Callable[[App, argparse.Namespace], int]] = {
            "list": _list, "show": _show, "report": _report, "agenda": _agenda, "actions": _actions, "dispute": _dispute,
            "hand": _hand,
        }  # fmt: skip
        return verbs[options.verb](app, options)


# without a database


def _verify(name: str) -> int:
    from bot.partners.chain import fault_of_file  # noqa: PLC0415

    found = fault_of_file(Path(name).read_bytes())
    print(found or "The record is whole: nothing was edited, removed or put in another order.")
    return 1 if found else 0


def _lint(settings: Settings) -> int:
    from bot.app.contract_files import lint_alone  # noqa: PLC0415

    faults, notes = lint_alone(settings.overlay)
    for fault in faults:
        print(fault)
    for note in notes:
        print("note:", note)
    print(f"{len(faults)} fault(s) in contracts")
    return 1 if faults else 0


# with it


def _contract(app: App, name: str) -> Contract:
    contracts = app.partners.parts.contracts()
    if not name and len(contracts) == 1:
        return next(iter(contracts.values()))
    if name not in contracts:
        there = ", ".join(sorted(contracts)) or "none: write partners/NAME.yaml"
        raise NotFound(
            f"there is no partner {name}; there are: {there}" if name else f"which partner? There are: {there}"
        )
    return contracts[name]


def _reader(app: App) -> Person:
    """Whoever sits at the terminal reads the organisation's language."""
    from bot.model import Person  # noqa: PLC0415

    file = app.organisation().file
    return Person("terminal", "", language=file.language, timezone=file.timezone)


def _list(app: App, _options: argparse.Namespace) -> int:
    contracts = app.partners.parts.contracts()
    today = app.partners.parts.today()
    for one in contracts.values():
        over = "  OVER" if one.ended(today) else ""
        print(
            f"{one.id:<20} {one.file.contract.ref:<12} until {one.ends(today)}, notice {one.notice(today)}{over}  {one.name}"
        )
    if not contracts:
        print("No partners yet: write partners/NAME.yaml in your knowledge folder.")
    return 0


def _show(app: App, options: argparse.Namespace) -> int:
    one, here = _contract(app, options.name), app.partners
    today, total = here.parts.today(), here.reports.now(one).total
    review = here.reviews.next(one)
    print(f"{one.name} ({one.file.contract.ref}, {one.file.contract.start} to {one.ends(today)})")
    if one.ended(today):
        print("The contract is over: nothing is owed any more.")
    percent = f"{total.percent} % ({total.kept}/{total.n})" if total.percent is not None else "no tickets"
    print(f"Promises kept this month: {percent}, target {one.file.target_pct:g} %")
    print(
        f"Notice until {one.notice(today)}; next review {review.day} {review.begin:%H:%M} {one.file.reviews.timezone}"
    )
    for breach in here.reports.breaches(one, here.parts.clock.now() - 90 * 86400):
        promise = breach.promise
        used = f"{promise.used / 60:.0f} of {promise.target / 60:.0f} min"
        print(f"  breach {breach.ticket} {promise.severity} {promise.what}: {used}")
    for row in here.disputes.of(one.id):
        print(f"  dispute {row['id']} {row['ticket']} {row['state']}, step {row['step']}")
    return 0


def _report(app: App, options: argparse.Namespace) -> int:
    from bot.app.papers import printed  # noqa: PLC0415
    from bot.partners.figures import before, month_of  # noqa: PLC0415

    one, here = _contract(app, options.name), app.partners
    month = options.month or before(month_of(here.parts.clock.now(), here.parts.zone))
    if options.issue:
        person = _met(app, options.who)
        app.work(lambda work: here.reports.issue_by(work, one.id, month, person))
        app.deliver_waiting()
    try:
        found = here.reports.get(one.id, month)
    except NotFound:
        raise NotFound(f"{month} is not a month: write it like 2026-10") from None
    _written(options.export, {"sha256": found.sha256, "issued": found.issued, "body": found.body})
    paper = here.papers.report(found, _reader(app))
    if options.pdf:
        options.pdf.write_bytes(printed(paper))
        print(f"Written: {options.pdf}")
    if not options.pdf and not options.export:
        _print_paper(paper)
    return 0


def _agenda(app: App, options: argparse.Namespace) -> int:
    from bot.app.partnering import invited  # noqa: PLC0415
    from bot.partners.agenda import agenda, plain  # noqa: PLC0415

    one, here, reader = _contract(app, options.name), app.partners, _reader(app)
    review = here.reviews.next(one)
    points = agenda(here.parts, here.actions, here.pulses, one, review, reader)
    if options.ics:
        options.ics.write_bytes(invited(app, review, one, plain(points), reader))
        print(f"Written: {options.ics}")
        return 0
    print(
        f"{review.day} {review.begin:%H:%M}-{review.end:%H:%M} {one.file.reviews.timezone}; report on {review.report_on}"
    )
    print(plain(points))
    return 0


def _actions(app: App, options: argparse.Namespace) -> int:
    one, here = _contract(app, options.name), app.partners
    found = here.actions.of(one.id, every=options.all)
    today = here.parts.today()
    for action in found:
        late = "  LATE" if action.late(today) else ""
        print(f"{action.id:<8} {action.state:<9} due {action.due}  {here.actions.owner(action)}: {action.what}{late}")
    if not found:
        print("No action is open.")
    return 0


def _dispute(app: App, options: argparse.Namespace) -> int:
    from bot.app.papers import printed  # noqa: PLC0415

    here = app.partners
    if not options.name:
        rows = [
            (contract, row) for contract in here.parts.contracts().values() for row in here.disputes.of(contract.id)
        ]
        if not rows:
            print("No disputes.")
        for contract, row in rows:
            print(f"{row['id']:<8} {contract.id:<20} {row['ticket']:<9} {row['state']:<7} step {row['step']}")
        return 0
    found = here.disputes.get(options.name)
    paper = here.papers.dispute(found, _reader(app))
    _written(options.export, here.disputes.export(options.name))
    if options.pdf:
        options.pdf.write_bytes(printed(paper))
        print(f"Written: {options.pdf}")
    if not options.pdf and not options.export:
        _print_paper(paper)
    return 1 if found.fault else 0


def _hand(app: App, options: argparse.Namespace) -> int:
    to = "" if options.to == "us" else options.to
    if not options.to or (to and to not in app.tickets.partners()):
        there = ", ".join([*sorted(app.tickets.partners()), "us"])
        raise NotFound(f"to whom? There are: {there}")
    number = app.tickets.get(options.name).number
    person = _met(app, options.who)
    app.work(lambda work: app.tickets.hand_over(work, number, person, to))
    app.deliver_waiting()
    name = app.tickets.partners().get(to, "us")
    print(f"{number} is with {name}.")
    if day := app.tickets.ended(to, app.clock.now()):
        print(f"Their contract ended on {day}: no answer time is owed.")
    return 0


def _met(app: App, who: str) -> Person:
    if not who:
        raise ConfigError("say who does this: --as PERSON")
    person, org = app.person(who), app.organisation()
    from bot.permissions import allowed  # noqa: PLC0415

    if not allowed(org.console_roles(person.roles), "work"):
        raise ConfigError(f"{person.name} does not work tickets")
    return app.work(lambda work: app.identities.meet(work.tx, person, work.at))


def _written(path: Path | None, value: Any) -> None:
    if path:
        path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", "utf-8")
        print(f"Written: {path}")


def _print_paper(paper: Any) -> None:
    """A paper in a terminal."""
    from bot.papers import Facts, Grid, Heading, Words  # noqa: PLC0415

    print(paper.title)
    for part in paper.parts:
        match part:
            case Heading(text=text):
                print(f"\n{text}")
            case Words(text=text):
                print(text)
            case Facts(pairs=pairs):
                for name, value in pairs:
                    print(f"  {name}: {value}")
            case Grid(heads=heads, rows=rows):
                print("  " + " | ".join(heads))
                for row in rows:
                    print("  " + " | ".join(cell.replace("\n", "; ") for cell in row))
