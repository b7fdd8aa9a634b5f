"""Rows as CSV that a spreadsheet opens as text: nothing an outsider wrote becomes a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from bot.reporting.sharing import cell


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A CSV file in UTF-8 with a mark that tells spreadsheets so, lines ended by CR LF (RFC 4180)."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(heads)
    for row in rows:
        writer.writerow([one if isinstance(one, int | float) else cell(str(one)) for one in row])
    return out.getvalue().encode("utf-8-sig")
