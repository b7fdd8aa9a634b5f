"""Options of the whole suite."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--db", metavar="URL", help="a PostgreSQL server for the contract suite: postgresql://…")
