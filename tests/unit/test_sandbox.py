"""Mails are examined in processes that can be killed, and whatever happens there is a value here."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bot.model import Kind
from bot.reporting.context import Context
from bot.reporting.examine import Examination, examine
from bot.reporting.lexicon import packaged_lexicon
from bot.reporting.sandbox import Sandbox

MAIL = b"From: PayPal <x@evil.example>\r\nSubject: Your account has been limited\r\n\r\nConfirm your details: https://evil.example/a\r\n"


@pytest.fixture(scope="module")
def context() -> Context:
    return packaged_lexicon().context(own_domains=("acme.example",))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    made = Sandbox(timeout=30.0)
    yield made
    made.close()


def pids(sandbox: Sandbox) -> set[int]:
    return {worker._process.pid for worker in sandbox._idle}


def test_the_process_says_what_the_code_says(sandbox: Sandbox, context: Context) -> None:
    assert examine(MAIL, "x.eml", context) == sandbox.examine(MAIL, "x.eml", context)


def test_a_process_is_reused_and_learns_a_new_context(sandbox: Sandbox, context: Context) -> None:
    sandbox.examine(MAIL, "x.eml", context)
    before = pids(sandbox)
    other = replace(
        context, own_domains=("evil.example",), signs={**context.signs, "language.account_subject": "Other words."}
    )
    seen = sandbox.examine(MAIL, "x.eml", other)
    assert "Other words." in [item.sign for item in seen.findings]
    assert before == pids(sandbox)


def test_many_threads_share_few_processes(sandbox: Sandbox, context: Context) -> None:
    results: list[Examination] = []
    threads = [
        threading.Thread(target=lambda: results.append(sandbox.examine(MAIL, "x.eml", context))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [Kind.LIKELY_PHISHING] * 8 == [item.verdict.kind for item in results]
    assert len(pids(sandbox)) <= 2


def test_a_killed_process_is_replaced(sandbox: Sandbox, context: Context) -> None:
    sandbox.examine(MAIL, "x.eml", context)
    for worker in list(sandbox._idle):
        worker._process.kill()
        worker._process.wait()
    assert Kind.LIKELY_PHISHING == sandbox.examine(MAIL, "x.eml", context).verdict.kind


def test_too_late_is_could_not_check(context: Context) -> None:
    hurried = Sandbox(timeout=0.001)
    seen = hurried.examine(MAIL, "x.eml", context)
    assert ("time", Kind.COULD_NOT_CHECK, ("everything",)) == (seen.failure, seen.verdict.kind, seen.verdict.unchecked)
    assert len(MAIL) == seen.email.size
    assert [context.signs["everything.time"]] == [item.sign for item in seen.findings]
    assert set() == pids(hurried)


def test_too_little_memory_is_could_not_check(context: Context) -> None:
    poor = Sandbox(timeout=30.0, memory_mb=40)
    seen = poor.examine(MAIL + b"x" * 20_000_000, "x.eml", context)
    poor.close()
    assert ("crash", Kind.COULD_NOT_CHECK) == (seen.failure, seen.verdict.kind)


def test_nothing_to_read_is_could_not_check(sandbox: Sandbox, context: Context) -> None:
    seen = sandbox.examine(b"", "x.eml", context)
    assert ("unreadable", Kind.COULD_NOT_CHECK) == (seen.failure, seen.verdict.kind)


def test_closing_ends_the_processes(context: Context) -> None:
    brief = Sandbox(timeout=30.0)
    brief.examine(MAIL, "x.eml", context)
    (worker,) = brief._idle
    brief.close()
    assert worker._process.poll() is not None


@pytest.mark.parametrize("module", ["pydantic", "yaml", "requests", "http.client", "asyncio"])
def test_the_process_starts_lean(module: str) -> None:
    import subprocess
    import sys
    from pathlib import Path

    home = Path(__file__).parent.parent.parent
    code = (
        f"import sys; sys.path.insert(0, {str(home)!r}); import bot.reporting.worker, bot.reporting.examine;"
        "from bot.reporting.checks import all_checks; all_checks();"
        f"sys.exit({module!r} in sys.modules)"
    )
    assert 0 == subprocess.run([sys.executable, "-I", "-c", code], check=False).returncode
