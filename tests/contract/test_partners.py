"""Partners on both databases: reports, reviews, actions, the pulse, disputes, and what is sent when."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from bot.app.contents import Contents
from bot.cards import as_text
from bot.contracts import Contract, ContractFile
from bot.errors import Conflict, NotFound, Refused
from bot.model import Action, Person, Place
from bot.partners import chain
from bot.ports import Db
from bot.turn import TicketRequest
from tests.fakes import desk as fakes
from tests.fakes.desk import CLARA, DANA, INES, SAM, FakeClock, House, fixed

contents, home = fakes.contents, fakes.home
HOUR, DAY = 3600.0, 86_400.0
TOM, RUTH, HENRIK = "tom.whitaker", "ruth.adeyemi", "henrik.vogel"


def at(text: str) -> float:
    """A moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def contracted(contents: Contents, **changes: Any) -> Contents:
    """The same content with other terms of the sample partner's contract."""
    sla = contents.sla.current
    old = sla.owners["brightwell"].contract
    assert old is not None
    raw = old.file.model_dump(mode="json", by_alias=True)
    raw["reviews"]["at"] = "10:00"
    for name, value in changes.items():
        raw[name] = {**raw[name], **value} if isinstance(value, dict) and isinstance(raw.get(name), dict) else value
    contract = Contract(ContractFile.model_validate(raw), old.document, old.version)
    owed = replace(sla.owners["brightwell"], contract=contract, targets=contract.file.sla)
    sla = replace(sla, owners={**sla.owners, "brightwell": owed})
    return replace(contents, sla=fixed("targets", sla), partners=fixed("partners", {"brightwell": contract}))


def built(home: Path, db: Db, contents: Contents, moment: str = "2030-03-04 09:00", **more: Any) -> House:
    """A house at a moment; Sam and Ines have been met."""
    made = House(home, db, contents, clock=FakeClock(at(moment)), **more)
    for who in (SAM, INES):
        made.analyst(who)
    return made


@pytest.fixture
def house(db: Db, home: Path, contents: Contents) -> Iterator[House]:
    """On Monday, 4 March 2030, at nine."""
    made = built(home, db, contents)
    yield made
    made.close()


def person(house: House, who: str) -> Person:
    return house.analyst(who)


def ticket(house: House, severity: Any = "S2", who: str = DANA) -> str:
    """A ticket that the partner has got."""
    asked = person(house, who)
    request = TicketRequest(asked.key, house.place(who), "question", "Mail is held back", "Since noon", severity)
    number = house.app.work(lambda work: house.app.tickets.open(work, request)).number
    house.act("claim", number)
    house.act("hand_over", number, SAM, "brightwell")
    return number


def answered(house: House, number: str, minutes: float = 10) -> None:
    house.clock.forward(60 * minutes)
    key = person(house, SAM).key
    house.app.work(lambda work: house.app.tickets.partner_said(work, number, key, "We look at it."))


def breach(house: House) -> tuple[str, str]:
    """A ticket that they answered too late, with a pause that they claimed; and the name of the breach."""
    number = ticket(house)
    house.act("wait", number, SAM, "us", "They need the headers")
    house.clock.forward(1800)
    house.app.work(lambda work: house.app.tickets.carry_on(work, number, person(house, SAM).key))
    answered(house, number, 90)
    found = house.app.partners.reports.breaches(contract(house), 0.0)
    return number, next(one.name for one in found if one.ticket == number)


def contract(house: House) -> Contract:
    return house.app.partners.parts.contract("brightwell")


def do(house: House, change: Any) -> Any:
    house.clock.forward(0.01)
    return house.app.work(change)


def look(house: House) -> None:
    """The hourly job, and what it sends."""
    house.app.handlers()["partners.look"]({})
    house.settle()


# figures and reports -------------------------------------------------------------------------------------------------


