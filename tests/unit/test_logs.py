"""Logs: a JSON object a line with ids only; of an exception its kind and place, never its text."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from datetime import datetime

import pytest

from bot.app.logs import JsonLines, PlainLines, set_up_logs

SECRET = "what somebody wrote"


def record(message: str = "mail examined", *args: object, error: bool = False, **extra: object) -> logging.LogRecord:
    """A record as a logger makes it."""
    info = None
    if error:
        try:
            raise ValueError(SECRET)
        except ValueError:
            info = sys.exc_info()
    logger = logging.getLogger("bot.test")
    return logger.makeRecord("bot.test", logging.WARNING, __file__, 1, message, args, info, extra=dict(extra))


def test_a_line_is_one_object() -> None:
    line = JsonLines().format(record("two\nlines of %s", "text", ticket="SEC-101", count=3))
    assert 1 == len(line.splitlines())
    found = json.loads(line)
    assert datetime.fromisoformat(found.pop("at")).utcoffset() is not None
    assert {
        "level": "warning", "logger": "bot.test", "message": "two\nlines of text", "ticket": "SEC-101", "count": 3,
    } == found  # fmt: skip


@pytest.mark.parametrize("formatter", [JsonLines(), PlainLines()])
def test_an_exception_is_its_kind_and_place(formatter: logging.Formatter) -> None:
    line = formatter.format(record(error=True))
    assert SECRET not in line
    assert "ValueError" in line
    assert "test_logs.py:" in line
    assert 1 == len(line.splitlines())


def test_what_json_does_not_know_is_written_as_text() -> None:
    assert "{1}" == json.loads(JsonLines().format(record(odd={1})))["odd"]


def test_a_terminal_gets_one_plain_line() -> None:
    line = PlainLines().format(record("mail examined", ticket="SEC-101"))
    assert "WARNING bot.test: mail examined ticket=SEC-101" == line


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    logger = logging.getLogger()
    kept, level = list(logger.handlers), logger.level
    yield logger
    logger.handlers[:] = kept
    logger.setLevel(level)


def test_everything_goes_to_standard_error(root: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("info", json=True)
    logging.getLogger("bot.test").info("hello", extra={"id": "x"})
    logging.getLogger("bot.test").debug("too small")
    logging.getLogger("sqlalchemy.engine").info("SELECT 1")
    said = capsys.readouterr()
    assert "" == said.out
    assert ["hello"] == [json.loads(line)["message"] for line in said.err.splitlines()]


def test_libraries_that_talk_stay_quiet(root: logging.Logger) -> None:
    set_up_logs("debug", json=False)
    for name in ("dbos", "sqlalchemy", "alembic", "asyncio", "multipart", "psycopg", "uvicorn.error"):
        assert not logging.getLogger(name).isEnabledFor(logging.INFO), name
