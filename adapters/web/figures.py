"""The console's page of how the help desk does: a range of months, a chart and a table for each figure, and each as a CSV file.

What may be seen was decided when a month was closed (`bot.figures`); this page only lays it out.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from adapters.web.charts import Chart, Line, draw
from adapters.web.console import Frame, Look
from adapters.web.partner_figures import attainment, whole
from adapters.web.signin import HOME
from bot import periods
from bot.errors import NotFound
from bot.figures.service import METRICS, TOTAL, Metric, Pooled, Read, ServiceFigures
from bot.partners.figures import Rate
from bot.periods import Range
from bot.reporting.sharing import cell as safe

PAGE = f"{HOME}/metrics"
PRESETS = (1, 3, 6, 12)  # months
MEDIAN, MOST = 0.5, 0.9


@dataclass(frozen=True)
class Part:
    """A metric on the page. `headline` is the figure of the whole range, in words; `left_out` the months that are not in it."""

    key: str
    title: str
    how: str
    headline: str
    left_out: int
    chart: Chart | None
    heads: tuple[str, ...]
    lines: tuple[Line, ...]
    cell_heads: tuple[str, ...]
    cells: tuple[Line, ...]  # the range by cell: by severity, or by what became of it


class FigurePages:
    """Routes of the figures."""

    def __init__(self, frame: Frame, figures: ServiceFigures) -> None:
        self._frame, self._figures = frame, figures

    def routes(self) -> list[Route]:
        return [
            self._frame.view("/metrics", self.show, "see"),
            self._frame.view("/metrics/{metric}.csv", self.table, "see"),
        ]

    def show(self, look: Look) -> Response:
        """Every figure of the chosen months."""
        chosen = self._chosen(look)
        read = self._figures.read(chosen)
        newest = periods.last_finished(self._now(), self._figures.zone())
        presets = [(n, periods.month_name(newest - n + 1), periods.month_name(newest)) for n in PRESETS]
        months = [periods.month_name(newest - back) for back in range(periods.MOST_MONTHS)]
        return self._frame.page(
            look, "metrics.html", parts=[self._part(look, read, metric) for metric in METRICS], chosen=chosen,
            presets=presets, months=[(name, _month(self._say(look), name)) for name in months],
            first=_month(self._say(look), chosen.first), last=_month(self._say(look), chosen.last),
            nothing=not read.cells, partners=self._partners(look, chosen),
        )  # fmt: skip

    def table(self, look: Look) -> Response:
        """One figure's table, month by month. Raises `NotFound`."""
        name = look.request.path_params["metric"]
        metric = next((one for one in METRICS if one.name == name), None)
        chosen = self._chosen(look)
        if metric is None and name not in self._contracts():
            raise NotFound(name)
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\r\n")
        table = rows(metric, self._figures.read(chosen)) if metric else self._kept(self._contracts()[name], chosen)
        writer.writerows([safe(text) for text in row] for row in table)
        file = f"secdesk-{name}-{chosen.first}-{chosen.last}.csv"
        return Response(
            out.getvalue(), media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{file}"'},
        )  # fmt: skip

    # inside

    def _now(self) -> float:
        return self._frame.services.clock.now()

    def _chosen(self, look: Look) -> Range:
        query = look.request.query_params
        return periods.chosen(query.get("from", ""), query.get("to", ""), self._now(), self._figures.zone())

    def _say(self, look: Look) -> Callable[..., str]:
        return lambda key, **params: self._frame.say(look, key, **params)

    # partners

    def _contracts(self) -> dict[str, str]:
        """Ids of partners by the name of their figure."""
        partners = self._frame.services.partners
        return {f"partner-{one}": one for one in partners.partners.parts.contracts()} if partners else {}

    def _rates(self, contract: str, chosen: Range) -> Mapping[str, Rate | None]:
        partners = self._frame.services.partners
        return attainment(partners, contract, chosen, self._now()) if partners else {}

    def _kept(self, contract: str, chosen: Range) -> Sequence[Sequence[str]]:
        table = [["period", "n", "kept", "share"]]
        for month, rate in self._rates(contract, chosen).items():
            table.append(
                [month, *([str(rate.n), str(rate.kept), f"{rate.kept / rate.n:.4f}"] if rate else ["", "", ""])]
            )
        return table

    def _partners(self, look: Look, chosen: Range) -> list[Part]:
        say, names, found = self._say(look), self._frame.services.tickets.partners(), list[Part]()
        for key, contract in self._contracts().items():
            rates, title = self._rates(contract, chosen), names.get(contract, contract)
            if not any(rates.values()):
                continue
            points, lines = list[tuple[str, float | None, str]](), list[Line]()
            for month, rate in rates.items():
                label, text = _month(say, month), f"{rate.percent:.0f} %" if rate else say("console.measure.hidden")
                points.append((label, rate.percent if rate else None, text))
                lines.append(Line((label, str(rate.n) if rate else text, text)))
            values = "; ".join(f"{label}: {text}" for label, _, text in points)
            all_, left = whole(list(rates.values())), sum(rate is None for rate in rates.values())
            headline = (
                say("metrics.partner.is", share=f"{all_.percent:.0f} %", n=all_.n) if all_ else say("metrics.few")
            )
            found.append(Part(
                key, title, say("metrics.partner.how"), headline, left,
                draw(key, title, points, say("console.measure.chart", title=title, values=values)),
                (say("metrics.period"), say("metrics.partner.n"), say("metrics.partner.kept")), tuple(lines), (), (),
            ))  # fmt: skip
        return found

    def _part(self, look: Look, read: Read, metric: Metric) -> Part:
        say, all_ = self._say(look), read.pooled(metric)
        title, names = say(f"metrics.{metric.name}"), read.periods(metric)
        lead = metric.cells[0] if metric.shape == "share" else TOTAL
        points, lines = [], []
        for name in names:
            one, label = read.one(metric, name, lead), _label(say, name)
            value, text = _value(say, metric, one)
            points.append((label, value, text))
            lines.append(Line((label, _count(say, read.one(metric, name)), *self._numbers(say, metric, one))))
        counted = say(f"metrics.{metric.name}.n")
        shares = (say("metrics.share"),) if metric.shape == "share" else _heads(say, metric)
        values = "; ".join(f"{label}: {text}" for label, _, text in points)
        chart = draw(metric.name, title, points, say("console.measure.chart", title=title, values=values))
        return Part(
            metric.name, title, say(f"metrics.{metric.name}.how"),
            self._headline(say, metric, read, all_), read.left_out(metric, lead), chart if points else None,
            (say("metrics.period"), counted, *_heads(say, metric)), tuple(lines),
            (say("metrics.part"), counted, *shares), self._cells(say, metric, read) if points else (),
        )  # fmt: skip

    def _headline(self, say: Callable[..., str], metric: Metric, read: Read, all_: Pooled) -> str:
        if metric.shape == "share":
            one = read.pooled(metric, metric.cells[0])
            if one.share is None:
                return say("metrics.few")
            return say(f"metrics.{metric.name}.is", share=f"{100 * one.share:.0f} %", n=one.of)
        if all_.n is None:
            return say("metrics.few")
        median, most = (span(say, all_.within(share)) for share in (MEDIAN, MOST))
        return say(f"metrics.{metric.name}.is", median=median, most=most, n=all_.n)

    def _cells(self, say: Callable[..., str], metric: Metric, read: Read) -> tuple[Line, ...]:
        lines = []
        for name in metric.cells:
            one = read.pooled(metric, name)
            label = say(f"console.severity.{name}") if metric.shape == "time" else say(f"metrics.{metric.name}.{name}")
            lines.append(Line((label, _count(say, one), *self._numbers(say, metric, one))))
        return tuple(lines)

    @staticmethod
    def _numbers(say: Callable[..., str], metric: Metric, one: Pooled) -> tuple[str, ...]:
        if metric.shape == "share":
            return (_value(say, metric, one)[1],)
        if one.n is None:
            return (say("console.measure.hidden"),) * 2
        return span(say, one.within(MEDIAN)), span(say, one.within(MOST))