def test_what_is_kept_and_broken_is_counted_with_both_clocks_and_pauses(house: House) -> None:
    answered(house, ticket(house))
    number, _ = breach(house)
    found = house.app.partners.reports.now(contract(house))
    rate = found.rate("S2", "acknowledge")
    assert (rate.n, rate.kept, rate.percent, found.handed) == (2, 1, 50.0, {"S2": 2})
    (one,) = [item for item in found.breaches if item.ticket == number]
    assert (one.promise.what, one.promise.target) == ("acknowledge", 3600.0)
    assert one.promise.used == pytest.approx(90 * 60, abs=2)
    assert {clock.what for clock in one.ours} >= {"acknowledge", "resolve"}
    (pause,) = one.pauses
    assert house.app.partners.parts.store.line_text(number, pause.line) == "They need the headers"
    assert pause.end - pause.begin == pytest.approx(1800, abs=2)


def test_a_partner_can_wait_for_us_only_where_it_has_the_ticket_and_says_why(house: House) -> None:
    number = ticket(house)
    with pytest.raises(Refused):
        house.act("wait", number, SAM, "us", " ")
    house.act("hand_over", number, SAM, "")
    with pytest.raises(Conflict, match="is with us"):
        house.act("wait", number, SAM, "us", "Because")
    house.settle()
    assert "Because" not in house.told(DANA)


def test_an_empty_month_says_no_tickets_and_never_a_percentage(house: House) -> None:
    report = house.app.partners.reports.get("brightwell", "2030-02")
    paper = house.app.partners.papers.report(report, person(house, SAM))
    text = json.dumps([str(part) for part in paper.parts])
    assert ("No tickets" in text, "100" in text) == (True, False)
    assert report.body["figures"]["rates"] == []


def test_a_report_goes_out_three_working_days_before_the_review_once_and_stays(house: House) -> None:
    answered(house, ticket(house))
    number, _ = breach(house)
    review = house.app.partners.reviews.next(contract(house))
    assert (review.day, review.report_on, review.months) == (date(2030, 3, 15), date(2030, 3, 12), ("2030-02",))
    house.clock.at = at("2030-04-09 10:00")  # the next review is on the 15th; Easter is on 21 April
    assert house.app.partners.reviews.next(contract(house)).report_on == date(2030, 4, 10)
    look(house)
    assert house.count("partner_report") == 0
    house.clock.at = at("2030-04-10 10:00")
    look(house)
    look(house)
    (row,) = house.rows("SELECT month, sha256, body FROM partner_report")
    assert row["month"] == "2030-03"
    for who in (INES, SAM):
        assert house.told(who).count("report for 2030-03") == 1
    kept = house.app.partners.reports.get("brightwell", "2030-03")
    assert house.app.partners.reports.intact(kept)
    house.act("resolve", number)  # whatever happens afterwards
    again = house.app.partners.reports.get("brightwell", "2030-03")
    assert again == kept
    with pytest.raises(Conflict, match="issued already"):
        do(house, lambda work: house.app.partners.reports.issue_by(work, "brightwell", "2030-03", person(house, SAM)))
    assert house.whole()


def test_a_month_that_runs_is_not_issued_and_nonsense_is_no_month(house: House) -> None:
    sam, reports = person(house, SAM), house.app.partners.reports
    with pytest.raises(Refused, match="2030-03 is not over yet"):
        do(house, lambda work: reports.issue_by(work, "brightwell", "2030-03", sam))
    for month in ("2030-13", "march", "2030-3", ""):
        with pytest.raises(NotFound):
            reports.get("brightwell", month)


def test_whoever_cannot_be_reached_is_named(db: Db, home: Path, contents: Contents) -> None:
    given = contracted(contents, reviews={"report_to": [INES, RUTH]})
    house = built(home, db, given, settings={"channels": ()})
    do(house, lambda work: house.app.partners.reports.issue_by(work, "brightwell", "2030-02", person(house, SAM)))
    report = house.app.partners.reports.get("brightwell", "2030-02")
    assert report.unreached == ("Ines Brandt", "Ruth Adeyemi")
    text = str(house.app.partners.papers.report(report, person(house, SAM)).parts)
    assert "Not sent to Ines Brandt, Ruth Adeyemi" in text
    house.close()


