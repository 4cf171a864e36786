"""The watch for leaks learns secrets from the wire, and notices when they are shown."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest

from ev_energy_async import (
    ClientCredentials,
    EvEnergy,
    EvEnergyError,
    InvalidArgument,
    NotFound,
    RefreshToken,
    StaticToken,
)
from ev_energy_async.auth import Token
from ev_energy_async.messages.request import Request

from .leaks import Leak, watching

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.conftest import Network

USER: Final = "user01HN2NJ9NMRZBXT1H6FT9N7735"
EMAIL: Final = "kim.watched@example.com"
TOKEN: Final = "watched-access-token"
LOG: Final = logging.getLogger("ev_energy_async")
PLACE: Final = {"address_1": "12 Watched Lane", "coordinates": {"latitude": 51.38112, "longitude": -2.35902}}


@contextmanager
def leaking(match: str) -> Generator[None]:
    """Watch the block, which must leak."""
    with pytest.raises(Leak, match=match), watching():
        yield


@pytest.mark.parametrize("text", [EMAIL, "kim.watched%40example.com", f'{{"email": "{EMAIL}"}}'])
async def test_a_log_line_with_a_secret_fails_the_test(network: Network, text: str) -> None:
    network.answer("GET", f"/users/{USER}", {"id": USER, "email": EMAIL})

    with leaking(r"logged: .*kim"):
        async with EvEnergy(StaticToken(TOKEN)) as ev:
            await ev.users.get(USER)
        # Nobody listens to it, and its level is disabled.
        LOG.debug("read %s", text)


async def test_the_text_of_an_exception_in_the_log_counts(network: Network) -> None:
    network.answer("GET", f"/users/{USER}", {"id": USER, "email": EMAIL})

    with leaking("logged: "):
        async with EvEnergy(StaticToken(TOKEN)) as ev:
            await ev.users.get(USER)
        try:
            raise LookupError(f"no place for {EMAIL}")  # noqa: TRY301  # it has to be raised to be logged
        except LookupError:
            LOG.debug("trouble", exc_info=True)


def test_an_error_with_a_secret_fails_the_test_even_if_nobody_looks_at_it() -> None:
    with leaking(rf"shown by InvalidArgument: '{TOKEN}'"):
        StaticToken(TOKEN)
        InvalidArgument("token", TOKEN, "another")


def test_the_cause_of_an_error_counts() -> None:
    def fail() -> None:
        try:
            raise LookupError(TOKEN)  # noqa: TRY301  # it has to be raised to be a cause
        except LookupError as error:
            raise EvEnergyError("trouble") from error

    with leaking("shown by EvEnergyError"):
        StaticToken(TOKEN)
        with pytest.raises(EvEnergyError) as raised:
            fail()
        assert raised.value.__cause__ is not None


async def test_a_request_that_shows_its_token_fails_the_test(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    def shown(request: Request[Any]) -> str:
        return f"<{[each.reveal() for each in request.options.record.secrets]}>"

    network.answer("GET", "/regions", [])
    monkeypatch.setattr(Request, "__repr__", shown)

    with leaking("shown of a request: .*watched-access-token"):
        async with EvEnergy(StaticToken(TOKEN)) as ev:
            await ev.regions.list()


def test_a_token_that_shows_itself_fails_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    def shown(token: Token) -> str:
        return f"<{token.access_token}>"

    monkeypatch.setattr(Token, "__repr__", shown)

    with leaking("repr of Token"):
        Token(TOKEN)


async def test_the_texts_of_the_package_are_no_leak(network: Network) -> None:
    network.answer("GET", f"/users/{USER}", {"id": USER, "email": EMAIL, "default_location": PLACE})
    network.problem("PATCH", f"/users/{USER}", 404, detail=f"No user {EMAIL}.")

    with watching() as watch:
        async with EvEnergy(StaticToken(TOKEN)) as ev:
            user = await ev.users.get(USER)
            with pytest.raises(NotFound):
                await ev.users.update(user, email=EMAIL)

    assert watch.kept, "it listened"


async def test_it_learns_from_responses_bodies_queries_headers_and_forms(network: Network) -> None:
    network.answer("GET", f"/users?email={EMAIL}", [{"id": USER, "default_location": PLACE}])
    network.answer("PATCH", f"/users/{USER}", {"id": USER})
    issued = {"access_token": "issued-access-token", "token_type": "Bearer", "refresh_token": "issued-refresh-token"}
    network.answer("POST", "https://api.ev.energy/o/token/", issued, repeat=True)

    with watching() as watch:
        for grant in (ClientCredentials("id", "watched-secret"), RefreshToken("id", "watched-refresh-token")):
            async with EvEnergy(grant) as ev:
                await ev.users.list(email=EMAIL) if grant.client_secret else await ev.users.update(
                    USER, email="lee.watched@example.com"
                )

    assert {
        EMAIL,
        "lee.watched@example.com",
        "12 Watched Lane",
        "51.38112",
        "-2.35902",
        "issued-access-token",
        "issued-refresh-token",
        "watched-secret",
        "watched-refresh-token",
    } <= set(watch.secrets)


def test_watching_does_not_keep_an_error_alive() -> None:
    with watching() as watch:
        EvEnergyError("short-lived")

        assert [reference() for reference in watch.raised] == [None]
