"""Run one contender in a process of its own: read tasks from standard input, and write their costs.

    python -m benchmarks.worker MODULE BASE_URL [--core N]

Tasks and results are JSON objects, one per line: `{"task": "requests", "count": 2000}` -> `{"value": 0.51}`. CPU time
is that of the process, user and system, in seconds; memory is in bytes. A failure is `{"failed": "..."}`.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib
import json
import resource
import sys
import time
import tracemalloc
from typing import TYPE_CHECKING, Any, Final, Self

from benchmarks import documents, placing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.contenders.protocol import Contender

__all__ = ["main"]

_VEHICLE: Final = documents.item_ids(1)[0]
_PAGES: Final = 10
_CONCURRENCY: Final = 100
_PAGES_OF_ROW: Final = 100  # the table has the memory of 10,000 logs


class Worker:
    """The tasks, on one contender."""

    def __init__(self, contender: Contender) -> None:
        self._contender = contender
        self._pages: dict[tuple[str, str], list[bytes]] = {}

    async def run(self, command: dict[str, Any]) -> float:
        """Run a task and return its cost."""
        count: int = command.get("count", 1)
        variant: documents.Variant = command.get("variant", "plain")
        match command["task"]:
            case "decode_logs":
                return self._decode("logs", variant, self._contender.decode_logs, count)
            case "decode_vehicles":
                return self._decode("vehicles", variant, self._contender.decode_vehicles, count)
            case "requests":
                return await self._requests(count)
            case "single":
                return await self._single(count)
            case "faults":
                return await self._faults(count)
            case "list":
                return await self._list(count)
            case "memory":
                return self._memory(count)
            case "held":
                return await self._held(count)
            case unknown:
                raise ValueError(unknown)

    def _prepared(self, kind: str, variant: documents.Variant) -> list[bytes]:
        make = documents.log_page if kind == "logs" else documents.vehicle_page
        if (kind, variant) not in self._pages:
            self._pages[kind, variant] = [make(seed, variant) for seed in range(_PAGES)]
        return self._pages[kind, variant]

    def _decode(
        self, kind: str, variant: documents.Variant, decode: Callable[[bytes], Sequence[object]], count: int
    ) -> float:
        """Return the CPU of one page."""
        pages = self._prepared(kind, variant)
        for page in pages:
            decode(page)
        gc.collect()
        started = time.process_time()
        for number in range(count):
            decode(pages[number % _PAGES])
        return (time.process_time() - started) / count

    async def _requests(self, count: int) -> float:
        """Return the CPU of 1,000 requests for a page of logs."""
        await self._at_once(iter(range(_CONCURRENCY)))  # reconnects what has been closed in the meantime
        gc.collect()
        started = time.process_time()
        await self._at_once(iter(range(count)))
        return (time.process_time() - started) / count * 1_000

    async def _single(self, count: int) -> float:
        """Return the CPU of 1,000 calls for one vehicle, one after another."""
        await self._contender.get_vehicle(_VEHICLE)
        gc.collect()
        started = time.process_time()
        for _ in range(count):
            await self._contender.get_vehicle(_VEHICLE)
        return (time.process_time() - started) / count * 1_000

    async def _faults(self, count: int) -> float:
        """Return the minor page faults of 1,000 requests for a page of logs, which explain part of the spread."""
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        await self._at_once(iter(range(count)))
        return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / count * 1_000

    async def _at_once(self, numbers: Iterator[int]) -> None:
        async def work() -> None:
            for _ in numbers:
                await self._contender.log_page(_VEHICLE)

        await asyncio.gather(*(work() for _ in range(_CONCURRENCY)))

    async def _list(self, count: int) -> float:
        """Return the CPU of listing the fleet once."""
        await self._contender.get_vehicle(_VEHICLE)
        gc.collect()
        started = time.process_time()
        for _ in range(count):
            await self._contender.list_vehicles()
        return (time.process_time() - started) / count

    def _memory(self, count: int) -> float:
        """Return the memory of pages of decoded logs, each from different bytes."""
        pages = [documents.log_page(seed) for seed in range(count)]
        self._contender.decode_logs(pages[0])
        with _Traced() as traced:
            held = [self._contender.decode_logs(page) for page in pages]
            size = traced.size()
        del held
        return size / count * _PAGES_OF_ROW

    async def _held(self, count: int) -> float:
        """Return the memory of pages as the client returns them, with their responses."""
        await self._at_once(iter(range(_CONCURRENCY)))
        with _Traced() as traced:
            # Each connection keeps the head of its last response, whether or not pages are held. All have their turn
            # before and after, so that this is not counted.
            for _ in range(_CONCURRENCY):
                await self._contender.log_page(_VEHICLE)
            before = traced.size()
            held = [await self._contender.log_page(_VEHICLE) for _ in range(count)]
            for _ in range(_CONCURRENCY):
                await self._contender.log_page(_VEHICLE)
            size = traced.size() - before
        del held
        return size / count * _PAGES_OF_ROW


class _Traced:
    """Counts memory that is allocated while it is open, and not freed."""

    def __enter__(self) -> Self:
        gc.collect()
        tracemalloc.start(1)
        return self

    def size(self) -> float:
        gc.collect()
        return float(tracemalloc.get_traced_memory()[0])

    def __exit__(self, *_: object) -> None:
        tracemalloc.stop()


async def _serve(module: Any, base_url: str) -> None:
    contender: Contender = module.make(base_url)
    worker = Worker(contender)
    # Reading blocks the loop on purpose: nothing else should run meanwhile.
    for line in sys.stdin:
        try:
            result: dict[str, Any] = {"value": await worker.run(json.loads(line))}
        except Exception as error:  # noqa: BLE001  # any error of a contender is part of the result
            result = {"failed": f"{type(error).__name__}: {str(error)[:200]}"}
        print(json.dumps(result), flush=True)
    await contender.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """Work until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("module")
    parser.add_argument("base_url")
    parser.add_argument("--core", type=int, default=None)
    options = parser.parse_args(arguments)
    placing.pin(options.core)
    module = importlib.import_module(options.module)  # it may choose the event loop
    asyncio.run(_serve(module, options.base_url))


if __name__ == "__main__":
    main()
