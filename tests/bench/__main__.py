"""Runs the measurements named on the command line, or all: each is a module of this folder with `measure()`."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import tests.bench


def main() -> int:
    known = sorted(module.name for module in pkgutil.iter_modules(tests.bench.__path__) if module.name != "__main__")
    wanted = sys.argv[1:] or known
    if unknown := sorted(set(wanted) - set(known)):
        print(f"there is no measurement {unknown[0]}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    for name in wanted:
        print(f"{name}:")
        for what, seconds in importlib.import_module(f"tests.bench.{name}").measure():
            print(f"  {what:<52} {seconds:7.2f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
