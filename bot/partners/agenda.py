"""The agenda of a review, built from what happened: breaches, open actions, risks, the pulse, the contract's own dates."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from bot.contracts import Contract, said
from bot.model import Person
from bot.partners.actions import Actions
from bot.partners.figures import figures, span
from bot.partners.parts import Parts
from bot.partners.pulse import Pulses
from bot.partners.reviews import Review

Agenda = tuple[tuple[str, tuple[str, ...]], ...]  # points with what there is to say to each; none is said too
SOON = timedelta(days=180)


def agenda(
    parts: Parts, actions: Actions, pulses: Pulses, contract: Contract, review: Review, reader: Person
) -> Agenda:
    """For a reader, in their language. The breaches are those of the months that the review is about, and since."""

    def say(key: str, **params: object) -> str:
        return parts.say(reader, key, **params)

    now, today, default = parts.clock.now(), parts.today(), parts.organisation().file.language
    begin = span(review.months[0], parts.zone)[0]
    found = figures(parts.cases(contract.id, begin, now), begin, now + 1)
    total = found.total
    percent = (
        f"{total.percent:.1f} % ({total.kept}/{total.n})" if total.percent is not None else say("partner.report.none")
    )
    breaches = tuple(
        say("partner.agenda.breach", number=one.ticket, severity=one.promise.severity,
            what=say(f"partner.what.{one.promise.what}"), used=round(one.promise.used / 60),
            target=round(one.promise.target / 60))
        for one in found.breaches
    )  # fmt: skip
    waiting = tuple(
        f"{one.id} {one.what} ({actions.owner(one)}, {one.due}, {say(f'partner.action.state.{one.state}')}"
        + (f", {say('partner.action.late')})" if one.late(today) else ")")
        for one in actions.of(contract.id)
    )
    risks = tuple(
        said(risk.what, reader.language, default) + f" ({day})"
        for risk in contract.file.risks
        if (day := min([risk.next_look, *(proof.valid_to for proof in risk.evidence)])) <= today + SOON
    )
    pulse = pulses.shown(contract, pulses.quarter())
    felt = () if pulse is None or pulse.means is None else tuple(
        f"{say(f'partner.pulse.q{i}')} {mean:.1f} (n = {pulse.n})" for i, mean in enumerate(pulse.means, 1)
    )  # fmt: skip
    attained = say("partner.agenda.attained", percent=percent, target=f"{contract.file.target_pct:g} %")
    notice = contract.notice(today)
    dates = (say("partner.agenda.dates", end=contract.ends(today).isoformat(), notice=notice.isoformat()),)
    return (
        (say("partner.agenda.attainment"), (attained,)),
        (say("partner.report.breaches"), breaches or (say("partner.report.no_breach"),)),
        (say("partner.report.actions"), waiting or (say("partner.report.no_action"),)),
        (say("partner.report.risks"), risks or (say("partner.agenda.no_risk"),)),
        *(((say("partner.agenda.pulse"), felt),) if felt else ()),
        (say("partner.agenda.contract"), dates),
        (say("partner.agenda.new"), ()),
    )


def plain(points: Agenda) -> str:
    """As text, for a calendar entry."""
    lines = []
    for number, (title, items) in enumerate(points, 1):
        lines += [f"{number}. {title}", *(f"   - {item}" for item in items)]
    return "\n".join(lines)


def made(review: Review) -> datetime:
    """When an entry of a calendar was made, as it says itself: the same entry is the same file."""
    return datetime.combine(review.day - timedelta(days=14), time(), UTC)
