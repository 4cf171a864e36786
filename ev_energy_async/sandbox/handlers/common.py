"""What handlers share: finding a thing, cutting a page."""

import re
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import TypeVar

from ev_energy_async.sandbox.calls import Call
from ev_energy_async.sandbox.entities import Collection, Evse, Identified, User, Vehicle
from ev_energy_async.sandbox.expand import Tree
from ev_energy_async.sandbox.listing import ById
from ev_energy_async.sandbox.messages import JsonObject, Reply
from ev_energy_async.sandbox.paging import PAGE_SIZE, Ordered, by_cursor, link_header
from ev_energy_async.sandbox.problems import FieldErrors, invalid, not_found

T = TypeVar("T", bound=Identified)

Write = Callable[[T, Tree], JsonObject]

_ID = re.compile(r"[a-z]{4}[A-Z\d]{26}")


def found(collection: Collection[T], id_: str) -> T:
    """The thing of that ID.

    Raises:
        Problem: 404 if there is none.
    """
    thing = collection.get(id_)
    if thing is None:
        raise not_found()
    return thing


def found_vehicle(call: Call) -> Vehicle:
    """The vehicle that the path names, if it is one of the caller's."""
    vehicle = found(call.world.vehicles, call.path["vehicle_id"])
    if call.user is not None and vehicle.user is not call.user:
        raise not_found()
    return vehicle


def found_evse(call: Call) -> Evse:
    """The charge point that the path names, if it is one of the caller's."""
    evse = found(call.world.evses, call.path["evse_id"])
    if call.user is not None and evse.user is not call.user:
        raise not_found()
    return evse


def narrowed(call: Call, all_things: Collection[T], of_user: Callable[[User], Sequence[T]]) -> Ordered[T, str]:
    """All of a collection, or what belongs to the user in whose context the call is made."""
    return all_things if call.user is None else ById(of_user(call.user))


def one(call: Call, thing: T, write: Write[T]) -> Reply:
    """A thing as the whole answer."""
    return Reply(HTTPStatus.OK, write(thing, call.expand))


def page(call: Call, things: Ordered[T, str], write: Write[T]) -> Reply:
    """One page of a collection whose cursors are IDs."""
    after, before = call.query.text("page_after"), call.query.text("page_before")
    errors: FieldErrors = {
        name: ["This is not an ID."]
        for name, cursor in (("page_after", after), ("page_before", before))
        if cursor is not None and not _ID.fullmatch(cursor)
    }
    if errors:
        raise invalid(errors)
    size = call.query.number("page_size", PAGE_SIZE)
    cut = by_cursor(things, _id, after=after, before=before, size=size)
    expand = call.expand
    return Reply(
        HTTPStatus.OK,
        [write(thing, expand) for thing in cut.items],
        {"Link": link_header(cut, call.url, call.query.raw)},
    )


def _id(thing: Identified) -> str:
    return thing.id
