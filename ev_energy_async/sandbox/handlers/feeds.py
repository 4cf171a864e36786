"""Regular series: prices, carbon intensities, grid levels, forecasts, and the logs of home devices."""

from http import HTTPStatus
from typing import Final

from ev_energy_async.sandbox.handlers.calls import Call, Handler
from ev_energy_async.sandbox.handlers.common import (
    check_expand_scopes,
    customer,
    found,
    numbered_page,
    page,
    timed_page,
)
from ev_energy_async.sandbox.handlers.generic import found_record, scribe
from ev_energy_async.sandbox.handlers.listing import ById
from ev_energy_async.sandbox.instants import DAY, HOUR, SECOND, Instant, parse, text
from ev_energy_async.sandbox.protocol import JsonObject, Reply, not_found
from ev_energy_async.sandbox.resources import device_logs
from ev_energy_async.sandbox.simulation import (
    STEP,
    Activity,
    Bounds,
    Series,
    carbon_intensity,
    grid_level,
    price,
    sunshine,
)
from ev_energy_async.sandbox.world import CtClamp, Record, Tariff

_AHEAD: Final = DAY
"""The horizon of prices, intensities, levels and forecasts."""

_STEP_SECONDS: Final = STEP // SECOND
_DISPATCH_PACE: Final = HOUR
_SAMPLE: Final = 500  # vehicles sampled to estimate what a fleet draws


def list_prices(call: Call) -> Reply:
    """Return a tariff's prices, the latest first."""
    tariff = found(call.world.tariffs, call.path["tariff_id"])
    return numbered_page(call, _known(call), lambda at: price_of(tariff, at))


def price_of(tariff: Tariff, at: Instant) -> JsonObject:
    """Return the price that holds from a moment on for half an hour."""
    return {
        "started_at": text(at),
        "interval_seconds": _STEP_SECONDS,
        "price_minor_units": price(tariff.rates, at),
    }


def list_tariffs(call: Call) -> Reply:
    """List tariffs by name, narrowed to those on offer, to a supplier, or to a region."""
    buyer, supplier_id = customer(call), call.query.text("supplier_id")
    group, valid = call.query.text("gsp_group"), call.query.flag("valid")
    with_prices = call.query.text("include_optional") == "daily_prices"
    today = text(call.now)[:10]
    tariffs = [
        tariff
        for tariff in call.world.tariffs
        if supplier_id in {None, tariff.supplier.id}
        and group in {None, tariff.gsp_group}
        and (valid is None or valid == (tariff.valid_until is None or tariff.valid_until >= today))
        and (buyer is None or (buyer.place is not None and buyer.place.country == tariff.country))
    ]
    tariffs.sort(key=lambda tariff: (tariff.name, tariff.id))

    def write(tariff: Tariff) -> JsonObject:
        body = call.view.tariff(tariff, call.expand)
        return body if with_prices else {name: value for name, value in body.items() if name != "daily_prices"}

    return numbered_page(call, tariffs, write)


def get_tariff(call: Call) -> Reply:
    """Return one tariff, with its current price."""
    customer(call)
    check_expand_scopes(call, {"prices": "tariff:prices:read"})
    tariff = found(call.world.tariffs, call.path["tariff_id"])
    body = call.view.tariff(tariff, call.expand)
    body["current_price"] = price(tariff.rates, call.now)
    prices: object = f"{call.view.url('tariffs', tariff.id)}/prices"
    if "prices" in call.expand:
        prices = [price_of(tariff, at) for at in Series(0, STEP, call.now - DAY, call.now)]
    return Reply(HTTPStatus.OK, body | {"prices": prices})


def list_suppliers(call: Call) -> Reply:
    """List suppliers by name, optionally those that sell where a user lives."""
    buyer = customer(call)
    selling = {
        tariff.supplier.id
        for tariff in call.world.tariffs
        if buyer is None or (buyer.place is not None and buyer.place.country == tariff.country)
    }
    suppliers = sorted(
        (supplier for supplier in call.world.suppliers if supplier.id in selling), key=lambda supplier: supplier.name
    )
    return numbered_page(call, suppliers, lambda supplier: call.view.supplier(supplier, {}))


