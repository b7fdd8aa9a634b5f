"""What partners' dates set off, looked at each hour of the day: reports before a review, invitations, actions that are chased,
notice periods, certificates, steps of disputes that run out, the pulse. Each message has a key of its own, so it is sent once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from bot.cards import Block, Card, Link, Text
from bot.contracts import Contract, said
from bot.model import Person, Place
from bot.partners.actions import Action, Actions
from bot.partners.cards import action_card, pulse_card
from bot.partners.disputes import Disputes
from bot.partners.figures import span
from bot.partners.parts import Parts, Run
from bot.partners.pulse import Pulses
from bot.partners.reports import Reports
from bot.partners.reviews import Review, Reviews
from bot.ports import Payload
from bot.turn import Work

log = logging.getLogger(__name__)
HOURS = range(8, 17)  # of the day in the zone of the contract's reviews
INVITE_DAYS = 14
EXPIRES_DAYS = 30


class Reminders:
    """Job `partners.look`."""

    def __init__(
        self, parts: Parts, reports: Reports, reviews: Reviews, actions: Actions, pulses: Pulses, disputes: Disputes,
        run: Run,
    ) -> None:  # fmt: skip
        self._parts, self._reports, self._reviews, self._actions = parts, reports, reviews, actions
        self._pulses, self._disputes, self._run = pulses, disputes, run

    def look(self, _payload: Payload) -> None:
        """Everything that is due, on working days in working hours. One partner's trouble holds up no other's."""
        failed: list[Exception] = []
        for contract in self._parts.contracts().values():
            try:
                self._look(contract)
            except Exception as error:
                log.exception("what is due at a partner was not sent: %s", contract.id)
                failed.append(error)
        if failed:
            raise failed[0]  # the job is tried again; what was sent is not sent twice

    def _look(self, contract: Contract) -> None:
        meetings = contract.file.reviews
        local = datetime.fromtimestamp(self._parts.clock.now(), UTC).astimezone(ZoneInfo(meetings.timezone))
        if local.hour in HOURS and self._parts.calendar(meetings.calendar).works(local.date()):
            self._run(lambda work: self._contract(work, contract))

    def _contract(self, work: Work, contract: Contract) -> None:
        today, review = self._parts.today(), self._reviews.next(contract)
        self._notice(work, contract, today)
        self._risks(work, contract, today)
        self._chase(work, contract, today)
        self._steps(work, contract)
        if contract.ended(today):
            return
        self._invite(work, contract, review, today)
        if today >= review.report_on:
            for month in review.months:
                if self._in_term(contract, month) and self._reports.closed(month):
                    self._reports.issue(work, contract.id, month, "secdesk")
        if self._pulses.due(today):
            self._pulse(work, contract)

    def _in_term(self, contract: Contract, month: str) -> bool:
        end = datetime.fromtimestamp(span(month, self._parts.zone)[1], UTC).date()
        return end > contract.file.contract.start

    # the contract

    def _notice(self, work: Work, contract: Contract, today: date) -> None:
        """Of several moments that have passed (nothing ran for a while) only the last is said."""
        owner = contract.file.contract.owner
        end, last = contract.ends(today), contract.notice(today)
        if contract.ended(today):
            self._say(work, owner, "partner.remind.ended", f"notice:{contract.id}:{end}:ended", name=contract.name,
                      day=end.isoformat())  # fmt: skip
            return
        passed = [days for days, day in contract.notices(today) if day <= today]
        if not passed:
            return
        kind = "renews" if contract.file.contract.auto_renew else "ends"
        key = f"partner.remind.{kind}" if today <= last else f"partner.remind.{kind}_late"
        self._say(work, owner, key, f"notice:{contract.id}:{end}:{min(passed)}",
                  name=contract.name, day=end.isoformat(), last=last.isoformat())  # fmt: skip

    def _risks(self, work: Work, contract: Contract, today: date) -> None:
        for risk in contract.file.risks:
            if risk.next_look <= today:
                self._say(work, risk.owner, "partner.remind.risk", f"risk:{contract.id}:{risk.id}:{risk.next_look}",
                          name=contract.name, text=risk.what, day=risk.next_look.isoformat())  # fmt: skip
            for proof in risk.evidence:
                if proof.valid_to <= today + timedelta(days=EXPIRES_DAYS):
                    key = f"proof:{contract.id}:{risk.id}:{proof.valid_to}"
                    self._say(work, risk.owner, "partner.remind.proof", key, name=contract.name, text=proof.what,
                              day=proof.valid_to.isoformat())  # fmt: skip

    # the review

    def _invite(self, work: Work, contract: Contract, review: Review, today: date) -> None:
        if today < review.day - timedelta(days=INVITE_DAYS):
            return
        page = f"/partners/{contract.id}/review"
        for who in contract.file.reviews.invited:
            self._say(work, who, "partner.remind.review", f"review:{contract.id}:{review.day}", name=contract.name,
                      day=review.day.isoformat(), time=f"{review.begin:%H:%M}", zone=contract.file.reviews.timezone,
                      page=page)  # fmt: skip

    def _chase(self, work: Work, contract: Contract, today: date) -> None:
        """Once a week from the week after it was agreed, until somebody has verified it."""
        year, week, _ = today.isocalendar()
        for action in self._actions.of(contract.id):
            if action.age(today, self._parts.zone) < 7 and not action.late(today):
                continue
            for person in self._asked(contract, action):
                self._send(work, person, partial(action_card, self._parts, self._actions, action=action),
                           f"chase:{action.id}:{action.state}:{year}-{week}")  # fmt: skip

    def _asked(self, contract: Contract, action: Action) -> Iterator[Person]:
        """Who is asked: its owner while it is open (the contract's owner for the partner's people), then whoever can verify."""
        file = contract.file
        if action.state == "open":
            owner = (
                self._parts.identities.who(action.owner)
                if action.owner
                else self._parts.identities.find(file.contract.owner)
            )
            if owner:
                yield owner
            return
        for who in dict.fromkeys((file.reviews.chair, file.contract.owner, *file.reviews.invited)):
            person = self._parts.identities.find(who)
            if person and self._actions.may_verify(action, person):
                yield person
                return

    # disputes and the pulse

    def _steps(self, work: Work, contract: Contract) -> None:
        for row in self._disputes.of(contract.id):
            if row["state"] != "open":
                continue  # nothing runs out any more, and its record is long
            dispute = self._disputes.get(row["id"])
            if 0 < dispute.due <= work.at:
                step = next(one for one in dispute.steps if one.state == "now")
                self._say(work, contract.file.contract.owner, "partner.remind.step", f"step:{row['id']}:{step.id}",
                          id=row["id"], text=step.who, page=f"/disputes/{row['id']}")  # fmt: skip

    def _pulse(self, work: Work, contract: Contract) -> None:
        quarter = self._pulses.quarter()
        for who in self._pulses.asked(contract):
            if person := self._parts.identities.find(who):
                self._send(work, person, lambda met: pulse_card(self._parts, met, contract, quarter, ""),
                           f"pulse:{contract.id}:{quarter}", chat=True)  # fmt: skip

    # sending

    def _say(self, work: Work, who: str, key: str, once: str, **params: object) -> None:
        person = self._parts.identities.find(who)
        if person is None:
            return
        text, page = params.pop("text", None), params.pop("page", "")

        def card(met: Person) -> Card:
            words = said(text, met.language, self._parts.organisation().file.language) if text is not None else ""  # type: ignore[arg-type]
            body: list[Block] = [Text(self._parts.say(met, key, **{**params, "text": words}))]
            if page:
                body.append(Link(self._parts.say(met, "link.page"), self._parts.link(str(page))))
            return Card("", tuple(body), "desk", lang=met.language)

        self._send(work, person, card, once)

    def _send(
        self, work: Work, person: Person, card: Callable[[Person], Card], once: str, *, chat: bool = False
    ) -> None:
        met = self._parts.identities.meet(work.tx, person, work.at)
        place: Place | None = self._parts.place_of(met.key)
        if place and not (chat and place.channel == "mail"):
            work.say(met.key, place, card(met), f"partner:{once}:{met.key}", priority=2)
