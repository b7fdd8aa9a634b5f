"""What goes in and out of the API, as pydantic models; the OpenAPI description is made of them. Times are RFC 3339 in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from bot.model import Severity
from bot.reporting.regrouping import MOST_WHY

MOST = 100  # items of a page
MONTH = r"^[0-9]{4}-(0[1-9]|1[0-2])$"
Verdict = Literal["likely_phishing", "suspicious", "spam", "practice", "ours", "nothing_found"]


def _storable(text: str) -> str:
    """No character that a database refuses (NUL) or that is no character (half of a pair)."""
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError("no NUL and no half of a surrogate pair")
    return text


Storable = AfterValidator(_storable)
Text = Annotated[str, StringConstraints(max_length=4000, strip_whitespace=True, min_length=1), Storable]
Optional = Annotated[str, StringConstraints(max_length=4000, strip_whitespace=True), Storable]
Line = Annotated[str, StringConstraints(max_length=120, strip_whitespace=True, min_length=1), Storable]
Reason = Annotated[str, StringConstraints(max_length=MOST_WHY, strip_whitespace=True, min_length=1), Storable]
Word = Annotated[str, StringConstraints(max_length=120), Storable]


class Shape(BaseModel):
    """Of what comes in: nothing that is not known."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Query(BaseModel):
    """Of what is in the address."""

    model_config = ConfigDict(extra="forbid")


class Paged(Query):
    """A page of a list. `cursor` is the `next` of the page before."""

    cursor: Word = ""
    limit: int = Field(default=50, ge=1, le=MOST)


class Out(BaseModel):
    """Of what goes out."""

    model_config = ConfigDict(extra="forbid")


def moment(at: float) -> datetime | None:
    """A stored time, None for 0 ("not") and for what is no moment."""
    return datetime.fromtimestamp(at, UTC) if 0 < at < 4e9 else None


class Who(Out):
    """A person. `id` is the directory's; "" for Secdesk itself and for somebody who is in no directory."""

    id: str
    name: str


class Problem(Out):
    """RFC 9457. `errors` says what is wrong where, if the request itself is."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[Wrong] = []


class Wrong(Out):
    """`where` is a path like `body.text` or `query.limit`."""

    where: str
    what: str


class Changed(Out):
    """What a change was about. `href` leads to it as it is now."""

    id: str
    href: str


class Sent(Changed):
    """What was sent. It waits until `goes_out_at`; until then `DELETE` of `undo` takes it back. Both are null if it went out at
    once, as it does in an emergency."""

    goes_out_at: datetime | None
    undo: str | None


class NewText(Out):
    """A new answer of this version that nobody is shown yet, or a new lesson (`lesson:…`) that is sent to nobody."""

    id: str
    title: str
    text: str


class LateEdit(Out):
    """An edit by hand that did not come into use, since another one of the same file was first."""

    version: str
    path: str
    who: str
    at: datetime | None


class UpdateList(Out):
    """`changed`: answers whose shipped text changed under your own."""

    new: list[NewText]
    changed: list[str]
    set_aside: list[LateEdit]


class TwoTexts(Out):
    """A whole file as it is in use (`ours`), and as it would be."""

    ours: str
    theirs: str


class Me(Out):
    """The token that asks."""

    id: str
    name: str
    scopes: list[str]
    expires_at: datetime | None
    person: Who
    roles: list[str]


# tickets


class TicketQuery(Paged):
    """`q`: words that are all in it. `assignee`: a person's id, `me`, or `-` for nobody."""

    state: Literal["unresolved", "open", "claimed", "resolved", "all"] = "unresolved"
    severity: Literal["", "S0", "S1", "S2", "S3"] = ""
    team: Word = ""
    kind: Word = ""
    tag: Word = ""
    entity: Word = ""
    partner: Word = ""
    waiting: Literal["", "person", "partner"] = ""
    assignee: Word = ""
    requester: Word = ""
    q: Word = ""


