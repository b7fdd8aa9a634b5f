"""The local web chat: choose who you are, talk, press, upload.

Works without scripts (form posts and redirects). A script asks for JSON instead and gets the same fragments. Each
form carries a client event id; together with what was sent it is the event's key, so a double submit has one effect,
while going back and sending something else is something new.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from markupsafe import Markup
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from adapters.channels.web import web_place
from adapters.shown import trusted_links
from adapters.web.pages import Pages
from adapters.web.people import Chosen, initials
from adapters.web.render import Post, render_card, unpressed
from adapters.web.security import FORM_BYTES, UPLOAD_BYTES
from adapters.web.services import WebServices
from bot.cards import Card, load
from bot.errors import NotFound, StoreUnavailable
from bot.model import Action, File, Message, Person, Reply
from bot.turn import place_key

SHOWN = 100  # posts on the page
MAX_TEXT = 4_000  # characters
MAX_FILES = 5
PATIENCE = 3.0  # seconds for posting and reading the conversation before the card is shown without it
log = logging.getLogger(__name__)
_NOTHING = Markup()
_EVENT = re.compile(r"[A-Za-z0-9-]{8,64}\Z")


@dataclass(frozen=True)
class Item:
    """One line of the conversation. `version` changes when the line does."""

    id: str
    at: float
    version: int = 0
    mine: bool = False
    text: str = ""
    html: str = ""  # safe
    new_day: bool = False


@dataclass(frozen=True)
class Lines:
    """A conversation, and its stamp. `down`: the database could not be read, so it is empty."""

    items: Sequence[Item] = ()
    stamp: int = 0
    down: bool = False


@dataclass(frozen=True)
class Sent:
    """What a browser sent, checked."""

    event: str
    text: str = ""
    action: Action | None = None
    files: tuple[File, ...] = ()
    post: str = ""
    label: str = ""  # of the pressed button


class Chat:
    """Routes of the web chat."""

    def __init__(self, services: WebServices, pages: Pages, chosen: Chosen) -> None:
        self._services, self._pages, self._chosen = services, pages, chosen

    def routes(self) -> list[Route]:
        return [
            Route("/chat", self.show),
            Route("/chat/send", self.send, methods=["POST"]),
            Route("/chat/act", self.act, methods=["POST"]),
            Route("/chat/updates", self.updates),
            Route("/chat/file/{file}", self.file),
        ]

    async def file(self, request: Request) -> Response:
        """A file that was handed to whoever asks for it: as a download, never shown."""
        person, handed = self._chosen.person(request), self._services.handed
        if person is None or handed is None:
            return RedirectResponse("/", 303)

        def fetch() -> tuple[str, bytes]:
            return handed(str(request.path_params["file"]), self._services.identities.known_key(person) or "-")

        try:
            name, data = await self._services.run(fetch)
        except NotFound:
            return self._pages.problem(404, "web.problem.missing", person, back="/chat")
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}", "Cache-Control": "no-store"}
        return Response(data, media_type="application/octet-stream", headers=headers)

    async def show(self, request: Request) -> Response:
        """The conversation."""
        person = self._chosen.person(request)
        if person is None:
            return RedirectResponse("/", 303)
        return await self._services.run(lambda: self._page(person, self._lines(person)))

    async def updates(self, request: Request) -> Response:
        """What is new since `stamp`: 204 when nothing is."""
        person = self._chosen.person(request)
        if person is None:
            return Response(status_code=403)
        seen = request.query_params.get("stamp", "")
        try:
            return await self._services.run(lambda: self._news(person, seen))
        except StoreUnavailable:
            return Response(status_code=503)

    async def send(self, request: Request) -> Response:
        """A typed message, with or without files."""
        person = self._chosen.person(request)
        if person is None:
            return RedirectResponse("/", 303)
        async with request.form(max_files=MAX_FILES, max_fields=20, max_part_size=FORM_BYTES) as form:
            text = _text(form.get("text"))
            files = await _files(form)
            event = _event(form)
        if len(text) > MAX_TEXT or sum(len(file.data) for file in files) > UPLOAD_BYTES:
            key = "web.too_long" if len(text) > MAX_TEXT else "web.too_large"
            return await self._refused(request, person, key, text)
        if not text and not files:
            return await self._refused(request, person, "web.nothing", "", status=200)
        return await self._handled(request, person, Sent(event, text, files=files))

    async def act(self, request: Request) -> Response:
        """A pressed button or a sent form of a card. The label is the person's own word for what they pressed."""
        person = self._chosen.person(request)
        if person is None:
            return RedirectResponse("/", 303)
        async with request.form(max_files=0, max_fields=20, max_part_size=FORM_BYTES) as form:
            fields = {name[6:]: _text(value) for name, value in form.items() if name.startswith("field.")}
            action, value, label = unpressed(_text(form.get("press")))
            post, event = _text(form.get("post")), _event(form)
        if not action or any(len(item) > MAX_TEXT for item in fields.values()):
            return await self._refused(request, person, "web.too_long" if action else "web.nothing", "")
        if label and not fields:
            fields = {"typed": label}
        return await self._handled(request, person, Sent(event, "", Action(action, value, fields), (), post, label))

    # inside

    async def _handled(self, request: Request, person: Person, sent: Sent) -> Response:
        """Let the desk answer, then show it: within `PATIENCE`, whatever keeps us from the database."""
        place = web_place(self._services.vault, person.id)
        digest = self._services.vault.digest
        files = tuple(await asyncio.gather(*(asyncio.to_thread(digest, "web.event", file.data) for file in sent.files)))
        key = self._key(place.conversation, sent, files)
        message = Message(key, person, place, sent.text, sent.action, sent.files, self._services.clock.now())
        reply = await self._services.handle(message)
        wants_json = "application/json" in request.headers.get("accept", "")
        try:
            answer = self._services.run(lambda: self._answer(person, sent, reply, wants_json=wants_json))
            return await asyncio.wait_for(answer, PATIENCE)
        except TimeoutError:
            card = self._html(person, reply.card, "", secrets.token_hex(12), "")
            return self._shown(person, Lines(down=True), card, wants_json=wants_json)

    def _answer(self, person: Person, sent: Sent, reply: Reply, *, wants_json: bool) -> Response:
        """Show the reply. One that could not be stored, or not be posted, is shown all the same."""
        posted = bool(reply.delivery) and self._delivered(reply.delivery)
        if posted and sent.post and sent.label and not reply.repeated:
            self._marked(person, sent)
        if posted and not wants_json:
            return RedirectResponse("/chat#latest", 303)
        unsaved = _NOTHING if posted else self._html(person, reply.card, "", secrets.token_hex(12), "")
        return self._shown(person, self._lines(person), unsaved, wants_json=wants_json)

    def _shown(self, person: Person, lines: Lines, unsaved: Markup, *, wants_json: bool) -> Response:
        if wants_json:
            extra = {"unsaved": str(unsaved), "event": secrets.token_hex(12)}
            return JSONResponse({**self._content(person, lines), **extra})
        return self._page(person, lines, unsaved=unsaved)

    def _delivered(self, delivery: str) -> bool:
        """Post it now. Where that fails the outbox tries again, and the card is shown meanwhile."""
        try:
            return self._services.deliver(delivery)
        except Exception:
            log.exception("the reply could not be posted; shown all the same", extra={"delivery": delivery})
            return False

    def _marked(self, person: Person, sent: Sent) -> None:
        conversation = web_place(self._services.vault, person.id).conversation
        with contextlib.suppress(StoreUnavailable):
            self._services.web.choose(conversation, sent.post, sent.label)

    def _key(self, conversation: str, sent: Sent, files: tuple[str, ...]) -> str:
        """The event's key: the client's id and what was sent, as a keyed digest, since that is the person's words."""
        action = [sent.action.id, sent.action.value, dict(sent.action.form)] if sent.action else []
        parts = [conversation, sent.event, sent.text, action, sent.post, files]
        return "web:" + self._services.vault.digest("web.event", json.dumps(parts).encode())[:40]

    def _news(self, person: Person, seen: str) -> Response:
        stamp = self._services.web.stamp(web_place(self._services.vault, person.id).conversation)
        if str(stamp) == seen:
            return Response(status_code=204)
        return JSONResponse(self._content(person, self._lines(person)))

    def _content(self, person: Person, lines: Lines) -> dict[str, object]:
        html = self._pages.html("chat_items.html", person, items=lines.items)
        return {"stamp": lines.stamp, "html": html, "down": lines.down}

    def _page(
        self,
        person: Person,
        lines: Lines,
        *,
        status: int = 200,
        unsaved: Markup = _NOTHING,
        problem: str = "",
        draft: str = "",
    ) -> Response:
        return self._pages.page(
            "chat.html", person, status=status, items=lines.items, stamp=lines.stamp, down=lines.down, unsaved=unsaved,
            problem=problem, draft=draft, event=secrets.token_hex(12), limit=UPLOAD_BYTES, initials=initials,
        )  # fmt: skip

    async def _refused(self, request: Request, person: Person, key: str, draft: str, *, status: int = 413) -> Response:
        """Say what is wrong with what was sent, and keep the text."""
        phone = self._services.org().values(person.entity, person.language).get("helpdesk_phone", "")
        problem = self._services.words().say(person.language, key, mb=UPLOAD_BYTES >> 20, n=MAX_TEXT, phone=phone)
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse({"problem": problem}, status)
        run = self._services.run
        return await run(lambda: self._page(person, self._lines(person), status=status, problem=problem, draft=draft))

    def _lines(self, person: Person) -> Lines:
        """The conversation. What the person said comes redacted from the desk's record, the rest from our posts."""
        place = web_place(self._services.vault, person.id)
        try:
            stamp = self._services.web.stamp(place.conversation)
            posts = self._services.web.posts(place.conversation, SHOWN)
            key = self._services.identities.known_key(person)
            said = self._services.core.conversation(key, place_key(place), 2 * SHOWN) if key else []
        except StoreUnavailable:
            return Lines(down=True)
        oldest = posts[0]["at"] - 60 if len(posts) == SHOWN else 0.0
        items = [self._said(row) for row in said if row["direction"] == "in" and row["text"] and row["at"] >= oldest]
        items += [self._posted(person, row) for row in posts]
        return Lines(self._by_day(person, sorted(_unique(items), key=lambda item: (item.at, not item.mine))), stamp)

    def _posted(self, person: Person, row: Mapping[str, Any]) -> Item:
        html = self._html(person, load(row["card"]), row["id"], secrets.token_hex(12), row["chosen"])
        return Item(row["id"], row["at"], row["stamp"], html=html)

    @staticmethod
    def _said(row: Mapping[str, object]) -> Item:
        at = float(str(row["at"]))
        return Item(f"said-{at:.6f}".replace(".", "-"), at, mine=True, text=str(row["text"]))

    def _by_day(self, person: Person, items: list[Item]) -> list[Item]:
        """Mark the first line of each day, today's only after an older one."""
        times = self._pages.context(person)["times"]
        last = times.day(times.now) if items and times.day(items[0].at) == times.day(times.now) else ""
        marked = []
        for item in items:
            day = times.day(item.at)
            marked.append(replace(item, new_day=day != last))
            last = day
        return marked

    def _html(self, person: Person, card: Card, post: str, event: str, chosen: str) -> Markup:
        words = self._services.words()
        values = self._services.org().values(person.entity, card.lang)
        shown = Post(card, post, event, chosen, trusted=trusted_links(values))
        return render_card(self._pages.env, lambda key, **params: words.say(card.lang, key, **params), shown)


def _text(value: object) -> str:
    """Typed text with line ends as one character, as the browser's own limit counts them."""
    return value.replace("\r\n", "\n").strip() if isinstance(value, str) else ""


def _event(form: FormData) -> str:
    event = form.get("event")
    return event if isinstance(event, str) and _EVENT.match(event) else secrets.token_hex(12)


async def _files(form: FormData) -> tuple[File, ...]:
    uploads = [item for item in form.getlist("files") if isinstance(item, UploadFile) and item.filename]
    return tuple([File(item.filename or "", await item.read(), item.content_type or "") for item in uploads])


def _unique(items: list[Item]) -> list[Item]:
    """Ids must be unique on a page; two lines of the same instant get a number."""
    seen: dict[str, int] = {}
    found = []
    for item in items:
        seen[item.id] = seen.get(item.id, 0) + 1
        found.append(item if seen[item.id] == 1 else replace(item, id=f"{item.id}-{seen[item.id]}"))
    return found
