"""Logs: one JSON object a line, ids only. Personal text never gets into a log call, so none has to be taken out again."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime

_KNOWN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_NOISY = ("dbos", "sqlalchemy", "alembic", "asyncio", "multipart", "psycopg", "uvicorn")


class JsonLines(logging.Formatter):
    """Time, level, logger, message, and the `extra` fields of the call. Of an exception its kind and where it was."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        return json.dumps(line, default=str)


class PlainLines(logging.Formatter):
    """The same for a terminal: `LEVEL logger: message name=value …`."""

    def format(self, record: logging.LogRecord) -> str:
        said = f"{record.levelname} {record.name}: {record.getMessage()}"
        return " ".join([said, *(f"{name}={value}" for name, value in _fields(record).items())])


def set_up_logs(level: str, *, json: bool) -> None:
    """Send everything to standard error; a terminal gets plain lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if json else PlainLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields = {name: value for name, value in vars(record).items() if name not in _KNOWN}
    if record.exc_info and record.exc_info[0]:
        fields.update(error=record.exc_info[0].__name__, trace=_places(record))
    return fields


def _places(record: logging.LogRecord) -> str:
    """File, line and function of each frame: the message of an exception may hold what somebody wrote."""
    assert record.exc_info is not None  # noqa: S101
    frames = traceback.extract_tb(record.exc_info[2])
    return " < ".join(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in reversed(frames))
