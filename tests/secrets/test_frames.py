"""No credential is in a local variable of a failing call, where error trackers and debuggers would record it."""

from __future__ import annotations

import asyncio
import io
import json
import traceback
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from rich.console import Console
from rich.pretty import pretty_repr
from rich.traceback import Traceback
from sentry_sdk.utils import event_from_exception

from ev_energy_async import DecodeError, EvEnergy, RefreshToken, RequestTimeout, Retry, StaticToken
from ev_energy_async.messages import CallOptions, Operation, Request, Response
from ev_energy_async.testing.mock_api import Answer
from tests.servers import RawServer

from .planted import (
    API,
    CALLS,
    CLIENT_SECRET,
    CODE,
    HOST,
    PRESIGNED,
    REFRESH_TOKEN,
    TOKEN,
    client,
    quoting,
    spellings,
    token_answer,
)
from .test_credentials import GRANTS, REFUSALS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from ev_energy_async.testing import MockApi
    from tests.servers import Connection

CREDENTIALS: Final = (CLIENT_SECRET, TOKEN, REFRESH_TOKEN, CODE, PRESIGNED)
ONCE: Final = Retry(attempts=1)
FAILURES: Final[dict[str, Exception]] = {
    "refused": aiohttp.ClientConnectionError("refused"),
    "reset": aiohttp.ClientOSError(104, "reset"),
    "no URL": aiohttp.InvalidURL("what"),
    "half a body": aiohttp.ClientPayloadError("half"),
    "of the caller": TimeoutError("theirs"),
    "of nobody": RuntimeError("unexpected"),
}


def recorded(error: BaseException) -> Iterator[str]:
    """Yield what the standard library, sentry-sdk and rich record of the frames that led to an error."""
    yield "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    options = {"include_local_variables": True, "include_source_context": False, "max_value_length": 100_000}
    event, _ = event_from_exception((type(error), error, error.__traceback__), client_options=options)
    yield json.dumps(event, default=repr)
    console = Console(file=io.StringIO(), record=True, width=200)
    shown = Traceback.from_exception(
        type(error),
        error,
        error.__traceback__,
        show_locals=True,
        locals_max_length=1_000,
        locals_max_string=100_000,
        width=200,
    )
    console.print(shown)
    yield console.export_text()


def check_frames(error: BaseException) -> None:
    for text in recorded(error):
        assert "exchange" in text or "_fetch" in text or "authenticate" in text or "call" in text, (
            "no frame was recorded"
        )
        found = {secret for secret in CREDENTIALS if any(each in text for each in spellings(secret))}
        lines = [line for line in text.splitlines() if any(secret in line for secret in found)]
        assert not found, f"{found} in a frame: {lines[:5]}"


async def failure(call: Callable[[EvEnergy], Awaitable[object]], ev: EvEnergy) -> Exception:
    try:
        async with ev:
            await call(ev)
    except Exception as error:  # noqa: BLE001  # whatever it is, its frames are looked at
        return error
    pytest.fail("the call succeeded")


def test_a_token_in_a_frame_is_found_by_the_judge() -> None:
    def fail(authorization: str) -> None:
        raise LookupError(len(authorization))

    with pytest.raises(LookupError) as raised:
        fail(f"Bearer {TOKEN}")

    assert all(TOKEN in text for text in recorded(raised.value))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", FAILURES)
async def test_a_call_whose_connection_fails(network: MockApi, call: str, kind: str) -> None:
    network.handle("POST", f"{API}/o/token/", token_answer)
    for method in ("GET", "POST", "PATCH", "DELETE"):
        network.fail(method, HOST, FAILURES[kind], repeat=True)

    check_frames(await failure(CALLS[call], client(retry=ONCE)))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 503])
@pytest.mark.parametrize("call", ["read", "write"])
async def test_a_call_that_the_api_refuses(network: MockApi, call: str, status: int) -> None:
    network.handle("POST", f"{API}/o/token/", token_answer)
    for method in ("GET", "PATCH"):
        network.handle(method, HOST, quoting(status))

    check_frames(await failure(CALLS[call], client(retry=ONCE)))


@pytest.mark.parametrize("grant", GRANTS)
@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_token_endpoint_that_refuses(network: MockApi, grant: str, refusal: str) -> None:
    network.handle("POST", f"{API}/o/token/", lambda _: REFUSALS[refusal])

    check_frames(await failure(CALLS["read"], client(GRANTS[grant], retry=ONCE)))


@pytest.mark.parametrize("grant", GRANTS)
async def test_a_token_endpoint_that_cannot_be_reached(network: MockApi, grant: str) -> None:
    network.fail("POST", f"{API}/o/token/", aiohttp.ClientOSError(104, "reset"), repeat=True)

    check_frames(await failure(CALLS["read"], client(GRANTS[grant], retry=ONCE)))


