"""Callers: the token behind each request, and the request limit that it counts against."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from math import ceil

import attrs

from ev_energy_async.sandbox.instants import Instant
from ev_energy_async.sandbox.oauth import Token, TokenIssuer
from ev_energy_async.sandbox.protocol import Request
from ev_energy_async.sandbox.server.limits import RollingWindow


@attrs.define
class Caller:
    """The caller of a request."""

    token: Token | None
    presented: bool
    """Whether the request carried a token, valid or not."""
    window: RollingWindow

    @property
    def rejected(self) -> bool:
        """Whether the token that was sent is not valid."""
        return self.presented and self.token is None


class Callers:
    """Identifies callers and keeps their request limits: one per application and user, one per address."""

    def __init__(
        self, tokens: TokenIssuer, *, rate_limit: int, anonymous_limit: int, speed: Callable[[], float]
    ) -> None:
        self.rate_limit = rate_limit
        self.anonymous_limit = anonymous_limit
        self._tokens = tokens
        self._speed = speed
        self._windows: OrderedDict[tuple[str, str | None], RollingWindow] = OrderedDict()

    def identify(self, request: Request, now: Instant) -> Caller:
        """Return the caller of a request; an expired or revoked token still counts against its owner's limit."""
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        presented = bool(scheme)
        token = self._tokens.find(text.strip()) if scheme.lower() == "bearer" else None
        if token is None:
            return Caller(None, presented, self._window(("", request.remote), self.anonymous_limit))
        window = self._window((token.client_id, token.user_id), self.rate_limit)
        return Caller(token if token.valid(now) else None, presented, window)

    def expire(self, request: Request, now: Instant) -> None:
        """Expire the token that a request carries."""
        caller = self.identify(request, now)
        if caller.token is not None:
            caller.token.expires_at = now

    def windows(self) -> Iterator[tuple[str, RollingWindow]]:
        """Yield the name and the request limit of each caller, the latest first."""
        for (application, who), window in reversed(self._windows.items()):
            yield (
                f"{application} for {who}" if application and who else application or f"without a token, {who}",
                window,
            )

    def told_seconds(self, seconds: int) -> int:
        """Convert seconds of the sandbox to seconds of the client's clock, rounded up."""
        return ceil(seconds / self._speed())

    def _window(self, key: tuple[str, str | None], limit: int) -> RollingWindow:
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = RollingWindow(limit)
            if len(self._windows) > self._tokens.kept:
                self._windows.popitem(last=False)
        else:
            self._windows.move_to_end(key)
        return window
