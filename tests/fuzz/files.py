"""Harnesses of files that administrators and authors give us: sheets, content, settings, exports, backups."""

from __future__ import annotations

import io
import json
import tarfile
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from bot.answering.emergency_shapes import Emergency
from bot.answering.entries import Entry
from bot.answering.spreadsheet import Unreadable, read_spreadsheet
from bot.app.backup import FIRST, FORMAT, LAST, STEPS, check
from bot.calendars import CalendarFile
from bot.content import Faults, packaged_shelf, parse, read
from bot.contracts import ContractFile
from bot.directory_csv import Names, read_table
from bot.directory_rules import DirectoryFile
from bot.helpdesk.rota import RotaFile
from bot.helpdesk.sla import SlaFile
from bot.helpdesk.trackers_export import read_export
from bot.learning.groups import CoursesFile, GroupsFile
from bot.learning.migration import WaveFile
from bot.learning.shapes import Lesson
from bot.organisation import OrgFile
from bot.procedures.exported import differs, signed, trouble
from bot.procedures.shapes import Procedure
from bot.register import RegisterFile
from bot.settings import load_settings
from tests.fuzz.harness import dumped, harness, json_of, text_of

CELLS = (
    b",",
    b";",
    b"\t",
    b'"',
    b"\r\n",
    b"=cmd|'/c calc'!A0",
    b"\x00",
    b'""',
    b'"\n"',
    b"\xff\xfe",
    b"1e99",
    b"31.02.2026",
)
YAML = (
    b"&a [*a,*a]",
    b"<<: *a",
    b"!!python/object:os.system",
    b"? ",
    b": ",
    b"- ",
    b"|\n",
    b">-\n",
    b"{",
    b"[" * 200,
    b"\t",
    b"---\n",
    b"%TAG",
    b"''",
    b"yes",
    b"16:30",
    b"2026-02-30",
    b"0o17",
    b"\xef\xbb\xbf",
    b"#",
    b"!!binary x",
    b"*" * 3,
    b"&x " * 40,
    b"1" * 5000,
)


def _xlsx(*sheets: str, shared: str = "<sst><si><t>question</t></si></sst>") -> bytes:
    stream = io.BytesIO()
    with ZipFile(stream, "w", ZIP_DEFLATED) as book:
        book.writestr("[Content_Types].xml", "<Types/>")
        book.writestr(
            "xl/workbook.xml",
            '<workbook xmlns:r="r"><sheets><sheet name="a" sheetId="1" r:id="rId1"/></sheets></workbook>',
        )
        book.writestr(
            "xl/_rels/workbook.xml.rels",
            '<Relationships><Relationship Id="rId1" Target="worksheets/sheet1.xml"/></Relationships>',
        )
        book.writestr("xl/sharedStrings.xml", shared)
        for number, sheet in enumerate(sheets, 1):
            book.writestr(f"xl/worksheets/sheet{number}.xml", sheet)
    return stream.getvalue()


ROW = (
    '<worksheet><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is><t>answer</t></is></c>'
    "</row></sheetData></worksheet>"
)


@harness(
    "sheet.xlsx",
    pieces=(b"PK\x03\x04", b"PK\x01\x02", b"xl/workbook.xml", b"\xff" * 8),
    made=lambda: [_xlsx(ROW)],
    also=(Unreadable,),
    seconds=2.0,
)
def sheet_xlsx(data: bytes) -> None:
    read_spreadsheet("x.xlsx", data)


@harness(
    "sheet.xml",
    "text",
    pieces=(
        b"<row r='1048577'>",
        b"<c r='XFE1'>",
        b"<!DOCTYPE x [<!ENTITY a 'b'>]>",
        b"&a;",
        b"<v>99999</v>",
        b"<" * 40,
        b"t='s'",
        b"<si>" * 300,
    ),
    made=lambda: [ROW.encode()],
    also=(Unreadable,),
    seconds=2.0,
)
def sheet_xml(data: bytes) -> None:
    read_spreadsheet("x.xlsx", _xlsx(text_of(data)))
    read_spreadsheet("x.xlsx", _xlsx(ROW, shared=text_of(data)))


@harness(
    "sheet.csv",
    pieces=CELLS,
    made=lambda: [b'question,answer\r\nWhat?,"That, and\nmore"\r\n', "Frage;Antwort\nWas?;Das".encode("utf-16")],
    also=(Unreadable,),
)
def sheet_csv(data: bytes) -> None:
    read_spreadsheet("x.csv", data)


PEOPLE = (
    b"id,email,name,roles,language,timezone,days,hours,leave,start,active\n"
    b"dana,d@x.example,Dana,regular,en,Europe/Berlin,Mon-Fri,9:00-17:00,2026-01-01..2026-01-05,2026-01-01,yes\n"
)


@harness(
    "people.csv", pieces=(*CELLS, b"Mon-Fri", b"25:99-1", b"..", b"Europe/../etc", b"email"), made=lambda: [PEOPLE]
)
def people_csv(data: bytes) -> None:
    read_table(data, Names(frozenset({"regular"}), frozenset({"de"})))


def _exports() -> list[bytes]:
    issue = {
        "key": "SD-1",
        "fields": {
            "summary": "x",
            "description": {"type": "doc", "content": [{"type": "text", "text": "y"}]},
            "status": {"name": "Done"},
            "comment": {
                "comments": [{"author": {"displayName": "K"}, "created": "2026-01-01T00:00:00.000+0000", "body": "z"}]
            },
        },
    }
    return [
        *dumped(
            {"issues": [issue]},
            {
                "records": [
                    {"number": "INC1", "short_description": "x", "state": "6", "opened_at": "2026-01-01 10:00:00"}
                ]
            },
        ),
        b"Issue key,Summary,Status,Created\nSD-1,x,Done,01/Jan/26 10:00 AM\n",
        b"<?xml version='1.0'?><unload><incident><number>INC1</number><short_description>x"
        b"</short_description></incident></unload>",
    ]


