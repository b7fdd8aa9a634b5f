"""The author's side, put together: what writes answers, and what asks their keepers."""

from __future__ import annotations

from collections.abc import Callable

from adapters.stores.authoring import SqlAuthoringStore
from bot.answering.authoring import Authoring, Parts
from bot.answering.keepers import Keepers
from bot.answering.redaction import redact
from bot.answering.reviews import Reviews
from bot.answering.shipped import Shipped, refreshed
from bot.answering.telling import Telling
from bot.answering.trying import Trying
from bot.answering.writing import Writer
from bot.app.contents import Contents, answer_vocabulary
from bot.content import packaged_shelf
from bot.errors import Fault
from bot.model import Place
from bot.people import Identities
from bot.ports import Clock, Db
from bot.settings import Settings
from bot.shared_folder import SharedFolder
from bot.turn import Escalation, Work


def make_authoring(
    settings: Settings,
    contents: Contents,
    db: Db,
    clock: Clock,
    identities: Identities,
    escalation: Escalation,
    place_of: Callable[[str], Place | None],
    work: Callable[[Callable[[Work], None]], None],
    shared: SharedFolder,
    shipped: Shipped,
) -> tuple[Authoring, Reviews]:
    """What writes answers, and what asks their keepers.

    `work` runs a change in one transaction; `place_of` is where a pseudonym can be written to in private.
    """
    shelf = packaged_shelf(settings.knowledge)
    store = SqlAuthoringStore(db)

    def manager() -> str:
        rota = contents.rota.current
        return rota.file.manager if rota else ""

    def reload() -> tuple[Fault, ...]:
        refreshed(shipped, shared.sync)()
        contents.knowledge.poll()
        return contents.knowledge.faults

    keepers = Keepers(lambda: contents.organisation.current, identities, manager)
    telling = Telling(
        keepers, lambda: contents.organisation.current, lambda: contents.knowledge.current.library, place_of,
        lambda name: entry_url(settings, name),
    )  # fmt: skip
    trying = Trying(
        lambda: contents.knowledge.current, contents.candidates, lambda: shelf,
        lambda text: contents.gate.current.look(text).level,
    )  # fmt: skip
    authoring = Authoring(
        Parts(
            store=store, shelf=lambda: shelf,
            vocabulary=lambda: answer_vocabulary(
                contents.organisation.current, contents.gate.current.kinds, alone=not settings.approval
            ),
            organisation=lambda: contents.organisation.current, library=lambda: contents.knowledge.current.library,
            reload=reload, trying=trying, keepers=keepers,
            writer=Writer(store, lambda: shelf, shared, telling, work), redact=lambda text: redact(text).text,
            clock=clock, alone=not settings.approval,
        )
    )  # fmt: skip
    reviews = Reviews(
        authoring, store, lambda: contents.organisation.current, escalation, place_of,
        lambda name: entry_url(settings, name),
    )  # fmt: skip
    return authoring, reviews


def entry_url(settings: Settings, name: str) -> str:
    """The page of an entry in the console."""
    return settings.console(f"/knowledge/{name}")
