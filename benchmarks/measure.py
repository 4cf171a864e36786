"""Run the contenders, each in processes of its own, round by round in turn, and collect their costs.

The server of canned responses has one core, the contender being measured the other. No two contenders run at once.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks import environments, placing, registry
from benchmarks.processes import Server, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

    from benchmarks.registry import Entry

__all__ = ["Run", "Sizes"]

_GENERATIONS: Final = 3
_COLD: Final = environments.ROOT / "benchmarks" / "cold.py"


@dataclass(frozen=True)
class Sizes:
    """The sizes of a run.

    Attributes:
        rounds: Rounds of what runs in a long-lived process.
        cold_rounds: Rounds of what needs a fresh process.
        decodes: Pages decoded per round.
        requests: Requests per round.
        fleet: Vehicles in the list.
        pages: Pages whose memory is measured.
        waiting: Calls waiting at the same time.
        growth: Requests during which memory must not grow.
        views: Users with a token of their own.
        watched: The sizes of the small and the large fleet that are watched.
        huge: The size of a fleet that is watched from several cursors at once.
        cycles: Measured cycles of the watch.
        megabytes: The size of the large body.
    """

    rounds: int = 9
    cold_rounds: int = 9
    decodes: int = 400
    requests: int = 2_000
    fleet: int = 10_000
    pages: int = 100
    waiting: int = 10_000
    growth: int = 200_000
    views: int = 20_000
    watched: tuple[int, int] = (1_000, 50_000)
    huge: int = 500_000
    cycles: int = 3
    megabytes: int = 64


@dataclass
class Run:
    """One run of the benchmarks.

    Attributes:
        pythons: The interpreter of each environment that takes part.
        sizes: How much is measured.
        entries: The contenders.
        samples: The measurements by row, contender and round.
        skipped: The rows that contenders were left out of, and why.
        stages_of: The share of each stage of a call, and of a cycle.
    """

    pythons: Mapping[str, Path]
    sizes: Sizes
    entries: list[Entry]
    samples: dict[str, dict[str, list[float]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list[float]))
    )
    skipped: dict[str, str] = field(default_factory=dict[str, str])
    stages_of: dict[str, dict[str, float]] = field(default_factory=dict[str, dict[str, float]])

    def _say(self, what: str) -> None:
        print(what, file=sys.stderr, flush=True)

    def _skip(self, row: str, entry: Entry, why: str) -> None:
        self.skipped[f"{row}: {entry.label}"] = why

    def rounds(self, count: int, rows: Iterable[str], each: Callable[[Entry, str], float]) -> None:
        """Measure rows in rounds, the contenders in turn, each round starting with a different one."""
        names = list(rows)
        out: set[tuple[str, str]] = set()
        for number in range(count):
            for row in names:
                for place in range(len(self.entries)):
                    entry = self.entries[(place + number) % len(self.entries)]
                    if (row, entry.key) in out:
                        continue
                    try:
                        self.samples[row][entry.key].append(each(entry, row))
                    except environments.Skipped as error:
                        out.add((row, entry.key))
                        self.samples[row].pop(entry.key, None)
                        self._skip(row, entry, str(error))

    def cold(self, server: Server) -> None:
        """Measure what needs fresh processes: import, first call, RSS."""
        self._say("import and first call")
        before = self.entries
        self.entries = [*before, registry.entry("aiohttp_alone")]
        kept: dict[str, dict[str, Any]] = {}

        def start(entry: Entry, _: str) -> float:
            kept[entry.key] = self.fresh(entry, server.base_url)
            imported: float = kept[entry.key]["import"]
            return imported

        ours = registry.entry("ours")
        for _ in range(self.sizes.cold_rounds):
            self.rounds(1, ["import"], start)
            for key, figures in kept.items():
                if "failed" in figures:
                    self._skip("first_call", registry.entry(key), figures["failed"])
                elif "first_call" in figures:
                    self.samples["first_call"][key].append(figures["first_call"])
                    self.samples["start"][key].append(figures["import"] + figures["first_call"])
                    self.samples["resident"][key].append(figures["resident"])
            preloaded = self.fresh(ours, server.base_url, "--preload")
            self.samples["first_call_preloaded"]["ours"].append(preloaded["first_call"])
            self.samples["preload"]["ours"].append(preloaded["preload"])
            self.samples["first_call_preloaded"]["limit"].append(kept["limit"]["first_call"])
        self.entries = before

    def fresh(self, entry: Entry, base_url: str, *options: str) -> dict[str, Any]:
        """Return the figures of a fresh process of a contender."""
        core = [] if placing.CLIENT_CORE is None else ["--core", str(placing.CLIENT_CORE)]
        done = subprocess.run(
            [str(self.pythons[entry.environment]), str(_COLD), entry.module, base_url, *options, *core],
            cwd=environments.ROOT,
            env=environments.environment_of(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise environments.Skipped(done.stderr.strip()[-300:])
        figures: dict[str, Any] = json.loads(done.stdout)
        return figures

    def warm(self, server: Server) -> None:
        """Measure decoding, requests, lists and memory, in processes that stay for a while.

        Each generation of processes has its share of the rounds: the memory layout of a process is worth a few percent.
        """
        sizes = self.sizes
        server.control(fleet=sizes.fleet, reset=True)
        for generation in range(_GENERATIONS):
            self._say(f"decoding, requests and lists, {generation + 1} of {_GENERATIONS}")
            with self._workers(server.base_url) as workers:

                def ask(entry: Entry, row: str, workers: dict[str, Worker] = workers) -> float:
                    share = entry.share
                    few = max(200, int(sizes.requests * share))
                    counts = {"requests": few, "single": few, "faults": few, "list": 3 if share == 1 else 1}
                    count = counts.get(row, max(20, int(sizes.decodes * share)))
                    return workers[entry.key].ask(task=row, count=count)

                def remember(entry: Entry, row: str, workers: dict[str, Worker] = workers) -> float:
                    return workers[entry.key].ask(task=row, count=sizes.pages)

                rounds = max(1, sizes.rounds // _GENERATIONS)
                self.rounds(rounds, ["decode_logs", "decode_vehicles"], ask)
                self.rounds(rounds, ["requests", "list", "single"], ask)
                if generation == _GENERATIONS - 1:
                    self._say("memory")
                    self.rounds(1, ["memory", "held"], remember)
                    self.rounds(1, ["faults"], ask)
        lean = Worker(registry.entry("ours_lean"), self.pythons[registry.BENCH], server.base_url)
        try:
            self.samples["held_lean"]["ours"].append(lean.ask(task="held", count=sizes.pages))
        finally:
            lean.close()

    @contextmanager
    def _workers(self, base_url: str, **variables: str) -> Generator[dict[str, Worker]]:
        """Start a process for each contender, and end them all afterwards."""
        with ExitStack() as stack:
            workers: dict[str, Worker] = {}
            for entry in self.entries:
                workers[entry.key] = Worker(entry, self.pythons[entry.environment], base_url, **variables)
                stack.callback(workers[entry.key].close)
            yield workers

    def tls(self, server: Server) -> None:
        """Measure pages of logs over TLS 1.3, compressed; ours with `speed.enable()` too."""
        if server.pair is None:
            self.skipped["TLS"] = "needs openssl, for a certificate"
            return
        self._say("TLS and gzip")
        server.control(fleet=100, reset=True)
        before = self.entries
        self.entries = [*before, registry.entry("ours_speed")]
        with self._workers(server.secure_url, SSL_CERT_FILE=str(server.pair)) as workers:

            def ask(entry: Entry, row: str) -> float:
                del row
                return workers[entry.key].ask(task="requests", count=max(200, int(self.sizes.requests * entry.share)))

            self.rounds(self.sizes.rounds, ["tls"], ask)
        self.entries = before
        found = self.samples["tls"]
        if "ours_speed" in found:
            self.samples["tls_speed"] = {"ours": found.pop("ours_speed"), "limit": found["limit"]}

    def slow(self, server: Server) -> None:
        """Measure the same on pages with unknown enum values, with drift, and with a hook registered."""
        self._say("the slow paths")
        rounds = max(3, self.sizes.rounds // 2)
        before = self.entries
        self.entries = [entry for entry in before if entry.environment == registry.BENCH]
        for variant in ("unknown", "drift", "hooked"):
            pages = "plain" if variant == "hooked" else variant
            server.control(variant=pages, reset=True)
            if variant == "hooked":
                self.entries = [registry.entry("ours_hooked")]
            with self._workers(server.base_url) as workers:
                count = self.sizes.decodes // 4

                def ask(
                    entry: Entry,
                    row: str,
                    workers: dict[str, Worker] = workers,
                    pages: str = pages,
                    count: int = count,
                ) -> float:
                    kind = row.split("_")[1]
                    if kind == "requests":
                        return workers[entry.key].ask(task=kind, count=max(200, self.sizes.requests // 4))
                    return workers[entry.key].ask(task=f"decode_{kind}", count=count, variant=pages)

                names = [f"slow_{kind}_{variant}" for kind in ("logs", "vehicles", "requests")]
                self.rounds(rounds, names, ask)
        server.control(variant="plain")
        self.entries = before
        for row, found in self.samples.items():
            if row.startswith("slow_") and "ours_hooked" in found:
                found["ours"] = found.pop("ours_hooked")

    def alone(self, module: str, server: Server, *arguments: str) -> dict[str, Any]:
        """Run a module of the benchmarks by itself, and return its result."""
        core = [] if placing.CLIENT_CORE is None else ["--core", str(placing.CLIENT_CORE)]
        done = subprocess.run(
            [str(self.pythons[registry.BENCH]), "-m", f"benchmarks.{module}", server.base_url, *arguments, *core],
            cwd=environments.ROOT,
            env=environments.environment_of(),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return result

    def endurance(self, server: Server) -> None:
        """Measure many calls at once, and many calls in a row."""
        self._say("10,000 calls at once")
        sizes = self.sizes
        server.control(fleet=100, reset=True)
        for key in ("limit", "ours"):
            found = self.alone("endurance", server, "waiting", key, str(sizes.waiting))
            self.samples["waiting"][key].append(found["waiting"])
        found = self.alone("endurance", server, "queued", "ours", str(sizes.waiting))
        self.samples["queued"]["ours"].append(found["failed"])
        self._say(f"{sizes.growth:,} requests")
        found = self.alone("endurance", server, "growth", "ours", str(sizes.growth))
        self.samples["growth_traced"]["ours"].append(found["traced"])
        self.samples["growth_resident"]["ours"].append(found["resident"])
        self._say(f"{sizes.views:,} users")
        found = self.alone("endurance", server, "views", "ours", str(sizes.views))
        for what in ("made", "stall", "new", "used"):
            self.samples[f"views_{what}"]["ours"].append(found[what])

    def gaps(self, server: Server) -> None:
        """Measure how long the event loop stands still for a large body."""
        self._say("a body of 64 MB")
        self.samples["gap"]["ours"] = self.alone("gaps", server, str(self.sizes.megabytes), "3")["gaps"]

    def backfill(self, server: Server) -> None:
        """Measure logs of a fleet, and pages of logs without a backfill."""
        self._say("backfill")
        vehicles = self.sizes.pages * 5
        server.control(fleet=vehicles, living=True, reset=True)
        found = self.alone("backfill", server, str(vehicles), str(self.sizes.rounds))
        self.samples["backfill"] = {"ours": found["batches"], "backfill_pages": found["pages"]}
        self.samples["backfill_single"]["ours"] = found["single"]

    def stages(self, server: Server) -> None:
        """Measure which stage of a call, and of a cycle, takes which share."""
        self._say("the stages of a call and of a cycle")
        server.control(fleet=100, reset=True)
        self.stages_of["call for a page of logs, 100 at a time"] = self.alone(
            "stages", server, str(5 * self.sizes.requests)
        )
        size = self.sizes.watched[1]
        found = self._watched(server, size, limit=max(1_000, 9 * size // 50), stages=1)
        self.stages_of[f"cycle of {size:,} vehicles, 5 % of them changed"] = found["stages"]

    def arrow(self, server: Server) -> None:
        """Measure turning logs into Arrow."""
        self._say("backfill into Arrow")
        found = self.alone("arrow", server, str(max(3, self.sizes.rounds)))
        self.samples["arrow"]["ours"], self.samples["arrow_models"]["ours"] = found["lean"], found["models"]

    def watch(self, server: Server) -> None:
        """Measure watching a small and a large fleet."""
        self._say("watching fleets")
        few, many = self.sizes.watched
        # As many requests an hour as history in full pages needs.
        small, large = (self._watched(server, size, limit=max(1_000, 9 * size // 50)) for size in (few, many))
        self.samples["watch_growth"]["watch_small"] = [cpu / self.sizes.watched[0] for cpu in small["cycles"]]
        self.samples["watch_growth"]["watch_large"] = [cpu / self.sizes.watched[1] for cpu in large["cycles"]]
        self.samples["watch_cycle"]["ours"] = large["cycles"]
        self.samples["watch_requests"]["ours"] = large["requests"]
        both = self._watched(server, many, limit=max(1_000, 9 * many // 50), logs="status,error")
        self.samples["watch_block"]["ours"] = [both["first_block"], *both["blocks"]]
        self.samples["watch_at_once"]["ours"] = self._watched(server, many)["cycles"]
        unchanged = self._watched(server, many, share=0)["cycles"]
        self.samples["watch_unchanged"]["ours"] = [cpu / many for cpu in unchanged]
        self.samples["watch_resident"]["ours"] = [large["resident"]]
        self.samples["watch_start"]["ours"] = self._started(server, many)

    def huge(self, server: Server) -> None:
        """Measure watching a fleet of which one page after the other would take longer than the interval."""
        self._say(f"watching {self.sizes.huge:,} vehicles, 100 ms a response")
        server.control(delay=0.1)
        found = self._watched(server, self.sizes.huge, limit=max(1_000, 9 * self.sizes.huge // 50))
        server.control(delay=0)
        self.samples["huge_duration"]["ours"] = found["durations"]
        self.samples["huge_cycle"]["ours"] = found["cycles"]
        self.samples["huge_resident"]["ours"] = [found["resident"]]
        self.samples["huge_start"]["ours"] = self._started(server, self.sizes.huge)

    def _started(self, server: Server, size: int) -> list[float]:
        server.control(fleet=size, living=True, reset=True)
        with tempfile.TemporaryDirectory() as folder:
            file = str(Path(folder) / "fleet.db")
            self.alone("restart", server, str(size), "0", file)
            starts: list[float] = self.alone("restart", server, str(size), str(self.sizes.cycles), file)["starts"]
        return starts

    def _watched(self, server: Server, size: int, **options: object) -> dict[str, Any]:
        server.control(fleet=size, living=True, reset=True)
        given = [f"--{name}={value}" for name, value in options.items()]
        return self.alone("watch", server, str(size), str(self.sizes.cycles), *given)
