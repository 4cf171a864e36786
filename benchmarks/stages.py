"""The share of each stage of a call for a page of logs, 100 calls at a time.

python -m benchmarks.stages BASE_URL COUNT [--core N]
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final

from benchmarks import documents, placing
from benchmarks.contenders.ours import make
from benchmarks.sampling import Sampler

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["main"]

_CONCURRENCY: Final = 100
_VEHICLE: Final = documents.item_ids(1)[0]


async def _shares(base_url: str, count: int) -> dict[str, float]:
    contender = make(base_url)

    async def work(numbers: Iterable[int]) -> None:
        for _ in numbers:
            await contender.log_page(_VEHICLE)

    async def burst(calls: int) -> None:
        numbers = iter(range(calls))
        await asyncio.gather(*(work(numbers) for _ in range(_CONCURRENCY)))

    await burst(_CONCURRENCY)
    with Sampler(1) as sampler:
        await burst(count)
    await contender.close()
    return sampler.shares()


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the shares as JSON, the largest first."""
    options = placing.arguments(__doc__, arguments, {"count": int})
    print(json.dumps(asyncio.run(_shares(options.base_url, options.count))))


if __name__ == "__main__":
    main()
