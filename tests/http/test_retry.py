"""Retries: what is sent again, what never is, and what a caller learns in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ev_energy_async import (
    ApiError,
    ConnectionFailed,
    EvEnergy,
    InvalidArgument,
    NotFound,
    OutcomeUnknown,
    Request,
    RequestTimeout,
    Retry,
    ServerError,
    ServiceUnavailable,
    StaticToken,
)
from ev_energy_async.calls import build_request
from ev_energy_async.http.retry import may_repeat
from tests.conftest import Answer, FakeClock

from .retry_kit import ACCEPT, DELETE, DROPPED, GET, PATCH, POST, REFUSED, Outcome, busy, do, operation, script

if TYPE_CHECKING:
    from ev_energy_async.messages.operations import Operation
    from tests.conftest import Network

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
async def test_a_permanent_error_is_raised_at_once(
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
async def test_a_write_without_a_response_is_left_to_the_caller(
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
    request: Request[None] = build_request(what)
    kind = RequestTimeout if what in {GET, DELETE} else OutcomeUnknown

    assert may_repeat(request, kind(request, "not within 1 s")) is repeated
    assert may_repeat(request, RequestTimeout(request, "no connection", unsent=True))


async def test_a_503_that_the_operation_itself_declares_is_its_result(ev: EvEnergy, network: Network) -> None:
    boost = operation("POST", responses=(409, 503))
    script(network, [busy(503, 1), 200], "POST")

    with pytest.raises(ServiceUnavailable):
        await do(ev, boost)

    assert len(network.sent) == 1


async def test_other_trouble_of_such_an_operation_passes_as_ever(ev: EvEnergy, network: Network) -> None:
    script(network, [REFUSED, busy(429, 1), 200], "POST")

    await do(ev, operation("POST", responses=(409, 503)))

    assert len(network.sent) == 3


async def test_persistent_trouble_ends_after_the_last_attempt(ev: EvEnergy, network: Network) -> None:
    script(network, [502, 503, 500, 504, 200], "GET")

    with pytest.raises(ServerError) as raised:
        await do(ev, GET)

    assert raised.value.status == 504, "the last word counts"
    assert len(network.sent) == 4


@pytest.mark.parametrize("attempts", [1, 2, 7])
async def test_there_are_as_many_attempts_as_configured(ev: EvEnergy, network: Network, attempts: int) -> None:
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


async def test_a_write_that_may_have_worked_stays_in_doubt_when_later_attempts_are_refused(
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
