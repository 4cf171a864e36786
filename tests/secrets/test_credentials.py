"""No secret is shown by credentials, nor when they are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

import pytest

from ev_energy_async import (
    AuthError,
    AuthorizationCode,
    ClientCredentials,
    EvEnergyError,
    InvalidArgument,
    RefreshToken,
    StaticToken,
    Unauthorized,
)
from ev_energy_async.testing.mock_api import Answer
from ev_energy_async.webhooks import WebhookVerifier

from .planted import (
    API,
    CALLS,
    CLIENT_SECRET,
    CODE,
    HOST,
    REFRESH_TOKEN,
    TOKEN,
    WEBHOOK_SECRET,
    Listener,
    check,
    client,
    found_in,
    outcome,
    quoting,
    texts_of,
)

if TYPE_CHECKING:
    from ev_energy_async.auth import Grant
    from ev_energy_async.testing import MockApi, Sent

APP: Final = AuthorizationCode("an-id", CLIENT_SECRET, redirect_uri="https://app.example.com/")
PENDING: Final = APP.begin()
GRANTS: Final[dict[str, Grant]] = {
    "client credentials": ClientCredentials("an-id", CLIENT_SECRET),
    "refresh token": RefreshToken("an-id", REFRESH_TOKEN, CLIENT_SECRET),
    "refresh token of a public client": RefreshToken("an-id", REFRESH_TOKEN),
    "authorization code": APP.redeem(PENDING, f"https://app.example.com/?code={CODE}&state={PENDING.state}"),
}
SAID: Final = f"{CLIENT_SECRET} {REFRESH_TOKEN} {CODE} is wrong"
REFUSALS: Final[dict[str, Answer]] = {
    "invalid_client": Answer({"error": "invalid_client", "error_description": "Unknown client."}, 401),
    "invalid_grant": Answer({"error": "invalid_grant"}, 400),
    "an unknown error": Answer({"error": "odd"}, 400),
    "a page of a proxy": Answer(status=502, body=SAID.encode(), content_type="text/html"),
    "a page with 200": Answer(body=SAID.encode(), content_type="text/html"),
    "a token that is none": Answer({"access_token": f"{TOKEN} with a space", "refresh_token": [REFRESH_TOKEN]}),
    "no token": Answer({"refresh_token": REFRESH_TOKEN}),
}


@pytest.mark.parametrize("grant", GRANTS)
@pytest.mark.parametrize("refusal", REFUSALS)
async def test_nothing_is_texts_of_a_token_endpoint_that_refuses(
    heard: Listener, network: MockApi, grant: str, refusal: str
) -> None:
    network.handle("POST", f"{API}/o/token/", lambda _: REFUSALS[refusal])

    error = await outcome(CALLS["read"], client(GRANTS[grant]))

    assert isinstance(error, EvEnergyError)
    check(heard, network, error)


@pytest.mark.parametrize("grant", ["refresh token", "refresh token of a public client", "authorization code"])
async def test_a_refusal_that_quotes_the_grant_is_shown_without_it(
    heard: Listener, network: MockApi, grant: str
) -> None:
    def refuse(sent: Sent) -> Answer:
        given = dict(parse_qsl((sent.body or b"").decode()))
        quoted = given.get("refresh_token") or given["code"]
        return Answer({"error": "invalid_grant", "error_description": f"The grant {quoted} has ended."}, 400)

    network.handle("POST", f"{API}/o/token/", refuse)

    error = await outcome(CALLS["read"], client(GRANTS[grant]))

    assert isinstance(error, AuthError)
    assert "has ended" in str(error), "the rest of the description is missing"
    check(heard, network, error)


async def test_a_refused_token_is_not_shown(heard: Listener, network: MockApi) -> None:
    network.handle("GET", HOST, quoting(401))

    error = await outcome(CALLS["read"], client(StaticToken(TOKEN)))

    assert isinstance(error, Unauthorized)
    check(heard, network, error)


@pytest.mark.parametrize("grant", GRANTS)
def test_credentials_and_clients_hide_their_secrets_in_repr(grant: str) -> None:
    assert not found_in(repr(GRANTS[grant]) + str(GRANTS[grant]) + repr(client(GRANTS[grant])))


def test_a_malformed_secret_is_refused_without_being_shown() -> None:
    for make in (
        lambda: ClientCredentials("an-id", f"{CLIENT_SECRET}\n"),
        lambda: StaticToken(f"{TOKEN} "),
        lambda: RefreshToken("an-id", f"{REFRESH_TOKEN}\u20ac"),
        lambda: WebhookVerifier(f"{WEBHOOK_SECRET}!"),
    ):
        with pytest.raises(InvalidArgument) as raised:
            make()
        assert not [text for text in texts_of(raised.value) if found_in(text)]
