"""An existing FAQ as drafts: what becomes of each row, and spreadsheets that mean no good."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest

from bot.answering import spreadsheet
from bot.answering.checking import Known
from bot.answering.entries import Entry, Library, Vocabulary
from bot.answering.faq import Given, Imported, columns_of, import_rows
from bot.answering.spreadsheet import Line, Unreadable, read_spreadsheet
from bot.app.contents import lint
from bot.app.importing import import_answers
from bot.content import Faults, parse, read
from bot.errors import ConfigError, TooLarge
from bot.settings import load_settings
from tests.unit.test_golden import entry

GIVEN = Given(
    author="sam-ortiz", owner="service-desk", group="devices", language="en", today=date(2026, 12, 1), file="faq.xlsx",
    groups={"devices": "devices", "phones": "devices", "travel": "travel", "reisen": "travel"},
    owners={"service desk": "service-desk", "privacy": "privacy"},
)  # fmt: skip
VOCABULARY = Vocabulary({"all"}, {"helpdesk_phone"}, set(), {"devices", "travel"})


def rows(*cells: str, head: str = "Question,Answer") -> list[Line]:
    """A sheet: its heading, then these rows, cells parted by commas."""
    return [Line(i, tuple(line.split(","))) for i, line in enumerate((head, *cells), 1)]


def taken(lines: list[Line], *entries: Entry) -> Imported:
    known = Known.of(Library({one.id: one for one in entries}))
    return import_rows(lines, known, VOCABULARY, {}, GIVEN)


def value(text: str) -> Any:
    document = parse("x", text.encode(), Faults())
    assert document is not None
    assert read(Entry, document, faults := Faults()) is not None, faults.found
    return document.value


def bad(done: Imported) -> list[str]:
    return [str(told) for told in done.bad]


# rows


def test_a_row_becomes_a_draft() -> None:
    head = "FAQ;Antwort;Auch gefragt;Kategorie;Zuständig;Quelle;Sprache".replace(";", ",").replace(
        "Auch gefragt", "auch gefragt"
    )
    done = taken(rows("My phone is gone,Ring us.,phone lost|cell gone,Phones,Service desk,NCSC: Devices,EN", head=head))
    assert ([], []) == (done.bad, done.notes)
    (draft,) = done.drafts
    made = value(draft.text)
    assert ("my-phone-is-gone", "draft", "devices", "service-desk", "sam-ortiz") == (
        made["id"], made["state"], made["group"], made["owner"], made["author"])  # fmt: skip
    assert {"en": ["My phone is gone", "phone lost", "cell gone"]} == made["questions"]
    assert ("Ring us.", "NCSC", "Devices") == (
        made["answer"]["en"]["short"], made["sources"][0]["publisher"], made["sources"][0]["title"])  # fmt: skip
    assert "# Draft from faq.xlsx." == draft.text.splitlines()[0]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (",Ring us.", "row 2: the question is empty"),
        ("Where is it?,", "row 2: the answer is empty"),
        ("x" * 301 + ",Ring us.", "row 2: \"title.en\" has more than 300 characters: shorten it"),
        ("Where?," + "x" * 2001, "row 2: \"answer.en.short\" has more than 2000 characters: shorten it"),
        ("about usb,Ring us.", 'row 2: "about usb" is also a question of usb: keep it in the entry that answers it best'),
        ("found a stick,Ring us.", 'row 2: "found a stick" is a golden question of usb: ask it in other words'),
    ],
)  # fmt: skip
def test_every_bad_row_is_listed_with_its_line(row: str, said: str) -> None:
    done = taken(rows(row, "Good one,Yes."), entry("usb", "found a stick"))
    assert said in bad(done)
    assert ["good-one"] == [draft.name for draft in done.drafts]


def test_rows_that_repeat_each_other_are_listed_and_their_variants_left_out() -> None:
    lines = [Line(1, ("question", "answer", "also")), Line(2, ("One", "Yes.", "")), Line(3, ("ONE!", "No.", "")),
             Line(7, ("Two", "Yes.", "one|three"))]  # fmt: skip
    done = taken(lines)
    assert ['row 3: "ONE!" stands in row 2 already'] == bad(done)
    assert ["row 7: asked in an earlier row too, so left out here: one"] == [str(note) for note in done.notes]
    assert {"en": ["Two", "three"]} == value(done.drafts[1].text)["questions"]


def test_what_answers_may_not_hold_is_taken_out_and_said() -> None:
    answer = '<p>Go to <a href="https://intranet.acme.com/x">the page</a> or help.acme.com,<br>'
    answer += "write to it@acme.com &amp; wait {now}.</p>"
    done = taken([Line(1, ("question", "answer")), Line(2, ("See https://a.example/x now", answer))])
    assert [] == done.bad
    text = done.drafts[0].text
    assert "Go to the page or ,\nwrite to & wait (now)." == value(text)["answer"]["en"]["short"]
    comments = [line for line in text.splitlines() if line.startswith("# It held")]
    assert ["it@acme.com", "help.acme.com", "https://a.example/x"] == [line.rpartition(" ")[2] for line in comments]
    assert "markup was taken out" in str(done.notes[0])


def test_a_list_becomes_steps_if_it_is_short_enough() -> None:
    short = (
        taken([Line(1, ("question", "answer")), Line(2, ("A", "Do this:\n1. First\n2) Second\n- Third"))])
        .drafts[0]
        .text
    )
    assert {"short": "Do this:", "steps": ["First", "Second", "Third"]} == value(short)["answer"]["en"]
    long = taken([Line(1, ("question", "answer")), Line(2, ("A", "1. a\n2. b\n3. c\n4. d"))]).drafts[0].text
    assert {"short": "1. a\n2. b\n3. c\n4. d"} == value(long)["answer"]["en"]


def test_unknown_subjects_and_owners_are_said() -> None:
    done = taken(rows("A b,Yes.,Gardens,Bob", head="question,answer,topic,owner"))
    assert [
        'row 2: there is no subject "gardens": it was put under devices',
        'row 2: there is no owner "bob": it was given to service-desk',
    ] == [str(note) for note in done.notes]
    assert ["travel"] == [
        value(d.text)["group"] for d in taken(rows("A b,Yes.,Reisen", head="question,answer,thema")).drafts
    ]


def test_files_never_share_a_name() -> None:
    long = "how do I " + "very " * 20
    done = taken(rows("usb,Yes.", f"{long} one,Yes.", f"{long} two,Yes.", "???,Yes."), entry("usb"))
    names = [draft.name for draft in done.drafts]
    assert (4, "usb-2", "new-answer") == (len(set(names)), names[0], names[3])
    assert names[2].endswith("-2")


def test_what_a_spreadsheet_would_calculate_stays_text() -> None:
    done = taken([Line(1, ("question", "answer")), Line(2, ("'=cmd|' /C calc'!A0", "'+44 is ours\u202e"))])
    made = value(done.drafts[0].text)
    assert ("=cmd|' /C calc'!A0", "+44 is ours") == (made["title"]["en"], made["answer"]["en"]["short"])


def test_a_sheet_without_the_two_columns_says_so() -> None:
    assert ["row 1: no column is called question or answer: name the columns in the first row"] == bad(
        taken(rows("a,b", head="x,y"))
    )
    assert ["row 1: no column is called question or answer: name the columns in the first row"] == bad(taken([]))
    assert {"question": 1, "answer": 0} == columns_of(Line(1, ("Antwort:", " FRAGE ", "frage")))


# files


def csv(*lines: str) -> bytes:
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize(
    ("data", "cells"),
    [
        (csv("q,a", '"x, y",z'), ("x, y", "z")),
        (csv("q;a", "x;z"), ("x", "z")),
        (csv("q\ta", "x\tz"), ("x", "z")),
        (b"\xef\xbb\xbf" + csv("q,a", "ü,z"), ("ü", "z")),
        ("q,a\nü,z".encode("utf-16"), ("ü", "z")),
        ("q,a\nü,z".encode("cp1252"), ("ü", "z")),
    ],
)
def test_csv_as_programs_write_it(data: bytes, cells: tuple[str, ...]) -> None:
    assert Line(2, cells) == read_spreadsheet("faq.csv", data)[1]


def test_rows_of_a_csv_keep_the_line_they_begin_in() -> None:
    lines = read_spreadsheet("faq.csv", csv("q,a", "", '"one', 'two",b', "", "c,d"))
    assert [(1, "q"), (3, "one\r\ntwo"), (6, "c")] == [(line.number, line.cells[0]) for line in lines]


SHEET = (
    "<row r='1'><c r='A1' t='s'><v>0</v></c><c r='B1' t='inlineStr'><is><t>answer</t></is></c></row>"
    "<row r='4'><c r='B4' t='str'><f>1+1</f><v>two</v></c><c r='C4'><v>3.5</v></c><c r='D4' t='s'><v>1</v></c></row>"
)
ELSEWHERE = "<R><Relationship Id='rId1' Target='../../etc/passwd'/></R>"


def xlsx(sheet: str = SHEET, shared: tuple[str, ...] = ("question", "a & b"), **parts: str | bytes) -> bytes:
    """A workbook of one sheet, with other parts instead."""
    strings = "".join(
        f"<si><r><t>{escape(text[:2])}</t></r><r><t>{escape(text[2:])}</t></r><rPh><t>no</t></rPh></si>"
        for text in shared
    )
    files: dict[str, str | bytes] = {
        "xl/workbook.xml": "<workbook xmlns:r='r'><sheets><sheet name='FAQ' sheetId='1' r:id='rId1'/></sheets></workbook>",
        "xl/_rels/workbook.xml.rels": "<Relationships><Relationship Id='rId1' Target='worksheets/sheet1.xml'/></Relationships>",
        "xl/sharedStrings.xml": f"<sst>{strings}</sst>",
        "xl/worksheets/sheet1.xml": f"<worksheet><sheetData>{sheet}</sheetData></worksheet>",
        **{name.replace("__", "/"): data for name, data in parts.items()},
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def test_the_first_sheet_of_a_workbook() -> None:
    assert [Line(1, ("question", "answer")), Line(4, ("", "two", "3.5", "a & b"))] == read_spreadsheet(
        "faq.xlsx", xlsx()
    )


def bomb() -> bytes:
    return xlsx(sheet="<row><c t='inlineStr'><is><t>" + "x" * (30 << 20) + "</t></is></c></row>")


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.xls", b"\xd0\xcf\x11\xe0" + b"x" * 99, "an old or locked Excel file"),
        ("a.xlsx", b"not a zip", "does not hold what its name says"),
        ("a.xlsx", b"PK\x03\x04" + b"x" * 99, "is damaged"),
        ("a.xlsx", xlsx()[:-40], "is damaged"),
        ("a.csv", b"a\x00b", "this is not text"),
        ("a.csv", b'q,a\n"' + b"x" * 30_000, "row 2 cannot be read"),
        ("a.xlsx", xlsx(sheet="<row>"), "is damaged"),
        ("a.xlsx", xlsx(sheet="<a>" * 200 + "</a>" * 200), "nests too deep"),
        ("a.xlsx", xlsx(**{"xl__worksheets__sheet1.xml": "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"}), "a document type"),
        ("a.xlsx", xlsx(**{"xl___rels__workbook.xml.rels": ELSEWHERE}), "no sheet"),
        ("a.xlsx", xlsx(**{"xl__workbook.xml": "<workbook/>"}), "no sheet"),
    ],
)  # fmt: skip
def test_what_is_no_spreadsheet_says_what_to_do(name: str, data: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        read_spreadsheet(name, data)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.csv", b"x" * (spreadsheet.FILE_BYTES + 1), "MB"),
        ("a.csv", b"q,a\n" + b"x,y\n" * 6_000, "more than 5000 rows"),
        ("a.xlsx", xlsx(sheet="<row><c t='str'><v>x</v></c></row>" * 6_000), "more than 5000 rows"),
        ("a.xlsx", bomb(), "when unpacked"),
        ("a.xlsx", xlsx(**{f"x{i}": "" for i in range(2_100)}), "more than 2000 parts"),
    ],
)  # fmt: skip
def test_what_is_too_large_is_capped(name: str, data: bytes, said: str) -> None:
    with pytest.raises(TooLarge, match=said):
        read_spreadsheet(name, data)


def test_cells_and_columns_are_capped() -> None:
    far = "<row r='1'><c r='A1' t='str'><v>a</v></c><c r='XFD1' t='str'><v>far</v></c><c r='9' t='s'><v>99999999999</v></c></row>"
    assert [Line(1, ("a",))] == [
        Line(line.number, line.cells[:1]) for line in read_spreadsheet("a.xlsx", xlsx(sheet=far))
    ]
    long = f"<row><c t='inlineStr'><is><t>{'x' * 50_000}</t></is></c></row>"
    assert spreadsheet.CELL == len(read_spreadsheet("a.xlsx", xlsx(sheet=long))[0].cells[0])
    (line,) = read_spreadsheet("a.csv", b",".join([b"x"] * 500))
    assert spreadsheet.COLUMNS == len(line.cells)


# the whole of it


def test_200_rows_become_200_drafts_that_load(tmp_path: Path) -> None:
    lines = ["Question,Answer,Category"]
    lines += [
        f"How do I reset thing number {i}?,Press and hold button {i} for ten seconds.,devices" for i in range(200)
    ]
    lines[57] = "How do I reset thing number 3?,Again.,devices"
    lines[101] = ",No question.,devices"
    sheet = tmp_path / "faq.csv"
    sheet.write_bytes("\n".join(lines).encode())
    settings = load_settings(tmp_path, {})
    done = import_answers(settings, sheet, author="sam.ortiz", owner="", group="", language="", write=True)
    assert (198, [58, 102]) == (len(done.drafts), [told.row for told in done.bad])
    assert 198 == len(list((settings.knowledge / "answers").glob("*.yaml")))
    faults, _, counts = lint(settings.knowledge)
    assert ([], len(list((files("knowledge") / "answers").iterdir())) + 198) == (faults, counts["answers"])


def test_a_dry_run_writes_nothing_and_a_second_run_doubles_nothing(tmp_path: Path) -> None:
    sheet = tmp_path / "faq.csv"
    sheet.write_text("Question,Answer,Category\nHow do I reset the gate?,Hold the button.,devices\n")
    settings = load_settings(tmp_path, {})
    asked: dict[str, Any] = {"author": "sam.ortiz", "owner": "", "group": "", "language": ""}
    assert 1 == len(import_answers(settings, sheet, **asked, write=False).drafts)
    assert not settings.knowledge.exists()
    assert 1 == len(import_answers(settings, sheet, **asked, write=True).drafts)
    again = import_answers(settings, sheet, **asked, write=True)
    assert ([], [2]) == (again.drafts, [told.row for told in again.bad])


def test_defaults_that_are_unknown_are_said_at_once(tmp_path: Path) -> None:
    sheet = tmp_path / "faq.csv"
    sheet.write_text("question,answer\na,b\n")
    with pytest.raises(ConfigError, match="no owner bob; there are: awareness"):
        import_answers(load_settings(tmp_path, {}), sheet, author="", owner="bob", group="", language="", write=False)
    with pytest.raises(ConfigError, match="no subject x"):
        import_answers(load_settings(tmp_path, {}), sheet, author="", owner="", group="x", language="", write=False)
