"""Evidence for a rebate: announced, uploaded to another host without our token, and reported as done."""

from __future__ import annotations

import asyncio
import gc
import logging
import traceback
import warnings
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import pytest

from ev_energy_async import (
    ApiError,
    ConnectionFailed,
    DecodeError,
    EvEnergy,
    Forbidden,
    InvalidArgument,
    RequestTimeout,
    ServiceUnavailable,
    StaticToken,
)
from ev_energy_async.sandbox import FaultPlan, Rule, Sandbox, SteppedClock
from ev_energy_async.sandbox.faults import HtmlError, Redirected, Unavailable
from ev_energy_async.uploads import _File  # pyright: ignore[reportPrivateUsage]  # its races cannot be brought about
from tests.conftest import START
from tests.servers import RawServer, reply, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ev_energy_async import Request
    from ev_energy_async.messages.request import Handler, RawResponse
    from ev_energy_async.sandbox import Served
    from ev_energy_async.sandbox.faults import Effect
    from tests.conftest import Network
    from tests.servers import Connection

BASE: Final = "https://api.ev.energy/v2"


# --- Evidence for a rebate

FILE: Final = "rbef01HRFF3SEVSCRAV9B3CHVDFN0H"
KIND: Final = f"{BASE}/rebate_evidence_types/1"
SIGNATURE: Final = "s1gn4tur3"
CONTENT: Final = bytes(range(256)) * 1_024  # 256 KB, four chunks


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """The API and a storage service on two origins."""
    async with Sandbox(vehicles=1) as running:
        yield running


@pytest.fixture
async def applicant(sandbox: Sandbox) -> AsyncIterator[EvEnergy]:
    async with client(sandbox) as ev:
        yield ev


def client(sandbox: Sandbox, **options: Any) -> EvEnergy:
    (user,) = (user.id for user in sandbox.world.users)
    return EvEnergy(StaticToken(sandbox.issue_token()), user=user, base_url=sandbox.base_url, **options)


def kind_of(sandbox: Sandbox) -> str:
    """The URL of a kind of evidence."""
    return f"{sandbox.base_url}/rebate_evidence_types/{next(iter(sandbox.world.records['rebate_evidence_types'])).id}"


def elsewhere(sandbox: Sandbox, origin: str) -> None:
    """Let the files go to another storage service."""
    sandbox.world.upload_origin = origin


def asked(sandbox: Sandbox, origin: str) -> list[Served]:
    return [served for served in sandbox.requests if served.origin == origin]


def all_that_is_shown(error: BaseException, caplog: pytest.LogCaptureFixture) -> str:
    """Everything that an error and the log could tell a reader."""
    curl = error.as_curl() if isinstance(error, ApiError | ConnectionFailed | RequestTimeout) else ""
    request = getattr(error, "request", "")
    response = getattr(error, "response", "")
    trace = "".join(traceback.format_exception(error))
    return f"{error} {error!r} {curl} {request!r} {response!r} {trace} {caplog.text}"


