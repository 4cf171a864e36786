"""Commands on a vehicle, and the operations that its handle has."""

from __future__ import annotations

import datetime as dt
import re
from inspect import signature
from typing import TYPE_CHECKING, Any, Final

import pytest

from ev_energy_async import (
    ApiError,
    Budget,
    BudgetExhausted,
    CommandNotConfirmed,
    Conflict,
    EvEnergy,
    EvEnergyError,
    Forbidden,
    InvalidArgument,
    NotFound,
    Response,
    Retry,
    ServiceUnavailable,
    StaticToken,
)
from ev_energy_async.calls import endpoint
from ev_energy_async.devices import DEVICES, device
from ev_energy_async.devices.sessions import NotPluggedIn
from ev_energy_async.models import ChargingSubSession, ChargingSubSessionMode
from ev_energy_async.testing import build
from tests.conftest import Answer

if TYPE_CHECKING:
    from ev_energy_async import Request
    from ev_energy_async.messages import Handler
    from tests.conftest import FakeClock, Network, Sent

USER: Final = "user01HN2NJ9NMRZBXT1H6FT9N7735"
VEHICLE: Final = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"
OTHER: Final = "vhcl01HN2NJ9NMRZBXT1H6FT9N7735"
SESSION: Final = "cses01HRFF3SEVSCRAV9B3CHVDFN0H"
BASE: Final = "https://api.ev.energy/v2"
NOON: Final = "2026-03-14T12:00:00Z"


def session(number: str, vehicle: Any, end: str | None = None) -> dict[str, Any]:
    name = f"cses01HRFF3SEVSCRAV9B3CHVDFN{number}"
    return {"id": name, "start": NOON, "end": end, "url": f"{BASE}/charging_sessions/{name}", "vehicle": vehicle}


def plugged_in(
    network: Network, *pages: list[dict[str, Any]], sub_sessions: int = 1, user: str | None = f"{BASE}/users/{USER}"
) -> None:
    network.answer("GET", f"/vehicles/{VEHICLE}", {"id": VEHICLE, "user": user}, repeat=True)
    sub = {"id": "csub01HRFF3SEVSCRAV9B3CHVDFN0H", "start": NOON, "end": None}
    network.answer(
        "GET",
        f"/charging_sub_sessions?vehicle_id={VEHICLE}&is_finished=false&page_size=1",
        [sub] * sub_sessions,
        repeat=True,
    )
    for number, page in enumerate(pages):
        query = "page_size=100" if number == 0 else f"page_after={number}"
        after = "about:blank" if number == len(pages) - 1 else f"{BASE}/charging_sessions?page_after={number + 1}"
        link = {"Link": f'<{after}>; rel="next"'}
        network.answer("GET", f"/charging_sessions?{query}", page, headers=link, repeat=True)


OURS: Final = session("0H", f"{BASE}/vehicles/{VEHICLE}")


async def test_the_session_of_a_vehicle_is_the_one_that_goes_on(ev: EvEnergy, network: Network) -> None:
    ended, others = session("01", f"{BASE}/vehicles/{VEHICLE}", end=NOON), session("02", f"{BASE}/vehicles/{OTHER}")
    plugged_in(network, [session("03", None), ended], [others, OURS])

    found = await ev.vehicle(VEHICLE).current_session()

    assert found is not None
    assert found.id == SESSION


@pytest.mark.parametrize("vehicle", [f"{BASE}/vehicles/{VEHICLE}/", f"https://api.ev.energy/vehicles/{VEHICLE}"])
async def test_a_vehicle_is_known_by_its_id_however_its_url_is_spelled(
    ev: EvEnergy, network: Network, vehicle: str
) -> None:
    plugged_in(network, [session("0H", vehicle)])

    assert await ev.vehicle(VEHICLE).current_session() is not None


async def test_a_vehicle_without_a_sub_session_costs_two_requests(ev: EvEnergy, network: Network) -> None:
    plugged_in(network, sub_sessions=0)

    assert await ev.vehicle(VEHICLE).current_session() is None
    assert len(network.sent) == 2


@pytest.mark.parametrize("command", ["boost", "end_boost"])
async def test_a_vehicle_that_is_not_there_is_not_found(ev: EvEnergy, network: Network, command: str) -> None:
    network.problem("GET", f"/vehicles/{VEHICLE}", 404)

    with pytest.raises(NotFound):
        await getattr(ev.vehicle(VEHICLE), command)()

    assert len(network.sent) == 1


async def test_the_sessions_are_those_of_the_vehicles_user(ev: EvEnergy, network: Network) -> None:
    plugged_in(network, [OURS])

    await ev.vehicle(VEHICLE).current_session()

    asked_as = {
        sent.url.partition("?")[0].removeprefix(BASE): sent.headers.get("EvEnergy-User") for sent in network.sent
    }
    assert asked_as["/charging_sessions"] == f"{BASE}/users/{USER}"
    assert asked_as[f"/vehicles/{VEHICLE}"] is None


