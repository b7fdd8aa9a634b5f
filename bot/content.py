"""The one strict way to read YAML content: packaged files first, the organisation's overlay over them.

YAML 1.2 scalars (`yes` and `16:30` stay text), no duplicate keys, no aliases, no tags, at most 1 MiB and 40 levels. Shapes
are pydantic models; every fault of every file is collected as `file:line:column: what, how to mend it`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from bot.errors import ContentError, Fault

MAX_BYTES = 1 << 20
MAX_DEPTH = 40
_SAFE_DEPTH = 500
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAGS = {
    f"tag:yaml.org,2002:{name}"
    for name in ["str", "int", "float", "bool", "null", "timestamp", "map", "seq", "merge", "value"]
}
_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})\Z")  # longer ones are numbers of something, not amounts: text
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))([eE][-+]?[0-9]{1,2})?\Z")

PathTuple = tuple[str | int, ...]
Marks = dict[PathTuple, tuple[int, int]]


class Shape(BaseModel):
    """Base of every content model: unknown keys are faults, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


M = TypeVar("M", bound=Shape)


@dataclass
class Faults:
    """Collects faults over many files, so that an author sees them all at once."""

    found: list[Fault] = field(default_factory=list)

    def add(self, file: str, place: tuple[int, int], what: str, mend: str) -> None:
        self.found.append(Fault(file, place[0], place[1], what, mend))

    def check(self) -> None:
        """Raise `ContentError` if anything was found."""
        if self.found:
            raise ContentError(self.found)


@dataclass(frozen=True)
class Document:
    """A parsed file: plain Python values, and where each one stands."""

    file: str
    value: Any
    marks: Marks

    def place(self, *path: str | int) -> tuple[int, int]:
        """Line and column of a value, or of its nearest parent that is there."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.marks:
                return self.marks[path[:end]]
        return (1, 1)


def parse(file: str, data: bytes, faults: Faults) -> Document | None:
    """Bytes of a YAML file as plain values, or None with the faults added."""
    if len(data) > MAX_BYTES:
        faults.add(file, (0, 0), f"the file has {len(data):,} bytes", f"keep it under {MAX_BYTES:,}: split it")
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        faults.add(file, (line, 1), "this line is not UTF-8 text", "save the file as UTF-8")
        return None
    try:
        if place := _too_deep(text):
            faults.add(file, place, f"nested deeper than {MAX_DEPTH} levels", "flatten it")
            return None
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        faults.add(
            file,
            place,
            f"this is not valid YAML ({error.problem or error})",
            "check indentation, colons and quotes here",
        )
        return None
    except (yaml.YAMLError, RecursionError) as error:
        faults.add(
            file,
            (0, 0),
            f"this is not valid YAML ({type(error).__name__})",
            "check for control characters or deep nesting",
        )
        return None
    if node is None:
        faults.add(file, (1, 1), "the file is empty", "fill it or delete it")
        return None
    before = len(faults.found)
    marks: Marks = {}
    value = _Builder(file, faults, marks).build(node, ())
    return Document(file, value, marks) if len(faults.found) == before else None


def _too_deep(text: str) -> tuple[int, int] | None:
    """Where a text nests so deep that composing it would overflow the C stack, which ends the process (5,000 levels do).

    Brackets and columns bound the depth, so that ordinary files are not read twice; `_Builder` refuses the rest exactly.
    """
    if text.count("[") + text.count("{") < _SAFE_DEPTH and max(map(len, text.splitlines()), default=0) < _SAFE_DEPTH:
        return None
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                mark = event.start_mark
                return (mark.line + 1, mark.column + 1) if mark else (1, 1)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return None


def read(model: type[M], document: Document, faults: Faults) -> M | None:
    """A document as a model, or None with one fault for each thing that is wrong."""
    try:
        return model.model_validate(document.value)
    except ValidationError as error:
        for item in error.errors(include_url=False):
            what, mend = _words(item)
            faults.add(document.file, document.place(*_real_path(document, item["loc"])), what, mend)
        return None


def editor_schema(model: type[BaseModel], title: str) -> str:
    """The JSON Schema that editors check files of a shape with, as text, keys in a stable order."""
    schema = {**model.model_json_schema(by_alias=True), "title": title}
    return (
        json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2, ensure_ascii=False)
        + "\n"
    )


class _Builder:
    """Turns composed nodes into plain values, remembering places."""

    def __init__(self, file: str, faults: Faults, marks: Marks) -> None:
        self._file, self._faults, self._marks, self._seen = file, faults, marks, set[int]()

    def build(self, node: Any, path: PathTuple, key: tuple[int, int] | None = None) -> Any:
        """`key` is where the value's key stands: an alias has no place of its own."""
        place = (node.start_mark.line + 1, node.start_mark.column + 1)
        self._marks[path] = place
        if id(node) in self._seen:
            return self._refuse(key or place, "this is an alias (*name)", "write the value out")
        self._seen.add(id(node))
        if node.tag not in _TAGS and node.tag != "!":
            return self._refuse(place, f"the tag {node.tag} is not allowed", "remove it")
        if isinstance(node, yaml.CollectionNode) and len(path) >= MAX_DEPTH:
            return self._refuse(place, f"nested deeper than {MAX_DEPTH} levels", "flatten it")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(child, (*path, i)) for i, child in enumerate(node.value)]
        return node.value if node.style else _scalar(node.value)  # style is "" in C, None in Python

    def _mapping(self, node: Any, path: PathTuple) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, child in node.value:
            place = (key.start_mark.line + 1, key.start_mark.column + 1)
            if not isinstance(key, yaml.ScalarNode):
                self._refuse(place, "a key must be a word", "write key: value")
                continue
            if key.value in result:
                self._refuse(place, f'the key "{key.value}" stands here twice', "keep one of them")
                continue
            result[key.value] = self.build(child, (*path, key.value), place)
            self._marks[(*path, key.value)] = place
        return result

    def _refuse(self, place: tuple[int, int], what: str, mend: str) -> None:
        self._faults.add(self._file, place, what, mend)