def get_supplier(call: Call) -> Reply:
    """Return one supplier."""
    return Reply(HTTPStatus.OK, call.view.supplier(found(call.world.suppliers, call.path["supplier_id"]), {}))


def list_levels(call: Call) -> Reply:
    """Return a grid feed's levels, the latest first."""
    feed = found_record(call, "grid_feeds", "grid_feed_id")

    def write(at: Instant) -> JsonObject:
        return {
            "started_at": text(at),
            "interval_seconds": _STEP_SECONDS,
            "value": grid_level(feed.hidden["key"], at),
            "created_at": text(at - _AHEAD),
        }

    return numbered_page(call, _known(call), write)


def list_carbon_intensities(call: Call) -> Reply:
    """Return a carbon feed's intensities, the latest first, in the one object that a page is."""
    feed = found_record(call, "carbon_feeds", "carbon_feed_id")

    def write(at: Instant) -> JsonObject:
        return {
            "started_at": text(at),
            "interval_seconds": _STEP_SECONDS,
            "co2_intensity_grams_per_kilowatt_hour": carbon_intensity(feed.hidden["key"], at),
            "created_at": text(at - _AHEAD),
        }

    reply = timed_page(call, _known(call), write)
    url = scribe(call).url(feed)
    reply.body = {
        "url": f"{url}/carbon_intensities",
        "carbon_feed": url,  # by the document a URL, even where it may be expanded
        "carbon_intensities": reply.body,
    }
    return reply


def list_forecast_logs(call: Call) -> Reply:
    """List the logs of a solar forecast, newest first."""
    forecast = found_record(call, "solar_forecasts", "solar_forecast_id")
    return timed_page(call, _known(call), lambda at: _forecast_log(call, forecast, at))


def get_forecast_log(call: Call) -> Reply:
    """Return the solar forecast of one half hour."""
    forecast = found_record(call, "solar_forecasts", "solar_forecast_id")
    at = parse(call.path["valid_period_start"])
    if at not in _known(call):
        raise not_found("There is no forecast for this time.")
    return Reply(HTTPStatus.OK, _forecast_log(call, forecast, at))


def list_device_logs(kind: str, variable: str) -> Handler:
    """Return a handler that lists what a home device reported."""

    def handle(call: Call) -> Reply:
        device = _device(call, kind, variable)
        bounds = call.query.instant("sampled_at__gte"), call.query.instant("sampled_at__lte")
        series = device_logs.series(device, call.world, call.now, *bounds)
        return timed_page(call, series, lambda at: scribe(call).log(device, at, call.expand))

    return handle


def get_device_log(kind: str, variable: str) -> Handler:
    """Return a handler that gives one report of a home device."""

    def handle(call: Call) -> Reply:
        device, at = _device(call, kind, variable), parse(call.path["sampled_at"])
        if at not in device_logs.series(device, call.world, call.now):
            raise not_found("There is no log of this time.")
        return Reply(HTTPStatus.OK, scribe(call).log(device, at, call.expand))

    return handle


def list_ct_clamps(call: Call) -> Reply:
    """List CT clamps, narrowed to the user's."""
    clamps = [
        clamp
        for clamp in call.world.ct_clamps
        if call.user is None or (clamp.evse is not None and clamp.evse.user is call.user)
    ]
    return page(call, ById(clamps), call.view.ct_clamp)


def get_ct_clamp(call: Call) -> Reply:
    """Return one CT clamp."""
    return Reply(HTTPStatus.OK, call.view.ct_clamp(_clamp(call), call.expand))


def list_dispatch_logs(call: Call) -> Reply:
    """List the hourly demand of a dispatch coordinator's fleet, newest first."""
    coordinator = found_record(call, "dispatch_coordinators", "dispatch_coordinator_id")
    bounds = Bounds(call.query.instant("logged_at__gte"), call.query.instant("logged_at__lte"))
    return timed_page(call, _dispatches(call, bounds), lambda at: _dispatch_log(call, coordinator, at))


