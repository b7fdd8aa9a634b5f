"""Mixed traffic against real `secdesk serve` processes: the servers, the people, the requests, and what they cost.

Used by the measurements `load` (how much, how fast) and `tests.soak` (for how long). Of ten events eight are questions in the
web chat, one is a reported mail, and one is a desk action over the HTTP API. Arrivals are an open loop: they come at their time
whether or not the ones before have been answered, and their time counts from then.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import random
import secrets
import statistics
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlencode

import psycopg

from tests.bench.tickets import children_cpu
from tests.contract.conftest import in_schema
from tests.contract.postgres import Server
from tests.served import SECDESK, Served, environment

ROOT = Path(__file__).resolve().parent.parent.parent
CACHE = ROOT / "build" / "bench-cache"  # the fitted search, kept between runs
PEOPLE = 400  # who write: one of them may not write more than 40 times a minute
MOST_AT_ONCE = 400  # requests; what comes on top counts as lost
QUESTIONS = (
    "how do i report a suspicious email", "how do i change my password", "is public wifi safe", "what is a passkey",
    "wie melde ich eine verdächtige mail", "can i use my own usb stick", "who do i tell about a lost badge",
    "comment signaler un mail", "is this link safe to open", "may i send customer data by mail",
)  # fmt: skip
MAIL = (
    "From: Parcel <info@parcel-{n}.example>\r\nTo: you@northwind.example\r\nSubject: Your parcel {n}\r\n"
    "Message-ID: <{n}@parcel-{n}.example>\r\nDate: Sun, 17 Mar 2030 10:00:00 +0000\r\n\r\n"
    "Pay the fee within the hour: http://parcel-{n}.example/pay/{n}\r\n"
)
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Servers:
    """Running servers on one database. `database` gives the CPU seconds of a PostgreSQL server's processes."""

    served: list[Served]
    token: str
    postgres: int = 0

    def cpu(self) -> float:
        """CPU seconds of the servers with what they started, and of the database, so far."""
        own = sum(cpu_of(one.process.pid) for one in self.served)
        return own + (children_cpu(self.postgres) if self.postgres else 0.0)

    def memory(self) -> float:
        """Resident megabytes of the server processes together."""
        return sum(resident(one.process.pid) for one in self.served)


@contextlib.contextmanager
def servers(folder: Path, replicas: int, *, postgres: bool, search: str = "full", **more: str) -> Iterator[Servers]:
    """`replicas` processes on one database, ready. More than one takes PostgreSQL."""
    CACHE.mkdir(parents=True, exist_ok=True)
    knowledge = folder / "knowledge"
    knowledge.mkdir()
    people = "".join(f'\n  - {{id: "load.{n}", name: "Load {n}", email: "load.{n}@northwind.example", roles: ["regular"], '
                     'entity: "uk", timezone: "Europe/London"}' for n in range(PEOPLE))  # fmt: skip
    shipped = (files("knowledge") / "people.yaml").read_text("utf-8")
    (knowledge / "people.yaml").write_text(shipped.rstrip() + people + "\n", "utf-8")
    server, url = None, ""
    if postgres:
        from tests.contract.postgres import binaries

        programs = binaries()
        assert programs is not None
        server = Server(programs, ())  # durable, as SQLite is here
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("CREATE SCHEMA bench")
        url = in_schema(server.url, "bench")
    given = {"SECDESK_KNOWLEDGE": str(knowledge), "SECDESK_SEARCH": search, "SECDESK_API_PER_MINUTE": "10000000",
             "SECDESK_KEY": "v1:" + base64.b64encode(b"k" * 32).decode(), "SECDESK_DATABASE": url, **more}  # fmt: skip
    started: list[Served] = []
    try:
        for number in range(replicas):
            data = folder / f"data{number}"
            data.mkdir(mode=0o700)
            (data / "cache").symlink_to(CACHE)
        scopes = [part for scope in ("see", "people", "work") for part in ("--scope", scope)]
        made = subprocess.run(
            [*SECDESK, "token", "create", "load", "--for", "sam.ortiz", *scopes], check=True, capture_output=True, text=True,
            cwd=folder, env=environment(**given, SECDESK_DATA=str(folder / "data0")),
        )  # fmt: skip
        for number in range(replicas):
            settings = {**given, "SECDESK_DATA": str(folder / f"data{number}"), "SECDESK_REPLICA": f"r{number}"}
            started.append(Served.start(folder, **settings))
        for one in started:
            one.wait(300)
            one.wait_for('"ready":true', "/readyz", 120)
        yield Servers(started, made.stdout.split()[0], server._process.pid if server else 0)
    finally:
        for one in started:
            one.process.terminate()
        for one in started:
            with contextlib.suppress(subprocess.TimeoutExpired):
                one.process.wait(30)
            one.kill()
        if server:
            server.stop()


