"""Rows of a spreadsheet that somebody else made: .csv, or the first sheet of an .xlsx, with every part of it capped.

An .xlsx is a ZIP of XML. It is read with expat as a stream: no document type (so no entities), nothing outside of the three
parts that are needed, and never more bytes than the caps, whatever the archive says of itself. Formulas, macros and links
are not looked at: a cell is the text that was last shown in it.
"""

from __future__ import annotations

import csv
import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from xml.parsers import expat

from bot.errors import TooLarge

FILE_BYTES = 10 << 20
PART_BYTES = 20 << 20  # of one part of the archive, unpacked
PARTS = 2_000
ROWS = 5_000
COLUMNS = 60
CELL = 20_000  # characters
DEPTH = 30
CHUNK = 64 << 10
_COLUMN = re.compile(r"([A-Z]{1,3})[0-9]{1,7}")
_HEAD = 64 << 10


class Unreadable(ValueError):
    """This is no spreadsheet that we read. The text says why and what to do."""


@dataclass(frozen=True)
class Line:
    """One row that holds something: its number in the sheet, from 1, and its cells."""

    number: int
    cells: tuple[str, ...]


def is_workbook(data: bytes) -> bool:
    """Whether a file has rows; a text file has lines, and a row of it may go over several."""
    return data[:4] == b"PK\x03\x04"


def read_spreadsheet(name: str, data: bytes) -> list[Line]:
    """The rows of a file. Raises `Unreadable`, or `TooLarge` with what is over its cap."""
    if len(data) > FILE_BYTES:
        raise TooLarge(f"the file has {len(data) >> 20} MB; at most {FILE_BYTES >> 20} are read: split it")
    if is_workbook(data):
        return list(_xlsx(data))
    if data[:4] == b"\xd0\xcf\x11\xe0":
        raise Unreadable(
            "this is an old or locked Excel file: open it, take the password off, and save it as .xlsx or .csv"
        )
    if name.lower().endswith((".xlsx", ".xlsm", ".ods", ".xls")):
        raise Unreadable("this file does not hold what its name says: save it again as .xlsx or .csv")
    return list(_csv(data))


# comma-separated


def _csv(data: bytes) -> Iterator[Line]:
    text = _text(data)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=False)
    csv.field_size_limit(CELL)
    start, rows = 1, 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise Unreadable(
                f"row {start} cannot be read ({error}): look for a quote that is not closed there"
            ) from None
        if any(cell.strip() for cell in cells):
            rows += 1
            _count(rows)
            yield Line(start, tuple(cell.strip() for cell in cells[:COLUMNS]))
        start = reader.line_num + 1


def _text(data: bytes) -> str:
    """UTF-8 or UTF-16 with its mark, else what Excel writes on Windows."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    if b"\x00" in data[:_HEAD]:
        raise Unreadable("this is not text: save the sheet as .xlsx or .csv")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _delimiter(text: str) -> str:
    head = text.lstrip().partition("\n")[0]
    return max(",;\t|", key=head.count)


def _count(rows: int) -> None:
    if rows > ROWS:
        raise TooLarge(f"there are more than {ROWS} rows: split the file")


# .xlsx


def _xlsx(data: bytes) -> Iterator[Line]:
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        raise Unreadable("this .xlsx is damaged: open it and save it again") from None
    with archive:
        if len(archive.infolist()) > PARTS:
            raise TooLarge(f"the file has more than {PARTS} parts: save the sheet alone as .xlsx or .csv")
        sheet = _first_sheet(archive)
        shared = _shared(archive)
        for rows, line in enumerate(_Sheet(shared).read(_part(archive, sheet)), 1):
            _count(rows)
            yield line


def _part(archive: zipfile.ZipFile, name: str) -> bytes:
    try:
        info = archive.getinfo(name)
        if info.flag_bits & 1:
            raise Unreadable("this file has a password: take it off and save it again")
        with archive.open(info) as part:
            data = part.read(PART_BYTES + 1)
    except KeyError:
        raise Unreadable("this is no .xlsx: save the sheet as .xlsx or .csv") from None
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable("this .xlsx is damaged: open it and save it again") from None
    if len(data) > PART_BYTES:
        raise TooLarge(f"the sheet has more than {PART_BYTES >> 20} MB when unpacked: split it")
    return data


def _first_sheet(archive: zipfile.ZipFile) -> str:
    """The path of the first sheet, by the workbook's own list."""
    ids = [attributes.get("r:id", "") for tag, attributes in _tags(_part(archive, "xl/workbook.xml")) if tag == "sheet"]
    targets = {
        attributes.get("Id", ""): attributes.get("Target", "")
        for tag, attributes in _tags(_part(archive, "xl/_rels/workbook.xml.rels"))
        if tag == "Relationship"
    }
    target = targets.get(ids[0], "") if ids else ""
    path = target.removeprefix("/") if target.startswith("/") else posixpath.normpath(f"xl/{target}")
    if not target or not path.startswith("xl/worksheets/"):
        raise Unreadable("this .xlsx has no sheet with rows in it")
    return path


