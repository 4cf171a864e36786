"""Retries: what is sent again, what never is, how long it waits, and what a caller learns in the end."""

from __future__ import annotations

import datetime as dt
import random
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from hypothesis import given
from hypothesis import strategies as st

from ev_energy_async import (
    ApiError,
    AuthError,
    Budget,
    ClientCredentials,
    ConnectionFailed,
    EvEnergy,
    InvalidArgument,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Request,
    RequestTimeout,
    Retry,
    ServerError,
    ServiceUnavailable,
    StaticToken,
)
from ev_energy_async.operations import Operation
from ev_energy_async.retry import may_repeat, retry_after

from .conftest import START, Answer, FakeClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ev_energy_async import Response
    from ev_energy_async.options import RetryEvent

    from .conftest import Network, Sent

TOKEN_URL: Final = "https://api.ev.energy/o/token/"
TOKEN: Final = Answer({"access_token": "t1", "token_type": "Bearer", "expires_in": 36_000})
_KEY: Final = ConnectionKey("api.ev.energy", 443, True, True, None, None, None)
REFUSED: Final = aiohttp.ClientConnectorError(_KEY, OSError(111, "Connection refused"))
DROPPED: Final = aiohttp.ServerDisconnectedError()

Outcome: TypeAlias = "int | Answer | Exception"


def operation(method: str, *, idempotent: bool = False, answers: tuple[int, ...] = ()) -> Operation[None]:
    return Operation(name="things.do", method=method, path="/things", idempotent=idempotent, answers=answers)


GET: Final = operation("GET")
DELETE: Final = operation("DELETE")
POST: Final = operation("POST")
PATCH: Final = operation("PATCH")
ACCEPT: Final = operation("POST", idempotent=True)
"""A write whose second time does what the first did."""


def script(network: Network, outcomes: Sequence[Outcome], method: str, url: str = "/things") -> None:
    """Let the requests of a kind end in this way, one after the other; the last for all that follow."""
    left = list(outcomes)

    def next_one(_: Sent) -> Answer:
        outcome = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(outcome, Exception):
            raise outcome
        return Answer(status=outcome) if isinstance(outcome, int) else outcome

    network.handle(method, url, next_one)


def busy(status: int, wait: object, name: str = "Retry-After") -> Answer:
    return Answer(status=status, headers={name: str(wait)})


async def do(ev: EvEnergy, what: Operation[None]) -> Response[None]:
    return await ev.send(what.request())


# --- What is sent again


@pytest.mark.parametrize("outcome", [429, 500, 502, 503, 504, REFUSED, DROPPED], ids=str)
@pytest.mark.parametrize("what", [GET, DELETE, ACCEPT], ids=["GET", "DELETE", "idempotent POST"])
async def test_what_is_harmless_is_tried_again_when_trouble_may_pass(
    ev: EvEnergy, network: Network, what: Operation[None], outcome: Outcome
) -> None:
    script(network, [outcome, 200], what.method)

    # A 429 without a time to wait closes the bucket for a minute.
    assert (await do(ev.with_options(deadline=300), what)).status == 200

    assert len(network.sent) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 406, 409, 413, 418, 422, 501, 520, 302])
@pytest.mark.parametrize("what", [GET, DELETE, POST, ACCEPT], ids=["GET", "DELETE", "POST", "idempotent POST"])
async def test_an_answer_that_will_not_change_is_given_at_once(
    ev: EvEnergy, network: Network, what: Operation[None], status: int
) -> None:
    script(network, [status, 200], what.method)

    with pytest.raises(ApiError) as raised:
        await do(ev, what)

    assert raised.value.status == status
    assert len(network.sent) == 1


@pytest.mark.parametrize("outcome", [REFUSED, 429, busy(429, 1), busy(503, 1)], ids=str)
@pytest.mark.parametrize("what", [POST, PATCH], ids=["POST", "PATCH"])
async def test_a_write_is_repeated_when_it_was_surely_not_carried_out(
    ev: EvEnergy, network: Network, what: Operation[None], outcome: Outcome
) -> None:
    script(network, [outcome, 201], what.method)

    assert (await do(ev.with_options(deadline=300), what)).status == 201

    assert len(network.sent) == 2


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("what", [POST, PATCH], ids=["POST", "PATCH"])
async def test_a_write_that_failed_at_the_server_is_not_repeated(
    ev: EvEnergy, network: Network, what: Operation[None], status: int
) -> None:
    script(network, [status, 201], what.method)

    with pytest.raises(ServerError):
        await do(ev, what)

    assert len(network.sent) == 1


