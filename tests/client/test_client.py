"""The client: what it is made of, what goes with each request, and what callers can put around it."""

from __future__ import annotations

import datetime as dt
import inspect
from typing import TYPE_CHECKING, Any, Final

import pytest

from ev_energy_async import (
    UNSET,
    BudgetExhausted,
    ClientCredentials,
    ConnectionFailed,
    EvEnergy,
    EvEnergyError,
    InvalidArgument,
    RateLimited,
    StaticToken,
    Unauthorized,
    api,
    models,
)
from ev_energy_async.sandbox import Sandbox, SteppedClock
from tests.conftest import START

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.conftest import Network

USER: Final = "user01HN2NJ9NMRZBXT1H6FT9N7735"
OTHER: Final = "user01HRFF3SEVSCRAV9B3CHVDFN0H"
VEHICLE: Final = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"
TOKEN_URL: Final = "https://api.ev.energy/o/token/"
BASE: Final = "https://api.ev.energy/v2"


# --- From the environment


@pytest.mark.parametrize(
    ("environ", "carried"),
    [
        ({"BASE_URL": "https://api.ev.energy/v2"}, None),
        ({"TOKEN": "t"}, "Bearer t"),
        ({"CLIENT_ID": "i", "CLIENT_SECRET": "s"}, "Bearer fetched"),
        ({"TOKEN": "t", "CLIENT_ID": "i", "CLIENT_SECRET": "s"}, "Bearer t"),
        ({"TOKEN": "", "CLIENT_ID": "", "CLIENT_SECRET": "", "BASE_URL": "https://api.ev.energy/v2"}, None),
    ],
)
async def test_credentials_come_from_the_environment(
    network: Network, environ: dict[str, str], carried: str | None
) -> None:
    network.answer("POST", TOKEN_URL, {"access_token": "fetched", "token_type": "Bearer"})
    network.answer("GET", "/regions", [])

    async with EvEnergy.from_env({f"EV_ENERGY_{name}": value for name, value in environ.items()}) as ev:
        await ev.regions.list()

    assert network.sent[-1].headers.get("Authorization") == carried


@pytest.mark.parametrize("environ", [{}, {"EV_ENERGY_TOKEN": ""}, {"PATH": "/bin"}])
def test_an_environment_without_any_variable_makes_no_client(environ: dict[str, str]) -> None:
    with pytest.raises(InvalidArgument, match="EV_ENERGY_CLIENT_ID, EV_ENERGY_CLIENT_SECRET, EV_ENERGY_TOKEN"):
        EvEnergy.from_env(environ)

    assert EvEnergy.from_env(environ, auth=StaticToken("t")).has_credentials


@pytest.mark.parametrize(("flag", "allowed"), [("1", True), ("true", True), ("0", False), ("no", False)])
def test_http_is_allowed_by_the_environment(flag: str, allowed: bool) -> None:
    environ = {"EV_ENERGY_BASE_URL": "http://gateway.example/v2", "EV_ENERGY_ALLOW_HTTP": flag}
    if allowed:
        assert EvEnergy.from_env(environ).base_url == "http://gateway.example/v2"
    else:
        with pytest.raises(InvalidArgument, match="allow_http"):
            EvEnergy.from_env(environ)
    with pytest.raises(InvalidArgument, match="EV_ENERGY_ALLOW_HTTP"):
        EvEnergy.from_env({**environ, "EV_ENERGY_ALLOW_HTTP": "perhaps"})


async def test_the_rest_comes_from_the_environment_too(network: Network) -> None:
    network.answer("POST", "https://id.example/token", {"access_token": "fetched", "token_type": "Bearer"})
    network.answer("GET", "https://gateway.example/v2/regions", [])
    environ = {
        "EV_ENERGY_CLIENT_ID": "i",
        "EV_ENERGY_CLIENT_SECRET": "s",
        "EV_ENERGY_TOKEN_URL": "https://id.example/token",
        "EV_ENERGY_BASE_URL": "https://gateway.example/v2/",
        "EV_ENERGY_USER": USER,
    }

    async with EvEnergy.from_env(environ) as ev:
        await ev.regions.list()
        assert (ev.base_url, ev.user_id) == ("https://gateway.example/v2", USER)

    assert network.sent[-1].headers["EvEnergy-User"] == f"https://gateway.example/v2/users/{USER}"


