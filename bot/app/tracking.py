"""The other ticket system, put together from the settings: the exchange, its jobs, its endpoint, and what doctor asks of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, cast

from adapters.stores.trackers import SqlTrackedStore
from adapters.trackers.careful import Careful
from adapters.trackers.jira import JiraServiceManagement
from adapters.trackers.mail import Answer, Folders, MailTracker
from adapters.trackers.rt import RequestTracker
from adapters.trackers.servicenow import ServiceNow
from adapters.trackers.webhook import PATH, Hook, WebhookTracker
from adapters.trackers.wire import checked
from bot.app import posting
from bot.errors import ChannelError, ConfigError, SecdeskError
from bot.health import Check
from bot.helpdesk.trackers import POLL, SYNC, Parts, Tracking
from bot.helpdesk.trackers_inbound import Inbound
from bot.helpdesk.triage import at_the_desk
from bot.platforms import Asgi
from bot.ports import Clock, Payload, Pushed, Tracker
from bot.settings import Settings

if TYPE_CHECKING:
    from bot.app import App
    from bot.app.serving import Edge

SCHEDULES = {"tracker": ("* * * * *", POLL)}
LONG = 900.0  # seconds without an answer after which doctor and health call it bad


def make_tracker(app: App) -> Tracker | None:
    """The tracker of the settings; None without one. Raises `ConfigError`. Connects to nothing."""
    settings = app.settings
    if not settings.tracker:
        return None
    return Careful(_MAKERS[settings.tracker](settings, app.clock, app))


def _rt(settings: Settings, _clock: Clock, _app: App) -> Tracker:
    _needed(settings, url=True, token=True, queue=True)
    return RequestTracker(settings.tracker_url, settings.tracker_token, settings.tracker_queue, settings.tracker_field)


def _webhook(settings: Settings, clock: Clock, _app: App) -> Tracker:
    _needed(settings, url=True, token=True)
    return WebhookTracker(settings.tracker_url, settings.tracker_token, clock)


def _jira(settings: Settings, _clock: Clock, _app: App) -> Tracker:
    _needed(settings, url=True, token=True, queue=True, user=True)
    if not settings.tracker_desk or not settings.tracker_type:
        raise ConfigError("tracker.service_desk, tracker.request_type: needed for tracker.use = jira")
    return JiraServiceManagement(
        settings.tracker_url, settings.tracker_user, settings.tracker_token, settings.tracker_queue, settings.tracker_desk,
        settings.tracker_type,
    )  # fmt: skip


def _servicenow(settings: Settings, _clock: Clock, _app: App) -> Tracker:
    _needed(settings, url=True, token=True, user=True)
    return ServiceNow(settings.tracker_url, settings.tracker_user, settings.tracker_token, settings.tracker_queue)


def _mail(settings: Settings, _clock: Clock, app: App) -> Tracker:
    given = posting.tokens(settings)
    server, box = posting.smtp(settings, given), posting.mailbox(settings, given, settings.tracker_folder)
    if not settings.tracker_address or server is None:
        raise ConfigError("tracker.address, smtp.host: needed for tracker.use = mail")

    def unpack(data: bytes) -> Answer:
        letter = app.sandbox.unpack(data, settings.authserv_id)
        sender = letter.sender
        return Answer(
            letter.digest, sender.name, sender.email, letter.references, letter.automatic, letter.note, letter.fault
        )  # fmt: skip

    folders = Folders(settings.mailbox_done, settings.mailbox_odd)
    return MailTracker(server, settings.report_address, settings.tracker_address, app.vault, box, folders, unpack)


_MAKERS: Mapping[str, Callable[[Settings, Clock, App], Tracker]] = {
    "rt": _rt, "webhook": _webhook, "jira": _jira, "servicenow": _servicenow, "mail": _mail,
}  # fmt: skip


def _needed(
    settings: Settings, *, url: bool = False, token: bool = False, queue: bool = False, user: bool = False
) -> None:
    for wanted, name, value in (
        (url, "tracker.url", settings.tracker_url), (token, "SECDESK_TRACKER_TOKEN", settings.tracker_token),
        (queue, "tracker.queue", settings.tracker_queue), (user, "tracker.user", settings.tracker_user),
    ):  # fmt: skip
        if wanted and not value:
            raise ConfigError(f"{name}: needed for tracker.use = {settings.tracker}")
    if url:
        checked(settings.tracker_url)


def make_tracking(app: App, tracker: Tracker | None = None) -> Tracking | None:
    """The exchange with the tracker that the settings name (or with the one given); None without one."""
    tracker = tracker or make_tracker(app)
    if tracker is None:
        return None
    settings = app.settings

    def label(kind: str) -> str:
        try:
            return app.organisation().words.say(app.organisation().file.language, f"console.event.{kind}")
        except KeyError:
            return kind

    inbound = Inbound(
        app.tickets, app.identities, tracker.label, lambda person: at_the_desk(person, app.organisation())
    )
    return Tracking(
        Parts(
            tracker=tracker, store=SqlTrackedStore(app.db), tickets=app.tickets, identities=app.identities, vault=app.vault,
            clock=app.clock, work=app.work, inbound=inbound, link=lambda number: settings.console(f"/tickets/{number}"),
            label=label, master=cast(Literal["secdesk", "tracker"], settings.tracker_master), kinds=settings.tracker_kinds,
            notes=bool(settings.tracker_notes),
        )
    )  # fmt: skip


def handlers(app: App) -> dict[str, Callable[[Payload], None]]:
    """Job kinds and what runs them. Jobs that are left from when a tracker was set do nothing."""
    tracking = app.tracking

    def sync(payload: Payload) -> None:
        if tracking:
            tracking.sync_job(payload)
        app.core.done(payload["job"])

    def poll(payload: Payload) -> None:
        if tracking:
            tracking.poll(payload)

    return {SYNC: sync, POLL: poll}


def endpoints(app: App, edge: Edge) -> dict[str, Asgi]:
    """Where a tracker that calls us does so."""
    tracking = app.tracking
    if tracking is None or tracking.name != "webhook":
        return {}

    def receive(pushed: Pushed) -> None:
        app.work(lambda work: tracking.receive(work, pushed))

    return {PATH: cast(Asgi, Hook(app.settings.tracker_token, app.clock, receive, edge.run))}


def health(app: App) -> Iterator[Check]:
    """What waits and what is in the way, from our own records."""
    if app.tracking is None:
        return
    counts, cursor = app.tracking.state()
    name, now = "ticket system", app.clock.now()
    if counts["failing"]:
        mend = "see the console, Ticket system: the reason and Retry stand there"
        yield Check(name, "note", f"{counts['failing']} ticket(s) could not be sent, {counts['waiting']} waiting", mend)
    else:
        yield Check(
            name, "ok", f"{app.tracking.tracker.label}: {counts['every']} ticket(s), {counts['waiting']} waiting"
        )
    if cursor and cursor["error"]:
        level: Literal["note", "bad"] = "bad" if now - cursor["failing_since"] > LONG else "note"
        since = datetime.fromtimestamp(cursor["failing_since"], UTC).strftime("%Y-%m-%d %H:%M")
        yield Check(
            "news from it", level, f"none since {since} UTC: {cursor['error']}", "it is asked again every minute"
        )


def doctor(app: App) -> Iterator[Check]:
    """The same, and whether the tracker answers. Changes nothing there."""
    if app.tracking is None:
        yield Check(
            "ticket system", "note", "tickets are kept here only", "set tracker.use to send them to another one"
        )
        return
    try:
        says = app.tracking.tracker.look()
        yield Check("ticket system answers", "ok", f"{says}; the master is {app.settings.tracker_master}")
    except ChannelError as error:
        yield Check(
            "ticket system answers", "bad", f"{app.tracking.tracker.label}: {error}", "mend it, then run doctor again"
        )
    try:
        yield from health(app)
    except SecdeskError as error:
        yield Check("ticket system", "bad", str(error), "mend that, then run doctor again")
