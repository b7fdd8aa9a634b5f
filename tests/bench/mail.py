"""Reported mail: our verdict beside SpamAssassin's local rules, on the same mails in one run. Seconds are those of one mail.

Measures on the samples that ship; `BENCH_MAIL=FOLDER` takes another folder with a `manifest.jsonl`. SpamAssassin is no
dependency: where `spamd` and `spamc` are not there (Debian: `apt-get install spamd spamc`) its row says so.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bot.reporting.evaluate_mail import auroc
from bot.reporting.lexicon import packaged_lexicon
from bot.reporting.sandbox import Sandbox

OWN = Path(__file__).resolve().parent.parent / "corpus" / "mail"
MOST = 150  # mails of each label: SpamAssassin takes a while
Judge = Callable[[bytes], float]


def measure() -> Iterator[tuple[str, float]]:
    """`(engine and rates, seconds a mail)` of each."""
    mails = _mails(Path(os.environ.get("BENCH_MAIL", OWN)))
    fraud, wanted = (sum(label == one for label, _ in mails) for one in ("phish", "ham"))
    yield f"mails: {fraud} fraud, {wanted} wanted", 0.0
    context, sandbox = packaged_lexicon().context("en"), Sandbox()
    try:
        yield _row("Secdesk", mails, lambda data: sandbox.examine(data, "", context).verdict.score)
    finally:
        sandbox.close()
    spamd, spamc = shutil.which("spamd", path=f"{os.environ.get('PATH', '')}:/usr/sbin"), shutil.which("spamc")
    if not spamd or not spamc:
        yield "SpamAssassin, local rules: not installed", 0.0
        return
    with _serving(spamd) as port:
        yield _row("SpamAssassin, local rules", mails, lambda data: _asked(spamc, port, data))


def _mails(folder: Path) -> list[tuple[str, bytes]]:
    """Label and bytes; at most `MOST` of a label, always the same ones."""
    rows = [json.loads(line) for line in (folder / "manifest.jsonl").read_text("utf-8").splitlines() if line.strip()]
    rows.sort(key=lambda row: hashlib.sha256(row["path"].encode()).hexdigest())
    chosen = [row for label in ("phish", "ham") for row in [item for item in rows if item.get("label") == label][:MOST]]
    return [(row["label"], (folder / row["path"]).read_bytes()) for row in chosen]


def _row(name: str, mails: Sequence[tuple[str, bytes]], judge: Judge) -> tuple[str, float]:
    judge(mails[0][1])  # the first one loads
    started = time.perf_counter()
    scores = [(label, judge(data)) for label, data in mails]
    spent = (time.perf_counter() - started) / len(mails)
    bad, good = ([score for label, score in scores if label == one] for one in ("phish", "ham"))
    found = ", ".join(f"{_found(bad, good, rate):.0%} at {rate:.0%}" for rate in (0.01, 0.05))
    return f"{name}: AUROC {auroc(bad, good) or 0:.3f}, found {found}", spent


def _found(bad: Sequence[float], good: Sequence[float], rate: float) -> float:
    """The share of fraud above the score that at most this share of the wanted mail reaches."""
    limit = sorted(good, reverse=True)[int(rate * len(good))]
    return sum(score > limit for score in bad) / len(bad)


def _asked(spamc: str, port: int, data: bytes) -> float:
    answer = subprocess.run(
        [spamc, "-p", str(port), "-c", "-s", "5000000"], input=data, capture_output=True, check=False
    )
    return float(answer.stdout.split(b"/")[0] or 0)


@contextmanager
def _serving(spamd: str) -> Iterator[int]:
    """A daemon on a loopback port, with its local rules alone."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory(prefix="secdesk-bench-") as home:
        command = [
            spamd,
            "--local",
            "--nouser-config",
            "--port",
            str(port),
            "--max-children",
            "2",
            "--helper-home-dir",
            home,
        ]
        server = subprocess.Popen([*command, "--syslog", "null"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until = time.monotonic() + 60
            while time.monotonic() < until and not _open(port):
                time.sleep(0.2)
            yield port
        finally:
            server.terminate()
            server.wait(20)


def _open(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
