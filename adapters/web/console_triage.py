"""Sorting tickets in the console: search and filters, saved views, many at once with undo, and what else one ticket needs."""

from __future__ import annotations

import dataclasses
import json
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from starlette.routing import Route

from adapters.web.console import Done, Frame, Look, Undo
from adapters.web.signin import HOME
from bot.errors import NotFound, Refused
from bot.helpdesk.tickets import Ticket
from bot.helpdesk.triage import BULK, LINKS, MOST_AT_ONCE, PRIORITIES, Filter, Triage, filter_from
from bot.model import SEVERITIES, Person
from bot.turn import Work

FILTERS = ("severity", "queue", "tag", "entity", "owner", "assignee", "waiting", "kind")
_MARK = "n-"  # field names of ticked tickets


class TriagePages:
    """Routes for sorting, and what the queue's and the ticket's pages show of it."""

    def __init__(self, frame: Frame, triage: Triage) -> None:
        self._frame, self._services, self._triage = frame, frame.services, triage

    def routes(self) -> list[Route]:
        frame = self._frame
        return [
            frame.change("/queue/many", self.many, "work", most=MOST_AT_ONCE + 10),
            frame.change("/queue/undo", self.undo, "work"),
            frame.change("/queue/views", self.save_view, "work"),
            frame.change("/queue/views/drop", self.drop_view, "work"),
            frame.change("/tickets/{number}/sort/{verb}", self.sort, "work"),
        ]

    # the queue

    def shown(self, look: Look, state: str, *, mine: bool, limit: int) -> dict[str, Any]:
        """What the queue's page needs: the tickets that fit, and the filter as it is."""
        query = look.request.query_params
        wanted = dataclasses.replace(filter_from({name: query.get(name, "")[:80] for name in FILTERS}), state=state)
        if mine:
            wanted = dataclasses.replace(wanted, assignee=look.person.key)
        text = query.get("q", "")[:200]
        tickets = self._triage.find(look.person, wanted, text, limit)
        chosen = {
            name: getattr(wanted, name)
            for name in FILTERS
            if getattr(wanted, name) and not (mine and name == "assignee")
        }
        params = {"state": state, **({"mine": "1"} if mine else {}), **({"q": text} if text else {}), **chosen}
        return {
            "tickets": tickets, "tags": self._triage.tags([ticket.number for ticket in tickets]), "q": text, "chosen": chosen,
            "query": urlencode(params), "views": self._views(look), "event": secrets.token_hex(12),
            "select": query.get("select") == "1", "triage": True,
            "people": self.people(), "partners": self._services.tickets.partners(), "bulk": BULK, "severities": SEVERITIES,
        }  # fmt: skip

    def _views(self, look: Look) -> list[tuple[str, str, str]]:
        """(id, name, query string) of the saved views."""
        found = []
        for id_, name, wanted in self._triage.views(look.person):
            chosen = {key: value for key, value in dataclasses.asdict(wanted).items() if value and key != "words"}
            found.append((id_, name, urlencode(chosen)))
        return found

    def people(self) -> list[Person]:
        """Who works tickets, by name."""
        roles = self._services.org().desk_roles()
        return sorted(
            (one for one in self._services.identities.people() if one.roles & roles), key=lambda one: one.name
        )

    def many(self, look: Look, fields: Mapping[str, str]) -> Done:
        """The same for every ticked ticket."""
        what, back = fields.get("what", ""), f"{HOME}/queue?{fields.get('query', '')[:500]}"
        numbers = [name.removeprefix(_MARK) for name in fields if name.startswith(_MARK)]
        if not numbers:
            raise Refused(self._frame.say(look, "triage.too_many", n=MOST_AT_ONCE))
        value: Any = fields.get("value", "").strip()
        done: list[Any] = []

        def run(work: Work) -> None:
            wanted = self._person(work, value) if what == "assign" else value
            done.append(self._triage.bulk(work, numbers, look.person, what, wanted))

        self._frame.once(look, fields, run)
        if not done:  # sent twice
            return Done(back, "console.done.many", {"n": str(len(numbers)), "refused": ""})
        refused = "; ".join(f"{number}: {why}" for number, why in done[0].refused.items())[:500]
        key = "console.done.many" if not refused else "console.done.many_but"
        undo = Undo("/queue/undo", {"id": done[0].id})
        return Done(back, key, {"n": str(len(done[0].changed)), "refused": refused}, bad=bool(refused), undo=undo)

    def undo(self, look: Look, fields: Mapping[str, str]) -> Done:
        back: list[Sequence[str]] = []
        id_ = fields.get("id", "")
        self._frame.once(look, fields, lambda work: back.append(self._triage.undo(work, id_, look.person)))
        return Done(f"{HOME}/queue", "console.done.undo", {"n": str(len(back[0]) if back else 0)})

    def save_view(self, look: Look, fields: Mapping[str, str]) -> Done:
        """The filter as it is on the page, under a name."""
        raw: Any = {}
        with suppress(ValueError, RecursionError):  # else the filter that shows everything
            raw = json.loads(fields.get("filter", "")[:2000])
        wanted = filter_from(raw if isinstance(raw, dict) else {})
        name, shared = fields.get("name", ""), fields.get("shared") == "1"

        def run(work: Work) -> None:
            self._triage.save_view(work, look.person, name, wanted, shared=shared)

        self._frame.once(look, fields, run)
        return Done(f"{HOME}/queue?{fields.get('query', '')[:500]}", "console.done.view", {"name": name[:60]})

    def drop_view(self, look: Look, fields: Mapping[str, str]) -> Done:
        id_ = fields.get("id", "")
        gone = next((view for view in self._triage.kept_views(look.person) if view["id"] == id_), None)
        self._frame.once(look, fields, lambda work: self._triage.drop_view(work, look.person, id_))
        undo = (
            Undo(
                "/queue/views",
                {"name": gone["name"], "filter": gone["filter"], "shared": "" if gone["person"] else "1"},
            )
            if gone
            else None
        )
        return Done(f"{HOME}/queue", "console.done.view_gone", {}, undo=undo)

    # one ticket

    def of(self, ticket: Ticket) -> dict[str, Any]:
        """What a ticket's page shows of it."""
        now = self._services.clock.now()
        return {
            "triage": True, "tags": self._triage.tags([ticket.number]).get(ticket.number, []),
            "links": self._triage.links(ticket.number), "people": self.people(), "priorities": PRIORITIES,
            "partners": self._services.tickets.partners(), "kinds_of_link": LINKS,
            "rounds": self._services.tickets.rounds(ticket.number, now) if self._services.tickets.partners() else [],
            "contract_ended": self._services.tickets.ended(ticket.owner, now) if ticket.owner else None,
        }  # fmt: skip

    def sort(self, look: Look, fields: Mapping[str, str]) -> Done:
        """Assign, wait, go on, hand over, team, priority, tag, untag, merge, link."""
        ticket = self._services.tickets.get(look.request.path_params["number"])
        number, verb, person = ticket.number, look.request.path_params["verb"], look.person
        value = fields.get("value", "").strip()[:200]
        text = self._services.redact(fields.get("text", "").strip()[:4000])
        tickets, triage = self._services.tickets, self._triage
        changes = {
            "assign": lambda work: tickets.assign(work, number, person, self._person(work, value)),
            "wait": lambda work: tickets.wait(work, number, person, value, text),
            "carry_on": lambda work: tickets.carry_on(work, number, person.key),
            "hand_over": lambda work: tickets.hand_over(work, number, person, value),
            "partner": lambda work: tickets.partner_said(work, number, person.key, text),
            "team": lambda work: triage.team(work, number, person, value),
            "priority": lambda work: triage.priority(work, number, person, _whole(value)),
            "tag": lambda work: triage.tag(work, number, person, value),
            "untag": lambda work: triage.tag(work, number, person, value, take=True),
            "merge": lambda work: triage.merge(work, number, person, value),
            "link": lambda work: triage.link(work, number, value, person, fields.get("kind", "related")),
        }
        if verb not in changes:
            raise NotFound(verb)
        self._frame.once(look, fields, changes[verb])
        undo = self._undo(ticket, verb, value)
        return Done(f"{HOME}/tickets/{number}", "console.done.sorted", {"number": number}, undo=undo)

    def _undo(self, before: Ticket, verb: str, value: str) -> Undo | None:
        """What takes it back. What somebody outside was told of (a partner, who waits) is not taken back in secret."""
        holder = self._services.identities.who(before.assignee) if before.assignee else None
        path = f"/tickets/{before.number}"
        back = {
            "assign": Undo(f"{path}/sort/assign", {"value": holder.id}) if holder else Undo(f"{path}/release"),
            "team": Undo(f"{path}/sort/team", {"value": before.queue}),
            "priority": Undo(f"{path}/sort/priority", {"value": str(before.priority)}),
            "tag": Undo(f"{path}/sort/untag", {"value": value}), "untag": Undo(f"{path}/sort/tag", {"value": value}),
        }  # fmt: skip
        return back.get(verb)

    def _person(self, work: Work, who: str) -> Person:
        """Somebody who works tickets. Raises `NotFound`."""
        found = next((one for one in self.people() if one.id == who), None)
        if found is None:
            raise NotFound(who)
        return self._services.identities.meet(work.tx, found, work.at)


def _whole(text: str) -> int:
    if text not in {"-1", "0", "1"}:
        raise NotFound(text)
    return int(text)


__all__ = ["FILTERS", "Filter", "TriagePages"]
