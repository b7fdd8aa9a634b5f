"""Who got a false mail, and who is only aimed at by it: the two are not mixed up, whichever is known first."""

from __future__ import annotations

import pytest

from adapters.stores.campaigns import SqlCampaignStore
from bot.ports import Db


@pytest.mark.parametrize("first", ["received", "aimed_at"])
def test_whoever_got_it_is_a_recipient_whatever_was_known_before(db: Db, first: str) -> None:
    store = SqlCampaignStore(db)
    with db.tx() as tx:
        if first == "received":
            counts = [store.received(tx, "c", ["p_1"]), store.aimed_at(tx, "c", ["p_1", "p_2"], "hr_legal")]
        else:
            counts = [store.aimed_at(tx, "c", ["p_1", "p_2"], "hr_legal"), store.received(tx, "c", ["p_1"])]
        counts.append(store.received(tx, "c", ["p_1"]))
    assert counts == ([1, 1, 0] if first == "received" else [2, 1, 0])
    rows = db.query("SELECT person, role FROM campaign_person ORDER BY person")
    assert rows == [{"person": "p_1", "role": ""}, {"person": "p_2", "role": "hr_legal"}]