class Ticket(Out):
    """A ticket as it stands in the queue. `due_at`: when somebody has to have done something, if a clock runs."""

    number: str
    kind: str
    subject: str
    severity: Severity
    state: Literal["open", "claimed", "resolved"]
    team: str
    entity: str
    partner: str
    waiting: str
    priority: int
    merged_into: str
    tags: list[str]
    requester: Who | None
    assignee: Who | None
    created_at: datetime | None
    updated_at: datetime | None
    resolved_at: datetime | None
    due_at: datetime | None


class TicketPage(Out):
    """`next`: the cursor of the page that follows, null at the end."""

    items: list[Ticket]
    next: str | None


class Event(Out):
    """A line of a timeline. `visible`: the requester sees it too."""

    seq: int
    at: datetime | None
    actor: Who | None
    kind: str
    text: str
    visible: bool


class Link(Out):
    """A ticket that belongs with this one."""

    number: str
    kind: str


class TicketWhole(Ticket):
    """A ticket with its timeline. `etag` is what `If-Match` takes."""

    etag: str
    timeline: list[Event]
    links: list[Link]


class Opened(Shape):
    """A ticket for somebody of the directory (id or address); they hear of it where they talk to Secdesk."""

    requester: Line
    subject: Line
    text: Text
    severity: Literal["S0", "S1", "S2"] = "S1"


class Said(Shape):
    """Something written."""

    text: Text


class MaySay(Shape):
    """Something that may be written along."""

    text: Optional = ""


class Assigned(Shape):
    """`to`: `me`, or the id of somebody who works tickets."""

    to: Line


class Status(Shape):
    """`waiting` needs `on`; `text` goes to the requester where the status tells them anything."""

    status: Literal["resolved", "reopened", "waiting", "running"]
    on: Literal["person", "partner"] = "person"
    text: Optional = ""


class Sorted(Shape):
    """What is given is set."""

    severity: Severity | None = None
    team: Line | None = None
    priority: Literal[-1, 0, 1] | None = None
    tag: list[Line] = Field(default=[], max_length=20)
    untag: list[Line] = Field(default=[], max_length=20)


class Into(Shape):
    """Another ticket."""

    into: Line


class Linked(Shape):
    """Another ticket, and how they belong together."""

    to: Line
    kind: Literal["related", "duplicate", "incident"] = "related"


class Handed(Shape):
    """To a partner of sla.yaml by its id; "" takes it back."""

    partner: Word


# reported mail


class ReportQuery(Paged):
    """`open`: no person has judged it."""

    state: Literal["open", "judged", "all"] = "open"


class Report(Out):
    """A case of reported mail: mails that are the same, with one ticket and one verdict. `verdict` is "" while it is checked."""

    ticket: str
    subject: str
    severity: Severity
    verdict: str
    judged_by_a_person: bool
    reports: int
    mails: int
    delivered_at: datetime | None
    reported_at: datetime | None
    decided_at: datetime | None


class ReportPage(Out):
    """`next`: the cursor of the page that follows, null at the end."""

    items: list[Report]
    next: str | None


class Sign(Out):
    """What spoke for the verdict."""

    check: str
    what: str


class ReportWhole(Report):
    """A case with what was read of its first mail; addresses and links are defanged."""

    signs: list[Sign]
    unchecked: list[str]
    sender: str
    mail_subject: str
    links: list[str]
    attachments: list[str]
    mail_ids: list[str]
    reporters: int
    reached: int
    warned: int


class Merged(Shape):
    """The ticket of the case that this one belongs to, and why."""

    into: Line
    why: Reason


class Split(Shape):
    """One of the case's `mail_ids`, and why it is another case."""

    mail: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
    why: Reason


class Warned(Shape):
    """Those of this role at whose work the mail is aimed; without one everybody who was sent it."""

    role: Word = ""


