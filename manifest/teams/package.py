"""`make teams-package`: the app package that an administrator uploads, filled in from the settings of this installation.

The manifest is checked against the official JSON schema before anything is written. The schema comes from the npm package
@microsoft/app-manifest, fetched once by npm, compared with the digest below and kept in `build/`; `--schema FILE` takes
another copy, `--schema no` does without.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
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
OFFICIAL = "@microsoft/app-manifest@1.1.2"  # tests/e2e/teams/package-lock.json names the same, with the same digest
SHA512 = "uXdmYzhIcchi3Tc9Sh3pTDMe55zy7ge19bnYCGB1gzuyha85Ii7wfdTruwEhqseaX9pwsWDRB5Ot/ltv0rCONw=="
KEPT = HERE.parent.parent / "build" / "teams-schema"
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


def official_schema(version: str, kept: Path = KEPT) -> Path:
    """The official schema of a manifest version. Raises `ConfigError` when it cannot be had."""
    target = kept / f"{version}.json"
    if not target.is_file():
        kept.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(".part")
        part.write_bytes(_inside(_fetched(), f"package/build/json-schemas/teams/v{version}/MicrosoftTeams.schema.json"))
        part.replace(target)
    return target


def _fetched() -> bytes:
    """The npm package, as it was when its digest was written down here."""
    npm = shutil.which("npm")
    ways = "give another copy with SCHEMA=FILE, or build it unchecked with SCHEMA=no"
    if npm is None:
        raise ConfigError(f"the official schema is fetched by npm, which is not installed: install Node.js, {ways}")
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", "--silent", OFFICIAL]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 (fixed words)
        found = list(Path(folder).glob("*.tgz"))
        if done.returncode or len(found) != 1:
            said = (done.stderr.strip().splitlines() or ["no reason given"])[-1][:200]
            raise ConfigError(f"npm could not fetch {OFFICIAL} ({said}): try again, {ways}")
        data = found[0].read_bytes()
    if base64.b64encode(hashlib.sha512(data).digest()).decode() != SHA512:
        raise ConfigError(
            f"what npm fetched as {OFFICIAL} is not what was published: look where npm gets its packages, or {ways}"
        )
    return data


def _inside(package: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(package)) as opened:
        try:
            member = opened.extractfile(name)
        except KeyError:
            member = None
        if member is None:
            raise ConfigError(f"{OFFICIAL} has no schema {name}")
        return member.read()


def faults(filled: dict[str, Any], schema: Path) -> list[str]:
    """What the official schema says against it."""
    from jsonschema.validators import validator_for  # noqa: PLC0415 (a package of the tests)

    try:
        rules = json.loads(schema.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{schema} is no schema that can be read: give another copy with SCHEMA=FILE") from error
    found = validator_for(rules)(rules).iter_errors(filled)
    return [f"{'/'.join(map(str, error.absolute_path)) or 'manifest'}: {error.message}" for error in found]


def main() -> int:
    """Exit code."""
    parser = argparse.ArgumentParser(description="Build the Teams app package.")
    parser.add_argument("--out", type=Path, default=Path("dist/secdesk-teams.zip"))
    parser.add_argument("--folder", type=Path, help="folder with secdesk.toml")
    parser.add_argument("--schema", default="", help="another copy of the official JSON schema; no: do not check")
    options = parser.parse_args()
    try:
        settings = load_settings(options.folder)
        filled, checked = manifest(settings), "not checked"
        if options.schema != "no":
            schema = Path(options.schema) if options.schema else official_schema(filled["manifestVersion"])
            if wrong := faults(filled, schema):
                print("\n".join(wrong), file=sys.stderr)
                return 1
            checked = f"valid by the official schema {filled['manifestVersion']}"
        print(f"{build(settings, options.out)}: {checked}; upload it in the Teams admin centre (manifest/README.md)")
    except SecdeskError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
