"""The client-credentials grant (RFC 6749, section 4.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from ev_energy_async.auth import oauth
from ev_energy_async.auth.token import OAuthClient, Token, check_scopes, check_token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ev_energy_async.auth.grant import OnToken
    from ev_energy_async.auth.stores import TokenStore
    from ev_energy_async.messages import Request

__all__ = ["ClientCredentials"]


@attrs.frozen
class ClientCredentials:
    """The client-credentials grant (RFC 6749, section 4.4): the token stands for an individual or an organisation.

    All requests of the application share one rate-limit bucket.

    Attributes:
        client_id: ID of the OAuth application.
        client_secret: Its secret.
        token_url: Token endpoint; None for the one beside the client's base URL.
        scopes: Scopes to request; empty for all that the application has.
        store: Where the token is stored, to be shared between processes; None to keep it in the client.
        on_token: Called with each new token, after all locks are released.
    """

    client_id: str
    client_secret: str = attrs.field(repr=False)
    token_url: str | None = attrs.field(default=None, kw_only=True)
    scopes: Sequence[str] = attrs.field(default=(), kw_only=True)
    store: TokenStore | None = attrs.field(default=None, kw_only=True)
    on_token: OnToken | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        check_token("client_id", self.client_id)
        check_token("client_secret", self.client_secret)
        check_scopes(self.scopes)

    @property
    def client(self) -> OAuthClient:
        """The OAuth application."""
        return OAuthClient(self.client_id, self.client_secret)

    @property
    def for_application(self) -> bool:
        """True: the token stands for the application."""
        return True

    @property
    def origin(self) -> None:
        """None: the credentials are good for any number of tokens."""
        return

    def latest_refresh(self, token: Token | None) -> str | None:
        """Return the refresh token of a token; there should be none (RFC 6749, section 4.4.3)."""
        return token.refresh_token if token is not None else None

    def request(self, token: Token | None) -> Request[Any]:  # noqa: ARG002  # the credentials are all it takes
        """Return the request for a new token."""
        return oauth.credentials_request(self.client, self.scopes)
