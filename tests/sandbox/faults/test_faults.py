"""Each thing that can go wrong on purpose, as a client sees it that knows nothing but bytes."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import pytest

from ev_energy_async.sandbox import FaultPlan, Rule, Sandbox, SteppedClock
from ev_energy_async.sandbox.faults import (
    DuplicatedLogs,
    Effect,
    ExpiredToken,
    HtmlError,
    HugeBody,
    LateLogs,
    Latency,
    MalformedJson,
    MissingField,
    NewEnumValue,
    NullField,
    RateLimited,
    ResetAfter,
    ResetBefore,
    SlowDrip,
    Stall,
    TruncatedJson,
    Unavailable,
    UnknownField,
    WrongContentType,
)
from tests.sandbox.raw import Line, Raw, exchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PAGE = "/v2/vehicles?page_size=5&expand=latest_status_log"
PATIENCE = 5
"""Seconds for what a stall would hold up for ever."""


@pytest.fixture
async def sandbox(clock: SteppedClock) -> AsyncIterator[Sandbox]:
    async with Sandbox(vehicles=20, seed=7, clock=clock) as running:
        yield running


def _always(effect: Effect, **more: Any) -> FaultPlan:
    return FaultPlan((Rule(effect, **more),))


def _vehicle(sandbox: Sandbox) -> Any:
    return next(vehicle for vehicle in sandbox.world.vehicles if vehicle.integrated == "ACTIVE")


def _logs_path(sandbox: Sandbox) -> str:
    return f"/v2/vehicles/{_vehicle(sandbox).id}/status_logs?page_size=20"


async def _patch(sandbox: Sandbox) -> Raw:
    body = json.dumps({"maximum_charge_limit_percentage": 61}).encode()
    return await exchange(sandbox, "PATCH", f"/v2/vehicles/{_vehicle(sandbox).id}", body=body)


async def test_no_plan_no_faults(sandbox: Sandbox) -> None:
    answer = await exchange(sandbox, "GET", PAGE)
    assert (answer.status, len(json.loads(answer.body))) == (200, 5)
    assert sandbox.requests[-1].faults == ()


async def test_latency(sandbox: Sandbox) -> None:
    sandbox.faults = _always(Latency(seconds=0.02, jitter_seconds=0.01))
    begun = asyncio.get_running_loop().time()
    assert (await exchange(sandbox, "GET", PAGE)).status == 200
    assert 0.02 <= asyncio.get_running_loop().time() - begun < 1
    assert sandbox.requests[-1].faults == ("latency",)


async def test_a_stall_ends_with_the_clients_patience_and_leaves_nothing(sandbox: Sandbox) -> None:
    sandbox.faults = _always(Stall())
    before = asyncio.all_tasks()
    line = await Line.to(sandbox.origin)
    line.send("GET", PAGE)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await line.reader.readline()
    await line.close()
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(asyncio.all_tasks() - before), return_exceptions=True)
    assert (sandbox.requests[-1].status, sandbox.requests[-1].faults) == (None, ("stall",))


async def test_a_stall_may_end_by_itself_in_a_reset(sandbox: Sandbox) -> None:
    sandbox.faults = _always(Stall(seconds=0.01))
    assert (await exchange(sandbox, "GET", PAGE)).status is None


async def test_a_stall_does_not_keep_the_sandbox_from_stopping(sandbox: Sandbox) -> None:
    sandbox.faults = _always(Stall())
    line = await Line.to(sandbox.origin)
    line.send("GET", PAGE)
    await asyncio.sleep(0.02)
    async with asyncio.timeout(PATIENCE):
        await sandbox.stop()
    assert (await line.receive()).status is None
    await line.close()


async def test_a_reset_before_handling_leaves_nothing_done(sandbox: Sandbox) -> None:
    sandbox.faults = _always(ResetBefore())
    answer = await _patch(sandbox)
    assert (answer.status, answer.reset) == (None, True)
    assert _vehicle(sandbox).charge_limit != 61


async def test_a_reset_after_handling_loses_only_the_response(sandbox: Sandbox) -> None:
    sandbox.faults = _always(ResetAfter())
    answer = await _patch(sandbox)
    assert (answer.status, answer.reset) == (None, True)
    assert _vehicle(sandbox).charge_limit == 61
    assert (sandbox.requests[-1].status, sandbox.requests[-1].operation) == (None, "vehicles.update")


async def test_truncated_json_looks_complete_to_http(sandbox: Sandbox) -> None:
    sandbox.faults = _always(TruncatedJson())
    answer = await exchange(sandbox, "GET", PAGE)
    assert len(answer.body) == int(answer.headers["content-length"])
    with pytest.raises(ValueError, match=r"."):
        json.loads(answer.body)


async def test_truncated_json_with_the_connection_cut(sandbox: Sandbox) -> None:
    sandbox.faults = _always(TruncatedJson(cut_connection=True))
    answer = await exchange(sandbox, "GET", PAGE)
    assert answer.status == 200
    assert 0 < len(answer.body) < int(answer.headers["content-length"])


async def test_malformed_json_comes_in_several_kinds(sandbox: Sandbox) -> None:
    sandbox.faults = _always(MalformedJson())
    ends: set[bytes] = set()
    for _ in range(30):
        answer = await exchange(sandbox, "GET", PAGE)
        ends.add(answer.body[:2] + answer.body[-2:])
        with pytest.raises(ValueError, match=r"."):
            json.loads(answer.body, parse_constant=lambda name: int(f"not a number: {name}"))
    assert len(ends) > 3


async def test_a_wrong_content_type(sandbox: Sandbox) -> None:
    sandbox.faults = _always(WrongContentType())
    answer = await exchange(sandbox, "GET", PAGE)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert len(json.loads(answer.body)) == 5


async def test_an_error_page_of_a_proxy_counts_nothing(sandbox: Sandbox) -> None:
    sandbox.faults = _always(HtmlError(), count=1)
    answer = await exchange(sandbox, "GET", PAGE)
    assert (answer.status, answer.headers["content-type"]) == (502, "text/html")
    assert b"<h1>502 Bad Gateway</h1>" in answer.body
    assert "evenergy-version" not in answer.headers
    assert (await exchange(sandbox, "GET", PAGE)).headers["x-ratelimit-remaining"] == "999"


async def test_an_outage_says_when_to_come_back(sandbox: Sandbox) -> None:
    sandbox.faults = _always(Unavailable(retry_after_seconds=7))
    answer = await _patch(sandbox)
    assert (answer.status, answer.headers["retry-after"]) == (503, "7")
    assert answer.headers["content-type"] == "application/problem+json"
    assert _vehicle(sandbox).charge_limit != 61
    sandbox.faults = _always(Unavailable(retry_after_seconds=None))
    assert "retry-after" not in (await _patch(sandbox)).headers


async def test_a_storm_of_429s_lasts_as_long_as_it_was_to(sandbox: Sandbox) -> None:
    sandbox.faults = _always(RateLimited(retry_after_seconds=3, storm_seconds=30), count=1)
    for _ in range(3):
        answer = await exchange(sandbox, "GET", PAGE)
        assert (answer.status, answer.headers["retry-after"], answer.headers["x-ratelimit-remaining"]) == (
            429,
            "3",
            "0",
        )
        assert json.loads(answer.body)["type"].endswith("/rate-limit-exceeded/")
        sandbox.advance(9.9)
    sandbox.advance(0.3)
    assert (await exchange(sandbox, "GET", PAGE)).status == 200


async def test_a_token_that_expires_early_stays_expired(sandbox: Sandbox) -> None:
    sandbox.faults = _always(ExpiredToken(), count=1)
    token = sandbox.issue_token()
    answer = await exchange(sandbox, "GET", PAGE, token=token)
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert (await exchange(sandbox, "GET", PAGE, token=token)).status == 401
    assert (await exchange(sandbox, "GET", PAGE)).status == 200


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    """The values that are not containers, by path; an empty or unknown container stands for itself."""
    children: list[tuple[str, object]] = []
    if isinstance(value, dict):
        children = [(f"{path}.{name}", member) for name, member in cast("dict[str, object]", value).items()]
    elif isinstance(value, list):
        children = [(f"{path}[{number}]", item) for number, item in enumerate(cast("list[object]", value))]
    if not children or path.rpartition(".")[2].startswith("new_field_"):
        return {path: value}
    return {place: leaf for name, child in children for place, leaf in _flat(child, name).items()}


def _differences(good: Any, odd: Any) -> list[tuple[Any, Any]]:
    """The differences between two JSON values, before and after; `...` is an absent value."""
    before, after = _flat(good), _flat(odd)
    pairs = [(before.get(path, ...), after.get(path, ...)) for path in {**before, **after}]
    return [(old, new) for old, new in pairs if old != new]


async def _odd(sandbox: Sandbox, effect: Effect, path: str) -> list[tuple[Any, Any]]:
    """The changes that an effect makes to a body: the values before and after."""
    sandbox.faults = FaultPlan()
    good = json.loads((await exchange(sandbox, "GET", path)).body)
    sandbox.faults = _always(effect)
    answer = await exchange(sandbox, "GET", path)
    assert answer.status == 200
    return _differences(good, json.loads(answer.body))


async def test_new_enum_values(sandbox: Sandbox) -> None:
    changes = await _odd(sandbox, NewEnumValue(members=3), PAGE)
    assert len(changes) == 3
    assert all(old.isupper() for old, _ in changes)
    assert {new for _, new in changes} <= {"BRAND_NEW", "UNHEARD_OF", "FROM_THE_FUTURE"}


async def test_unknown_fields(sandbox: Sandbox) -> None:
    changes = await _odd(sandbox, UnknownField(members=2), PAGE)
    assert len(changes) == 2
    assert {old for old, _ in changes} == {...}


async def test_null_where_it_is_not_allowed(sandbox: Sandbox) -> None:
    changes = await _odd(sandbox, NullField(members=2), PAGE)
    assert len(changes) == 2
    assert all(old is not None and new is None for old, new in changes)


async def test_required_fields_that_are_missing(sandbox: Sandbox) -> None:
    changes = await _odd(sandbox, MissingField(), PAGE)
    assert [new for _, new in changes] == [...]


async def test_error_bodies_are_not_distorted(sandbox: Sandbox) -> None:
    sandbox.faults = _always(MissingField())
    answer = await exchange(sandbox, "GET", "/v2/vehicles?page_size=0")
    assert {"title", "detail", "status"} <= set(json.loads(answer.body))


async def test_duplicated_logs(sandbox: Sandbox) -> None:
    sandbox.faults = _always(DuplicatedLogs(logs=2), operation="vehicles.list_*_logs")
    answer = json.loads((await exchange(sandbox, "GET", _logs_path(sandbox))).body)
    assert len(answer) == 22
    assert len({log["sampled_at"] for log in answer}) == 20
    assert len(sandbox.requests[-1].logs) == 22


async def test_late_logs_are_always_the_same_ones_and_come_in_the_end(sandbox: Sandbox) -> None:
    path = _logs_path(sandbox)

    async def stamps() -> list[str]:
        return [log["sampled_at"] for log in json.loads((await exchange(sandbox, "GET", path)).body)]

    whole = await stamps()
    sandbox.faults = _always(LateLogs(share=0.5, seconds=30 * 86_400))
    some = await stamps()
    assert some == await stamps()
    assert set(some) < set(whole)
    assert 2 < len(some) < 18
    assert sandbox.requests[-1].logs == tuple(some)
    sandbox.faults = _always(LateLogs(share=0.5, seconds=1))
    sandbox.advance(2)
    later = json.loads((await exchange(sandbox, "GET", path)).body)
    assert {log["sampled_at"] for log in later} >= set(whole[:-2])


async def test_a_slow_drip(sandbox: Sandbox) -> None:
    sandbox.faults = _always(SlowDrip(piece_bytes=2_000, pause_seconds=0.001))
    begun = asyncio.get_running_loop().time()
    answer = await exchange(sandbox, "GET", PAGE)
    assert len(json.loads(answer.body)) == 5
    assert asyncio.get_running_loop().time() - begun >= 0.001 * (len(answer.body) // 2_000)


async def test_a_huge_body_is_still_json(sandbox: Sandbox) -> None:
    sandbox.faults = _always(HugeBody(total_bytes=300_001))
    answer = await exchange(sandbox, "GET", PAGE)
    assert len(answer.body) == 300_001
    assert "content-length" not in answer.headers
    assert len(json.loads(answer.body)) == 5


async def test_head_has_no_body_to_spoil(sandbox: Sandbox) -> None:
    sandbox.faults = FaultPlan((Rule(SlowDrip()), Rule(HugeBody())))
    assert (await exchange(sandbox, "HEAD", PAGE)).status == 200


async def test_the_token_endpoint_fails_where_its_path_is_named(sandbox: Sandbox) -> None:
    sandbox.faults = _always(Unavailable())
    assert (await exchange(sandbox, "POST", "/o/token/")).status == 400
    sandbox.faults = _always(Unavailable(), path="/o/token/")
    assert (await exchange(sandbox, "POST", "/o/token/")).status == 503
    assert (await exchange(sandbox, "GET", PAGE)).status == 200


@pytest.mark.parametrize(
    ("about", "struck"),
    [
        ({}, [True, True, True, True]),
        ({"operation": "vehicles.list"}, [True, False, False, False]),
        ({"operation": "vehicles.*"}, [True, True, True, False]),
        ({"path": "/vehicles/*"}, [False, True, True, False]),
        ({"path": "/v2/evses"}, [False, False, False, True]),
        ({"method": "patch"}, [False, False, True, False]),
        ({"operation": "vehicles.*", "path": "*/vhcl*", "method": "GET"}, [False, True, False, False]),
    ],
)
async def test_rules_are_about_what_they_name(sandbox: Sandbox, about: dict[str, str], struck: list[bool]) -> None:
    one = f"/v2/vehicles/{_vehicle(sandbox).id}"
    sandbox.faults = _always(HtmlError(), **about)
    calls = [("GET", "/v2/vehicles"), ("GET", one), ("PATCH", one), ("GET", "/v2/evses")]
    assert [(await exchange(sandbox, *call)).status == 502 for call in calls] == struck


async def test_count_skip_and_time_bound_a_rule(sandbox: Sandbox) -> None:
    sandbox.advance(5)
    sandbox.faults = FaultPlan((Rule(HtmlError(), skip=1, count=2, from_seconds=10, until_seconds=20),))

    async def statuses(number: int) -> list[int | None]:
        return [(await exchange(sandbox, "GET", PAGE)).status for _ in range(number)]

    assert await statuses(2) == [200, 200]
    sandbox.advance(10)
    assert await statuses(4) == [200, 502, 502, 200]
    sandbox.faults = FaultPlan((Rule(HtmlError(), until_seconds=1),))
    assert await statuses(1) == [502]
    sandbox.advance(1)
    assert await statuses(1) == [200]


async def test_several_rules_strike_together(sandbox: Sandbox) -> None:
    sandbox.faults = FaultPlan(
        (Rule(Latency(seconds=0.001)), Rule(WrongContentType("text/plain")), Rule(HtmlError(503)))
    )
    answer = await exchange(sandbox, "GET", PAGE)
    assert (answer.status, answer.headers["content-type"]) == (503, "text/plain")
    assert sandbox.requests[-1].faults == ("latency", "wrong_content_type", "html_error")


async def _run(seed: int, clock: SteppedClock, *, between: bool = False) -> list[tuple[int | None, bytes]]:
    rules = (
        Rule(HtmlError(), probability=0.3, operation="vehicles.list"),
        Rule(NullField(), probability=0.5, operation="vehicles.list"),
        Rule(TruncatedJson(), probability=0.3, operation="vehicles.list"),
    )
    async with Sandbox(vehicles=20, clock=clock, faults=FaultPlan(rules, seed=seed)) as sandbox:
        found: list[tuple[int | None, bytes]] = []
        for _ in range(25):
            answer = await exchange(sandbox, "GET", PAGE)
            found.append((answer.status, answer.body.replace(sandbox.origin.encode(), b"")))
            if between:
                await exchange(sandbox, "GET", "/v2/evses")
        return found


async def test_a_failing_run_can_be_repeated(clock: SteppedClock) -> None:
    first = await _run(1, clock)
    statuses = [status for status, _ in first]
    assert {200, 502} <= set(statuses)
    assert any(left != right for left, right in pairwise(first))
    assert [status for status, _ in await _run(1, clock)] == statuses
    assert [status for status, _ in await _run(1, clock, between=True)] == statuses
    assert [status for status, _ in await _run(2, clock)] != statuses
