"""`secdesk keys`: a new master key without a pause. `add`, restart every replica, `use`, restart them again, `reseal`."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from bot.settings import Settings

_VERBS = {
    "show": "which keys there are (their numbers, never the keys)",
    "add": "make a key that is held, and does not seal yet",
    "use": "let the newest key seal, once every replica holds it",
    "reseal": "put what older keys sealed under the one that seals now",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    told = "; ".join(f"{verb}: {what}" for verb, what in _VERBS.items())
    parser.add_argument("verb", choices=list(_VERBS), nargs="?", default="show", help=told)


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    return {"show": _show, "add": _add, "use": _use, "reseal": _reseal}[options.verb](settings())


def _show(known: Settings) -> int:
    from bot.app.keyring import held  # noqa: PLC0415

    keys, seals = held(known)
    for version in keys:
        print(f"v{version} {'seals' if version == seals else 'held' if version > seals else 'opens what it sealed'}")
    return 0


def _add(known: Settings) -> int:
    from bot.app.keyring import add  # noqa: PLC0415

    version, line = add(known)
    if line:
        print(f"{line}\nPut that line in front of SECDESK_KEY on every replica, and restart them one after the other.")
    else:
        print(f"v{version} is held. Give every replica this key file, restart them one after the other; then: keys use")
    return 0


def _use(known: Settings) -> int:
    from bot.app.keyring import use  # noqa: PLC0415

    print(f"v{use(known)} seals after the next start of each replica. Then: keys reseal")
    return 0


def _reseal(known: Settings) -> int:
    from bot.app.keyring import put_under  # noqa: PLC0415
    from bot.cli.opening import opened  # noqa: PLC0415

    with opened(known) as app:
        seals, done = put_under(known, app.db)
        app.work(lambda work: work.audit("secdesk", "keys.reseal", f"v{seals}"))
    for table, count in done.items():
        print(f"{table:<20} {count}")
    print(f"All of it is sealed with v{seals}. Older keys stay: names of people were made with the oldest.")
    return 0
