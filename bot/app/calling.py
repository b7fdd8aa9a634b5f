"""The help desk's own machinery, put together: routes to people on call, calls and what follows them, warnings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adapters.actions.dry_accounts import DryAccounts
from adapters.actions.graph_accounts import GraphAccounts
from adapters.pagers.log import LogPager
from adapters.pagers.pagerduty import PagerDutyPager
from adapters.pagers.webhook import WebhookPager
from adapters.stores.caller_codes import SqlCodeStore
from adapters.stores.containment import SqlContainmentStore
from adapters.stores.tickets import SqlTicketStore
from bot.cards import Card
from bot.delivery import Bridge
from bot.errors import StoreUnavailable
from bot.health import Check
from bot.helpdesk import chain
from bot.helpdesk.card_pager import CardPager
from bot.helpdesk.chain import Chain
from bot.helpdesk.codes import CallerCodes
from bot.helpdesk.codes import Parts as CodeParts
from bot.helpdesk.containment import Containment
from bot.helpdesk.containment import Parts as ContainmentParts
from bot.helpdesk.duty import Duty, Parts
from bot.helpdesk.oncall import OnCall
from bot.helpdesk.paging import TEST, Paging
from bot.helpdesk.tickets import Tickets
from bot.model import Person, Place
from bot.organisation import Organisation
from bot.people import Identities
from bot.ports import AccountControl, Channel, Clock, Pager, Payload, Vault
from bot.settings import Settings
from bot.turn import TicketResolved, Work

if TYPE_CHECKING:
    from bot.app import App
    from bot.helpdesk.sla import Sla

MAIL = "mail"
TEST_EVERY = 8 * 86400.0  # a test call is weekly; one that is older than this is missing
SCHEDULES = {
    "clocks": ("* * * * *", "tickets.clocks"),
    "index": ("40 3 * * *", "tickets.rebuild"),
    "shift": ("*/5 * * * *", "oncall.shift"),
    "call test": ("0 9 * * 2", "oncall.test"),
}


@dataclass(frozen=True)
class Calling:
    """Calls and warnings. `handlers` are its jobs."""

    paging: Paging
    chain: Chain
    duty: Duty
    containment: Containment
    codes: CallerCodes

    def handlers(self) -> dict[str, Callable[[Payload], None]]:
        return {
            "oncall.chase": self.paging.chase,
            "oncall.settle": self.paging.settle,
            "oncall.test": self.paging.test,
            "oncall.shift": self.duty.shift,
            "desk.contain": self.containment.run,
            "tickets.clocks": self.chain.run,
            "tickets.rebuild": lambda _payload: _nothing(self.chain.rebuild()),
        }

    def on_resolved(self, work: Work, event: TicketResolved) -> None:
        """Calls about a ticket that is closed are over, wherever they are still open."""
        self.paging.over(work, event.ticket)


def make_pagers(
    settings: Settings, clock: Clock, channels: Mapping[str, Channel], bridge: Bridge, identities: Identities,
    org: Callable[[], Organisation], place_of: Callable[[str], Place | None],
    stored: Callable[[Person, Place, Card, str], bool] | None = None,
) -> list[Pager]:  # fmt: skip
    """Every route that the settings give: those that ring, chat, mail (as `stored`), and the log."""

    def chat(person: Person) -> Place | None:
        place = place_of(person.key) if person.key else None
        return place if place and place.channel != MAIL else None

    def mail(person: Person) -> Place | None:
        if not person.email:
            return None
        try:  # whoever never wrote to us has a mail address all the same
            key = person.key or identities.meet_all([person], clock.now())[0].key
        except StoreUnavailable:
            return None
        return Place(MAIL, key)

    made: list[Pager] = []
    if settings.pagerduty_key:
        made.append(PagerDutyPager(settings.pagerduty_key, settings.url, clock, settings.pagerduty_url))
    if settings.pager_webhook:
        made.append(WebhookPager(settings.pager_webhook, settings.pager_secret, clock))
    made.append(CardPager("chat", chat, channels, bridge, identities, lambda: org().words))
    if MAIL in channels:
        made.append(CardPager(MAIL, mail, channels, bridge, identities, lambda: org().words, stored))
    return [*made, LogPager()]


def make_calling(
    store: SqlTicketStore, oncall: OnCall, tickets: Tickets, identities: Identities, org: Callable[[], Organisation],
    sla: Callable[[], Sla], place_of: Callable[[str], Place | None], work: Callable[[Callable[[Work], Any]], Any],
    clock: Clock, rest: tuple[SqlContainmentStore, AccountControl, SqlCodeStore, Vault],
) -> Calling:  # fmt: skip
    """Calls, warnings and containment."""
    contained, accounts, callers, vault = rest
    parts = Parts(store, oncall, tickets, identities, org, place_of, work, clock)
    warnings = chain.Parts(store, tickets, oncall, identities, org, sla, place_of, work, clock)
    duty = Duty(parts)
    containment = Containment(ContainmentParts(contained, accounts, tickets, identities, org, work, clock))

    def in_trouble(key: str) -> bool:
        """Somebody else may read this person's chat."""
        mine = tickets.of_person(key)
        return containment.blocked(key) or any(tickets.in_trouble(one.number, key) for one in mine)

    codes = CallerCodes(CodeParts(callers, vault, tickets, identities, org, place_of, in_trouble))
    return Calling(Paging(parts, duty, containment), Chain(warnings), duty, containment, codes)


