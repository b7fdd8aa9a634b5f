"""The real `secdesk serve`: a process of its own, asked over HTTP as a browser asks, and stopped as an operator stops it."""

from __future__ import annotations

import html
import json
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.cli.opening import SLOW
from tests.served import SECDESK, Served, environment, free_port
from tests.warm import WORDS, data_folder

pytestmark = pytest.mark.slow

QUESTION = "How do I report a suspicious mail?"
LINK = re.compile(r"http://127\.0\.0\.1:(\d+)(/console/sign-in\?token=\S+)")


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a data folder in it."""
    folder = tmp_path_factory.mktemp("serve")
    data_folder(request.config, folder)
    return folder


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[Served]:
    served = Served.start(place, SECDESK_DATA=str(place / "data"), **WORDS).wait()
    yield served
    served.kill()


def test_it_says_where_it_is(server: Served) -> None:
    url = f"http://127.0.0.1:{server.port}"
    said = server.said.removeprefix(f"{SLOW}\n")
    assert said.startswith(f"Secdesk is at {url}\n  web chat   {url}/\n  console    {url}/console\n  sign in    ")
    assert "These are sample values and people. Run `secdesk init` to make your own." in server.said


def test_machines_are_told_how_it_is(server: Served) -> None:
    assert {"status": "ok"} == json.loads(server.ask("GET", "/healthz").text)
    ready = json.loads(server.wait_for('"ready":true', "/readyz").text)
    assert "ok" == ready["checks"]["database"] == ready["checks"]["jobs"] == ready["checks"]["on call"]
    metrics = server.ask("GET", "/metrics")
    assert (200, True) == (metrics.status, "# TYPE secdesk_" in metrics.text)


def test_a_question_is_answered_in_the_chat(server: Served) -> None:
    assert (200, True) == ((page := server.ask("GET", "/")).status, "Dana Reyes" in page.text)
    assert 303 == server.become("dana.reyes").status
    assert "Dana Reyes" in server.ask("GET", "/chat").text
    before = html.unescape(server.ask("GET", "/chat").text)
    page = html.unescape(server.write(QUESTION))
    assert QUESTION in page
    assert len(page) > len(before) + len(QUESTION) + 200, "there is an answer"
    assert "Report phishing" in page


def test_an_emergency_is_answered_and_paged(server: Served) -> None:
    server.become("jonas.keller")
    page = html.unescape(server.write("I clicked the link and entered my password"))
    number = re.search(r"SEC-\d+", page)
    assert number, page
    assert "+49 30 5550 0000" in page, "the number of the person's own legal entity"
    shown = subprocess.run(
        [*SECDESK, "tickets", number[0]], env=environment(SECDESK_DATA=str(server.out.parent / "data"), **WORDS),
        capture_output=True, text=True, check=True, cwd=server.out.parent,
    )  # fmt: skip
    assert shown.stdout.startswith(f"{number[0]}  S3  open"), "the command line may look while it runs"


def test_the_sign_in_link_works_once(server: Served) -> None:
    found = LINK.search(server.said)
    assert found
    assert str(server.port) == found[1]
    asked = server.ask("GET", found[2])
    token = re.search(r'name="token" value="([^"]+)"', asked.text)
    assert (200, True) == (asked.status, "signs you in as Sam Ortiz" in html.unescape(asked.text))
    assert token, asked.text
    signed = server.ask("POST", "/console/sign-in", {"token": token[1]})
    assert 303 == signed.status
    assert "Queue" in server.ask("GET", "/console/queue").text
    again = html.unescape(server.ask("GET", found[2]).text)
    assert "This link has been used. Each one works once." in again


def test_a_page_of_somebody_else_gets_nothing(server: Served) -> None:
    assert server.ask("GET", "/", Host="evil.example").status in {400, 403, 421}
    assert (
        403
        == server.ask("POST", "/who", {"person": ""}, Origin="http://evil.example", Sec_Fetch_Site="cross-site").status
    )


def test_a_second_one_on_the_same_data_refuses(server: Served, place: Path) -> None:
    second = Served.start(place, SECDESK_DATA=str(place / "data"), **WORDS)
    assert 1 == second.process.wait(60)
    assert (
        f"secdesk: another Secdesk is running on {place / 'data'}: stop it first, or give this one a data folder of its own. "
        "For several at once use PostgreSQL\n"
    ) == second.log
    assert 200 == server.ask("GET", "/healthz").status


def test_a_port_in_use_is_said_at_once(server: Served, place: Path, tmp_path: Path) -> None:
    second = Served.start(tmp_path, port=server.port, SECDESK_DATA=str(tmp_path / "data"), **WORDS)
    assert 1 == second.process.wait(60)
    assert (
        f"secdesk: port {server.port} on 127.0.0.1 is in use: stop what uses it, or set SECDESK_PORT to another one\n"
        == second.log
    )
    assert not (tmp_path / "data").exists(), "before anything is made"


def test_doctor_sees_that_it_runs(server: Served, place: Path) -> None:
    ringing = {"SECDESK_PAGERDUTY_KEY": "k" * 32}
    env = environment(SECDESK_DATA=str(place / "data"), SECDESK_PORT=str(server.port), **WORDS, **ringing)
    ran = subprocess.run([*SECDESK, "doctor"], env=env, cwd=place, capture_output=True, text=True, check=False)
    assert (0, True) == (ran.returncode, f"{server.port}: Secdesk is running there" in ran.stdout), ran.stdout
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        env["SECDESK_PORT"] = str(other.getsockname()[1])
        env["SECDESK_DATA"] = str(place / "data")
        ran = subprocess.run([*SECDESK, "doctor"], env=env, cwd=place, capture_output=True, text=True, check=False)
    assert (1, True) == (ran.returncode, "is in use: stop what uses it" in ran.stdout), ran.stdout


def test_its_log_is_lines_of_json_without_what_people_wrote(server: Served) -> None:
    lines = [json.loads(line) for line in server.log.splitlines()]
    assert all({"at", "level", "logger", "message"} <= set(line) for line in lines)
    assert [] == [line for line in lines if line["level"] == "error"]
    for private in (QUESTION, "entered my password", "Dana", "Jonas", "northwind.example", "SELECT", "INSERT"):
        assert private not in server.log


def test_asked_to_stop_it_drains_ends_well_and_starts_again(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    data = data_folder(request.config, tmp_path)
    served = Served.start(tmp_path, SECDESK_DATA=str(data), **WORDS).wait()
    try:
        served.wait_for('"ready":true', "/readyz")
        served.become("ama.mensah")
        served.write(QUESTION)
        code, seconds = served.stop()
        assert (0, True) == (code, seconds < 20), served.log
        with pytest.raises(ConnectionRefusedError):
            served.ask("GET", "/healthz")
        again = Served.start(tmp_path, SECDESK_DATA=str(data), **WORDS).wait()
        try:
            again.become("ama.mensah")
            assert QUESTION in html.unescape(again.ask("GET", "/chat").text)
            again.process.send_signal(signal.SIGINT)
            assert 0 == again.process.wait(20), "also while the job engine is still starting"
        finally:
            again.kill()
    finally:
        served.kill()


def test_an_empty_rota_starts_and_still_gives_the_number(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    data = data_folder(request.config, tmp_path)
    (tmp_path / "knowledge").mkdir()
    (tmp_path / "knowledge" / "oncall.yaml").write_text("schema: oncall/1\nstart: 2026-01-05\nweekly: []\n", "utf-8")
    served = Served.start(tmp_path, SECDESK_DATA=str(data), **WORDS).wait()
    try:
        served.become("dana.reyes")
        assert "+44 20 7946 0" in html.unescape(served.write("I clicked the link and entered my password"))
        ready = json.loads(served.ask("GET", "/readyz").text)
        assert ready["checks"]["content"] == "note"
    finally:
        served.kill()
    env = environment(SECDESK_DATA=str(data), SECDESK_PORT=str(free_port()), **WORDS)
    ran = subprocess.run([*SECDESK, "doctor"], env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (1, True) == (ran.returncode, "nobody is on call" in ran.stdout)
