"""The check of a client's settings: network, base URL, credentials, scopes, clock and budget, one sentence each.

`EvEnergy.check` calls it, for a first run, a config flow or an operator. Only read requests are sent.
"""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import attrs

from ev_energy_async import api, errors
from ev_energy_async.codec import AsDict
from ev_energy_async.urls import origin_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ev_energy_async.http import Core
    from ev_energy_async.messages import RateLimit, Response, Sender
    from ev_energy_async.models import User

__all__ = ["Check", "check"]

_LARGEST_OFFSET: Final = dt.timedelta(minutes=1)
_SCOPE: Final = "vehicle:read"


@attrs.frozen(kw_only=True)
class Check(AsDict):
    """The findings of `EvEnergy.check`; `str` gives one sentence a line.

    Attributes:
        findings: The problems found, one sentence each; empty if there are none.
        error: The error that ended the check; None if it went through.
        user: The user that the token belongs to; None for an application, without credentials, and after an error.
        client_id: ID of the OAuth application; None if the client knows none.
        scopes: Scopes that the token endpoint named; None if it named none.
        rate_limit: The request budget as the API reports it; None if it does not.
        clock_offset: By how much this machine's clock is ahead of the API's; None if the API stated no time.
    """

    findings: tuple[str, ...] = ()
    error: errors.EvEnergyError | None = attrs.field(default=None, eq=False)
    user: User | None = None
    client_id: str | None = None
    scopes: tuple[str, ...] | None = None
    rate_limit: RateLimit | None = None
    clock_offset: dt.timedelta | None = None

    @property
    def ok(self) -> bool:
        """Whether no problem was found."""
        return not self.findings

    def __str__(self) -> str:
        return "\n".join([*self.findings, *self._facts()])

    def _facts(self) -> Iterator[str]:
        if self.ok:
            yield "The API can be reached with these settings."
        if self.user is not None:
            yield f"The token belongs to the user {self.user.id}."
        elif self.client_id is not None and self.error is None:
            yield f"The token belongs to the application {self.client_id}."
        if self.rate_limit is not None:
            yield f"{self.rate_limit.remaining} of {self.rate_limit.limit} requests an hour are left."


async def check(sender: Sender, core: Core) -> Check:
    """Return what is wrong with a client's settings, and whose they are.

    Args:
        sender: The client, or a view of it.
        core: Its core.
    """
    client_id = getattr(core.credentials, "client_id", None)
    found = Check(client_id=client_id if isinstance(client_id, str) else None)
    try:
        page = await api.list_vehicle_makes(sender, page_size=1)
        found = _reached(page.response, core.shared.clock.now(), found)
        if core.auth is not None and (found.rate_limit is None or found.rate_limit.remaining):
            found = await _identified(sender, core, found)
    except errors.EvEnergyError as error:
        return attrs.evolve(
            found, error=error, findings=(*found.findings, _sentence(core.shared.transport.base_url, error))
        )
    return found


def _reached(response: Response[Any], now: dt.datetime, found: Check) -> Check:
    found = attrs.evolve(found, rate_limit=response.rate_limit)
    if response.rate_limit is not None and response.rate_limit.remaining == 0:
        found = _with(found, "No request is left in this hour's budget.")
    try:
        stated = parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        return found
    offset = now - (stated if stated.tzinfo is not None else stated.replace(tzinfo=dt.UTC))
    found = attrs.evolve(found, clock_offset=offset)
    if abs(offset) <= _LARGEST_OFFSET:
        return found
    direction = "ahead of" if offset > dt.timedelta() else "behind"
    seconds = round(abs(offset).total_seconds())
    return _with(found, f"This machine's clock is {seconds} s {direction} the API's: set it, e.g. by NTP.")


async def _identified(sender: Sender, core: Core, found: Check) -> Check:
    """Add whose token it is, and whether it may read anything."""
    token = None if core.tokens is None else core.tokens.token
    if token is not None and token.scopes:
        found = attrs.evolve(found, scopes=token.scopes)
    # The token of an application belongs to no user.
    with suppress(errors.NotFound, errors.Forbidden, errors.BadRequest):
        found = attrs.evolve(found, user=await api.get_user(sender, "me"))
    try:
        await api.list_vehicles(sender, page_size=1)
    except errors.Forbidden:
        granted = "no scopes" if not found.scopes else f"the scopes {', '.join(found.scopes)}"
        found = _with(found, f"The token has {granted} and lacks {_SCOPE}: grant the application its scopes.")
    return found


def _with(found: Check, sentence: str) -> Check:
    return attrs.evolve(found, findings=(*found.findings, sentence))


def _sentence(base_url: str, error: errors.EvEnergyError) -> str:
    """Return one sentence on what an error means for the settings of a client."""
    host = origin_of(base_url)
    said = str(error).rstrip(".")
    is_redirect = isinstance(error, errors.ApiError) and error.status < HTTPStatus.BAD_REQUEST
    if is_redirect or isinstance(error, errors.NotFound | errors.DecodeError | errors.MethodNotAllowed):
        return f"{host} does not answer like the API at {base_url}: check base_url, which ends in /v2 ({said})."
    if isinstance(error, errors.ReauthenticationRequired):
        return f"The credentials were refused: {said}."
    if isinstance(error, errors.Forbidden):
        return f"The token lacks a scope or right: {said}."
    if isinstance(error, errors.RateLimited | errors.BudgetExhausted):
        return f"The hourly request budget is used up: {said}."
    if isinstance(error, errors.TransportError):
        return f"{host} cannot be reached: {error.reason}; check network, proxy and base_url."
    return f"The API does not work at the moment: {said}."
