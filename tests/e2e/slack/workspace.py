"""A workspace on somebody else's Slack server, and the running bot in it.

`Workspace` is what people do there: write, press, fill in, upload. It waits for what comes of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import aiohttp
import httpx

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
PROGRAM = HERE / "node_modules/local-slack-linux-x64/bin/local-slack"
TEAM, BOT, DESK, GENERAL = "T0NORTH", "U0SECDESK", "C0DESK", "C0GENERAL"
TOKEN, APP_TOKEN, SECRET = "xoxb-northwind", "xapp-northwind", "0123456789abcdef0123456789abcdef"
PEOPLE = ("dana.reyes", "jonas.keller", "lucia.romero", "ama.mensah", "sam.ortiz", "ines.brandt")
WAIT = 30.0
Json = dict[str, Any]


def user(name: str) -> str:
    """Somebody's id."""
    return "U0" + name.replace(".", "").upper()


@dataclass
class Bot:
    """The running bot. `env` are its settings without `SECDESK_`."""

    home: Path
    port: int
    data: Path
    env: Mapping[str, str]
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-c", "from bot.cli import main; raise SystemExit(main(['serve']))"]
        self.running.append(self.process(command, "bot.log", f"{self.url}/readyz", self.environment()))

    def doctor(self) -> str:
        """What `secdesk doctor` prints."""
        command = [sys.executable, "-c", "from bot.cli import main; raise SystemExit(main(['doctor']))"]
        found = subprocess.run(
            command, cwd=self.home, env=self.environment(), capture_output=True, text=True, check=False
        )
        return found.stdout + found.stderr

    def said(self) -> str:
        """The bot's log."""
        return (self.home / "bot.log").read_text("utf-8", errors="replace")

    def connected(self) -> bool:
        """Whether every check of Slack's is ok."""
        levels = [level for name, level in self.ready()["checks"].items() if "slack" in name]
        return bool(levels) and set(levels) == {"ok"}

    def ready(self) -> Json:
        found: Json = httpx.get(f"{self.url}/readyz").json()
        return found

    def wait(self, look: Callable[[], Any], what: str = "that", instead: Callable[[], str] = lambda: "nothing") -> Any:
        """What `look` gives, once it gives something."""
        until = time.monotonic() + WAIT
        while time.monotonic() < until:
            if found := look():
                return found
            time.sleep(0.02)
        raise AssertionError(f"never seen: {what}. Instead:\n{instead()}\nThe bot's log:\n{self.said()[-3_000:]}")

    def environment(self) -> dict[str, str]:
        given = {
            "FOLDER": str(self.home),
            "DATA": str(self.data),
            "PORT": str(self.port),
            "CHANNELS": "slack",
            "SEARCH": "words",
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SECDESK_")}
        settings = {f"SECDESK_{name}": value for name, value in {**given, **self.env}.items()}
        return {**kept, "PYTHONPATH": str(ROOT), **settings}

    def process(
        self, command: list[str], log: str, url: str, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """A process that answers at `url`. Raises `SystemExit` with its log when it does not."""
        with (self.home / log).open("ab") as out:
            process = subprocess.Popen(command, cwd=self.home, env=env, stdout=out, stderr=subprocess.STDOUT)
        until = time.monotonic() + 120
        while time.monotonic() < until and process.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(url, timeout=2).status_code < 500:
                    return process
            time.sleep(0.02)
        process.kill()
        raise SystemExit(f"{log}: it did not start:\n{(self.home / log).read_text('utf-8', errors='replace')[-3_000:]}")

    def stop(self) -> None:
        for process in reversed(self.running):
            if process.poll() is None:
                process.terminate()
                process.wait(30)
        self.running.clear()


@dataclass
class Workspace(Bot):
    """The bot and its server, in one mode (`events`: signed HTTP, `socket`: Socket Mode)."""

    mode: str = "events"
    slack_port: int = 0
    slack: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.web = httpx.Client(base_url=self.base, timeout=30)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.slack_port}"

    # what people do

    def say(self, who: str, text: str, channel: str = "", thread: str = "") -> Json:
        """Somebody writes, to the bot unless a channel is named; their message."""
        body = {"channel": channel or BOT, "user": user(who), "text": text, **({"thread_ts": thread} if thread else {})}
        if not channel:
            body["channel"] = self.dm(who)
        message: Json = self._post("/message", body)["message"]
        return message

    def send(self, who: str, name: str, data: bytes, channel: str = "", thread: str = "") -> Json:
        """Somebody uploads a file; their message."""
        form = {"channel": channel or self.dm(who), "user": user(who), **({"thread_ts": thread} if thread else {})}
        answer = self.web.post("/_control/upload", data=form, files={"file": (name, data, "message/rfc822")})
        assert answer.status_code == 200, answer.text
        message: Json = answer.json()["message"]
        return message

    def press(self, who: str, message: Json, label: str) -> None:
        block, element = button(message["blocks"], label)
        self._post("/interact", {"channel": message["channel"], "messageTs": message["ts"], "user": user(who),
                                 "action": pressed(block, element, label)})  # fmt: skip

    def press_home(self, who: str, label: str) -> None:
        block, element = button(self.home_of(who)["blocks"], label)
        self._ui({"t": "block_action", "user": user(who), "action": pressed(block, element, label)})

    def command(self, who: str, text: str, channel: str = GENERAL) -> None:
        self._post("/command", {"channel": channel, "user": user(who), "command": "/secdesk", "text": text})

    def open_home(self, who: str) -> None:
        self._post("/open-home", {"user": user(who)})

    def edit(self, who: str, message: Json, text: str) -> None:
        self._post(
            "/edit-message", {"channel": message["channel"], "ts": message["ts"], "user": user(who), "text": text}
        )

    def submit(self, who: str, **typed: str) -> None:
        """Somebody sends the modal that is open."""
        values = {block["block_id"]: {block["element"]["action_id"]: _typed(block["element"], typed)}
                  for block in self.view()["blocks"] if block["type"] == "input"}  # fmt: skip
        self._ui({"t": "view_submit", "user": user(who), "values": values})

    # what they see

    def dm(self, who: str) -> str:
        """The channel of somebody's direct messages with the bot; opening it is what a client does first."""
        form = {"users": user(who), "token": TOKEN}
        found: str = self.web.post("/api/conversations.open", data=form).json()["channel"]["id"]
        return found

    def messages(self, channel: str) -> list[Json]:
        found: list[Json] = self.web.get(f"/_control/messages/{channel}").json()["messages"]
        return found

    def view(self) -> Json:
        """The modal that is open."""
        stack = self.state()["modalStack"]
        assert stack, "no modal is open"
        found: Json = stack[-1]
        return found

    def home_of(self, who: str) -> Json:
        found: Json = next(iter(self.state()["homeViews"].get(user(who), {}).values()), {"blocks": []})
        return found

    def state(self) -> Json:
        """What a browser is shown when it connects."""
        return self._ui(None)

    def log(self) -> list[Json]:
        found: list[Json] = self.web.get("/_control/log").json()["log"]
        return found

    def told(self, channel: str, *texts: str, thread: str | None = None, after: str = "") -> Json:
        """The bot's message in a channel that shows all of these, once it is there."""
        return self.wait(lambda: self._found(channel, texts, thread, after), f"{texts} in {channel}, thread {thread}",
                         lambda: shown(self.messages(channel)))  # fmt: skip

    def _found(self, channel: str, texts: tuple[str, ...], thread: str | None, after: str) -> Json | None:
        for message in reversed(self.messages(channel)):
            text = words(message)
            if message.get("bot_id") and message["ts"] > after and all(some in text for some in texts) and (
                    thread is None or message.get("thread_ts", "") == thread):  # fmt: skip
                return message
        return None

    def shows(self, message: Json, *texts: str) -> Json:
        """The same message, once it shows all of these."""

        def look() -> Json | None:
            now = next(m for m in self.messages(message["channel"]) if m["ts"] == message["ts"])
            return now if all(text in words(now) for text in texts) else None

        return self.wait(look, f"{texts} in place", lambda: shown(self.messages(message["channel"])))

    def opened(self, *texts: str) -> Json:
        """The modal, once it shows all of these."""

        def look() -> Json | None:
            stack = self.state()["modalStack"]
            return stack[-1] if stack and all(text in words(stack[-1]) for text in texts) else None

        return self.wait(look, f"a modal with {texts}", lambda: str(self.state()["modalStack"])[:2_000])

    def at_home(self, who: str, *texts: str) -> Json:
        """Somebody's App Home, once it shows all of these."""

        def look() -> Json | None:
            view = self.home_of(who)
            return view if all(text in words(view) for text in texts) else None

        return self.wait(look, f"{texts} on the home page", lambda: words(self.home_of(who)))

    def start_slack(self) -> None:
        command = [str(PROGRAM), "--config", "workspace.json", "--port", str(self.slack_port), "--base-host", "127.0.0.1",
                   "--files-dir", str(self.home / "files")]  # fmt: skip
        self.slack = self.process(command, "slack.log", f"{self.base}/_control/state")
        self.running.append(self.slack)

    # inside

    def _post(self, path: str, body: Json) -> Json:
        answer = self.web.post(f"/_control{path}", json=body)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def _ui(self, message: Json | None) -> Json:
        """Connect as the browser does; what it is shown, after it sent something."""

        async def talk() -> Json:
            async with aiohttp.ClientSession() as session, session.ws_connect(f"{self.base}/ui", max_msg_size=0) as ui:
                first = json.loads((await ui.receive()).data)
                if message is not None:
                    await ui.send_json(message)
                state: Json = first["state"]
                return state

        return asyncio.run(talk())


@contextlib.contextmanager
def workspace(mode: str, slack_port: int, port: int, data: Path) -> Iterator[Workspace]:
    """Server and bot, in an empty folder with an organisation that is no sample."""
    with tempfile.TemporaryDirectory(prefix="secdesk-slack-") as folder:
        env = {"SLACK_BOT_TOKEN": TOKEN, "SLACK_DESK": DESK, "SLACK_API": f"http://127.0.0.1:{slack_port}/api/",
               "SLACK_HOSTS": "127.0.0.1"}  # fmt: skip
        env |= {"socket": {"SLACK_SOCKET": "1", "SLACK_APP_TOKEN": APP_TOKEN}}.get(
            mode, {"SLACK_SIGNING_SECRET": SECRET}
        )
        made = Workspace(Path(folder), port, data, env, mode=mode, slack_port=slack_port)
        (made.home / "workspace.json").write_text(json.dumps(_config(made)), "utf-8")
        organisation(made.home)
        try:
            made.start_slack()
            made.start()
            if mode == "socket":  # this Slack drops what it has nobody to send to
                made.wait(made.connected, "a connection over the socket")
            yield made
        finally:
            made.stop()


def organisation(home: Path) -> None:
    """A knowledge folder whose values somebody has checked: no longer a sample."""
    own = home / "knowledge"
    own.mkdir()
    for name in ("org.yaml", "people.yaml"):
        text = (files("knowledge") / name).read_text("utf-8")
        (own / name).write_text(text.replace("sample: true", "sample: false"), "utf-8")


def _config(made: Workspace) -> Json:
    app = {"appId": "A0SECDESK", "botUserId": BOT, "botName": "secdesk", "botToken": TOKEN, "appToken": APP_TOKEN,
           "signingSecret": SECRET, "mode": made.mode, "requestUrl": f"{made.url}/slack/events"}  # fmt: skip
    people = [{"id": user(name), "name": name, "real_name": name.replace(".", " ").title(),
               "email": f"{name}@northwind.example"} for name in PEOPLE]  # fmt: skip
    stranger = {"id": user("new.comer"), "name": "new.comer", "email": "new.comer@elsewhere.example"}
    everybody = [BOT, *(user(name) for name in PEOPLE), stranger["id"]]
    desk = [BOT, user("sam.ortiz"), user("ines.brandt")]
    return {
        "workspace": {"name": "Northwind", "domain": "northwind", "teamId": TEAM}, "apps": [app], "app": app,
        "users": [*people, stranger],
        "channels": [{"id": GENERAL, "name": "general", "members": everybody},
                     {"id": DESK, "name": "security-desk", "is_private": True, "members": desk}],
    }  # fmt: skip


def button(blocks: list[Json], label: str) -> tuple[Json, Json]:
    """(block, element) of what is pressed under a label (on it, or on the line beside it)."""
    for block in blocks:
        accessory = [block["accessory"]] if "accessory" in block else []
        for element in [*block.get("elements", ()), *accessory]:
            beside = block.get("text", {}).get("text", "").partition(". ")[2] if accessory else ""
            if label in {*_labels(element), beside}:
                return block, element
    raise AssertionError(f"no button {label!r} in {words({'blocks': blocks})}")


def _labels(element: Json) -> Iterator[str]:
    for part in (element, element.get("positive_button", {}), element.get("negative_button", {})):
        if isinstance(part.get("text"), dict):
            yield part["text"]["text"]


def pressed(block: Json, element: Json, label: str) -> Json:
    """What the client says was pressed."""
    value = element.get("value")
    for part in (element.get("positive_button", {}), element.get("negative_button", {})):
        if part and part["text"]["text"] == label:
            value = part["value"]
    found = {"type": element["type"], "action_id": element["action_id"], "block_id": block.get("block_id", "x")}
    return {
        **found,
        **{key: given for key, given in (("value", value), ("text", element.get("text"))) if given is not None},
    }


def _typed(element: Json, typed: Mapping[str, str]) -> Json:
    name = element["action_id"]
    if element["type"] == "static_select":
        chosen = typed.get(name, element.get("initial_option", element["options"][0])["value"])
        return {"type": "static_select", "selected_option": next(o for o in element["options"] if o["value"] == chosen)}
    return {"type": element["type"], "value": typed.get(name, element.get("initial_value"))}


def words(value: Any) -> str:
    """Everything that a message, a view or a block shows, as one line."""
    if isinstance(value, Mapping):
        own = value.get("text")
        if value.get("blocks"):
            title = [words(value["title"])] if "title" in value else []
            return " ".join([*title, words(value["blocks"])])
        found = [own] if isinstance(own, str) else [words(own)] if own else []
        for key in ("title", "fields", "elements", "accessory", "label", "positive_button", "negative_button"):
            found += [words(value[key])] if key in value else []
        return " ".join(filter(None, found))
    return " ".join(filter(None, map(words, value))) if isinstance(value, list) else ""


def shown(messages: list[Json]) -> str:
    return "\n".join(f"{m.get('user')} {m.get('thread_ts', '')} {m.get('subtype', '')}: {words(m)}" for m in messages)
