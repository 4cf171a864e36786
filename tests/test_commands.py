"""What takes more than one request, or none: connecting a vehicle, boosting it, uploading evidence for a rebate."""

from __future__ import annotations

import asyncio
import logging
import re
import traceback
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from ev_energy_async import (
    ApiError,
    ClientCredentials,
    Conflict,
    ConnectionFailed,
    DecodeError,
    EvEnergy,
    EvEnergyError,
    Forbidden,
    InvalidArgument,
    RequestTimeout,
    ServiceUnavailable,
    StaticToken,
)
from ev_energy_async.onboarding import parse_onboarding_redirect
from ev_energy_async.sandbox import FaultPlan, Rule, Sandbox, SteppedClock
from ev_energy_async.sandbox.faults import HtmlError, Redirected, Unavailable
from ev_energy_async.sessions import NotPluggedIn

from .conftest import START
from .servers import RawServer, reply, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ev_energy_async import Request
    from ev_energy_async.messages import Handler, RawResponse
    from ev_energy_async.sandbox import Served
    from ev_energy_async.sandbox.faults import Effect

    from .conftest import Network
    from .servers import Connection

USER: Final = "user01HN2NJ9NMRZBXT1H6FT9N7735"
VEHICLE: Final = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"
OTHER: Final = "vhcl01HN2NJ9NMRZBXT1H6FT9N7735"
SESSION: Final = "cses01HRFF3SEVSCRAV9B3CHVDFN0H"
MAKE: Final = "vmak01HRFF3SEVSCRAV9B3CHVDFN0H"
MODEL: Final = "vmod01HRFF3SEVSCRAV9B3CHVDFN0H"
TRIM: Final = "trim01HRFF3SEVSCRAV9B3CHVDFN0H"
BASE: Final = "https://api.ev.energy/v2"
NOON: Final = "2026-03-14T12:00:00Z"


# --- Onboarding: the address


def registered(**options: Any) -> EvEnergy:
    return EvEnergy(ClientCredentials("my&app", "s3cr3t"), **options)


def test_the_address_names_application_user_choice_and_return() -> None:
    back = "https://app.example/back?tab=1&x=é"
    url = registered().onboarding_url(USER, make=f"{BASE}/vehicle_makes/{MAKE}/", redirect_uri=back)

    assert url.startswith(f"{BASE}/vehicle_onboarding?")
    assert parse_qs(urlsplit(url).query) == {
        "client_id": ["my&app"],
        "user_id": [USER],
        "make_id": [MAKE],
        "redirect_uri": [back],
    }
    assert "s3cr3t" not in url


@pytest.mark.parametrize(("choice", "key"), [({"model": MODEL}, "model_id"), ({"trim": TRIM}, "trim_id"), ({}, None)])
def test_the_choice_may_be_finer_or_left_to_the_user(choice: Any, key: str | None) -> None:
    query = parse_qs(urlsplit(registered().onboarding_url(f"{BASE}/users/{USER}", **choice)).query)

    assert set(query) == {"client_id", "user_id"} | ({key} if key else set())


