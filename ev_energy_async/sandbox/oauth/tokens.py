"""What the sandbox's OAuth server has given out: access tokens, refresh tokens, authorization codes. No I/O.

Time comes in as an argument. What one user allowed once is a `Consent`; everything issued for it falls with it.
"""

from collections import OrderedDict
from collections.abc import Iterable
from secrets import token_urlsafe
from typing import Final, TypeVar

import attrs

from ev_energy_async.sandbox.instants import SECOND, Instant

CODE_SECONDS: Final = 60
"""How long an authorization code is good for, by the client's clock."""

_KEPT: Final = 10_000
_BYTES: Final = 24

K = TypeVar("K")
V = TypeVar("V")


@attrs.frozen
class Application:
    """The one application that the sandbox knows."""

    client_id: str
    client_secret: str
    redirect_uris: tuple[str, ...] = ()
    """Where users may be sent back to, each compared as a whole."""


@attrs.define(eq=False)
class Consent:
    """What one user allowed the application once: the family of all that was issued for it."""

    user_id: str
    scopes: frozenset[str]
    public: bool = False
    """Whether the client proved itself by PKCE alone, without its secret."""
    revoked: bool = False


@attrs.define(eq=False)
class Token:
    """An access token: whom it stands for, what it may do, how long."""

    text: str = attrs.field(repr=False)
    client_id: str
    user_id: str | None
    """The user who granted it; None for the application's own."""
    scopes: frozenset[str]
    expires_at: Instant
    consent: Consent | None = None
    revoked: bool = False

    def valid(self, now: Instant) -> bool:
        """Whether it still opens anything."""
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


class TokenIssuer:
    """Gives out tokens and codes and knows them again."""

    def __init__(
        self,
        application: Application,
        scopes: frozenset[str],
        lifetime_seconds: float,
        *,
        refresh_lifetime_seconds: float | None = None,
        speed: float = 1.0,
    ) -> None:
        """An issuer for one application.

        Args:
            application: whom it knows.
            scopes: every scope there is.
            lifetime_seconds: how long an access token is valid, in seconds of the sandbox.
            refresh_lifetime_seconds: the same for a refresh token; None is for ever.
            speed: how many seconds of the sandbox pass in one of the client's.
        """
        self.application = application
        self.scopes = scopes
        self.lifetime_seconds = lifetime_seconds
        self.refresh_lifetime_seconds = refresh_lifetime_seconds
        self.speed = speed
        self._tokens: OrderedDict[str, Token] = OrderedDict()
        self._refresh_tokens: OrderedDict[str, RefreshToken] = OrderedDict()
        self._codes: OrderedDict[str, Code] = OrderedDict()

    @property
    def expires_in(self) -> int:
        """How long an access token is valid, as the client is told: in seconds of its own clock."""
        return max(1, int(self.lifetime_seconds / self.speed))

    def issue(
        self,
        now: Instant,
        *,
        scopes: Iterable[str] | None = None,
        user_id: str | None = None,
        consent: Consent | None = None,
    ) -> Token:
        """A new access token, by default with every scope and for the application itself."""
        token = Token(
            token_urlsafe(_BYTES),
            self.application.client_id,
            user_id,
            self.scopes if scopes is None else frozenset(scopes),
            now + round(self.lifetime_seconds * SECOND),
            consent,
        )
        _keep(self._tokens, token.text, token)
        return token

    def issue_refresh(self, now: Instant, consent: Consent, scopes: frozenset[str]) -> RefreshToken:
        """A new refresh token of a consent."""
        seconds = self.refresh_lifetime_seconds
        expires_at = None if seconds is None else now + round(seconds * SECOND)
        token = RefreshToken(token_urlsafe(_BYTES), consent, scopes, expires_at)
        _keep(self._refresh_tokens, token.text, token)
        return token

    def issue_code(self, now: Instant, consent: Consent, *, redirect_uri: str | None, challenge: str | None) -> Code:
        """A new authorization code of a consent."""
        expires_at = now + round(CODE_SECONDS * self.speed * SECOND)
        code = Code(token_urlsafe(_BYTES), consent, redirect_uri, challenge, expires_at)
        _keep(self._codes, code.text, code)
        return code

    def find(self, text: str) -> Token | None:
        """The access token of that text, valid or not."""
        return self._tokens.get(text)

    def find_refresh(self, text: str) -> RefreshToken | None:
        """The refresh token of that text, valid or not."""
        return self._refresh_tokens.get(text)

    def find_code(self, text: str) -> Code | None:
        """The authorization code of that text, valid or not."""
        return self._codes.get(text)


def _keep(shelf: OrderedDict[K, V], key: K, value: V) -> None:
    shelf[key] = value
    if len(shelf) > _KEPT:
        shelf.popitem(last=False)
