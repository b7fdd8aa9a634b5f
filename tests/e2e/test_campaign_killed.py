"""kill -9 in the middle of a campaign, three times: each person gets it once; what the platform had and we did not know is
sent again, and counted."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from tests.contract.test_waves import NOW
from tests.fakes.campaign_process import PEOPLE, WORKERS, finish, house

ROOT = Path(__file__).parent.parent.parent
KILLS = (20, 60, 110)  # messages that the platform has when we kill


def accepted(folder: Path) -> list[str]:
    path = folder / "platform"
    return path.read_text().split() if path.exists() else []


def killed(folder: Path, at: float, after: int) -> None:
    process = subprocess.Popen([sys.executable, "-m", "tests.fakes.campaign_process", str(folder), str(at)], cwd=ROOT)
    until = time.monotonic() + 60
    while len(accepted(folder)) < after and process.poll() is None and time.monotonic() < until:
        time.sleep(0.002)
    process.kill()
    assert process.wait(20) == -9


def test_killed_three_times_each_person_gets_it_once(tmp_path: Path) -> None:
    for number, after in enumerate(KILLS):
        killed(tmp_path, NOW + number * 75, after)  # past the lease of what was under way
    made = house(tmp_path, NOW + len(KILLS) * 75)
    counted = finish(made, tmp_path)
    platform, told = Counter(accepted(tmp_path)), made.waves.all()[0]
    assert set(platform) == {f"w-p_k{n}" for n in range(PEOPLE)}  # everybody
    assert (told.counts, told.total) == ({"sent": PEOPLE}, PEOPLE)
    assert (
        len(made.db.query("SELECT DISTINCT person FROM nudge")) == len(made.db.query("SELECT id FROM nudge")) == PEOPLE
    )
    doubles = sum(count - 1 for count in platform.values())
    assert doubles <= len(KILLS) * WORKERS
    counted += (tmp_path / "counted").read_text().split() if (tmp_path / "counted").exists() else []
    assert len(counted) >= doubles - (len(KILLS) - 1) * WORKERS  # a killed process tells nobody what it counted
    assert set(counted) <= {"sent_again"}
    made.db.close()
