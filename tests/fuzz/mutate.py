"""One more input out of known ones: bytes are cut, doubled and spliced; JSON keeps its form and gets other values."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from random import Random
from typing import Any

from tests.fuzz.harness import Harness, json_of

MOST = 100_000  # bytes of an input
MANY = 5_000  # values in one
COMMON = (
    b"",
    b"\x00",
    b"\xff",
    b"\n",
    b"\r\n",
    b" ",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    "\u202e".encode(),
    "\u0130".encode(),
    "ß".encode(),
    b"-1",
    b"0",
    b"1e999",
    b"9" * 400,
    b"%s%n",
    b"../../x",
    b"<script>",
    b"';--",
    b"{" * 50,
    b"[" * 300,
    b"A" * 5000,
    b"\xe2\x80\xa8",
)
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1 << 70,
    -(1 << 70),
    0.5,
    float("nan"),
    float("inf"),
    1e308,
    "",
    " ",
    "\x00",
    "x",
    "\ud800",
    "é\u202e",
    "9" * 400,
    "A" * 5000,
    [],
    {},
    [None],
    [[]],
    {"": ""},
    [1, "2", {}],
    {"id": 1},
    "1970-01-01",
    "2026-02-30T25:61:61Z",
    "../..",
    "\u2028",
)


def mutated(harness: Harness, data: bytes, random: Random) -> bytes:
    """A neighbour of `data`."""
    if harness.kind == "json" and random.random() < 0.85 and (value := json_of(data)) is not None:
        try:
            found = json.dumps(_value(value, random, harness)).encode()
        except RecursionError:  # deep enough already
            return data
        return found if len(found) <= MOST else data
    return _bytes(harness, data, random)[:MOST]


def _bytes(harness: Harness, data: bytes, random: Random) -> bytes:
    for _ in range(random.choice((1, 1, 2, 3, 6, 12))):
        at = random.randint(0, len(data))
        end = min(len(data), at + random.choice((0, 1, 2, 4, 16, 64, 1000)))
        piece = random.choice(harness.pieces or COMMON) if random.random() < 0.7 else random.choice(COMMON)
        match random.randrange(7):
            case 0:
                data = data[:at] + piece + data[at:]
            case 1:
                data = data[:at] + piece + data[end:]
            case 2:
                data = data[:at] + data[end:]
            case 3:
                data = data[:at] + data[at:end] * random.choice((2, 3, 50)) + data[end:]
            case 4:
                data = data[:at] + bytes(random.randrange(256) for _ in range(end - at)) + data[end:]
            case 5:
                other = random.choice(harness.seeds) if harness.seeds else b""
                data = data[:at] + other[random.randint(0, len(other)) :]
            case _:
                data = data[:at]
    return data


def _value(value: Any, random: Random, harness: Harness) -> Any:
    value = copy.deepcopy(value)
    for _ in range(random.choice((1, 1, 2, 4))):
        places = list(_places(value))
        if len(places) > MANY:  # doubled once more it would fill the memory
            return value
        if not places:
            return copy.deepcopy(random.choice(VALUES))
        holder, key = random.choice(places)
        new = copy.deepcopy(random.choice(VALUES))
        if random.random() < 0.2 and harness.pieces:
            new = random.choice(harness.pieces).decode("utf-8", "replace")
        match random.randrange(6):
            case 0 if isinstance(holder, dict):
                holder.pop(key)
            case 1 if isinstance(holder, list):
                holder[key:key] = [copy.deepcopy(holder[key]) for _ in range(random.choice((1, 3, 200)))]
            case 2:  # what stands elsewhere in it
                other, name = random.choice(places)
                holder[key] = copy.deepcopy(other[name])
            case 3:
                holder[key] = _nested(random.choice((3, 60, 400)), random)
            case 4 if isinstance(holder[key], str):
                holder[key] += str(new)
            case _:
                holder[key] = new
    return value


def _nested(depth: int, random: Random) -> Any:
    found: Any = copy.deepcopy(random.choice(VALUES))
    for _ in range(depth):
        found = [found] if random.random() < 0.5 else {"type": found}
    return found


def _places(value: Any, most: int = 500) -> Iterator[tuple[Any, Any]]:
    """(container, key or index) of everything inside, not too deep."""
    waiting = [value]
    for container in waiting:
        keys = (
            list(container)
            if isinstance(container, dict)
            else range(len(container))
            if isinstance(container, list)
            else ()
        )
        for key in keys:
            yield container, key
            if isinstance(container[key], dict | list) and len(waiting) < most:
                waiting.append(container[key])
