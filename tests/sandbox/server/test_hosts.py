"""The check of `Host`: names of this machine are served, all others are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import pytest

from ev_energy_async.sandbox import Sandbox
from ev_energy_async.sandbox.server.hosts import Hosts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.sandbox.conftest import Client


@pytest.fixture
async def controlled() -> AsyncIterator[Sandbox]:
    async with Sandbox(vehicles=1, control=True) as running:
        yield running


async def test_a_page_that_rebinds_its_name_gets_no_token(controlled: Sandbox) -> None:
    assert controlled.control_url is not None
    async with aiohttp.ClientSession() as session:
        url = f"{controlled.control_url}tokens"
        async with session.post(url, json={}, headers={"Host": "evil.example:80"}) as response:
            assert response.status == 421
            assert "access_token" not in await response.text()
        async with session.post(url, json={}) as response:
            assert response.status == 200


async def test_nothing_is_done_for_a_host_that_is_refused(controlled: Sandbox) -> None:
    before = controlled.now()
    async with aiohttp.ClientSession() as session:
        url = f"{controlled.control_url}advance"
        async with session.post(url, json={"seconds": 86_400}, headers={"Host": "evil.example"}) as response:
            assert response.status == 421
    assert (controlled.now() - before).total_seconds() < 3_600


@pytest.mark.parametrize("path", ["/v2/vehicles", "/o/token/", "/o/authorize/", "/_sandbox/", "/nowhere"])
async def test_every_path_is_closed_to_other_hosts(client: Client, path: str) -> None:
    answer = await client.get(client.sandbox.origin + path, headers={"Host": "rebound.example"})
    assert answer.status == 421
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert client.sandbox.requests[-1].status == 421


async def test_uploads_are_closed_to_other_hosts(client: Client) -> None:
    answer = await client.get(client.sandbox.upload_origin + "/file", headers={"Host": "rebound.example"})
    assert answer.status == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1234", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:8080"])
def test_loopback_is_served(host: str) -> None:
    assert Hosts("127.0.0.1").refusal({"Host": host}) is None


@pytest.mark.parametrize(
    "host",
    [
        *("", "evil.example", "localhost.evil.example", "evil.localhost", "localhost.", "127.0.0.1.evil.example"),
        *("localhost:x", "localhost@evil.example", "localhost, evil.example", "[::1", "10.0.0.1", "127.0.0.2", "::1"),
    ],
)
def test_anything_else_is_refused(host: str) -> None:
    problem = Hosts("127.0.0.1").refusal({"Host": host})
    assert problem is not None
    assert problem.status == 421


def test_a_request_without_a_host_is_refused() -> None:
    assert Hosts("127.0.0.1").refusal({}) is not None


def test_names_that_are_allowed_are_served() -> None:
    hosts = Hosts("127.0.0.1", ["sandbox"])
    assert hosts.refusal({"Host": "Sandbox:8080"}) is None
    assert hosts.refusal({"Host": "sandbox.evil.example"}) is not None


@pytest.mark.parametrize("listening", ["0.0.0.0", "::", "192.168.1.5"])  # noqa: S104  # only compared
def test_a_sandbox_open_to_the_network_is_reached_by_address_but_by_no_strange_name(listening: str) -> None:
    hosts = Hosts(listening)
    assert hosts.refusal({"Host": "192.168.1.5:8080"}) is None
    assert hosts.refusal({"Host": "[fe80::1]:8080"}) is None
    assert hosts.refusal({"Host": "evil.example"}) is not None
