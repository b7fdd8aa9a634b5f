"""What Secdesk is made of: the licence list and the bill of materials, both from the lock file.

    python manifest/supply.py licences [--write]   manifest/licences.md, every locked package with its licence
    python manifest/supply.py sbom                 dist/secdesk.cdx.json, CycloneDX 1.6 (`make sbom`)

Nothing is asked of a network. A licence is what the installed package says of itself; for what is locked for other machines only,
it is what `manifest/licences.md` already says. What scanners know (which versions are vulnerable or withdrawn) lives in databases
outside: give them the bill of materials.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LICENCES = ROOT / "manifest" / "licences.md"
SBOM = ROOT / "dist" / "secdesk.cdx.json"
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+?)(?:\s*;\s*(.+?))?\s*\\?$")
_HASH = re.compile(r"^\s+--hash=sha256:([0-9a-f]{64})\s*\\?$")
_ROW = re.compile(r"^\| (\S+) \| (\S+) \| (.+) \|$", re.M)

# May be used, changed and sold in a product. MPL and LGPL ask for the source of that package alone; we change none of them.
ALLOWED = frozenset({
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "LGPL-3.0-only", "LGPL-3.0-or-later", "MIT", "MIT-0",
    "MIT-CMU", "MPL-2.0", "PSF-2.0", "Unlicense", "Zlib",
})  # fmt: skip
# What packages write that is no SPDX expression.
_SPELT = {
    "3-clause bsd license": "BSD-3-Clause", "apache 2.0": "Apache-2.0", "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0", "bsd": "BSD-2-Clause", "dual license": "Apache-2.0 OR BSD-3-Clause",
    "lgpl": "LGPL-3.0-or-later", "mit license": "MIT", "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0", "the unlicense (unlicense)": "Unlicense",
}  # fmt: skip
# Read in the package's own licence file, since its metadata does not say or says only "BSD".
_READ = {
    "click-default-group": "BSD-3-Clause", "imapclient": "BSD-3-Clause", "isodate": "BSD-3-Clause", "jinja2": "BSD-3-Clause",
    "jsonpickle": "BSD-3-Clause", "olefile": "BSD-2-Clause", "pyrage": "MIT", "reportlab": "BSD-3-Clause",
}  # fmt: skip


@dataclass(frozen=True)
class Locked:
    """A package of a lock file. `marker` is "" for every machine; `hashes` are SHA-256, in hex."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]


def locked(path: Path = ROOT / "requirements.txt") -> tuple[Locked, ...]:
    """What a lock file holds. Raises `ValueError` for a line that is neither a pinned package nor its hash."""
    found: list[tuple[str, str, str, list[str]]] = []
    for line in path.read_text("utf-8").splitlines():
        if pin := _PIN.match(line):
            found.append((canonicalize_name(pin[1]), pin[2], pin[3] or "", []))
        elif (digest := _HASH.match(line)) and found:
            found[-1][3].append(digest[1])
        elif line.strip():
            raise ValueError(f"{path.name}: neither a pinned package nor its hash: {line.strip()[:80]}")
    return tuple(Locked(name, version, marker, tuple(hashes)) for name, version, marker, hashes in found)


def stated(name: str) -> str:
    """The licence that an installed package states, as an SPDX expression; "" if it is not installed or says nothing."""
    if name in _READ:
        return _READ[name]
    try:
        about = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return ""
    said = [about.get("License-Expression") or "", (about.get("License") or "").strip().partition("\n")[0].strip()]
    said += [line.rpartition("::")[2].strip() for line in about.get_all("Classifier", []) if line.startswith("License")]
    fitting = (_SPELT.get(words.casefold(), words) for words in said if words)
    return next(
        (words for words in fitting if all(part in ALLOWED for part in parts(words))), next(filter(None, said), "")
    )


def parts(expression: str) -> list[str]:
    """The licences in an SPDX expression."""
    return [part for part in re.split(r"\s+(?:AND|OR|WITH)\s+|[()]", expression) if part.strip()]


def recorded() -> dict[tuple[str, str], str]:
    """(package, version) -> licence, as the list says."""
    text = LICENCES.read_text("utf-8") if LICENCES.exists() else ""
    return {(name, version): licence for name, version, licence in _ROW.findall(text)}


