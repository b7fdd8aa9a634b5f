"""Indicators for other systems: CSV, STIX 2.1 (OASIS standard of June 2021) and a MISP event (misp-core-format). Pure functions.

Ids are made from what they name (UUID 5, RFC 9562), so that exporting twice gives the same objects.
"""

from __future__ import annotations

import csv
import io
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.reporting.indicators import Indicator

_SPACE = uuid.UUID("6f0c3a52-6a57-5d0a-9a0f-5b1a3d1f7c11")  # our own namespace
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
_STIX = {
    "email": "[email-message:from_ref.value = {}]",
    "reply_to": "[email-message:additional_header_fields.'Reply-To' = {}]",
    "url": "[url:value = {}]",
    "domain": "[domain-name:value = {}]",
    "file": "[file:hashes.'SHA-256' = {}]",
    "subject": "[email-message:subject = {}]",
    "message_id": "[email-message:message_id = {}]",
}
_MISP = {
    "email": ("email-src", "Payload delivery"), "reply_to": ("email-reply-to", "Payload delivery"),
    "url": ("url", "Network activity"), "domain": ("domain", "Network activity"), "file": ("sha256", "Payload delivery"),
    "subject": ("email-subject", "Payload delivery"), "message_id": ("email-message-id", "Payload delivery"),
}  # fmt: skip
_DETECTS = {"email", "url", "domain", "file"}  # what a system may raise an alarm on by itself
_LEVEL: Mapping[str, str] = {"likely_phishing": "2", "suspicious": "3"}  # MISP: 2 medium, 3 low, 4 undefined
_TYPES = {"likely_phishing": ["malicious-activity"], "suspicious": ["anomalous-activity"]}


@dataclass(frozen=True)
class Shared:
    """What is exported: the case's number, its verdict, when it was first reported (epoch seconds), by which organisation."""

    number: str
    kind: str
    at: float
    org: str
    items: tuple[Indicator, ...]


def as_csv(shared: Shared) -> str:
    """`kind,value,name`; no cell that a spreadsheet would take for a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(("kind", "value", "name"))
    writer.writerows((item.kind, cell(item.value), cell(item.name)) for item in shared.items)
    return out.getvalue()


def cell(text: str) -> str:
    """A cell with an apostrophe in front where it begins like a formula (OWASP, CSV injection)."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) or text.startswith(_FORMULA) else text


def as_stix(shared: Shared) -> dict[str, Any]:
    """A bundle: who says so, an indicator each, and a report that holds them together."""
    moment = _stix_time(shared.at)
    author = _object("identity", shared.org, moment, name=shared.org, identity_class="organization")
    found = [_stix_indicator(shared, item, moment, author["id"]) for item in shared.items]
    report = _object(
        "report", shared.number, moment, created_by_ref=author["id"], name=f"Reported mail {shared.number}",
        report_types=["indicator"], published=moment, object_refs=[item["id"] for item in (author, *found)],
    )  # fmt: skip
    return {"type": "bundle", "id": f"bundle--{_id('bundle', shared.number)}", "objects": [author, *found, report]}


def _stix_indicator(shared: Shared, item: Indicator, moment: str, author: str) -> dict[str, Any]:
    pattern = _STIX[item.kind].format(stix_text(item.value))
    return _object(
        "indicator", f"{shared.number}:{item.kind}:{item.value}", moment, created_by_ref=author,
        name=f"{item.kind}: {item.value}"[:250], indicator_types=_TYPES.get(shared.kind, ["unknown"]), pattern=pattern,
        pattern_type="stix", pattern_version="2.1", valid_from=moment,
    )  # fmt: skip


def stix_text(text: str) -> str:
    """A string literal of the pattern language (STIX 2.1, section 9.6)."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _object(kind: str, named: str, moment: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "spec_version": "2.1", "id": f"{kind}--{_id(kind, named)}", "created": moment, "modified": moment,
            **more}  # fmt: skip


def as_misp(shared: Shared) -> dict[str, Any]:
    """An event that stays in the own organisation until somebody there publishes it."""
    day = datetime.fromtimestamp(shared.at, UTC).date().isoformat()
    return {
        "Event": {
            "uuid": _id("event", shared.number), "info": f"Reported mail {shared.number}", "date": day,
            "timestamp": str(int(shared.at)), "threat_level_id": _LEVEL.get(shared.kind, "4"),
            "analysis": "2" if shared.kind else "0", "distribution": "0", "published": False,
            "Orgc": {"name": shared.org, "uuid": _id("org", shared.org)},
            "Tag": [{"name": "tlp:amber"}],
            "Attribute": [_misp_attribute(shared, item) for item in shared.items],
        }
    }  # fmt: skip


def _misp_attribute(shared: Shared, item: Indicator) -> dict[str, Any]:
    kind, category = _MISP[item.kind]
    value = item.value
    if item.kind == "file" and item.name:
        kind, value = "filename|sha256", f"{item.name.replace('|', '_')}|{item.value}"
    bad = shared.kind in _LEVEL and item.kind in _DETECTS
    return {"uuid": _id("attribute", f"{shared.number}:{item.kind}:{item.value}"), "type": kind, "category": category,
            "value": value, "to_ids": bad, "distribution": "5", "timestamp": str(int(shared.at)), "comment": ""}  # fmt: skip


def as_json(value: Mapping[str, Any]) -> str:
    """Readable JSON text."""
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def together(groups: Iterable[Iterable[Indicator]]) -> tuple[Indicator, ...]:
    """Indicators of several mails, each once."""
    return tuple(dict.fromkeys(item for group in groups for item in group))


def _id(kind: str, named: str) -> str:
    return str(uuid.uuid5(_SPACE, f"{kind}:{named}"))


def _stix_time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{int(at % 1 * 1000):03d}Z"
