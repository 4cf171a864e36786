"""The longest pause of the event loop while a client decodes a large body.

    python -m benchmarks.gaps BASE_URL MEGABYTES ROUNDS [--core N]

The body is a page of status logs. The base URL is not called: other benchmarks that run alone take one too.
"""

from __future__ import annotations

import asyncio
import gc
import json
import time
from typing import TYPE_CHECKING, Final

from benchmarks import placing
from ev_energy_async.codec import Codec
from ev_energy_async.models import VehicleStatusLog

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_URL: Final = "https://api.ev.energy/v2/vehicles/vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"
_LOG: Final = {
    "url": f"{_URL}/status_logs/2026-03-14T12:00:00Z",
    "vehicle": _URL,
    "sampled_at": "2026-03-14T12:00:00Z",
    "logged_at": "2026-03-14T12:00:02Z",
    "is_charging": True,
    "state_of_charge_percentage": 55,
}


async def _longest(body: bytes) -> float:
    longest = 0.0
    steps = Codec().decode_steps(body, list[VehicleStatusLog])
    while True:
        started = time.perf_counter()
        try:
            next(steps)
        except StopIteration:
            return max(longest, time.perf_counter() - started)
        longest = max(longest, time.perf_counter() - started)
        await asyncio.sleep(0)


def main(arguments: Sequence[str] | None = None) -> None:
    """Decode, and print the longest pauses as JSON."""
    options = placing.arguments(__doc__, arguments, {"megabytes": int, "rounds": int})
    text = json.dumps(_LOG)
    body = f"[{', '.join([text] * (options.megabytes * 1024 * 1024 // len(text)))}]".encode()
    gaps: list[float] = []
    for _ in range(options.rounds):
        gc.collect()
        gaps.append(asyncio.run(_longest(body)))
    print(json.dumps({"gaps": gaps}))


if __name__ == "__main__":
    main()
