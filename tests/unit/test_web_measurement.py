"""The page of figures: every chart has its table, nothing hidden is given away, and forms change what they say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.web.measurement import draw
from tests.fakes.web import FIGURES, Fixture
from tests.unit.test_web_console import open_ticket
from tests.unit.test_web_security import csrf, signed_in

PAGE = "/console/measurement"


@pytest.fixture
def fixture(tmp_path: Path) -> Iterator[Fixture]:
    made = Fixture(tmp_path)
    made.work(lambda work: made.measures.store.put(work.tx, FIGURES, work.at))
    yield made
    made.close()


@pytest.fixture
def sam(fixture: Fixture) -> Any:
    return signed_in(fixture)


def agreed(fixture: Fixture) -> None:
    values = {**fixture.org.file.values, "works_agreement": "BV 7"}
    fixture.org = replace(fixture.org, file=fixture.org.file.model_copy(update={"values": values}))


def test_every_chart_has_a_name_a_text_and_a_table_with_its_numbers(sam: Any) -> None:
    page = str(sam.get(PAGE).text)
    charts = re.findall(r'<svg class="chart" role="img" aria-labelledby="(\S+) (\S+)"', page)
    assert [name for name, _ in charts] == [
        "reports-t",
        "first_report-t",
        "tell_us-t",
        "precision-t",
        "first_try-t",
        "after_30-t",
        "after_120-t",
    ]
    for name, text in charts:
        assert f'<title id="{name}">' in page
        assert f'<desc id="{text}">' in page
    assert "2030-01: not shown; 2030-02: 11.8." in page
    cells = re.findall(r'<td role="cell" data-label="([^"]+)">([^<]*)</td>', page)
    assert {
        ("For 100 people", "11.8"),
        ("Minutes (median)", "8"),
        ("Share", "82 %"),
        ("Tell-us rate", "not known"),
    } <= set(cells)
    assert "<script" not in page.replace('<script src="/static/console.js', "")


def test_rows_that_are_not_shown_say_so_and_nothing_else(sam: Any) -> None:
    page = str(sam.get(PAGE).text)
    cells = re.findall(r'data-label="Kind of work">([^<]+)</td>(.*?)</tr>', page)
    shown = {name: re.findall(r">([^<>]+)</td>", rest) for name, rest in cells}
    assert shown["HR and legal"] == ["44", "12", "27 %"]
    assert [shown[name] for name in shown if name.startswith(("Exec", "IT"))] == [["not shown"] * 3] * 2


def test_how_many_reports_were_real_and_which_tips_are_not_useful_stand_in_words(sam: Any) -> None:
    page = str(sam.get(PAGE).text)
    cells = re.findall(r'<td role="cell" data-label="([^"]+)">([^<]*)</td>', page)
    assert "2029-Q3: not shown; 2029-Q4: 65 %." in page
    assert {("Attack or practice mail", "312"), ("Spam", "61"), ("Spam", "not shown"), ("People", "31")} <= set(cells)
    signs = dict(re.findall(r'data-label="Sign">([^<]+)</td>.*?data-label="Now">([^<]+)<', page))
    assert signs["People who called a tip not useful"] == "over the limit"
    assert signs["Reports that turned out harmless"] == "within the limit"
    named = re.findall(r'data-label="Tip">([^<]+)</td>', page)
    assert len(named) == 1  # of the newest quarter


def test_the_file_holds_what_the_page_shows_and_no_more(sam: Any) -> None:
    answer = sam.get(f"{PAGE}/figures.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    lines = [line.replace('"', "") for line in answer.content.decode("utf-8-sig").split("\r\n")]
    assert lines[0] == "period,figure,group,state,n,hits,value"
    assert {
        "2029-Q4,precision,total,shown,480,312,0.65", "2029-Q4,spam,total,shown,480,61,0.1271",
        "2029-Q3,precision,total,hidden,,,", "2029-Q4,tell_us,total,unknown,,,", "2029-Q4,useless,total,over,,,",
        "2029-Q4,snoozes,total,few,,,", "2029-Q4,unwanted,qr-code-in-a-mail,shown,31,,",
        "2030-02,reports,total,shown,655,71,11.8", "2030-02,reports,hr_legal,shown,44,12,",
        "2030-02,first_report,total,shown,12,,7.5", "2029-Q4,first_try,total,shown,510,350,0.6863",
    } <= set(lines)  # fmt: skip
    assert not any("-1" in line.split(",")[4:] or "-2" in line.split(",")[4:] for line in lines)


def test_without_an_agreement_the_page_says_that_nothing_is_measured(fixture: Fixture, sam: Any) -> None:
    assert "Nothing is measured" in sam.get(PAGE).text
    agreed(fixture)
    page = str(sam.get(PAGE).text)
    assert "Nothing is measured" not in page
    assert "on: BV 7" in page


def test_each_part_has_a_page_with_data_purpose_viewers_and_retention(fixture: Fixture, sam: Any) -> None:
    for name, module in fixture.measures.library().privacy.items():
        page = str(sam.get(f"{PAGE}/kept/{name}").text)
        for _, texts in module.texts():
            assert texts["en"].replace('"', "&#34;").replace("'", "&#39;") in page
        assert ("off: no works agreement" in page) == module.watches
    assert sam.get(f"{PAGE}/kept/nothing").status_code == 404


def send(browser: Any, verb: str, **fields: str) -> str:
    data = {"csrf": csrf(browser, PAGE), "event": f"e-{fields}", **fields}
    answer = browser.post(f"{PAGE}/{verb}", data=data)
    assert answer.status_code == 303
    return str(browser.get(answer.headers["location"]).text)


def test_clicks_that_a_gateway_counted_are_a_number_on_a_ticket(fixture: Fixture, sam: Any) -> None:
    number = open_ticket(fixture)
    assert f"Noted for {number}." in send(sam, "clicks", ticket=number.lower(), n="12")
    assert fixture.measures.store.clicks_found(0, 4e9) == 12
    for ticket, n in ((number, "-1"), (number, "many"), (number, "1000001"), ("SEC-999", "3"), (number, "²")):
        assert "Not noted" in send(sam, "clicks", ticket=ticket, n=n)
    assert fixture.measures.store.clicks_found(0, 4e9) == 12


def test_a_comparison_that_could_show_nothing_is_not_switched_on(fixture: Fixture, sam: Any) -> None:
    agreed(fixture)
    assert "Not switched on: it could not show anything. It needs 434 people" in send(
        sam, "comparison", name="weekly_tips", on="1"
    )
    assert fixture.measures.learning.switches() == {}
    dana = fixture.person("dana.reyes")
    fixture.measures.people = lambda: [replace(dana, id=f"u{i}") for i in range(4400)]
    assert "The comparison is switched on." in send(sam, "comparison", name="weekly_tips", on="1")
    assert fixture.measures.learning.switches() == {"experiment.weekly_tips": "on"}
    assert "It is over." in sam.get(PAGE).text  # the clock stands in 2030
    assert "The comparison is switched off." in send(sam, "comparison", name="weekly_tips", on="0")
    assert fixture.measures.learning.switches() == {}


def test_who_is_not_of_the_desk_sees_nothing(fixture: Fixture) -> None:
    assert fixture.client().get(PAGE).status_code in (303, 401, 403)


def test_columns_keep_their_proportion_and_gaps_have_no_height() -> None:
    chart = draw("x", "X", [("a", 10.0, "10"), ("b", None, "not shown"), ("c", 5.0, "5")], "said")
    heights = [bar.height for bar in chart.bars]
    assert heights == [134.0, None, 67.0]
    assert [bar.text for bar in chart.bars] == ["10", "–", "5"]
    assert draw("x", "X", [("a", 0.0, "0")], "").bars[0].height == 0
