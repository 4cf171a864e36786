"""The recipes of `docs/running.md` do what they promise, with stand-ins for the libraries that they are written for."""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import pytest

from ev_energy_async import EvEnergy, NotFound, StaticToken
from ev_energy_async.testing import FakeClock, sign
from ev_energy_async.webhooks import Deduplicator, WebhookVerifier

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Network

GUIDE: Final = Path(__file__).parent.parent / "docs" / "running.md"
BLOCKS: Final = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
SECRET: Final = "whsec_Z3VpZGUgdG8gcnVubmluZyBpdCwgYSBrZXk="


def recipe(mark: str) -> str:
    [found] = [block for block in BLOCKS if mark in block]
    return str(found)


def stand_in(monkeypatch: pytest.MonkeyPatch, name: str, **members: object) -> None:
    module = ModuleType(name)
    vars(module).update(members)
    monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_each_example_is_python(block: str) -> None:
    compile(block, "running.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


class Metric:
    """As much of a family of metrics as a collector fills."""

    def __init__(self, name: str, documentation: str, labels: list[str]) -> None:
        self.name = name
        self.documentation = documentation
        self.labels = labels
        self.values: dict[tuple[str, ...], float] = {}

    def add_metric(self, labels: list[str], value: float) -> None:
        self.values[tuple(labels)] = value


class Registry:
    """Where collectors are registered."""

    def __init__(self) -> None:
        self.collectors: list[Any] = []

    def register(self, collector: object) -> None:
        self.collectors.append(collector)


async def test_prometheus_is_told_what_the_client_knows(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry()
    families = {"CounterMetricFamily": Metric, "GaugeMetricFamily": Metric}
    stand_in(monkeypatch, "prometheus_client")
    stand_in(monkeypatch, "prometheus_client.core", REGISTRY=registry, **families)
    network.answer("GET", "/regions", [])
    network.problem("GET", "/users", 404)

    async with EvEnergy(StaticToken("t"), label="fleet", clock=FakeClock()) as ev:
        exec(recipe("prometheus_client"), {"ev": ev})  # noqa: S102  # our own text
        await ev.regions.list()
        with pytest.raises(NotFound):
            await ev.users.list()
        [collector] = registry.collectors
        told = {metric.name: metric.values for metric in collector.collect()}
        stats = ev.stats()

    assert told["ev_energy_calls"] == {("fleet",): 2}
    assert told["ev_energy_failures"] == {("fleet",): 1}
    assert told["ev_energy_budget_remaining"] == {("fleet",): stats.budget_remaining}
    assert stats.last_success is not None
    assert told["ev_energy_last_success_seconds"] == {("fleet",): stats.last_success.timestamp()}


class Histogram:
    """Where durations are noted."""

    def __init__(self) -> None:
        self.noted: list[str] = []

    def labels(self, name: str) -> Histogram:
        self.noted.append(name)
        return self

    def observe(self, seconds: float) -> None:
        assert seconds >= 0


async def test_middleware_is_asked_once_a_call(network: Network) -> None:
    network.answer("GET", "/regions", status=503, headers={"Retry-After": "0"})
    network.answer("GET", "/regions", [])
    histogram = Histogram()
    around: dict[str, Any] = {
        "EvEnergy": EvEnergy,
        "credentials": StaticToken("t"),
        "histogram": histogram,
        "new_id": lambda: "req-1",
    }
    exec(recipe("async def timed"), around)  # noqa: S102  # our own text

    async with around["ev"] as ev:
        await ev.regions.list()

    assert [sent.headers["X-Request-ID"] for sent in network.sent] == ["req-1"] * 2
    assert histogram.noted == ["regions.list"]


class Incoming:
    """A request as FastAPI hands it over."""

    def __init__(self, body: bytes, headers: dict[str, str]) -> None:
        self._body = body
        self.headers = headers

    async def body(self) -> bytes:
        return self._body


class Outgoing:
    """A response as FastAPI takes it."""

    def __init__(self, status_code: int) -> None:
        self.status_code = status_code


class App:
    """What collects routes."""

    def __init__(self) -> None:
        self.routes: dict[str, Any] = {}

    def post(self, path: str) -> Callable[[Any], Any]:
        def keep(function: Any) -> Any:
            self.routes[path] = function
            return function

        return keep


async def test_a_webhook_comes_in_through_fastapi_once_and_only_if_it_is_genuine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, handled = FakeClock(), list[Any]()

    async def on_event(event: Any) -> None:
        handled.append(event.payload)

    stand_in(monkeypatch, "fastapi", FastAPI=App, Request=Incoming, Response=Outgoing)
    around: dict[str, Any] = {
        "verifier": WebhookVerifier(SECRET, clock=clock),
        "Deduplicator": Deduplicator,
        "on_event": on_event,
    }
    exec(recipe("fastapi"), around)  # noqa: S102  # our own text
    hook = around["api"].routes["/hooks"]
    body = json.dumps({"type": "something.new", "timestamp": "2026-03-14T12:00:00Z", "data": {}}).encode()
    headers = sign(body, SECRET, sent_at=clock.now())

    answers = [await hook(Incoming(each, headers)) for each in (body, body, body + b" ")]

    assert [answer.status_code for answer in answers] == [204, 204, 400]
    assert [payload.type for payload in handled] == ["something.new"]