def test_what_the_filter_got_wrong_is_counted_from_verdicts_and_tags(house: House) -> None:
    house.send(DANA)
    house.settle()
    house.app.db.query("SELECT 1 AS one")
    held = ticket(house)
    with house.db.tx() as tx:
        tx.execute("UPDATE mail SET kind = 'likely_phishing', decided_by = :p, state = 'decided', decided_at = :at",
                   p=person(house, SAM).key, at=house.clock.at)  # fmt: skip
    do(house, lambda work: house.app.triage.tag(work, held, person(house, SAM), "false-positive"))
    quality = house.app.partners.reports.get("brightwell", "2030-03").body["quality"]
    assert quality == {"let_through": {"all": 1, "person": 1}, "missed": [], "held_back": [held]}


# reviews and actions -------------------------------------------------------------------------------------------------


def test_a_review_on_a_day_off_moves_on_and_is_overdue_until_its_minutes_are_kept(house: House) -> None:
    reviews = house.app.partners.reviews
    house.clock.at = at("2030-06-12 09:00")
    assert reviews.next(contract(house)).day == date(2030, 6, 17)  # the 15th is a Saturday
    assert reviews.next(contract(house)).overdue == date(2030, 5, 15)
    do(house, lambda work: reviews.record(work, "brightwell", date(2030, 5, 15), "We met.", person(house, SAM)))
    assert reviews.next(contract(house)).overdue is None
    with pytest.raises(Refused):
        do(house, lambda work: reviews.record(work, "brightwell", date(2030, 5, 15), "  ", person(house, SAM)))


def test_an_action_is_chased_weekly_until_somebody_else_has_verified_it(house: House) -> None:
    actions, ines, sam = house.app.partners.actions, person(house, INES), person(house, SAM)
    id_ = do(house, lambda work: actions.add(work, "brightwell", "Send the list", SAM, "2030-03-20", ines))
    look(house)
    assert "Send the list" not in house.told(SAM)  # it is fresh
    for _ in range(2):
        house.clock.at += 7 * DAY - 600
        look(house)
        look(house)
    assert house.told(SAM).count("Send the list") == 2
    with pytest.raises(Refused, match="with Sam Ortiz"):
        do(house, lambda work: actions.done(work, id_, "It is there", ines))
    house.press(SAM, "partner.done", id_, {"text": "List of March"})
    with pytest.raises(Refused, match="Somebody else"):
        do(house, lambda work: actions.verify(work, id_, sam))
    with pytest.raises(Refused, match="Somebody else"):
        do(house, lambda work: actions.reject(work, id_, sam))
    house.clock.at += 7 * DAY
    look(house)
    assert f"Sam Ortiz says that {id_} is done" in house.told(INES)
    assert "not for you" not in as_text(house.press(INES, "partner.reject", id_).card)
    assert actions.get(id_).state == "open"
    house.press(SAM, "partner.done", id_, {"text": "List of March, whole"})
    assert f"{id_} is verified" in as_text(house.press(INES, "partner.verify", id_).card)
    told = house.told(SAM).count("Send the list")
    house.clock.at += 7 * DAY
    look(house)
    assert (actions.of("brightwell"), house.told(SAM).count("Send the list")) == ([], told)
    with pytest.raises(Conflict):
        do(house, lambda work: actions.verify(work, id_, ines))


def test_somebody_of_the_partner_is_chased_through_the_contracts_owner(house: House) -> None:
    actions, sam = house.app.partners.actions, person(house, SAM)
    id_ = do(
        house, lambda work: actions.add(work, "brightwell", "Name a second contact", "Rita Fox", "2030-03-05", sam)
    )
    house.clock.at += 2 * DAY
    look(house)
    assert f"{id_} is with Rita Fox" in house.told(INES)
    with pytest.raises(Refused):
        do(house, lambda work: actions.add(work, "brightwell", "What", SAM, "soon", sam))
    with pytest.raises(Refused, match="owner of the contract"):
        do(house, lambda work: actions.drop(work, id_, "Not needed", sam))
    do(house, lambda work: actions.drop(work, id_, "Not needed", person(house, INES)))
    assert actions.get(id_).state == "dropped"


