"""Run the benchmarks: `make bench`, `make bench-quick`.

python -m benchmarks                      # everything, about ten minutes; writes results/ and both READMEs
python -m benchmarks --quick              # under a minute, without peers; fails if a ratio is far off, writes nothing
python -m benchmarks --parts cold,warm    # some parts; with --write the other rows stay as they were
python -m benchmarks --parts huge         # a fleet of 500,000 vehicles, 20 minutes; in no other run
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks import environments, registry, report
from benchmarks.measure import Run, Sizes
from benchmarks.processes import Server

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_RESULTS: Final = environments.ROOT / "benchmarks" / "results"
_PARTS: Final = ("cold", "warm", "tls", "slow", "endurance", "gaps", "backfill", "arrow", "watch", "stages")
_QUICK: Final = Sizes(rounds=6, cold_rounds=5, decodes=200, requests=1_000, fleet=5_000, pages=50)
_SMALL: Final = Sizes(
    rounds=3,
    cold_rounds=3,
    decodes=100,
    requests=500,
    fleet=2_000,
    pages=20,
    waiting=2_000,
    growth=5_000,
    views=1_000,
    watched=(200, 2_000),
    megabytes=4,
    cycles=2,
    huge=2_000,
)


def _prepare(*, is_quick: bool) -> tuple[dict[str, Path], list[registry.Entry], dict[str, str]]:
    """Return the interpreters, the contenders that take part, and why others do not."""
    skipped: dict[str, str] = {}
    present: list[registry.Entry] = []
    if is_quick:
        present += [each for each in registry.CONTENDERS if each.environment == registry.BENCH]
        return {registry.BENCH: Path(sys.executable)}, present, skipped
    environments.make(registry.BENCH)
    pythons = {registry.BENCH: environments.python_of(registry.BENCH)}
    for each in registry.CONTENDERS:
        try:
            environments.make(each.environment)
        except environments.Skipped as error:
            skipped[each.label] = str(error)
            print(f"skipping {each.label}: {error}", file=sys.stderr)
        else:
            pythons[each.environment] = environments.python_of(each.environment)
            present.append(each)
    return pythons, present, skipped


def _print_table(samples: Any) -> bool:
    """Print how each target was met, and return whether none is far off."""
    fine = True
    for row, target, found in report.judge(samples):
        fine = fine and not found.is_far_off
        print(f"{row.title}: {report.describe(row, target, found, samples[row.key])}")
    return fine


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--small", action="store_true", help="small numbers, to test the benchmarks themselves")
    parser.add_argument("--parts", default=",".join(_PARTS))
    parser.add_argument("--write", action="store_true", help="write the results even if only some parts ran")
    options = parser.parse_args(arguments)
    started = time.monotonic()
    pythons, present, skipped = _prepare(is_quick=options.quick)
    environments.compile_all(set(pythons.values()))
    run = Run(pythons, _QUICK if options.quick else _SMALL if options.small else Sizes(), present, skipped=skipped)
    parts = ["cold", "warm"] if options.quick else options.parts.split(",")
    with Server(pythons[registry.BENCH]) as server:
        for part in parts:
            try:
                getattr(run, part)(server)
            except subprocess.CalledProcessError as error:  # its process has said why
                run.skipped[part] = f"its process ended with {error.returncode}"
    fine = _print_table(run.samples)
    for each, shares in run.stages_of.items():
        print(f"{each}: {report.stages(shares)}")
    for what, why in run.skipped.items():
        print(f"not measured: {what}: {why.splitlines()[-1]}")
    if options.write or (parts == list(_PARTS) and not options.small):
        versions = {each.key: environments.versions(each.environment, pythons[each.environment]) for each in present}
        result: dict[str, Any] = {
            "machine": report.machine(),
            "versions": versions,
            "skipped": run.skipped,
            "stages": run.stages_of,
            "samples": run.samples,
        }
        if parts != list(_PARTS):
            result = report.merged(json.loads((_RESULTS / "results.json").read_text()), result)
        report.write(environments.ROOT, result)
        picture = [str(pythons[registry.BENCH]), "-m", "benchmarks.plot"]
        subprocess.run(
            [*picture, str(_RESULTS / "results.json"), str(_RESULTS / "results.png")],
            cwd=environments.ROOT,
            env=environments.environment_of(),
            check=True,
        )
    print(f"{time.monotonic() - started:.0f} s", file=sys.stderr)
    failed = set(parts) & set(run.skipped)
    return 1 if failed or (options.quick and not fine) else 0


if __name__ == "__main__":
    sys.exit(main())
