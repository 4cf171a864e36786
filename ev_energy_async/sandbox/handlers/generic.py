"""Lists and reads of records: one pair of handlers, a row of a table for each kind."""

from collections.abc import Callable, Sequence
from enum import Enum
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from ev_energy_async.sandbox.handlers.calls import Call, Handler
from ev_energy_async.sandbox.handlers.common import customer, page
from ev_energy_async.sandbox.handlers.listing import ById
from ev_energy_async.sandbox.protocol import NOWHERE, JsonObject, Reply, not_found
from ev_energy_async.sandbox.resources import Scribe
from ev_energy_async.sandbox.world import Record, User


class Paged(Enum):
    """The way in which a collection is paged."""

    BY_CURSOR = "cursor"
    AT_ONCE = "at once"
    """All of it, without a `Link` header."""
    ON_ONE_PAGE = "one page"
    """All of it, with a `Link` header that says that there is no more."""


class Listing(NamedTuple):
    """The settings of one kind's list."""

    kind: str
    variable: str
    """The path variable that an item's ID comes in."""
    paged: Paged = Paged.BY_CURSOR
    fits: Callable[[Call, Record], bool] | None = None


def _of_make(call: Call, record: Record) -> bool:
    make: Record = record.data["make"]
    return call.query.text("make_id") in {None, make.id}


def _offered(call: Call, _record: Record) -> bool:
    customer(call)
    return True


LISTINGS: Final = (
    Listing("boundary_meter_makes", "boundary_meter_make_id"),
    Listing("boundary_meter_models", "boundary_meter_model_id", fits=_of_make),
    Listing("boundary_meters", "boundary_meter_id"),
    Listing("carbon_feeds", "carbon_feed_id"),
    Listing("cpms_providers", "cpms_provider_id"),
    Listing("dispatch_coordinators", "dispatch_coordinator_id"),
    Listing("evse_firmware_versions", "evse_firmware_version_id"),
    Listing("grid_feeds", "grid_feed_id"),
    Listing("hem_systems", "hem_system_id"),
    Listing("home_batteries", "home_battery_id"),
    Listing("home_battery_makes", "home_battery_make_id"),
    Listing("home_battery_models", "home_battery_model_id", fits=_of_make),
    Listing("inverter_makes", "inverter_make_id", fits=_offered),
    Listing("inverter_models", "inverter_model_id", fits=_of_make),
    Listing("inverters", "inverter_id"),
    Listing("notifications", "notification_id"),
    Listing("rebate_evidence_types", "rebate_evidence_type_id", Paged.AT_ONCE),
    Listing("rebate_types", "rebate_type_id", Paged.AT_ONCE),
    Listing("solar_arrays", "solar_array_id"),
    Listing("solar_forecasts", "solar_forecast_id"),
    Listing("subscriptions", ""),
    Listing("timezones", "timezone_id"),
    Listing("user_rebates", "user_rebate_id", Paged.AT_ONCE),
)


def scribe(call: Call) -> Scribe:
    """Return the scribe for a call."""
    return Scribe(call.world, call.view)


def written(call: Call, record: Record, status: HTTPStatus = HTTPStatus.OK) -> Reply:
    """Return a reply with a record as its body."""
    return Reply(status, scribe(call).record(record, call.expand))


def found_record(call: Call, kind: str, variable: str, parent: Record | User | None = None) -> Record:
    """Return the record that the path names, if it is the caller's to see.

    Raises:
        Problem: 404 if it is not.
    """
    record = call.world.records[kind].get(call.path[variable])
    if record is None or record.parent is not parent or not is_seen(call, record):
        raise not_found()
    return record


def is_seen(call: Call, record: Record) -> bool:
    """Return whether the caller may see a record: one without a user, or one of the user in context."""
    return call.user is None or record.user is None or record.user is call.user


def listed(call: Call, records: Sequence[Record], paged: Paged) -> Reply:
    """Return a reply with records, paged in the order of their IDs or on one page as given."""
    write: Callable[[Record, Any], JsonObject] = scribe(call).record
    if paged is Paged.BY_CURSOR:
        return page(call, ById(records), write)
    body = [write(record, call.expand) for record in records]
    return Reply(HTTPStatus.OK, body, dict(NO_MORE) if paged is Paged.ON_ONE_PAGE else {})


NO_MORE: Final = {"Link": f'<{NOWHERE}>; rel="next", <{NOWHERE}>; rel="previous"'}
"""The header of a list that is all on one page."""


def _list(listing: Listing) -> Handler:
    def handle(call: Call) -> Reply:
        fits = listing.fits
        records = [
            record
            for record in call.world.records[listing.kind]
            if is_seen(call, record) and (fits is None or fits(call, record))
        ]
        return listed(call, records, listing.paged)

    return handle


def _get(listing: Listing) -> Handler:
    def handle(call: Call) -> Reply:
        return written(call, found_record(call, listing.kind, listing.variable))

    return handle


def _handlers() -> dict[str, Handler]:
    table: dict[str, Handler] = {}
    for listing in LISTINGS:
        table[f"{listing.kind}.list"] = _list(listing)
        if listing.variable:
            table[f"{listing.kind}.get"] = _get(listing)
    table["subscription_offerings.get"] = _get(Listing("subscription_offerings", "offering_id"))
    return table


HANDLERS: Final = _handlers()
