"""Faults of the server as a process: stopped under load, on a disk whose fsync is slow, with callers that drip, with a jobs
file that is lost or damaged."""

from __future__ import annotations

import contextlib
import html
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.served import Served
from tests.warm import WORDS, data_folder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
PEOPLE = ("dana.reyes", "jonas.keller", "ama.mensah", "clara.moreau", "ines.brandt", "sam.ortiz")
PHONE = re.compile(r"\+(44|49|33|34) [\d ]{8,}")
UNSAVED = "I cannot save anything just now"
TROUBLE = "I clicked the link and entered my password"


@pytest.fixture
def data(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return data_folder(request.config, tmp_path)


@contextlib.contextmanager
def serving(folder: Path, data: Path, **more: str) -> Iterator[Served]:
    served = Served.start(folder, SECDESK_DATA=str(data), **{**WORDS, **more}).wait()
    try:
        yield served
    finally:
        served.kill()


def visitor(served: Served, who: str) -> Served:
    """Somebody with cookies of their own."""
    one = Served(served.process, served.port, served.out, served.err)
    assert one.become(who).status == 303
    return one


# stopped under load -------------------------------------------------------------------------------------------------


@dataclass
class Load:
    """People who write as fast as they are answered, until nobody answers; what each was told is taken."""

    served: Served
    taken: dict[str, list[str]] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)
    count: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self, who: str) -> None:
        one = visitor(self.served, who)
        mine = self.taken.setdefault(who, [])
        for number in range(10_000):
            if self.stop.is_set():
                return
            text = f"How do I report mail number {number} of {who.partition('.')[0]}?"
            try:
                sent = one.ask("POST", "/chat/send", {"text": text, "event": f"{who.replace('.', '')}{number:08}"})
            except OSError:
                return  # it is gone: nobody was told anything
            if sent.status == 303:
                mine.append(text)
                with self.lock:
                    self.count += 1


def test_stopped_under_load_it_drains_in_time_and_loses_nothing_that_it_took(data: Path, tmp_path: Path) -> None:
    with serving(tmp_path, data) as served:
        served.wait_for('"ready":true', "/readyz")
        load = Load(served)
        with ThreadPoolExecutor(len(PEOPLE)) as pool:
            writing = [pool.submit(load.write, who) for who in PEOPLE]
            until = time.monotonic() + 60
            while load.count < 60 and time.monotonic() < until:
                time.sleep(0.02)
            code, seconds = served.stop()
            load.stop.set()
        for one in writing:
            one.result(0)
        assert load.count >= 60
        assert (0, True) == (code, seconds < 20), served.log
        assert [] == [line for line in served.log.splitlines() if '"level": "error"' in line]
    with serving(tmp_path, data) as again:
        for who, texts in load.taken.items():
            page = html.unescape(visitor(again, who).ask("GET", "/chat").text)
            missing = [text for text in texts[-20:] if text not in page]
            assert [] == missing, f"{who} was told that it was taken"
        deliveries = again.wait_for("secdesk_deliveries", "/metrics").text
        until = time.monotonic() + 30
        while re.search(r'secdesk_deliveries\{state="(queued|sending)"\} [1-9]', deliveries):
            assert time.monotonic() < until, deliveries
            time.sleep(0.2)
            deliveries = again.ask("GET", "/metrics").text


# a slow disk --------------------------------------------------------------------------------------------------------

SLOW = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>
static void wait_a_while(void) { usleep(150000); }
int fsync(int fd) { int (*real)(int) = dlsym(RTLD_NEXT, "fsync"); wait_a_while(); return real(fd); }
int fdatasync(int fd) { int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync"); wait_a_while(); return real(fd); }
"""


@pytest.fixture
def slow_disk(tmp_path: Path) -> str:
    """A library that makes every fsync of a process take 150 ms longer."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler or not sys.platform.startswith("linux"):
        pytest.skip("a slow fsync takes Linux and a C compiler: not tested here")
    source, library = tmp_path / "slow.c", tmp_path / "slow.so"
    source.write_text(SLOW)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
    return str(library)


def test_on_a_slow_disk_people_are_answered_and_an_emergency_is_not_behind_them(
    data: Path, tmp_path: Path, slow_disk: str
) -> None:
    with serving(tmp_path, data, LD_PRELOAD=slow_disk) as served:
        people = [visitor(served, who) for who in PEOPLE]

        def ask(number: int) -> str:
            one = people[number % (len(people) - 1)]
            sent = one.ask(
                "POST", "/chat/send", {"text": f"How do I report mail {number}?", "event": f"slow{number:012}"}
            )
            return sent.text if sent.status == 200 else str(sent.status)

        with ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(ask, number) for number in range(16)]
            sent = people[-1].ask("POST", "/chat/send", {"text": TROUBLE, "event": "slowemergency001"})
            cry = sent.text if sent.status == 200 else people[-1].ask("GET", "/chat").text
            answers = [one.result(60) for one in asked]
        assert PHONE.search(html.unescape(cry)), "the card of an emergency comes whatever the disk does"
        refused = sum(UNSAVED in html.unescape(answer) for answer in answers)
        with contextlib.closing(sqlite3.connect(data / "secdesk.db")) as file:
            (stored,) = file.execute("SELECT COUNT(*) FROM event WHERE key LIKE 'web:%'").fetchone()
        assert stored + refused >= 16, "whoever was not told otherwise is stored"
        assert stored > 0, "it is slow, not away"


