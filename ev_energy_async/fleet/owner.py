"""The owner of a fleet's checkpoints: a user whose token does not say who they are is looked up."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import attrs

from ev_energy_async import api
from ev_energy_async.devices import is_fatal
from ev_energy_async.errors import BadRequest, EvEnergyError, Forbidden, NotFound

if TYPE_CHECKING:
    from ev_energy_async.checkpoint import Owner
    from ev_energy_async.clock import Clock
    from ev_energy_async.devices import Patience
    from ev_energy_async.messages import Sender

__all__ = ["TokenOwner", "found_owner"]

_LOG: Final = logging.getLogger("ev_energy_async")


class TokenOwner:
    """The owner behind a token that may be any user's: the API is asked once, when a checkpoint is first opened.

    Without it, the checkpoint of one user would take the token of another.

    Args:
        client: Sends the request.
        known: The owner as far as the client knows it.
    """

    def __init__(self, client: Sender, known: Owner) -> None:
        self.known = known
        self._client = client
        self._found: Owner | None = None

    def __str__(self) -> str:
        return str(self.known if self._found is None else self._found)

    async def find(self) -> Owner:
        """Return the owner with its user; without one if the token is an application's.

        Raises:
            ApiError: The API refused to say.
            TransportError: There was no complete response.
        """
        if self._found is None:
            self._found = attrs.evolve(self.known, user=await self._user())
        return self._found

    async def _user(self) -> str | None:
        try:
            return (await api.get_user(self._client, "me")).id or None
        except (BadRequest, NotFound):
            return None  # the token of an application stands for no user
        except Forbidden as error:
            _LOG.warning("a checkpoint cannot tell this token's user from another's: %s", error)
            return None


async def found_owner(owner: Owner | TokenOwner, clock: Clock, patience: Patience) -> Owner:
    """Return an owner with its user; an outage meanwhile is waited out."""
    while isinstance(owner, TokenOwner):
        try:
            return await owner.find()
        except EvEnergyError as error:
            if is_fatal(error):
                raise
            patience.fail([error])
            await clock.sleep(max(0.0, patience.delay))
    return owner