@pytest.mark.parametrize(
    ("user", "given", "argument"),
    [
        (VEHICLE, {}, "user"),
        (USER, {"make": MODEL}, "make"),
        (USER, {"model": MAKE}, "model"),
        (USER, {"make": MAKE, "trim": TRIM}, "trim"),
        (USER, {"redirect_uri": "/back"}, "redirect_uri"),
        (USER, {"redirect_uri": "https:back"}, "redirect_uri"),
        (USER, {"redirect_uri": "https://[/back"}, "redirect_uri"),
        (USER, {"redirect_uri": 5}, "redirect_uri"),
    ],
)
def test_an_address_that_would_lead_nowhere_is_refused(user: str, given: Any, argument: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        registered().onboarding_url(user, **given)

    assert raised.value.argument == argument


@pytest.mark.parametrize("auth", [None, StaticToken("t0k3n")])
def test_a_client_without_an_application_has_no_address(auth: Any) -> None:
    with pytest.raises(InvalidArgument, match="client ID") as raised:
        EvEnergy(auth).onboarding_url(USER)

    assert "t0k3n" not in str(raised.value)


# --- Onboarding: the way back


@pytest.mark.parametrize(
    ("url", "vehicles"),
    [
        (f"https://app.example/back?vehicle_uid={VEHICLE}", (VEHICLE,)),
        (f"https://app.example/back?tab=1&vehicle_uid={VEHICLE}&vehicle_uid={OTHER}#top", (VEHICLE, OTHER)),
        (f"myapp://back?vehicle_uid={VEHICLE}&vehicle_uid={VEHICLE}", (VEHICLE,)),
        (f"vehicle_uid={VEHICLE}", (VEHICLE,)),
        ("https://app.example/back?vehicle_uid=", ()),
        ("https://app.example/back?error=access_denied", ()),
        ("https://app.example/back?", ()),
    ],
)
def test_a_redirect_names_each_vehicle_once(url: str, vehicles: tuple[str, ...]) -> None:
    assert parse_onboarding_redirect(url).vehicle_ids == vehicles


@pytest.mark.parametrize(
    "url", ["https://app.example/back", "myapp://back", "/back", f"https://vehicle_uid={VEHICLE}/"]
)
def test_a_redirect_without_a_query_names_no_vehicle(url: str) -> None:
    result = parse_onboarding_redirect(url)

    assert result.vehicle_ids == ()
    assert result.parameters == {}


def test_the_other_parameters_of_a_redirect_are_kept() -> None:
    result = parse_onboarding_redirect("https://app.example/back?error=denied&tab=1&tab=2&empty=")

    assert result.parameters == {"error": ("denied",), "tab": ("1", "2"), "empty": ("",)}


@pytest.mark.parametrize("url", ["https://[?vehicle_uid=", None, b"https://app.example/back"])
def test_a_redirect_that_is_no_address_is_refused(url: Any) -> None:
    with pytest.raises(InvalidArgument, match="url"):
        parse_onboarding_redirect(url)


def test_a_redirect_with_something_else_for_a_vehicle_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="vehicle_uid"):
        parse_onboarding_redirect(f"https://app.example/back?vehicle_uid={USER}")


# --- Onboarding: where to start


def entry(kind: str, number: str, name: str, url: str | None) -> dict[str, Any]:
    return {"id": f"{kind}01HRFF3SEVSCRAV9B3CHVDFN{number}", "name": name, "onboarding_url": url}


A, B, C = (f"https://login.example/{letter}" for letter in "abc")


def catalogue(network: Network, make_url: str | None) -> None:
    """A make of two models: the first is specific enough, the second has two trims of which one is."""
    first, second = (entry("vmod", number, name, url) for number, name, url in (("01", "One", A), ("02", "Two", None)))
    trims = [entry("trim", "03", "Base", None), entry("trim", "04", "Sport", B)]
    network.answer("GET", f"/vehicle_makes/{MAKE}", {**entry("vmak", "0H", "M", make_url), "id": MAKE}, repeat=True)
    models = re.compile(re.escape(f"{BASE}/vehicle_models?make_id={MAKE}"))
    network.answer("GET", models, [first, second], repeat=True)
    for model, found in ((first, []), (second, trims)):
        network.answer("GET", re.compile(re.escape(f"{BASE}/vehicle_trims?model_id={model['id']}")), found, repeat=True)


@pytest.mark.parametrize(
    ("make_url", "choice", "found", "requests"),
    [
        (C, {}, C, 1),
        (None, {}, A, 2),
        (None, {"model": "one"}, A, 2),
        (None, {"model": "TWO"}, B, 3),
        (None, {"model": "Two", "trim": "sport"}, B, 3),
        (None, {"model": "Two", "trim": "Base"}, None, 3),
        (C, {"model": "Two"}, B, 3),
        (C, {"model": "Three"}, None, 2),
        (C, {"model": "One", "trim": "Sport"}, None, 3),
        (None, {"trim": "Sport"}, B, 4),
    ],
)
async def test_the_walk_stops_at_the_first_address_that_is_meant(
    ev: EvEnergy, network: Network, make_url: str | None, choice: Any, found: str | None, requests: int
) -> None:
    catalogue(network, make_url)

    assert await ev.find_onboarding_url(MAKE, **choice) == found
    assert len(network.sent) == requests


async def test_the_walk_is_in_the_context_of_a_user(ev: EvEnergy, network: Network) -> None:
    catalogue(network, None)

    await ev.as_user(USER).find_onboarding_url(MAKE, model="Two")

    assert {sent.headers.get("EvEnergy-User") for sent in network.sent} == {f"{BASE}/users/{USER}"}


# --- Charging now


def session(number: str, vehicle: Any, end: str | None = None) -> dict[str, Any]:
    name = f"cses01HRFF3SEVSCRAV9B3CHVDFN{number}"
    return {"id": name, "start": NOON, "end": end, "url": f"{BASE}/charging_sessions/{name}", "vehicle": vehicle}