# callers that drip --------------------------------------------------------------------------------------------------


def test_callers_that_send_a_byte_a_second_keep_nobody_waiting_and_are_cut_off(data: Path, tmp_path: Path) -> None:
    with serving(tmp_path, data) as served:
        dripping = [socket.create_connection(("127.0.0.1", served.port), 60) for _ in range(400)]
        for number, peer in enumerate(dripping):
            head = b"POST /chat/send HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n"
            peer.sendall(head + (b"\r\n" if number % 4 == 0 else b""))
            peer.setblocking(False)
        served.become("dana.reyes")
        left, slowest, until = set(dripping), 0.0, time.monotonic() + 120
        while left and time.monotonic() < until:
            begun = time.monotonic()
            assert "Report phishing" in html.unescape(served.write("How do I report a suspicious mail?"))
            slowest = max(slowest, time.monotonic() - begun)
            for peer in list(left):
                with contextlib.suppress(BlockingIOError):
                    try:
                        if peer.send(b"x") and not peer.recv(4096):
                            left.discard(peer)
                    except BlockingIOError:
                        raise
                    except OSError:
                        left.discard(peer)
            time.sleep(1.0)
        for peer in dripping:
            peer.close()
        assert set() == left, f"{len(left)} connections are still held"
        assert slowest < 20


# the jobs file ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fate", ["removed", "damaged"])
def test_a_jobs_file_that_is_lost_takes_no_job_along(data: Path, tmp_path: Path, fate: str) -> None:
    """A report is taken, the process is killed before it was examined, and the file of the engine is gone."""
    mail = b"From: Parcel <info@parcel-fee.example>\r\nTo: you@northwind.example\r\nSubject: Your parcel\r\n\r\nPay the fee.\r\n"
    with serving(tmp_path, data) as served:
        one = visitor(served, "dana.reyes")
        page = one.ask("GET", "/chat").text
        assert page
        taken = upload(one, mail)
        assert "SEC-" in taken
        os.kill(served.process.pid, signal.SIGKILL)
        served.process.wait(20)
    jobs = data / "jobs.db"
    for ending in ("-wal", "-shm"):
        jobs.with_name(jobs.name + ending).unlink(missing_ok=True)
    if fate == "removed":
        jobs.unlink(missing_ok=True)
    else:
        jobs.write_bytes(b"this is no database" * 500)
    with serving(tmp_path, data) as again:
        again.wait_for('"ready":true', "/readyz")
        assert json.loads(again.ask("GET", "/readyz").text)["checks"]["jobs"] == "ok"
        one = visitor(again, "dana.reyes")
        text = html.unescape(one.wait_for("not be checked", "/chat", 90).text)
        assert "parcel.eml" in text
        assert (fate == "damaged") == bool(list(data.glob("jobs.db.damaged-*")))
        assert ("was set aside" in again.log) == (fate == "damaged")


def upload(one: Served, mail: bytes) -> str:
    """Report a mail in the chat as its form does; the page one lands on."""
    import http.client

    mark = "x" * 20
    parts = [f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
             for name, value in (("text", ""), ("event", "jobsfile00000001"))]  # fmt: skip
    parts.append(f'--{mark}\r\nContent-Disposition: form-data; name="files"; filename="parcel.eml"\r\n'
                 "Content-Type: message/rfc822\r\n\r\n".encode() + mail + f"\r\n--{mark}--\r\n".encode())  # fmt: skip
    url = f"http://127.0.0.1:{one.port}"
    connection = http.client.HTTPConnection("127.0.0.1", one.port, timeout=60)
    connection.request("POST", "/chat/send", b"".join(parts), {
        "Origin": url, "Sec-Fetch-Site": "same-origin", "Content-Type": f"multipart/form-data; boundary={mark}",
        "Cookie": "; ".join(f"{name}={value}" for name, value in one.cookies.items()),
    })  # fmt: skip
    response = connection.getresponse()
    response.read()
    assert response.status == 303, response.status
    connection.close()
    return html.unescape(one.ask("GET", "/chat").text)
