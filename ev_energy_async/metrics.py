"""Metrics for Prometheus: the figures of clients, their calls by operation, and the freshness of watches.

For services that expose `/metrics`; nothing in the package imports this. Needs the extra `[prometheus]`.

    collector = EvEnergyCollector()
    ev = EvEnergy(credentials, label="fleet", middleware=[collector.measure])
    collector.add(ev)
    REGISTRY.register(collector)

    async for event in ev.fleet.watch(...):
        collector.observe(event)

A client belongs to its event loop, and so do its figures: serve `generate_latest()` from a handler of your service, not
with `start_http_server`, which would collect them in a thread of its own.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, Protocol

from ev_energy_async._extras import extra
from ev_energy_async.fleet import CycleFinished, StatusLogged

with extra("prometheus", __name__, "prometheus_client"):
    from prometheus_client import Counter, Gauge, Histogram
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable

    from prometheus_client.core import Metric

    from ev_energy_async.http import Stats
    from ev_energy_async.messages import Handler, RawResponse, Request

__all__ = ["EvEnergyCollector"]

_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Measured(Protocol):
    """A client whose figures are collected."""

    def stats(self) -> Stats:
        """Return the figures."""
        ...


class EvEnergyCollector:
    """A Prometheus collector for any number of clients.

    Register it once (`REGISTRY.register(collector)`). Metrics of clients have the label `client`, which is the client's
    own `label`: give each a different one.

    Args:
        clients: Clients whose figures to collect; `add` takes more later.
    """

    def __init__(self, *clients: Measured) -> None:
        self._clients = list(clients)
        self._seconds = Histogram(
            "ev_energy_call_seconds",
            "Duration of calls, with waits and retries",
            ["client", "operation", "status"],
            registry=None,
            buckets=_BUCKETS,
        )
        self._requests = Counter(
            "ev_energy_requests", "Requests sent, by what they are for", ["client", "purpose"], registry=None
        )
        self._cycle_at = Gauge("ev_energy_watch_cycle_finished_seconds", "When a cycle last finished", registry=None)
        self._cycle = Gauge("ev_energy_watch_cycle_duration_seconds", "Duration of the last cycle", registry=None)
        self._vehicles = Gauge("ev_energy_watch_vehicles", "Vehicles in the last snapshot", registry=None)
        self._failed = Gauge("ev_energy_watch_failed", "Vehicles that the last cycle could not read", registry=None)
        self._newest = Gauge("ev_energy_watch_newest_log_seconds", "Time of the newest status log", registry=None)
        self._newest_log: dt.datetime | None = None
        self._measured = (
            *(self._seconds, self._requests),
            *(self._cycle_at, self._cycle, self._vehicles, self._failed, self._newest),
        )

    def add(self, client: Measured) -> None:
        """Collect the figures of another client."""
        self._clients.append(client)

    async def measure(self, request: Request[Any], following: Handler) -> RawResponse:
        """Measure a call; a middleware for `EvEnergy(middleware=[collector.measure])`."""
        label = request.options.label or ""
        started = time.perf_counter()
        status = "cancelled"
        try:
            response = await following(request)
            status = str(response.status)
        except Exception as error:
            status = type(error).__name__
            raise
        finally:
            self._seconds.labels(label, request.operation.name, status).observe(time.perf_counter() - started)
            self._requests.labels(label, _purpose(request)).inc(request.options.record.attempts)
        return response

    def observe(self, event: object) -> None:
        """Take note of an event of a watch: how fresh its data is, and how long its cycles take."""
        if isinstance(event, CycleFinished):
            self._cycle_at.set(event.began_at.timestamp() + event.duration)
            self._cycle.set(event.duration)
            self._vehicles.set(event.vehicles)
            self._failed.set(event.failed)
        elif isinstance(event, StatusLogged):
            at = event.log.sampled_at
            if at and (self._newest_log is None or at.timestamp() > self._newest_log.timestamp()):
                self._newest_log = at
                self._newest.set(at.timestamp())

    def describe(self) -> Iterable[Metric]:
        """Return no description, so that registering collects nothing."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Return the metrics; called by Prometheus' registry."""
        label = ["client"]
        calls = CounterMetricFamily("ev_energy_calls", "Calls made", labels=label)
        failures = CounterMetricFamily("ev_energy_failures", "Calls that raised an error", labels=label)
        retries = CounterMetricFamily("ev_energy_retries", "Attempts after the first", labels=label)
        limit = GaugeMetricFamily("ev_energy_budget_limit", "Requests per rolling hour", labels=label)
        remaining = GaugeMetricFamily("ev_energy_budget_remaining", "Requests available now", labels=label)
        waiting = GaugeMetricFamily("ev_energy_budget_waiting", "Calls waiting for the budget", labels=label)
        success = GaugeMetricFamily("ev_energy_last_success_seconds", "Time of the last success", labels=label)
        for stats in (client.stats() for client in self._clients):
            name = [stats.label or ""]
            calls.add_metric(name, stats.calls)
            failures.add_metric(name, stats.failures)
            retries.add_metric(name, stats.retries)
            limit.add_metric(name, stats.budget_limit)
            remaining.add_metric(name, stats.budget_remaining)
            waiting.add_metric(name, stats.budget_waiting)
            if stats.last_success is not None:
                success.add_metric(name, stats.last_success.timestamp())
        yield from (calls, failures, retries, limit, remaining, waiting, success)
        for each in self._measured:
            yield from each.collect()


def _purpose(request: Request[Any]) -> str:
    """Return what a request is for, by its priority in the budget: a poll or a command."""
    priority = request.options.priority
    is_poll = request.method in {"GET", "HEAD"} if priority is None else priority <= 0
    return "poll" if is_poll else "command"
