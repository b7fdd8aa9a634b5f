"""The console's page of campaigns: start one or try it, see how far each is, hold it, end it; all tips on, off, in test mode."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime

from starlette.responses import Response
from starlette.routing import Route

from adapters.web.campaign_services import Campaigns
from adapters.web.console import Done, Frame, Look, Undo
from adapters.web.signin import HOME
from bot.errors import ConfigError, NotFound
from bot.learning.waves import Audience, Order
from bot.organisation import pick
from bot.turn import Work

KNOWN = frozenset({
    "guest", "not_met", "stopped", "no_language", "value_missing", "not_theirs", "recent", "no_time", "paused", "gone",
    "switched_off", "no_chat", "left",
})  # fmt: skip
PAGE = f"{HOME}/nudges/campaigns"


class CampaignPages:
    """Routes of campaigns."""

    def __init__(self, frame: Frame, campaigns: Campaigns) -> None:
        self._frame, self._services, self._campaigns = frame, frame.services, campaigns

    def routes(self) -> list[Route]:
        frame = self._frame
        return [
            frame.view("/nudges/campaigns", self.show, "see"),
            frame.change("/nudges/campaigns/start", self.start, "send"),
            frame.change("/nudges/campaigns/wave", self.wave, "send"),
            frame.change("/nudges/campaigns/hold", self.hold, "send"),
            frame.change("/nudges/campaigns/switch", self.switch, "send"),
        ]

    def show(self, look: Look) -> Response:
        """Every campaign with its figures, the switches, and a form for a new one."""
        nudges, org = self._campaigns.nudges, self._services.org()
        lang, policy = look.person.language, nudges.policy()
        lessons = [(item.id, pick(item.title, lang)) for item in nudges.lessons().published()]
        roles = [(key, pick(role.name, lang)) for key, role in org.roles.items()]
        return self._frame.page(
            look, "campaigns.html", campaigns=self._campaigns.waves.all(), off=policy.switched_off, test=policy.test,
            lessons=lessons, titles=dict(lessons), roles=roles, known=KNOWN,
            asked=look.request.query_params.get("lesson", ""), moving=self._campaigns.switchover is not None,
        )  # fmt: skip

    def start(self, look: Look, fields: Mapping[str, str]) -> Done:
        """Plan one; with `test` nothing is sent."""
        lesson, role = fields.get("lesson", ""), fields.get("role", "")
        found, org = self._campaigns.nudges.lessons().lessons.get(lesson), self._services.org()
        if found is None or found.status != "published":
            raise NotFound(lesson)
        if role and role not in org.roles:
            raise NotFound(role)
        audience = Audience(frozenset({role} if role else ()))
        title = " ".join(self._services.redact(fields.get("title", "")).split())[:80]
        order = Order(lesson, audience, title, test=fields.get("test") == "1")
        waves, work, now = self._campaigns.waves, self._services.work, self._services.clock.now()
        self._campaigns.later(lambda: waves.start(work, look.person.key, order, now))
        word = "console.done.campaign_test" if order.test else "console.done.campaign"
        return Done(PAGE, word, {"lesson": pick(found.title, look.person.language)})

    def wave(self, look: Look, fields: Mapping[str, str]) -> Done:
        """Tell those with a role, or everybody, of the day on which their mail moves."""
        role, switch, org = fields.get("role", ""), self._campaigns.switchover, self._services.org()
        if switch is None or (role and role not in org.roles):
            raise NotFound(role)
        try:
            day = date.fromisoformat(fields.get("day", ""))
            title = " ".join(self._services.redact(fields.get("title", "")).split())[:80] or day.isoformat()
            today = datetime.fromtimestamp(self._services.clock.now(), UTC).date()
            audience = Audience(frozenset({role} if role else ()))
            self._services.work(lambda work: switch.add(work, look.person.key, title, day, audience, today))
        except (ValueError, ConfigError):
            return Done(PAGE, "console.done.migration_not", {}, bad=True)
        return Done(PAGE, "console.done.migration", {"title": title, "day": day.isoformat()})

    def hold(self, look: Look, fields: Mapping[str, str]) -> Done:
        """Pause, resume or cancel one. It works at once: nobody who has not got it yet gets it after a cancel."""
        wave, waves, actor = fields.get("campaign", ""), self._campaigns.waves, look.person.key
        title = waves.progress(wave).title
        match fields.get("what", ""):
            case "pause":
                done = self._services.work(lambda work: waves.pause(work, actor, wave))
                return _done(done, "console.done.campaign_pause", title, _hold(wave, "resume"))
            case "resume":
                done = self._services.work(lambda work: waves.resume(work, actor, wave))
                return _done(done, "console.done.campaign_resume", title, _hold(wave, "pause"))
            case "cancel":
                count = self._services.work(lambda work: waves.cancel(work, actor, wave))
                return Done(PAGE, "console.done.campaign_cancel", {"title": title, "n": str(count)})
        raise NotFound(wave)

    def switch(self, look: Look, fields: Mapping[str, str]) -> Done:
        """All tips off or on; test mode on or off."""
        nudges, actor = self._campaigns.nudges, look.person.key
        steps: dict[str, Callable[[Work], None]] = {
            "off": lambda work: nudges.switch_off(work, actor),
            "on": lambda work: nudges.switch_off(work, actor, off=False),
            "test": lambda work: nudges.test(work, actor),
            "live": lambda work: nudges.test(work, actor, on=False),
        }
        what = fields.get("what", "")
        if what not in steps:
            raise NotFound(what)
        self._services.work(steps[what])
        back = {"off": "on", "on": "off", "test": "live", "live": "test"}[what]
        return Done(PAGE, f"console.done.tips.{what}", {}, undo=Undo("/nudges/campaigns/switch", {"what": back}))


def _hold(wave: str, what: str) -> Undo:
    return Undo("/nudges/campaigns/hold", {"campaign": wave, "what": what})


def _done(done: bool, word: str, title: str, undo: Undo) -> Done:
    if not done:
        return Done(PAGE, "console.done.campaign_not", {"title": title}, bad=True)
    return Done(PAGE, word, {"title": title}, undo=undo)
