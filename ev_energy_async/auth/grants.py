"""How a client is allowed in: the grants of OAuth 2.0 that the API knows, and tokens from elsewhere.

These are settings, as plain values that show no secret; the client makes a `TokenSource` of them. A token source sends
its requests beside the client's base URL unless a grant names other addresses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, runtime_checkable
from urllib.parse import SplitResult, urlsplit

import attrs

from ev_energy_async.auth import oauth
from ev_energy_async.auth.oauth import AuthorizationRequest, Client, Token, check_scopes, check_token
from ev_energy_async.errors import AuthError, InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ev_energy_async.auth.source import OnToken
    from ev_energy_async.auth.stores import TokenStore
    from ev_energy_async.messages import Request

__all__ = ["Auth", "AuthorizationCode", "ClientCredentials", "Credentials", "RefreshToken", "StaticToken"]

_AUTHORIZE_URL: Final = "https://api.ev.energy" + oauth.AUTHORIZE_PATH


@runtime_checkable
class Auth(Protocol):
    """What can give a client its access token; any object with this method will do.

    What it raises passes through to the caller untouched.
    """

    async def access_token(self, *, rejected: str | None = None) -> str:
        """Return an access token.

        Args:
            rejected: The token that the API just refused with 401; None if none was.
        """
        ...


@attrs.frozen
class StaticToken:
    """A token that you have from elsewhere. A 401 under it is `Unauthorized`: there is no other to be had.

    Attributes:
        token: The access token.
    """

    token: str = attrs.field(repr=False)

    def __attrs_post_init__(self) -> None:
        check_token("token", self.token)

    async def access_token(self, *, rejected: str | None = None) -> str:  # noqa: ARG002  # there is no other token
        """Return the token."""
        return self.token


@attrs.frozen
class ClientCredentials:
    """The client-credentials grant (RFC 6749, section 4.4): the token stands for an individual or an organisation.

    All requests of the application share one bucket of requests.

    Attributes:
        client_id: ID of the OAuth application.
        client_secret: Its secret.
        token_url: Token endpoint; None for the one beside the client's base URL.
        scopes: Scopes to ask for; none for all that the application has.
        store: Where the token is kept, to be shared between processes; None to keep it in the client.
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
    def client(self) -> Client:
        """The OAuth client."""
        return Client(self.client_id, self.client_secret)

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


