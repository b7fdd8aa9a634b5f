"""The organisation: values fall through, roles are data, words have a fallback, and every fault is said."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from bot.content import Faults, packaged_shelf
from bot.organisation import (
    Organisation,
    OrgFile,
    ValueInfo,
    Words,
    fill,
    load_organisation,
    load_words,
    overdue,
    pick,
    speaking,
)

ORG = """\
schema: org/1
name: "Acme"
values: {helpdesk_phone: "+1", oncall: "+2", reset_url: "reset.acme.example"}
countries:
  DE: {values: {helpdesk_phone: "+49", dpo_contact: "dpo"}}
entities:
  de: {name: "Acme GmbH", country: DE, values: {oncall: "+493"}}
  at: {name: "Acme Austria"}
"""


def loaded(tmp_path: Path, **files: str) -> tuple[Organisation | None, list[str]]:
    for name, text in files.items():
        path = tmp_path / (name.replace("__", "/") + ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    faults = Faults()
    org = load_organisation(packaged_shelf(tmp_path), faults)
    return org, sorted(str(fault).replace(f"{tmp_path}/", "") for fault in faults.found)


def organisation(**file: Any) -> Organisation:
    return Organisation(OrgFile.model_validate({"schema": "org/1", "name": "Acme", **file}), {}, {}, {}, Words())


# values


def test_values_fall_through_from_group_to_country_to_entity(tmp_path: Path) -> None:
    org, faults = loaded(tmp_path, org=ORG)
    assert (faults, org is not None) == ([], True)
    assert org is not None
    group = {"helpdesk_phone": "+1", "oncall": "+2", "reset_url": "reset.acme.example", "organisation": "Acme"}
    assert org.values() == group
    assert org.values("nowhere") == group
    assert org.values("at") == group
    assert org.values("de") == {**group, "helpdesk_phone": "+49", "oncall": "+493", "dpo_contact": "dpo"}


@pytest.mark.parametrize("scope", ["values", "countries", "entities"])
def test_an_empty_value_is_unset_and_hides_nothing_below(scope: str) -> None:
    empty: dict[str, Any] = {
        "values": {}, "countries": {"DE": {"values": {"reset_url": ""}}},
        "entities": {"de": {"name": "x", "country": "DE", "values": {"reset_url": ""}}},
    }  # fmt: skip
    org = organisation(
        values={"reset_url": "r", "oncall": "", "vpn_name": None}, **{scope: empty[scope]} if scope != "values" else {}
    )
    assert org.values("de").get("reset_url") == "r"
    assert "oncall" not in org.values()
    assert "vpn_name" not in org.values()


def test_a_value_by_language_is_said_in_the_readers_else_in_the_organisations_own() -> None:
    org = organisation(
        language="de",
        values={"dpo_contact": {"de": "Datenschutz", "en": "privacy", "fr": ""}, "oncall": "+2"},
        countries={"FR": {"values": {"dpo_contact": {"fr": "DPO"}}}},
        entities={"fr": {"name": "Acme SAS", "country": "FR"}},
    )
    said = {code: org.values("", code)["dpo_contact"] for code in ("", "de", "en", "fr", "nl")}
    assert said == {"": "Datenschutz", "de": "Datenschutz", "en": "privacy", "fr": "Datenschutz", "nl": "Datenschutz"}
    assert org.values("fr", "en")["dpo_contact"] == "DPO"  # of their country, in the only language it has
    assert org.values("", "en").spoken("de") == org.values("", "de")
    assert speaking(org.values("", "de"), "en")["dpo_contact"] == "privacy"
    assert speaking({"dpo_contact": "x"}, "en") == {"dpo_contact": "x"}
    assert org.values("", "en")["oncall"] == "+2"


def test_a_value_with_nothing_in_any_language_is_unset() -> None:
    org = organisation(values={"dpo_contact": {"en": "", "de": None}})
    assert "dpo_contact" not in org.values()


def test_words_that_lack_a_language_which_others_have_are_named() -> None:
    known = {name: ValueInfo(what="x", words=name != "url") for name in ("a", "b", "c", "d", "url")}
    file = organisation(values={"a": {"en": "1", "de": "1"}, "b": {"en": "1", "fr": "1"}, "c": "1", "url": "1"}).file
    assert Organisation(file, {}, {}, known, Words()).unspoken() == [("a", ["fr"]), ("b", ["de"]), ("c", ["de", "fr"])]
    single = organisation(values={"a": "1", "c": "1"}).file
    assert Organisation(single, {}, {}, known, Words()).unspoken() == []


def test_unset_names_what_no_value_was_given_for() -> None:
    known = {name: ValueInfo(what="x") for name in ("a", "b", "c")}
    org = organisation(values={"a": "1", "b": ""})
    assert Organisation(org.file, {}, {}, known, org.words).unset() == ["b", "c"]


def test_the_sample_is_marked_and_complete() -> None:
    faults = Faults()
    org = load_organisation(packaged_shelf(), faults)
    assert faults.found == []
    assert org is not None
    assert (org.sample, org.unset(), org.unspoken()) == (True, [], [])
    words = [name for name, info in org.catalogue.items() if info.words]
    assert all(set(org.file.values[name] or ()) == {"en", "de", "fr", "es"} for name in words)
    assert len(words) == 32
    assert org.desk_roles() == {"it_helpdesk"}
    assert all(org.values(entity)["helpdesk_phone"] for entity in org.file.entities)


# faults


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"org": ORG.replace("reset_url", "rest_url")},
            ['org.yaml:3:46: "rest_url" is not a value that content uses, check the spelling in values.yaml'],
        ),
        (
            {"org": ORG.replace("dpo_contact", "dop_contact")},
            ['org.yaml:5:40: "dop_contact" is not a value that content uses, check the spelling in values.yaml'],
        ),
        (
            {"org": ORG.replace('helpdesk_phone: "+1", ', "")},
            [
                'org.yaml:3:1: the value "helpdesk_phone" (phone number of the help desk, reachable from abroad) is not '
                "set, set it: people depend on it"
            ],
        ),
        (
            {"org": ORG.replace("country: DE", "country: GERMANY")},
            ['org.yaml:7:27: "GERMANY" is not listed under countries, add it there or remove it'],
        ),
        (
            {"org": ORG.replace('"reset.acme.example"', '{de: "x"}')},
            [
                'org.yaml:3:46: "reset_url" has no text in en, which other languages fall back to, add en',
            ],
        ),
        (
            {"org": ORG.replace('"reset.acme.example"', '{english: "x"}')},
            ['org.yaml:3:46: "values.reset_url": "english" is not a language, write a code like en, de or fr'],
        ),
        (
            {"org": ORG.replace('"reset.acme.example"', "[1]")},
            [
                'org.yaml:3:46: "values.reset_url": this is neither text nor a text for each language, '
                'write it in quotes, or as {en: "…", de: "…"}'
            ],
        ),
        (
            {"org": ORG + 'timezone: "Mars/Base"\n'},
            ['org.yaml:9:1: "Mars/Base" is not a time zone, write one like Europe/Berlin'],
        ),
        (
            {"org": ORG + "colour: red\n"},
            ['org.yaml:9:1: "colour" is not a key that is known here, remove it, or check its spelling'],
        ),
        (
            {"org": ORG + "name: Twice\n", "roles": "schema: roles/1\nroles: {}\n"},
            ['org.yaml:9:1: the key "name" stands here twice, keep one of them', 'roles.yaml:1:1: "groups" is missing, add it'],
        ),
        (
            {"copy__en": "desk.borken: x\ndesk.stale: 5\n"},
            [
                'copy/en.yaml:1:1: "desk.borken" is not a text that is used, check its spelling',
                'copy/en.yaml:2:1: "desk.stale" is not text, put it in quotes',
            ],
        ),
        ({"copy__en": "- a\n"}, ['copy/en.yaml:1:1: this is not a list of texts, write key: "text"']),
    ],
)  # fmt: skip
def test_every_fault_is_said_at_its_place(tmp_path: Path, files: dict[str, str], expected: list[str]) -> None:
    org, faults = loaded(tmp_path, **files)
    assert faults == expected
    assert org is None


# words


def test_an_overlay_changes_single_texts_and_keeps_the_others(tmp_path: Path) -> None:
    loaded(
        tmp_path,
        copy__en='desk.stale: "Too late."\n',
        copy__de='desk.stale: "Zu spät."\n',
        copy__nl='desk.stale: "Te laat."\n',
    )
    words = load_words(packaged_shelf(tmp_path), Faults())
    ours = load_words(packaged_shelf(), Faults())
    assert words.say("en", "desk.stale") == "Too late."
    assert words.say("de", "desk.stale") == "Zu spät."
    assert words.say("de", "desk.broken") == ours.say("de", "desk.broken")
    assert words.say("nl", "desk.stale") == "Te laat."
    assert words.say("nl", "desk.broken") == ours.say("en", "desk.broken")
    assert set(words.by_language["en"]) == set(ours.by_language["en"])


def test_words_fill_what_they_are_given_and_nothing_else() -> None:
    words = Words({"en": {"a": "Ring {phone} about {number}."}})
    assert words.say("xx", "a", phone="+1") == "Ring +1 about {number}."
    assert words.say("en", "a", phone="{number}", number=5) == "Ring {number} about 5."
    with pytest.raises(KeyError):
        words.say("en", "nothing")


def test_filling_says_what_is_missing() -> None:
    assert fill("Ring {a} or {b}", {"a": "1"}) == ("Ring 1 or {b}", ["b"])
    assert fill("{a}{a}", {"a": "{b}"}) == ("{b}{b}", [])


def test_picking_a_language() -> None:
    assert pick({"en": "e", "de": "d"}, "de") == "d"
    assert pick({"en": "e", "de": "d"}, "fr") == "e"
    assert pick({"fr": "f"}, "de") == "f"


def test_overdue_is_the_day_after() -> None:
    assert [overdue(date(2030, 1, 5), date(2030, 1, day)) for day in (4, 5, 6)] == [False, False, True]
