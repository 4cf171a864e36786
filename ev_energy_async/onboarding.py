"""Vehicle onboarding: the URL for the user's browser, and the redirect that it comes back with.

The client's methods of the same names call these. URLs are built and read without I/O; only the walk through the
catalogue sends requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, parse_qs, urlencode, urlsplit

import attrs

from ev_energy_async import api
from ev_energy_async.codec import AsDict
from ev_energy_async.errors import InvalidArgument
from ev_energy_async.ids import id_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ev_energy_async.ids import Ref
    from ev_energy_async.messages import Sender

__all__ = ["OnboardingResult", "find_onboarding_url", "onboarding_url", "parse_onboarding_redirect"]

# Which catalogue entry each parameter names, from the coarsest to the finest, with the prefix of its ID.
_CHOICES: Final = (("make", "vmak"), ("model", "vmod"), ("trim", "trim"))


@attrs.frozen
class OnboardingResult(AsDict):
    """The result in a redirect at the end of onboarding.

    Attributes:
        vehicle_ids: IDs of the vehicles that were connected; empty if none was.
        parameters: All parameters of the URL, each with its values in order.
    """

    vehicle_ids: tuple[str, ...]
    parameters: Mapping[str, tuple[str, ...]]


def onboarding_url(
    base_url: str,
    client_id: str,
    user: Ref,
    *,
    make: Ref | None = None,
    model: Ref | None = None,
    trim: Ref | None = None,
    redirect_uri: str | None = None,
) -> str:
    """Return the URL at which a user's browser starts to connect a vehicle.

    Args:
        base_url: Base URL of the API.
        client_id: ID of the OAuth application.
        user: The user whose vehicle it will be.
        make: Make to start with; without make, model and trim the user picks one.
        model: Model to start with.
        trim: Trim to start with.
        redirect_uri: Where the browser goes at the end; scheme and host must be registered with the application.

    Raises:
        InvalidArgument: One of them is not as described, or more than one of make, model and trim is given.
    """
    given = {"make": make, "model": model, "trim": trim}
    chosen = [name for name, value in given.items() if value is not None]
    if len(chosen) > 1:
        raise InvalidArgument(chosen[1], given[chosen[1]], f"one of make, model and trim; {chosen[0]} is given too")
    query = {"client_id": client_id, "user_id": id_text("user", user, "user")}
    for name, prefix in _CHOICES:
        if given[name] is not None:
            query[f"{name}_id"] = id_text(name, given[name], prefix)
    if redirect_uri is not None:
        parts = _split("redirect_uri", redirect_uri)
        if not parts.scheme or not parts.netloc:
            raise InvalidArgument("redirect_uri", redirect_uri, "an absolute URL")
        query["redirect_uri"] = redirect_uri
    return f"{base_url}/vehicle_onboarding?{urlencode(query)}"


def parse_onboarding_redirect(url: str) -> OnboardingResult:
    """Read the URL that a user's browser comes back with; `vehicle_uid` is repeated, once for each vehicle.

    Args:
        url: The complete URL, or its query.

    Raises:
        InvalidArgument: It is no URL, or a `vehicle_uid` is no ID of a vehicle.
    """
    parts = _split("url", url)
    query = parts.query if "?" in url or parts.scheme or url.startswith("/") else url
    parameters = {name: tuple(values) for name, values in parse_qs(query, keep_blank_values=True).items()}
    found = [id_text("vehicle_uid", uid, "vhcl") for uid in parameters.get("vehicle_uid", ()) if uid]
    return OnboardingResult(tuple(dict.fromkeys(found)), parameters)


def _split(argument: str, url: object) -> SplitResult:
    try:
        if isinstance(url, str):
            return urlsplit(url)
    except ValueError:  # as for an invalid host
        pass
    raise InvalidArgument(argument, url, "a URL")


async def find_onboarding_url(
    sender: Sender, make: Ref, *, model: str | None = None, trim: str | None = None
) -> str | None:
    """Walk from a make over its models to its trims, to the first `onboarding_url` there is.

    A make without one is not specific enough: the models follow, and then their trims (the API's guide).

    Args:
        sender: The client; `as_user` puts the user's ID into the URL.
        make: The make.
        model: Name of the model, in any case; None for any.
        trim: Name of the trim, in any case; None for any.

    Returns:
        The URL; None if nothing of the kind can be connected.

    Raises:
        InvalidArgument: It is no make.
        ApiError: The API refused.
    """
    start = await api.get_vehicle_make(sender, make)
    if start.onboarding_url and model is None and trim is None:
        return start.onboarding_url
    async for each in api.list_vehicle_models(sender, make_id=start.id, page_size=100):
        if model is not None and each.name.casefold() != model.casefold():
            continue
        if each.onboarding_url and trim is None:
            return each.onboarding_url
        async for variant in api.list_vehicle_trims(sender, model_id=each.id, page_size=100):
            if variant.onboarding_url and (trim is None or variant.name.casefold() == trim.casefold()):
                return variant.onboarding_url
    return None
