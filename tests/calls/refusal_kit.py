"""The kit of the tests of refused arguments: a client that sends nothing, and a refusal that is checked."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

import pytest

from ev_energy_async import EvEnergy, InvalidArgument, StaticToken

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ev_energy_async import Request, Response

VEHICLE: Final = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"
EVSE: Final = "evse01HRFF3SEVSCRAV9B3CHVDFN0H"
USER: Final = "user01HN2NJ9NMRZBXT1H6FT9N7735"
NAIVE: Final = dt.datetime(2026, 3, 14, 7, 5)  # noqa: DTZ001  # what is to be refused
AWARE: Final = NAIVE.replace(tzinfo=dt.UTC)


def sending_nothing() -> EvEnergy:
    """A client whose requests would fail: there is no network, so nothing may be sent."""

    async def never(request: Request[Any], _: object) -> Response[bytes]:
        raise AssertionError(f"{request} was sent")

    return EvEnergy(StaticToken("token"), middleware=[never])


async def refusal(call: Callable[[], Awaitable[object]]) -> InvalidArgument:
    with pytest.raises(InvalidArgument) as raised:
        await call()
    error = raised.value
    assert error.argument in str(error)
    assert error.expected in str(error)
    return error