def plugged_in(network: Network, *pages: list[dict[str, Any]], sub_sessions: int = 1) -> None:
    sub = {"id": "csub01HRFF3SEVSCRAV9B3CHVDFN0H", "start": NOON, "end": None}
    network.answer(
        "GET",
        f"/charging_sub_sessions?vehicle_id={VEHICLE}&is_finished=false&page_size=1",
        [sub] * sub_sessions,
        repeat=True,
    )
    for number, page in enumerate(pages):
        query = "page_size=100" if number == 0 else f"page_after={number}"
        after = "about:blank" if number == len(pages) - 1 else f"{BASE}/charging_sessions?page_after={number + 1}"
        link = {"Link": f'<{after}>; rel="next"'}
        network.answer("GET", f"/charging_sessions?{query}", page, headers=link, repeat=True)


OURS: Final = session("0H", f"{BASE}/vehicles/{VEHICLE}")


async def test_the_session_of_a_vehicle_is_the_one_that_goes_on(ev: EvEnergy, network: Network) -> None:
    ended, others = session("01", f"{BASE}/vehicles/{VEHICLE}", end=NOON), session("02", f"{BASE}/vehicles/{OTHER}")
    plugged_in(network, [session("03", None), ended], [others, OURS])

    found = await ev.vehicle(VEHICLE).current_session()

    assert found is not None
    assert found.id == SESSION


@pytest.mark.parametrize("vehicle", [f"{BASE}/vehicles/{VEHICLE}/", f"https://api.ev.energy/vehicles/{VEHICLE}"])
async def test_a_vehicle_is_known_by_its_id_however_its_url_is_spelled(
    ev: EvEnergy, network: Network, vehicle: str
) -> None:
    plugged_in(network, [session("0H", vehicle)])

    assert await ev.vehicle(VEHICLE).current_session() is not None


async def test_a_vehicle_without_a_sub_session_costs_one_request(ev: EvEnergy, network: Network) -> None:
    plugged_in(network, sub_sessions=0)

    assert await ev.vehicle(VEHICLE).current_session() is None
    assert len(network.sent) == 1


@pytest.mark.parametrize("command", ["boost", "end_boost"])
async def test_what_is_not_plugged_in_cannot_be_commanded(ev: EvEnergy, network: Network, command: str) -> None:
    plugged_in(network, [session("0H", f"{BASE}/vehicles/{OTHER}")])

    with pytest.raises(NotPluggedIn, match=f"{VEHICLE} is not plugged in") as raised:
        await getattr(ev.vehicle(VEHICLE), command)()

    assert isinstance(raised.value, EvEnergyError)
    assert raised.value.vehicle_id == VEHICLE
    assert {sent.method for sent in network.sent} == {"GET"}


@pytest.mark.parametrize(("command", "path"), [("boost", "boost_start"), ("end_boost", "boost_end")])
async def test_a_command_finds_the_session_itself(ev: EvEnergy, network: Network, command: str, path: str) -> None:
    plugged_in(network, [OURS])
    network.answer("POST", f"/charging_sessions/{SESSION}/{path}", OURS)

    assert (await getattr(ev.vehicle(VEHICLE), command)()).id == SESSION

    assert network.sent[-1].body is None


@pytest.mark.parametrize("command", ["boost", "end_boost"])
@pytest.mark.parametrize(("status", "error"), [(409, Conflict), (503, ServiceUnavailable)])
async def test_a_command_that_was_not_taken_is_not_repeated(
    ev: EvEnergy, network: Network, command: str, status: int, error: type[ApiError]
) -> None:
    plugged_in(network, [OURS])
    refused = re.compile(re.escape(f"{BASE}/charging_sessions/{SESSION}/"))
    network.answer("POST", refused, {"title": "No"}, status=status, headers={"Retry-After": "1"}, repeat=True)

    with pytest.raises(error):
        await getattr(ev.vehicle(VEHICLE), command)()

    assert [sent.method for sent in network.sent].count("POST") == 1


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
async def test_an_address_that_is_none_is_an_error_that_does_not_show_it(
    ev: EvEnergy, network: Network, address: str
) -> None:
    network.answer("POST", "/rebate_evidence_files:start_upload", {"id": FILE, "presigned_url": address}, status=201)

    with pytest.raises(DecodeError, match="presigned_url") as raised:
        await ev.upload_rebate_evidence(b"x", evidence_type=KIND, file_name="a.pdf")

    assert SIGNATURE not in str(raised.value)
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
