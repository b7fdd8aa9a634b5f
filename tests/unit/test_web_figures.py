"""The page of how the desk does: ranges, a table for each chart, what is hidden stays hidden, and CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from adapters.web.app import create_web
from adapters.web.figures import span
from adapters.web.partner_figures import attainment, whole
from bot.figures.counting import percentile, spread
from bot.figures.service import METRICS
from bot.partners.figures import Case, Rate
from bot.periods import chosen
from bot.promises import Promise
from tests.fakes.web import Fixture, figures
from tests.unit.test_web_security import signed_in

PAGE = "/console/metrics"
NOW = datetime(2030, 3, 10, tzinfo=UTC).timestamp()


@pytest.fixture
def fixture(tmp_path: Path) -> Iterator[Fixture]:
    made = Fixture(tmp_path)
    made.clock.at = NOW
    made.work(lambda work: made.figures.store.put(work.tx, figures(NOW), work.at))
    yield made
    made.close()


@pytest.fixture
def sam(fixture: Fixture) -> Any:
    return signed_in(fixture)


def test_every_figure_has_a_chart_a_table_a_definition_and_its_period(sam: Any) -> None:
    page = str(sam.get(PAGE).text)
    for metric in METRICS:
        assert f'<title id="{metric.name}-t">' in page
        assert f'href="/console/metrics/{metric.name}.csv?from=2029-03&amp;to=2030-02"' in page
    assert page.count("<details>") == len(METRICS)
    assert "Mar 2029 to Feb 2030, whole months, time zone" in page
    assert "Half within 5 min, nine in ten within 8 min" in page
    assert "style=" not in page


def test_what_is_not_shown_is_not_in_the_page_in_any_way(sam: Any) -> None:
    page = str(sam.get(f"{PAGE}?from=2029-10&to=2029-10").text)
    assert "Oct 2029: not shown" in page
    assert "Too few cases to show." in page
    numbers = re.findall(r'<td role="cell" data-label="Tickets">([^<]*)</td>', page)
    assert {"not shown"} == set(numbers)


def test_a_range_that_nobody_could_mean_is_mended(sam: Any) -> None:
    for asked in ("from=2030-02&to=2029-12", "from=2029-12&to=2031-12"):
        assert "Dec 2029 to Feb 2030" in sam.get(f"{PAGE}?{asked}").text
    assert "Mar 2029 to Feb 2030" in sam.get(f"{PAGE}?from=%3Cscript%3E&to=2030-13").text
    assert "Feb 2030 to Feb 2030" in sam.get(f"{PAGE}?from=2030-03&to=2040-01").text  # the month we are in is not over


def test_a_file_for_spreadsheets_has_the_same_numbers_and_nothing_that_is_hidden(sam: Any) -> None:
    response = sam.get(f"{PAGE}/first_reply.csv?from=2029-10&to=2029-11")
    assert 'attachment; filename="secdesk-first_reply-2029-10-2029-11.csv"' == response.headers["content-disposition"]
    rows = list(csv.reader(io.StringIO(response.text)))
    assert ["period", "cell", "n", "median_seconds", "p90_seconds"] == rows[0]
    assert ["2029-10", "total", "", "", ""] == rows[1]
    assert ["2029-11", "total", "471", "300", "480"] == rows[6]
    assert ["2029-11", "S0", "", "", ""] == rows[7]
    assert sam.get(f"{PAGE}/nothing.csv").status_code == 404


def test_an_empty_page_says_when_there_will_be_something(fixture: Fixture, sam: Any) -> None:
    with fixture.db.tx() as tx:
        tx.execute("DELETE FROM service_figure")
    page = sam.get(PAGE).text
    assert "A month appears here three days after it is over." in page
    assert '<svg class="chart"' not in page


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (90, "1.5 min"),
        (720, "12 min"),
        (5400, "1.5 h"),
        (90_000, "25 h"),
        (200_000, "2.3 d"),
        (None, "not yet"),
    ],
)
def test_times_in_words(seconds: int | None, said: str) -> None:
    words = {
        "console.span.m": "{n} min",
        "console.span.h": "{n} h",
        "console.span.d": "{n} d",
        "metrics.not_yet": "not yet",
    }
    assert said == span(lambda key, **params: words[key].format(**params), seconds)


def test_a_percentile_is_a_time_that_was_taken() -> None:
    n, counts = spread([10.2, 12_345.0, None, 99.6, 12_349.0])
    assert (5, {10: 1, 12300: 2, 100: 1}) == (n, counts)
    assert [10, 100, 12300, 12300, None] == [percentile(part, n, counts) for part in (0.2, 0.4, 0.6, 0.8, 0.9)]


def kept(month: int, n: int, result: str) -> list[Promise]:
    """Promises that were due or done on the tenth."""
    at = datetime(2030, month, 10, tzinfo=UTC).timestamp()
    return [Promise("nova", "resolve", "S2", at - 60, at, at, 60.0, 60.0, "always", result)] * n  # type: ignore[arg-type]


def test_a_partner_is_measured_by_the_promises_of_its_contract(
    fixture: Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = [Case("SEC-1", "S2", tuple(kept(1, 15, "kept") + kept(1, 5, "missed") + kept(2, 9, "kept")))]
    parts = SimpleNamespace(zone="Europe/Berlin", contracts=lambda: {"nova": None}, cases=lambda *_: cases)
    services: Any = SimpleNamespace(partners=SimpleNamespace(parts=parts))
    found = attainment(services, "nova", chosen("2030-01", "2030-03", NOW, UTC), NOW)
    assert {"2030-01": Rate(20, 15), "2030-02": None} == dict(found)
    assert Rate(20, 15) == whole(list(found.values()))
    fixture.services = replace(fixture.services, partners=services)
    monkeypatch.setattr("adapters.web.app.PartnerPages", lambda *_: SimpleNamespace(routes=list))
    fixture.app = create_web(fixture.services)
    sam = signed_in(fixture)
    page = sam.get(f"{PAGE}?from=2030-01&to=2030-02").text
    assert "75 % of 20 promises were kept." in page
    assert "Jan 2030: 75 %; Feb 2030: not shown." in page
    table = sam.get(f"{PAGE}/partner-nova.csv?from=2030-01&to=2030-02").text
    assert ["period,n,kept,share", "2030-01,20,15,0.7500", "2030-02,,,"] == table.splitlines()
    assert sam.get(f"{PAGE}/partner-else.csv").status_code == 404


def test_quarters_are_those_that_lie_in_the_range() -> None:
    assert ["2029-Q2", "2029-Q3"] == chosen("2029-03", "2029-11", NOW, UTC).names(3)
    assert [] == chosen("2029-05", "2029-07", NOW, UTC).names(3)