@pytest.mark.parametrize("what", [POST, PATCH], ids=["POST", "PATCH"])
async def test_a_write_without_an_answer_is_left_to_the_caller(
    ev: EvEnergy, network: Network, what: Operation[None]
) -> None:
    script(network, [DROPPED, 201], what.method)

    with pytest.raises(OutcomeUnknown) as raised:
        await do(ev, what)

    assert not raised.value.unsent
    assert len(network.sent) == 1


@pytest.mark.parametrize(
    ("what", "repeated"), [(GET, True), (DELETE, True), (ACCEPT, True), (POST, False), (PATCH, False)]
)
def test_a_timeout_is_repeated_only_where_that_is_harmless(what: Operation[None], repeated: bool) -> None:
    request: Request[None] = what.request()
    kind = RequestTimeout if what in {GET, DELETE} else OutcomeUnknown

    assert may_repeat(request, kind(request, "not within 1 s")) is repeated
    assert may_repeat(request, RequestTimeout(request, "no connection", unsent=True))


async def test_a_503_that_the_operation_itself_declares_is_its_answer(ev: EvEnergy, network: Network) -> None:
    boost = operation("POST", answers=(409, 503))
    script(network, [busy(503, 1), 200], "POST")

    with pytest.raises(ServiceUnavailable):
        await do(ev, boost)

    assert len(network.sent) == 1


async def test_other_trouble_of_such_an_operation_passes_as_ever(ev: EvEnergy, network: Network) -> None:
    script(network, [REFUSED, busy(429, 1), 200], "POST")

    await do(ev, operation("POST", answers=(409, 503)))

    assert len(network.sent) == 3


async def test_trouble_that_does_not_pass_ends_after_the_last_try(ev: EvEnergy, network: Network) -> None:
    script(network, [502, 503, 500, 504, 200], "GET")

    with pytest.raises(ServerError) as raised:
        await do(ev, GET)

    assert raised.value.status == 504, "the last word counts"
    assert len(network.sent) == 4


@pytest.mark.parametrize("attempts", [1, 2, 7])
async def test_there_are_as_many_tries_as_asked_for(ev: EvEnergy, network: Network, attempts: int) -> None:
    script(network, [500], "GET")

    with pytest.raises(ServerError):
        await do(ev.with_options(retry=Retry(attempts=attempts), deadline=900), GET)

    assert len(network.sent) == attempts


async def test_one_attempt_turns_retries_off(network: Network, clock: FakeClock) -> None:
    script(network, [REFUSED, 200], "GET")

    async with EvEnergy(StaticToken("t"), retry=Retry(attempts=1), clock=clock) as ev:
        with pytest.raises(ConnectionFailed):
            await do(ev, GET)

    assert clock.naps == []


@pytest.mark.parametrize(
    "wrong",
    [{"attempts": 0}, {"attempts": 1.5}, {"attempts": True}, {"base": -1}, {"longest": float("inf")}, {"base": "1"}],
)
def test_a_policy_that_makes_no_sense_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidArgument) as raised:
        Retry(**wrong)

    assert raised.value.argument in wrong


# --- A deletion that was carried out unheard


@pytest.mark.parametrize("lost", [DROPPED, 500, 502, 503, 504], ids=str)
async def test_a_repeated_delete_that_finds_nothing_has_done_its_work(
    ev: EvEnergy, network: Network, lost: Outcome
) -> None:
    script(network, [lost, Answer({"title": "Not found"}, 404)], "DELETE")

    answer = await do(ev, DELETE)

    assert (answer.status, answer.data, answer.body) == (204, None, b"")


@pytest.mark.parametrize("unsent", [REFUSED, busy(429, 1)], ids=str)
async def test_a_delete_that_was_never_carried_out_and_finds_nothing_is_an_error(
    ev: EvEnergy, network: Network, unsent: Outcome
) -> None:
    script(network, [unsent, 404], "DELETE")

    with pytest.raises(NotFound):
        await do(ev, DELETE)

    assert len(network.sent) == 2


async def test_a_first_delete_that_finds_nothing_is_an_error(ev: EvEnergy, network: Network) -> None:
    script(network, [404], "DELETE")

    with pytest.raises(NotFound):
        await do(ev, DELETE)


async def test_a_repeated_read_that_finds_nothing_is_an_error(ev: EvEnergy, network: Network) -> None:
    script(network, [DROPPED, 404], "GET")

    with pytest.raises(NotFound):
        await do(ev, GET)


