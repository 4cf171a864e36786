"""Plot a run: the cost of each client as a multiple of hand-written aiohttp and msgspec.

python -m benchmarks.plot results.json results.png      # needs matplotlib
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.registry import CONTENDERS

__all__ = ["main"]

_ROWS: Final = {
    "import": "import and client",
    "decode_logs": "decode 100 logs",
    "decode_vehicles": "decode 100 vehicles",
    "requests": "1,000 requests",
    "list": "list 10,000 vehicles",
    "memory": "memory of 10,000 logs",
}
_COLOURS: Final = ("#b8c0c8", "#7d8894", "#e0b070", "#d08a5c", "#b96a5a", "#1a7f5a")


def main(source: str, target: str) -> None:
    """Plot a result."""
    # Partly untyped, and needed only here.
    matplotlib: Any = importlib.import_module("matplotlib")
    matplotlib.use("Agg")
    plt: Any = importlib.import_module("matplotlib.pyplot")
    samples: dict[str, dict[str, list[float]]] = json.loads(Path(source).read_text())["samples"]
    rows = [key for key in _ROWS if samples.get(key, {}).get("limit")]
    shown = [each for each in CONTENDERS if any(samples[key].get(each.key) for key in rows)]
    figure, axes = plt.subplots(figsize=(9, 0.85 * len(rows) + 1.6), dpi=130)
    thickness = 0.8 / len(shown)
    for place, each in enumerate(shown):
        for index, key in enumerate(rows):
            values = samples[key].get(each.key)
            if not values:
                continue
            ratio = median(values) / median(samples[key]["limit"])
            at = index + (place - (len(shown) - 1) / 2) * thickness
            colour = _COLOURS[CONTENDERS.index(each)]
            label = f"({each.letter}) {each.label}" if index == 0 else None
            axes.barh(at, ratio, thickness * 0.9, color=colour, label=label)
            weight = "bold" if each.key == "ours" else "normal"
            axes.text(ratio * 1.04, at, f"{ratio:.2f}", va="center", fontsize=7, fontweight=weight)
    axes.axvline(1, color="#333333", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlim(0.5, axes.get_xlim()[1] * 1.6)
    axes.set_yticks(range(len(rows)), [_ROWS[key] for key in rows])
    axes.invert_yaxis()
    axes.set_xlabel("cost relative to (b), hand-written aiohttp + msgspec; less is better (log scale)")
    ticks = (0.5, 1, 2, 5, 10, 20, 50)
    axes.set_xticks(ticks, [f"{tick:g}×" for tick in ticks])
    axes.minorticks_off()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.45, 1.12), ncols=3)
    figure.tight_layout()
    figure.savefig(target)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
