"""Shared parts of the tests of retries: kinds of operations, outcomes of an attempt, and scripted networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import aiohttp
from aiohttp.client_reqrep import ConnectionKey

from ev_energy_async.calls import build_request
from ev_energy_async.messages.operations import Operation
from tests.conftest import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ev_energy_async import (
        EvEnergy,
        Response,
    )
    from tests.conftest import Network, Sent

TOKEN_URL: Final = "https://api.ev.energy/o/token/"
TOKEN: Final = Answer({"access_token": "t1", "token_type": "Bearer", "expires_in": 36_000})
_KEY: Final = ConnectionKey("api.ev.energy", 443, True, True, None, None, None)
REFUSED: Final = aiohttp.ClientConnectorError(_KEY, OSError(111, "Connection refused"))
DROPPED: Final = aiohttp.ServerDisconnectedError()

Outcome: TypeAlias = "int | Answer | Exception"


def operation(method: str, *, idempotent: bool = False, responses: tuple[int, ...] = ()) -> Operation[None]:
    return Operation(name="things.do", method=method, path="/things", idempotent=idempotent, responses=responses)


GET: Final = operation("GET")
DELETE: Final = operation("DELETE")
POST: Final = operation("POST")
PATCH: Final = operation("PATCH")
ACCEPT: Final = operation("POST", idempotent=True)
"""A write whose second time does what the first did."""


def script(network: Network, outcomes: Sequence[Outcome], method: str, url: str = "/things") -> None:
    """Let the requests of a kind end in this way, one after the other; the last for all that follow."""
    left = list(outcomes)

    def next_one(_: Sent) -> Answer:
        outcome = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(outcome, Exception):
            raise outcome
        return Answer(status=outcome) if isinstance(outcome, int) else outcome

    network.handle(method, url, next_one)


def busy(status: int, wait: object, name: str = "Retry-After") -> Answer:
    return Answer(status=status, headers={name: str(wait)})


async def do(ev: EvEnergy, what: Operation[None]) -> Response[None]:
    return await ev.send(build_request(what))