@pytest.mark.parametrize("kind", ["bytes", "path", "text"])
async def test_a_file_is_announced_stored_and_reported(
    sandbox: Sandbox, applicant: EvEnergy, kind: str, tmp_path: Path
) -> None:
    path = tmp_path / "the receipt+1.pdf"
    await asyncio.to_thread(path.write_bytes, CONTENT)
    source: Any = {"bytes": CONTENT, "path": path, "text": str(path)}[kind]
    told: list[tuple[int, int]] = []
    rebate_type = next(iter(sandbox.world.records["rebate_types"]))
    rebate = await applicant.user_rebates.create(rebate_type=f"{sandbox.base_url}/rebate_types/{rebate_type.id}")

    made = await applicant.upload_rebate_evidence(
        source,
        evidence_type=kind_of(sandbox),
        file_name=path.name if kind == "bytes" else None,
        user_rebate=rebate.id or "",
        progress=lambda sent, total: told.append((sent, total)),
    )

    assert sandbox.uploaded(made) == CONTENT
    _, start, finish = asked(sandbox, "api")
    assert start.path == f"/v2/rebate_evidence_files:start_upload?user_rebate={rebate.id}"
    assert finish.path == f"/v2/rebate_evidence_files/{made}:finish_upload"
    (put,) = asked(sandbox, "upload")
    assert put.method == "PUT"
    assert put.path.startswith(f"/{made}/the%20receipt%2B1.pdf?X-Amz-Algorithm="), "the address is used as it is"
    (file,) = await applicant.rebate_evidence_files.list(user_rebate=rebate.id or "")
    assert file.file_name == path.name
    size = len(CONTENT)
    assert told == [(size // 4, size), (size // 2, size), (size * 3 // 4, size), (size, size)]


async def test_the_storage_service_learns_nothing_of_the_client(sandbox: Sandbox, applicant: EvEnergy) -> None:
    async def stored(line: Connection, server: RawServer) -> None:
        server.requests.append(await line.receive())
        await line.send(reply(b""))

    async with RawServer(stored) as bucket:
        elsewhere(sandbox, bucket.base_url)
        view = applicant.with_options(headers={"X-Mine": "1"})
        with pytest.raises(ApiError, match="finish_upload"):  # the sandbox has not got it
            await view.upload_rebate_evidence(b"abc", evidence_type=kind_of(sandbox), file_name="a.pdf")

        ((head, _, body),) = [request.partition(b"\r\n\r\n") for request in bucket.requests]
    names = {line.partition(b":")[0].decode().lower() for line in head.split(b"\r\n")[1:]}
    assert not {"authorization", "evenergy-user", "evenergy-version", "cookie", "x-mine"} & names
    assert (b"Content-Length: 3" in head, body) == (True, b"abc")
    assert "transfer-encoding" not in names, "storage services take no chunks"
    assert all(served.headers["Authorization"] == "Bearer" for served in asked(sandbox, "api"))


async def test_an_empty_file_is_a_file(sandbox: Sandbox, applicant: EvEnergy, tmp_path: Path) -> None:
    await asyncio.to_thread((tmp_path / "empty.txt").touch)

    made = await applicant.upload_rebate_evidence(tmp_path / "empty.txt", evidence_type=kind_of(sandbox))

    assert sandbox.uploaded(made) == b""


@pytest.mark.parametrize(
    ("effect", "status", "error"),
    [
        (None, 403, Forbidden),
        (Unavailable(), 503, ServiceUnavailable),
        (Redirected(), 302, ApiError),
        (HtmlError(400), 400, ApiError),
    ],
)
async def test_a_refusal_of_the_storage_service_is_an_error_and_not_reported_as_done(
    effect: Effect | None, status: int, error: type[ApiError], caplog: pytest.LogCaptureFixture
) -> None:
    clock = SteppedClock(START)

    async def dawdle(request: Request[Any], call_next: Handler) -> RawResponse:
        response = await call_next(request)
        clock.advance(3_600)  # by now the address is too old
        return response

    plan = FaultPlan() if effect is None else FaultPlan((Rule(effect, path="/rbef*"),))
    middleware = [dawdle] if effect is None else []
    caplog.set_level(logging.DEBUG)
    async with Sandbox(vehicles=1, faults=plan, clock=clock) as sandbox, client(sandbox, middleware=middleware) as ev:
        with pytest.raises(error) as raised:
            await ev.upload_rebate_evidence(CONTENT, evidence_type=kind_of(sandbox), file_name="a.pdf")

        assert raised.value.status == status
        assert len(asked(sandbox, "upload")) == 1, "the address may be good for one use only"
        assert [served.path.rpartition(":")[2] for served in asked(sandbox, "api")] == ["start_upload"]
        (file,) = sandbox.world.records["rebate_evidence_files"]
        signature = file.hidden["upload"].signature
    assert signature not in all_that_is_shown(raised.value, caplog)


async def breaking(line: Connection, server: RawServer) -> None:
    server.requests.append(await line.receive())
    line.reset()


async def no_http(line: Connection, server: RawServer) -> None:
    server.requests.append(await line.receive())
    await line.send(b"220 mail.example ESMTP\r\n")


async def silence(line: Connection, server: RawServer) -> None:
    server.requests.append(await line.receive())
    await line.until_closed()


@pytest.mark.parametrize("script", [breaking, no_http])
async def test_a_broken_upload_is_tried_once_and_shows_no_address(
    sandbox: Sandbox, applicant: EvEnergy, script: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with RawServer(script) as bucket:
        elsewhere(sandbox, f"{bucket.base_url}/{SIGNATURE}")
        with pytest.raises(ConnectionFailed) as raised:
            await applicant.upload_rebate_evidence(CONTENT[:1_000], evidence_type=kind_of(sandbox), file_name="a.pdf")

        assert len(bucket.requests) == 1
        await bucket.none_open()
    assert SIGNATURE not in all_that_is_shown(raised.value, caplog)


async def test_a_storage_service_that_is_not_there_is_a_failed_connection(
    sandbox: Sandbox, applicant: EvEnergy, unused_tcp_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere(sandbox, f"http://127.0.0.1:{unused_tcp_port}/{SIGNATURE}")
    with pytest.raises(ConnectionFailed) as raised:
        await applicant.upload_rebate_evidence(CONTENT, evidence_type=kind_of(sandbox), file_name="a.pdf")

    assert SIGNATURE not in all_that_is_shown(raised.value, caplog)


@pytest.mark.parametrize("limit", ["timeout", "deadline"])
async def test_an_upload_takes_no_longer_than_the_view_allows(
    sandbox: Sandbox, applicant: EvEnergy, limit: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.pdf"
    await asyncio.to_thread(path.write_bytes, CONTENT)
    async with RawServer(silence) as bucket:
        elsewhere(sandbox, bucket.base_url)
        options: dict[str, Any] = {limit: 0.2}
        with pytest.raises(RequestTimeout, match=r"0\.2 s"):
            await applicant.with_options(**options).upload_rebate_evidence(path, evidence_type=kind_of(sandbox))
        await bucket.none_open()


async def test_closing_the_client_ends_an_upload(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    await asyncio.to_thread(path.write_bytes, CONTENT)
    async with RawServer(silence) as bucket, aiohttp.ClientSession() as session:
        ev = client(sandbox, session=session)
        elsewhere(sandbox, bucket.base_url)
        upload = asyncio.create_task(ev.upload_rebate_evidence(path, evidence_type=kind_of(sandbox)))
        await until(lambda: bool(bucket.requests))
        assert ev.stats().under_way == 1

        await ev.close()

        with pytest.raises(ConnectionFailed, match="the client is closed"):
            await upload
        await bucket.none_open()


async def test_a_cancelled_upload_leaves_nothing_open(sandbox: Sandbox, applicant: EvEnergy, tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    await asyncio.to_thread(path.write_bytes, CONTENT)
    async with RawServer(silence) as bucket:
        elsewhere(sandbox, bucket.base_url)
        upload = asyncio.create_task(applicant.upload_rebate_evidence(path, evidence_type=kind_of(sandbox)))
        await until(lambda: bool(bucket.requests))

        upload.cancel()
        with pytest.raises(asyncio.CancelledError):
            await upload

        await bucket.none_open()


@pytest.mark.parametrize(
    "address",
    ["", "ftp://bucket.example/x", "/relative?sig=s1gn4tur3", "https://?sig=s1gn4tur3", "https://[?s1gn4tur3"],
)
async def test_an_invalid_upload_url_is_an_error_that_does_not_show_it(
    ev: EvEnergy, network: Network, address: str
) -> None:
    network.answer("POST", "/rebate_evidence_files:start_upload", {"id": FILE, "presigned_url": address}, status=201)

    with pytest.raises(DecodeError, match="presigned_url") as raised:
        await ev.upload_rebate_evidence(b"x", evidence_type=KIND, file_name="a.pdf")

    assert SIGNATURE not in str(raised.value)
    assert len(network.sent) == 1


async def test_the_file_keeps_its_announced_id_if_the_last_response_has_none(ev: EvEnergy, network: Network) -> None:
    network.answer(
        "POST", "/rebate_evidence_files:start_upload", {"id": FILE, "presigned_url": "https://bucket.example/x"}
    )
    network.answer("PUT", "https://bucket.example/x")
    network.answer("POST", f"/rebate_evidence_files/{FILE}:finish_upload", {})

    assert await ev.upload_rebate_evidence(b"x", evidence_type=KIND, file_name="a.pdf") == FILE


async def test_a_password_in_the_address_is_not_shown(ev: EvEnergy, network: Network) -> None:
    address = f"https://kim:{SIGNATURE}@bucket.example/x"
    network.answer("POST", "/rebate_evidence_files:start_upload", {"id": FILE, "presigned_url": address})
    network.answer("PUT", address, status=403)

    with pytest.raises(Forbidden, match=r"bucket\.example") as raised:
        await ev.upload_rebate_evidence(b"x", evidence_type=KIND, file_name="a.pdf")

    assert SIGNATURE not in f"{raised.value} {raised.value!r} {raised.value.as_curl()} {raised.value.response.url}"


def test_a_file_opened_for_a_cancelled_upload_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(CONTENT)
    file = _File(path)

    # In two threads, of which the later one was quicker.
    file.close()
    file.open()

    assert file.read() == b""
    with warnings.catch_warnings(record=True) as left_open:
        warnings.simplefilter("always")
        del file
        gc.collect()
    assert left_open == []


async def test_a_file_that_was_given_no_id_is_not_sent(ev: EvEnergy, network: Network) -> None:
    network.answer("POST", "/rebate_evidence_files:start_upload", {"presigned_url": "https://bucket.example/x"})

    with pytest.raises(DecodeError):
        await ev.upload_rebate_evidence(b"x", evidence_type=KIND, file_name="a.pdf")

    assert len(network.sent) == 1


@pytest.mark.parametrize(
    ("source", "name", "argument"), [(b"x", None, "file_name"), (b"x", "", "file_name"), (5, "a.pdf", "source")]
)
async def test_what_cannot_be_uploaded_is_not_announced(
    ev: EvEnergy, network: Network, source: Any, name: str | None, argument: str
) -> None:
    with pytest.raises(InvalidArgument) as raised:
        await ev.upload_rebate_evidence(source, evidence_type=KIND, file_name=name)

    assert raised.value.argument == argument
    assert network.sent == []


async def test_a_file_that_is_not_there_is_not_announced(ev: EvEnergy, network: Network, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await ev.upload_rebate_evidence(tmp_path / "gone.pdf", evidence_type=KIND)

    assert network.sent == []
