"""The documents say what is true: generated parts are current, what they name is there, their examples load."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import bot
from bot.answering.emergency import Gate
from bot.app.contents import copy_words, lint
from bot.app.importing import import_answers
from bot.cli import COMMANDS
from bot.content import packaged_shelf
from bot.settings import SETTINGS, load_settings
from tests.docs import README, ROOT, anchors, documents, links, refreshed

DOCUMENTS = {str(path.relative_to(ROOT)): path for path in documents()}
GUIDE = ROOT / "knowledge" / "README.md"
NOT_SAID_YET = {  # delete what will not be
    "answer.do_not", "answer.sources", "confirm.no", "guest.restricted", "private.write_me",
}  # fmt: skip
KEY = re.compile(r"[a-z]+(\.[A-Za-z0-9_]+)+")


# what is generated, and what is named


def test_the_generated_parts_of_the_readme_are_current() -> None:
    assert refreshed(README.read_text("utf-8")) == README.read_text("utf-8"), "python -m tests.docs --write"


def test_every_folder_has_its_guide() -> None:
    wanted = {
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        *(f"{name}/README.md" for name in ("adapters", "knowledge", "manifest", "tests")),
    }
    assert wanted <= set(DOCUMENTS)


def test_every_fault_has_its_test() -> None:
    """The table of faults names tests that are there."""
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "tests" / "README.md").read_text("utf-8")))
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.M)
    }
    assert set() == named - there - {path.stem for path in (ROOT / "tests").rglob("test_*.py")}
    assert len(named) > 30


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_somewhere(name: str) -> None:
    dead = []
    for written, path in links(DOCUMENTS[name]):
        anchor = written.partition("#")[2]
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in anchors(path)):
            dead.append(written)
    assert [] == dead


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_file_that_is_named_is_there(name: str) -> None:
    text = DOCUMENTS[name].read_text("utf-8")
    named = set(re.findall(r"`((?:bot|adapters|knowledge|manifest|tests|\.ci)/[\w./-]*)`", text))
    named |= {
        path
        for path in re.findall(r"`([\w./-]+/[\w.-]+\.(?:py|yaml|json|sql|md))`", text)
        if not re.search("NAME|NNNN", path)
    }
    folder = DOCUMENTS[name].parent
    assert [] == sorted(path for path in named if not (ROOT / path).exists() and not (folder / path).exists())


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_command_that_is_named_is_there(name: str) -> None:
    text = DOCUMENTS[name].read_text("utf-8")
    used = set(re.findall(r"(?:^|`)secdesk (?:--folder \S+ )?([a-z][a-z-]+)", text, re.M))
    assert set() == used - set(COMMANDS)
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    assert set() == set(re.findall(r"(?:^|`)make ([a-z0-9-]+)", text, re.M)) - targets


def test_every_setting_is_in_the_readme() -> None:
    text = README.read_text("utf-8")
    assert [] == [setting.env for setting in SETTINGS if f"`{setting.env}`" not in text]
    assert [] == [setting.env for setting in SETTINGS if not setting.what]


def test_the_changelog_has_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert bot.__version__ == (re.findall(r"^## (\S+)", changelog, re.M) or [""])[0]


def test_documents_are_for_people_who_read_on_a_screen() -> None:
    longer = {GUIDE: 440, ROOT / "README.md": 340}  # the guide is half examples, the README prints a script of 40 lines
    most = {name: longer.get(path, 300) for name, path in DOCUMENTS.items()}
    assert [] == [name for name, path in DOCUMENTS.items() if len(path.read_text("utf-8").splitlines()) > most[name]]
    assert len((ROOT / "CONTRIBUTING.md").read_text("utf-8").splitlines()) < 200


def test_the_layers_in_contributing_are_those_that_are_checked() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    modules = [name.strip() for layer in layers for name in layer.split("|")]
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    block = next(part for part in re.findall(r"^```\n(.*?)^```", text, re.M | re.S) if part.startswith("bot/cli"))
    named = [module.removeprefix("bot.") for module in modules]
    places = [re.search(rf"\b{re.escape(name)}\b", block) for name in named]
    assert [] == [name for name, place in zip(named, places, strict=True) if place is None]


# the author's guide


def examples() -> dict[str, str]:
    """The YAML blocks of the guide by the file each one names in its first line."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", GUIDE.read_text("utf-8"), re.M | re.S)
    return {re.match(r"# (\S+\.yaml)\n", block)[1]: block for block in blocks}  # type: ignore[index]


