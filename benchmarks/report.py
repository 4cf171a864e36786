"""What a run found, as JSON, as a Markdown table, and in the README between its markers. Pure but for the files."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from benchmarks.figures import compare
from benchmarks.registry import CONTENDERS, entry
from benchmarks.rows import ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.figures import Compared, Samples, Target
    from benchmarks.rows import Row

__all__ = ["between", "judged", "machine", "render", "said", "write"]

_BEGIN: Final = "<!-- benchmarks: written by `make bench` -->"
_END: Final = "<!-- benchmarks: end -->"
_PEERS: Final = tuple(each for each in CONTENDERS if each.key != "ours")


def machine() -> dict[str, str]:
    """Return what the run was made on."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text().splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    return {
        "processor": model,
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "made": datetime.now(UTC).isoformat(timespec="minutes"),
    }


def _number(value: float) -> str:
    if value == 0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"  # noqa: PLR2004


def _name(target: Target, samples: Samples) -> str:
    """Return the letter of who a target is measured against."""
    present = [key for key in target.against if samples.get(key)]
    if not present:
        return ""
    best = min(present, key=lambda key: median(samples[key]))
    if best == "aiohttp_alone":
        return "aiohttp alone"
    if best == "watch_small":
        return "1,000 vehicles"
    return f"({entry(best).letter})"


def said(row: Row, target: Target, found: Compared, samples: Samples) -> str:
    """Return how a target was met, in words."""
    mark = "✓" if found.is_met else "✗"
    if target.kind == "ratio":
        spread = f"{found.low:.2f}–{found.high:.2f}"
        return f"{found.value:.2f} × {_name(target, samples)} [{spread}], at most {found.at_most:.3g} {mark}"
    value, low, high = (_number(each * row.scale) for each in (found.value, found.low, found.high))
    spread = "" if low == high else f" [{low}–{high}]"
    limit = f"at most {_number(found.at_most * row.scale)}"
    if target.kind == "difference":
        return f"{value} {row.unit} over {_name(target, samples)}{spread}, {limit} {mark}"
    return f"{value} {row.unit}{spread}, {limit} {mark}".replace("  ", " ").replace(" ,", ",")


def judged(samples: Mapping[str, Samples]) -> Iterator[tuple[Row, Target, Compared]]:
    """Yield each target that can be judged, and how it was met."""
    for row in ROWS:
        for target in row.targets:
            found = compare(target, samples.get(row.key, {}))
            if found is not None:
                yield row, target, found


def render(samples: Mapping[str, Samples]) -> str:
    """Return the table."""
    lines = [
        "| | unit | **(f) ours** | "
        + " | ".join(f"({each.letter})" for each in _PEERS)
        + " | measured, and the target |",
        "| --- | --- | ---: | " + " | ".join("---:" for _ in _PEERS) + " | --- |",
    ]
    for row in ROWS:
        found = samples.get(row.key, {})
        if not found:
            continue
        cells: list[str] = []
        for key in ("ours", *(each.key for each in _PEERS)):
            values = found.get(key)
            cells.append(_number(median(values) * row.scale) if values else "")
        met = [
            said(row, target, compared, found)
            for target in row.targets
            if (compared := compare(target, found)) is not None
        ]
        ours = f"**{cells[0]}**" if cells[0] else ""
        others = " | ".join(cells[1:])
        lines.append(f"| {row.title} | {row.unit} | {ours} | {others} | {'<br>'.join(met)} |")
    return "\n".join(lines)


def between(text: str, made: str) -> str:
    """Return a text with what stands between the markers replaced.

    Raises:
        ValueError: It lacks the markers.
    """
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"no {_BEGIN} ... {_END}")
    return f"{before}{begin}\n\n{made}\n\n{end}{after}"


def _machine_line(found: Mapping[str, str]) -> str:
    made_on = f"{found['processor']}, {found['cores']} cores, {found['system']}, Python {found['python']}"
    return f"{made_on}; {found['made'][:10]}"


def write(folder: Path, readme: Path | None, result: dict[str, Any]) -> None:
    """Write the result of a run: JSON, table, and the section of the README unless it is None."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(result, indent=1) + "\n")
    samples: Mapping[str, Samples] = result["samples"]
    legend = "; ".join(f"({each.letter}) {each.label}" for each in CONTENDERS)
    versions = "; ".join(
        f"{entry(key).label}: " + ", ".join(f"{name} {number}" for name, number in found.items())
        for key, found in result["versions"].items()
    )
    table = render(samples)
    skipped = "".join(f"\n- {what}: {why.splitlines()[-1]}" for what, why in result["skipped"].items())
    whole = (
        f"# Results\n\n{_machine_line(result['machine'])}. Medians; ratios and differences are medians over "
        f"rounds, with quartiles.\n\n{legend}.\n\n{table}\n\nVersions: {versions}.\n"
    )
    if skipped:
        whole += f"\nNot measured:\n{skipped}\n"
    (folder / "results.md").write_text(whole)
    if readme is not None:
        section = (
            f"![CPU of each client relative to hand-written aiohttp and msgspec](benchmarks/results/results.png)\n\n"
            f"{legend}.\n\n{table}\n\nMade by `make bench` on {_machine_line(result['machine'])}. What each row "
            "measures and how, and why a target is missed (✗): [`benchmarks/README.md`](benchmarks/README.md)."
        )
        readme.write_text(between(readme.read_text(), section))