def account_control(settings: Settings) -> AccountControl:
    """Microsoft Entra where it is set up, else a dry run."""
    if not (settings.graph_tenant and settings.graph_app_id and settings.graph_secret):
        return DryAccounts()
    return GraphAccounts(
        settings.graph_tenant, settings.graph_app_id, settings.graph_secret,
        login=settings.graph_login, graph=settings.graph_url,
    )  # fmt: skip


def examine(app: App) -> Iterator[Check]:
    """Whether somebody can be called, and whether that was proved lately."""
    now = app.clock.now()
    duty = app.oncall.on_duty(now)
    if duty:
        yield Check("on call", "ok", f"now {duty[0]}, then {', '.join(duty[1:]) or 'nobody'}")
    else:
        mend = "fill oncall.yaml; until then people in trouble get the phone number only"
        yield Check("on call", "bad", "nobody is on call", mend)
    ringing = app.oncall.ringing()
    if not ringing:
        says = f"pages go to: {_names(app.oncall.pagers)}, and the console; no phone rings"
        yield Check(
            "paging", "bad", says, "set SECDESK_PAGERDUTY_KEY or oncall.webhook_url: at night nobody watches a screen"
        )
        return
    yield Check("paging", "ok", f"a phone rings by {', '.join(ringing)}; also {_names(app.oncall.pagers, but=ringing)}")
    yield _proved(app, now)


def _proved(app: App, now: float) -> Check:
    try:
        row = SqlTicketStore(app.db).last_page(TEST)
    except StoreUnavailable:
        return Check("test call", "note", "not known while the database is away")
    if row is None or now - row["created_at"] > TEST_EVERY:
        return Check("test call", "note", "none in the last week", "it goes out on Tuesdays while serve runs")
    if row["state"] == "failed":
        return Check("test call", "bad", f"the last one reached nobody: {row['error']}", "mend that route")
    if not row["acknowledged_at"] and now - row["created_at"] > 86400:
        return Check(
            "test call", "note", f"nobody has answered the last one ({row['people']})", "ask them whether it rang"
        )
    return Check("test call", "ok", "answered" if row["acknowledged_at"] else "sent, not answered yet")


def _names(pagers: Sequence[Pager], but: Sequence[str] = ()) -> str:
    return ", ".join(pager.name for pager in pagers if pager.name not in but)


def _nothing(_result: object) -> None:
    """Handlers return nothing."""
