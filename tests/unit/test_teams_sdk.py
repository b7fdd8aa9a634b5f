"""The SDK is one file's business, and nobody pays for it who has not switched Teams on."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_one_file_imports_the_sdk() -> None:
    users = {
        path.relative_to(ROOT).as_posix()
        for folder in ("bot", "adapters")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"^\s*(?:from|import) (?:botbuilder|botframework)", path.read_text("utf-8"), re.M)
    }
    assert {"adapters/channels/teams_bot.py"} == users


def test_nothing_of_teams_is_imported_while_it_is_off() -> None:
    code = (
        "import sys, bot.app, bot.app.serving, bot.app.doctor; "
        "print(sorted(n for n in sys.modules if n.startswith(('adapters.channels.teams', 'botbuilder', 'aiohttp', 'jwt'))))"
    )
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    # the pure translator of cards is the console's too: it shows authors how their answers will look
    assert told.stdout.strip() in {"[]", "['adapters.channels.teams_cards']"}


def test_the_integration_package_is_asked_for_nowhere() -> None:
    for name in ("pyproject.toml", "requirements.txt", "requirements-dev.txt"):
        assert "botbuilder-integration-aiohttp" not in (ROOT / name).read_text("utf-8")
