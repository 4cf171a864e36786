"""Metrics for Prometheus: the figures of clients, their calls by operation, their budget by purpose, their watches.

For services that expose `/metrics`; nothing in the package imports this. Needs the extra `[prometheus]`. One line:

    REGISTRY.register(EvEnergyCollector(ev))

A client belongs to its event loop, and so do its figures: serve `generate_latest()` from a handler of your service, not
with `start_http_server`, which would collect them in a thread of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from ev_energy_async._extras import extra
from ev_energy_async.fleet import CycleFinished, StatusLogged

with extra("prometheus", __name__, "prometheus_client"):
    from prometheus_client import Counter, Gauge, Histogram
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.core import Metric

    from ev_energy_async.http import Stats
    from ev_energy_async.messages import CallFinished, Observer

__all__ = ["EvEnergyCollector"]

_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_LABELS: Final = ("client",)


class Measured(Protocol):
    """A client whose figures are collected."""

    def stats(self) -> Stats:
        """Return the figures."""
        ...

    def add_observer(self, observer: Observer) -> None:
        """Tell an observer of calls and events."""
        ...


class EvEnergyCollector:
    """A Prometheus collector for any number of clients, their views and watches.

    Register it once (`REGISTRY.register(collector)`). All metrics have the label `client`, which is the client's own
    `label`: give each a different one.

    Args:
        clients: Clients whose figures to collect; `add` takes more later.
    """

    def __init__(self, *clients: Measured) -> None:
        self._clients: list[Measured] = []
        self._seconds = Histogram(
            "ev_energy_call_seconds",
            "Duration of calls, with waits and retries",
            ["client", "operation", "status"],
            registry=None,
            buckets=_BUCKETS,
        )
        self._requests = _counter("ev_energy_requests", "Requests sent, by what they are for", "purpose")
        self._events = _counter("ev_energy_watch_events", "Events that watches have delivered", "event")
        self._cycle_at = _gauge("ev_energy_watch_cycle_finished_seconds", "When a cycle last finished")
        self._cycle = _gauge("ev_energy_watch_cycle_duration_seconds", "Duration of the last cycle")
        self._every = _gauge("ev_energy_watch_every_seconds", "From one snapshot to the next")
        self._within = _gauge("ev_energy_watch_complete_within_seconds", "How soon every log is delivered")
        self._devices = _gauge("ev_energy_watch_devices", "Devices in the last snapshot")
        self._waiting = _gauge("ev_energy_watch_waiting", "Devices whose history is to be read")
        self._failed = _gauge("ev_energy_watch_failed", "Devices that the last cycle could not read")
        self._newest = _gauge("ev_energy_watch_newest_log_seconds", "Time of the newest status log")
        self._newest_at: dict[tuple[str, str], float] = {}
        self._noted = (
            *(self._seconds, self._requests, self._events, self._cycle_at, self._cycle, self._every, self._within),
            *(self._devices, self._waiting, self._failed, self._newest),
        )
        for client in clients:
            self.add(client)

    def add(self, client: Measured) -> None:
        """Collect the figures of another client."""
        self._clients.append(client)
        client.add_observer(self)

    def on_call(self, call: CallFinished) -> None:
        """Take note of a call; the client calls this."""
        label = call.request.options.label or ""
        self._seconds.labels(label, call.request.operation.name, call.outcome).observe(call.duration)
        self._requests.labels(label, call.purpose).inc(call.attempts)

    def on_event(self, label: str | None, event: object) -> None:
        """Take note of an event of a watch; the client calls this."""
        client = label or ""
        self._events.labels(client, type(event).__name__).inc()
        if isinstance(event, CycleFinished):
            labels = client, event.kind
            self._cycle_at.labels(*labels).set(event.began_at.timestamp() + event.duration)
            self._cycle.labels(*labels).set(event.duration)
            self._every.labels(*labels).set(event.every)
            if event.complete_within is not None:
                self._within.labels(*labels).set(event.complete_within)
            self._devices.labels(*labels).set(event.vehicles)
            self._waiting.labels(*labels).set(event.waiting)
            self._failed.labels(*labels).set(event.failed)
        elif isinstance(event, StatusLogged):
            labels = client, event.kind
            newest = max(event.sampled_at.timestamp(), self._newest_at.get(labels, 0.0))
            self._newest_at[labels] = newest
            self._newest.labels(*labels).set(newest)

    def describe(self) -> Iterable[Metric]:
        """Return no description, so that registering collects nothing."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Return the metrics; called by Prometheus' registry."""
        calls = CounterMetricFamily("ev_energy_calls", "Calls made", labels=_LABELS)
        failures = CounterMetricFamily("ev_energy_failures", "Calls that raised an error", labels=_LABELS)
        retries = CounterMetricFamily("ev_energy_retries", "Attempts after the first", labels=_LABELS)
        limit = GaugeMetricFamily("ev_energy_budget_limit", "Requests per rolling hour", labels=_LABELS)
        remaining = GaugeMetricFamily("ev_energy_budget_remaining", "Requests available now", labels=_LABELS)
        waiting = GaugeMetricFamily("ev_energy_budget_waiting", "Calls waiting for the budget", labels=_LABELS)
        success = GaugeMetricFamily("ev_energy_last_success_seconds", "Time of the last success", labels=_LABELS)
        leads = GaugeMetricFamily(
            "ev_energy_watch_leader", "Whether its watch leads (1) or stands by (0)", labels=_LABELS
        )
        epoch = GaugeMetricFamily("ev_energy_watch_epoch", "Number of the term in which it leads", labels=_LABELS)
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
            if stats.watch_role is not None:
                leads.add_metric(name, stats.watch_role == "leader")
            if stats.watch_epoch is not None:
                epoch.add_metric(name, stats.watch_epoch)
        yield from (calls, failures, retries, limit, remaining, waiting, success, leads, epoch)
        for each in self._noted:
            yield from each.collect()


def _counter(name: str, text: str, label: str) -> Counter:
    return Counter(name, text, [*_LABELS, label], registry=None)


def _gauge(name: str, text: str) -> Gauge:
    """Return a gauge of a watch, for each kind of devices."""
    return Gauge(name, text, [*_LABELS, "kind"], registry=None)
