"""Endpoints of what waits for a decision after an upgrade, or after two people have edited one file."""

from __future__ import annotations

from collections.abc import Callable

from adapters.web.api import shapes
from adapters.web.api.endpoint import Call, Change, Endpoint
from bot.answering.updates import Updates
from bot.errors import NotFound
from bot.turn import Work

Decided = Callable[[Call, str], tuple[Callable[[Work], object], Callable[[], object]]]


def endpoints(updates: Updates) -> list[Endpoint]:
    """One approver decides here, as in the console."""

    def new(name: str, lang: str) -> shapes.NewText:
        title, text = updates.told(name, lang)
        return shapes.NewText(id=name, title=title, text=text)

    def listed(call: Call) -> shapes.UpdateList:
        return shapes.UpdateList(
            new=[new(name, call.person.language) for name in updates.waiting()],
            changed=[one.entry for one in updates.differences()],
            set_aside=[shapes.LateEdit(version=str(one.about.version), path=one.about.path, who=one.about.who,
                                       at=shapes.moment(one.about.at)) for one in updates.asides()],
        )  # fmt: skip

    def changed(call: Call) -> shapes.TwoTexts:
        for one in updates.differences():
            if one.entry == call.path["id"]:
                return shapes.TwoTexts(ours=one.ours, theirs=one.shipped)
        raise NotFound(call.path["id"])

    def aside(call: Call) -> shapes.TwoTexts:
        for one in updates.asides():
            if str(one.about.version) == call.path["id"]:
                return shapes.TwoTexts(ours=one.ours, theirs=one.theirs)
        raise NotFound(call.path["id"])

    def decision(path: str, verb: str, summary: str, decided: Decided) -> Endpoint:
        def prepare(call: Call) -> tuple[Change, Callable[[], object]]:
            name = call.path["id"]
            commit, after = decided(call, name)

            def change(_call: Call, work: Work) -> tuple[str, str]:
                commit(work)
                return name, "/updates"

            return change, after

        return Endpoint("POST", f"/updates/{path}/{{id}}/{verb}", "approve", "Updates", summary, shapes.Changed,
                        prepare=prepare)  # fmt: skip

    def take(call: Call, name: str) -> tuple[Callable[[Work], object], Callable[[], object]]:
        do, done = updates.take(call.person, name), list[str]()

        def after() -> None:
            for change in done:
                updates.authoring.writer.write({"change": change})
            updates.reload()

        return (lambda work: done.append(do(work).id)), after

    return [
        Endpoint("GET", "/updates", "see", "Updates", "What there is to decide", shapes.UpdateList, listed),
        Endpoint("GET", "/updates/changed/{id}", "see", "Updates", "A text that changed under your own: both files",
                 shapes.TwoTexts, changed),
        Endpoint("GET", "/updates/set-aside/{id}", "see", "Updates", "An edit that came too late: both files",
                 shapes.TwoTexts, aside),
        decision("new", "use", "Bring a new answer or lesson into use",
                 lambda call, name: (updates.use(call.person, [name]), updates.reload)),
        decision("new", "leave", "Leave a new answer or lesson out",
                 lambda call, name: (updates.leave(call.person, [name]), updates.reload)),
        decision("changed", "keep", "Keep your own text",
                 lambda call, name: (updates.keep(call.person, name), updates.reload)),
        decision("changed", "take", "Take the text that ships in place of your own", take),
        decision("set-aside", "use", "Make a late edit the newest",
                 lambda call, name: (updates.put(call.person, number(name)), updates.reload)),
        decision("set-aside", "drop", "A late edit is not needed",
                 lambda call, name: (updates.drop(call.person, number(name)), updates.reload)),
    ]  # fmt: skip


def number(text: str) -> int:
    """A version. Raises `NotFound`."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 15:
        raise NotFound(text)
    return int(text)
