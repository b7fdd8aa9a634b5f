"""People who ask, report and work at the desk all the time, through the load balancer, and remember what was taken.

Whoever gets no answer sends the same again, as browsers and chat platforms do: what was taken and not told must not happen twice.
"""

from __future__ import annotations

import http.client
import json
import random
import re
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import urlencode

QUESTIONS = (
    "How do I report a suspicious mail?",
    "I lost my phone",
    "May I use an AI tool at work?",
    "wifi in a hotel",
)
PAUSE = 1.5  # seconds between two messages of one person: as many as are taken from one in a minute
WORDS = (
    "account",
    "invoice",
    "parcel",
    "payroll",
    "holiday",
    "meeting",
    "contract",
    "storage",
    "survey",
    "travel",
    "refund",
)
LATER = 0.3  # seconds until the same is sent again


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str


@dataclass
class Browser:
    """One person's, with their cookies. Every request is a connection of its own, so each may reach another replica."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Raises `OSError` where nobody answers."""
        url = f"http://127.0.0.1:{self.port}"
        sent = {"Origin": url, "Sec-Fetch-Site": "same-origin", "Connection": "close", **(headers or {})}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            text = response.read().decode("utf-8", "replace")
        except http.client.HTTPException as error:  # it died in the middle of its answer
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()
        for name, value in response.getheaders():
            if name.lower() == "set-cookie" and (pair := re.match(r"([^=]+)=([^;]*)", value)):
                self.cookies[pair[1]] = pair[2]
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, text)

    def form(self, path: str, **fields: str) -> Answer:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.ask("POST", path, urlencode(fields).encode(), kind)

    def upload(self, event: str, name: str, data: bytes) -> Answer:
        """A mail, handed to the chat."""
        edge = secrets.token_hex(16)
        head = f'--{edge}\r\nContent-Disposition: form-data; name="event"\r\n\r\n{event}\r\n'
        file = f'--{edge}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
        body = (head + file + "Content-Type: message/rfc822\r\n\r\n").encode() + data + f"\r\n--{edge}--\r\n".encode()
        return self.ask("POST", "/chat/send", body, {"Content-Type": f"multipart/form-data; boundary={edge}"})


@dataclass
class Taken:
    """What was taken, and how often something had to be sent again."""

    asks: list[str] = field(default_factory=list)
    reports: list[bytes] = field(default_factory=list)
    opened: dict[str, str] = field(default_factory=dict)  # ticket by its subject
    notes: list[str] = field(default_factory=list)
    looks: int = 0
    again: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Traffic:
    """The first `asking` of `people` ask, the others report. `console` is the browser of somebody who has signed in; `token` one
    of the API that may see and work."""

    def __init__(
        self, port: int, people: list[str], asking: int, token: str, console: Browser, patience: float = 180.0
    ) -> None:
        self.console, self._port, self._token, self._patience = console, port, token, patience
        self._stop, self.taken = threading.Event(), Taken()
        loops = [partial(self._asks, who) for who in people[:asking]]
        loops += [partial(self._reports, who) for who in people[asking:]]
        loops += [self._desk, self._looks]
        self._threads = [threading.Thread(target=self._guarded, args=(loop,), daemon=True) for loop in loops]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """What is on its way is brought to an end."""
        self._stop.set()
        for thread in self._threads:
            if thread.ident:
                thread.join(timeout=self._patience + 60)
        assert not [thread for thread in self._threads if thread.is_alive()]

    # who does what

    def _asks(self, who: str) -> None:
        browser = self._as(who)
        for number in self._rounds():
            event = secrets.token_hex(12)
            question = f"{QUESTIONS[number % len(QUESTIONS)]} ({number})"
            self._until("ask", 303, lambda: browser.form("/chat/send", text=question, event=event))  # noqa: B023
            self.taken.asks.append(question)

    def _reports(self, who: str) -> None:
        browser = self._as(who)
        for number in self._rounds():
            event, mail = secrets.token_hex(12), report_of(who, number)
            self._until("report", 303, lambda: browser.upload(event, f"{number}.eml", mail))  # noqa: B023
            self.taken.reports.append(mail)

    def _desk(self) -> None:
        for number in self._rounds():
            subject, note = f"Request {number}", f"Looked at {number}."
            opened = self._call("/api/v1/tickets", 201, requester="jonas.keller", subject=subject, text="Please help.")
            self.taken.opened[subject] = opened
            self._call(f"/api/v1/tickets/{opened}/note", 200, text=note)
            self.taken.notes.append(note)

    def _looks(self) -> None:
        """The console, page after page, each from another replica: never asked to sign in again."""
        for _ in self._rounds():
            page = self._until("look", 200, lambda: self.console.ask("GET", "/console/queue"))
            if "/console/sign-out" not in page.text:
                self.taken.wrong.append(f"signed out: {page.text[:200]}")
            self.taken.looks += 1

    # how

    def _as(self, who: str) -> Browser:
        browser = Browser(self._port)
        self._until("become", 303, lambda: browser.form("/who", person=who))
        return browser

    def _call(self, path: str, status: int, **body: str) -> str:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json",
                   "Idempotency-Key": secrets.token_hex(12)}  # fmt: skip
        data = json.dumps(body).encode()
        done = self._until("desk", status, lambda: Browser(self._port).ask("POST", path, data, headers))
        return str(json.loads(done.text)["id"])

    def _until(self, what: str, status: int, send: Callable[[], Answer]) -> Answer:
        """Send the same until it is taken. What comes back otherwise must say that it may be tried again."""
        until = time.monotonic() + self._patience
        last = ""
        while time.monotonic() < until:
            try:
                answer = send()
                if answer.status == status:
                    return answer
                last = f"{answer.status}: {answer.headers.get('location', '')} {answer.text[:300]}"
                if what == "look" and answer.status == 303:
                    break
            except OSError as error:
                last = repr(error)
            self.taken.again[what] += 1
            time.sleep(LATER)
        raise AssertionError(f"{what} was not taken: {last}")

    def _rounds(self) -> Iterator[int]:
        number = 0
        while not self._stop.is_set():
            yield number
            number += 1
            self._stop.wait(PAUSE)

    def _guarded(self, loop: Callable[[], None]) -> None:
        try:
            loop()
        except Exception as error:
            self.taken.wrong.append(repr(error))


def report_of(who: str, number: int) -> bytes:
    """A mail of its own for each report."""
    some = random.Random(f"{who} {number}")
    words = " ".join(some.choices(WORDS, k=40))
    return (
        "Received: from out by mx.northwind.example; Sun, 17 Mar 2030 09:00:00 +0000\r\n"
        f"From: Shop <info@shop-{number}.example>\r\nTo: {who}@northwind.example\r\nSubject: About {words[:40]}\r\n"
        f"Message-ID: <{who}-{number}@shop.example>\r\nDate: Sun, 17 Mar 2030 08:59:00 +0000\r\n\r\n"
        f"{words}: http://site-{number}.example/{who}\r\n"
    ).encode()