def _shared(archive: zipfile.ZipFile) -> list[str]:
    """Texts that cells name by number."""
    if "xl/sharedStrings.xml" not in archive.namelist():
        return []
    found: list[str] = []
    inside, phonetic = False, 0
    for kind, tag, value in _events(_part(archive, "xl/sharedStrings.xml")):
        if kind == "start" and tag == "si":
            found.append("")
        elif tag == "rPh":
            phonetic += 1 if kind == "start" else -1
        elif tag == "t" and kind != "text":
            inside = kind == "start"
        elif kind == "text" and inside and not phonetic and found:
            found[-1] = (found[-1] + value)[:CELL]
    return found


class _Sheet:
    """Cells of one sheet, row by row."""

    def __init__(self, shared: list[str]) -> None:
        self._shared = shared

    def read(self, data: bytes) -> Iterator[Line]:
        number, cells, column, kind, text, inside = 0, dict[int, str](), 0, "", "", False
        for event, tag, value in _events(data, ("row", "c")):
            if event == "start" and tag == "row":
                number, cells, column = _number(value) or number + 1, {}, -1
            elif event == "start" and tag == "c":
                reference, _, kind = value.partition(" ")
                column, text = _place(reference, column + 1), ""
            elif tag in ("v", "t") and event != "text":
                inside = event == "start"
            elif event == "text" and inside:
                text = (text + value)[:CELL]
            elif event == "end" and tag == "c" and column < COLUMNS:
                cells[column] = self._shown(kind, text)
            elif event == "end" and tag == "row" and any(cells.values()):
                yield Line(number, tuple(cells.get(i, "") for i in range(max(cells) + 1)))

    def _shown(self, kind: str, text: str) -> str:
        if kind == "s":
            index = _number(text)
            text = self._shared[index] if text.strip().isdecimal() and index < len(self._shared) else ""
        return text.strip()


def _number(text: str) -> int:
    return int(text) if text.strip().isdecimal() and len(text) < 9 else 0


def _place(reference: str, following: int) -> int:
    """The column of a cell's name, from 0."""
    match = _COLUMN.fullmatch(reference)
    if match is None:
        return following
    place = 0
    for letter in match[1]:
        place = place * 26 + ord(letter) - 64
    return place - 1


def _tags(data: bytes) -> Iterator[tuple[str, dict[str, str]]]:
    """Every tag with its attributes."""
    found: list[tuple[str, dict[str, str]]] = []
    parser = _parser()
    parser.StartElementHandler = lambda tag, attributes: found.append((tag.rpartition(":")[2], attributes))
    for _ in _fed(parser, data):
        yield from found
        found.clear()


def _events(data: bytes, named: tuple[str, ...] = ()) -> Iterator[tuple[str, str, str]]:
    """`(start, end or text; tag; value)` in order. Of the tags in `named` the value is what their attributes say."""
    found: list[tuple[str, str, str]] = []
    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEPTH:
            raise Unreadable("this .xlsx nests too deep: save the sheet again")
        name = tag.rpartition(":")[2]
        value = f"{attributes.get('r', '')} {attributes.get('t', '')}".rstrip() if name in named else ""
        found.append(("start", name, value))

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        found.append(("end", tag.rpartition(":")[2], ""))

    parser = _parser()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = lambda text: found.append(("text", "", text))
    for _ in _fed(parser, data):
        yield from found
        found.clear()


def _parser() -> expat.XMLParserType:
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def refuse(*_: object) -> None:
        raise Unreadable("this .xlsx holds a document type, which no spreadsheet program writes: save the sheet again")

    parser.StartDoctypeDeclHandler = refuse
    return parser


def _fed(parser: expat.XMLParserType, data: bytes) -> Iterator[None]:
    """Feed it piece by piece: what was seen is taken away after each, so that memory stays small."""
    try:
        for place in range(0, len(data), CHUNK):
            parser.Parse(data[place : place + CHUNK], False)
            yield
        parser.Parse(b"", True)
        yield
    except expat.ExpatError:
        raise Unreadable("this .xlsx is damaged: open it and save it again") from None
