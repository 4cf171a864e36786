"""The tokens and authorization codes that the sandbox's OAuth server has issued. No I/O.

Time comes in as an argument. What one user allowed once is a `Consent`; everything issued for it falls with it.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import timedelta
from secrets import token_urlsafe
from typing import Final, TypeVar

import attrs

from ev_energy_async.sandbox.instants import SECOND, Instant

CODE_SECONDS: Final = 60
"""The lifetime of an authorization code, in seconds of the client's clock."""

REDIRECT_URIS: Final = ("http://127.0.0.1:8080/callback", "http://localhost:8080/callback")
"""The redirect URIs that are registered by default."""

KEPT: Final = 100_000
"""The number of tokens of each kind kept by default."""
_BYTES: Final = 24
_LONGEST_LIFETIME: Final = 10e9  # seconds, three centuries

V = TypeVar("V")


@attrs.frozen
class Application:
    """The one application that the sandbox knows."""

    client_id: str
    client_secret: str
    redirect_uris: tuple[str, ...] = ()
    """The registered redirect URIs, compared as complete strings."""


@attrs.define(eq=False)
class Consent:
    """A user's consent to the application; every token issued for it shares its fate."""

    user_id: str
    scopes: frozenset[str]
    public: bool = False
    """Whether the client proved itself by PKCE alone, without its secret."""
    revoked: bool = False


@attrs.define(eq=False)
class Token:
    """An access token, with its user, scopes and lifetime."""

    text: str = attrs.field(repr=False)
    client_id: str
    user_id: str | None
    """The user who granted it; None for the application's own."""
    scopes: frozenset[str]
    expires_at: Instant
    consent: Consent | None = None
    revoked: bool = False

    def valid(self, now: Instant) -> bool:
        """Return whether the token is valid at a moment."""
        return not self.revoked and now < self.expires_at and not (self.consent and self.consent.revoked)


@attrs.define(eq=False)
class RefreshToken:
    """A refresh token, good for one use."""

    text: str = attrs.field(repr=False)
    consent: Consent
    scopes: frozenset[str]
    expires_at: Instant | None
    spent: bool = False


@attrs.define(eq=False)
class Code:
    """An authorization code, good for one use."""

    text: str = attrs.field(repr=False)
    consent: Consent
    redirect_uri: str | None
    """As the authorization request named it; None if it did not."""
    challenge: str | None
    """The PKCE challenge (RFC 7636), if there was one."""
    expires_at: Instant
    spent: bool = False


def lifetime_seconds(lifetime: float | timedelta) -> float:
    """Return the lifetime of a token in seconds.

    Raises:
        ValueError: it is negative, or longer than three centuries.
    """
    seconds = lifetime.total_seconds() if isinstance(lifetime, timedelta) else lifetime
    if not 0 <= seconds <= _LONGEST_LIFETIME:
        raise ValueError(f"a token's lifetime is from 0 to {_LONGEST_LIFETIME:,.0f} seconds, not {lifetime}")
    return seconds


class TokenIssuer:
    """Issues tokens and codes, and recognises them."""

    def __init__(
        self,
        application: Application,
        scopes: frozenset[str],
        lifetime_seconds: float,
        *,
        refresh_lifetime_seconds: float | None = None,
        kept: int = KEPT,
        speed: Callable[[], float] = lambda: 1.0,
    ) -> None:
        """Make an issuer for one application.

        Args:
            application: the one client.
            scopes: all scopes of the API.
            lifetime_seconds: the lifetime of an access token, in seconds of the sandbox.
            refresh_lifetime_seconds: the same for a refresh token; None never expires.
            kept: the number of tokens of each kind kept; older ones are forgotten.
            speed: returns the sandbox's seconds per second of the client.
        """
        self.application = application
        self.scopes = scopes
        self.lifetime_seconds = lifetime_seconds
        self.refresh_lifetime_seconds = refresh_lifetime_seconds
        self.kept = kept
        self._speed = speed
        self._tokens: OrderedDict[str, Token] = OrderedDict()
        self._refresh_tokens: OrderedDict[str, RefreshToken] = OrderedDict()
        self._codes: OrderedDict[str, Code] = OrderedDict()

    @property
    def expires_in(self) -> int:
        """Return the lifetime of an access token in seconds of the client's clock, as `expires_in` reports it."""
        return max(1, int(self.lifetime_seconds / self._speed()))

    def issue(
        self,
        now: Instant,
        *,
        scopes: Iterable[str] | None = None,
        user_id: str | None = None,
        consent: Consent | None = None,
    ) -> Token:
        """Return a new access token, by default with every scope and for the application itself."""
        token = Token(
            token_urlsafe(_BYTES),
            self.application.client_id,
            user_id,
            self.scopes if scopes is None else frozenset(scopes),
            now + round(self.lifetime_seconds * SECOND),
            consent,
        )
        self._keep(self._tokens, token.text, token)
        return token

    def issue_refresh(self, now: Instant, consent: Consent, scopes: frozenset[str]) -> RefreshToken:
        """Return a new refresh token of a consent."""
        seconds = self.refresh_lifetime_seconds
        expires_at = None if seconds is None else now + round(seconds * SECOND)
        token = RefreshToken(token_urlsafe(_BYTES), consent, scopes, expires_at)
        self._keep(self._refresh_tokens, token.text, token)
        return token

    def issue_code(self, now: Instant, consent: Consent, *, redirect_uri: str | None, challenge: str | None) -> Code:
        """Return a new authorization code of a consent."""
        expires_at = now + round(CODE_SECONDS * self._speed() * SECOND)
        code = Code(token_urlsafe(_BYTES), consent, redirect_uri, challenge, expires_at)
        self._keep(self._codes, code.text, code)
        return code

    def find(self, text: str) -> Token | None:
        """Return the access token of that text, valid or not."""
        return self._tokens.get(text)

    def find_refresh(self, text: str) -> RefreshToken | None:
        """Return the refresh token of that text, valid or not."""
        return self._refresh_tokens.get(text)

    def find_code(self, text: str) -> Code | None:
        """Return the authorization code of that text, valid or not."""
        return self._codes.get(text)

    def _keep(self, shelf: OrderedDict[str, V], key: str, value: V) -> None:
        shelf[key] = value
        if len(shelf) > self.kept:
            shelf.popitem(last=False)
