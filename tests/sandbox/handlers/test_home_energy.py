"""Regular series: prices and feeds, home devices and the energy that flows between them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from ev_energy_async.sandbox.instants import DAY, HOUR, MINUTE, instant
from ev_energy_async.sandbox.simulation.household import Household, Households
from ev_energy_async.sandbox.simulation.series import Series
from tests.sandbox.conftest import START
from tests.sandbox.places import Places

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client

NOW = instant(START)


@pytest.mark.parametrize("utc_hours", [-7, 0, 1])
def test_no_energy_gets_lost_in_a_household(utc_hours: int) -> None:
    households, used = Households(10), 0
    for key in range(5):
        household = Household(key, utc_hours, 4_000, 9_500, 300)
        for day in range(20_500, 20_504):
            stored = household.reserve
            for flow in households.day(household, day):
                total = flow.totals
                assert total["generation"] + total["import"] + total["discharge"] == (
                    total["consumption"] + total["export"] + total["charge"]
                )
                stored += total["charge"] - total["discharge"]
                assert flow.stored == stored
                assert household.reserve <= stored <= household.battery_watt_hours
                assert min(total.values()) >= 0
                used += total["solar_to_battery"]
            assert stored == household.reserve
    assert used


async def test_statistics_of_a_home_add_up_whatever_the_resolution(client: Client) -> None:
    hem = next(iter(client.sandbox.world.records["hem_systems"]))
    url = f"/hem_systems/{hem.id}/energy_stats"
    offset = f"{hem.hidden['household'].utc_hours:+03d}:00".replace("+", "%2B")

    async def buckets(resolution: str, start: str, end: str) -> list[dict[str, Any]]:
        query = f"resolution={resolution}&start={start}T00:00:00{offset}&end={end}T00:00:00{offset}"
        found: list[dict[str, Any]] = (await client.get(f"{url}?{query}")).body["buckets"]
        return found

    halves = await buckets("PT30M", "2026-03-13", "2026-03-14")
    (day,) = await buckets("P1D", "2026-03-13", "2026-03-14")
    assert len(halves) == 48
    for name in ("generation_wh", "consumption_wh", "import_wh", "battery_to_home_wh"):
        assert day[name] == sum(half[name] for half in halves)
    assert day["generation_wh"] > 0
    days = await buckets("P1D", "2026-02-01", "2026-03-01")
    (month,) = await buckets("P1M", "2026-02-01", "2026-03-01")
    assert len(days) == 28
    assert month["export_wh"] == sum(day["export_wh"] for day in days)
    (to_come,) = await buckets("P1D", "2026-03-20", "2026-03-21")
    assert to_come["generation_wh"] is None


@pytest.mark.parametrize(
    "query",
    [
        "resolution=PT30M&start=2026-03-13T00:10:00Z&end=2026-03-13T01:00:00Z",
        "resolution=PT30M&start=2026-03-13T00:00:00Z&end=2026-03-14T00:30:00Z",
        "resolution=PT30M&start=2026-03-13T01:00:00Z&end=2026-03-13T01:00:00Z",
        "resolution=P1D&start=2026-03-13T00:30:00Z&end=2026-03-14T00:30:00Z",
        "resolution=P1M&start=2026-03-13T00:00:00Z&end=2026-04-13T00:00:00Z",
        "resolution=PT15M&start=2026-03-13T00:00:00Z&end=2026-03-13T01:00:00Z",
        "resolution=PT30M&start=2026-03-13T00:00:00Z",
        "resolution=PT30M&start=2026-03-13T00:00:00&end=2026-03-13T01:00:00Z",
    ],
)
async def test_buckets_that_cannot_be_asked_for(client: Client, query: str) -> None:
    hem = Places(client).first("hem_systems")
    assert (await client.get(f"/hem_systems/{hem}/energy_stats?{query}")).status == 400


async def test_the_devices_of_a_home_say_the_same(client: Client) -> None:
    client.sandbox.advance(12 * 3_600)
    world = client.sandbox.world
    hem = next(iter(world.records["hem_systems"]))
    assert hem.user is not None
    headers = {"EvEnergy-User": hem.user.id}
    client.token = client.sandbox.issue_token()
    power = (await client.get(f"/hem_systems/{hem.id}/live_power")).body
    (battery,) = (await client.get("/home_batteries?expand=latest_status_log", headers=headers)).body
    (meter,) = (await client.get("/boundary_meters?expand=latest_status_log", headers=headers)).body
    (inverter,) = (await client.get("/inverters?expand=latest_status_log", headers=headers)).body
    assert battery["latest_status_log"]["charge_rate_watts"] == power["charge_watts"] - power["discharge_watts"]
    assert meter["latest_status_log"]["power_watts"] == power["import_watts"] - power["export_watts"]
    assert inverter["latest_status_log"]["solar_power_watts"] == power["generation_watts"]
    (array,) = (await client.get("/solar_arrays?expand=inverter", headers=headers)).body
    assert array["inverter"]["id"] == inverter["id"]


async def test_logs_of_home_devices_are_walked_once_while_time_goes_on(client: Client) -> None:
    path = f"/home_batteries/{Places(client).first('home_batteries')}/status_logs"
    there = [log["url"] for log in await client.walk(f"{path}?page_size=100")]
    seen: list[str] = []
    following: str | None = f"{path}?page_size=90"
    while following is not None:
        answer = await client.get(following)
        seen += [log["url"] for log in answer.body]
        client.sandbox.advance(1_800)
        following = answer.next
    assert seen == there
    log = (await client.get(there[5])).body
    assert log["url"] == there[5]
    at = log["sampled_at"]
    assert [it["url"] for it in await client.walk(f"{path}?sampled_at__gte={at}&sampled_at__lte={at}")] == [there[5]]
    assert (await client.get(f"{path}/2026-03-14T00:00:00.000001Z")).status == 404


async def test_inverters_and_arrays_that_are_added(client: Client) -> None:
    places = Places(client)
    headers = {"EvEnergy-User": places.user.id}
    model = places.url("inverter_models")
    made = await client.call("POST", "/inverters", json={"model": model}, headers=headers)
    assert (made.status, made.body["model"], made.body["latest_status_log"]) == (201, model, None)
    arrays = (await client.get("/solar_arrays", headers=headers)).body
    array = next(array for array in arrays if array["inverter"] == made.body["url"])
    changed = await client.call("PATCH", array["url"], json={"capacity_watts": 7_000})
    assert changed.body["capacity_watts"] == 7_000
    assert (await client.call("PATCH", array["url"], json={"capacity_watts": -1})).status == 400
    assert (await client.call("POST", "/inverters", json={}, headers=headers)).status == 400


async def test_pages_by_number(client: Client) -> None:
    tariffs = await client.walk("/tariffs?page_size=5")
    assert [tariff["name"] for tariff in tariffs] == sorted(tariff["name"] for tariff in tariffs)
    assert len({tariff["id"] for tariff in tariffs}) == len(tariffs) == len(client.sandbox.world.tariffs)
    assert "daily_prices" not in tariffs[0]
    assert "daily_prices" in (await client.get("/tariffs?include_optional=daily_prices")).body[0]
    for number in ("99", "0"):
        assert (await client.get(f"/tariffs?page={number}")).status == 404
    assert (await client.get("/tariffs?page=two")).status == 400
    on_offer = await client.walk("/tariffs?valid=true")
    assert {tariff["valid_until"] for tariff in on_offer} == {None}
    assert len(on_offer) + len(await client.walk("/tariffs?valid=false")) == len(tariffs)
    group = await client.walk("/tariffs?gsp_group=_C")
    assert group
    assert {tariff["gsp_group"] for tariff in group} == {"_C"}
    supplier = tariffs[0]["supplier"]
    assert {it["supplier"] for it in await client.walk(f"/tariffs?supplier_id={supplier.rpartition('/')[2]}")} == {
        supplier
    }


async def test_prices_are_the_latest_first_and_cheap_at_night(client: Client) -> None:
    tariff = next(it for it in client.sandbox.world.tariffs if it.type == "DUAL_RATE" and it.country == "GB")
    url = f"/tariffs/{tariff.id}"
    prices = await client.walk(f"{url}/prices?page_size=100")
    assert len(prices) == 48 * 3
    assert all(later["started_at"] > earlier["started_at"] for later, earlier in pairwise(prices))
    assert {price["price_minor_units"] for price in prices} == {9, 29}
    bounds = "started_at__gte=2026-03-14T03:00:00Z&started_at__lte=2026-03-14T06:00:00Z"
    night = (await client.get(f"{url}/prices?{bounds}")).body
    assert [price["price_minor_units"] for price in night] == [29, 29, 9, 9, 9, 9, 9]
    detail = (await client.get(f"{url}?expand=prices")).body
    assert (detail["current_price"], len(detail["prices"])) == (29, 48)


async def test_feeds(client: Client) -> None:
    places = Places(client)
    feed = f"/grid_feeds/{places.first('grid_feeds')}/levels"
    assert all(1 <= level["value"] <= 100 for level in await client.walk(f"{feed}?page_size=100"))
    feed = f"/carbon_feeds/{places.first('carbon_feeds')}/carbon_intensities"
    first = await client.get(f"{feed}?page_size=10")
    second = await client.get(first.next or "")
    assert second.body["carbon_intensities"][0]["started_at"] < first.body["carbon_intensities"][-1]["started_at"]
    assert (await client.get(second.previous or "")).body == first.body
    assert (await client.get(f"{feed}?page_after=yesterday")).status == 400


def test_a_series_is_the_same_from_either_end() -> None:
    series = Series(7, 5 * MINUTE, NOW - HOUR, NOW, jitter=40_000_000)
    moments = list(series)
    assert moments == sorted(moments, reverse=True)
    assert len(moments) == len(series)
    assert NOW - HOUR <= moments[-1] < moments[0] <= NOW
    assert list(series.following(None)) == moments
    assert list(series.following(moments[3])) == moments[4:]
    assert list(series.preceding(moments[3])) == moments[2::-1]
    assert list(series.following(NOW - DAY)) == list(series.preceding(NOW + DAY)) == []
    assert moments[3] in series
    assert moments[3] + 1 not in series
