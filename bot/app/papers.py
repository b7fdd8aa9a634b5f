"""What prints papers."""

from __future__ import annotations

from bot.papers import Paper


def printed(paper: Paper) -> bytes:
    """A paper as PDF; its library is loaded when somebody prints."""
    from adapters.papers.pdf import pdf  # noqa: PLC0415

    return pdf(paper)
