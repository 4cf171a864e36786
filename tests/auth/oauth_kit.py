"""An authorization server without a socket: it knows each code and refresh token, and minds when one comes twice.

Tests reach it through the exchange function of a `TokenSource`, through the mocked network, or behind a real socket.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

import attrs

from ev_energy_async import AuthorizationCode, ClientCredentials, RefreshToken, Response
from ev_energy_async.auth.oauth import REVOKE_PATH
from ev_energy_async.auth.source import TokenSource
from ev_energy_async.messages import Retry
from tests.conftest import Answer

if TYPE_CHECKING:
    import pytest

    from ev_energy_async import Request, TokenStore
    from ev_energy_async.auth.grant import OnToken
    from ev_energy_async.messages.request import RawResponse
    from tests.conftest import FakeClock, Network, Sent

SECRET: Final = "s3cr3t-0f-the-tests"
CALLBACK: Final = "https://app.example.com/callback?from=ev"
LIFE: Final = 36_000
TOKEN_URL: Final = "https://api.ev.energy/o/token/"
REVOKE_URL: Final = "https://api.ev.energy/o/revoke_token/"
UNAVAILABLE: Final = (503, b"<html>Back soon</html>")
REFUSED: Final = (400, b'{"error": "invalid_grant", "error_description": "Revoked."}')
APP: Final = AuthorizationCode("my-id", SECRET, redirect_uri=CALLBACK)
APPS: Final = {"secret": APP, "PKCE": AuthorizationCode("my-id", redirect_uri=CALLBACK, scopes=["vehicle:read"])}
ONCE: Final = Retry(attempts=1)


def consent(code: str = "code-0") -> AuthorizationCode:
    """The settings of a user who has consented."""
    pending = APP.begin()
    return attrs.evolve(APP, pending=pending, code=code)


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    """Level and text of what the package has logged; asyncio may complain of a slow machine besides."""
    records = [record for record in caplog.records if record.name.startswith("ev_energy_async")]
    return [(record.levelno, record.getMessage()) for record in records]


async def settle() -> None:
    """Let everybody go as far as they come."""
    for _ in range(20):
        await asyncio.sleep(0)


class AuthServer:
    """Gives out `access-1`, `access-2` and so on, with `refresh-1`, `refresh-2` and so on.

    Args:
        lifetime: What it says of each token's life; None for nothing.
        rotates: Whether each refresh brings a new refresh token and spends the one before.
        gives_refresh: Whether a code buys a refresh token.

    Attributes:
        forms: What was posted to the token endpoint.
        revocations: What was posted to the revocation endpoint.
        issued: How many tokens were given out.
        codes: Codes that can be traded.
        refresh_tokens: Refresh tokens that are good.
        reused: Codes and refresh tokens that came although they were spent or never given out.
        instead: Answers to give before anything else: status and body.
        go: Answers wait until it is set, as it is at first; what they say is settled before.
    """

    def __init__(self, *, lifetime: object = 36_000, rotates: bool = True, gives_refresh: bool = True) -> None:
        self.lifetime = lifetime
        self.rotates = rotates
        self.gives_refresh = gives_refresh
        self.forms: list[dict[str, str]] = []
        self.revocations: list[dict[str, str]] = []
        self.issued: int = 0
        self.codes = {"code-0"}
        self.refresh_tokens = {"refresh-0"}
        self.reused: list[str] = []
        self.instead: list[tuple[int, bytes]] = []
        self.go = asyncio.Event()
        self.go.set()

    def answer(self, path: str, body: bytes | None) -> tuple[int, bytes]:
        """The status and body of an answer to a form."""
        form = dict(parse_qsl((body or b"").decode(), strict_parsing=True))
        if path == REVOKE_PATH:
            self.revocations.append(form)
            if not self.instead:
                self.refresh_tokens.discard(form["token"])
            return self.instead.pop(0) if self.instead else (200, b"")
        self.forms.append(form)
        if self.instead:
            return self.instead.pop(0)
        refresh_token: str | None = None
        if form["grant_type"] != "client_credentials":
            kind, good = {
                "authorization_code": ("code", self.codes),
                "refresh_token": ("refresh_token", self.refresh_tokens),
            }[form["grant_type"]]
            if form[kind] not in good:
                self.reused.append(form[kind])
                return 400, b'{"error": "invalid_grant", "error_description": "Expired, or used before."}'
            if kind == "code":
                self.codes.discard(form["code"])
                refresh_token = f"refresh-{self.issued + 1}" if self.gives_refresh else None
            elif self.rotates:
                self.refresh_tokens.discard(form["refresh_token"])
                refresh_token = f"refresh-{self.issued + 1}"
        self.issued += 1
        answer: dict[str, Any] = {"access_token": f"access-{self.issued}", "token_type": "Bearer"}
        if refresh_token is not None:
            self.refresh_tokens.add(refresh_token)
            answer["refresh_token"] = refresh_token
        if self.lifetime is not None:
            answer["expires_in"] = self.lifetime
        return 200, json.dumps(answer).encode()

    async def exchange(self, request: Request[Any]) -> RawResponse:
        """Answer a request of a `TokenSource`."""
        status, body = self.answer(request.path, request.body)
        await self.go.wait()
        shown, headers = request.without_secrets(), {"Content-Type": "application/json"}
        return Response(shown, f"https://api.ev.energy{request.path}", status, headers, body, body)

    def source(
        self,
        clock: FakeClock,
        grant: AuthorizationCode | ClientCredentials | RefreshToken | None = None,
        *,
        store: TokenStore | None = None,
        on_token: OnToken | None = None,
    ) -> TokenSource:
        """A source of this server's tokens, of `refresh-0` unless told otherwise."""
        grant = RefreshToken("my-id", "refresh-0", SECRET) if grant is None else grant
        grant = attrs.evolve(grant, store=store, on_token=on_token)
        return TokenSource(grant, self.exchange, clock)


class Service(AuthServer):
    """An authorization server on a network, and an API that takes its newest token alone."""

    def __init__(self, network: Network, **options: Any) -> None:
        super().__init__(**options)
        self.network = network
        network.handle("POST", TOKEN_URL, self._reply)
        network.handle("POST", REVOKE_URL, self._reply)
        network.handle("GET", "/regions", self._serve)
        network.handle("POST", "/vehicles", lambda _: Answer({"id": "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"}, 201))

    def _reply(self, sent: Sent) -> Answer:
        status, body = self.answer(sent.url.removeprefix("https://api.ev.energy"), sent.body)
        kind = "application/json" if body.startswith(b"{") else "text/html"
        return Answer(status=status, body=body, content_type=kind)

    def _serve(self, sent: Sent) -> Answer:
        is_newest = sent.headers.get("Authorization") == f"Bearer access-{self.issued}"
        return Answer([]) if is_newest else Answer({"title": "Expired"}, 401)

    @property
    def calls(self) -> list[Sent]:
        """Return the requests that reached the API."""
        return [sent for sent in self.network.sent if "/v2/" in sent.url]

    def expire(self) -> None:
        """Take no token any more that was given out so far."""
        self.issued += 1


def consented(app: AuthorizationCode, service: AuthServer, code: str = "a-code/&") -> AuthorizationCode:
    """The settings after a user has consented."""
    service.codes.add(code)
    pending = app.begin()
    url = f"{CALLBACK}&code={code.replace('/', '%2F').replace('&', '%26')}&state={pending.state}"
    return app.redeem(pending, url)


async def in_use(source: TokenSource, clock: FakeClock, left: float) -> str:
    """A token that has so many seconds left."""
    token = await source.access_token()
    clock.advance(LIFE - left)
    return token