@pytest.mark.parametrize("who", [DANA, CLARA])
def test_buttons_of_actions_and_reports_are_for_those_who_are_named(house: House, who: str) -> None:
    actions = house.app.partners.actions
    id_ = do(
        house, lambda work: actions.add(work, "brightwell", "Send the list", SAM, "2030-03-20", person(house, INES))
    )
    house.press(SAM, "partner.done", id_, {"text": "Done"})
    for action, value in (("verify", id_), ("reject", id_), ("done", id_), ("report", "brightwell:2030-02")):
        house.press(who, f"partner.{action}", value, {"text": "x"})
    for change in (actions.verify, actions.reject):  # whatever door they come by
        with pytest.raises(Refused, match="named in the contract"):
            do(house, lambda work, change=change: change(work, id_, person(house, who)))
    assert actions.get(id_).state == "done"
    assert "Promises kept" not in house.told(who)


# dates ---------------------------------------------------------------------------------------------------------------


def test_its_owner_is_told_before_notice_ends_each_time_once(db: Db, home: Path, contents: Contents) -> None:
    given = contracted(
        contents, contract={"end": "2030-12-31", "auto_renew": False, "notice_days": 90}, risks=[], pulse=None
    )
    house = built(home, db, given, "2030-06-03 09:00")
    twin = House(home, db, given, clock=house.clock)  # a second replica
    said = []
    for day in [*range(29, 33), *range(89, 94), *range(112, 117)]:
        house.clock.at = at("2030-06-03 09:00") + day * DAY
        before = house.told(INES).count("ends on 2030-12-31")
        for one in (house, twin):
            look(one)
        if house.told(INES).count("ends on 2030-12-31") > before:
            said.append((date(2030, 12, 31) - (date(2030, 6, 3) + timedelta(days=day))).days)
    assert said == [180, 120, 97]
    house.clock.at = at("2031-01-06 10:00")
    look(house)
    look(twin)
    assert house.told(INES).count("ended on 2030-12-31") == 1
    house.close()
    twin.close()


def test_a_contract_that_has_ended_warns_at_the_hand_over_and_reports_go_on(
    db: Db, home: Path, contents: Contents
) -> None:
    given = contracted(contents, contract={"end": "2030-02-20", "auto_renew": False})
    house = built(home, db, given)
    number = ticket(house)
    assert (
        "warned",
        "The contract with Brightwell Managed Security ended on 2030-02-20: no answer time is owed.",
    ) in house.timeline(number)
    assert house.app.tickets.get(number).owner == "brightwell"
    do(house, lambda work: house.app.partners.reports.issue_by(work, "brightwell", "2030-02", person(house, SAM)))
    paper = house.app.partners.papers.report(
        house.app.partners.reports.get("brightwell", "2030-02"), person(house, SAM)
    )
    assert "The contract ended on 2030-02-20" in str(paper.parts)
    house.close()


def test_certificates_and_risks_are_pointed_out_to_their_owner_once(db: Db, home: Path, contents: Contents) -> None:
    risk = {
        "id": "one",
        "what": "Mail stands still",
        "owner": TOM,
        "since": "2029-01-01",
        "next_look": "2030-03-01",
        "evidence": [{"what": "Certificate", "valid_to": "2030-03-20"}, {"what": "Far off", "valid_to": "2031-01-01"}],
    }
    house = built(home, db, contracted(contents, risks=[risk]))
    look(house)
    look(house)
    told = house.told(TOM)
    assert (
        told.count("Mail stands still"),
        told.count("holds until 2030-03-20: Certificate"),
        told.count("Far off"),
    ) == (1, 1, 0)
    house.close()


@pytest.mark.parametrize("moment", ["2030-03-02 10:00", "2030-03-03 12:00", "2030-03-04 03:00", "2030-03-04 22:00"])
def test_nothing_is_sent_at_night_or_on_a_day_off(house: House, moment: str) -> None:
    house.clock.at = at(moment)
    look(house)
    assert house.count("delivery") == 0


# the pulse -----------------------------------------------------------------------------------------------------------


