"""Any object with `access_token` can authenticate a client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from ev_energy_async import (
    Auth,
    EvEnergy,
    InvalidArgument,
    Unauthorized,
)

if TYPE_CHECKING:
    from tests.conftest import Network

VEHICLE: Final = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"


class Own:
    """An auth of a user's own."""

    def __init__(self, *tokens: Any) -> None:
        self.tokens = list(tokens)
        self.rejected: list[str | None] = []

    async def access_token(self, *, rejected: str | None = None) -> str:
        self.rejected.append(rejected)
        token = self.tokens.pop(0)
        if isinstance(token, Exception):
            raise token
        found: str = token
        return found


async def test_an_object_of_the_users_own_gives_tokens(network: Network) -> None:
    network.answer("GET", "/regions", status=401)
    network.answer("GET", "/regions", [])
    own: Auth = Own("old", "new")

    async with EvEnergy(own) as ev:
        await ev.regions.list()

    assert isinstance(own, Own)
    assert own.rejected == [None, "old"]
    assert [sent.headers["Authorization"] for sent in network.sent] == ["Bearer old", "Bearer new"]


async def test_a_token_that_is_refused_and_given_again_is_not_sent_again(network: Network) -> None:
    network.answer("GET", "/regions", status=401, repeat=True)
    own = Own("same", "same")

    async with EvEnergy(own) as ev:
        with pytest.raises(Unauthorized):
            await ev.regions.list()

    assert own.rejected == [None, "same"]
    assert len(network.sent) == 1


class LoginNeeded(Exception):
    """An error of the user's own."""


@pytest.mark.parametrize("error", [LoginNeeded("again"), TimeoutError("the vault is slow"), KeyError("x")])
@pytest.mark.parametrize("later", [False, True])
async def test_what_it_raises_passes_through_untouched(network: Network, error: Exception, *, later: bool) -> None:
    network.answer("GET", "/regions", status=401)

    async with EvEnergy(Own("old", error) if later else Own(error)) as ev:
        with pytest.raises(type(error)) as raised:
            await ev.regions.list()

    assert raised.value is error


async def test_what_it_raises_passes_through_get_many_as_well(network: Network) -> None:
    error = LoginNeeded("again")

    async with EvEnergy(Own(error, error, error)) as ev:
        with pytest.raises(LoginNeeded) as raised:
            await ev.vehicles.get_many([VEHICLE] * 3)

    assert raised.value is error
    assert network.sent == []


@pytest.mark.parametrize("token", [None, "", "a\r\nb", b"bytes"])
async def test_what_is_no_token_is_not_sent(network: Network, token: Any) -> None:
    async with EvEnergy(Own(token)) as ev:
        with pytest.raises(InvalidArgument, match="access_token"):
            await ev.regions.list()

    assert network.sent == []


@pytest.mark.parametrize("auth", ["token", 5, object()])
def test_what_gives_no_tokens_is_refused(auth: Any) -> None:
    with pytest.raises(InvalidArgument, match="auth"):
        EvEnergy(auth)
