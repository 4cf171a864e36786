"""Starting up: proxies of the environment, TLS, `User-Agent`, a client left open, and `check`."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import gc
import logging
import ssl
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import pytest

from ev_energy_async import (
    ClientCredentials,
    ConnectionFailed,
    EvEnergy,
    InvalidArgument,
    RefreshToken,
    Retry,
    StaticToken,
)
from ev_energy_async.sandbox import Sandbox
from tests.servers import RawServer, reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.conftest import FakeClock, Network
    from tests.servers import Connection

ONCE: Final = Retry(attempts=1)


@pytest.fixture
async def proxy() -> AsyncIterator[RawServer]:
    async def script(line: Connection, server: RawServer) -> None:
        server.requests.append(await line.receive())
        await line.send(reply(b"[]"))

    async with RawServer(script) as server:
        yield server


def address(server: RawServer) -> str:
    return server.base_url.removesuffix("/v2").removeprefix("http://")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


# --- Proxies


@pytest.mark.parametrize("scheme", ["http://", ""])
async def test_a_proxy_of_the_environment_is_asked_with_its_credentials(
    monkeypatch: pytest.MonkeyPatch, proxy: RawServer, scheme: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"{scheme}me:proxy-password@{address(proxy)}")

    async with EvEnergy(base_url="http://api.example/v2", allow_http=True, retry=ONCE) as ev:
        assert await ev.regions.list().all() == []

    request = proxy.requests[0].decode()
    assert request.startswith("GET http://api.example/v2/regions")
    basic = base64.b64encode(b"me:proxy-password").decode()
    assert f"Proxy-Authorization: Basic {basic}" in request


async def test_what_no_proxy_names_is_reached_directly(monkeypatch: pytest.MonkeyPatch, proxy: RawServer) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://{address(proxy)}")
    monkeypatch.setenv("NO_PROXY", "api.invalid,.example")

    async with EvEnergy(base_url="http://api.invalid/v2", allow_http=True, retry=ONCE) as ev:
        with pytest.raises(ConnectionFailed):
            await ev.regions.list()
    assert proxy.requests == []


async def test_so_is_this_machine(monkeypatch: pytest.MonkeyPatch, proxy: RawServer) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:3128")

    async with EvEnergy(base_url=proxy.base_url) as ev:
        assert await ev.regions.list().all() == []


async def test_the_password_of_a_proxy_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:proxy-password@127.0.0.1:1")

    async with EvEnergy(StaticToken("t"), retry=ONCE) as ev:
        with pytest.raises(ConnectionFailed) as raised:
            await ev.regions.list()

    assert raised.value.unsent
    assert "proxy-password" not in f"{raised.value} {raised.value!r} {raised.value.__cause__!r}"


async def test_a_proxy_that_is_no_url_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://me:proxy-password@127.0.0.1:1080")

    async with EvEnergy(StaticToken("t")) as ev:
        with pytest.raises(InvalidArgument, match="HTTPS_PROXY") as raised:
            await ev.regions.list()
    assert "proxy-password" not in str(raised.value)


async def test_netrc_is_not_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Any, proxy: RawServer) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password of-netrc\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    async with EvEnergy(base_url=proxy.base_url) as ev:
        await ev.regions.list()

    assert b"Authorization" not in proxy.requests[0]


@pytest.mark.parametrize("given", ["abc", print, [print, "abc"], 5, None])
def test_middleware_is_functions_in_a_list(given: Any) -> None:
    with pytest.raises(InvalidArgument, match="middleware: expected functions"):
        EvEnergy(middleware=given)


# --- TLS and names


def test_a_tls_context_is_one_and_belongs_to_the_clients_own_session() -> None:
    with pytest.raises(InvalidArgument, match="ssl"):
        EvEnergy(ssl="ca.pem")  # type: ignore[arg-type]  # as somebody without a type checker would


async def test_a_tls_context_beside_a_session_is_refused() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(InvalidArgument, match="ssl"):
            EvEnergy(session=session, ssl=ssl.create_default_context())


async def test_the_tls_context_is_used(tmp_path: Any) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    made = await asyncio.create_subprocess_exec(
        *command.split(), "-keyout", str(key), "-out", str(certificate), stderr=subprocess.DEVNULL
    )
    assert await made.wait() == 0
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    theirs.load_cert_chain(certificate, key)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply(b"[]"))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=theirs)
    async with server:
        url = f"https://localhost:{server.sockets[0].getsockname()[1]}/v2"
        async with EvEnergy(base_url=url, ssl=ssl.create_default_context(cafile=certificate), retry=ONCE) as ev:
            assert await ev.regions.list().all() == []
        async with EvEnergy(base_url=url, retry=Retry(attempts=3, base=0)) as ev:
            with pytest.raises(ConnectionFailed) as raised:
                await ev.regions.list()
            assert (raised.value.unsent, raised.value.transient) == (True, False), "no retry makes it trusted"
            assert ev.stats().retries == 0


async def test_a_program_names_itself_before_the_package(network: Network) -> None:
    network.answer("GET", "/regions", [])
    network.answer("POST", "https://api.ev.energy/o/token/", {"access_token": "a", "token_type": "Bearer"})

    async with EvEnergy(ClientCredentials("id", "secret"), user_agent="my-app/1.2") as ev:
        await ev.regions.list()

    assert len(network.sent) == 2
    assert all(sent.headers["User-Agent"].startswith("my-app/1.2 ev-energy-async/") for sent in network.sent)


@pytest.mark.parametrize("option", ["user_agent", "version"])
@pytest.mark.parametrize("value", ["", " ", "a\nb", "caf\u00e9", 1.5])
def test_what_goes_into_a_header_is_checked(option: Any, value: Any) -> None:
    with pytest.raises(InvalidArgument, match=option):
        EvEnergy(**{option: value})


# --- Left open, and logging


async def test_a_client_that_is_left_open_says_so(proxy: RawServer) -> None:
    ev = EvEnergy(base_url=proxy.base_url, label="forgotten")
    await ev.regions.list()
    session = ev._core.shared.transport._session  # pyright: ignore[reportPrivateUsage]  # to close it in its place

    del ev
    with pytest.warns(ResourceWarning, match=r"unclosed client 'forgotten', made at .*test_start\.py:\d+"):
        gc.collect()

    assert session is not None
    await session.close()


async def test_one_that_was_closed_or_never_used_does_not(proxy: RawServer) -> None:
    EvEnergy()
    async with EvEnergy(base_url=proxy.base_url) as ev:
        await ev.regions.list()
    del ev
    gc.collect()


def test_warnings_do_not_reach_the_stderr_of_a_program_that_configured_no_logging() -> None:
    program = "import logging, ev_energy_async; logging.getLogger('ev_energy_async.x').warning('to nobody')"
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)

    assert run.stderr == b""
    assert any(isinstance(each, logging.NullHandler) for each in logging.getLogger("ev_energy_async").handlers)


# --- The check of the settings


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(vehicles=1) as running:
        yield running


def application(sandbox: Sandbox, secret: str | None = None) -> ClientCredentials:
    return ClientCredentials(sandbox.client_id, secret or sandbox.client_secret)


async def test_settings_that_are_right_are_confirmed(sandbox: Sandbox) -> None:
    async with EvEnergy(application(sandbox), base_url=sandbox.base_url) as ev:
        found = await ev.check()

    assert found.ok
    assert found.client_id == sandbox.client_id
    assert "vehicle:read" in (found.scopes or ())
    assert found.rate_limit is not None
    assert "The token belongs to the application" in str(found)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("no network", "cannot be reached"),
        ("no /v2", "check base_url, which ends in /v2"),
        ("wrong secret", "The credentials were refused: invalid_client"),
        ("wrong token", "The credentials were refused: 401"),
    ],
)
async def test_each_wrong_setting_is_one_sentence(sandbox: Sandbox, fault: str, sentence: str) -> None:
    auth: Any = application(sandbox, "wrong" if fault == "wrong secret" else None)
    auth = StaticToken("wrong") if fault == "wrong token" else auth
    url = {"no network": "http://127.0.0.1:1/v2", "no /v2": sandbox.base_url.removesuffix("/v2")}
    async with EvEnergy(auth, base_url=url.get(fault, sandbox.base_url), retry=ONCE) as ev:
        found = await ev.check()

    assert not found.ok
    assert found.error is not None
    assert len(found.findings) == 1
    assert sentence in str(found)


async def test_a_host_that_redirects_is_not_the_api(network: Network, ev: EvEnergy) -> None:
    network.answer("GET", "/vehicle_makes?page_size=1", status=302, headers={"Location": "https://portal.example/"})
    [finding] = (await ev.check()).findings
    assert "does not answer like the API" in finding


async def test_whose_token_it_is_and_what_it_lacks(network: Network, clock: FakeClock) -> None:
    user = "user01HN2NJ9NMRZBXT1H6FT9N7735"
    date = (clock.now() - dt.timedelta(minutes=5)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    network.answer("GET", "/vehicle_makes?page_size=1", [], headers={"Date": date})
    network.answer("GET", "/users/me", {"id": user})
    network.problem("GET", "/vehicles?page_size=1", 403)
    token = {"access_token": "a", "token_type": "Bearer", "refresh_token": "r", "scope": "user:read"}
    network.answer("POST", "https://api.ev.energy/o/token/", token)

    async with EvEnergy(RefreshToken("id", "refresh"), clock=clock) as ev:
        found = await ev.check()

    assert found.user is not None
    assert found.user.id == user
    assert found.clock_offset is not None
    assert found.clock_offset.total_seconds() == pytest.approx(300, abs=2)
    assert [sentence.split(":")[0] for sentence in found.findings] == [
        "This machine's clock is 300 s ahead of the API's",
        "The token has the scopes user",
    ]


async def test_a_budget_that_is_used_up_is_said_once(network: Network, clock: FakeClock) -> None:
    network.answer("GET", "/vehicle_makes?page_size=1", [], headers={"X-RateLimit-Remaining": "0"})

    async with EvEnergy(StaticToken("t"), clock=clock) as ev:
        found = await ev.check()

    assert found.findings == ("No request is left in this hour's budget.",)
