"""Serve every page over a desk whose clock stands still, so that pages are the same on every day and every machine.

`python -m tests.e2e.still PORT FOLDER` writes `still.json` into the folder (cookie of a signed-in administrator, pages by name)
and serves until it is stopped. Nothing can be sent in its chat; the browser tests of what people do use the real server.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import uvicorn

from adapters.stores.open import open_db
from adapters.web.sessions import COOKIE
from bot.app.contents import load_contents
from tests.fakes.desk import FakeClock, House, data_folder
from tests.fakes.every_page import NOW, every_page, furnish
from tests.fakes.web_roles import signed_in_as, whole_app


def main() -> None:
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    fitted = folder / "fitted"
    fitted.mkdir(parents=True)
    data = data_folder(folder / "data", fitted)
    contents = load_contents(None, fitted, lambda: datetime.fromtimestamp(NOW, UTC).date(), "words")
    house = House(data, open_db("", data), contents, clock=FakeClock(NOW), settings={"port": port})
    app = whole_app(house)
    there = furnish(house, app)
    cookies = signed_in_as(house, "admin", app=app).cookies
    pages = [{"name": one.name, "address": one.address} for one in every_page(app, there)]
    (folder / "still.json").write_text(json.dumps({"name": COOKIE, "value": cookies[COOKIE], "pages": pages}))
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