@pytest.fixture(scope="module")
def overlay(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples as an organisation's own folder."""
    folder = tmp_path_factory.mktemp("knowledge")
    for name, text in examples().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def test_the_examples_of_the_guide_load_together(overlay: Path) -> None:
    faults, _, counts = lint(overlay)
    shipped = lint(None)[2]
    assert [] == [str(fault) for fault in faults]
    assert shipped["answers"] + 1 == counts["answers"]
    assert shipped["lessons"] + 1 == counts["lessons"]
    assert shipped["emergencies"] + 1 == counts["emergencies"]
    assert shipped["procedures"] + 1 == counts["procedures"]


def test_the_example_card_fires(overlay: Path) -> None:
    gate = Gate(packaged_shelf(overlay))
    assert ("fire", "badge") == ((seen := gate.look("I lost my badge")).level, seen.kind)
    assert "none" == Gate(packaged_shelf()).look("where do I get a badge for a visitor").level


def test_the_example_sheet_becomes_drafts(overlay: Path, tmp_path: Path) -> None:
    (sheet,) = re.findall(r"^```csv\n(.*?)^```", GUIDE.read_text("utf-8"), re.M | re.S)
    (tmp_path / "faq.csv").write_text(sheet, "utf-8")
    done = import_answers(
        replace(load_settings(tmp_path, {}), knowledge=overlay), tmp_path / "faq.csv", author="kim.lee", owner="", group="",
        language="", write=False,
    )  # fmt: skip
    assert ([], []) == ([str(told) for told in done.bad], [str(told) for told in done.notes])
    assert ["where-do-i-get-a-visitor-badge", "who-empties-the-shredder-bin"] == [draft.name for draft in done.drafts]


@pytest.mark.parametrize(
    "kind", ["org", "people", "oncall", "sla", "answer", "emergency", "lesson", "procedure", "register"]
)
def test_every_kind_of_file_has_an_example(kind: str) -> None:
    assert any(re.search(rf"^schema: {kind}/1$", text, re.M) for text in examples().values())


# words


def literals() -> Iterator[tuple[str, bool]]:
    """`(text, whole)` of every string in the code; an f-string is a pattern, and not whole."""
    for path in [*(ROOT / "bot").rglob("*.py"), *(ROOT / "adapters").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value, True
            elif isinstance(node, ast.JoinedStr):
                parts = [
                    re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"\w+" for part in node.values
                ]
                yield "".join(parts), False


def spoken() -> Iterator[tuple[str, bool]]:
    """Keys that code asks `say(language, key)` for, as `literals` gives them."""
    for path in [*(ROOT / "bot").rglob("*.py"), *(ROOT / "adapters").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            name = getattr(node.func, "attr", "") if isinstance(node, ast.Call) else ""
            if isinstance(node, ast.Call) and name in {"say", "_say"} and len(node.args) > 1:
                key = node.args[1]
                if isinstance(key, ast.Constant) and isinstance(key.value, str) and KEY.fullmatch(key.value):
                    yield key.value, True
                elif isinstance(key, ast.JoinedStr):
                    parts = [re.escape(str(p.value)) if isinstance(p, ast.Constant) else r"\w+" for p in key.values]
                    yield "".join(parts), False


def test_every_word_that_code_says_is_there() -> None:
    keys = set(copy_words().by_language["en"])
    assert [] == sorted({key for key, whole in spoken() if whole and key not in keys})
    assert [] == sorted({key for key, whole in spoken() if not whole and not any(re.fullmatch(key, k) for k in keys)})


def test_every_word_is_said_somewhere() -> None:
    """Keys of the pages are compared in test_web_copy."""
    found = set(literals())
    whole = {text for text, is_whole in found if is_whole}
    made = re.compile("|".join(text for text, is_whole in found if not is_whole and re.match(r"[a-z]+\\\.", text)))
    keys = [key for key in copy_words().by_language["en"] if not key.startswith(("web.", "console."))]
    assert [] == [key for key in keys if key not in whole | NOT_SAID_YET and not made.fullmatch(key)]


def test_other_languages_have_no_word_that_english_lacks() -> None:
    words = copy_words().by_language
    assert {} == {lang: extra for lang, texts in words.items() if (extra := sorted(set(texts) - set(words["en"])))}
