"""What the HTTP API needs beside the console's services, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.stores.api import SqlTokenStore
from adapters.web.api.parts import TRIED, ApiParts
from bot.answering.redaction import redact
from bot.cards import as_text
from bot.model import Person
from bot.tokens import KEPT_SECONDS, Tokens

if TYPE_CHECKING:
    from bot.app import App

SCHEDULES = {"api": ("35 * * * *", "api.prune")}


def make_tokens(app: App) -> Tokens:
    """The tokens of an application."""
    return Tokens(SqlTokenStore(app.db), app.vault, app.organisation, app.reach, lambda text: redact(text).text)


def make_api(app: App) -> ApiParts:
    """The API's own parts."""

    def ask(question: str, person: Person) -> TRIED:
        found = app.ask(question, person)
        return found.outcome.value, found.entry, found.suggestions, round(found.confidence, 4), as_text(found.card)

    return ApiParts(make_tokens(app), app.chat_of, ask)


def prune(app: App) -> None:
    """Job: forget the keys of requests that were made long enough ago."""
    app.work(lambda work: app.tokens.store.prune(work.tx, work.at - KEPT_SECONDS))
