"""The rows of the table: measurements and their targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from benchmarks.figures import Target

__all__ = ["ROWS", "Row", "row"]


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        key: Its name in the results.
        title: The measurement, as the table names it.
        unit: Unit in the table.
        scale: Factor from samples (seconds, bytes, counts) to that unit.
        targets: The targets of the row.
    """

    key: str
    title: str
    unit: str
    scale: float
    targets: tuple[Target, ...] = ()


_PYDANTIC: Final = ("openapi_generator", "clientele")
_C: Final = ("openapi_python_client",)
_B: Final = ("limit",)

ROWS: Final = (
    Row(
        "import",
        "Import and creating a client",
        "ms",
        1e3,
        (Target("ratio", 1.20, ("aiohttp_alone",)), Target("ratio", 0.25, _C)),
    ),
    Row("first_call", "First call after import (one vehicle)", "ms", 1e3, (Target("difference", 80e-3, _B),)),
    Row("start", "Import, client and first call together", "ms", 1e3),
    Row("first_call_preloaded", "First call after `preload()`", "ms", 1e3, (Target("difference", 5e-3, _B),)),
    Row(
        "decode_logs",
        "Decode a page of 100 status logs",
        "µs",
        1e6,
        (Target("ratio", 1 / 0.95, _B), Target("ratio", 1 / 8, _C), Target("ratio", 1 / 3, _PYDANTIC)),
    ),
    Row(
        "decode_vehicles",
        "Decode a page of 100 vehicles with their status",
        "µs",
        1e6,
        (Target("ratio", 1 / 0.95, _B), Target("ratio", 1 / 8, _C), Target("ratio", 1 / 3, _PYDANTIC)),
    ),
    Row(
        "requests",
        "1,000 requests for a page of 100 logs, 100 at a time",
        "ms",
        1e3,
        (Target("ratio", 1.15, _B), Target("ratio", 0.12, _C)),
    ),
    Row("tls", "The same over TLS 1.3 with gzip", "ms", 1e3, (Target("ratio", 1.3, _B), Target("ratio", 0.15, _C))),
    Row("tls_speed", "The same with `speed.enable()`", "ms", 1e3, (Target("ratio", 1.2, _B),)),
    Row("single", "1,000 calls for one vehicle, one after another", "ms", 1e3, (Target("ratio", 1.35, _B),)),
    Row("faults", "Minor page faults of 1,000 requests for a page of 100 logs", "", 1.0),
    Row("list", "List 10,000 vehicles, following `Link`", "ms", 1e3, (Target("ratio", 1.25, _B),)),
    Row(
        "memory",
        "Memory of 10,000 decoded status logs",
        "MB",
        1e-6,
        (Target("ratio", 1.0, _B), Target("ratio", 0.75, _C)),
    ),
    Row("held", "The same, held as pages with their responses", "MB", 1e-6),
    Row("held_lean", "The same with `keep_body=False`", "MB", 1e-6, (Target("value", 7.3e6),)),
    Row("resident", "RSS after import and one call", "MB", 1e-6, (Target("difference", 12e6, _B),)),
    Row("waiting", "Memory per call, 10,000 waiting for 100 connections", "KB", 1e-3, (Target("value", 12e3),)),
    Row("queued", "Failures of 10,000 calls queued for longer than `timeout`", "", 1.0, (Target("value", 0.0),)),
    Row("growth_traced", "Growth over 200,000 requests (tracemalloc)", "KB", 1e-3, (Target("value", 200e3),)),
    Row("growth_resident", "Growth over 200,000 requests (RSS)", "KB", 1e-3, (Target("value", 2_000e3),)),
    Row("views_made", "Make 20,000 views of one client, each with its own token", "ms", 1e3, (Target("value", 0.1),)),
    Row("views_stall", "Longest garbage collection meanwhile", "ms", 1e3, (Target("value", 50e-3),)),
    Row("views_new", "Memory of each of them", "KB", 1e-3, (Target("value", 1.5e3),)),
    Row("views_used", "Memory of each of them, after its first call", "KB", 1e-3, (Target("value", 2.0e3),)),
    Row("gap", "Longest pause of the event loop while 64 MB are decoded", "ms", 1e3, (Target("value", 250e-3),)),
    Row(
        "backfill",
        "Backfill in batches, a log, beside its request",
        "µs",
        1e6,
        (Target("difference", 2.5e-6, ("backfill_pages",)),),
    ),
    Row("backfill_single", "Backfill one by one, a log", "µs", 1e6),
    Row("arrow", "Backfill into Arrow, a log", "µs", 1e6, (Target("value", 1.3e-6),)),
    Row("arrow_models", "The same, with a model for each log", "µs", 1e6),
    Row("watch_cycle", "Watch: one cycle of 50,000 vehicles, 5 % of them changed", "s", 1.0, (Target("value", 0.5),)),
    Row("watch_requests", "Watch: requests of such a cycle", "", 1.0, (Target("value", 700.0),)),
    Row(
        "watch_block",
        "Watch: longest block of the event loop, with errors",
        "ms",
        1e3,
        (Target("value", 50e-3),),
    ),
    Row("watch_at_once", "Watch: such a cycle with a budget that reads each change at once", "s", 1.0),
    Row("watch_unchanged", "Watch: CPU per vehicle where nothing changed", "µs", 1e6, (Target("value", 4e-6),)),
    Row(
        "watch_growth",
        "Watch: CPU per vehicle, 50,000 against 1,000 vehicles",
        "µs",
        1e6,
        (Target("ratio", 1.2, ("watch_small",), "watch_large"),),
    ),
    Row("watch_start", "Watch: start from the checkpoint of 50,000 vehicles", "s", 1.0, (Target("value", 1.0),)),
    Row("watch_resident", "Watch: RSS with 50,000 vehicles", "MB", 1e-6, (Target("value", 300e6),)),
    Row(
        "huge_duration", "Watch: a snapshot of 500,000 vehicles, 100 ms a response", "s", 1.0, (Target("value", 300.0),)
    ),
    Row("huge_cycle", "Watch: CPU of such a cycle, 5 % changed", "s", 1.0, (Target("value", 5.0),)),
    Row("huge_start", "Watch: start from the checkpoint of 500,000 vehicles", "s", 1.0, (Target("value", 1.7),)),
    Row("huge_resident", "Watch: RSS with 500,000 vehicles", "MB", 1e-6, (Target("value", 1e9),)),
    Row("slow_logs_unknown", "Decode logs, one in five with an unknown enum value", "µs", 1e6),
    Row("slow_logs_drift", "Decode logs, one of them with drift", "µs", 1e6),
    Row("slow_logs_hooked", "Decode logs with a registered hook", "µs", 1e6),
    Row("slow_vehicles_unknown", "Decode vehicles, one in five with an unknown enum value", "µs", 1e6),
    Row("slow_vehicles_drift", "Decode vehicles, one of them with drift", "µs", 1e6),
    Row("slow_vehicles_hooked", "Decode vehicles with a registered hook", "µs", 1e6),
    Row("slow_requests_unknown", "1,000 requests, pages with unknown enum values", "ms", 1e3),
    Row("slow_requests_drift", "1,000 requests, pages with drift", "ms", 1e3),
    Row("slow_requests_hooked", "1,000 requests, with a registered hook", "ms", 1e3),
)


def row(key: str) -> Row:
    """Return a row by its key."""
    return next(each for each in ROWS if each.key == key)