class Asked(Shape):
    """A purge of the case's mails from mailboxes, or a block of their senders. A second person approves it in the console."""

    kind: Literal["purge", "block"]


class Judged(Shape):
    """A person's verdict. `note` is shown to reporters. `every`: also for mails of the case that differ."""

    kind: Verdict
    note: Annotated[str, StringConstraints(max_length=1000, strip_whitespace=True), Storable] = ""
    every: bool = False


# people


class PeopleQuery(Paged):
    """`q`: part of a name or an address."""

    q: Word = ""


class Person(Out):
    """Somebody of the directory."""

    id: str
    name: str
    email: str
    roles: list[str]
    entity: str
    language: str
    timezone: str


class PersonPage(Out):
    """`next`: the cursor of the page that follows, null at the end."""

    items: list[Person]
    next: str | None


# knowledge


class EntryQuery(Paged):
    """`group`: only entries of that one."""

    group: Word = ""


class Entry(Out):
    """An answer that is in use."""

    id: str
    title: str
    group: str
    severity: Severity
    owner: str
    languages: list[str]
    reviewed: str
    review_due: str
    version: int


class EntryPage(Out):
    """`next`: the cursor of the page that follows, null at the end."""

    items: list[Entry]
    next: str | None


class EntryWhole(Entry):
    """An answer as people of the directory get it, as plain text, by language."""

    text: dict[str, str]
    questions: dict[str, list[str]]
    related: list[str]


class Question(Shape):
    """A question to try, as the token's person. Nothing is stored, nobody is called."""

    text: Text


class Answer(Out):
    """What would be answered. `entry` is "" where there is no certain answer."""

    outcome: Literal["answer", "suggest", "escalate", "emergency", "confirm"]
    entry: str
    suggestions: list[str]
    confidence: float
    text: str


# the rest


class Campaign(Out):
    """Tips to many. `counts`: queued, sent, answered and so on; `reasons`: why people were left out."""

    id: str
    title: str
    lesson: str
    state: str
    test: bool
    started_at: datetime | None
    total: int
    counts: dict[str, int]
    reasons: dict[str, int]


class Campaigns(Out):
    """The newest twenty."""

    items: list[Campaign]


class Months(Query):
    """Whole months, both included; the last twelve that are over if empty."""

    first: Annotated[str, StringConstraints(pattern=MONTH)] | Literal[""] = Field(default="", alias="from")
    last: Annotated[str, StringConstraints(pattern=MONTH)] | Literal[""] = Field(default="", alias="to")


class Figure(Out):
    """A figure of a cell. null: not shown, or "not yet". `share` is from 0 to 1."""

    cell: str
    n: int | None
    share: float | None
    median_seconds: int | None
    p90_seconds: int | None


class Period(Out):
    """The figures of a month or a quarter."""

    period: str
    cells: list[Figure]


class Metric(Out):
    """`whole` is the range, `periods` its parts."""

    name: str
    shape: Literal["share", "time"]
    whole: list[Figure]
    periods: list[Period]


class Metrics(Out):
    """Figures of finished months; cells under ten are not shown."""

    first: str
    last: str
    items: list[Metric]


class AuditRow(Out):
    """A row of the chain. `actor` and `subject` are pseudonyms, numbers or short names."""

    seq: int
    at: datetime | None
    actor: str
    action: str
    subject: str
    detail: dict[str, str]


class AuditPage(Out):
    """The newest first. `next`: the cursor of the page that follows, null at the end."""

    items: list[AuditRow]
    next: str | None


class Turn(Out):
    """A turn of duty."""

    name: str
    start: datetime | None
    end: datetime | None


class OnCall(Out):
    """Who is called first to last, until when, and the turns that follow."""

    order: list[Who]
    until: datetime | None
    turns: list[Turn]


