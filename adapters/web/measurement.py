"""The console's page of what has changed: figures, charts drawn here (each with a table that says the same), and what is kept.

What may be shown was decided when a period was closed; this page only lays it out. Charts are SVG without a script.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from starlette.responses import Response
from starlette.routing import Route

from adapters.papers.table import table
from adapters.web.charts import Chart, Line, draw
from adapters.web.console import Done, Frame, Look
from adapters.web.signin import HOME
from bot.errors import Conflict, NotFound
from bot.learning.experiments import FEWEST_STAFF, SWITCH
from bot.learning.finished import UNKNOWN, Figure
from bot.learning.guardrails import GUARDS, SPAM, UNWANTED
from bot.learning.measurement import Measures
from bot.learning.privacy import AGREEMENT, state_key
from bot.organisation import pick
from bot.turn import Work

PERIODS = 6  # in a chart: more cannot be read on a phone
MOST_CLICKS = 100_000
PAGE = f"{HOME}/measurement"
VALUES = ("reports", "first_report")  # figures with a value of their own; that of the others is the share of hits


@dataclass(frozen=True)
class Section:
    """A measure: its chart (if it has one), the table beside it, and by kind of work for the newest period."""

    key: str
    chart: Chart | None
    heads: tuple[str, ...]
    lines: tuple[Line, ...]
    groups: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Trial:
    """A comparison as the page shows it."""

    id: str
    title: str
    state: str
    start: date
    stop: date
    needed: int
    percent: int
    said: str


class MeasurementPages:
    """Routes of measurement."""

    def __init__(self, frame: Frame, measures: Measures) -> None:
        self._frame, self._measures = frame, measures

    def routes(self) -> list[Route]:
        frame = self._frame
        return [
            frame.view("/measurement", self.show, "see"),
            frame.view("/measurement/figures.csv", self.table, "see"),
            frame.view("/measurement/kept/{module}", self.kept, "see"),
            frame.change("/measurement/clicks", self.clicks, "work"),
            frame.change("/measurement/comparison", self.comparison, "send"),
        ]

    def show(self, look: Look) -> Response:
        """Everything that may be shown."""
        figures = self._measures.store.figures()
        library, org = self._measures.library(), self._frame.services.org()
        agreed = [self._entity(name) for name in ("", *org.file.entities) if org.values(name).get(AGREEMENT)]
        kept = [
            (name, pick(page.title, look.person.language), self._state(look, name))
            for name, page in library.privacy.items()
        ]
        return self._frame.page(
            look, "measurement.html", sections=[*self._sections(look, figures)], guards=self._guards(look, figures),
            unwanted=self._unwanted(look, figures),
            trials=[self._trial(look, name) for name in library.experiments], kept=kept, agreed=agreed, fewest=FEWEST_STAFF,
            event=secrets.token_hex(12),
        )  # fmt: skip

    def table(self, look: Look) -> Response:
        """Every figure of every period as CSV, what is not shown as `hidden`."""
        rows = [_row(figure) for figure in self._measures.store.figures() if figure.cell != "made"]
        heads = ("period", "figure", "group", "state", "n", "hits", "value")
        return Response(
            table(heads, rows), media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="secdesk-measurement.csv"'},
        )  # fmt: skip

    def kept(self, look: Look) -> Response:
        """The page of one module: what is kept, what for, who sees it, for how long. Raises `NotFound`."""
        name = str(look.request.path_params["module"])
        privacy, org = self._measures.library().privacy, self._frame.services.org()
        if name not in privacy:
            raise NotFound(name)
        states = [(self._entity(entity), self._state(look, name, entity)) for entity in ("", *org.file.entities)]
        page, lang = privacy[name], look.person.language
        texts = [(field, pick(texts, lang)) for field, texts in page.texts() if field != "title"]
        return self._frame.page(look, "measurement_kept.html", title=pick(page.title, lang), texts=texts, states=states)

    def clicks(self, look: Look, fields: Mapping[str, str]) -> Done:
        """How many people clicked in a case besides those who told us: a number."""
        ticket, number = fields.get("ticket", "").strip().upper()[:40], fields.get("n", "").strip()
        if not number.isascii() or not number.isdecimal() or int(number) > MOST_CLICKS or not self._there(ticket):
            return Done(PAGE, "console.measure.clicks_bad", {}, bad=True)

        def change(work: Work) -> None:
            self._measures.store.note_clicks(work.tx, ticket, int(number), look.person.key, work.at)
            work.audit(look.person.key, "measure.clicks", ticket)

        self._frame.once(look, fields, change)
        return Done(PAGE, "console.measure.clicks_done", {"ticket": ticket})

    def comparison(self, look: Look, fields: Mapping[str, str]) -> Done:
        """Switch a comparison on or off."""
        name, on = fields.get("name", ""), fields.get("on", "") == "1"
        experiment = self._measures.library().experiments.get(name)
        if experiment is None:
            raise NotFound(name)
        try:
            self._frame.once(look, fields, lambda work: self._measures.switch(work, look.person.key, name, on))
        except Conflict:
            params = {"needed": str(experiment.needed()), "fewest": str(FEWEST_STAFF)}
            return Done(PAGE, "console.measure.trial_few", params, bad=True)
        return Done(PAGE, "console.measure.trial_on" if on else "console.measure.trial_off", {})

    def _there(self, ticket: str) -> bool:
        try:
            return bool(self._frame.services.tickets.get(ticket))
        except NotFound:
            return False

    # laying out

    def _say(self, look: Look) -> Callable[..., str]:
        return lambda key, **params: self._frame.say(look, key, **params)

    def _entity(self, name: str) -> str:
        file = self._frame.services.org().file
        return file.entities[name].name if name else file.name

    def _state(self, look: Look, module: str, entity: str = "") -> str:
        values = self._frame.services.org().values(entity)
        key = state_key(self._measures.library().privacy, module, values)
        return self._frame.say(
            look, f"console.measure.state.{key.removeprefix('privacy.')}", agreement=values.get(AGREEMENT, "")
        )

    def _sections(self, look: Look, figures: Sequence[Figure]) -> Iterable[Section]:
        say = self._say(look)
        hidden = say("console.measure.hidden")

        def number(figure: Figure, text: str) -> str:
            return say("console.measure.unknown") if figure.n == UNKNOWN else text if figure.n >= 0 else hidden

        def share(figure: Figure) -> tuple[float | None, str]:
            part = figure.shown.share
            return (None if part is None else 100 * part), number(figure, f"{100 * (part or 0):.0f} %")

        def rate(figure: Figure) -> tuple[float | None, str]:
            return (figure.value if figure.n >= 0 else None), number(figure, f"{figure.value:.1f}")

        def minutes(figure: Figure) -> tuple[float | None, str]:
            return (figure.value if figure.n >= 0 else None), number(figure, f"{figure.value:.0f}")

        for metric, read in (
            ("reports", rate), ("first_report", minutes), ("tell_us", share), ("precision", share),
            ("first_try", share), ("after_30", share), ("after_120", share),
        ):  # fmt: skip
            found = sorted((f for f in figures if f.metric == metric and f.cell == "total"), key=lambda f: f.period)[
                -PERIODS:
            ]
            heads, columns = self._columns(metric, figures)
            lines = [Line((f.period, *(number(f, text(f)) for text in columns), read(f)[1])) for f in found]
            title = say(f"console.measure.{metric}")
            points = [(f.period, *read(f)) for f in found]
            chart = draw(
                metric,
                title,
                points,
                say("console.measure.chart", title=title, values="; ".join(f"{p}: {t}" for p, _, t in points)),
            )
            yield Section(
                metric, chart if points else None,
                tuple(say(f"console.measure.{head}") for head in ("period", *heads, f"{metric}.value")), tuple(lines),
                tuple(self._groups(look, figures, metric, found, number, read)),
            )  # fmt: skip

    @staticmethod
    def _columns(metric: str, figures: Sequence[Figure]) -> tuple[list[str], list[Callable[[Figure], str]]]:
        """The numbers that stand between the period and the figure itself: names of their heads, and how they are read."""
        count, hits = (lambda f: str(f.n)), (lambda f: str(f.hits))
        if metric == "first_report":
            return ["cases"], [count]
        if metric == "precision":
            spam = {figure.period: str(figure.hits) for figure in figures if figure.metric == SPAM}
            return ["reports_n", "precision.hits", "precision.spam"], [count, hits, lambda f: spam.get(f.period, "0")]
        return ["people", f"{metric}.hits"], [count, hits]

    def _groups(
        self, look: Look, figures: Sequence[Figure], metric: str, found: Sequence[Figure],
        number: Callable[[Figure, str], str], read: Callable[[Figure], tuple[float | None, str]],
    ) -> Iterable[Line]:  # fmt: skip
        """The newest period by kind of work."""
        roles, lang = self._frame.services.org().roles, look.person.language
        for figure in figures:
            if found and (figure.metric, figure.period) == (metric, found[-1].period) and figure.cell in roles:
                name = pick(roles[figure.cell].name, lang)
                part = figure.shown.share
                text = number(figure, f"{100 * (part or 0):.0f} %")
                yield Line((name, number(figure, str(figure.n)), number(figure, str(figure.hits)), text))

    def _guards(self, look: Look, figures: Sequence[Figure]) -> list[Line]:
        """The newest quarter's guardrails in words."""
        say, lines = self._say(look), list[Line]()
        for name, limit in GUARDS.items():
            found = [figure for figure in figures if figure.metric == name]
            if found:
                last = max(found, key=lambda figure: figure.period)
                state = say(f"console.measure.guard.is.{_standing(last)}")
                lines.append(Line((say(f"console.measure.guard.{name}"), last.period, f"{100 * limit:.0f} %", state)))
        return lines

    def _unwanted(self, look: Look, figures: Sequence[Figure]) -> list[Line]:
        """Tips of the newest quarter that many called not useful, most of them first."""
        found = [figure for figure in figures if figure.metric == UNWANTED]
        newest = max((figure.period for figure in figures if figure.metric == "useless"), default="")
        lessons, lang = self._measures.library().lessons, look.person.language
        return [
            Line((pick(lessons[item.cell].title, lang) if item.cell in lessons else item.cell, newest, str(item.n)))
            for item in sorted(found, key=lambda item: (-item.n, item.cell)) if item.period == newest
        ]  # fmt: skip

    def _trial(self, look: Look, name: str) -> Trial:
        item, say = self._measures.library().experiments[name], self._say(look)
        state = self._measures.standing(name, self._frame.services.clock.now())
        found = self._measures.claim(name)
        low, high = (f"{100 * (value or 0):+.1f}" for value in (found.low, found.high))
        said = say(f"console.measure.claim.{found.kind}", low=low, high=high, needed=item.needed())
        known = any(figure.metric == SWITCH + name for figure in self._measures.store.figures())
        title = pick(item.title, look.person.language)
        return Trial(name, title, state, item.start, item.stop, item.needed(), item.percent, said if known else "")


def _standing(guard: Figure) -> str:
    """`few` (not said), `over` its limit, or `within` it."""
    return "few" if guard.n < 0 else "over" if guard.value else "within"


def _row(figure: Figure) -> tuple[object, ...]:
    """A line of the CSV file: nothing in it that the page does not show."""
    about = (figure.period, figure.metric, figure.cell)
    if figure.metric in GUARDS:
        return (*about, _standing(figure), "", "", "")
    if figure.n < 0:
        return (*about, "unknown" if figure.n == UNKNOWN else "hidden", "", "", "")
    if figure.metric in (*VALUES, UNWANTED):
        hits: object = figure.hits if figure.metric == "reports" else ""
        value: object = "" if figure.metric == UNWANTED or figure.cell != "total" else round(figure.value, 2)
        return (*about, "shown", figure.n, hits, value)
    return (*about, "shown", figure.n, figure.hits, round(figure.hits / figure.n, 4))
