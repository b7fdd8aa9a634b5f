"""One-time links into the console, made by whoever works on the server, and who is told of them.

Where people sign in through a provider, a link is for when that is out of order. It opens the door to whoever runs the command,
so administrators of the console, and the person in whose name it was made, read of it in chat.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from adapters.web.sessions import HOME
from adapters.web.signin import new_link
from adapters.web.signin_oidc import BACK
from bot.cards import Card, Text
from bot.errors import NotFound
from bot.health import Check
from bot.model import Person
from bot.settings import Settings
from bot.turn import Work

if TYPE_CHECKING:
    from bot.app import App


def console_link(app: App, who: str, *, admin: bool = False) -> tuple[Person, str]:
    """(whom it signs in, the link). `who` "": who is on duty, else the first at the desk. Raises `NotFound`.

    `admin`: with every right, whatever their roles. So it is too while neither directory nor groups make anybody administrator.
    """
    org, people = app.organisation(), list(app.directory.people())
    inside = [person for person in people if org.console_roles(person.roles)]
    desk = [person for person in inside if person.roles & org.desk_roles()]
    rota = app.contents.rota.current
    duty = [who] if who else [*(rota.on_duty(app.clock.now()) if rota else []), *(person.id for person in desk)]
    among = inside if who else desk
    chosen = next((p for name in duty for p in among if name.casefold() in {p.id.casefold(), p.email.casefold()}), None)
    if chosen is None:
        raise NotFound(f"{who or 'nobody'} is at the help desk: give somebody a desk role in people.yaml")
    admins = [person for person in people if person.roles & org.console_admins()]
    by_group = any("admin" in roles for roles in app.settings.group_roles.values())
    every = admin or not (admins or by_group)

    def make(work: Work) -> str:
        path = new_link(work, app.sessions, app.vault, app.identities, chosen, admin=every)
        if admin or app.settings.issuer:
            _tell(app, work, app.identities.meet(work.tx, chosen, work.at), admins or desk, every=every)
        return path

    return chosen, app.settings.url + app.work(make)


def examine(settings: Settings, now: Callable[[], float]) -> Iterator[Check]:
    """Whether people can sign in through the provider, and as what. Asks it."""
    if not settings.issuer:
        return
    try:
        from adapters.web.oidc import OidcError, Provider  # noqa: PLC0415 (its libraries only where it is on)
    except ModuleNotFoundError as error:
        yield Check("sign-in", "bad", f"{error.name} is not installed", "pip install 'secdesk[oidc]'")
        return
    provider = Provider(settings, now)
    try:
        about = provider.about()
    except OidcError as error:
        mend = "check signin.issuer, and that this machine may reach it; until then: secdesk console-link"
        yield Check("sign-in", "bad", str(error), mend)
        return
    back = "ends sessions here too" if about.get("backchannel_logout_supported") else "ends no sessions here"
    says = f"{provider.name}; it has to know {settings.url}{BACK} and {settings.url}{HOME}/sign-in/out; it {back}"
    yield Check("sign-in", "ok", says)
    named = about.get("claims_supported")
    if settings.signin_unverified:
        says = "an address counts without the provider's word that it has checked it"
        yield Check("sign-in by address", "note", says, "if it sends email_verified, set signin.unverified_email to 0")
    elif isinstance(named, list) and "email_verified" not in named:
        mend = "have it send that; if it checks every address itself, set signin.unverified_email to 1"
        yield Check("sign-in by address", "note", "the provider names no email_verified: nobody may be found", mend)
    if not settings.signin_roles:
        yield Check(
            "roles by groups", "note", "none: the directory says the roles", "set signin.roles for roles by group"
        )
    elif not any("admin" in roles for roles in settings.group_roles.values()):
        yield Check("roles by groups", "note", "no group has the role admin", "add one to signin.roles")
    if not settings.url.startswith("https://") and not settings.loopback:
        yield Check(
            "sign-in address", "bad", f"{settings.url} is not https", "set server.public_url to the https address"
        )


def _tell(app: App, work: Work, chosen: Person, admins: list[Person], *, every: bool) -> None:
    """Write to the administrators (the desk where there are none) and to the person themself; each once."""
    words, name = app.organisation().words, "entering.link_admin" if every else "entering.link"
    key = f"console.link:{work.at:.0f}:{chosen.key}"
    for person in {one.id: one for one in [chosen, *admins]}.values():
        met = app.identities.meet(work.tx, person, work.at)
        place = app.reach(met.key)
        if place is None:
            continue
        said = words.say(met.language, name, name=chosen.name)
        work.say(met.key, place, Card("", (Text(said),), "desk", lang=met.language), f"{key}:{met.key}")
