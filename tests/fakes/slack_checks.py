"""What Slack would refuse: the SDK's own models on every nested object, and the limits of its documentation, by number."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.basic_objects import JsonObject
from slack_sdk.models.blocks import Block

from adapters.channels.slack_text import unescape
from tests.fakes.cards import OURS

BLOCKS = {"header", "section", "context", "actions", "context_actions", "input", "divider"}
# (owner's type, key) → most characters
TEXTS = {
    ("header", "text"): 150, ("section", "text"): 3_000, ("field", "text"): 2_000, ("context", "text"): 2_000,
    ("button", "text"): 75, ("feedback", "text"): 75, ("input", "label"): 2_000, ("option", "text"): 75,
}  # fmt: skip
_PING = re.compile(r"<[!@#][^>]*>")
_LINK = re.compile(r"<(?![!@#])([^<>|]+)(?:\|[^<>]*)?>")
_RAW = re.compile(r"&(?!(?:amp|lt|gt);)")


def faults(blocks: Sequence[Mapping[str, Any]], *, most: int = 50, links: Sequence[str] = ()) -> list[str]:
    """Everything that is wrong with a message's or a view's blocks. `links` are the targets that may be linked."""
    found = [] if 1 <= len(blocks) <= most else [f"{len(blocks)} blocks"]
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    if len(ids) != len(set(ids)):
        found.append("block_id twice")
    for number, block in enumerate(blocks):
        found += [f"block {number}: {what}" for what in _block(block, links)]
    return found


def message_faults(message: Mapping[str, Any], links: Sequence[str] = ()) -> list[str]:
    """Everything that is wrong with a message."""
    text = message.get("text")
    found = faults(message["blocks"], links=links) if "blocks" in message else []
    if not isinstance(text, str) or not text.strip():
        found.append("no text form")
    elif len(text) > 4_000:
        found.append(f"{len(text)} characters of text")
    else:
        found += _marks(text, ())
    return found


def view_faults(view: Mapping[str, Any], links: Sequence[str] = ()) -> list[str]:
    """Everything that is wrong with a modal or App Home."""
    found = faults(view["blocks"], most=100, links=links)
    for key in ("title", "submit", "close"):
        if key in view and not 1 <= len(view[key]["text"]) <= 24:
            found.append(f"{key} has {len(view[key]['text'])} characters")
    if view["type"] == "modal" and "title" not in view:
        found.append("no title")
    inputs = [block for block in view["blocks"] if block["type"] == "input"]
    if inputs and view["type"] == "modal" and "submit" not in view:
        found.append("inputs without submit")
    if len(view.get("private_metadata", "")) > 3_000:
        found.append("private_metadata too long")
    if any(block["type"] == "context_actions" for block in view["blocks"]):
        found.append("context_actions outside a message")
    return found


def _block(block: Mapping[str, Any], links: Sequence[str]) -> Iterator[str]:
    if block.get("type") not in BLOCKS:
        yield f"type {block.get('type')}"
        return
    model = Block.parse(dict(block))
    yield from _models(model)
    yield from _lengths(block)
    for text in _texts(block):
        yield from _text(text, links)
    if block["type"] == "section" and not block.get("text") and not block.get("fields"):
        yield "an empty section"
    for key, most in (("fields", 10), ("elements", 10 if block["type"] == "context" else 25)):
        if key in block and not 1 <= len(block[key]) <= most:
            yield f"{len(block[key])} {key}"
    yield from _elements(block)


def _elements(block: Mapping[str, Any]) -> Iterator[str]:
    elements = list(block.get("elements", ())) + ([block["accessory"]] if "accessory" in block else [])
    ids = [item["action_id"] for item in elements if "action_id" in item]
    if len(ids) != len(set(ids)):
        yield "action_id twice"
    for item in elements:
        for part in (item, *(item[key] for key in ("positive_button", "negative_button") if key in item)):
            if len(part.get("value", "")) > 2_000:
                yield "value too long"
        if len(item.get("action_id", "")) > 255:
            yield "action_id too long"
        if item.get("style", "primary") not in ("primary", "danger"):
            yield f"style {item['style']}"


def _models(model: Any) -> Iterator[str]:
    """The SDK's validators on an object and everything in it: it does not look inside by itself."""
    if isinstance(model, JsonObject):
        try:
            model.validate_json()
        except SlackObjectFormationError as error:
            yield str(error)
        for name in model.attributes:
            yield from _models(getattr(model, name, None))
    elif isinstance(model, Mapping):
        for value in model.values():
            yield from _models(value)
    elif isinstance(model, list | tuple):
        for value in model:
            yield from _models(value)


def _lengths(block: Mapping[str, Any]) -> Iterator[str]:
    kind = block["type"]
    checks: list[tuple[str, str, Any]] = [(kind, "text", block.get("text")), (kind, "label", block.get("label"))]
    checks += [("field", "text", field) for field in block.get("fields", ())]
    for item in [*block.get("elements", ()), *([block["accessory"]] if "accessory" in block else [])]:
        if item.get("type") in ("plain_text", "mrkdwn"):
            checks.append(("context", "text", item))
        checks.append(("button", "text", item.get("text") if item.get("type") == "button" else None))
        checks += [
            ("feedback", "text", item[key]["text"]) for key in ("positive_button", "negative_button") if key in item
        ]
    checks += [("option", "text", option["text"]) for option in block.get("element", {}).get("options", ())]
    for owner, key, text in checks:
        most = TEXTS.get((owner, key))
        if text is not None and most is not None and not 1 <= len(text["text"]) <= most:
            yield f"{owner} {key} has {len(text['text'])} characters"


def _texts(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        if value.get("type") in ("plain_text", "mrkdwn"):
            yield value
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _text(text: Mapping[str, Any], links: Sequence[str]) -> Iterator[str]:
    if not text["text"].strip():
        yield "empty text"
    if text["type"] == "mrkdwn" and text.get("verbatim") is not True:
        yield "mrkdwn that is not verbatim"
    if text["type"] == "plain_text" and text.get("emoji") is not False:
        yield "plain text with emoji codes"
    yield from _marks(text["text"], links if text["type"] == "mrkdwn" else ())


def _marks(text: str, links: Sequence[str]) -> Iterator[str]:
    """Pings and links that are not ours. A bar at a line's start is a quote, nothing else."""
    if _PING.search(text):
        yield "a ping"
    for target in _LINK.findall(text):
        if target not in links and not OURS.fullmatch(unescape(target)):
            yield f"a link to {target}"
    rest = re.sub(r"^>", "", _LINK.sub("", text), flags=re.MULTILINE)
    if "<" in rest or ">" in rest or _RAW.search(rest):
        yield "something is not escaped"