# --- What is known in the end


async def test_a_write_that_may_have_worked_stays_in_doubt_when_later_tries_are_refused(
    ev: EvEnergy, network: Network
) -> None:
    script(network, [DROPPED, REFUSED], "POST")

    with pytest.raises(OutcomeUnknown):
        await do(ev, ACCEPT)

    assert len(network.sent) == 4


@pytest.mark.parametrize(("first", "unsent"), [(DROPPED, False), (REFUSED, True)])
async def test_an_error_says_whether_any_try_may_have_reached_the_api(
    ev: EvEnergy,
    network: Network,
    first: Outcome,
    unsent: bool,
) -> None:
    script(network, [first, REFUSED], "DELETE")

    with pytest.raises(ConnectionFailed) as raised:
        await do(ev, DELETE)

    assert raised.value.unsent is unsent


# --- How long it waits


async def test_waits_are_drawn_anew_from_a_span_that_doubles(network: Network, clock: FakeClock) -> None:
    script(network, [500], "GET")
    policy = Retry(attempts=7, base=2, longest=20)

    async with EvEnergy(StaticToken("t"), retry=policy, clock=clock, random=random.Random(99), deadline=900) as ev:
        with pytest.raises(ServerError):
            await do(ev, GET)

    twin = random.Random(99)
    assert clock.naps == [twin.uniform(0, top) for top in (2, 4, 8, 16, 20, 20)]


@given(
    attempt=st.integers(1, 10_000),
    base=st.floats(0, 1e6),
    longest=st.floats(0, 1e6),
    seed=st.integers(),
)
def test_a_wait_is_within_its_bounds_whatever_the_numbers(attempt: int, base: float, longest: float, seed: int) -> None:
    delay = Retry(base=base, longest=longest).delay(attempt, random.Random(seed))

    assert 0 <= delay <= longest
    if attempt < 50:
        assert delay <= base * 2 ** (attempt - 1)


def test_waits_fill_their_whole_span_so_that_clients_do_not_come_back_together() -> None:
    source = random.Random(1)
    delays = [Retry(base=1).delay(3, source) for _ in range(1_000)]

    assert min(delays) < 0.1
    assert max(delays) > 3.9
    assert 1.9 < sum(delays) / len(delays) < 2.1


@pytest.mark.parametrize("name", ["Retry-After", "RetryAfter", "retry-after"])
async def test_a_stated_wait_takes_the_place_of_a_drawn_one(
    ev: EvEnergy, network: Network, clock: FakeClock, name: str
) -> None:
    script(network, [busy(503, 41, name), 200], "GET")

    await do(ev, GET)

    assert clock.naps == [41]


async def test_a_wait_may_be_stated_as_a_date(ev: EvEnergy, network: Network, clock: FakeClock) -> None:
    until = START + dt.timedelta(seconds=50)
    script(network, [busy(503, format_datetime(until, usegmt=True)), 200], "GET")

    await do(ev, GET)

    assert clock.now() == until


async def test_a_stated_wait_may_be_longer_than_any_drawn_one(ev: EvEnergy, network: Network, clock: FakeClock) -> None:
    script(network, [busy(429, 1_800), 200], "POST")

    await do(ev.with_options(deadline=dt.timedelta(hours=1)), POST)

    assert clock.monotonic() >= 1_800


@pytest.mark.parametrize("nonsense", ["", "soon", "-5", "1e3", "Thu, 99 Foo 2026", "2026-03-14"])
async def test_a_stated_wait_that_is_none_is_drawn(
    ev: EvEnergy, network: Network, clock: FakeClock, nonsense: str
) -> None:
    script(network, [busy(503, nonsense), 200], "GET")

    await do(ev, GET)

    assert len(clock.naps) == 1
    assert clock.naps[0] <= 0.5


@given(st.text())
def test_no_header_is_too_strange_to_be_read(text: str) -> None:
    wait = retry_after({"Retry-After": text}, START)

    assert wait is None or 0 <= wait < float("inf")


@given(st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2026, 12, 31), timezones=st.just(dt.UTC)))  # noqa: DTZ001
def test_a_date_is_read_to_the_second_and_one_in_the_past_is_now(when: dt.datetime) -> None:
    when = when.replace(microsecond=0)

    assert retry_after({"Retry-After": format_datetime(when, usegmt=True)}, START) == max(
        0, (when - START).total_seconds()
    )


# --- What does not fit the deadline


