"""Solar arrays and inverters that are added or changed, and what flows in a home."""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from ev_energy_async.sandbox.handlers.calls import Call, Handler
from ev_energy_async.sandbox.handlers.common import referred
from ev_energy_async.sandbox.handlers.generic import found_record, written
from ev_energy_async.sandbox.instants import DAY, Instant, instant, moment, text
from ev_energy_async.sandbox.protocol import JsonObject, Reply, invalid
from ev_energy_async.sandbox.simulation import STEP, Flows, Household
from ev_energy_async.sandbox.world import Record, User

_LONGEST: Final = {"PT30M": DAY, "P1D": 31 * DAY, "P1M": 366 * DAY}
_DEFAULT_WATTS: Final = 4_000


def create_solar_array(call: Call) -> Reply:
    """Return a new solar array of the user's."""
    user = _owner(call)
    data = {"capacity_watts": call.body.get("capacity_watts", _DEFAULT_WATTS), "inverter": None, "user": user}
    return written(call, call.world.records.add("solar_arrays", call.now, data, user=user), HTTPStatus.CREATED)


def update_solar_array(call: Call) -> Reply:
    """Change the size of a solar array."""
    array = found_record(call, "solar_arrays", "solar_array_id")
    array.data["capacity_watts"] = call.body.get("capacity_watts", array.data["capacity_watts"])
    household: Household | None = array.hidden.get("household")
    if household is not None:
        array.hidden["household"] = household._replace(solar_watts=array.data["capacity_watts"])
    return written(call, array)


def create_inverter(call: Call) -> Reply:
    """Return a new inverter, linked to a solar array of the user's."""
    if "model" not in call.body:
        raise invalid({"model": ["This field is required."]})
    model = referred(call.world.records["inverter_models"], "model", call.body["model"])
    user = referred(call.world.users, "user", call.body["user"]) if "user" in call.body else _owner(call)
    if call.user is not None and user is not call.user:
        raise invalid({"user": ["This is another user than the one in whose context the call is made."]})
    inverter = call.world.records.add("inverters", call.now, {"created_at": text(call.now), "model": model}, user=user)
    arrays = call.world.records["solar_arrays"].of(user)
    array = next((array for array in arrays if array.data["inverter"] is None), None)
    if array is None:
        data = {"capacity_watts": _DEFAULT_WATTS, "inverter": None, "user": user}
        array = call.world.records.add("solar_arrays", call.now, data, user=user)
    array.data["inverter"] = inverter
    return written(call, inverter, HTTPStatus.CREATED)


def get_live_power(call: Call) -> Reply:
    """Return the power flows of a home in the current half hour."""
    system = found_record(call, "hem_systems", "hem_system_id")
    flows = call.world.records.households.flows(_household(system), call.now)
    body: JsonObject = {f"{name}_watts": watt_hours * 2 for name, watt_hours in flows.totals.items()}
    return Reply(
        HTTPStatus.OK,
        {
            "sampled_at": text(call.now // STEP * STEP),
            "battery_state_of_charge_percentage": flows.charge_percentage,
            **body,
        },
    )


def get_energy_stats(call: Call) -> Reply:
    """Return the energy flows of a home by half hour, day or month."""
    system = found_record(call, "hem_systems", "hem_system_id")
    resolution = call.query.text("resolution") or ""
    start, end = call.query.instant("start") or 0, call.query.instant("end") or 0
    _check_range(_household(system), resolution, start, end)
    buckets: list[JsonObject] = []
    at = start
    while at < end:
        following = _next(_household(system), resolution, at)
        buckets.append(_bucket(call, system, at, following))
        at = following
    body = {"resolution": resolution, "start": text(start), "end": text(end), "buckets": buckets}
    return Reply(HTTPStatus.OK, body)


def _check_range(household: Household, resolution: str, start: Instant, end: Instant) -> None:
    if end <= start:
        raise invalid({"end": ["This is not after the start."]})
    if end - start > _LONGEST[resolution]:
        raise invalid({"end": [f"No more than {_LONGEST[resolution] // DAY} days can be asked for at once."]})
    for name, at in (("start", start), ("end", end)):
        local = _local(household, at)
        day_begins = local == local.replace(hour=0, minute=0, second=0, microsecond=0)
        fits = {
            "PT30M": at % STEP == 0,
            "P1D": day_begins,
            "P1M": day_begins and local.day == 1,
        }
        if not fits[resolution]:
            raise invalid({name: [f"No bucket of {resolution} begins then."]})


def _next(household: Household, resolution: str, at: Instant) -> Instant:
    if resolution == "PT30M":
        return at + STEP
    if resolution == "P1D":
        return at + DAY
    local = _local(household, at)
    month = local.replace(year=local.year + local.month // 12, month=local.month % 12 + 1)
    return instant(month) - household.utc_hours * 3_600_000_000


def _bucket(call: Call, system: Record, start: Instant, end: Instant) -> JsonObject:
    household, households = _household(system), call.world.records.households
    body: JsonObject = {"period_start": text(start), "period_end": text(end)}
    first = max(start, -(-system.hidden["since"] // STEP) * STEP)
    last = min(end, call.now // STEP * STEP)
    flows: list[Flows] = []
    for day in range(household.day_of(first), household.day_of(last - 1) + 1 if last > first else 0):
        begins = household.starts(day)
        flows += [
            flow for number, flow in enumerate(households.day(household, day)) if first <= begins + number * STEP < last
        ]
    if not flows:  # nothing was measured yet, or before it was there
        nothing = dict.fromkeys(f"{name}_wh" for name in households.flows(household, call.now).totals)
        return body | nothing | {"avg_battery_state_of_charge_percentage": None}
    totals = [flow.totals for flow in flows]
    sums = {f"{name}_wh": sum(total[name] for total in totals) for name in totals[0]}
    average = sum(flow.charge_percentage for flow in flows) // len(flows)
    return body | sums | {"avg_battery_state_of_charge_percentage": average}


def _local(household: Household, at: Instant) -> datetime:
    """Return the wall clock of a home, as a time in UTC."""
    return moment(at) + timedelta(hours=household.utc_hours)


def _household(system: Record) -> Household:
    household: Household = system.hidden["household"]
    return household


def _owner(call: Call) -> User:
    """Return the user in whose context the call is made; an application's own devices are its first user's."""
    return call.user or next(iter(call.world.users))


HANDLERS: Final[dict[str, Handler]] = {
    "solar_arrays.create": create_solar_array,
    "solar_arrays.update": update_solar_array,
    "inverters.create": create_inverter,
    "hem_systems.get_live_power": get_live_power,
    "hem_systems.get_energy_stats": get_energy_stats,
}