async def test_a_client_of_a_user_stays_one_of_that_user(ev: EvEnergy, network: Network) -> None:
    plugged_in(network, [OURS])
    driver = "user01HRFF3SEVSCRAV9B3CHVDFN0H"

    await ev.as_user(driver).vehicle(VEHICLE).current_session()

    assert {sent.headers.get("EvEnergy-User") for sent in network.sent} == {f"{BASE}/users/{driver}"}


@pytest.mark.parametrize(("user", "pages"), [(None, 10), (f"{BASE}/users/{USER}", 15)])
async def test_a_walk_without_a_user_to_narrow_it_is_bounded(
    ev: EvEnergy, network: Network, user: str | None, pages: int
) -> None:
    others = [session("02", f"{BASE}/vehicles/{OTHER}")]
    plugged_in(network, *[others] * 15, user=user)

    assert await ev.vehicle(VEHICLE).current_session() is None

    assert len(network.sent) == 2 + pages


async def test_a_boost_passes_where_nothing_is_left_for_polls(network: Network, clock: FakeClock) -> None:
    plugged_in(network, [OURS])
    network.answer("POST", f"/charging_sessions/{SESSION}/boost_start", OURS)
    left = {"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "19"}
    network.answer("GET", "/regions", [], headers=left)

    async with EvEnergy(StaticToken("t"), budget=Budget(1_000, reserve=20, clock=clock), clock=clock) as ev:
        await ev.regions.list()
        with pytest.raises(BudgetExhausted):
            await ev.regions.list()
        assert (await ev.vehicle(VEHICLE).boost()).id == SESSION


async def test_a_command_has_one_deadline_for_all_of_it(network: Network, clock: FakeClock) -> None:
    plugged_in(network, [OURS])
    network.answer("POST", f"/charging_sessions/{SESSION}/boost_start", OURS)
    ends: list[float | None] = []

    async def slowly(request: Request[Any], following: Handler) -> Response[bytes]:
        ends.append(request.options.deadline_at)
        clock.advance(7)
        return await following(request)

    async with EvEnergy(StaticToken("t"), middleware=[slowly], clock=clock, deadline=30) as ev:
        await ev.vehicle(VEHICLE).boost()

    assert ends == [30.0] * 4


async def test_a_handle_has_the_operations_of_its_collection(ev: EvEnergy, network: Network) -> None:
    network.answer("GET", f"/vehicles/{VEHICLE}?expand=trim", {"id": VEHICLE})
    network.answer("PATCH", f"/vehicles/{VEHICLE}", {"id": VEHICLE})
    network.answer("POST", f"/vehicles/{VEHICLE}/disconnect", status=204)
    handle = ev.vehicle(VEHICLE)

    assert (await handle.get(expand=["trim"])).id == VEHICLE
    assert (await handle.update(smart_charging_enabled=True)).id == VEHICLE
    await handle.disconnect()

    assert network.sent[1].json == {"smart_charging_enabled": True}


@pytest.mark.parametrize("group", sorted(DEVICES))
def test_every_operation_on_one_device_is_on_its_handle(group: str) -> None:
    handle = next(each for each in vars(device).values() if getattr(each, "kind", None) == group)
    of_group: Any = getattr(EvEnergy, group)
    operations: dict[str, Any] = of_group.__dict__
    of_one = {
        name
        for name, each in operations.items()
        if isinstance(each, endpoint) and [*signature(each.__wrapped__).parameters, "", ""][1].endswith("_id")
    }
    assert "get" in of_one
    of_logs = {name for name in of_one if name.endswith(("_log", "_logs"))}
    assert of_one - of_logs <= set(dir(handle))


@pytest.mark.parametrize("command", ["boost", "end_boost"])
async def test_what_is_not_plugged_in_cannot_be_commanded(ev: EvEnergy, network: Network, command: str) -> None:
    plugged_in(network, [session("0H", f"{BASE}/vehicles/{OTHER}")])

    with pytest.raises(NotPluggedIn, match=f"{VEHICLE} is not plugged in") as raised:
        await getattr(ev.vehicle(VEHICLE), command)()

    assert isinstance(raised.value, EvEnergyError)
    assert raised.value.vehicle_id == VEHICLE
    assert {sent.method for sent in network.sent} == {"GET"}


# --- Waiting for the effect


def showing(network: Network, *modes: str | int | None) -> None:
    """Let the session show one mode after the other, then the last; None is its end, a number is an error."""
    plugged_in(network, [OURS])
    for path in ("boost_start", "boost_end"):
        network.answer("POST", f"/charging_sessions/{SESSION}/{path}", OURS)
    left = list(modes)

    def serve(_: Sent) -> Answer:
        mode = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(mode, int):
            return Answer({"title": "No"}, mode)
        return Answer({**OURS, "end": None if mode else NOON, "sub_sessions": [sub_session(mode or "SMART")]})

    network.handle("GET", re.compile(rf"{BASE}/charging_sessions/{SESSION}\?expand=sub_sessions"), serve)


def sub_session(mode: str) -> dict[str, Any]:
    return build(ChargingSubSession, mode=ChargingSubSessionMode(mode), end=None).to_dict("json")


@pytest.mark.parametrize(
    ("command", "modes", "naps"),
    [
        ("boost", ["BOOST"], []),
        ("boost", ["SMART", 503, "BOOST"], [1, 2]),
        ("end_boost", ["SMART"], []),
        ("end_boost", ["BOOST", "BOOST", "BOOST", "SMART"], [1, 2, 4]),
    ],
)
async def test_a_command_waits_until_the_session_shows_its_effect(
    network: Network, clock: FakeClock, command: str, modes: list[str | int], naps: list[int]
) -> None:
    showing(network, *modes)
    async with EvEnergy(StaticToken("t"), clock=clock, retry=Retry(attempts=1)) as ev:
        session = await getattr(ev.vehicle(VEHICLE), command)(wait=30)

    assert session.sub_sessions
    newest = session.sub_sessions[0]
    assert isinstance(newest, ChargingSubSession)
    assert newest.mode == modes[-1]
    assert clock.naps == naps


async def test_a_command_without_effect_in_time_says_so_at_six_requests(network: Network, clock: FakeClock) -> None:
    showing(network, "SMART")
    async with EvEnergy(StaticToken("t"), clock=clock) as ev:
        with pytest.raises(CommandNotConfirmed, match="still in mode SMART after 30 s") as raised:
            await ev.vehicle(VEHICLE).boost(wait=dt.timedelta(seconds=30))

    assert (raised.value.mode, raised.value.session_id, raised.value.vehicle_id) == ("SMART", SESSION, VEHICLE)
    assert [sent.url for sent in network.sent].count(f"{BASE}/charging_sessions/{SESSION}?expand=sub_sessions") == 6
    assert clock.monotonic() == 30


async def test_a_session_that_cannot_be_read_is_not_asked_for_again(network: Network, clock: FakeClock) -> None:
    showing(network, 403)
    async with EvEnergy(StaticToken("t"), clock=clock) as ev:
        with pytest.raises(CommandNotConfirmed, match="could not be read") as raised:
            await ev.vehicle(VEHICLE).boost(wait=30)

    assert isinstance(raised.value.__cause__, Forbidden)
    assert raised.value.mode is None
    assert clock.naps == []


async def test_a_vehicle_that_is_unplugged_meanwhile_is_not_plugged_in(network: Network, clock: FakeClock) -> None:
    showing(network, "SMART", None)
    async with EvEnergy(StaticToken("t"), clock=clock) as ev:
        with pytest.raises(NotPluggedIn):
            await ev.vehicle(VEHICLE).boost(wait=30)

    assert clock.naps == [1]


@pytest.mark.parametrize("wait", [0, -1, "30", True])
async def test_a_wait_that_is_none_is_refused_before_anything_is_sent(
    ev: EvEnergy, network: Network, wait: Any
) -> None:
    with pytest.raises(InvalidArgument, match="wait"):
        await ev.vehicle(VEHICLE).boost(wait=wait)

    assert network.sent == []


async def test_the_reason_of_the_api_is_in_the_refusal(ev: EvEnergy, network: Network) -> None:
    plugged_in(network, [OURS])
    why = "Smart charging is off for the vehicle."
    network.problem("POST", f"/charging_sessions/{SESSION}/boost_start", 409, detail=why)

    with pytest.raises(Conflict, match=why) as raised:
        await ev.vehicle(VEHICLE).boost(wait=30)

    assert raised.value.problem is not None
    assert raised.value.problem.detail == why


@pytest.mark.parametrize(("command", "path"), [("boost", "boost_start"), ("end_boost", "boost_end")])
async def test_a_command_finds_the_session_itself(ev: EvEnergy, network: Network, command: str, path: str) -> None:
    plugged_in(network, [OURS])
    network.answer("POST", f"/charging_sessions/{SESSION}/{path}", OURS)

    assert (await getattr(ev.vehicle(VEHICLE), command)()).id == SESSION

    assert network.sent[-1].body is None


@pytest.mark.parametrize("command", ["boost", "end_boost"])
@pytest.mark.parametrize(("status", "error"), [(409, Conflict), (503, ServiceUnavailable)])
async def test_a_command_that_was_not_taken_is_not_repeated(
    ev: EvEnergy, network: Network, command: str, status: int, error: type[ApiError]
) -> None:
    plugged_in(network, [OURS])
    refused = re.compile(re.escape(f"{BASE}/charging_sessions/{SESSION}/"))
    network.answer("POST", refused, {"title": "No"}, status=status, headers={"Retry-After": "1"}, repeat=True)

    with pytest.raises(error):
        await getattr(ev.vehicle(VEHICLE), command)()

    assert [sent.method for sent in network.sent].count("POST") == 1