def get_dispatch_log(call: Call) -> Reply:
    """Return the demand of a dispatch coordinator's fleet at one time."""
    coordinator = found_record(call, "dispatch_coordinators", "dispatch_coordinator_id")
    at = parse(call.path["logged_at"])
    if at not in _dispatches(call, Bounds(None, None)):
        raise not_found("There is no log of this time.")
    return Reply(HTTPStatus.OK, _dispatch_log(call, coordinator, at))


def _known(call: Call) -> Series:
    """Return the half hours of which something is known, in the bounds that were asked for."""
    bounds = Bounds(call.query.instant("started_at__gte"), call.query.instant("started_at__lte"))
    return Series(0, STEP, *bounds.within(call.world.origin, call.now + _AHEAD))


def _forecast_log(call: Call, forecast: Record, at: Instant) -> JsonObject:
    sun = sunshine(forecast.hidden["key"], forecast.hidden["utc_hours"], at)
    return {
        "url": f"{scribe(call).url(forecast)}/forecast_logs/{text(at)}",
        "solar_forecast": scribe(call).refer(forecast, call.expand, "solar_forecast"),
        "started_at": text(at),
        "sampled_at": text(at - _AHEAD),
        "interval_seconds": _STEP_SECONDS,
        "forecast_watts_per_kilowatt": round(1_000 * sun),
    }


def _device(call: Call, kind: str, variable: str) -> Record | CtClamp:
    return _clamp(call) if kind == "ct_clamps" else found_record(call, kind, variable)


def _clamp(call: Call) -> CtClamp:
    clamp = found(call.world.ct_clamps, call.path["ct_clamp_id"])
    if call.user is not None and (clamp.evse is None or clamp.evse.user is not call.user):
        raise not_found()
    return clamp


def _dispatches(call: Call, bounds: Bounds) -> Series:
    return Series(0, _DISPATCH_PACE, *bounds.within(call.world.origin, call.now))


def _dispatch_log(call: Call, coordinator: Record, at: Instant) -> JsonObject:
    url = scribe(call).url(coordinator)
    return {
        "url": f"{url}/dispatch_logs/{text(at)}",
        "dispatch_coordinator": url,
        "logged_at": text(at),
        "total_charge_rate_watts": _drawn(call, coordinator.hidden["country"], at),
    }


def _drawn(call: Call, country: str, at: Instant) -> int:
    """Return the watts that a country's vehicles draw at home; for a large fleet, scaled up from a sample."""
    plugs = call.world.plugs
    stride = max(1, len(plugs) // _SAMPLE)
    watts = 0
    for plug in plugs[::stride]:
        if plug.vehicle is None and plug.evse is None:
            continue
        if plug.user.place is None or plug.user.place.country != country:
            continue
        stages = plug.life.stages(plug.life.day_of(at))
        stage = next((stage for stage in stages if stage.start <= at < stage.end), None)
        if stage is not None and stage.at_home and stage.activity is Activity.CHARGING:
            watts += stage.watts
    return watts * stride


def _handlers() -> dict[str, Handler]:
    table: dict[str, Handler] = {
        "tariffs.list": list_tariffs,
        "tariffs.get": get_tariff,
        "tariffs.list_prices": list_prices,
        "suppliers.list": list_suppliers,
        "suppliers.get": get_supplier,
        "grid_feeds.list_levels": list_levels,
        "carbon_feeds.list_carbon_intensities": list_carbon_intensities,
        "solar_forecasts.list_forecast_logs": list_forecast_logs,
        "solar_forecasts.get_forecast_log": get_forecast_log,
        "ct_clamps.list": list_ct_clamps,
        "ct_clamps.get": get_ct_clamp,
        "dispatch_coordinators.list_dispatch_logs": list_dispatch_logs,
        "dispatch_coordinators.get_dispatch_log": get_dispatch_log,
    }
    for kind, device, log in (
        ("boundary_meters", "boundary_meter", "status_log"),
        ("home_batteries", "home_battery", "status_log"),
        ("ct_clamps", "ct_clamp", "log"),
    ):
        table[f"{kind}.list_{log}s"] = list_device_logs(kind, f"{device}_id")
        table[f"{kind}.get_{log}"] = get_device_log(kind, f"{device}_id")
    return table


HANDLERS: Final = _handlers()