@pytest.mark.parametrize(
    ("environ", "missing"),
    [
        ({"EV_ENERGY_CLIENT_ID": "i"}, "EV_ENERGY_CLIENT_SECRET"),
        ({"EV_ENERGY_CLIENT_SECRET": "s3cr3t"}, "EV_ENERGY_CLIENT_ID"),
        ({"EV_ENERGY_CLIENT_ID": "i", "EV_ENERGY_CLIENT_SECRET": ""}, "EV_ENERGY_CLIENT_SECRET"),
    ],
)
def test_half_of_the_credentials_is_an_error_that_names_the_other_half(environ: dict[str, str], missing: str) -> None:
    with pytest.raises(InvalidArgument, match=missing) as raised:
        EvEnergy.from_env(environ)

    assert "s3cr3t" not in str(raised.value)


def test_arguments_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EV_ENERGY_BASE_URL", "https://gateway.example/v2")
    monkeypatch.setenv("EV_ENERGY_USER", USER)
    for name in ("TOKEN", "CLIENT_ID", "CLIENT_SECRET", "TOKEN_URL"):
        monkeypatch.delenv(f"EV_ENERGY_{name}", raising=False)

    ev = EvEnergy.from_env(user=OTHER)

    assert (ev.base_url, ev.user_id) == ("https://gateway.example/v2", OTHER)


