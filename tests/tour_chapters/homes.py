"""Homes: solar arrays, batteries, meters and the power between them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from tests.tour_kit import Tour, known, url

if TYPE_CHECKING:
    from ev_energy_async import EvEnergy
    from ev_energy_async.models import User


async def sun(tour: Tour, user: User, own: EvEnergy) -> None:
    """Manage solar arrays and inverters, and read forecasts; `own` has a token of the user."""
    ev = tour.ev
    array = await own.solar_arrays.create(capacity_watts=3_000)
    await ev.solar_arrays.update(array, capacity_watts=5_000)
    found = await ev.solar_arrays.get(array)
    tour.check("shows what was changed", found.capacity_watts == 5_000)
    listed = await ev.as_user(user).solar_arrays.list().all()
    tour.check("holds the user's alone", [each.id for each in listed] == [array.id])

    make = await tour.list_and_get(ev.inverter_makes.list(), ev.inverter_makes.get)
    model = await tour.list_and_get(ev.inverter_models.list(make_id=make.id), ev.inverter_models.get)
    where = await ev.inverter_onboarding.start(client_id=tour.sandbox.client_id, user_id=user.id, make_id=make.id)
    tour.check("leads to the maker's login", where.startswith("https://"))
    inverter = await own.inverters.create(model=model.url)
    again = await ev.inverters.get(inverter)
    tour.check("shows what was created", url(again.model) == model.url)
    mine = await ev.as_user(user).inverters.list().all()
    tour.check("holds the user's alone", [each.id for each in mine] == [inverter.id])

    forecasts = ev.solar_forecasts
    forecast = await tour.list_and_get(forecasts.list(), forecasts.get)
    await tour.list_and_get_log(
        forecasts.list_forecast_logs(forecast), lambda log: forecasts.get_forecast_log(forecast, log.started_at)
    )


async def batteries_and_meters(tour: Tour) -> None:
    """Read home batteries and boundary meters with their makes, models and logs."""
    ev, batteries, meters = tour.ev, tour.ev.home_batteries, tour.ev.boundary_meters
    await tour.list_and_get(ev.home_battery_makes.list(), ev.home_battery_makes.get)
    await tour.list_and_get(ev.home_battery_models.list(), ev.home_battery_models.get)
    battery = await tour.list_and_get(batteries.list(), batteries.get)
    await tour.list_and_get_log(
        batteries.list_status_logs(battery), lambda log: batteries.get_status_log(battery, known(log.sampled_at))
    )
    await tour.list_and_get(ev.boundary_meter_makes.list(), ev.boundary_meter_makes.get)
    await tour.list_and_get(ev.boundary_meter_models.list(), ev.boundary_meter_models.get)
    meter = await tour.list_and_get(meters.list(), meters.get)
    await tour.list_and_get_log(
        meters.list_status_logs(meter), lambda log: meters.get_status_log(meter, known(log.sampled_at))
    )


async def flows(tour: Tour) -> None:
    """Read the power and energy of a home that has all of them."""
    systems = tour.ev.hem_systems
    system = await tour.list_and_get(systems.list(), systems.get)
    power = await systems.get_live_power(system)
    tour.check("is of this half hour", tour.sandbox.now() - power.sampled_at < dt.timedelta(minutes=30))
    end = tour.sandbox.now().replace(minute=0, second=0, microsecond=0)
    stats = await systems.get_energy_stats(system, resolution="PT30M", start=end - dt.timedelta(hours=6), end=end)
    tour.check("a bucket each half hour", len(stats.buckets) == 12)
