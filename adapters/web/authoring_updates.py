"""The console's page of what waits for a decision: what is new in an upgrade, changes under an edit, edits that came too late."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

from starlette.responses import Response
from starlette.routing import Route

from adapters.web.api.updates import number
from adapters.web.authoring_diff import compared
from adapters.web.authoring_edit import Editor
from adapters.web.authoring_services import Authors
from adapters.web.console import Done, Frame, Look
from adapters.web.signin import HOME
from bot.answering.authoring import Stopped
from bot.errors import Conflict, Fault, NotFound, Refused
from bot.permissions import Permission

PAGE = f"{HOME}/updates"
VERBS: Mapping[str, Permission] = dict.fromkeys(("use", "leave", "keep", "take", "put", "drop"), "approve")


class UpdatePages:
    """Routes of that page."""

    def __init__(self, frame: Frame, authors: Authors, editor: Editor) -> None:
        self._frame, self._updates, self._editor = frame, authors.updates, editor

    def routes(self) -> list[Route]:
        return [
            self._frame.view("/updates", self.show, "see"),
            self._frame.change("/updates/{verb}", self.act, VERBS),
        ]

    def show(self, look: Look) -> Response:
        """Everything that waits for a decision."""
        return self._page(look)

    def act(self, look: Look, fields: Mapping[str, str]) -> Done | Response:
        """Decide about one of them, or use all that is new."""
        verb, name = str(look.request.path_params["verb"]), fields.get("name", "")[:100]
        updates, person = self._updates, look.person
        names = [name] if name else updates.waiting()
        if verb not in VERBS or not names:
            raise NotFound(verb)
        once = self._frame.once
        makers: dict[str, Callable[[], object]] = {
            "use": lambda: once(look, fields, updates.use(person, names)),
            "leave": lambda: once(look, fields, updates.leave(person, names)),
            "keep": lambda: once(look, fields, updates.keep(person, name)),
            "take": lambda: self._editor.do(look, fields, updates.take(person, name)),
            "put": lambda: once(look, fields, updates.put(person, number(name))),
            "drop": lambda: once(look, fields, updates.drop(person, number(name))),
        }
        try:
            makers[verb]()
        except Stopped as stopped:
            return self._page(look, stopped.faults, 409)
        except (Refused, Conflict) as refused:
            return self._page(look, (Fault("", 0, 0, str(refused), ""),), 409)
        updates.reload()
        return Done(PAGE, f"console.updates.done.{verb}", {"name": ", ".join(names)})

    def _page(self, look: Look, refused: tuple[Fault, ...] = (), status: int = 200) -> Response:
        updates, lang = self._updates, look.person.language
        waiting = [(name, *updates.told(name, lang)) for name in updates.waiting()]
        changed = [(one.entry, compared(one.ours, one.shipped)) for one in updates.differences()]
        asides = [(one.about, compared(one.ours, one.theirs)) for one in updates.asides()]
        return self._frame.page(
            look, "updates.html", status=status, waiting=waiting, changed=changed, asides=asides, refused=refused,
            event=secrets.token_hex(12),
        )  # fmt: skip
