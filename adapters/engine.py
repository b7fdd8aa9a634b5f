"""`Jobs` on DBOS; the only module that imports it.

A job is one durable workflow `kind:key`. Kinds that `workers` names have a queue of their own, so that slow ones never
hold up quick ones; the others share one, since each queue costs reads while idle. The handler runs as a step: once the
step is recorded it is never repeated; a crash before that repeats it, so handlers are keyed. A job that has to come
again goes back into the queue with a delay (`2|kind:key`): that survives a restart, and nothing waits in a thread.

On SQLite the engine has a file of its own (jobs.db; in ours its writes held our commits up for a second) and one owner;
on PostgreSQL a schema of its own and any number of replicas, each under a name of its own.
"""

from __future__ import annotations

import contextvars
import logging
import math
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from adapters.attempts import Handler, Pace, attempt, refuse_text, tell
from adapters.schedules import last_due, written
from adapters.stores.open import is_postgres
from adapters.stores.replicas import OwnName, Release, Replicas, own_folder
from bot.errors import ConfigError, StoreUnavailable
from bot.ports import Db, Payload

if TYPE_CHECKING:
    from dbos import DBOSConfig

log = logging.getLogger(__name__)
State = Literal["off", "starting", "running", "failed"]

FILE = "jobs.db"
VERSION = "1"  # of the stored form of a job. Never the code's: an upgrade would strand what is queued
SHARED = "jobs"  # the queue of kinds without one of their own
JOB, TIMED, TICK = "job", "timed", "tick"  # the workflows; what a schedule starts is "timed", and forgotten sooner
_FINISHED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
_MANY = 500  # rows a read
_HOUR = 3600.0
_SET = 60.0  # seconds that the clock and the monotonic one go apart when somebody sets the clock
_SOON = 15.0  # seconds after its time in which a schedule starts by itself: each replica waits up to ten, to spread the load
_LONGEST = 2 * _HOUR  # no round of ours waits longer; and what a schedule asks for later than this is not made up for
_ONE = threading.Lock()  # DBOS keeps one engine a process


@dataclass(frozen=True)
class _Round:
    """One round of a job, as it stands in the engine's rows. `failures` counts the rounds that were the job's fault."""

    workflow: str
    kind: str
    key: str
    payload: dict[str, str]
    number: int = 1
    failures: int = 0

    def identity(self) -> str:
        first = f"{self.kind}:{self.key}"
        return first if self.number == 1 else f"{self.number}|{first}"


