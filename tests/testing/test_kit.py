"""The testing kit, on which users build tests of their own code."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ev_energy_async import (
    UNSET,
    BadRequest,
    ClientCredentials,
    ConnectionFailed,
    EvEnergy,
    InvalidArgument,
    NotFound,
    RateLimited,
    ResourceId,
    ServiceUnavailable,
    StaticToken,
    WebhookVerificationError,
    codec,
    models,
)
from ev_energy_async import (
    testing as kit,
)
from ev_energy_async.clock import SystemClock
from ev_energy_async.models import (
    ChargingSession,
    ChargingSubSessionCreatedWebhook,
    ChargingSubSessionEndedWebhook,
    User,
    Vehicle,
    VehicleConnectors,
    VehicleStatusLog,
    VehicleTrim,
    VehicleTrimCreate,
)
from ev_energy_async.sandbox import FaultPlan, Rule, ScaledClock
from ev_energy_async.sandbox.faults import RateLimited as BusyFault
from ev_energy_async.testing import (
    START,
    FakeClock,
    MockApi,
    ModelFactory,
    api_error,
    batch,
    build,
    page,
    paginated,
    reseed,
    respond,
    sign,
)
from ev_energy_async.values import Model
from ev_energy_async.webhooks import Deduplicator, WebhookVerifier

if TYPE_CHECKING:
    from ev_energy_async.sandbox import Sandbox

pytest_plugins = ["ev_energy_async.testing"]

SECRET = "whsec_dGhlIHNlY3JldCBvZiBhbGwgdGhlIHRlc3Rz"
OLD_SECRET = "whsec_dGhlIG9uZSBiZWZvcmUsIHdoaWNoIGlzIG9sZA=="
MODELS = [
    each
    for each in (getattr(models, name) for name in models.__all__)
    if isinstance(each, type) and issubclass(each, Model)
]


# --- Models


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_model_of_each_kind_has_every_field_set_and_fits_its_schema(model: type[Any]) -> None:
    made = build(model)

    unset = [each.name for each in attrs.fields(model) if getattr(made, each.name) in (UNSET, None)]
    assert unset == []
    # Strict: nothing that the schema would have to forgive.
    assert codec.decode_strict(codec.encode(made), model) == made


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_references_are_urls_so_nothing_recurses(model: type[Any]) -> None:
    made = build(model)

    for each in attrs.fields(model):
        if "str |" in str(each.type) and isinstance(getattr(made, each.name), Model):
            pytest.fail(f"{each.name} is expanded")


def test_ids_have_the_prefix_of_their_resource_and_a_ulid() -> None:
    made: list[Any] = [build(Vehicle), build(User), build(VehicleTrim), build(ChargingSession)]

    assert [ResourceId.parse(each.id).prefix for each in made] == ["vhcl", "user", "trim", "cses"]
    assert all(ResourceId.parse(each.id).created_at < START for each in made)


def test_each_of_a_batch_has_an_id_of_its_own_and_they_sort_as_they_were_made() -> None:
    ids = [vehicle.id for vehicle in batch(Vehicle, 50)]

    assert ids == sorted(set(ids))


def test_a_url_leads_to_its_object_and_a_reference_to_the_right_kind() -> None:
    vehicle = build(Vehicle)

    assert vehicle.url == f"https://api.ev.energy/v2/vehicles/{vehicle.id}"
    assert str(vehicle.user).startswith("https://api.ev.energy/v2/users/user01")
    assert str(vehicle.trim).startswith("https://api.ev.energy/v2/vehicle_trims/trim01")
    assert str(vehicle.latest_status_log).startswith(f"{vehicle.url}/status_logs/2026-")
    assert build(VehicleTrimCreate).model.startswith("https://api.ev.energy/v2/vehicle_models/vmod01")


def test_a_log_is_found_under_its_vehicle_and_its_time() -> None:
    noon = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
    vehicle = build(Vehicle)

    log = build(VehicleStatusLog, sampled_at=noon, vehicle=vehicle)

    assert log.url == f"{vehicle.url}/status_logs/2026-03-01T12:00:00Z"
    assert isinstance(log.logged_at, dt.datetime)
    assert dt.timedelta() < log.logged_at - noon < dt.timedelta(minutes=1)


def test_what_begins_ends_later_and_times_are_aware() -> None:
    for session in batch(ChargingSession, 20):
        assert isinstance(session.end, dt.datetime)
        assert session.start.tzinfo is not None
        assert session.start < session.end


@given(seed=st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_percentages_lie_between_0_and_100_and_charging_limits_are_in_order(seed: int) -> None:
    reseed(seed)
    for model in MODELS:
        made = build(model)
        for each in attrs.fields(model):
            if each.metadata.get("unit") == "%":
                assert 0 <= getattr(made, each.name) <= 100
        low, high = (getattr(made, f"{end}_charge_limit_percent", None) for end in ("min", "max"))
        if isinstance(low, int) and isinstance(high, int):
            assert low <= high


def test_what_is_given_stands_unset_and_null_among_it() -> None:
    trim = build(VehicleTrim)

    vehicle = build(Vehicle, description="Kim's car", trim=trim, user=UNSET, vehicle_class=None)

    assert (vehicle.description, vehicle.trim, vehicle.vehicle_class) == ("Kim's car", trim, None)
    assert vehicle.user is UNSET
    assert not re.search("user", codec.encode(vehicle).decode())


@pytest.mark.parametrize("model", [Vehicle, VehicleConnectors, ChargingSession])
def test_the_same_seed_gives_the_same_models(model: type[Any]) -> None:
    reseed(3)
    first = batch(model, 3)
    reseed(3)
    again = batch(model, 3)
    reseed(4)
    other = batch(model, 3)

    assert first == again != other


SEEN: list[Vehicle] = []


@pytest.mark.parametrize("number", [1, 2])
def test_each_test_begins_anew(number: int) -> None:
    SEEN.append(build(Vehicle))

    assert all(vehicle == SEEN[0] for vehicle in SEEN), f"the one of test {number} is another"


@pytest.mark.parametrize("given", [{"colour": "red"}, {"id_": "x"}])
def test_a_field_that_is_none_is_named(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(given))):
        build(Vehicle, **given)


def test_what_is_no_model_is_refused() -> None:
    wrong: Any = dict
    with pytest.raises(InvalidArgument, match="class of"):
        build(wrong)


def test_a_factory_can_be_subclassed() -> None:
    class Disabled(ModelFactory[Vehicle]):
        disabled = True

    assert [vehicle.disabled for vehicle in Disabled.batch(5)] == [True] * 5


def test_other_attrs_classes_are_left_to_polyfactory() -> None:
    from polyfactory.factories.attrs_factory import AttrsFactory  # noqa: PLC0415

    @attrs.define
    class Own:
        name: str

    class OwnFactory(AttrsFactory[Own]): ...

    assert not ModelFactory.is_supported_type(Own)
    assert isinstance(OwnFactory.build().name, str)


# --- Stubs


async def test_a_paginated_list_is_used_like_the_real_one() -> None:
    fleet = batch(Vehicle, 5)
    stub = paginated(fleet, page_size=2)

    first = await stub
    assert list(first) == fleet[:2]
    assert [vehicle async for vehicle in stub] == fleet
    assert await stub.all() == fleet
    assert [len(each) async for each in stub.pages()] == [2, 2, 1]
    assert [len(each) async for each in stub.pages(cursor=first.next_cursor)] == [2, 1]


@given(count=st.integers(0, 30), size=st.integers(1, 10))
@settings(max_examples=50, deadline=None)
def test_pages_of_a_stub_hold_all_items_once(count: int, size: int) -> None:
    async def pages() -> list[list[int]]:
        return [list(each) async for each in paginated(range(count), page_size=size).pages()]

    found = asyncio.run(pages())
    assert [item for each in found for item in each] == list(range(count))
    assert all(len(each) == size for each in found[:-1])
    assert len(found) == max(1, -(-count // size))


async def test_a_list_that_breaks_off_gives_its_items_first() -> None:
    items = aiter(paginated([1, 2, 3], page_size=3, error=api_error(503)))
    assert [await anext(items) for _ in range(3)] == [1, 2, 3]
    with pytest.raises(ServiceUnavailable):
        await anext(items)
    with pytest.raises(ServiceUnavailable):
        await paginated([], error=api_error(503))


async def test_a_cursor_of_another_list_is_refused_by_a_stub_too() -> None:
    with pytest.raises(InvalidArgument, match="cursor"):
        _ = [each async for each in paginated([1]).pages(cursor="/users?page_after=1")]


def test_a_page_size_below_one_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="page_size"):
        paginated([1], page_size=0)


def test_a_page_is_a_sequence_with_its_cursor() -> None:
    assert (list(page([1, 2])), page([1, 2]).next_cursor) == ([1, 2], None)
    assert page(batch(Vehicle, 2), "/vehicles?page_after=x").next_cursor == "/vehicles?page_after=x"


def test_a_response_has_data_status_headers_and_body() -> None:
    vehicle = build(Vehicle)

    response = respond(vehicle, status=201, headers={"x-ratelimit-limit": "10", "X-RateLimit-Remaining": "9"})

    assert (response.data, response.status) == (vehicle, 201)
    assert codec.decode(response.body, Vehicle) == vehicle
    assert response.rate_limit is not None
    assert response.rate_limit.remaining == 9
    assert respond(None, status=204).body == b""


def test_an_error_is_the_one_that_its_status_is_raised_as() -> None:
    missing = api_error(404, detail="No such vehicle.")
    limited = api_error(429, headers={"Retry-After": "7"})
    invalid = api_error(400, field_errors={"email": ["Enter a valid email address."]})

    assert isinstance(missing, NotFound)
    assert "No such vehicle." in str(missing)
    assert isinstance(limited, RateLimited)
    assert limited.retry_after == 7
    assert isinstance(invalid, BadRequest)
    assert invalid.problem.field_errors["email"] == ("Enter a valid email address.",)
    with pytest.raises(InvalidArgument, match="status"):
        api_error(200)


# --- The mocked network


async def test_answers_come_in_the_order_of_their_registration_and_then_no_more(ev_api: MockApi) -> None:
    first, second = batch(Vehicle, 2)
    ev_api.answer("GET", f"/vehicles/{first.id}", first)
    ev_api.answer("GET", f"/vehicles/{first.id}", second)

    async with EvEnergy(StaticToken("a-token"), clock=FakeClock()) as client:
        assert [await client.vehicles.get(first.id) for _ in range(2)] == [first, second]
        with pytest.raises(ConnectionFailed):
            await client.vehicles.get(first.id)
    assert ev_api.sent[0].headers["Authorization"] == "Bearer a-token"
    assert urlsplit(ev_api.sent[0].url).path == f"/v2/vehicles/{first.id}"


async def test_mocked_pages_lead_to_each_other_and_keep_the_filters(ev_api: MockApi) -> None:
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


async def test_the_network_fails_as_told(ev_api: MockApi) -> None:
    ev_api.fail("GET", "/users/me", aiohttp.ClientPayloadError(), repeat=True)

    async with EvEnergy(StaticToken("a-token"), clock=FakeClock()) as client:
        with pytest.raises(ConnectionFailed, match="the body broke off"):
            await client.users.get("me")


def test_a_request_without_a_body_has_no_json() -> None:
    from ev_energy_async.testing import Sent  # noqa: PLC0415

    with pytest.raises(ValueError, match="no body"):
        _ = Sent("GET", "https://example.com/", attrs.NOTHING, None).json  # type: ignore[arg-type]  # unused here


async def test_a_body_that_is_neither_json_nor_model_is_a_mistake_of_the_test(ev_api: MockApi) -> None:
    ev_api.answer("GET", "/users/me", object())

    async with EvEnergy(StaticToken("a-token")) as client:
        with pytest.raises(TypeError, match="no JSON value"):
            await client.users.get("me")


async def test_servers_of_this_machine_are_reached_through_the_mock(ev_api: MockApi, ev_sandbox: Sandbox) -> None:
    async with EvEnergy(StaticToken(ev_sandbox.issue_token()), base_url=ev_sandbox.base_url) as client:
        assert len(await client.vehicles.list(page_size=100)) == 20

    assert ev_api.sent == []


async def test_a_large_body_comes_whole(ev_api: MockApi) -> None:
    fleet = batch(Vehicle, 1_000, description="x" * 200)
    ev_api.answer("GET", "/vehicles", fleet)

    async with EvEnergy(StaticToken("a-token")) as client:
        assert list(await client.vehicles.list()) == fleet


# --- The sandbox


# The conftest of these tests has a client of its own under the name of the kit's.
sandbox_client = kit.ev


async def test_what_the_client_sleeps_moves_the_sandbox_on_and_takes_no_time(
    sandbox_client: EvEnergy, ev_sandbox: Sandbox
) -> None:
    ev_sandbox.faults = FaultPlan((Rule(BusyFault(retry_after_seconds=40), operation="vehicles.list", count=1),))

    assert len(await sandbox_client.vehicles.list(page_size=100)) == 20
    assert [served.status for served in ev_sandbox.requests][-2:] == [429, 200]
    assert dt.timedelta(seconds=40) <= ev_sandbox.now() - START < dt.timedelta(seconds=42)


async def test_a_sleep_of_the_client_ends_though_the_sandbox_counts_in_microseconds(
    sandbox_client: EvEnergy, ev_sandbox: Sandbox
) -> None:
    before = ev_sandbox.now()

    await asyncio.wait_for(sandbox_client.clock.sleep(0.1234564), 5)  # a datetime rounds that down

    assert ev_sandbox.now() - before >= dt.timedelta(seconds=0.1234564)


async def test_the_budget_of_an_hour_is_free_again_after_an_hour_of_the_sandbox(
    sandbox_client: EvEnergy, ev_sandbox: Sandbox
) -> None:
    await sandbox_client.vehicles.list(page_size=1)
    assert sandbox_client.budget.used == 1

    ev_sandbox.advance(3_601)

    assert sandbox_client.budget.used == 0


async def test_the_sandbox_is_the_same_each_time(ev_sandbox: Sandbox) -> None:
    assert ev_sandbox.now() == START
    assert len(ev_sandbox.world.vehicles) == 20

    ev_sandbox.advance(60)

    assert ev_sandbox.now() - START == dt.timedelta(seconds=60)


class TestWithOptions:
    @pytest.fixture
    def ev_sandbox_options(self) -> dict[str, Any]:
        return {"vehicles": 3, "client_id": "another"}

    async def test_the_sandbox_is_as_the_options_say(self, ev_sandbox: Sandbox) -> None:
        assert len(ev_sandbox.world.vehicles) == 3
        assert ev_sandbox.client_id == "another"
        assert ev_sandbox.now() == START


class TestWithATimeThatPasses:
    @pytest.fixture
    def ev_sandbox_options(self) -> dict[str, Any]:
        return {"vehicles": 1, "clock": ScaledClock(3_600)}

    async def test_the_client_goes_by_the_time_of_the_machine(
        self, sandbox_client: EvEnergy, ev_sandbox: Sandbox
    ) -> None:
        assert len(await sandbox_client.vehicles.list()) == 1
        assert isinstance(sandbox_client.clock, SystemClock)
        assert ev_sandbox.now() > dt.datetime.now(dt.UTC), "the sandbox has a time of its own"


# --- Signatures


@pytest.mark.parametrize("model", [ChargingSubSessionCreatedWebhook, ChargingSubSessionEndedWebhook])
def test_a_signed_event_is_genuine(model: type[Any]) -> None:
    made = build(model)
    body = codec.encode(made)

    event = WebhookVerifier(SECRET).verify(body, sign(body, SECRET))

    assert event.payload == made


def test_a_changed_body_and_another_secret_are_not_genuine() -> None:
    headers = sign(b'{"type":"a"}', SECRET)

    for body, secret in ((b'{"type":"b"}', SECRET), (b'{"type":"a"}', OLD_SECRET)):
        with pytest.raises(WebhookVerificationError):
            WebhookVerifier(secret).verify(body, headers)


@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET, SECRET.removeprefix("whsec_"), SECRET.rstrip("=")])
def test_a_delivery_from_a_rotation_fits_each_secret(secret: str) -> None:
    body = b'{"type":"a"}'

    assert WebhookVerifier(secret).verify(body, sign(body, [OLD_SECRET, SECRET])).body == body


def test_a_delivery_is_as_old_as_it_is_made() -> None:
    body, clock = b'{"type":"a"}', FakeClock()
    verifier = WebhookVerifier(SECRET, clock=clock)
    headers = sign(body, SECRET, sent_at=clock.now())

    assert verifier.verify(body, headers).sent_at == START
    clock.advance(dt.timedelta(minutes=6))
    with pytest.raises(WebhookVerificationError, match="past"):
        verifier.verify(body, headers)


async def test_the_same_message_id_is_a_redelivery() -> None:
    body, handled = b'{"type":"a"}', list[str]()
    verifier, deduplicator = WebhookVerifier(SECRET), Deduplicator()

    async def deliver(headers: dict[str, str]) -> None:
        event = verifier.verify(body, headers)

        async def handle() -> None:
            handled.append(event.id)

        await deduplicator.once(event.id, handle)

    await deliver(sign(body, SECRET, message_id="msg_1"))
    await deliver(sign(body, SECRET, message_id="msg_1"))
    await deliver(sign(body, SECRET))
    await deliver(sign(body, SECRET))

    assert len(handled) == 3


@pytest.mark.parametrize(
    ("body", "secret", "sent_at", "named"),
    [
        ("text", SECRET, None, "body"),
        (b"{}", "whsec_not base64", None, "secret"),
        (b"{}", [], None, "secret"),
        (b"{}", SECRET, dt.datetime(2026, 3, 14, 12), "sent_at"),  # noqa: DTZ001  # which is what is refused
    ],
)
def test_what_cannot_be_signed_is_refused(body: Any, secret: Any, sent_at: dt.datetime | None, named: str) -> None:
    with pytest.raises(InvalidArgument, match=named):
        sign(body, secret, sent_at=sent_at)


# --- The clock


async def test_a_sleep_takes_no_time_and_is_noted() -> None:
    clock = FakeClock()

    await asyncio.gather(clock.sleep(90), clock.sleep(30))

    assert clock.now() == START + dt.timedelta(seconds=90)
    assert clock.monotonic() == 90
    assert clock.naps == [90, 30]


async def test_who_sleeps_shorter_wakes_earlier() -> None:
    clock, woken = FakeClock(), list[tuple[int, float]]()

    async def nap(seconds: int) -> None:
        await clock.sleep(seconds)
        woken.append((seconds, clock.monotonic()))

    await asyncio.gather(nap(90), nap(30), nap(60))

    assert woken == [(30, 30), (60, 60), (90, 90)]


async def test_time_that_a_test_lets_pass_is_not_taken_back_by_a_sleep() -> None:
    clock = FakeClock()
    sleeper = asyncio.create_task(clock.sleep(10))
    for _ in range(5):
        await asyncio.sleep(0)
    clock.advance(100)
    await sleeper

    assert clock.monotonic() == 100


async def test_a_clock_that_does_not_move_by_itself_waits_for_the_test() -> None:
    clock = FakeClock(moves_by_itself=False)
    sleeper = asyncio.create_task(clock.sleep(10))
    await asyncio.sleep(0)
    clock.advance(9)
    for _ in range(200):
        await asyncio.sleep(0)
    assert not sleeper.done()

    clock.advance(1)
    await sleeper

    assert clock.monotonic() == 10