def test_five_questions_are_asked_once_a_quarter_and_answers_lead_to_nobody(house: House) -> None:
    for who in (SAM, INES, TOM, RUTH):
        house.say(who, "hello")
    look(house)
    look(house)
    assert house.told(SAM).count("1 of 5") == 1
    pulses, terms = house.app.partners.pulses, contract(house)
    for count, who in enumerate((SAM, INES, TOM, RUTH), 1):
        card = house.say(who, "partner questions").card
        for mark in ("4", "5 fully", "3", "4", "2"):
            card = house.press_label(who, card, mark).card
        house.press(who, "partner.pulse_words", "brightwell:2030-Q1:", {"text": f"Words {count}"})
        shown = pulses.shown(terms, "2030-Q1")
        assert shown is not None
        assert (shown.n, shown.means is None, shown.words == ()) == (count, count < 4, count < 4)
    assert shown is not None
    assert shown.means == (4.0, 5.0, 3.0, 4.0, 2.0)
    keys = {house.key(who) for who in (SAM, INES, TOM, RUTH)}
    assert not keys & {str(value) for row in house.rows("SELECT * FROM partner_pulse") for value in row.values()}


def test_answering_again_replaces_and_others_are_not_asked(house: House) -> None:
    for marks in ("11111", "55555"):
        house.press(SAM, "partner.pulse", f"brightwell:2030-Q1:{marks}")
    assert [row["marks"] for row in house.rows("SELECT marks FROM partner_pulse")] == ["55555"]
    for who, value in ((DANA, "brightwell:2030-Q1:55555"), (SAM, "brightwell:2029-Q4:55555"), (SAM, "x"),
                       (SAM, "brightwell:2030-Q1:99999"), (SAM, "nobody:2030-Q1:11111")):  # fmt: skip
        house.press(who, "partner.pulse", value)
    assert house.count("partner_pulse") == 1


def test_forgetting_takes_answers_and_words_along_and_leaves_records_whole(house: House) -> None:
    house.press(TOM, "partner.pulse", "brightwell:2030-Q1:11111")
    number, name = breach(house)
    ines, disputes = person(house, INES), house.app.partners.disputes
    id_ = do(house, lambda work: disputes.open(work, "brightwell", number, name, ines))
    do(house, lambda work: disputes.say(work, id_, "note", "Dana Reyes was on the phone", ines))
    house.app.forget(TOM)
    house.app.forget(DANA)
    assert house.count("partner_pulse") == 0
    found = disputes.get(id_)
    assert (found.fault, [text for text in found.words.values() if "Dana" in text or "Since noon" in text]) == ("", [])
    assert chain.fault_of_file(json.dumps(disputes.export(id_)).encode()) == ""


# disputes ------------------------------------------------------------------------------------------------------------


def opened(house: House) -> tuple[str, str]:
    number, name = breach(house)
    disputes = house.app.partners.disputes
    return do(house, lambda work: disputes.open(work, "brightwell", number, name, person(house, SAM))), number


def test_a_dispute_freezes_the_evidence_whatever_happens_to_the_ticket(house: House) -> None:
    id_, number = opened(house)
    disputes = house.app.partners.disputes
    before = disputes.export(id_)
    house.act("note", number, SAM, "Later")
    house.act("resolve", number)
    found = disputes.get(id_)
    assert disputes.export(id_) == before
    evidence = found.evidence
    assert (evidence["contract"]["version"], evidence["zones"]["office"]) == (contract(house).version, "Europe/London")
    assert "Later" not in found.words.values()
    assert "They need the headers" in found.words.values()
    assert (found.fault, found.steps[0].state, found.due > house.clock.at) == ("", "now", True)
    name = evidence["breach"]["name"]
    with pytest.raises(Conflict, match=id_):
        do(house, lambda work: disputes.open(work, "brightwell", number, name, person(house, SAM)))