class DbosJobs:
    """`Jobs` over DBOS. One at a time in a process.

    `replica` must be stable over restarts and different for each replica: a replica takes up its own unfinished jobs
    when it starts, and nobody else's. `workers` gives kinds a queue of their own, with so many at once in this process.
    `db` holds the heartbeats by which replicas on PostgreSQL find the jobs of a dead one. `on_failed(kind, key, error)`
    hears of jobs that were given up, at least once each; `error` is the name of an exception, never its text. `on_lost()`
    hears that the jobs file is a new one, so that whatever the engine had been given is given again.
    """

    def __init__(
        self,
        url: str,
        data_dir: Path,
        *,
        replica: str = "main",
        db: Db | None = None,
        workers: Mapping[str, int] | None = None,
        pace: Pace | None = None,
        timezone: str = "UTC",
        schema: str = "secdesk_jobs",
        on_failed: Callable[[str, str, str], None] | None = None,
        on_lost: Callable[[], object] = lambda: None,
    ) -> None:
        self._url, self._data_dir, self._replica, self._schema = url, data_dir, replica, schema
        self._replicas = Replicas(db) if db is not None and is_postgres(url) else None
        self._name: OwnName | None = None
        self._workers, self._pace, self._timezone = dict(workers or {}), pace or Pace(), timezone
        self._on_failed, self._on_lost, self._lost = on_failed, on_lost, False
        self._handlers: dict[str, Handler] = {}
        self._schedules: dict[str, tuple[str, str]] = {}
        self._workflows: dict[str, Callable[..., object]] = {}
        self._ticker: Callable[[datetime, str], None] = self._tick
        self._state: State = "off"
        self._trouble = ""
        self._ready, self._stopping = threading.Event(), threading.Event()
        self._threads: list[threading.Thread] = []
        self._releases: list[Release] = []
        self._steady_since = math.inf
        self._buried: set[str] = set()
        self._sure: dict[str, datetime] = {}  # by schedule: the last time that is known to have been started

    # the life of the engine

    def schedule(self, name: str, cron: str, kind: str) -> None:
        """Run `kind` at the times of a cron line (five fields), with the payload `{"schedule": name, "at": ISO time}`.

        Before `start`. Of times missed while nothing ran, or while the database was away, the last one is made up for if it
        is less than two hours ago. For what runs more often than once a minute a timer in the process is cheaper.
        """
        self._schedules[name] = (cron, kind)

    def start(self, handlers: Mapping[str, Handler], *, wait: bool = True, after: float = 0.0) -> None:
        """Take up unfinished jobs and run new ones. Without `wait` the engine (0.7 s to load) starts behind the scenes,
        `after` so many seconds, and is tried again until its database answers.

        Raises `ConfigError` at once if another process owns these jobs, and `StoreUnavailable` with `wait`.
        """
        unknown = {kind for _, kind in self._schedules.values()} - set(handlers)
        if unknown:
            raise ValueError(f"scheduled kinds without a handler: {sorted(unknown)}")
        self._after = after
        release = self._claim()
        if not _ONE.acquire(blocking=False):
            release()
            raise RuntimeError("another job engine is running in this process: stop it first")
        self._releases = [_ONE.release, release]
        self._handlers = dict(handlers)
        self._stopping.clear()
        self._state = "starting"
        if wait:
            self._launch_or_release()
        else:
            self._spawn(self._launch_until_it_works, "jobs-start")

    def stop(self, drain: float = 10.0) -> None:
        """Take no new jobs, give running ones `drain` seconds (at least 1 s if not 0), and end.

        What is cut off runs again at the next start.
        """
        self._stopping.set()
        self._ready.clear()
        for thread in self._threads:
            thread.join(timeout=10)
        self._threads.clear()
        if self._state == "running":
            _destroy(drain)
        self._state = "off"
        while self._releases:
            self._releases.pop()()

    def state(self) -> tuple[State, str]:
        """What the engine is doing, and what is in its way."""
        return self._state, self._trouble

    def wait_ready(self, timeout: float) -> bool:
        """Whether the engine runs within `timeout` seconds."""
        return self._ready.wait(timeout)

    def submit(self, kind: str, key: str, payload: Payload, *, delay: float = 0.0) -> None:
        """Queue a job; a key of this kind that is known already does nothing. Never inside an open transaction.

        Raises `StoreUnavailable` while the engine doesn't run or cannot write, `ValueError` for a kind without handler
        or a payload that is more than ids.
        """
        if self._handlers and kind not in self._handlers:
            raise ValueError(f"no handler for jobs of kind {kind!r}")
        refuse_text(payload)
        if not self._ready.is_set():
            raise StoreUnavailable("The job engine is not running yet")
        self._enqueue(_Round(JOB, kind, key, dict(payload)), delay)

    # jobs

    def _enqueue(self, job: _Round, delay: float) -> None:
        """Outside of any step or workflow that calls us: in its context DBOS would make the job a part of that one."""

        def enqueue() -> None:
            from dbos import DBOS, SetEnqueueOptions, SetWorkflowID  # noqa: PLC0415

            function = self._workflows[job.workflow]
            queue = job.kind if job.kind in self._workers else SHARED
            with SetWorkflowID(job.identity()), SetEnqueueOptions(delay_seconds=delay if delay > 0 else None):
                DBOS.enqueue_workflow(queue, function, job.kind, job.key, job.payload, job.number, job.failures)

        try:
            contextvars.Context().run(enqueue)
        except Exception as error:
            raise StoreUnavailable(f"The job engine did not take the job ({type(error).__name__})") from error

    def _perform(self, job: _Round) -> str:
        """One round of a job: the workflow. What it was given up for, or ""."""
        from dbos import DBOS  # noqa: PLC0415

        wait, failures, error = DBOS.run_step({"name": job.kind}, self._attempt, job)
        if error:
            DBOS.run_step({"name": "failed"}, self._report, job.kind, job.key, error)
        elif wait >= 0:
            self._enqueue(_Round(job.workflow, job.kind, job.key, job.payload, job.number + 1, failures), wait)
        return error

    def _attempt(self, job: _Round) -> tuple[float, int, str]:
        """Run the handler once: the step."""
        handler = self._handlers.get(job.kind)
        following = attempt(handler, job.kind, job.key, job.payload, job.failures, self._pace)
        if following.wait >= 0 and job.number >= self._pace.rounds:
            return -1.0, following.failures, "TooManyRounds"
        return following.wait, following.failures, following.error

    def _report(self, kind: str, key: str, error: str) -> None:
        log.error("a job was given up", extra={"kind": kind, "key": key, "error": error})
        if self._on_failed is None:
            return
        try:
            self._on_failed(kind, key, error)
        except Exception as raised:
            tell("nobody could be told of a job given up", kind, key, raised, 1)

    def _tick(self, at: datetime, name: str) -> None:
        at = datetime.fromisoformat(str(at))  # the engine stores JSON, so in truth this is text already
        name = name.partition("@")[0]
        late = time.time() - at.timestamp() > _LONGEST
        if name in self._schedules and not late:  # else it was taken away while this was queued, or the clock was set
            self._enqueue(self._timed(name, at), 0.0)

    def _timed(self, name: str, at: datetime) -> _Round:
        """What a schedule starts at a time: whoever starts it, it is the same job, and runs once."""
        (_, kind), moment = self._schedules[name], written(at)
        return _Round(TIMED, kind, f"{name}@{moment}", {"schedule": name, "at": moment})

    # launching and ending DBOS

    def _claim(self) -> Release:
        if is_postgres(self._url):
            self._name = OwnName(self._url, self._schema, self._replica)
            return self._name.release
        return own_folder(self._data_dir)

    def _launch_or_release(self) -> None:
        try:
            self._launch()
        except Exception as error:
            self.stop()
            if isinstance(error, ConfigError):
                raise
            raise StoreUnavailable(self._cannot_start(error)) from error

    def _cannot_start(self, error: Exception) -> str:
        where = "the database server" if is_postgres(self._url) else str(self._data_dir / FILE)
        return (f"The job engine cannot start ({type(error).__name__}): mend {where}. Answers go out all the same, "
                "and jobs wait in the outbox")  # fmt: skip

    def _launch_until_it_works(self) -> None:
        self._stopping.wait(self._after)  # loading the engine would hold up the first answers
        wait = 1.0
        while not self._stopping.is_set():
            try:
                return self._launch()
            except Exception as error:
                self._state, self._trouble = "failed", self._cannot_start(error)
                log.error("the job engine cannot start and is tried again", extra={"error": type(error).__name__})
            self._stopping.wait(wait)
            wait = min(wait * 2, 30.0)

    def _launch(self) -> None:
        _quiet()
        from dbos import DBOS  # noqa: PLC0415  0.7 s, so only in the process that runs jobs, and when it does

        try:
            DBOS(config=self._config())
            self._register()
            DBOS.launch()
            for queue, workers in {SHARED: self._pace.workers, **self._workers}.items():
                DBOS.register_queue(queue, worker_concurrency=workers, polling_interval_sec=self._pace.poll)
            self._apply_schedules()
        except BaseException:
            _destroy(0)
            raise
        self._state, self._trouble = "running", ""
        self._ready.set()
        if self._lost:
            self._lost = False
            self._on_lost()
        self._spawn(self._maintain, "jobs-maintenance")

    def _register(self) -> None:
        from dbos import DBOS  # noqa: PLC0415

        def job(kind: str, key: str, payload: dict[str, str], number: int, failures: int) -> str:
            return self._perform(_Round(JOB, kind, key, payload, number, failures))

        def timed(kind: str, key: str, payload: dict[str, str], number: int, failures: int) -> str:
            return self._perform(_Round(TIMED, kind, key, payload, number, failures))

        def tick(at: datetime, name: str) -> None:
            self._tick(at, name)

        crashes = self._pace.crashes
        self._workflows = {
            JOB: DBOS.workflow(name=JOB, max_recovery_attempts=crashes)(job),
            TIMED: DBOS.workflow(name=TIMED, max_recovery_attempts=crashes)(timed),
        }
        self._ticker = DBOS.workflow(name=TICK)(tick)

    def _apply_schedules(self, mark: str = "") -> None:
        """Make the engine's schedules ours. With another `mark` it counts all their times anew."""
        from dbos import DBOS, ScheduleInput  # noqa: PLC0415

        for known in DBOS.list_schedules():
            if known["schedule_name"] not in self._schedules:
                DBOS.delete_schedule(known["schedule_name"])
        wanted = [
            ScheduleInput(
                schedule_name=name,
                workflow_fn=self._ticker,
                schedule=cron,
                context=name + mark,
                cron_timezone=self._timezone,
            )
            for name, (cron, _) in self._schedules.items()
        ]
        DBOS.apply_schedules(wanted)

    def _config(self) -> DBOSConfig:
        from dbos import DBOSPortableJSONSerializer  # noqa: PLC0415

        return {
            "name": "secdesk",
            "system_database_url": self._engine_url(),
            "dbos_system_schema": self._schema,
            "application_version": VERSION,
            "executor_id": self._replica,
            "log_level": "WARNING",
            "db_engine_kwargs": {"hide_parameters": True},
            "serializer": DBOSPortableJSONSerializer(),  # the default is pickle: code for whoever can write a row
            "enable_otlp": False,
        }

    def _engine_url(self) -> str:
        if is_postgres(self._url):
            return "postgresql://" + self._url.split("://", 1)[1]
        path = (self._data_dir / FILE).absolute()
        self._lost |= not path.exists()
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        try:
            _prepare(path)
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
                raise
            aside, self._lost = _set_aside(path), True
            log.error(
                "jobs.db is damaged and was set aside; the outbox gives its jobs again", extra={"kept": aside.name}
            )
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            _prepare(path)
        return f"sqlite:///{path}"

    def _spawn(self, work: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    # housekeeping

    def _maintain(self) -> None:
        swept, apart = -math.inf, math.inf
        while not self._stopping.is_set():
            try:
                if abs(time.time() - time.monotonic() - apart) > _SET:
                    self.clock_was_set(time.time(), renew=math.isfinite(apart))
                    apart = time.time() - time.monotonic()
                self.rescue(time.time())
                self.make_up(time.time())
                self.bury()
                if time.monotonic() - swept > _HOUR:
                    self.purge(time.time())
                    swept = time.monotonic()
            except Exception as error:  # the database is away: the next round sees to it
                log.warning("the job engine's housekeeping failed", extra={"error": type(error).__name__})
            self._stopping.wait(self._pace.beat)

    def clock_was_set(self, now: float, *, renew: bool = True) -> int:
        """After the clock jumped (or at a start): what waits for a time that it never should goes on now; how many.

        The engine counts a schedule's times from the last one: forward by years it would make up for each of them, and back
        again it would wait for years. So schedules begin anew.
        """
        from dbos import DBOS  # noqa: PLC0415

        if renew:
            self._apply_schedules(f"@{round(now)}")
        waiting = DBOS.list_workflows(name=[JOB, TIMED], status="DELAYED", load_input=False, load_output=False)
        never = [job.workflow_id for job in waiting if (job.delay_until_epoch_ms or 0) > (now + _LONGEST) * 1000]
        for workflow in never:
            DBOS.set_workflow_delay(workflow, delay_seconds=0.0)
        return len(never)

    def make_up(self, now: float) -> int:
        """Start what was due at `now` (epoch seconds) and nobody has started; how many.

        The engine counts a schedule's times from the start of each process, and drops one at which its database is away: what
        falls between two processes would be left out. Of each schedule only the last time counts, and none from before
        there were any jobs: a first start has missed nothing.
        """
        from dbos import DBOS  # noqa: PLC0415

        due = {name: last_due(cron, self._timezone, now - _SOON) for name, (cron, _) in self._schedules.items()}
        unsure = {
            name: self._timed(name, at)
            for name, at in due.items()
            if self._sure.get(name) != at and now - at.timestamp() < _LONGEST
        }
        if not unsure:
            return 0
        ids = [job.identity() for job in unsure.values()]
        known = DBOS.list_workflows(workflow_ids=ids, load_input=False, load_output=False)
        started = {workflow.workflow_id for workflow in known}
        missed = [
            (name, job) for name, job in unsure.items() if job.identity() not in started and _ran_before(due[name])
        ]
        for name, job in missed:
            self._enqueue(job, 0.0)
            log.warning(
                "a time of a schedule was missed and is made up for", extra={"schedule": name, "due": str(due[name])}
            )
        self._sure |= {name: due[name] for name in unsure}
        return len(missed)

    def purge(self, now: float) -> int:
        """Delete finished jobs that are old enough at `now` (epoch seconds); how many."""
        jobs = self._purge(now - self._pace.keep, [JOB])
        return jobs + self._purge(now - self._pace.keep_timed, [TIMED, TICK])

    def _purge(self, before: float, workflows: list[str]) -> int:
        from dbos import DBOS  # noqa: PLC0415

        moment = datetime.fromtimestamp(before, UTC).isoformat()
        gone = 0
        while not self._stopping.is_set():
            found = DBOS.list_workflows(
                name=workflows, status=_FINISHED, completed_before=moment, limit=_MANY, load_input=False,
                load_output=False,
            )  # fmt: skip
            DBOS.delete_workflows([job.workflow_id for job in found])
            gone += len(found)
            if len(found) < _MANY:
                break
        return gone

    def bury(self) -> None:
        """Report jobs that were given up because the process died each time it ran them."""
        from dbos import DBOS  # noqa: PLC0415

        dead = DBOS.list_workflows(name=[JOB, TIMED], status="MAX_RECOVERY_ATTEMPTS_EXCEEDED", load_output=False)
        for job in dead:
            if job.workflow_id not in self._buried and job.input is not None:
                self._buried.add(job.workflow_id)
                kind, key = job.input["args"][:2]
                self._report(str(kind), str(key), "Crashed")

    def _keep_name(self) -> None:
        try:
            if self._name:
                self._name.keep()
        except ConfigError as error:
            log.error("%s", error)

    def rescue(self, now: float) -> int:
        """On PostgreSQL: say that we live, and queue the unfinished jobs of replicas that don't; how many.

        After a time in which we could not say so ourselves everybody looks dead: then wait for one more silence.
        """
        if self._replicas is None:
            return 0
        try:
            self._replicas.beat(self._replica, now)
        except StoreUnavailable:
            self._steady_since = math.inf
            raise
        self._steady_since = min(self._steady_since, now)
        self._keep_name()
        if now - self._steady_since < self._pace.silence:
            return 0
        return sum(_take_over(dead) for dead in self._replicas.take_dead(now - self._pace.silence))


def _ran_before(moment: datetime) -> bool:
    """Whether there are jobs that are older."""
    from dbos import DBOS  # noqa: PLC0415

    end = moment.astimezone(UTC).isoformat()
    return bool(DBOS.list_workflows(end_time=end, limit=1, load_input=False, load_output=False))


def _prepare(path: Path) -> None:
    """WAL mode, since DBOS leaves the slow default. Raises `sqlite3.DatabaseError` for a damaged file."""
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    finally:
        connection.close()
    if found != "ok":
        error = sqlite3.DatabaseError("the file is damaged")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def _set_aside(path: Path) -> Path:
    """Move a damaged file with its log out of the way, kept for whoever wants to look."""
    name = f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    for ending in ("", "-wal", "-shm"):
        part = path.with_name(path.name + ending)
        if part.exists():
            part.rename(path.with_name(name + ending))
    return path.with_name(name)


def _take_over(dead: str) -> int:
    from dbos import DBOS  # noqa: PLC0415

    jobs = DBOS.list_workflows(status="PENDING", executor_id=dead, load_input=False, load_output=False)
    queues: dict[str | None, list[str]] = {}
    for job in jobs:
        queues.setdefault(job.queue_name, []).append(job.workflow_id)
    for queue, ids in queues.items():  # with the queue's name, or they would escape its limits
        DBOS.resume_workflows(ids, queue_name=queue)
    if jobs:
        log.warning("took over the jobs of a replica that is gone", extra={"replica": dead, "jobs": len(jobs)})
    return len(jobs)


def _destroy(drain: float) -> None:
    from dbos import DBOS  # noqa: PLC0415

    DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=math.ceil(drain))


def _quiet() -> None:
    """DBOS's log goes where ours goes, warnings only; without a handler it would write to the console by itself."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    logger.propagate = True
    logger.setLevel(logging.WARNING)
