"""One HTTP POST with JSON, for pagers: short patience, no redirects, no text of the other side in our errors."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping

from adapters.outgoing import decoded, opened
from bot.errors import ChannelError

PATIENCE = 10.0  # seconds: somebody waits for help
MOST = 65_536


def post(url: str, body: bytes, headers: Mapping[str, str] | None = None) -> dict[str, object]:
    """The JSON object that came back ({} if it was none). Raises `ChannelError` for everything but a 2xx."""
    if not url.startswith(("https://", "http://")):
        raise ChannelError("its address is not a web address")
    request = urllib.request.Request(  # noqa: S310 (checked above)
        url, body, {"Content-Type": "application/json", "User-Agent": "secdesk", **(headers or {})}, method="POST"
    )
    try:
        with opened(request, timeout=PATIENCE) as answer:
            data = answer.read(MOST)
    except urllib.error.HTTPError as error:
        error.close()
        raise ChannelError(f"answered {error.code}") from error
    except (OSError, ValueError) as error:
        raise ChannelError(f"could not be reached ({type(error).__name__})") from error
    try:
        found = decoded(data or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