def test_two_who_dispute_a_breach_at_once_open_one(house: House) -> None:
    number, name = breach(house)
    disputes, people = house.app.partners.disputes, [person(house, who) for who in (SAM, INES)]
    both = Barrier(2)

    def open_(who: Person) -> str:
        both.wait(10)
        try:
            return house.app.work(lambda work: disputes.open(work, "brightwell", number, name, who))
        except Conflict as error:
            return str(error)

    with ThreadPoolExecutor(2) as pool:
        said = sorted(pool.map(open_, people), key=len)
    assert said[0] == "DIS-1"
    assert "DIS-1" in said[1]
    assert (house.count("partner_dispute"), house.count("partner_record")) == (1, 1)
    do(house, lambda work: disputes.close(work, "DIS-1", "Settled", people[1]))
    assert do(house, lambda work: disputes.open(work, "brightwell", number, name, people[0])) == "DIS-2"


def test_a_dispute_reads_the_tickets_own_lines(house: House) -> None:
    ticket(house)
    number, _ = breach(house)
    now = house.clock.now()
    assert [case.ticket for case in house.app.partners.parts.cases("brightwell", 0.0, now, number)] == [number]
    assert len(house.app.partners.parts.cases("brightwell", 0.0, now)) == 2


def test_only_the_contracts_owner_goes_on_and_skipping_needs_a_reason_that_stays(house: House) -> None:
    id_, _ = opened(house)
    disputes, sam, ines = house.app.partners.disputes, person(house, SAM), person(house, INES)
    do(house, lambda work: disputes.say(work, id_, "offer", "Ten per cent", sam))
    with pytest.raises(Refused, match="Ines Brandt"):
        do(house, lambda work: disputes.go_on(work, id_, "managers", "", sam))
    with pytest.raises(Refused, match="a few words"):
        do(house, lambda work: disputes.go_on(work, id_, "executives", " ", ines))
    do(house, lambda work: disputes.go_on(work, id_, "executives", "The managers are on leave", ines))
    found = disputes.get(id_)
    assert [step.state for step in found.steps] == ["past", "skipped", "now", "ahead"]
    with pytest.raises(Refused, match="later step"):
        do(house, lambda work: disputes.go_on(work, id_, "managers", "", ines))
    with pytest.raises(Refused):
        do(house, lambda work: disputes.close(work, id_, "Settled", sam))
    do(house, lambda work: disputes.close(work, id_, "Settled: ten per cent", ines))
    for late in (
        lambda work: disputes.say(work, id_, "note", "More", sam),
        lambda work: disputes.close(work, id_, "x", ines),
    ):
        with pytest.raises(Conflict, match="closed"):
            do(house, late)
    kinds = [row["kind"] for row in disputes.get(id_).records]
    assert kinds == ["opened", "offer", "skipped", "step", "closed"]
    assert house.whole()


def test_a_step_that_runs_out_is_told_once(house: House) -> None:
    id_, _ = opened(house)
    house.clock.at = house.app.partners.disputes.get(id_).due + 10 * HOUR
    look(house)
    look(house)
    assert house.told(INES).count(f"{id_}: the time for this step is over") == 1