@harness("tickets.export", "json", pieces=(*CELLS, b"<!DOCTYPE", b"<incident>" * 60, b"&lt;"), made=_exports)
def tickets_export(data: bytes) -> None:
    for name in ("x.json", "x.csv", "x.xml"):
        read_export(name, data)


MODELS: dict[str, tuple[Any, str]] = {
    "entry": (Entry, "answers"),
    "contract": (ContractFile, "partners"),
    "procedure": (Procedure, "procedures"),
    "register": (RegisterFile, "register.yaml"),
    "rota": (RotaFile, "oncall.yaml"),
    "calendar": (CalendarFile, "calendars"),
    "sla": (SlaFile, "sla.yaml"),
    "lesson": (Lesson, "lessons"),
    "emergency": (Emergency, "emergencies"),
    "organisation": (OrgFile, "org.yaml"),
    "directory": (DirectoryFile, "directory.yaml"),
    "groups": (GroupsFile, "learning/groups.yaml"),
    "courses": (CoursesFile, "learning/courses.yaml"),
    "wave": (WaveFile, "learning/waves"),
}


@cache
def _content() -> list[bytes]:
    shelf, found = packaged_shelf(), []
    for _, where in MODELS.values():
        whole = shelf.file(where) if where.endswith(".yaml") else next(iter(shelf.folder(where)), None)
        if whole is not None:
            found.append(whole[1])
    return [*found, b"schema: answer/1\nid: x\ntitle: {en: X}\n"]


@harness("content.yaml", pieces=YAML, made=_content, seconds=3.0)
def content_yaml(data: bytes) -> None:
    faults = Faults()
    document = parse("x.yaml", data, faults)
    if document is not None:
        for model, _ in MODELS.values():
            read(model, document, faults)
    faults.check()


@cache
def _scratch() -> Path:
    return Path(mkdtemp(prefix="secdesk-fuzz-"))


@harness(
    "settings.toml",
    pieces=(
        b"[server]\n",
        b"port = ",
        b"[storage]\n",
        b'database = "postgresql://',
        b"[",
        b'"""',
        b"= 1e999",
        b"true",
        b"1979-05-27",
        b"[[x]]",
    ),
    made=lambda: [
        b'[server]\nport = 8765\nhost = "127.0.0.1"\n[storage]\ndatabase = "postgresql://db/secdesk"\n[channels]\nuse = ["web"]\n'
    ],
)
def settings_toml(data: bytes) -> None:
    (_scratch() / "secdesk.toml").write_bytes(data)
    load_settings(_scratch(), {})


@harness(
    "settings.env",
    "json",
    pieces=(b"postgresql://u:p@[::1", b"https://", b"8765", b"slack,teams", b"[", b"@"),
    made=lambda: dumped(
        {
            "SECDESK_PORT": "8765",
            "SECDESK_DATABASE": "postgresql://u@db/x",
            "SECDESK_PUBLIC_URL": "https://desk.example",
            "SECDESK_CHANNELS": "web,slack",
            "SECDESK_TRUSTED_PROXIES": "10.0.0.0/8",
            "SECDESK_SIGNIN_ROLES": "a=admin",
        }
    ),
)
def settings_env(data: bytes) -> None:
    given = json_of(data)
    if isinstance(given, dict):
        load_settings(_scratch() / "none", {name: str(value) for name, value in given.items()})


def _run() -> list[bytes]:
    from tests.unit.test_procedure_export import made

    return dumped(made())


@harness("procedure.export", "json", made=_run, also=(ValueError,))
def procedure_export(data: bytes) -> None:
    """`secdesk sop verify` says "no export of ours" for a `ValueError`."""
    made = json_of(data)
    if isinstance(made, dict) and trouble(made) == "":
        signed(made, lambda _purpose, _data: "x")
        differs(made, ())


# backups: sealed for a public key, which is no secret


@cache
def _identity() -> Any:
    import pyrage

    found = pyrage.x25519.Identity.generate()
    (_scratch() / "key").write_text(str(found))
    return found


def _archive(*members: tuple[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def _backups() -> list[bytes]:
    first = json.dumps({"format": FORMAT, "made": 1.0}).encode()
    rows = ("tables/event/000000.jsonl", b'{"key": "a", "data": {"base64": "eA=="}}\n')
    return [_archive((FIRST, first), (STEPS, b'["0001_x.sql"]'), rows, (LAST, b'{"tables": {"event": 1}, "files": 0}'))]


@harness(
    "backup.inside",
    pieces=(b"ustar\x0000", b"tables/", b"../../x", b"{", b'{"base64": 1}', b"\x00" * 512, b"9" * 11, b"1e999"),
    made=_backups,
    seconds=2.0,
)
def backup_inside(data: bytes) -> None:
    import gzip

    import pyrage

    path = _scratch() / "inside.age"
    path.write_bytes(pyrage.encrypt(gzip.compress(data, 1), [_identity().to_public()]))
    check(path, _scratch() / "key")


@harness(
    "backup.file",
    pieces=(b"age-encryption.org/v1\n", b"-> X25519 ", b"---", b"\x1f\x8b"),
    made=lambda: [b"age-encryption.org/v1\n-> X25519 abc\n", b"\x1f\x8b" + b"\x00" * 30],
    seconds=2.0,
)
def backup_file(data: bytes) -> None:
    _identity()
    path = _scratch() / "file.age"
    path.write_bytes(data)
    check(path, _scratch() / "key")
