"""Helpers of the handlers: looking things up and cutting pages."""

import re
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final, TypeVar

from ev_energy_async.sandbox.handlers.calls import Call
from ev_energy_async.sandbox.handlers.listing import ById
from ev_energy_async.sandbox.instants import Instant, parse, text
from ev_energy_async.sandbox.protocol import (
    PAGE_SIZE,
    FieldErrors,
    JsonObject,
    NoSuchPage,
    Ordered,
    Problem,
    Reply,
    Tree,
    by_cursor,
    by_number,
    invalid,
    link_header,
    not_found,
)
from ev_energy_async.sandbox.world import Collection, Evse, Identified, User, Vehicle

T = TypeVar("T", bound=Identified)
S = TypeVar("S")

Write = Callable[[T, Tree], JsonObject]

_ID: Final = re.compile(r"[a-z]{4}[A-Z\d]{26}")


def found(collection: Collection[T], id_: str) -> T:
    """Return the thing of that ID.

    Raises:
        Problem: 404 if it does not exist.
    """
    thing = collection.get(id_)
    if thing is None:
        raise not_found()
    return thing


def found_vehicle(call: Call) -> Vehicle:
    """Return the vehicle that the path names, if it is one of the caller's."""
    vehicle = found(call.world.vehicles, call.path["vehicle_id"])
    if call.user is not None and vehicle.user is not call.user:
        raise not_found()
    return vehicle


def found_evse(call: Call) -> Evse:
    """Return the charge point that the path names, if it is one of the caller's."""
    evse = found(call.world.evses, call.path["evse_id"])
    if call.user is not None and evse.user is not call.user:
        raise not_found()
    return evse


def narrowed(call: Call, all_things: Collection[T], of_user: Callable[[User], Sequence[T]]) -> Ordered[T, str]:
    """Return all of a collection, or what belongs to the user in whose context the call is made."""
    return all_things if call.user is None else ById(of_user(call.user))


def one(call: Call, thing: T, write: Write[T]) -> Reply:
    """Return a reply with a thing as its body."""
    return Reply(HTTPStatus.OK, write(thing, call.expand))


def page(call: Call, things: Ordered[T, str], write: Write[T]) -> Reply:
    """Return one page of a collection whose cursors are IDs."""
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


def numbered_page(call: Call, things: Sequence[S], write: Callable[[S], object]) -> Reply:
    """Return one page of a collection whose pages are numbered.

    Raises:
        Problem: 404 if there are not so many pages.
    """
    try:
        cut = by_number(things, number=call.query.number("page", 1), size=call.query.number("page_size", PAGE_SIZE))
    except NoSuchPage:
        raise not_found("There are not so many pages.") from None
    link = {"Link": link_header(cut, call.url, call.query.raw)}
    return Reply(HTTPStatus.OK, [write(thing) for thing in cut.items], link)


def stamp(call: Call, name: str) -> Instant | None:
    """Return a cursor that is a timestamp.

    Raises:
        Problem: 400 if it is invalid.
    """
    written = call.query.text(name)
    if written is None:
        return None
    try:
        return parse(written)
    except ValueError:
        raise invalid({name: ["This is not a timestamp of the list."]}) from None


def timed_page(call: Call, moments: Ordered[Instant, Instant], write: Callable[[Instant], object]) -> Reply:
    """Return one page of a collection whose cursors are the timestamps that its items have."""
    cut = by_cursor(
        moments,
        lambda at: at,
        after=stamp(call, "page_after"),
        before=stamp(call, "page_before"),
        size=call.query.number("page_size", PAGE_SIZE),
        write=text,
    )
    link = {"Link": link_header(cut, call.url, call.query.raw)}
    return Reply(HTTPStatus.OK, [write(at) for at in cut.items], link)


def check_expand_scopes(call: Call, scopes: dict[str, str]) -> None:
    """Check that the token's scopes cover the expanded references.

    Raises:
        Problem: 403 that names what is missing.
    """
    needed = {scopes[name] for name in call.expand if name in scopes}
    missing = [] if call.scopes is None else sorted(needed - call.scopes)
    if missing:
        raise Problem(HTTPStatus.FORBIDDEN, f"To expand this, the token needs the scope {', '.join(missing)}.")


def customer(call: Call) -> User | None:
    """Return the user for whom things should be available.

    Raises:
        Problem: 400 if there is no such user.
    """
    user_id = call.query.text("available_for_user_id")
    if user_id is None:
        return None
    user = call.world.users.get(user_id)
    if user is None:
        raise invalid({"available_for_user_id": ["There is no such user."]})
    return user


def referred(collection: Collection[T], name: str, value: str) -> T:
    """Return the thing whose URL a member of the body is.

    Raises:
        Problem: 400 if it is missing.
    """
    thing = collection.get(value.rstrip("/").rpartition("/")[2])
    if thing is None:
        raise invalid({name: ["There is no such resource."]})
    return thing


def _id(thing: Identified) -> str:
    return thing.id