def licences() -> Iterator[tuple[str, str, str]]:
    """(package, version, licence) of everything that is locked for run time; "" for a licence nobody knows."""
    known = recorded()
    for one in sorted({(package.name, package.version) for package in locked()}):
        yield (*one, stated(one[0]) or known.get(one, ""))


def listed() -> str:
    """The text of `manifest/licences.md`."""
    rows = "".join(f"| {name} | {version} | {licence} |\n" for name, version, licence in licences())
    return (
        "# Licences of what Secdesk needs to run\n\n"
        "Secdesk itself is Apache-2.0. This is everything in `requirements.txt`, with the licence each package states\n"
        "(SPDX). All of them allow commercial use; none is GPL or AGPL. LGPL and MPL packages are used as they come, and can be\n"
        "exchanged. "
        "reportlab also carries a font under the GPL (DarkGarden), which Secdesk neither loads nor embeds.\n\n"
        "Made by `python manifest/supply.py licences --write`; a test keeps it true.\n\n"
        f"| Package | Version | Licence |\n|---|---|---|\n{rows}"
    )


def bill() -> str:
    """The bill of materials as CycloneDX JSON: every locked package, its licence, its hashes, and who needs whom."""
    from cyclonedx.contrib.license.factories import LicenseFactory  # noqa: PLC0415 (of the development environment)
    from cyclonedx.model import HashAlgorithm, HashType, Property  # noqa: PLC0415
    from cyclonedx.model.bom import Bom  # noqa: PLC0415
    from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415
    from cyclonedx.output.json import JsonV1Dot6  # noqa: PLC0415
    from packageurl import PackageURL  # noqa: PLC0415

    named = LicenseFactory()
    known = {(name, version): licence for name, version, licence in licences()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    bom = Bom()
    bom.metadata.component = root = Component(
        name="secdesk", version=_version(), type=ComponentType.APPLICATION, bom_ref="secdesk",
        licenses=[named.make_from_string(project["license"])],
    )  # fmt: skip
    components: dict[str, list[Component]] = {}
    for one in locked():
        address = PackageURL("pypi", name=one.name, version=one.version)
        component = Component(
            name=one.name, version=one.version, type=ComponentType.LIBRARY, purl=address, bom_ref=str(address),
            licenses=[named.make_from_string(known[one.name, one.version])],
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in one.hashes],  # any of its files
            properties=[Property(name="secdesk:marker", value=one.marker)] if one.marker else [],
        )  # fmt: skip
        components.setdefault(one.name, []).append(component)
        bom.components.add(component)
    ours = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    bom.register_dependency(root, _those(ours, components))
    for name, several in components.items():
        for component in several:
            bom.register_dependency(component, _those(_needs(name), components))
    return JsonV1Dot6(bom).output_as_string(indent=2)


def _version() -> str:
    found = re.search(r'__version__ = "([^"]+)"', (ROOT / "bot" / "__init__.py").read_text("utf-8"))
    assert found is not None  # noqa: S101
    return found[1]


def _needs(name: str) -> Sequence[str]:
    try:
        return metadata.requires(name) or ()
    except metadata.PackageNotFoundError:
        return ()


def _those(requirements: Sequence[str], components: dict[str, list[Any]]) -> list[Any]:
    names = {canonicalize_name(Requirement(line).name) for line in requirements}
    return [component for name in sorted(names) for component in components.get(name, ())]


def main(arguments: Sequence[str]) -> int:
    """Run one of the two; 1 if the list on disk is not current."""
    parser = argparse.ArgumentParser(description="Licences and the bill of materials, from the lock file.")
    parser.add_argument("what", choices=("licences", "sbom"))
    parser.add_argument("--write", action="store_true", help="write manifest/licences.md anew")
    chosen = parser.parse_args(arguments)
    if chosen.what == "sbom":
        SBOM.parent.mkdir(exist_ok=True)
        SBOM.write_text(bill(), "utf-8")
        print(f"{SBOM.relative_to(ROOT)}: {len(locked())} packages")
        return 0
    text = listed()
    if chosen.write:
        LICENCES.write_text(text, "utf-8")
    current = text == LICENCES.read_text("utf-8")
    print("current" if current else "not current: python manifest/supply.py licences --write")
    return 0 if current else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
