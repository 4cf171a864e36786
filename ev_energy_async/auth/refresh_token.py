"""The refresh-token grant (RFC 6749, section 6), beginning with a refresh token from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from ev_energy_async.auth import oauth
from ev_energy_async.auth.token import OAuthClient, Token, check_token, origin_of

if TYPE_CHECKING:
    from ev_energy_async.auth.grant import OnToken
    from ev_energy_async.auth.stores import TokenStore
    from ev_energy_async.messages import Request

__all__ = ["RefreshToken"]


@attrs.frozen
class RefreshToken:
    """A refresh token that you obtained elsewhere (RFC 6749, section 6), for one user.

    Attributes:
        client_id: ID of the OAuth application.
        refresh_token: The refresh token to begin with. Later ones are taken from the store; a store that holds a token
            of another refresh token begins again with this one.
        client_secret: The application's secret; None for a public client.
        token_url: Token endpoint; None for the one beside the client's base URL.
        store: Where tokens are stored between runs and shared between processes; None to keep them in the client.
        on_token: Called with each new token, after all locks are released: store it, refresh token and all.
    """

    client_id: str
    refresh_token: str = attrs.field(repr=False)
    client_secret: str | None = attrs.field(default=None, repr=False)
    token_url: str | None = attrs.field(default=None, kw_only=True)
    store: TokenStore | None = attrs.field(default=None, kw_only=True)
    on_token: OnToken | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        check_token("client_id", self.client_id)
        check_token("refresh_token", self.refresh_token)
        if self.client_secret is not None:
            check_token("client_secret", self.client_secret)

    @property
    def client(self) -> OAuthClient:
        """The OAuth application."""
        return OAuthClient(self.client_id, self.client_secret)

    @property
    def for_application(self) -> bool:
        """False: the token stands for one user."""
        return False

    @property
    def origin(self) -> str:
        """Fingerprint of the refresh token to begin with."""
        return origin_of(self.refresh_token)

    def latest_refresh(self, token: Token | None) -> str:
        """Return the refresh token to use next."""
        latest = token.refresh_token if token is not None else None
        return latest or self.refresh_token

    def request(self, token: Token | None) -> Request[Any]:
        """Return the request for a new token."""
        return oauth.refresh_request(self.client, self.latest_refresh(token))
