"""The cost of a log on its way from pages of a backfill into an Arrow batch, with a model for each log and without.

    python -m benchmarks.arrow BASE_URL ROUNDS [--core N]

Pages are decoded as a client decodes them, 20 of them to a batch; the requests for them are a row of their own. The
base URL is not called: other benchmarks that run alone take one too.
"""

from __future__ import annotations

import gc
import json
import time
from typing import TYPE_CHECKING, Any, Final

from benchmarks import documents, placing
from ev_energy_async.codec import Codec
from ev_energy_async.models import VehicleStatusLog
from ev_energy_async.tables import table
from ev_energy_async.tables.lean import lean_of

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_PAGES: Final = 20
_REPEATED: Final = 10


def _cost(pages: list[bytes], lean: Any) -> float:
    """Return the CPU of one log, in seconds."""
    decoder = Codec()
    rows: list[Any] = []
    started = time.process_time()
    for _ in range(_REPEATED):
        rows = []
        for page in pages:
            made, _steps = decoder.begin(page, list[VehicleStatusLog], lean)
            rows += made
        table(rows, VehicleStatusLog)
    return (time.process_time() - started) / _REPEATED / len(rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the costs of some rounds as JSON."""
    options = placing.arguments(__doc__, arguments, {"rounds": int})
    pages = [documents.log_page(seed) for seed in range(_PAGES)]
    found: dict[str, list[float]] = {"lean": [], "models": []}
    row: Any = lean_of(VehicleStatusLog)
    for _ in range(options.rounds):
        for name, lean in (("lean", list[row]), ("models", None)):
            gc.collect()
            found[name].append(_cost(pages, lean))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
