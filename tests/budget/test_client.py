"""The budget of a client: one bucket for all its views and users of the same budget."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import pytest

from ev_energy_async import (
    ApiError,
    Budget,
    BudgetExhausted,
    ClientCredentials,
    ConnectionFailed,
    EvEnergy,
    RateLimited,
    RefreshToken,
    Retry,
    StaticToken,
)
from ev_energy_async.budget import BudgetClosed
from tests.conftest import Answer, FakeClock
from tests.servers import RawServer

if TYPE_CHECKING:
    from tests.conftest import Network, Sent
    from tests.servers import Connection

USER: Final = "user01HN2NJ9NMRZBXT1H6FT9N7735"
VEHICLE: Final = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"
ONCE: Final = Retry(attempts=1)


def left(remaining: int, limit: int = 100) -> dict[str, str]:
    return {"X-RateLimit-Limit": str(limit), "X-RateLimit-Remaining": str(remaining)}


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


# --- Responses


@pytest.mark.parametrize("retry_after", ["30", "Sat, 14 Mar 2026 12:00:30 GMT"])
async def test_after_a_429_no_call_of_the_client_is_sent_before_the_time_it_named(
    network: Network, retry_after: str
) -> None:
    clock = FakeClock(moves_by_itself=False)
    network.answer("GET", "/regions", status=429, headers={**left(0), "Retry-After": retry_after})
    network.answer("GET", "/tariffs", [], repeat=True)
    network.answer("POST", f"/vehicles/{VEHICLE}/disconnect", status=204)

    async with EvEnergy(StaticToken("t"), clock=clock, retry=ONCE) as ev:
        with pytest.raises(RateLimited):
            await ev.regions.list()
        others: list[asyncio.Task[Any]] = [
            asyncio.create_task(ev.as_user(USER).tariffs.list.with_response()),
            asyncio.create_task(ev.vehicles.disconnect(VEHICLE)),
        ]
        await settle()
        clock.advance(29)
        await settle()
        assert len(network.sent) == 1, "neither a view nor a command is an exception"

        clock.advance(1)
        await asyncio.wait_for(asyncio.gather(*others), 5)

    assert [sent.method for sent in network.sent] == ["GET", "POST", "GET"], "then commands go first"


@pytest.mark.parametrize("status", [200, 400, 404, 500])
async def test_the_remaining_budget_is_learnt_from_responses_of_any_status(
    ev: EvEnergy, network: Network, status: int
) -> None:
    network.answer("GET", "/regions", [], status=status, headers=left(7))

    with suppress(ApiError):
        await ev.with_options(retry=ONCE).regions.list()

    assert (ev.budget.limit, ev.budget.remaining, ev.budget.used) == (100, 5, 93), "two are for commands"


async def test_requests_of_others_are_learnt_from_the_next_response(ev: EvEnergy, network: Network) -> None:
    for remaining in (99, 60):
        network.answer("GET", "/regions", [], headers=left(remaining))
        await ev.regions.list()

    assert ev.budget.used == 40, "two of our own, and what else the API has counted"


async def test_a_request_that_got_a_401_is_spent_even_if_the_next_one_finds_no_connection() -> None:
    async def refuse(line: Connection, server: RawServer) -> None:
        await line.receive()
        server.stop_listening()
        await line.send(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    class Renewed:
        async def access_token(self, *, rejected: str | None = None) -> str:
            return "first" if rejected is None else "second"

    async with (
        RawServer(refuse) as server,
        EvEnergy(Renewed(), base_url=server.base_url, budget=Budget(100), retry=ONCE) as ev,
    ):
        with pytest.raises(ConnectionFailed):
            await ev.regions.list()
        assert ev.budget.used == 1


# --- Whose bucket it is


async def test_users_in_whose_name_an_application_calls_share_its_bucket(ev: EvEnergy, network: Network) -> None:
    network.answer("GET", "/regions", [], headers=left(0))
    await ev.as_user(USER).regions.list()

    with pytest.raises(BudgetExhausted):
        await ev.as_user("user01HRFF3SEVSCRAV9B3CHVDFN0H").regions.list()


async def test_each_user_who_gave_consent_has_a_bucket_of_their_own(network: Network, clock: FakeClock) -> None:
    def answer(request: Sent) -> Answer:
        return Answer([], headers=left(0 if request.headers["Authorization"] == "Bearer first" else 99))

    network.handle("GET", "/regions", answer)
    for token in ("first", "second"):
        document = {"access_token": token, "token_type": "Bearer", "expires_in": 3_600}
        network.answer("POST", "https://api.ev.energy/o/token/", document)

    async with (
        EvEnergy(RefreshToken("app", "first-refresh-token"), clock=clock) as first,
        EvEnergy(RefreshToken("app", "second-refresh-token"), clock=clock) as second,
    ):
        await first.regions.list()
        await second.regions.list()

        assert (first.budget.remaining, second.budget.remaining) == (0, 97)
        with pytest.raises(BudgetExhausted):
            await first.regions.list()
        await second.regions.list()


async def test_clients_of_one_application_share_a_budget_that_both_were_given(
    network: Network, clock: FakeClock
) -> None:
    network.token()
    network.answer("GET", "/regions", [], headers=left(0))
    budget = Budget(clock=clock)
    auth = ClientCredentials("id", "secret")

    async with EvEnergy(auth, clock=clock, budget=budget) as first, EvEnergy(auth, clock=clock, budget=budget) as other:
        await first.regions.list()

        with pytest.raises(BudgetExhausted):
            await other.regions.list()


async def test_a_shared_budget_goes_on_when_one_of_its_clients_is_closed(network: Network, clock: FakeClock) -> None:
    network.answer("GET", "/regions", [], headers=left(99), repeat=True)
    budget = Budget(clock=clock)
    async with EvEnergy(StaticToken("t"), clock=clock, budget=budget) as first:
        await first.regions.list()

    async with EvEnergy(StaticToken("t"), clock=clock, budget=budget) as second:
        await second.regions.list()

    assert len(network.sent) == 2


async def test_a_budget_of_its_own_ends_with_the_client(network: Network) -> None:
    network.answer("GET", "/regions", [], headers=left(0))
    before = asyncio.all_tasks()
    async with EvEnergy(StaticToken("t"), clock=FakeClock(moves_by_itself=False)) as ev:
        await ev.regions.list()
        waiting = asyncio.create_task(ev.budget.acquire())
        await settle()
        assert ev.budget.waiting == 1

    with pytest.raises(BudgetClosed):
        await waiting
    assert asyncio.all_tasks() == before, "no timer is left"


async def test_a_closed_client_does_not_wait_for_a_budget_that_goes_on(network: Network, clock: FakeClock) -> None:
    network.answer("GET", "/regions", [], headers=left(0))
    async with EvEnergy(StaticToken("t"), clock=clock, budget=Budget(clock=clock)) as ev:
        await ev.regions.list()

    with pytest.raises(ConnectionFailed, match="the client is closed"):
        await ev.regions.list()
    assert clock.naps == []
