"""Retries together with tokens and the budget."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from ev_energy_async import (
    AuthError,
    Budget,
    ClientCredentials,
    ConnectionFailed,
    EvEnergy,
    NotFound,
    RateLimited,
    ServiceUnavailable,
    StaticToken,
)
from tests.conftest import START, Answer, FakeClock

from .retry_kit import DELETE, DROPPED, GET, PATCH, POST, REFUSED, TOKEN, TOKEN_URL, Outcome, busy, do, script

if TYPE_CHECKING:
    from ev_energy_async.messages.operations import Operation
    from tests.conftest import Network

# --- Trouble at the token endpoint


@pytest.mark.parametrize("trouble", [REFUSED, DROPPED, 500, 502, 503, 504, busy(429, 2)], ids=str)
@pytest.mark.parametrize("what", [GET, POST, PATCH], ids=["GET", "POST", "PATCH"])
async def test_trouble_at_the_token_endpoint_passes_for_reads_and_writes(
    network: Network, clock: FakeClock, what: Operation[None], trouble: Outcome
) -> None:
    script(network, [trouble, TOKEN], "POST", TOKEN_URL)
    script(network, [200], what.method)

    async with EvEnergy(ClientCredentials("id", "secret"), clock=clock) as ev:
        await do(ev, what)

    assert [sent.url.rpartition("energy")[2] for sent in network.sent] == ["/o/token/", "/o/token/", "/v2/things"]


@pytest.mark.parametrize("trouble", [REFUSED, DROPPED], ids=str)
async def test_a_write_that_never_got_a_token_is_in_no_doubt(
    network: Network, clock: FakeClock, trouble: Outcome
) -> None:
    script(network, [trouble], "POST", TOKEN_URL)

    async with EvEnergy(ClientCredentials("id", "secret"), clock=clock) as ev:
        with pytest.raises(ConnectionFailed, match="POST /o/token/"):
            await do(ev, POST)

    assert len(network.sent) == 4


async def test_a_delete_that_waited_for_its_token_and_finds_nothing_is_an_error(
    network: Network, clock: FakeClock
) -> None:
    script(network, [DROPPED, TOKEN], "POST", TOKEN_URL)
    script(network, [404], "DELETE")

    async with EvEnergy(ClientCredentials("id", "secret"), clock=clock) as ev:
        with pytest.raises(NotFound):
            await do(ev, DELETE)


@pytest.mark.parametrize("error", ["invalid_client", "invalid_grant"])
async def test_refused_credentials_are_not_tried_again(network: Network, clock: FakeClock, error: str) -> None:
    script(network, [Answer({"error": error}, 401)], "POST", TOKEN_URL)

    async with EvEnergy(ClientCredentials("id", "secret"), clock=clock) as ev:
        with pytest.raises(AuthError, match=error):
            await do(ev, GET)

    assert len(network.sent) == 1


async def test_a_token_endpoint_that_is_busy_for_long_says_when_to_come_back(
    network: Network, clock: FakeClock
) -> None:
    script(network, [busy(429, 600)], "POST", TOKEN_URL)

    async with EvEnergy(ClientCredentials("id", "secret"), clock=clock) as ev:
        with pytest.raises(RateLimited) as raised:
            await do(ev, GET)

    assert raised.value.retry_at == START + dt.timedelta(seconds=600)
    assert len(network.sent) == 1


async def test_a_token_that_is_refused_between_two_attempts_is_replaced(network: Network, clock: FakeClock) -> None:
    script(network, [TOKEN, Answer({"access_token": "t2", "token_type": "Bearer"})], "POST", TOKEN_URL)
    script(network, [503, 401, 200], "GET")

    async with EvEnergy(ClientCredentials("id", "secret"), clock=clock) as ev:
        await do(ev, GET)

    assert [sent.headers["Authorization"][-2:] for sent in network.sent if sent.method == "GET"] == ["t1", "t1", "t2"]


async def test_a_401_and_then_trouble_at_the_token_endpoint_does_not_lose_a_write(
    network: Network, clock: FakeClock
) -> None:
    script(network, [TOKEN, 503, Answer({"access_token": "t2", "token_type": "Bearer"})], "POST", TOKEN_URL)
    script(network, [401, 201], "PATCH")

    async with EvEnergy(ClientCredentials("id", "secret"), clock=clock) as ev:
        assert (await do(ev, PATCH)).status == 201


# --- A budget that runs out between two attempts


def left(remaining: int, status: int = 503) -> Answer:
    return Answer(status=status, headers={"X-RateLimit-Limit": "5", "X-RateLimit-Remaining": str(remaining)})


async def test_an_exhausted_budget_leaves_the_last_error(network: Network, clock: FakeClock) -> None:
    script(network, [left(0), 200], "GET")

    async with EvEnergy(StaticToken("t"), budget=Budget(5, clock=clock), clock=clock) as ev:
        with pytest.raises(ServiceUnavailable) as raised:
            await do(ev, GET)
        assert ev.budget.waiting == 0

    assert raised.value.retry_at is not None
    assert raised.value.retry_at > START
    assert len(network.sent) == 1


async def test_a_budget_that_runs_out_leaves_the_error_there_was(network: Network, clock: FakeClock) -> None:
    # The last request of the hour is dropped.
    script(network, [left(1, 200), DROPPED, 200], "GET")

    async with EvEnergy(StaticToken("t"), budget=Budget(2, clock=clock), clock=clock) as ev:
        await do(ev, GET)
        with pytest.raises(ConnectionFailed):
            await do(ev, GET)

    assert len(network.sent) == 2


async def test_each_attempt_is_counted(network: Network, clock: FakeClock) -> None:
    budget = Budget(100, clock=clock)
    script(network, [left(99), left(98), left(97, 200)], "GET")

    async with EvEnergy(StaticToken("t"), budget=budget, clock=clock) as ev:
        await do(ev, GET)

    assert budget.used >= 3


async def test_a_refused_connection_costs_nothing(network: Network, clock: FakeClock) -> None:
    budget = Budget(100, clock=clock)
    script(network, [REFUSED], "GET")

    async with EvEnergy(StaticToken("t"), budget=budget, clock=clock) as ev:
        with pytest.raises(ConnectionFailed):
            await do(ev, GET)

    assert budget.used == 0
