"""Statistics and errors: what they show without a request, and what they hide."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import shlex
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest

from ev_energy_async import (
    BadRequest,
    Budget,
    BudgetExhausted,
    ClientCredentials,
    ConnectionFailed,
    EvEnergy,
    InvalidArgument,
    NotFound,
    ServerError,
    StaticToken,
)
from ev_energy_async.codec import Drift
from tests.conftest import START, FakeClock
from tests.servers import RawServer, until

if TYPE_CHECKING:
    from tests.conftest import Network
    from tests.servers import Connection

VEHICLE: Final = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"
TOKEN_URL: Final = "https://api.ev.energy/o/token/"


# --- What a client knows of itself


async def test_a_client_that_did_nothing_says_so_without_network(network: Network, clock: FakeClock) -> None:
    async with EvEnergy(ClientCredentials("id", "secret"), clock=clock, label="night") as ev:
        stats = ev.stats()

    assert network.sent == []
    assert (stats.label, stats.calls, stats.failures, stats.under_way, stats.retries) == ("night", 0, 0, 0, 0)
    assert (stats.last_success, stats.token_expires_at, stats.drift) == (None, None, frozenset())
    assert (stats.budget_limit, stats.budget_used, stats.budget_waiting, stats.budget_next_free) == (1_000, 0, 0, None)
    assert stats.budget_remaining > 0


async def test_an_anonymous_client_has_the_anonymous_budget() -> None:
    assert EvEnergy().stats().budget_limit == 50


async def test_calls_failures_and_retries_are_counted(ev: EvEnergy, network: Network, clock: FakeClock) -> None:
    network.answer("GET", "/regions", status=503, headers={"Retry-After": "4"})
    network.answer("GET", "/regions", [])
    network.answer("GET", "/users", status=404, repeat=True)

    await ev.regions.list()
    succeeded = clock.now()
    clock.advance(100)
    for _ in range(2):
        with pytest.raises(NotFound):
            await ev.users.list()
    sent = len(network.sent)
    stats = ev.stats()

    assert (stats.calls, stats.failures, stats.retries, stats.under_way) == (3, 2, 1, 0)
    assert stats.last_success == succeeded == START + dt.timedelta(seconds=4)
    assert len(network.sent) == sent


async def test_a_call_that_is_refused_before_it_starts_is_not_counted(ev: EvEnergy) -> None:
    with pytest.raises(InvalidArgument):
        await ev.vehicles.get("nonsense of mine")

    assert ev.stats().calls == 0


async def test_an_undecodable_response_is_a_failure(ev: EvEnergy, network: Network) -> None:
    network.answer("GET", "/regions", body=b"<html>")

    with pytest.raises(Exception, match="JSON"):
        await ev.regions.list()

    assert (ev.stats().failures, ev.stats().last_success) == (1, None)


async def test_the_end_of_the_token_is_known(network: Network, clock: FakeClock) -> None:
    token = {"access_token": "s3cr3t-t0k3n", "token_type": "Bearer", "expires_in": 36_000}
    network.answer("POST", TOKEN_URL, token)
    network.answer("GET", "/regions", [])

    async with EvEnergy(ClientCredentials("id", "s3cr3t"), clock=clock) as ev:
        await ev.regions.list()
        stats = ev.stats()

    assert stats.token_expires_at == START + dt.timedelta(hours=10)
    assert "s3cr3t" not in repr(stats)


async def test_the_budget_is_shown_as_the_headers_have_it(network: Network, clock: FakeClock) -> None:
    network.answer("GET", "/regions", [], headers={"X-RateLimit-Limit": "400", "X-RateLimit-Remaining": "100"})

    async with EvEnergy(StaticToken("t"), clock=clock) as ev:
        await ev.regions.list()
        stats = ev.stats()

    assert (stats.budget_limit, stats.budget_remaining, stats.budget_used) == (400, 92, 300), "eight are for commands"
    assert stats.budget_next_free is None


async def test_calls_that_wait_for_the_budget_are_seen(network: Network) -> None:
    clock = FakeClock(moves_by_itself=False)
    network.answer("GET", "/regions", [], headers={"X-RateLimit-Limit": "1", "X-RateLimit-Remaining": "0"})

    async with EvEnergy(StaticToken("t"), budget=Budget(1, clock=clock), clock=clock, deadline=9_999) as ev:
        await ev.regions.list()
        waiting = asyncio.create_task(ev.regions.list.with_response())
        for _ in range(5):
            await asyncio.sleep(0)
        stats = ev.stats()
        waiting.cancel()
        await asyncio.wait([waiting])

    assert (stats.under_way, stats.budget_waiting, stats.budget_remaining) == (1, 1, 0)
    assert stats.budget_next_free is not None
    assert stats.budget_next_free > START + dt.timedelta(minutes=59)
    assert (ev.stats().under_way, ev.stats().budget_waiting) == (0, 0)


async def test_calls_under_way_are_seen() -> None:
    async def silence(line: Connection, server: RawServer) -> None:
        server.requests.append(await line.receive())
        await line.until_closed()

    async with RawServer(silence) as server:
        ev = EvEnergy(base_url=server.base_url)
        calls = [asyncio.create_task(ev.regions.list.with_response()) for _ in range(2)]
        await until(lambda: len(server.requests) == 2)

        assert ev.stats().under_way == 2
        await ev.close()
        ended = await asyncio.gather(*calls, return_exceptions=True)
        stats = ev.stats()

    assert {type(each) for each in ended} == {ConnectionFailed}
    assert (stats.under_way, stats.failures) == (0, 2), "a closed client still answers"


async def test_drift_that_was_seen_is_listed(ev: EvEnergy, network: Network) -> None:
    network.answer("GET", "/regions", [{"name": None}])

    await ev.regions.list()

    assert ev.stats().drift == {Drift("Region", "name", "null")}


def test_stats_are_a_value_that_goes_into_a_log_or_a_metric() -> None:
    stats = EvEnergy(label="a").stats()

    assert stats == EvEnergy(label="a").stats()
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        stats.calls = 5  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]  # which is the point
    assert json.dumps(attrs.asdict(stats), default=str)


# --- What a failed call looked like


def words(line: str) -> list[str]:
    """Return the arguments that a shell makes of a command line."""
    return shlex.split(line)


async def test_a_refused_call_can_be_tried_by_hand(ev: EvEnergy, network: Network) -> None:
    network.answer("GET", f"/vehicles/{VEHICLE}?expand=trim&expand=user", status=404)

    with pytest.raises(NotFound) as raised:
        await ev.vehicles.get(VEHICLE, expand=["trim", "user"])

    assert words(raised.value.as_curl()) == [
        "curl",
        "-X",
        "GET",
        "-H",
        "Authorization: Bearer $EV_ENERGY_TOKEN",
        f"$EV_ENERGY_BASE_URL/vehicles/{VEHICLE}?expand=trim&expand=user",
    ]


async def test_a_command_line_shows_no_token_no_email_and_no_body(network: Network) -> None:
    secret, address = "s3cr3t-t0k3n", "kim@example.com"
    body: Any = {"email": address}
    network.answer("GET", "/users?email=kim%40example.com", status=400)
    network.answer("POST", "/users", status=400)

    async with EvEnergy(StaticToken(secret)) as ev:
        view = ev.with_options(headers={"X-Key": secret})
        with pytest.raises(BadRequest) as listing:
            await view.users.list(email=address)
        with pytest.raises(BadRequest) as creating:
            await view.users.create(body)

    for error in (listing.value, creating.value):
        shown = error.as_curl()
        assert secret not in shown
        assert "kim" not in shown
        assert "$EV_ENERGY_TOKEN" in shown
    assert "email=..." in listing.value.as_curl()
    assert "@body.json" in creating.value.as_curl()


@pytest.mark.parametrize("kind", ["unsent", "exhausted", "server"])
async def test_each_error_about_a_request_has_its_command_line(network: Network, clock: FakeClock, kind: str) -> None:
    if kind == "server":
        network.answer("GET", "/regions", status=500, repeat=True)
    if kind == "exhausted":
        network.answer("GET", "/users", [], headers={"X-RateLimit-Limit": "1", "X-RateLimit-Remaining": "0"})
    async with EvEnergy(StaticToken("t0k3n"), budget=Budget(1, clock=clock), clock=clock) as ev:
        if kind == "exhausted":
            await ev.users.list()
        with pytest.raises((ConnectionFailed, BudgetExhausted, ServerError)) as raised:
            await ev.regions.list()

    error: Any = raised.value
    assert words(error.as_curl())[-1] == "$EV_ENERGY_BASE_URL/regions?page_size=100"
    assert "t0k3n" not in error.as_curl()
