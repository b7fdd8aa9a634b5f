"""Tips on their way: the pump that sends them behind everything else, at the pace that was set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from adapters.stores.leases import Lease
from bot.delivery import Pump
from bot.errors import StoreUnavailable

if TYPE_CHECKING:
    from bot.app import App


@contextmanager
def pumping(app: App) -> Iterator[None]:
    """Tips are sent as long as this lasts."""
    lease = Lease(app.db, app.clock, "tips", app.settings.replica) if app.settings.database else None
    pump = make_pump(app, lease.mine if lease else lambda: True)
    pump.start()
    try:
        yield
    finally:
        pump.stop()
        with suppress(StoreUnavailable):
            if lease:
                lease.release()


def make_pump(app: App, mine: Callable[[], bool] = lambda: True) -> Pump:
    """The pump of a server. It holds while tips are switched off or in test mode, and while it is another replica's turn."""

    def held() -> bool:
        policy = app.nudges.policy()
        return policy.switched_off or policy.test

    rates = {"slack": app.settings.tips_slack / 60, "teams": float(app.settings.tips_teams)}
    return Pump(
        app.core,
        app.deliverer.send,
        app.clock,
        rates=rates,
        feed=lambda: app.waves.feed(app.work, app.clock.now()),
        held=held,
        mine=mine,
        resting=app.deliverer.resting,
    )
