"""An access token obtained elsewhere."""

from __future__ import annotations

import attrs

from ev_energy_async.auth.token import check_token

__all__ = ["StaticToken"]


@attrs.frozen
class StaticToken:
    """An access token that you obtained elsewhere. A 401 under it is `Unauthorized`: it cannot be replaced.

    Attributes:
        token: The access token.
    """

    token: str = attrs.field(repr=False)

    def __attrs_post_init__(self) -> None:
        check_token("token", self.token)

    async def access_token(self, *, rejected: str | None = None) -> str:  # noqa: ARG002  # there is no other token
        """Return the token."""
        return self.token
