"""The authorization-code grant (RFC 6749, section 4.1), with PKCE (RFC 7636) or a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar, Unpack, overload
from urllib.parse import SplitResult, urlsplit

import attrs

import ev_energy_async  # the facade: `login` returns a client
from ev_energy_async.auth import oauth
from ev_energy_async.auth.token import OAuthClient, Token, check_scopes, check_token, origin_of
from ev_energy_async.errors import AuthError, InvalidArgument
from ev_energy_async.masking import Secret
from ev_energy_async.urls import BASE_URL, beside, split_http_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ev_energy_async.auth.grant import Auth, Grant, OnToken
    from ev_energy_async.auth.oauth import AuthorizationRequest
    from ev_energy_async.auth.stores import TokenStore
    from ev_energy_async.messages import Request


__all__ = ["AuthorizationCode"]


class Parent(Protocol):
    """A client that users log in through."""

    def with_auth(self, auth: Auth | Grant | None, *, label: str | None = None) -> Self:
        """Return a view with a token of its own."""
        ...

    async def authenticate(self) -> None:
        """Obtain the access token now."""
        ...

    async def close(self) -> None:
        """Close the client or view."""
        ...


C = TypeVar("C", bound=Parent)


@attrs.frozen
class AuthorizationCode:
    """The authorization-code grant (RFC 6749, section 4.1): a user consents in the browser, with PKCE or a secret.

    Each user has a rate-limit bucket of their own.

    Example:
        >>> app = AuthorizationCode("my-client-id", redirect_uri="https://app.example.com/callback")
        >>> pending = app.begin()                      # send the browser to pending.url, keep `pending`
        >>> async with await app.login(pending, callback_url) as ev:   # doctest: +SKIP
        ...     vehicles = await ev.vehicles.list().all()

    Later, with a `store` that holds the token, `EvEnergy(app)` resumes from it.

    Attributes:
        client_id: ID of the OAuth application.
        client_secret: Its secret; None for a public client, which proves itself by PKCE.
        redirect_uri: Where the browser comes back to; registered with the application.
        scopes: Scopes to request.
        base_url: Base URL of the API.
        authorize_url: Where the browser is sent; None for the consent page beside the base URL.
        token_url: Token endpoint; None for the one beside the base URL: this one, if it is given, or the client's.
        store: Where tokens are stored between runs and shared between processes; None to keep them in the client.
        on_token: Called with each new token, after all locks are released: store it, refresh token and all.
    """

    client_id: str
    client_secret: str | None = attrs.field(default=None, repr=False)
    redirect_uri: str = attrs.field(kw_only=True)
    scopes: Sequence[str] = attrs.field(default=(), kw_only=True)
    base_url: str = attrs.field(default=BASE_URL, kw_only=True)
    authorize_url: str | None = attrs.field(default=None, kw_only=True)
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
        for name, url in (("base_url", self.base_url), ("authorize_url", self.authorize_url)):
            if url is not None and split_http_url(url) is None:
                raise InvalidArgument(name, url, "an absolute http(s) URL")
        parts = _split("redirect_uri", self.redirect_uri)
        # RFC 6749, section 3.1.2; apps have addresses without a host, as in `com.example.app:/callback` (RFC 8252).
        if not parts.scheme or not (parts.netloc or parts.path) or parts.fragment:
            raise InvalidArgument("redirect_uri", self.redirect_uri, "an absolute URI without a fragment")
        if self.token_url is None and self.base_url != BASE_URL:
            object.__setattr__(self, "token_url", beside(self.base_url, oauth.TOKEN_PATH))

    @property
    def client(self) -> OAuthClient:
        """The OAuth application."""
        return OAuthClient(self.client_id, self.client_secret)

    @property
    def for_application(self) -> bool:
        """False: the token stands for the user who consented."""
        return False

    @property
    def origin(self) -> str | None:
        """Fingerprint of the consent to begin with; None if there is none."""
        return None if self.code is None else origin_of(self.code)

    def latest_refresh(self, token: Token | None) -> str | None:
        """Return the refresh token to use next; None if the server gave none."""
        return token.refresh_token if token is not None else None

    def begin(self) -> AuthorizationRequest:
        """Return a new request for a user's consent: where to send the browser, and what to keep until it is back."""
        url = beside(self.base_url, oauth.AUTHORIZE_PATH) if self.authorize_url is None else self.authorize_url
        return oauth.authorization_request(self.client, url, self.redirect_uri, self.scopes)

    @overload
    async def login(
        self, pending: AuthorizationRequest, redirected_to: str, *, client: C, label: str | None = None
    ) -> C: ...
    @overload
    async def login(
        self,
        pending: AuthorizationRequest,
        redirected_to: str,
        *,
        client: None = None,
        **options: Unpack[ev_energy_async.ClientOptions],
    ) -> ev_energy_async.EvEnergy: ...
    async def login(
        self, pending: AuthorizationRequest, redirected_to: str, *, client: Any = None, **options: Any
    ) -> Any:
        """Trade the code that the browser brought back for a token, and return a client of that user.

        The code lives for one minute, so it is traded at once; see `redeem` for credentials without a client.

        Args:
            pending: The request that `begin` returned for this user.
            redirected_to: The full address that the browser came back with.
            client: A client to log in through, as for many users over one transport: what is returned is a view of it
                (see `EvEnergy.with_auth`), with a token and a budget of its own. None for a client of its own.
            options: Arguments of `EvEnergy`, such as `session`; beside `client` only `label`.

        Raises:
            AuthError: The user, or the server, refused.
            InvalidArgument: The address does not belong to this request: another `state`, or no code; or there are
                options beside `client`.
            ApiError: The token endpoint is in trouble.
            TransportError: There was no complete response.

        Example:
            >>> async with await app.login(pending, callback_url) as ev:  # doctest: +SKIP
            ...     me = await ev.users.get("me")

        For many users over one transport:

            >>> ev = await app.login(pending, callback_url, client=shared, label="a user")  # doctest: +SKIP
        """
        address = Secret(redirected_to)
        del redirected_to  # error trackers record the variables of a frame, and it holds the code
        if client is None:
            settings: Any = {
                "base_url": self.base_url,
                **options,
                "auth": self._redeemed(pending, address),
            }
            ev = ev_energy_async.EvEnergy(**settings)
        elif options.keys() - {"label"}:
            raise InvalidArgument("options", sorted(options), "no option but `label` beside `client`")
        else:
            ev = client.with_auth(self._redeemed(pending, address), label=options.get("label"))
        try:
            await ev.authenticate()
        except BaseException:
            await ev.close()
            raise
        return ev

    def redeem(self, pending: AuthorizationRequest, redirected_to: str) -> AuthorizationCode:
        """Return the credentials that the browser brought back; the first call trades the code, which lives a minute.

        A token of an earlier consent in the store is replaced.

        Args:
            pending: The request that `begin` returned for this user.
            redirected_to: The full address that the browser came back with.

        Raises:
            AuthError: The user, or the server, refused.
            InvalidArgument: The address does not belong to this request: another `state`, or no code.
        """
        address = Secret(redirected_to)
        del redirected_to  # error trackers record the variables of a frame, and it holds the code
        return self._redeemed(pending, address)

    def _redeemed(self, pending: AuthorizationRequest, redirected_to: Secret[str]) -> AuthorizationCode:
        return attrs.evolve(self, pending=pending, code=oauth.read_redirect(pending, redirected_to))

    def request(self, token: Token | None) -> Request[Any]:
        """Return the request for a new token: by refresh token if there is one, else by the code.

        Raises:
            AuthError: There is neither.
        """
        refresh_token = self.latest_refresh(token)
        if refresh_token is not None:
            return oauth.refresh_request(self.client, refresh_token)
        if self.pending is None or self.code is None:
            raise AuthError("no_consent", "no token is stored and no user has consented: call `begin`, then `login`")
        return oauth.code_request(self.client, self.pending, self.code)


def _split(argument: str, url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:  # as for a malformed host
        raise InvalidArgument(argument, url, "an absolute URL") from error