def _scalar(text: str) -> str | int | float | bool | None:
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.match(text):
        return int(text)
    return float(text) if _FLOAT.match(text) else text


def _real_path(document: Document, loc: tuple[int | str, ...]) -> PathTuple:
    """pydantic puts union tags into `loc`; keep only the parts that are in the file."""
    path: PathTuple = ()
    for part in loc:
        if (*path, part) in document.marks:
            path = (*path, part)
    return path


_EXACTLY = re.compile(r"\^([a-z]+/[0-9]+)\$")  # a pattern that only one text fits: "answer/1"
_MENDS: Mapping[str, str] = {
    "missing": "add it",
    "extra_forbidden": "remove it, or check its spelling",
    "string_type": "write text, in quotes",
    "string_pattern_mismatch": "use only a-z, 0-9 and -",
    "date_from_datetime_parsing": "write a date as YYYY-MM-DD",
    "bool_type": "write true or false",
}


_SIZES: Mapping[str, tuple[str, str]] = {
    "string_too_short": ("has fewer than {min_length} characters", "write it out"),
    "string_too_long": ("has more than {max_length} characters", "shorten it"),
    "too_long": ("has more than {max_length} items", "take some out"),
}


def _words(item: Any) -> tuple[str, str]:
    name = ".".join(str(part) for part in item["loc"])
    kind = item["type"]
    if kind == "missing":
        return f'"{name}" is missing', "add it"
    if kind == "extra_forbidden":
        return f'"{name}" is not a key that is known here', _MENDS[kind]
    if kind == "string_pattern_mismatch" and (exactly := _EXACTLY.fullmatch(item["ctx"]["pattern"])):
        return f'"{name}" is not {exactly[1]}', f"write {name}: {exactly[1]}"
    if kind == "string_too_short" and not item["input"].strip():
        return f'"{name}" is empty', "write it, or take the line out"
    if kind in _SIZES:
        what, mend = _SIZES[kind]
        return f'"{name}" {what.format(**item["ctx"])}', mend
    message = str(item["msg"]).removeprefix("Value error, ")
    what, _, mend = message.partition(" | ")  # our own validators write "what | mend"
    return f'"{name}": {what[:1].lower()}{what[1:]}' if name else what, mend or _MENDS.get(kind, "correct it")


@dataclass(frozen=True)
class Shelf:
    """Packaged content with the organisation's folder over it. A file of the same name in the overlay replaces ours."""

    packaged: Traversable
    overlay: Path | None = None

    def folder(self, name: str) -> Iterator[tuple[str, bytes, bool]]:
        """`(label, bytes, is_overlay)` of each `*.yaml` in a folder, sorted by file name."""
        found: dict[str, tuple[str, bytes, bool]] = {}
        home = self.packaged.joinpath(name)
        if home.is_dir():
            for item in home.iterdir():
                if item.name.endswith(".yaml"):
                    found[item.name] = (f"knowledge/{name}/{item.name}", item.read_bytes(), False)
        if self.overlay and (self.overlay / name).is_dir():
            for path in (self.overlay / name).glob("*.yaml"):
                found[path.name] = (str(path), path.read_bytes(), True)
        yield from (found[key] for key in sorted(found))

    def file(self, name: str) -> tuple[str, bytes, bool] | None:
        """One file by its path under the shelf, from the overlay if it is there."""
        if self.overlay and (self.overlay / name).is_file():
            return str(self.overlay / name), (self.overlay / name).read_bytes(), True
        item = self.packaged.joinpath(name)
        return (f"knowledge/{name}", item.read_bytes(), False) if item.is_file() else None

    def stamp(self, *names: str) -> tuple[tuple[str, int, int], ...]:
        """What changes when an overlay or packaged file under these folders or files changes (mtime in ns, size)."""
        roots = [Path(str(self.packaged))] + ([self.overlay] if self.overlay else [])
        seen: list[tuple[str, int, int]] = []
        for root in roots:
            for name in names:
                base = root / name
                paths = sorted(base.glob("*.yaml")) if base.is_dir() else [base] if base.is_file() else []
                seen.extend((str(path), stat.st_mtime_ns, stat.st_size) for path in paths if (stat := path.stat()))
        return tuple(seen)


def packaged_shelf(overlay: Path | None = None) -> Shelf:
    """The shelf of this installation (`knowledge` package) with an overlay folder."""
    return Shelf(files("knowledge"), overlay)