class CallOut(Out):
    """A call to whoever is on duty."""

    key: str
    ticket: str
    summary: str
    state: str
    called_at: datetime | None
    acknowledged_at: datetime | None


class Calls(Out):
    """Those that nobody has answered first."""

    items: list[CallOut]


class TokenOut(Out):
    """A token, without the token."""

    id: str
    name: str
    person: Who | None
    scopes: list[str]
    state: Literal["good", "revoked", "expired"]
    created_at: datetime | None
    expires_at: datetime | None
    used_at: datetime | None


class TokenList(Out):
    """All tokens, the newest first."""

    items: list[TokenOut]


# partners


class Kept(Out):
    """Promises of a severity and a kind (acknowledge, update, resolve) in the running month."""

    severity: str
    what: str
    n: int
    kept: int


class PartnerOut(Out):
    """A partner: how it keeps its promises this month, and what is open with it."""

    id: str
    name: str
    n: int
    kept: int
    rates: list[Kept]
    breaches: int
    open_actions: int
    open_disputes: int


class PartnerList(Out):
    """All partners with a contract."""

    items: list[PartnerOut]


# procedures


class ProcedureOut(Out):
    """A procedure that is in use."""

    id: str
    title: str
    version: int
    owner: str
    minutes: int
    steps: int


class ProcedureList(Out):
    """All of them, by id."""

    items: list[ProcedureOut]


class RunQuery(Paged):
    """What is empty is any."""

    state: Literal["", "running", "done", "stopped", "aborted", "missed"] = ""
    procedure: Word = ""
    ticket: Word = ""


class RunOut(Out):
    """A run of a procedure. A change names the present `step` and its `visit`, and counts for that visit alone."""

    id: str
    procedure: str
    version: int
    state: str
    ticket: str
    holder: Who | None
    step: str
    visit: int
    started_at: datetime | None
    due_at: datetime | None
    ended_at: datetime | None


class RunPage(Out):
    """`next`: the cursor of the page that follows, null at the end."""

    items: list[RunOut]
    next: str | None


class Choice(Out):
    """An option of a step that is a question."""

    id: str
    label: str


class RunWhole(RunOut):
    """A run with its present step: what to do, what evidence is wanted, and which answers there are."""

    title: str
    task: str
    evidence: str
    options: list[Choice]
    records: int
    head: str


class Started(Shape):
    """A run of a procedure, of a ticket if one is given."""

    procedure: Line
    ticket: Word = ""


class Visit(Shape):
    """The present step, as it was read."""

    step: Line
    visit: Annotated[int, Field(ge=0, le=1_000_000)]


class DoneStep(Visit):
    """Its evidence in words, or as an address where the step wants a link. Files take the console or the chat."""

    text: Optional = ""


class AnsweredStep(Visit):
    """The id of the option."""

    option: Line


class WhyStep(Visit):
    """The reason."""

    why: Text


class Why(Shape):
    """The reason."""

    why: Text


# privacy


class RetentionKind(Out):
    """One kind of data. `days` null: no time ends it, or it ends by itself."""

    id: str
    what: str
    why: str
    days: int | None
    ends_by_itself: bool
    deleted_last_run: int


class RetentionOut(Out):
    """`waited`: the last run only looked, since the clock had not gone on from the run before."""

    last_run_at: datetime | None
    waited: bool
    items: list[RetentionKind]


class HoldQuery(Query):
    """`lifted`: those that no longer hold too."""

    lifted: bool = False


class Hold(Out):
    """A legal hold on a ticket or a run of a procedure. `lifted_at` null: it holds."""

    subject: str
    why: str
    placed_by: Who | None
    placed_at: datetime | None
    lifted_by: Who | None
    lifted_at: datetime | None
    lifted_why: str


class Holds(Out):
    """The newest first."""

    items: list[Hold]


class NewHold(Shape):
    """`subject`: the number of a ticket or run, such as SEC-101 or RUN-7."""

    subject: Line
    why: Text
