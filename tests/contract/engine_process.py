"""A process with a job engine, for tests that kill it: `engine_process.py URL FOLDER SCHEMA REPLICA DONE JOBS MODE`.

Appends the key of each job to the file DONE, and says "up" once it runs. Mode `work` takes 30 ms a job, `hang` never
ends one, `crash` ends the process.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from adapters.attempts import Pace
from adapters.engine import DbosJobs
from adapters.stores.open import open_db
from bot.ports import Payload


def main() -> None:
    url, folder, schema, replica, done, jobs, mode = sys.argv[1:]
    never = threading.Event()

    def work(payload: Payload) -> None:
        if mode == "crash":
            os._exit(9)
        with Path(done).open("a") as file:
            file.write(payload["id"] + "\n")
        never.wait(0.03 if mode == "work" else None)

    db = open_db(url, Path(folder))
    engine = DbosJobs(
        url, Path(folder), schema=schema, replica=replica, db=db, pace=Pace(poll=0.05, crashes=1, beat=3600)
    )
    engine.start({"work": work})
    for number in range(int(jobs)):
        engine.submit("work", f"k{number:03}", {"id": f"k{number:03}"})
    print("up", flush=True)
    never.wait()


if __name__ == "__main__":
    main()