@pytest.mark.parametrize("what", [GET, DELETE, POST], ids=["GET", "DELETE", "POST"])
@pytest.mark.parametrize("status", [429, 503])
async def test_a_wait_beyond_the_deadline_raises_at_once_with_the_time_of_the_next_try(
    ev: EvEnergy, network: Network, clock: FakeClock, what: Operation[None], status: int
) -> None:
    script(network, [busy(status, 61), 200], what.method)

    with pytest.raises(ApiError) as raised:
        await do(ev, what)

    assert raised.value.status == status
    assert raised.value.retry_at == START + dt.timedelta(seconds=61)
    assert "2026-03-14T12:01:01" in str(raised.value)
    assert (len(network.sent), clock.monotonic()) == (1, 0)


async def test_a_wait_that_just_fits_is_waited(ev: EvEnergy, network: Network) -> None:
    script(network, [busy(503, 59), 200], "GET")

    await do(ev, GET)

    assert len(network.sent) == 2


async def test_the_deadline_bounds_all_waits_together(ev: EvEnergy, network: Network, clock: FakeClock) -> None:
    script(network, [busy(503, 25)], "GET")

    with pytest.raises(ServiceUnavailable) as raised:
        await do(ev.with_options(retry=Retry(attempts=9)), GET)

    assert len(network.sent) == 3
    assert clock.monotonic() == 50
    assert raised.value.retry_at == START + dt.timedelta(seconds=75)


