"""`secdesk serve`: the server, the job engine, the sweeper and the watcher of files, started and stopped together."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any, TypeVar

import uvicorn

from adapters.engine import DbosJobs
from adapters.stores.clock_jumps import mend_times
from adapters.web.app import create_web
from adapters.web.metrics import Metrics
from adapters.web.slow_clients import TimedProtocol, many_connections
from bot.app import App, partnering, posting, tracking
from bot.app.api import SCHEDULES as API
from bot.app.calling import SCHEDULES
from bot.app.channels import Front
from bot.app.doors import FrontDesk
from bot.app.figures import SCHEDULES as FIGURES
from bot.app.privacy import SCHEDULES as PRIVACY
from bot.app.procedures import SCHEDULES as PROCEDURES
from bot.app.tips import pumping
from bot.app.wiring import web_services
from bot.cards import Card
from bot.delivery import Sweeper
from bot.errors import ConfigError, NotFound, StoreUnavailable
from bot.model import Action, Message, Reply
from bot.platforms import Doors
from bot.settings import Settings
from bot.turn import SEND

log = logging.getLogger(__name__)
T = TypeVar("T")
DRAIN = 14.0  # seconds for running requests and jobs together, when asked to stop
HARD_STOP = 19.0  # seconds after which what still hangs is cut off (its jobs run again at the next start)
URGENT_WORKERS = 4
SENDERS = 16  # replies on their way out at once; they wait for a platform, so never on the threads that handle messages
ENGINE_AFTER = 2.0  # seconds: loading it takes most of one, which the first answers need
# Jobs of a kind at once; twice a second, that many more begin. Mails wait for a place in the sandbox, which has fewer.
WORKERS = {SEND: 32, "oncall.page": 8, "oncall.chase": 8, "reporting.analyse": 8, "desk.show": 4,
           "tracker.sync": 4}  # fmt: skip


class Edge:
    """Runs the synchronous core for asynchronous edges: a sized executor, and one of its own for emergencies."""

    def __init__(self, app: App, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics
        self._normal = ThreadPoolExecutor(app.settings.workers, "desk")
        self._urgent = ThreadPoolExecutor(URGENT_WORKERS, "urgent")
        self._senders = ThreadPoolExecutor(SENDERS, "send")

    async def handle(self, message: Message) -> Reply:
        """`Desk.handle`, on the emergency executor when somebody is in trouble."""
        started = asyncio.get_running_loop().time()
        pool = self._urgent if self._app.desk.urgent(message) else self._normal
        reply = await asyncio.get_running_loop().run_in_executor(pool, self._app.desk.handle, message)
        self._metrics.observe(message, reply, asyncio.get_running_loop().time() - started)
        return reply

    async def run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._normal, work)

    async def deliver(self, delivery: str) -> bool:
        """Send a stored message now; False if it has to wait (the outbox sends it later)."""
        return await asyncio.get_running_loop().run_in_executor(self._senders, self._app.deliver, delivery)

    def doors(self) -> Doors:
        """What a platform may ask of the desk."""
        app, front = self._app, FrontDesk(self._app)
        return Doors(handle=self.handle, deliver=self.deliver, work=app.work, room_card=self._room_card,
                     in_room=app.room.listens, form=front.form, check=front.check, home=front.home, expects=front.expects,
                     amended=front.amended)  # fmt: skip

    def _room_card(self, action: Action) -> Card | None:
        if not action.id.startswith(f"{self._app.room.prefix}."):
            return None
        try:
            return self._app.room.card_of(action.value.partition(":")[0])
        except (NotFound, StoreUnavailable):
            return None

    def close(self) -> None:
        self._urgent.shutdown(wait=True)
        self._senders.shutdown(wait=False, cancel_futures=True)
        self._normal.shutdown(wait=True, cancel_futures=True)


def front(app: App, edge: Edge, metrics: Metrics, jobs: DbosJobs, doors: Doors) -> Front:
    """Everything that can be asked of us over HTTP: what platforms and the ticket system call, and the web application."""
    endpoints = {path: door for platform in app.platforms.values() for path, door in platform.endpoints(doors).items()}
    rest = create_web(web_services(app, edge, metrics, jobs))
    return Front(rest, endpoints | tracking.endpoints(app, edge), metrics.answered)


def listen(settings: Settings) -> socket.socket:
    """The listening socket. Raises `ConfigError` when the port is taken or may not be used."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((settings.host, settings.port))
        sock.listen(256)
    except OverflowError:
        sock.close()
        raise ConfigError(f"{settings.port} is not a port: use 1 to 65535") from None
    except OSError as error:
        sock.close()
        mend = "stop what uses it, or set SECDESK_PORT to another one"
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(f"port {settings.port} on {settings.host} is in use: {mend}") from error
        raise ConfigError(f"cannot listen on {settings.host}:{settings.port} ({error.strerror}): {mend}") from error
    return sock


def behind(settings: Settings) -> dict[str, Any]:
    """What uvicorn is told of proxies: whose `X-Forwarded-For` says who asks. Nothing is taken from the environment."""
    return {"proxy_headers": bool(settings.proxies), "forwarded_allow_ips": list(settings.proxies)}


