"""Endpoints of tickets."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial

from adapters.web.api import shapes
from adapters.web.api.endpoint import Call, Endpoint, Wanted, cursor_of, place_of, sent_shape
from bot.errors import Conflict, NotFound
from bot.helpdesk import tickets as desk
from bot.helpdesk.triage import Filter
from bot.model import Person, Place
from bot.turn import TicketRequest, Work

ME, NOBODY = "me", "-"


def endpoints(place_of_person: Callable[[str], Place | None]) -> list[Endpoint]:
    """`place_of_person`: where somebody (a pseudonym) hears from us."""
    one = "/tickets/{number}"
    put = partial(Endpoint, "POST", needs="work", tag="Tickets", answer=shapes.Changed, versioned=True)
    return [
        Endpoint("GET", "/tickets", "see", "Tickets", "Tickets, the newest first", shapes.TicketPage, listed,
                 query=shapes.TicketQuery),
        Endpoint("POST", "/tickets", "work", "Tickets", "Open one for somebody", shapes.Changed,
                 change=partial(_opened, place_of_person), body=shapes.Opened, status=201),
        Endpoint("GET", one, "see", "Tickets", "One with its timeline", shapes.TicketWhole, shown),
        put(path=f"{one}/reply", summary="Answer the requester", change=_reply, body=shapes.Said, answer=shapes.Sent),
        put(path=f"{one}/note", summary="Write a note that the requester never sees", change=_note, body=shapes.Said),
        put(path=f"{one}/assign", summary="Take it, or give it to somebody", change=_assign, body=shapes.Assigned),
        put(path=f"{one}/release", summary="Put it back into the queue", change=_release),
        put(path=f"{one}/status", summary="Resolve, reopen, wait, carry on", change=_status, body=shapes.Status),
        put(path=f"{one}/sort", summary="Severity, team, priority, tags", change=_sort, body=shapes.Sorted),
        put(path=f"{one}/merge", summary="Close it in favour of another", change=_merge, body=shapes.Into),
        put(path=f"{one}/link", summary="Link it to another", change=_link, body=shapes.Linked),
        Endpoint("DELETE", "/unsent/{id}", "work", "Tickets", "Take back a reply or a verdict before it goes out",
                 shapes.Changed, change=_undo),
        put(path=f"{one}/hand-over", summary="Hand it to a partner, or take it back", change=_hand, body=shapes.Handed),
    ]  # fmt: skip


# looking


def listed(call: Call) -> shapes.TicketPage:
    """By number, so that a page stays what it was whatever comes in on top."""
    query, services = call.query, call.services
    assert services.triage is not None  # noqa: S101 (else there are no such endpoints)
    wanted = Filter(
        state=query.state, severity=query.severity, queue=query.team, entity=query.entity, kind=query.kind, owner=query.partner,
        requester=_key(call, query.requester), waiting=query.waiting, tag=query.tag.casefold(),
        assignee=NOBODY if query.assignee == NOBODY else _key(call, query.assignee),
    )  # fmt: skip
    before = place_of(query.cursor, (int,))
    found = services.triage.page(wanted, query.q, before[0] if before else 0, query.limit + 1)
    shown_, more = found[: query.limit], len(found) > query.limit
    tags = services.triage.tags([ticket.number for ticket in shown_])
    items = [shapes.Ticket(**_short(call, ticket, tags.get(ticket.number, []))) for ticket in shown_]
    return shapes.TicketPage(items=items, next=cursor_of(shown_[-1].seq) if more else None)


def shown(call: Call) -> shapes.TicketWhole:
    """Its opening is in the audit log."""
    services = call.services
    ticket = services.tickets.get(call.path["number"])
    assert services.triage is not None  # noqa: S101
    call.seen("ticket.read", ticket.number)
    timeline = [
        shapes.Event(seq=one.seq, at=shapes.moment(one.at), actor=call.who(one.actor), kind=one.kind, text=one.text,
                     visible=one.visible)
        for one in services.tickets.timeline(ticket.number)
    ]  # fmt: skip
    links = [shapes.Link(number=row["other"], kind=row["kind"]) for row in services.triage.links(ticket.number)]
    tags = services.triage.tags([ticket.number]).get(ticket.number, [])
    return shapes.TicketWhole(**_short(call, ticket, tags), etag=etag(ticket), timeline=timeline, links=links)


def etag(ticket: desk.Ticket) -> str:
    """Changes whenever the ticket does."""
    return f'"{hashlib.sha256(f"{ticket.number} {ticket.updated_at!r}".encode()).hexdigest()[:16]}"'


def _short(call: Call, ticket: desk.Ticket, tags: list[str]) -> dict[str, object]:
    return {
        "number": ticket.number, "kind": ticket.kind, "subject": ticket.subject, "severity": ticket.severity,
        "state": ticket.state, "team": ticket.queue, "entity": ticket.entity, "partner": ticket.owner, "waiting": ticket.waiting,
        "priority": ticket.priority, "merged_into": ticket.merged_into, "tags": tags, "requester": call.who(ticket.requester),
        "assignee": call.who(ticket.assignee), "created_at": shapes.moment(ticket.created_at),
        "updated_at": shapes.moment(ticket.updated_at), "resolved_at": shapes.moment(ticket.resolved_at),
        "due_at": shapes.moment(ticket.next_due_at),
    }  # fmt: skip


def _key(call: Call, who: str) -> str:
    """The pseudonym of somebody asked for; one that nobody has if there is no such person."""
    if who == ME:
        return call.person.key
    person = call.services.identities.find(who) if who else None
    return (person.key if person and person.key else "nobody") if who else ""


# changing


def _opened(place_of_person: Callable[[str], Place | None], call: Call, work: Work) -> tuple[str, str]:
    person = call.services.tickets.colleague(work, call.body.requester)
    if person is None:
        raise NotFound(call.body.requester)
    body, redact = call.body, call.services.redact
    place = place_of_person(person.key) or Place("", "")
    request = TicketRequest(
        person.key, place, "person", redact(body.subject), redact(body.text), body.severity, opener=call.person.key
    )
    return _at(call.services.tickets.open(work, request).number)


def _held(call: Call, work: Work) -> str:
    """The ticket's number, locked; refused if `If-Match` names an earlier state of it."""
    number = call.services.tickets.get(call.path["number"]).number
    ticket = call.services.tickets.hold(work, number)
    if call.match and call.match != "*" and etag(ticket) not in [part.strip() for part in call.match.split(",")]:
        raise Wanted(412, f"{number} has changed since; get it again")
    return number