def test_what_is_over_is_not_worked_out_again_each_hour(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    id_, _ = opened(house)
    disputes, ines = house.app.partners.disputes, person(house, INES)
    do(house, lambda work: disputes.close(work, id_, "Settled", ines))
    house.clock.at = at("2030-04-10 10:00")
    look(house)
    assert house.count("partner_report") == 1
    for part in ("bot.partners.reports.figures", "bot.partners.disputes.Disputes.get"):
        monkeypatch.setattr(part, lambda *_given: pytest.fail("for nothing"))
    look(house)


def test_one_partners_trouble_holds_up_no_others(
    db: Db, home: Path, contents: Contents, monkeypatch: pytest.MonkeyPatch
) -> None:
    risk = {"id": "one", "what": "Mail stands still", "owner": TOM, "since": "2029-01-01", "next_look": "2030-03-01"}
    given = contracted(contents, risks=[{**risk, "evidence": []}])
    terms = given.partners.current["brightwell"]
    two = fixed("partners", {"first": terms, "brightwell": replace(terms)})
    house = built(home, db, replace(given, partners=two))
    next_ = type(house.app.partners.reviews).next

    def troubled(reviews: Any, contract: Contract) -> Any:
        if contract is terms:
            raise RuntimeError("the first one is broken")
        return next_(reviews, contract)

    monkeypatch.setattr(type(house.app.partners.reviews), "next", troubled)
    with pytest.raises(RuntimeError, match="first one"):
        look(house)
    house.settle()
    assert house.told(TOM).count("Mail stands still") == 1
    house.close()


@pytest.mark.parametrize("how", ["edit", "drop", "swap", "cut", "words", "more"])
def test_the_file_shows_every_change(house: House, how: str) -> None:
    id_, _ = opened(house)
    disputes, sam = house.app.partners.disputes, person(house, SAM)
    for text in ("One", "Two"):
        do(house, lambda work, text=text: disputes.say(work, id_, "note", text, sam))
    found = disputes.export(id_)
    assert chain.fault_of_file(json.dumps(found).encode()) == ""
    records, texts = found["records"], found["texts"]
    match how:
        case "edit":
            records[0]["detail"]["evidence"]["breach"]["promise"]["used"] = 1.0
        case "drop":
            del records[1]
        case "swap":
            records[1], records[2] = records[2], records[1]
        case "cut":
            del records[-1]
        case "words":
            texts[-1]["words"] = "Three"
        case "more":
            texts.append({"seq": 2, "name": "extra", "salt": "", "words": "Four"})
    assert chain.fault_of_file(json.dumps(found).encode()) != ""


def test_a_row_that_was_changed_in_the_database_is_shown(house: House) -> None:
    id_, _ = opened(house)
    with house.db.tx() as tx:
        tx.execute("UPDATE partner_record SET at = at + 1 WHERE dispute = :d", d=id_)
    assert house.app.partners.disputes.get(id_).fault == "row 1 was edited"


@pytest.mark.parametrize(("number", "name"), [("SEC-999", "acknowledge.1.000"), ("", ""), ("SEC-101", "resolve.0")])
def test_a_dispute_needs_a_breach(house: House, number: str, name: str) -> None:
    ticket(house)
    with pytest.raises(NotFound):
        do(house, lambda work: house.app.partners.disputes.open(work, "brightwell", number, name, person(house, SAM)))


# the desk's card -----------------------------------------------------------------------------------------------------


def test_the_card_says_who_has_it_and_switches(house: House) -> None:
    number = ticket(house)
    card = house.app.room.card_of(number)
    assert "With: Brightwell Managed Security" in as_text(card)
    house.press(DANA, "desk.hand", f"{number}:")
    assert house.app.tickets.get(number).owner == "brightwell"
    house.press(SAM, "desk.hand", f"{number}:")
    assert "With: us" in as_text(house.app.room.card_of(number))
    assert "Hand to Brightwell Managed Security" in as_text(house.app.room.card_of(number))
    house.press(SAM, "desk.hand", f"{number}:nobody")
    assert house.app.tickets.get(number).owner == ""


def test_typed_words_are_for_those_whom_they_concern(house: House) -> None:
    assert "Promises kept: No tickets" in as_text(house.say(SAM, "Partner report").card)
    assert "No action is open." in as_text(house.say(INES, "partner actions").card)
    assert "1 von 5" in as_text(house.say(HENRIK, "partner fragen").card) or "1 of 5" in as_text(
        house.say(HENRIK, "partner fragen").card
    )
    for words in ("partner questions", "partner report", "partner actions"):
        assert "Brightwell" not in as_text(house.say(DANA, words).card)


@pytest.mark.parametrize("words", ["partner questions", "Partner  Actions", "informe partner"])
def test_in_a_channel_that_others_read_the_answer_is_private(house: House, words: str) -> None:
    public = Place("web", "everybody", "", private=False)
    reply = house.say(SAM, words, place=public, aside=house.place(SAM))
    assert reply.place == house.place(SAM)
    asked = house.message(SAM, "", place=public, aside=house.place(SAM))
    assert house.app.desk.handle(replace(asked, action=Action("partner.report", "brightwell:2030-02"))).place.private


def test_what_people_type_follows_the_words_in_use(house: House) -> None:
    desk = house.app.partners.desk
    assert (desk.asked("rapport partenaire"), desk.asked("partner reports of last year")) == (True, False)
    assert desk.command("rapport partenaire", person(house, SAM)) == Action("partner.typed", "report", {"lang": "fr"})