@pytest.mark.parametrize("ages", ["9" * 30, "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
async def test_a_wait_of_ages_is_still_the_servers_error(ev: EvEnergy, network: Network, ages: str) -> None:
    script(network, [busy(503, ages)], "GET")

    with pytest.raises(ServiceUnavailable) as raised:
        await do(ev, GET)

    assert raised.value.retry_at is not None
    assert raised.value.retry_at > START + dt.timedelta(days=365)


# --- Hooks


async def test_a_hook_hears_of_each_repetition_before_it_waits(ev: EvEnergy, network: Network) -> None:
    script(network, [REFUSED, busy(503, 3), 500, 200], "GET")
    heard: list[tuple[RetryEvent, int]] = []
    policy = Retry(before=lambda event: heard.append((event, len(network.sent))))

    await do(ev.with_options(retry=policy), GET)

    assert [(event.attempt, sent) for event, sent in heard] == [(1, 1), (2, 2), (3, 3)]
    first, second, third = (event for event, _ in heard)
    assert isinstance(first.outcome, ConnectionFailed)
    assert not isinstance(second.outcome, Exception)
    assert (second.outcome.status, second.delay) == (503, 3)
    assert 0 <= third.delay <= 2
    assert "Authorization" not in first.request.headers


async def test_a_hook_hears_nothing_when_nothing_is_repeated(ev: EvEnergy, network: Network) -> None:
    script(network, [DROPPED], "POST")
    script(network, [200], "GET")
    heard: list[RetryEvent] = []
    patient = ev.with_options(retry=Retry(before=heard.append))

    await do(patient, GET)
    with pytest.raises(OutcomeUnknown):
        await do(patient, POST)

    assert heard == []


async def test_a_hook_may_call_it_off(ev: EvEnergy, network: Network) -> None:
    script(network, [500, 200], "GET")

    def refuse(_: RetryEvent) -> None:
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        await do(ev.with_options(retry=Retry(before=refuse)), GET)

    assert len(network.sent) == 1


# --- Trouble at the token endpoint


@pytest.mark.parametrize("trouble", [REFUSED, DROPPED, 500, 502, 503, 504, busy(429, 2)], ids=str)
@pytest.mark.parametrize("what", [GET, POST, PATCH], ids=["GET", "POST", "PATCH"])
async def test_trouble_at_the_token_endpoint_passes_for_reads_and_writes(
    network: Network, clock: FakeClock, what: Operation[None], trouble: Outcome
) -> None:
    script(network, [trouble, TOKEN], "POST", TOKEN_URL)
    script(network, [200], what.method)

    async with EvEnergy(ClientCredentials("id", "secret"), clock=clock) as ev:
        await do(ev, what)

    assert [sent.url.rpartition("energy")[2] for sent in network.sent] == ["/o/token/", "/o/token/", "/v2/things"]


@pytest.mark.parametrize("trouble", [REFUSED, DROPPED], ids=str)
async def test_a_write_that_never_got_a_token_is_in_no_doubt(
    network: Network, clock: FakeClock, trouble: Outcome
) -> None:
    script(network, [trouble], "POST", TOKEN_URL)

    async with EvEnergy(ClientCredentials("id", "secret"), clock=clock) as ev:
        with pytest.raises(ConnectionFailed, match="POST /o/token/"):
            await do(ev, POST)

    assert len(network.sent) == 4


async def test_a_delete_that_waited_for_its_token_and_finds_nothing_is_an_error(
    network: Network, clock: FakeClock
) -> None:
    script(network, [DROPPED, TOKEN], "POST", TOKEN_URL)
    script(network, [404], "DELETE")

    async with EvEnergy(ClientCredentials("id", "secret"), clock=clock) as ev:
        with pytest.raises(NotFound):
            await do(ev, DELETE)


@pytest.mark.parametrize("error", ["invalid_client", "invalid_grant"])
async def test_refused_credentials_are_not_tried_again(network: Network, clock: FakeClock, error: str) -> None:
    script(network, [Answer({"error": error}, 401)], "POST", TOKEN_URL)

    async with EvEnergy(ClientCredentials("id", "secret"), clock=clock) as ev:
        with pytest.raises(AuthError, match=error):
            await do(ev, GET)

    assert len(network.sent) == 1


async def test_a_token_endpoint_that_is_busy_for_long_says_when_to_come_back(
    network: Network, clock: FakeClock
) -> None:
    script(network, [busy(429, 600)], "POST", TOKEN_URL)

    async with EvEnergy(ClientCredentials("id", "secret"), clock=clock) as ev:
        with pytest.raises(RateLimited) as raised:
            await do(ev, GET)

    assert raised.value.retry_at == START + dt.timedelta(seconds=600)
    assert len(network.sent) == 1


async def test_a_token_that_is_refused_between_two_tries_is_replaced(network: Network, clock: FakeClock) -> None:
    script(network, [TOKEN, Answer({"access_token": "t2", "token_type": "Bearer"})], "POST", TOKEN_URL)
    script(network, [503, 401, 200], "GET")

    async with EvEnergy(ClientCredentials("id", "secret"), clock=clock) as ev:
        await do(ev, GET)

    assert [sent.headers["Authorization"][-2:] for sent in network.sent if sent.method == "GET"] == ["t1", "t1", "t2"]


async def test_a_401_and_then_trouble_at_the_token_endpoint_does_not_lose_a_write(
    network: Network, clock: FakeClock
) -> None:
    script(network, [TOKEN, 503, Answer({"access_token": "t2", "token_type": "Bearer"})], "POST", TOKEN_URL)
    script(network, [401, 201], "PATCH")

    async with EvEnergy(ClientCredentials("id", "secret"), clock=clock) as ev:
        assert (await do(ev, PATCH)).status == 201


# --- A budget that runs out between two tries


def left(remaining: int, status: int = 503) -> Answer:
    return Answer(status=status, headers={"X-RateLimit-Limit": "5", "X-RateLimit-Remaining": str(remaining)})


async def test_a_budget_that_runs_out_leaves_the_answer_there_was(network: Network, clock: FakeClock) -> None:
    script(network, [left(0), 200], "GET")

    async with EvEnergy(StaticToken("t"), budget=Budget(5, clock=clock), clock=clock) as ev:
        with pytest.raises(ServiceUnavailable) as raised:
            await do(ev, GET)
        assert ev.budget.waiting == 0

    assert raised.value.retry_at is not None
    assert raised.value.retry_at > START
    assert len(network.sent) == 1


async def test_a_budget_that_runs_out_leaves_the_error_there_was(network: Network, clock: FakeClock) -> None:
    # The last request of the hour is dropped.
    script(network, [left(1, 200), DROPPED, 200], "GET")

    async with EvEnergy(StaticToken("t"), budget=Budget(2, clock=clock), clock=clock) as ev:
        await do(ev, GET)
        with pytest.raises(ConnectionFailed):
            await do(ev, GET)

    assert len(network.sent) == 2


async def test_each_try_is_paid_for(network: Network, clock: FakeClock) -> None:
    budget = Budget(100, clock=clock)
    script(network, [left(99), left(98), left(97, 200)], "GET")

    async with EvEnergy(StaticToken("t"), budget=budget, clock=clock) as ev:
        await do(ev, GET)

    assert budget.used >= 3


async def test_a_refused_connection_costs_nothing(network: Network, clock: FakeClock) -> None:
    budget = Budget(100, clock=clock)
    script(network, [REFUSED], "GET")

    async with EvEnergy(StaticToken("t"), budget=budget, clock=clock) as ev:
        with pytest.raises(ConnectionFailed):
            await do(ev, GET)

    assert budget.used == 0
