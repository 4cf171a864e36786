"""`MockApi` responds as registered, and as the API would."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
import attrs
import pytest

from ev_energy_async import (
    BadRequest,
    ClientCredentials,
    ConnectionFailed,
    EvEnergy,
    StaticToken,
)
from ev_energy_async.models import (
    User,
    Vehicle,
)
from ev_energy_async.testing import (
    FakeClock,
    MockApi,
    batch,
    build,
)

if TYPE_CHECKING:
    from ev_energy_async.sandbox import Sandbox

pytest_plugins = ["ev_energy_async.testing"]


async def test_responses_are_used_in_the_order_of_registration_and_only_once(ev_api: MockApi) -> None:
    first, second = batch(Vehicle, 2)
    ev_api.answer("GET", f"/vehicles/{first.id}", first)
    ev_api.answer("GET", f"/vehicles/{first.id}", second)

    async with EvEnergy(StaticToken("a-token"), clock=FakeClock()) as client:
        assert [await client.vehicles.get(first.id) for _ in range(2)] == [first, second]
        with pytest.raises(ConnectionFailed):
            await client.vehicles.get(first.id)
    assert ev_api.sent[0].headers["Authorization"] == "Bearer a-token"
    assert urlsplit(ev_api.sent[0].url).path == f"/v2/vehicles/{first.id}"


async def test_mocked_pages_link_to_each_other_and_keep_the_filters(ev_api: MockApi) -> None:
    fleet = batch(Vehicle, 5)
    ev_api.pages("/vehicles", fleet)

    async with EvEnergy(StaticToken("a-token")) as client:
        assert await client.vehicles.list(page_size=2, expand=["trim"]).all() == fleet
        assert await client.vehicles.list().all() == fleet

    assert [dict(sent.query).get("page_after") for sent in ev_api.sent] == [None, "2", "4", None]
    assert all(("expand", "trim") in sent.query for sent in ev_api.sent[:3])


async def test_a_mocked_problem_is_raised_with_its_field_errors(ev_api: MockApi) -> None:
    ev_api.problem("PATCH", "/users/me", 400, detail="No.", field_errors={"email": ["Too long."]})

    async with EvEnergy(StaticToken("a-token")) as client:
        with pytest.raises(BadRequest) as raised:
            await client.users.update("me", email="kim@example.com")

    assert raised.value.problem.field_errors == {"email": ("Too long.",)}
    assert ev_api.sent[0].json == {"email": "kim@example.com"}


async def test_credentials_get_a_mocked_token(ev_api: MockApi) -> None:
    ev_api.token("t0k3n")
    ev_api.answer("GET", "/users/me", build(User), repeat=True)

    for client_id in ("an-id", "another-id"):
        async with EvEnergy(ClientCredentials(client_id, "a-secret")) as client:
            await client.users.get("me")

        assert ev_api.sent[-1].headers["Authorization"] == "Bearer t0k3n"


async def test_the_network_fails_as_registered(ev_api: MockApi) -> None:
    ev_api.fail("GET", "/users/me", aiohttp.ClientPayloadError(), repeat=True)

    async with EvEnergy(StaticToken("a-token"), clock=FakeClock()) as client:
        with pytest.raises(ConnectionFailed, match="body"):
            await client.users.get("me")


def test_a_request_without_a_body_has_no_json() -> None:
    from ev_energy_async.testing import Sent  # noqa: PLC0415  # only when it is needed

    with pytest.raises(ValueError, match="no body"):
        _ = Sent("GET", "https://example.com/", attrs.NOTHING, None).json  # type: ignore[arg-type]  # unused here


async def test_a_body_that_is_neither_json_nor_model_is_a_type_error(ev_api: MockApi) -> None:
    ev_api.answer("GET", "/users/me", object())

    async with EvEnergy(StaticToken("a-token")) as client:
        with pytest.raises(TypeError, match="neither a JSON value"):
            await client.users.get("me")


async def test_servers_on_this_machine_stay_reachable(ev_api: MockApi, ev_sandbox: Sandbox) -> None:
    async with EvEnergy(StaticToken(ev_sandbox.issue_token()), base_url=ev_sandbox.base_url) as client:
        assert len(await client.vehicles.list(page_size=100)) == 20

    assert ev_api.sent == []


async def test_a_large_body_arrives_complete(ev_api: MockApi) -> None:
    fleet = batch(Vehicle, 1_000, description="x" * 200)
    ev_api.answer("GET", "/vehicles", fleet)

    async with EvEnergy(StaticToken("a-token")) as client:
        assert list(await client.vehicles.list()) == fleet
