"""Changing a YAML file in a few places, with everything else left as its author wrote it: comments, order, quotes.

ruamel.yaml carries comments along; where a value is removed it drops those that stand behind it, so they are put back before
the line they stood above. A file is laid out again only if its indentation is one that cannot be told.
"""

from __future__ import annotations

import difflib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.representer import RoundTripRepresenter
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

Path = tuple[str, ...]
Value = str | int | bool | date | Sequence["Value"] | Mapping[str, "Value"] | None
_LAYOUTS = ((4, 2), (2, 0))  # (sequence, offset): items further in than their key, or at its level
_PLAIN = re.compile(r"[a-z][a-z0-9_-]*")


class _Representer(RoundTripRepresenter):
    """Writes nothing as `null`, which readers see, and a value that stands twice twice (the strict reader takes no alias)."""

    def ignore_aliases(self, data: Any) -> bool:
        """As in PyYAML."""
        return True


_Representer.add_representer(type(None), lambda self, _: self.represent_scalar("tag:yaml.org,2002:null", "null"))


def edited(text: str, changes: Mapping[Path, Value], order: Sequence[str] = ()) -> str:
    """The text with values set at their paths (None: the key goes). `order`: where a new key of the top level belongs.

    The text has to be valid YAML with a mapping on top (read it with the strict reader first).
    """
    yaml, root = _loaded(text)
    for path, value in changes.items():
        _set(root, path, value, order)
    return _with_comments(text, _dumped(yaml, root))


def written(value: Mapping[str, Value]) -> str:
    """A new file."""
    return _dumped(_yaml(*_LAYOUTS[0]), _map(value))


def _loaded(text: str) -> tuple[YAML, Any]:
    """The document, and a writer that gives it back as it was if that is possible."""
    for layout in _LAYOUTS:
        yaml = _yaml(*layout)
        if _dumped(yaml, yaml.load(text)) == text:
            return yaml, yaml.load(text)
    yaml = _yaml(*_LAYOUTS[0])
    return yaml, yaml.load(text)


def _yaml(sequence: int, offset: int) -> YAML:
    yaml = YAML(typ="rt")
    yaml.Representer = _Representer
    yaml.preserve_quotes = True
    yaml.width = 1_000_000
    yaml.allow_unicode = True
    yaml.indent(mapping=2, sequence=sequence, offset=offset)
    return yaml


def _dumped(yaml: YAML, root: Any) -> str:
    out = io.StringIO()
    yaml.dump(root, out)
    return out.getvalue()


def _set(root: Any, path: Path, value: Value, order: Sequence[str]) -> None:
    *parents, last = path
    node = root
    for name in parents:
        if not isinstance(node.get(name), CommentedMap):
            if value is None:
                return
            _put(node, name, CommentedMap(), order if node is root else ())
        node = node[name]
    if value is None:
        node.pop(last, None)
    elif isinstance(value, Sequence) and not isinstance(value, str) and isinstance(node.get(last), CommentedSeq):
        _merge(node[last], value)
    elif last not in node or _plain(node[last]) != value:
        _put(node, last, _node(value), order if node is root else ())


def _put(node: CommentedMap, name: str, value: Any, order: Sequence[str]) -> None:
    """Set a key; a new one goes before the first that comes later in the order."""
    if name in node or name not in order:
        node[name] = value
        return
    later = set(order[list(order).index(name) + 1 :])
    place = next((i for i, key in enumerate(node) if key in later), len(node))
    node.insert(place, name, value)


def _merge(old: CommentedSeq, new: Sequence[Value]) -> None:
    """Make a list equal to another one; items that stay keep their comments and quotes."""
    before, after = [_key(_plain(item)) for item in old], [_key(item) for item in new]
    steps = difflib.SequenceMatcher(a=before, b=after, autojunk=False).get_opcodes()
    for step, start, end, first, last in reversed(steps):
        if step == "equal":
            continue
        for _ in range(start, end):
            del old[start]
        for offset, item in enumerate(new[first:last]):
            old.insert(start + offset, _node(item))


def _node(value: Value) -> Any:
    """A value as ruamel writes it: text in double quotes, short lists of names on one line."""
    if isinstance(value, str):
        return DoubleQuotedScalarString(value)
    if isinstance(value, Mapping):
        return _map(value)
    if isinstance(value, Sequence):
        items = CommentedSeq(_node(item) for item in value)
        if all(isinstance(item, str) and _PLAIN.fullmatch(item) for item in value):
            items.fa.set_flow_style()
        return items
    return value


def _map(value: Mapping[str, Value]) -> CommentedMap:
    return CommentedMap((name, _node(item)) for name, item in value.items())


def _plain(node: Any) -> Any:
    """A node as plain values, to compare."""
    if isinstance(node, Mapping):
        return {str(name): _plain(item) for name, item in node.items()}
    if isinstance(node, Sequence) and not isinstance(node, str):
        return [_plain(item) for item in node]
    return str(node) if isinstance(node, str) else node


def _key(value: Any) -> str:
    return repr(_plain(value))


def _with_comments(source: str, text: str) -> str:
    """The text with the comment lines of the source that it has lost."""
    lines = text.splitlines()
    have = [line.strip() for line in lines]
    for comment, following in _comments(source):
        if comment.strip() in have:
            have.remove(comment.strip())
            continue
        place = next((lines.index(line) for line in following if line in lines), len(lines))
        lines.insert(place, comment)
    return "\n".join(lines) + "\n"


def _comments(source: str) -> Iterator[tuple[str, list[str]]]:
    """Every line that is a comment alone, with the lines behind it that are not."""
    lines = source.splitlines()
    for number, line in enumerate(lines):
        if line.lstrip().startswith("#"):
            yield line, [later for later in lines[number + 1 :] if later.strip() and not later.lstrip().startswith("#")]