class Server(uvicorn.Server):
    """Uvicorn, but the signal that stops it is not raised again afterwards: the rest of us still has to stop."""

    asked: float | None = None  # monotonic time of the first signal

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._asked)
        yield

    def _asked(self, number: int, _frame: FrameType | None) -> None:
        if self.asked is None:
            self.asked = time.monotonic()
            watchdog = threading.Timer(HARD_STOP, _cut_off)
            watchdog.daemon = True
            watchdog.start()
        elif number == signal.SIGINT:  # Ctrl-C a second time
            self.force_exit = True
        self.should_exit = True

    def left(self) -> float:
        """Seconds of `DRAIN` that are left for jobs: at least one, none after a second Ctrl-C."""
        if self.force_exit or self.asked is None:
            return 0.0
        return max(1.0, DRAIN - (time.monotonic() - self.asked))


def _cut_off() -> None:
    log.error("something did not stop in time and was cut off")
    os._exit(1)


def _trace(app: App) -> None:
    """Send traces, if they are on. Raises `ConfigError` where what that needs is not installed."""
    if app.settings.traces:
        from adapters.tracing import start  # noqa: PLC0415 (only where it is on)

        app.stop.append(start(app.settings.replica))


def serve(app: App, sock: socket.socket, announce: Callable[[str], None]) -> None:
    """Serve on `sock` until asked to stop (SIGTERM, SIGINT). Raises `ConfigError` before anything is started."""
    _trace(app)
    metrics = Metrics()
    app.count = metrics.outcome
    jobs = DbosJobs(
        app.settings.database, app.settings.data, replica=app.settings.replica, db=app.db, workers=WORKERS,
        on_failed=lambda _kind, key, error: app.core.failed(key, error), on_lost=lambda: give_again(app),
    )  # fmt: skip
    jobs.schedule("lessons", "*/10 * * * *", "learning.send")
    jobs.schedule("reviews", "25 * * * *", "authoring.reviews")
    jobs.schedule("measure", "50 3 * * *", "learning.measure")
    jobs.schedule("targets", "20 4 * * *", "people.review")
    jobs.schedule("prune", "30 3 * * *", "learning.prune")
    jobs.schedule("mail", "40 * * * *", "reporting.prune")
    jobs.schedule("anchor", "5 * * * *", "audit.anchor")
    schedules = (
        SCHEDULES
        | FIGURES
        | API
        | PROCEDURES
        | PRIVACY
        | partnering.SCHEDULES
        | (tracking.SCHEDULES if app.tracking else {})
    )
    for name, (cron, kind) in schedules.items():
        jobs.schedule(name, cron, kind)
    jobs.start(app.handlers(), wait=False, after=ENGINE_AFTER)
    app.sweeper = Sweeper(app.core, jobs, app.clock, mend=lambda now: mend_times(app.db, now))
    edge = Edge(app, metrics)
    poller = app.contents.poller(app.look)
    mailbox = posting.mailbox(app.settings, posting.tokens(app.settings))
    app.watch = posting.watch(app, mailbox, app.sandbox) if mailbox else None

    @contextlib.asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        app.bridge.use(asyncio.get_running_loop())
        poller.start()
        assert app.sweeper is not None  # noqa: S101
        app.sweeper.start()
        spool = threading.Thread(target=_replay, args=(app, stopping), name="spool", daemon=True)
        spool.start()
        for platform in app.platforms.values():
            await platform.start(doors)
        if app.watch:
            app.watch.start()
        with pumping(app):
            yield
        for platform in app.platforms.values():
            await platform.stop()

    stopping = threading.Event()
    doors = edge.doors()
    web = front(app, edge, metrics, jobs, doors)
    config = uvicorn.Config(
        web, log_config=None, access_log=False, server_header=False, lifespan="off", timeout_graceful_shutdown=int(DRAIN) - 4,
        timeout_keep_alive=10, http=TimedProtocol, h11_max_incomplete_event_size=32_768, **behind(app.settings),
    )  # fmt: skip
    server = Server(config)
    announce(app.settings.url)
    try:
        asyncio.run(_serve(server, sock, lifespan))
    finally:
        stopping.set()
        if app.watch:
            app.watch.stop()
        poller.stop()
        app.sweeper.stop()
        jobs.stop(server.left())
        edge.close()


async def _serve(
    server: uvicorn.Server, sock: socket.socket, lifespan: Callable[[], contextlib.AbstractAsyncContextManager[None]]
) -> None:
    many_connections()
    async with lifespan():
        await server.serve(sockets=[sock])


def give_again(app: App) -> None:
    """The engine has lost its jobs: it gets all again that it never finished."""
    now = app.clock.now()
    if lost := app.core.requeue_lost(now + 1, now):
        log.warning("jobs that the engine had lost are given to it again", extra={"jobs": lost})
        app.wake()


def _replay(app: App, stopping: threading.Event) -> None:
    """Every few seconds, as long as spooled emergencies wait."""
    while not stopping.wait(3.0):
        try:
            if app.spool.waiting():
                log.warning("spooled emergencies replayed", extra={"count": app.replay_spool()})
        except Exception as error:
            log.warning("spooled emergencies still wait: %s", type(error).__name__)