@pytest.mark.parametrize("status", [401, 503])
async def test_a_token_that_is_refused_and_cannot_be_replaced(network: MockApi, status: int) -> None:
    network.handle("POST", f"{API}/o/token/", token_answer)
    network.handle("GET", HOST, quoting(401))

    def gone(_: Any) -> Answer:
        return Answer(status=status)

    async def call(ev: EvEnergy) -> None:
        await ev.check()
        network.handle("POST", f"{API}/o/token/", gone)
        await CALLS["read"](ev)

    check_frames(await failure(call, client(RefreshToken("an-id", REFRESH_TOKEN, CLIENT_SECRET), retry=ONCE)))


async def close(line: Connection, server: RawServer) -> None:
    server.requests.append(await line.receive())
    line.reset()


async def silence(line: Connection, server: RawServer) -> None:
    server.requests.append(await line.receive())
    await line.until_closed()


async def garbage(line: Connection, server: RawServer) -> None:
    server.requests.append(await line.receive())
    await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: nonsense\r\n\r\n")


@pytest.mark.parametrize("script", [close, silence, garbage])
@pytest.mark.parametrize("injected", [False, True])
async def test_a_real_connection_that_fails(script: Any, injected: bool) -> None:
    async with RawServer(script) as server, aiohttp.ClientSession() as session:
        ev = EvEnergy(
            StaticToken(TOKEN),
            base_url=server.base_url,
            session=session if injected else None,
            timeout=0.2,
            retry=ONCE,
        )
        error = await failure(CALLS["write"], ev)

    check_frames(error)


async def test_a_call_that_the_caller_gives_up() -> None:
    async with RawServer(silence) as server, EvEnergy(StaticToken(TOKEN), base_url=server.base_url) as ev:
        try:
            async with asyncio.timeout(0.1):
                await CALLS["read"](ev)
        except TimeoutError as error:
            check_frames(error)
        else:
            pytest.fail("it was not given up")


@pytest.mark.parametrize("status", [403, None])
async def test_an_upload_to_a_presigned_address_that_fails(network: MockApi, status: int | None) -> None:
    url = f"https://uploads.example.net/file?signature={PRESIGNED}"
    started = {"id": "rbef01HRFF3SEVSCRAV9B3CHVDFN0H", "presigned_url": url}
    network.answer("POST", "/rebate_evidence_files:start_upload", started)
    if status is None:
        network.fail("PUT", url, aiohttp.ClientOSError(104, "reset"))
    else:
        network.answer("PUT", url, {"detail": f"{url} has expired"}, status=status)

    async def call(ev: EvEnergy) -> None:
        await ev.upload_rebate_evidence(b"x", file_name="a.pdf", evidence_type=f"{API}/v2/evidence_types/1")

    error = await failure(call, EvEnergy(StaticToken(TOKEN)))

    check_frames(error)
    assert PRESIGNED not in str(error)


@pytest.mark.parametrize(
    "start", [b'{"id": 5, "presigned_url": "%b"}', b'{"presigned_url": "%b"', b'["%b"]', b'"%b\xff"']
)
async def test_an_announcement_of_an_upload_that_cannot_be_read(network: MockApi, start: bytes) -> None:
    body = start % f"https://uploads.example.net/file?signature={PRESIGNED}".encode()
    network.handle("POST", f"{API}/v2/rebate_evidence_files:start_upload", lambda _: Answer(body=body))

    async def call(ev: EvEnergy) -> None:
        await ev.upload_rebate_evidence(b"x", file_name="a.pdf", evidence_type=f"{API}/v2/evidence_types/1")

    error = await failure(call, EvEnergy(StaticToken(TOKEN)))

    assert isinstance(error, DecodeError)
    check_frames(error)


async def test_an_exception_that_the_caller_handles_keeps_its_frames() -> None:
    theirs = KeyError("theirs")
    async with RawServer(silence) as server, EvEnergy(StaticToken("t"), base_url=server.base_url, timeout=0.1) as ev:
        try:
            raise theirs
        except KeyError:
            with pytest.raises(RequestTimeout):
                await ev.with_options(retry=ONCE).regions.list()

    assert theirs.__traceback__ is not None


def test_what_rich_shows_of_a_call_are_no_headers_and_no_body() -> None:
    headers = CIMultiDictProxy(CIMultiDict({"X-Key": TOKEN}))
    options = CallOptions(headers={"X-Key": TOKEN})
    operation: Operation[Any] = Operation(name="vehicles.list", method="GET", path="/vehicles")
    request = Request(operation, "/vehicles", headers={"X-Key": TOKEN}, body=TOKEN.encode(), options=options)
    response = Response(request, "https://api.ev.energy/v2/vehicles", 200, headers, TOKEN.encode(), TOKEN)

    for shown in map(pretty_repr, (options, request, response)):
        assert TOKEN not in shown
    assert pretty_repr(request) == "Request(method='GET', path='/vehicles')"
