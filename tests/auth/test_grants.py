"""Complete clients under each grant: everything that goes over the wire, from the first call to the last."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

import attrs
import pytest

from ev_energy_async import (
    Auth,
    AuthError,
    ClientCredentials,
    DecodeError,
    EvEnergy,
    FileTokenStore,
    InvalidArgument,
    MemoryTokenStore,
    RefreshToken,
    ServerError,
    StaticToken,
    Token,
    Unauthorized,
)

from .oauth_kit import APPS, CALLBACK, ONCE, REVOKE_URL, SECRET, TOKEN_URL, Service, consented, settle

if TYPE_CHECKING:
    from pathlib import Path

    from ev_energy_async.auth import Grant
    from tests.conftest import FakeClock

USER: Final = "user01HN2NJ9NMRZBXT1H6FT9N7735"


# --- Each grant


@pytest.mark.parametrize("kind", APPS)
async def test_a_consent_is_traded_at_the_first_call_and_refreshed_later(
    service: Service, clock: FakeClock, kind: str
) -> None:
    auth = consented(APPS[kind], service)

    async with EvEnergy(auth, clock=clock) as ev:
        assert service.forms == []
        await ev.regions.list()
        await ev.regions.list()
        clock.advance(36_000)
        await ev.regions.list()
        clock.advance(36_000)
        await ev.regions.list()

    assert auth.pending is not None
    first, *others = service.forms
    assert (first["grant_type"], first["code"], first["redirect_uri"]) == ("authorization_code", "a-code/&", CALLBACK)
    assert first.get("code_verifier") == auth.pending.code_verifier
    assert [form["refresh_token"] for form in others] == ["refresh-1", "refresh-2"]
    for sent in service.network.sent:
        if sent.url == TOKEN_URL:
            form = dict(parse_qsl((sent.body or b"").decode()))
            is_confidential = kind == "secret"
            assert sent.headers.get("Authorization", "").startswith("Basic ") == is_confidential
            assert form.get("client_id") == (None if is_confidential else "my-id")
            assert "client_secret" not in form
    assert [sent.headers["Authorization"] for sent in service.calls] == [
        "Bearer access-1",
        "Bearer access-1",
        "Bearer access-2",
        "Bearer access-3",
    ]


@pytest.mark.parametrize("secret", [SECRET, None])
async def test_a_refresh_token_from_elsewhere_is_all_it_takes(service: Service, secret: str | None) -> None:
    async with EvEnergy(RefreshToken("my-id", "refresh-0", secret)) as ev:
        await ev.regions.list()
        service.expire()
        service.refresh_tokens = {"refresh-1"}
        await ev.regions.list()

    assert [form["refresh_token"] for form in service.forms] == ["refresh-0", "refresh-1"]
    assert service.reused == []


async def test_a_later_run_goes_on_from_the_store_without_the_user(
    service: Service, clock: FakeClock, tmp_path: Path
) -> None:
    app = attrs.evolve(APPS["PKCE"], store=FileTokenStore(tmp_path / "token"))
    async with EvEnergy(consented(app, service), clock=clock) as ev:
        await ev.regions.list()
    clock.advance(36_000)

    async with EvEnergy(app, clock=clock) as ev:
        await ev.regions.list()

    assert [form["grant_type"] for form in service.forms] == ["authorization_code", "refresh_token"]


@pytest.mark.parametrize("kind", APPS)
async def test_without_consent_the_api_is_not_even_asked(service: Service, kind: str) -> None:
    async with EvEnergy(APPS[kind]) as ev:
        with pytest.raises(AuthError, match="no_consent"):
            await ev.regions.list()

    assert service.network.sent == []


def test_every_grant_and_any_object_of_ones_own_is_auth() -> None:
    class Own:
        async def access_token(self, *, rejected: str | None = None) -> str:
            return f"not {rejected}"

    kinds: list[Auth | Grant] = [
        *APPS.values(),
        ClientCredentials("my-id", SECRET),
        RefreshToken("my-id", "refresh-0"),
        StaticToken("token"),
        Own(),
    ]
    assert all(EvEnergy(auth).has_credentials for auth in kinds)
    assert isinstance(Own(), Auth)


# --- Refusals and trouble


@pytest.mark.parametrize("kind", APPS)
async def test_a_code_that_has_expired_is_refused_once(service: Service, clock: FakeClock, kind: str) -> None:
    auth = consented(APPS[kind], service, "late")
    service.codes.clear()

    async with EvEnergy(auth, clock=clock) as ev:
        for _ in range(100):
            with pytest.raises(AuthError, match=r"^invalid_grant: Expired, or used before\.$"):
                await ev.regions.list()
            clock.advance(0.5)
        assert len(service.network.sent) == 1

        clock.advance(60)
        with pytest.raises(AuthError):
            await ev.regions.list()
        assert len(service.network.sent) == 2


async def test_many_calls_with_refused_credentials_make_one_request(service: Service) -> None:
    service.instead = [(401, b'{"error": "invalid_client"}')]

    async with EvEnergy(ClientCredentials("my-id", SECRET)) as ev:
        errors = await asyncio.gather(*(ev.regions.list.with_response() for _ in range(900)), return_exceptions=True)

    assert {type(error) for error in errors} == {AuthError}
    assert len(service.network.sent) == 1


@pytest.mark.parametrize(
    ("status", "kind", "text"),
    [
        (200, DecodeError, "the token endpoint responded with text/html, not JSON"),
        (502, ServerError, "^502 for POST /o/token/"),
    ],
)
async def test_a_page_of_a_proxy_at_the_token_endpoint_is_no_refusal(
    service: Service, status: int, kind: type[Exception], text: str
) -> None:
    service.instead = [(status, b"<html>Not now</html>")]

    async with EvEnergy(RefreshToken("my-id", "refresh-0"), retry=ONCE) as ev:
        with pytest.raises(kind, match=text):
            await ev.regions.list()
        await ev.regions.list()

    assert service.reused == []


async def test_a_thousand_401s_at_once_lead_to_one_token_request(service: Service) -> None:
    async with EvEnergy(RefreshToken("my-id", "refresh-0")) as ev:
        await ev.regions.list()
        service.expire()
        service.network.sent.clear()

        await asyncio.gather(*(ev.regions.list.with_response() for _ in range(1_000)))

    carried = [sent.headers["Authorization"] for sent in service.calls]
    assert (carried.count("Bearer access-1"), carried.count("Bearer access-3")) == (1_000, 1_000)
    assert len(service.network.sent) == 2_001


async def test_a_refresh_that_is_refused_after_a_401_is_an_auth_error(service: Service) -> None:
    async with EvEnergy(RefreshToken("my-id", "refresh-0")) as ev:
        await ev.regions.list()
        service.expire()
        service.refresh_tokens.clear()

        with pytest.raises(AuthError, match="invalid_grant"):
            await ev.regions.list()


async def test_a_static_token_is_all_there_is(service: Service) -> None:
    async with EvEnergy(StaticToken("mine")) as ev:
        with pytest.raises(Unauthorized):
            await ev.regions.list()

    assert [sent.headers["Authorization"] for sent in service.network.sent] == ["Bearer mine"]


async def test_a_renewal_in_the_background_delays_no_call_and_spoils_none(
    service: Service, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with EvEnergy(RefreshToken("my-id", "refresh-0"), clock=clock) as ev:
        await ev.regions.list()
        clock.advance(36_000 - 200)
        service.instead = [(503, b"")]
        for _ in range(20):
            await ev.regions.list()
            await settle()
        assert len(service.forms) == 2
        assert "no new token yet: ServiceUnavailable: 503 for POST /o/token/" in caplog.text

        clock.advance(61)
        await ev.regions.list()
        await settle()
        await ev.regions.list()

    assert service.calls[-2].headers["Authorization"] == "Bearer access-1"
    assert service.calls[-1].headers["Authorization"] == "Bearer access-2"


# --- Handing tokens on


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.usefixtures("service")
async def test_rotated_tokens_reach_the_callback(clock: FakeClock, *, is_async: bool) -> None:
    kept: list[str | None] = []

    async def keep_later(token: Token) -> None:
        await asyncio.sleep(0)
        kept.append(token.refresh_token)

    def keep(token: Token) -> None:
        kept.append(token.refresh_token)

    auth = RefreshToken("my-id", "refresh-0", on_token=keep_later if is_async else keep)
    async with EvEnergy(auth, clock=clock) as ev:
        await ev.regions.list()
        clock.advance(36_000)
        await ev.regions.list()

    assert kept == ["refresh-1", "refresh-2"]


@pytest.mark.parametrize("turned_down", [False, True])
async def test_a_callback_may_call_the_client(service: Service, *, turned_down: bool) -> None:
    answers: list[object] = []

    async def on_token(token: Token) -> None:
        if token.access_token == "access-1":
            if turned_down:
                service.expire()
            answers.append(await ev.regions.list())

    async with EvEnergy(RefreshToken("my-id", "refresh-0", on_token=on_token)) as ev, asyncio.timeout(5):
        await ev.regions.list()

    assert len(answers) == 1
    assert service.reused == []


# --- Users


@pytest.mark.parametrize("auth", ["user", "application"])
async def test_a_view_names_its_user_whatever_the_token_and_shares_it(service: Service, auth: str) -> None:
    credentials = consented(APPS["PKCE"], service) if auth == "user" else ClientCredentials("my-id", SECRET)
    async with EvEnergy(credentials) as ev:
        await ev.as_user(USER).regions.list()
        await ev.regions.list()

    assert [sent.headers.get("EvEnergy-User") for sent in service.calls] == [
        f"https://api.ev.energy/v2/users/{USER}",
        None,
    ]
    assert len(service.forms) == 1
    assert "EvEnergy-User" not in service.network.sent[0].headers, "the token endpoint has no business with it"


async def test_under_a_users_own_token_no_view_is_needed(service: Service) -> None:
    async with EvEnergy(ClientCredentials("my-id", SECRET)) as ev:
        with pytest.raises(InvalidArgument, match="user"):
            await ev.vehicles.create(model="vmod01HN2NJ9NMRZBXT1H6FT9N7735")
    assert service.calls == []

    async with EvEnergy(consented(APPS["PKCE"], service)) as ev:
        await ev.vehicles.create(model="vmod01HN2NJ9NMRZBXT1H6FT9N7735")
    assert "EvEnergy-User" not in service.calls[0].headers


# --- The end


@pytest.mark.parametrize("kind", APPS)
async def test_revoking_ends_a_users_consent(service: Service, kind: str) -> None:
    store = MemoryTokenStore()
    async with EvEnergy(consented(attrs.evolve(APPS[kind], store=store), service)) as ev:
        await ev.regions.list()
        await ev.as_user(USER).revoke()
        service.network.sent.clear()
        with pytest.raises(AuthError, match="no_consent"):
            await ev.regions.list()

    assert service.network.sent == []
    assert await store.load() is None
    (form,) = service.revocations
    assert (form["token"], form["token_type_hint"]) == ("refresh-1", "refresh_token")
    assert form.get("client_id") == (None if kind == "secret" else "my-id")


async def test_after_revoking_an_application_continues_with_a_fresh_token(service: Service) -> None:
    async with EvEnergy(ClientCredentials("my-id", SECRET)) as ev:
        await ev.regions.list()
        await ev.revoke()
        await ev.regions.list()

    assert [sent.url for sent in service.network.sent if "/o/" in sent.url] == [TOKEN_URL, REVOKE_URL, TOKEN_URL]
    assert service.calls[-1].headers["Authorization"] == "Bearer access-2"


async def test_a_token_of_ones_own_is_ones_own_to_revoke() -> None:
    async with EvEnergy(StaticToken("mine")) as ev:
        with pytest.raises(InvalidArgument, match="auth"):
            await ev.revoke()