# --- The constructor


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"base_url": "api.ev.energy"}, "base_url"),
        ({"base_url": "ftp://api.ev.energy"}, "base_url"),
        ({"base_url": "https://user:secret@api.ev.energy"}, "base_url"),
        ({"base_url": "https://api.ev.energy?x=1"}, "base_url"),
        ({"base_url": "https://["}, "base_url"),
        ({"base_url": None}, "base_url"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": "30"}, "timeout"),
        ({"timeout": True}, "timeout"),
        ({"deadline": float("inf")}, "deadline"),
        ({"deadline": float("nan")}, "deadline"),
        ({"user": VEHICLE}, "user"),
        ({"user": "me"}, "user"),
        ({"user": 5}, "user"),
    ],
)
def test_a_wrong_argument_is_named(options: Any, argument: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        EvEnergy(**options)

    assert raised.value.argument == argument


# --- In the context of a user


async def test_a_view_shares_session_and_token_and_closes_nothing() -> None:
    async with Sandbox(vehicles=2) as sandbox:
        one, other = (user.id for user in sandbox.world.users)
        credentials = ClientCredentials(sandbox.client_id, sandbox.client_secret)
        async with EvEnergy(credentials, base_url=sandbox.base_url) as ev:
            driver = ev.as_user(one)
            async with driver:
                await driver.regions.list()
            await driver.close()
            await ev.regions.list()
            await ev.as_user(f"{sandbox.base_url}/users/{other}/").regions.list()
            await driver.regions.list()

        users = [None if name is None else f"{sandbox.base_url}/users/{name}" for name in (one, None, other, one)]
        assert [served.path.partition("?")[0] for served in sandbox.requests] == ["/o/token/", *["/v2/regions"] * 4]
        assert [served.headers.get("EvEnergy-User") for served in sandbox.requests] == [None, *users]
        assert len({served.port for served in sandbox.requests}) == 1, "one connection, so one session"
        with pytest.raises(ConnectionFailed, match="closed"):
            await driver.regions.list()


async def test_a_view_may_be_of_another_user_than_its_client() -> None:
    ev = EvEnergy(user=USER)

    assert ev.user_id == USER
    assert ev.as_user(OTHER).user_id == OTHER
    assert repr(ev.as_user(OTHER)) == f"<EvEnergy {BASE} as {OTHER}>"
    assert isinstance(ev.as_user(OTHER), EvEnergy)


async def test_a_user_is_named_on_requests_that_carry_a_token_alone(network: Network) -> None:
    network.answer("POST", TOKEN_URL, {"access_token": "t", "token_type": "Bearer"})
    network.answer("GET", "/vehicle_makes", [], repeat=True)
    network.answer("GET", "/regions", [], repeat=True)

    async with EvEnergy(user=USER) as anonymous, EvEnergy(ClientCredentials("id", "s"), user=USER) as ev:
        await anonymous.vehicle_makes.list()
        await ev.vehicle_makes.list()
        await ev.regions.list()

    assert [(sent.headers.get("Authorization", "")[:6], "EvEnergy-User" in sent.headers) for sent in network.sent] == [
        ("", False),
        ("Basic ", False),
        ("Bearer", True),
        ("Bearer", True),
    ]


async def test_public_operations_need_no_credentials() -> None:
    async with Sandbox(vehicles=3) as sandbox, EvEnergy(base_url=sandbox.base_url) as ev:
        assert await ev.vehicle_makes.list()
        with pytest.raises(Unauthorized):
            await ev.vehicles.list()


# --- The sandbox, as a user meets it


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(vehicles=30, seed=7, rate_limit=40, clock=SteppedClock(START)) as running:
        yield running


@pytest.fixture
async def live(sandbox: Sandbox) -> AsyncIterator[EvEnergy]:
    credentials = ClientCredentials(sandbox.client_id, sandbox.client_secret)
    async with EvEnergy(credentials, base_url=sandbox.base_url) as client:
        yield client


async def test_a_fleet_is_read_with_its_newest_status(live: EvEnergy, sandbox: Sandbox) -> None:
    vehicles = await live.vehicles.list(expand=["latest_status_log", "trim.model.make"], page_size=10).all()

    assert len({vehicle.id for vehicle in vehicles}) == 30
    assert any(isinstance(vehicle.latest_status_log, models.VehicleStatusLog) for vehicle in vehicles)
    assert all(isinstance(vehicle.trim, models.VehicleTrim) for vehicle in vehicles)
    assert [served.operation for served in sandbox.requests] == [None, *["vehicles.list"] * 3]


async def test_a_user_narrows_a_list_to_what_is_theirs(live: EvEnergy) -> None:
    vehicle = (await live.vehicles.list(page_size=1))[0]
    owner = (await live.vehicles.get(vehicle.id)).user
    assert isinstance(owner, str)

    theirs = await live.as_user(owner).vehicles.list().all()

    assert vehicle.id in {each.id for each in theirs}
    assert [each.user for each in theirs] == [owner] * len(theirs)


async def test_an_exhausted_budget_says_when_to_come_back(live: EvEnergy, sandbox: Sandbox) -> None:
    answer = await live.vehicles.list.with_response(page_size=1)
    assert answer.rate_limit is not None
    assert (answer.rate_limit.limit, answer.rate_limit.remaining) == (40, 39)

    for _ in range(39):
        await live.vehicles.list(page_size=1)
    with pytest.raises(BudgetExhausted) as raised:
        await live.vehicles.list(page_size=1)

    assert raised.value.retry_at > dt.datetime.now(dt.UTC) + dt.timedelta(minutes=50)
    assert [served.status for served in sandbox.requests].count(429) == 0, "it was not even sent"


async def test_a_response_with_an_exhausted_budget_says_when_to_retry(live: EvEnergy, sandbox: Sandbox) -> None:
    for _ in range(40):
        await live.vehicles.list(page_size=1)

    # Another client of the same application, which knows nothing of what was spent.
    async with EvEnergy(live._core.credentials, base_url=live.base_url) as other:  # pyright: ignore[reportPrivateUsage]  # no public way to it
        with pytest.raises(RateLimited) as raised:
            await other.vehicles.list(page_size=1)

    assert raised.value.retry_after == 3_600
    assert raised.value.retry_at is not None
    assert raised.value.problem.type == "https://api.ev.energy/v2/problems/rate-limit-exceeded/"
    assert [served.status for served in sandbox.requests].count(429) == 1, "an hour does not fit the deadline"


async def test_an_expired_token_is_replaced_unseen(live: EvEnergy, sandbox: Sandbox) -> None:
    await live.vehicles.list(page_size=1)
    sandbox.advance(36_001)

    await live.vehicles.list(page_size=1)

    assert [served.status for served in sandbox.requests] == [200, 200, 401, 200, 200]


async def test_wrong_credentials_are_refused(sandbox: Sandbox) -> None:
    async with EvEnergy(ClientCredentials(sandbox.client_id, "wrong"), base_url=sandbox.base_url) as ev:
        with pytest.raises(EvEnergyError, match="invalid_client"):
            await ev.vehicles.list()


async def test_a_static_token_of_a_driver_is_the_driver(sandbox: Sandbox) -> None:
    driver = next(user.id for user in sandbox.world.users)

    async with EvEnergy(StaticToken(sandbox.issue_token(user=driver)), base_url=sandbox.base_url) as ev:
        me = await ev.users.get("me")

    assert me.id == driver


def test_a_parameter_that_is_not_set_is_unset() -> None:
    assert inspect.signature(api.list_vehicles).parameters["page_size"].default is UNSET