def rows(metric: Metric, read: Read) -> Sequence[Sequence[str]]:
    """The table of a metric for a spreadsheet: by period and cell; what may not be seen is empty. Times are seconds."""
    table = [["period", "cell", "n", *(["share"] if metric.shape == "share" else ["median_seconds", "p90_seconds"])]]
    for period in read.periods(metric):
        for name in (TOTAL, *metric.cells):
            one = read.one(metric, period, name)
            share = "" if one.share is None else f"{one.share:.4f}"
            times = ["" if (found := one.within(part)) is None else str(found) for part in (MEDIAN, MOST)]
            table.append(
                [period, name, "" if one.n is None else str(one.n), *([share] if metric.shape == "share" else times)]
            )
    return table


def span(say: Callable[..., str], seconds: int | None) -> str:
    """`40 s`, `12 min`, `3.5 h`, `4 d`."""
    if seconds is None:
        return say("metrics.not_yet")
    if seconds < 60:
        return f"{seconds} s"
    for unit, size, most in (("m", 60, 5_400), ("h", 3_600, 172_800), ("d", 86_400, float("inf"))):
        if seconds < most:
            value = seconds / size
            return say(f"console.span.{unit}", n=f"{value:.1f}".removesuffix(".0") if value < 10 else round(value))
    raise AssertionError  # nothing is longer than ever


def _value(say: Callable[..., str], metric: Metric, one: Pooled) -> tuple[float | None, str]:
    """The height of a column, and what it says."""
    if one.n is None:
        return None, say("console.measure.hidden")
    if metric.shape == "share":
        share = 100 * (one.share or 0)
        return share, f"{share:.0f} %"
    seconds = one.within(MEDIAN)
    return (None if seconds is None else seconds / 60), span(say, seconds)


def _count(say: Callable[..., str], one: Pooled) -> str:
    return say("console.measure.hidden") if one.n is None else str(one.n)


def _heads(say: Callable[..., str], metric: Metric) -> tuple[str, ...]:
    if metric.shape == "share":
        return (say(f"metrics.{metric.name}.{metric.cells[0]}"),)
    return say("metrics.median"), say("metrics.p90")


def _label(say: Callable[..., str], name: str) -> str:
    """A month or a quarter in words that fit under a column."""
    return f"{name[5:]} {name[:4]}" if "Q" in name else _month(say, name)


def _month(say: Callable[..., str], name: str) -> str:
    return f"{say('time.months').split('|')[int(name[5:]) - 1]} {name[:4]}"