def _at(number: str) -> tuple[str, str]:
    return number, f"/tickets/{number}"


def _reply(call: Call, work: Work) -> shapes.Sent:
    number = _held(call, work)
    text = call.services.tickets.needed(call.person, call.services.redact(call.body.text))
    sent = call.services.undo.send(work, "reply", number, call.person, {"text": text})
    return sent_shape(*_at(number), sent)


def _undo(call: Call, work: Work) -> tuple[str, str]:
    """Only by whoever the token acts as."""
    return _at(call.services.undo.take_back(work, call.path["id"], call.person).ticket)


def _note(call: Call, work: Work) -> tuple[str, str]:
    number = _held(call, work)
    call.services.tickets.note(work, number, call.person, call.services.redact(call.body.text))
    return _at(number)


def _assign(call: Call, work: Work) -> tuple[str, str]:
    number, tickets = _held(call, work), call.services.tickets
    if call.body.to == ME:
        tickets.claim(work, number, call.person)
        return _at(number)
    found = call.services.identities.find(call.body.to)
    if found is None or not found.roles & call.services.org().desk_roles():
        raise NotFound(call.body.to)
    holder: Person = call.services.identities.meet(work.tx, found, work.at)
    tickets.assign(work, number, call.person, holder)
    return _at(number)


def _release(call: Call, work: Work) -> tuple[str, str]:
    number = _held(call, work)
    call.services.tickets.release(work, number, call.person)
    return _at(number)


def _status(call: Call, work: Work) -> tuple[str, str]:
    number, tickets, body = _held(call, work), call.services.tickets, call.body
    text = call.services.redact(body.text)
    match body.status:
        case "resolved":
            tickets.resolve(work, number, call.person, text)
        case "reopened":
            if tickets.get(number).state != "resolved":
                raise Conflict(f"{number} is not resolved")
            tickets.reopen(work, number, call.person, text)
        case "waiting":
            tickets.wait(work, number, call.person, body.on, text)
        case _:
            tickets.carry_on(work, number, call.person.key)
    return _at(number)


def _sort(call: Call, work: Work) -> tuple[str, str]:
    number, triage, body = _held(call, work), call.services.triage, call.body
    assert triage is not None  # noqa: S101
    if body.severity is not None:
        call.services.tickets.raise_severity(work, number, body.severity, call.person.key)
    if body.team is not None:
        triage.team(work, number, call.person, body.team)
    if body.priority is not None:
        triage.priority(work, number, call.person, body.priority)
    for tag in body.tag:
        triage.tag(work, number, call.person, tag)
    for tag in body.untag:
        triage.tag(work, number, call.person, tag, take=True)
    return _at(number)


def _merge(call: Call, work: Work) -> tuple[str, str]:
    number, triage = call.services.tickets.get(call.path["number"]).number, call.services.triage
    assert triage is not None  # noqa: S101
    if call.match:
        _held(call, work)
    triage.merge(work, number, call.person, call.body.into)
    return _at(call.services.tickets.get(call.body.into).number)


def _link(call: Call, work: Work) -> tuple[str, str]:
    number, triage = _held(call, work), call.services.triage
    assert triage is not None  # noqa: S101
    triage.link(work, number, call.body.to, call.person, call.body.kind)
    return _at(number)


def _hand(call: Call, work: Work) -> tuple[str, str]:
    number = _held(call, work)
    call.services.tickets.hand_over(work, number, call.person, call.body.partner)
    return _at(number)
