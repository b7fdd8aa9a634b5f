"""`make teams-package`: the app package that an administrator uploads, filled in from the settings of this installation.

`--schema FILE` also checks it against the official JSON schema (the npm package @microsoft/app-manifest has it); the zip is
built without one all the same.
"""

from __future__ import annotations

import argparse
import json
import sys
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bot import __version__
from bot.content import Faults, packaged_shelf
from bot.errors import ConfigError, SecdeskError
from bot.organisation import load_organisation
from bot.settings import Settings, load_settings

HERE = Path(__file__).parent
FILES = ("color.png", "outline.png")
STAMP = (2026, 1, 1, 0, 0, 0)  # the same input makes the same bytes


def manifest(settings: Settings) -> dict[str, Any]:
    """The manifest of this installation. Raises `ConfigError` for what is missing."""
    if not settings.teams_app_id:
        raise ConfigError("teams.app_id is empty: set it (or SECDESK_TEAMS_APP_ID) before you build the package")
    address = urlsplit(settings.url)
    if address.scheme != "https":
        raise ConfigError("server.public_url must be the https address that Teams reaches Secdesk at")
    org = load_organisation(packaged_shelf(settings.overlay), Faults())
    values = {
        "app_id": settings.teams_app_id, "public_url": f"https://{address.netloc}/",
        "version": __version__.split("+")[0], "organisation": (org.file.name if org else "Secdesk")[:32],
    }  # fmt: skip
    text = (HERE / "manifest.json").read_text("utf-8")
    for name, value in values.items():
        text = text.replace("{{" + name + "}}", json.dumps(value)[1:-1])
    filled: dict[str, Any] = json.loads(text)
    return filled


def build(settings: Settings, target: Path) -> Path:
    """Write the zip; where it is."""
    content = {"manifest.json": json.dumps(manifest(settings), indent=2, ensure_ascii=False).encode()}
    content |= {name: (HERE / name).read_bytes() for name in FILES}
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as package:
        for name, data in content.items():
            package.writestr(zipfile.ZipInfo(name, STAMP), data)
    return target


def faults(filled: dict[str, Any], schema: Path) -> list[str]:
    """What the official schema says against it."""
    from jsonschema.validators import validator_for  # noqa: PLC0415 (a package of the tests)

    rules = json.loads(schema.read_text("utf-8"))
    found = validator_for(rules)(rules).iter_errors(filled)
    return [f"{'/'.join(map(str, error.absolute_path)) or 'manifest'}: {error.message}" for error in found]


def main() -> int:
    """Exit code."""
    parser = argparse.ArgumentParser(description="Build the Teams app package.")
    parser.add_argument("--out", type=Path, default=Path("dist/secdesk-teams.zip"))
    parser.add_argument("--folder", type=Path, help="folder with secdesk.toml")
    parser.add_argument("--schema", type=Path, help="official JSON schema to check against")
    options = parser.parse_args()
    try:
        settings = load_settings(options.folder)
        wrong = faults(manifest(settings), options.schema) if options.schema else []
        if wrong:
            print("\n".join(wrong), file=sys.stderr)
            return 1
        print(f"{build(settings, options.out)}: upload it in the Teams admin centre (manifest/README.md)")
    except SecdeskError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
