"""`python -m tests.soak [memory] [growth]`: what takes long. Ends with 1 where something does not hold.

`SOAK_MINUTES` (30) of load for `memory`; `SOAK_SIZES` (1000,10000,100000) for `growth`; `SOAK_DB` (sqlite; both).
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

import tests.soak


def main() -> int:
    known = sorted(module.name for module in pkgutil.iter_modules(tests.soak.__path__) if module.name != "__main__")
    wanted = sys.argv[1:] or known
    if unknown := sorted(set(wanted) - set(known)):
        print(f"there is no soak test {unknown[0]}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    wrong = 0
    for name in wanted:
        print(f"{name}:", flush=True)
        for line in importlib.import_module(f"tests.soak.{name}").faults():
            print(f"  DOES NOT HOLD: {line}", file=sys.stderr)
            wrong += 1
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())
