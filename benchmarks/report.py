"""Results of a run as JSON, as the table of `benchmarks/README.md` and as the summary of the README.

Only `write` writes files.
"""

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

__all__ = ["describe", "judge", "machine", "merged", "replace_section", "stages", "summary", "table", "write"]

_BEGIN: Final = "<!-- benchmarks: written by `make bench` -->"
_END: Final = "<!-- benchmarks: end -->"
_PEERS: Final = tuple(each for each in CONTENDERS if each.key != "ours")
_DIGITS: Final = 3
_LEAST_SHARE: Final = 0.015
_OTHERS: Final = {
    "aiohttp_alone": "aiohttp alone",
    "watch_small": "1,000 vehicles",
    "backfill_pages": "the pages alone",
}
_SUMMARY: Final = ("start", "decode_logs", "requests", "memory", "watch_cycle")
"""The rows of the README."""


def machine() -> dict[str, str]:
    """Describe the machine of this run."""
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
    before = len(str(int(abs(value))))
    return f"{value:,.{max(0, _DIGITS - before)}f}"


def _opponent(target: Target, samples: Samples) -> str:
    """Return the letter of the contender that a target compares with."""
    present = [key for key in target.against if samples.get(key)]
    if not present:
        return ""
    best = min(present, key=lambda key: median(samples[key]))
    return _OTHERS.get(best) or f"({entry(best).letter})"


def describe(row: Row, target: Target, found: Compared, samples: Samples) -> str:
    """Say how a target was met."""
    mark = "✓" if found.is_met else "✗"
    if target.kind == "ratio":
        spread = f"{found.low:.2f}–{found.high:.2f}"
        return f"{found.value:.2f} × {_opponent(target, samples)} [{spread}], at most {found.at_most:.3g} {mark}"
    value, low, high = (_number(each * row.scale) for each in (found.value, found.low, found.high))
    spread = "" if low == high else f" [{low}–{high}]"
    limit = f"at most {_number(found.at_most * row.scale)}"
    if target.kind == "difference":
        return f"{value} {row.unit} over {_opponent(target, samples)}{spread}, {limit} {mark}"
    return f"{value} {row.unit}{spread}, {limit} {mark}".replace("  ", " ").replace(" ,", ",")


def judge(samples: Mapping[str, Samples]) -> Iterator[tuple[Row, Target, Compared]]:
    """Yield each target for which there are samples, and how it was met."""
    for row in ROWS:
        for target in row.targets:
            found = compare(target, samples.get(row.key, {}))
            if found is not None:
                yield row, target, found


def table(samples: Mapping[str, Samples]) -> str:
    """Return the table of all rows."""
    lines = [
        "| | unit | **(f) ours** | " + " | ".join(f"({each.letter})" for each in _PEERS) + " | comparison and target |",
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
            describe(row, target, compared, found)
            for target in row.targets
            if (compared := compare(target, found)) is not None
        ]
        ours = f"**{cells[0]}**" if cells[0] else ""
        others = " | ".join(cells[1:])
        lines.append(f"| {row.title} | {row.unit} | {ours} | {others} | {'<br>'.join(met)} |")
    return "\n".join(lines)


def summary(samples: Mapping[str, Samples]) -> str:
    """Return the few rows of the README, each a line with the median of every contender."""
    lines: list[str] = []
    for row in ROWS:
        found = samples.get(row.key, {})
        if row.key not in _SUMMARY or not found.get("ours"):
            continue
        others = ", ".join(
            f"({each.letter}) {_number(median(found[each.key]) * row.scale)}" for each in _PEERS if found.get(each.key)
        )
        ours = f"**{_number(median(found['ours']) * row.scale)} {row.unit}**"
        lines.append(f"- {row.title}: {ours}{f'; {others}' if others else ''}")
    return "\n".join(lines)


def stages(shares: Mapping[str, float]) -> str:
    """Return the shares of the stages as a line."""
    return ", ".join(f"{stage} {share:.0%}" for stage, share in shares.items() if share >= _LEAST_SHARE)


def replace_section(text: str, section: str) -> str:
    """Return a text with everything between its markers replaced.

    Raises:
        ValueError: The text has no markers.
    """
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"no {_BEGIN} ... {_END}")
    return f"{before}{begin}\n\n{section}\n\n{end}{after}"


def _machine_line(found: Mapping[str, str]) -> str:
    made_on = f"{found['processor']}, {found['cores']} cores, {found['system']}, Python {found['python']}"
    return f"{made_on}; {found['made'][:10]}"


def merged(earlier: Mapping[str, Any], later: dict[str, Any]) -> dict[str, Any]:
    """Return the results of a run of some parts, with those of an earlier run for the others."""
    rows = ("samples", "stages", "skipped")
    return {**earlier, **later, **{name: {**earlier[name], **later[name]} for name in rows}}


def write(root: Path, result: dict[str, Any]) -> None:
    """Write the results of a run to `benchmarks/results`, and to the marked sections of both READMEs.

    Args:
        root: The root of the repository.
        result: Machine, versions, samples and what was skipped, as `__main__` collects them.
    """
    folder = root / "benchmarks" / "results"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(result, indent=1) + "\n")
    samples: Mapping[str, Samples] = result["samples"]
    legend = "; ".join(f"({each.letter}) {each.label}" for each in CONTENDERS)
    machine_line = _machine_line(result["machine"])
    versions = "; ".join(
        f"{entry(key).label}: " + ", ".join(f"{name} {number}" for name, number in found.items())
        for key, found in result["versions"].items()
    )
    complete = f"{legend}.\n\n{table(samples)}\n\nMeasured on {machine_line}.\n\nVersions: {versions}."
    for what, shares in result["stages"].items():
        complete += f"\n\nWhere the time of a {what} goes: {stages(shares)}."
    if result["skipped"]:
        skipped = "".join(f"\n- {what}: {why.splitlines()[-1]}" for what, why in result["skipped"].items())
        complete += f"\n\nNot measured:\n{skipped}"
    picture = "![CPU of each client relative to hand-written aiohttp and msgspec](benchmarks/results/results.png)"
    short = f"{picture}\n\n{summary(samples)}\n\nMeasured by `make bench` on {machine_line}: {legend}."
    for readme, section in ((root / "README.md", short), (root / "benchmarks" / "README.md", complete)):
        readme.write_text(replace_section(readme.read_text(), section))
