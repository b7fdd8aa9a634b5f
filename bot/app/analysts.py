"""The analyst's desk, put together: the sandbox that looks, and what acts in the organisation's mail system."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.actions.dry import DryRun
from adapters.actions.graph import GraphControl
from adapters.stores.campaigns import SqlCampaignStore
from adapters.stores.mail_desk import SqlMailDeskStore
from bot.ports import MailControl
from bot.reporting.mail_desk import DeskParts, MailDesk
from bot.settings import Settings
from bot.turn import Work

if TYPE_CHECKING:
    from bot.app import App


def mail_control(settings: Settings) -> MailControl:
    """Microsoft 365 where it is set up, else a dry run."""
    if not (settings.graph_tenant and settings.graph_app_id and settings.graph_secret):
        return DryRun()
    return GraphControl(
        settings.graph_tenant,
        settings.graph_app_id,
        settings.graph_secret,
        login=settings.graph_login,
        graph=settings.graph_url,
    )


def mail_desk(app: App) -> MailDesk:
    """What the console and the job of approved actions use."""
    return MailDesk(
        DeskParts(
            db=app.db, store=SqlMailDeskStore(app.db), mails=app.report_store, campaigns=SqlCampaignStore(app.db),
            vault=app.vault, viewer=app.sandbox, outcome=app.reports.outcome, regrouping=app.reports.regrouping,
            alerts=app.reports.alerts, escalation=app.tickets,
            control=mail_control(app.settings),
            mailboxes=lambda: sorted({person.email for person in app.directory.people() if person.email}),
            own_domains=lambda: app.organisation().file.domains, committed=app.wake,
            work=lambda tx: Work(tx, app.clock.now(), app.core, app.audit, app.listeners),
        )
    )  # fmt: skip