def cpu_of(pid: int) -> float:
    """CPU seconds of a process, its ended children and those that run."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICK + children_cpu(pid)


def machine() -> tuple[float, float]:
    """(busy, all) seconds of all processors of the machine so far."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / _TICK, sum(fields) / _TICK


def resident(pid: int) -> float:
    """Megabytes of a process that are in memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


@dataclass
class Step:
    """What became of a time of traffic. Times are in seconds from when a request should have gone."""

    rate: float
    seconds: float
    times: dict[str, list[float]] = field(default_factory=lambda: {"ask": [], "report": [], "desk": []})
    failed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    cpu: float = 0.0
    memory: float = 0.0
    machine: float = 0.0  # how busy the machine was in all, of its processors

    @property
    def all_times(self) -> list[float]:
        return sorted(time for times in self.times.values() for time in times)

    @property
    def done(self) -> int:
        return len(self.all_times)

    def at(self, part: float) -> float:
        """A quantile of the times, `inf` if nothing was answered."""
        times = self.all_times
        return times[min(len(times) - 1, int(part * len(times)))] if times else float("inf")

    @property
    def kept_up(self) -> bool:
        """Whether this rate was kept: nearly all answered, the slowest twentieth within a second."""
        asked = self.done + self.failed + self.lost
        return self.done >= 0.98 * asked and self.at(0.95) <= 1.0

    def line(self) -> str:
        each = 1000 * self.cpu / max(1, self.done)
        return (f"{self.rate:6.1f}/s asked, {self.done / self.seconds:6.1f}/s done, p50 {1000 * self.at(0.5):6.0f} ms, "
                f"p95 {1000 * self.at(0.95):6.0f}, p99 {1000 * self.at(0.99):6.0f}, CPU {each:5.1f} ms an event, "
                f"machine {self.machine:3.0%}, {self.memory:4.0f} MB, "
                f"failed {dict(self.reasons) or 0}, lost {self.lost}")  # fmt: skip


class Traffic:
    """Who writes, and over which connections. No stickiness: each request goes to the next server."""

    def __init__(self, servers: Servers, seed: int = 11) -> None:
        self.servers, self.dice = servers, random.Random(seed)
        self.cookies: dict[int, str] = {}
        self.idle: dict[int, list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]] = {}
        self.number = 0
        self.tickets: list[str] = []
        self.resting = 0.0  # CPU seconds a second that the servers take with nothing to do; not counted for events

    async def rest(self, seconds: float) -> float:
        """Measure what the servers take with nothing to do."""
        await asyncio.sleep(3)
        cpu, begun = self.servers.cpu(), time.perf_counter()
        await asyncio.sleep(seconds)
        self.resting = (self.servers.cpu() - cpu) / (time.perf_counter() - begun)
        return self.resting

    async def sign_in(self) -> None:
        """Everybody chooses who they are, and the desk looks at its queue."""
        for who in range(PEOPLE):
            _, headers, _ = await self.request("POST", "/who", urlencode({"person": f"load.{who}"}).encode(), form=True)
            self.cookies[who] = "; ".join(line.split(";")[0] for name, line in headers if name == "set-cookie")

    async def run(self, rate: float, seconds: float) -> Step:
        """Traffic at `rate` events a second, and what followed from it: jobs are waited for, so their CPU counts."""
        step, cpu, begun, busy = Step(rate, seconds), self.servers.cpu(), time.perf_counter(), machine()
        running: set[asyncio.Task[None]] = set()
        for number in range(int(rate * seconds)):
            due = begun + number / rate
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            if len(running) >= MOST_AT_ONCE:
                step.lost += 1
                continue
            task = asyncio.create_task(self.event(step, due))
            running.add(task)
            task.add_done_callback(running.discard)
        if running:
            await asyncio.wait(running, timeout=60)
        await asyncio.sleep(min(5.0, seconds / 2))  # jobs that follow
        lasted, after = time.perf_counter() - begun, machine()
        step.cpu = max(0.0, self.servers.cpu() - cpu - self.resting * lasted)
        step.memory, step.machine = self.servers.memory(), (after[0] - busy[0]) / (after[1] - busy[1])
        return step

    async def event(self, step: Step, due: float) -> None:
        self.number += 1
        kind = self.dice.choices(("ask", "report", "desk"), (80, 10, 10))[0]
        try:
            good, why = await {"ask": self.ask, "report": self.report, "desk": self.desk}[kind](self.number)
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            good, why = False, type(error).__name__
        if good:
            step.times[kind].append(time.perf_counter() - due)
        else:
            step.failed += 1
            step.reasons[f"{kind} {why}"] += 1

    async def ask(self, number: int) -> tuple[bool, object]:
        body = urlencode({"text": f"{self.dice.choice(QUESTIONS)} {number}", "event": secrets.token_hex(12)}).encode()
        status, _, said = await self.request(
            "POST", "/chat/send", body, who=number % PEOPLE, form=True, json_answer=True
        )
        return status == 200 and b"stamp" in said, status

    async def report(self, number: int) -> tuple[bool, object]:
        mark, mail = "m" * 24, MAIL.format(n=number if number % 2 else number % 50)
        parts = "".join(f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
                        for name, value in (("text", ""), ("event", secrets.token_hex(12))))  # fmt: skip
        body = (f'{parts}--{mark}\r\nContent-Disposition: form-data; name="files"; filename="{number}.eml"\r\n'
                f"Content-Type: message/rfc822\r\n\r\n{mail}\r\n--{mark}--\r\n")  # fmt: skip
        status, _, said = await self.request(
            "POST", "/chat/send", body.encode(), who=number % PEOPLE, kind=f"multipart/form-data; boundary={mark}",
            json_answer=True,
        )  # fmt: skip
        return status == 200 and b"SEC-" in said, status

    async def desk(self, number: int) -> tuple[bool, object]:
        """The queue, and something done to one of its tickets: a note, taking it, answering."""
        if number % 3 == 0 or not self.tickets:
            status, _, said = await self.request("GET", "/api/v1/tickets?limit=50", b"", api=True)
            self.tickets = [str(one["number"]) for one in json.loads(said)["items"]]
            return status == 200, status
        verb, body = self.dice.choice(
            (("note", {"text": "Looked at."}), ("assign", {"to": "me"}), ("reply", {"text": "We are on it."}))
        )
        path = f"/api/v1/tickets/{self.dice.choice(self.tickets)}/{verb}"
        status, _, _ = await self.request("POST", path, json.dumps(body).encode(), api=True, kind="application/json")
        return status in {200, 409}, status  # 409: taken already

    async def request(
        self, method: str, path: str, body: bytes, *, who: int = -1, api: bool = False, form: bool = False, kind: str = "",
        json_answer: bool = False,
    ) -> tuple[int, list[tuple[str, str]], bytes]:  # fmt: skip
        """One request on a connection that is kept; (status, headers, body)."""
        port = self.servers.served[self.number % len(self.servers.served)].port
        idle = self.idle.setdefault(port, [])
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Content-Length: {len(body)}"]
        if api:
            lines.append(f"Authorization: Bearer {self.servers.token}")
        else:
            lines += [f"Origin: http://127.0.0.1:{port}", "Sec-Fetch-Site: same-origin"]
        if form or kind:
            lines.append(f"Content-Type: {kind or 'application/x-www-form-urlencoded'}")
        if json_answer:
            lines.append("Accept: application/json")
        if cookie := self.cookies.get(who):
            lines.append(f"Cookie: {cookie}")
        sent, again = "\r\n".join([*lines, "", ""]).encode() + body, bool(idle)
        connection = idle.pop() if idle else await asyncio.open_connection("127.0.0.1", port)
        try:
            found = await exchange(*connection, sent)
        except (ConnectionError, asyncio.IncompleteReadError):
            connection[1].close()
            if not again:
                raise
            connection = await asyncio.open_connection("127.0.0.1", port)  # the server had just closed the old one
            found = await exchange(*connection, sent)
        idle.append(connection)
        return found


async def exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: bytes
) -> tuple[int, list[tuple[str, str]], bytes]:
    """One request and its answer: (status, headers, body)."""
    writer.write(sent)
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in head[1:] if line)]
    length = int(dict(headers).get("content-length", 0))
    return int(head[0].split()[1]), headers, await reader.readexactly(length)


def slope(points: list[tuple[float, float]]) -> float:
    """Of the straight line through points, by least squares."""
    return statistics.linear_regression([x for x, _ in points], [y for _, y in points]).slope
