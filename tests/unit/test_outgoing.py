"""Requests to servers that the settings name: what we sign in with goes nowhere else, and their JSON may be anything."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from adapters.outgoing import decoded, lasting, opened


class Redirecting(BaseHTTPRequestHandler):
    """`/go/CODE` leads to `/elsewhere` of the same server by another name; `asked` is what was asked for."""

    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        code = int(self.path.rpartition("/")[2]) if self.path.startswith("/go/") else 200
        self.send_response(code)
        self.send_header("Location", f"http://localhost:{self.server.server_port}/elsewhere")  # type: ignore[attr-defined]
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *_args: object) -> None:
        return


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    made = HTTPServer(("127.0.0.1", 0), Redirecting)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    thread.join(20)
    made.server_close()


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("body", [None, b"{}"])
def test_no_redirect_takes_what_we_sign_in_with_elsewhere(server: str, code: int, body: bytes | None) -> None:
    Redirecting.asked.clear()
    request = urllib.request.Request(f"{server}/go/{code}", body, {"Authorization": "Bearer secret"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        opened(request, timeout=20)
    refused.value.close()
    assert (code, [f"/go/{code}"]) == (refused.value.code, Redirecting.asked)


@pytest.mark.parametrize("text", ["", "<html>", "[" * 100_000, '{"a":' * 100_000, b"\xff", "[1"])
def test_what_is_no_json_is_a_value_error_however_deep_it_is(text: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (whichever of its kinds)
        decoded(text)
    assert {"a": [1]} == decoded('{"a": [1]}')


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (3600, 3600.0),
        ("3599", 3599.0),
        (-5, 0.0),
        (10**400, 0.0),
        (float("inf"), 86_400.0),
        ("soon", 0.0),
        (None, 0.0),
        ([], 0.0),
    ],
)
def test_a_token_lasts_at_most_a_day_whatever_is_said(said: object, seconds: float) -> None:
    assert seconds == lasting(said)


def test_a_token_that_lasts_no_number_is_asked_for_again() -> None:
    assert 0.0 <= lasting(float("nan")) <= 86_400.0
