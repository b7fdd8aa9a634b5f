"""scim2-tester, an independent client of the standard, against our service. Skipped loudly where it is not installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.stores.open import open_db

pytest.importorskip("scim2_tester", reason="NOT TESTED WITH SCIM2-TESTER: it is not installed")

from scim2_client import BaseSyncSCIMClient, RequestNetworkException
from scim2_tester import Status, check_server

from adapters.web.scim import PATH
from tests.fakes.scim import ScimHouse


class Caller(BaseSyncSCIMClient):
    """The tester's client over the application, without a network."""

    def __init__(self, house: ScimHouse) -> None:
        super().__init__()
        self._house = house

    def _stays_under_base_url(self, endpoint: str) -> bool:
        return not endpoint.startswith("http") or endpoint.startswith("http://testserver" + PATH)

    def _parse_json(self, response: Any) -> Any:
        return response.json()

    def request(self, method: str, url: str, **kwargs: Any) -> Any:
        try:
            target = url if url.startswith("http") else f"{PATH}/{url.lstrip('/')}"
            return self._house.client.request(method, target, **kwargs)
        except OSError as error:
            raise RequestNetworkException from error


def test_every_check_of_the_tester_passes(tmp_path: Path) -> None:
    house = ScimHouse(open_db("", tmp_path))
    results = check_server(Caller(house))
    bad = [f"{one.title} {one.resource_type}: {one.reason}" for one in results if one.status not in (
        Status.SUCCESS, Status.SKIPPED, Status.COMPLIANT, Status.ACCEPTABLE)]  # fmt: skip
    assert bad == []
    assert sum(one.status is Status.SUCCESS for one in results) > 100
