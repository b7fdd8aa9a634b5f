"""`secdesk token`: tokens of the HTTP API."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.cli.opening import opened
from bot.errors import NotFound
from bot.settings import Settings
from bot.tokens import SCOPES, Token
from bot.turn import Work

if TYPE_CHECKING:
    from bot.app import App

DAYS = 90


def arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="create|list|revoke")
    create = verbs.add_parser("create", help="make one; it is shown once", allow_abbrev=False)
    create.add_argument("name", help="what it is for")
    create.add_argument("--for", dest="who", required=True, metavar="PERSON", help="whom it acts as: id or address")
    create.add_argument(
        "--scope", action="append", required=True, choices=SCOPES, help="what it may do (several times)"
    )
    create.add_argument("--days", type=int, default=DAYS, help=f"days until it ends (default: {DAYS})")
    verbs.add_parser("list", help="all of them, without the tokens themselves", allow_abbrev=False)
    revoke = verbs.add_parser("revoke", help="end one now", allow_abbrev=False)
    revoke.add_argument("id", help="its id, as `list` shows it")


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    with opened(settings()) as app:
        {"create": _create, "list": _list, "revoke": _revoke}[options.verb](app, options)
    return 0


def _create(app: App, options: argparse.Namespace) -> None:
    person = app.person(options.who)

    def create(work: Work) -> tuple[Token, str]:
        owner = app.identities.meet(work.tx, person, work.at)
        return app.tokens.create(work, options.name, owner, options.scope, options.days, "cli")

    token, secret = app.work(create)
    print(secret)
    print(f"Token {token.id} acts as {person.name} until {_when(token.expires_at)}. It is not shown again.")


def _list(app: App, _options: argparse.Namespace) -> None:
    now, tokens = app.clock.now(), app.tokens.all()
    for one in tokens:
        who, used = app.identities.name(one.person), _when(one.used_at) if one.used_at else "never"
        print(f"{one.id}  {one.state(now):<8} until {_when(one.expires_at)}  used {used}  {one.name} "
              f"({who}: {', '.join(sorted(one.scopes))})")  # fmt: skip
    if not tokens:
        print("There are no tokens. Make one: secdesk token create NAME --for PERSON --scope see")


def _revoke(app: App, options: argparse.Namespace) -> None:
    try:
        app.work(lambda work: app.tokens.revoke(work, options.id, "cli"))
    except NotFound:
        raise NotFound(f"there is no token {options.id} that holds; see secdesk token list") from None
    print(f"Token {options.id} has ended.")


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
