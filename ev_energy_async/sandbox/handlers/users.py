"""The root and the users."""

from http import HTTPStatus

from ev_energy_async.sandbox.calls import Call
from ev_energy_async.sandbox.handlers.common import found, narrowed, page
from ev_energy_async.sandbox.listing import Filtered
from ev_energy_async.sandbox.messages import Reply
from ev_energy_async.sandbox.problems import not_found

_COLLECTIONS = (
    "users",
    "carbon_feeds",
    "evses",
    "evse_models",
    "evse_makes",
    "vehicles",
    "vehicle_trims",
    "vehicle_models",
    "vehicle_makes",
    "suppliers",
    "tariffs",
    "support_tickets",
    "dispatch_coordinators",
    "grid_feeds",
)


def get_root(call: Call) -> Reply:
    """The collections to start from."""
    return Reply(HTTPStatus.OK, {name: f"{call.view.base_url}/{name}" for name in _COLLECTIONS})


def list_users(call: Call) -> Reply:
    """Users, narrowed to the caller's."""
    email = call.query.text("email")
    users = narrowed(call, call.world.users, lambda user: [user])
    return page(call, Filtered(users, lambda user: email is None or user.email == email.lower()), call.view.user)


def get_user(call: Call) -> Reply:
    """One user; `me` is the user whose token it is."""
    wanted = call.path["user_id"]
    if wanted == "me":
        if call.user is None:
            raise not_found("Only a user's own token has a user to call `me`.")
        wanted = call.user.id
    user = found(call.world.users, wanted)
    if call.user is not None and user is not call.user:
        raise not_found()
    return Reply(HTTPStatus.OK, call.view.user(user, call.expand, detailed=True))