@attrs.frozen
class RefreshToken:
    """A refresh token that you have from elsewhere (RFC 6749, section 6), for one user.

    Attributes:
        client_id: ID of the OAuth application.
        refresh_token: The refresh token. What the store has in its place by now is used instead; a store that holds
            a token of another one begins anew with this.
        client_secret: The application's secret; None for a public client.
        token_url: Token endpoint; None for the one beside the client's base URL.
        store: Where tokens are kept between runs and shared between processes; None to keep them in the client.
        on_token: Called with each new token, after all locks are released: keep its `refresh_token`.
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
    def client(self) -> Client:
        """The OAuth client."""
        return Client(self.client_id, self.client_secret)

    @property
    def origin(self) -> str:
        """What tells its tokens from those of another refresh token."""
        return oauth.origin_of(self.refresh_token)

    def latest_refresh(self, token: Token | None) -> str:
        """Return the refresh token to use next."""
        latest = token.refresh_token if token is not None else None
        return latest or self.refresh_token

    def request(self, token: Token | None) -> Request[Any]:
        """Return the request for a new token."""
        return oauth.refresh_request(self.client, self.latest_refresh(token))


@attrs.frozen
class AuthorizationCode:
    """The authorization-code grant (RFC 6749, section 4.1): a user consents in the browser, with PKCE or a secret.

    Each user has a bucket of requests of their own.

    Example:
        >>> app = AuthorizationCode("my-client-id", redirect_uri="https://app.example.com/callback")
        >>> pending = app.begin()                      # send the browser to pending.url, keep `pending`
        >>> auth = app.redeem(pending, callback_url)   # doctest: +SKIP
        >>> async with EvEnergy(auth) as ev: ...       # doctest: +SKIP

    Later, with a `store` that holds the token, `EvEnergy(app)` goes on from there.

    Attributes:
        client_id: ID of the OAuth application.
        client_secret: Its secret; None for a public client, which proves itself by PKCE.
        redirect_uri: Where the browser comes back to; registered with the application.
        scopes: Scopes to ask for.
        authorize_url: Where the browser is sent to.
        token_url: Token endpoint; None for the one beside the client's base URL.
        store: Where tokens are kept between runs and shared between processes; None to keep them in the client.
        on_token: Called with each new token, after all locks are released: keep its `refresh_token`.
    """

    client_id: str
    client_secret: str | None = attrs.field(default=None, repr=False)
    redirect_uri: str = attrs.field(kw_only=True)
    scopes: Sequence[str] = attrs.field(default=(), kw_only=True)
    authorize_url: str = attrs.field(default=_AUTHORIZE_URL, kw_only=True)
    token_url: str | None = attrs.field(default=None, kw_only=True)
    store: TokenStore | None = attrs.field(default=None, kw_only=True)
    on_token: OnToken | None = attrs.field(default=None, kw_only=True)
    pending: AuthorizationRequest | None = attrs.field(default=None, kw_only=True, repr=False)
    code: str | None = attrs.field(default=None, kw_only=True, repr=False)

    def __attrs_post_init__(self) -> None:
        check_token("client_id", self.client_id)
        if self.client_secret is not None:
            check_token("client_secret", self.client_secret)
        check_scopes(self.scopes)
        parts = _split("authorize_url", self.authorize_url)
        if not parts.scheme or not parts.netloc:
            raise InvalidArgument("authorize_url", self.authorize_url, "an absolute URL")
        parts = _split("redirect_uri", self.redirect_uri)
        # RFC 6749, section 3.1.2; apps have addresses without a host, as in `com.example.app:/callback` (RFC 8252).
        if not parts.scheme or not (parts.netloc or parts.path) or parts.fragment:
            raise InvalidArgument("redirect_uri", self.redirect_uri, "an absolute URI without a fragment")

    @property
    def client(self) -> Client:
        """The OAuth client."""
        return Client(self.client_id, self.client_secret)

    @property
    def origin(self) -> str | None:
        """What tells the tokens of this consent from those of another; None if there is no consent to begin with."""
        return None if self.code is None else oauth.origin_of(self.code)

    def latest_refresh(self, token: Token | None) -> str | None:
        """Return the refresh token to use next; None if the server gave none."""
        return token.refresh_token if token is not None else None

    def begin(self) -> AuthorizationRequest:
        """Return a new request for a user's consent: where to send the browser, and what to keep until it is back."""
        return oauth.authorization_request(self.client, self.authorize_url, self.redirect_uri, self.scopes)

    def redeem(self, pending: AuthorizationRequest, redirected_to: str) -> AuthorizationCode:
        """Return the credentials that the browser brought back; the first call trades the code, which lives a minute.

        What a store holds of an earlier consent gives way to this one.

        Args:
            pending: What `begin` returned for this user.
            redirected_to: The whole address that the browser came back with.

        Raises:
            AuthError: The user, or the server, said no.
            InvalidArgument: It does not answer this request: another `state`, or no code.
        """
        return attrs.evolve(self, pending=pending, code=oauth.read_redirect(pending, redirected_to))

    def request(self, token: Token | None) -> Request[Any]:
        """Return the request for a new token: by the refresh token there is, else by the code.

        Raises:
            AuthError: There is neither.
        """
        refresh_token = self.latest_refresh(token)
        if refresh_token is not None:
            return oauth.refresh_request(self.client, refresh_token)
        if self.pending is None or self.code is None:
            raise AuthError("no_consent", "no token is kept, and no user has consented: `begin`, then `redeem`")
        return oauth.code_request(self.client, self.pending, self.code)


def _split(argument: str, url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:  # as for a host that is none
        raise InvalidArgument(argument, url, "an absolute URL") from error


Credentials: TypeAlias = ClientCredentials | RefreshToken | AuthorizationCode
"""Settings that a client makes a token source of."""
