"""What the requests of a run with all kinds were for, beside what an oracle would have needed.

An oracle looks as often, and reads only pages that hold a log which no snapshot has shown. Beside it stand the proofs:
a watch has to look where nothing is in order to know that, but no more often than its promises need. Does no I/O.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final
from unittest.mock import patch
from weakref import WeakKeyDictionary

import attrs

from ev_energy_async.devices import PAGE_SIZE
from ev_energy_async.fleet.watch.jobs import ReadJob
from ev_energy_async.sandbox.server.api import PREFIX

from .judge import HARMLESS, IN_FULL

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterable, Mapping

    from ev_energy_async.sandbox import Served

__all__ = ["Life", "Need", "Reads", "needs_of"]

_GONE: Final = 404
_PURPOSES: Final = {"history": "telemetry", "late": "late rotation", "errors": "error logs"}
# How often ended sub-sessions are listed again, in seconds, as the guide to them has it.
_ENDED_EVERY: Final = (900.0, 3_600.0, 21_600.0, 43_200.0)


@attrs.frozen
class Need:
    """The requests for one purpose.

    Attributes:
        sent: How many were sent.
        oracle: How many of them an oracle would have sent too.
        proofs: How many more are needed to know that there is nothing else.
    """

    sent: int = 0
    oracle: int = 0
    proofs: int = 0

    def __add__(self, other: Need) -> Need:
        return Need(self.sent + other.sent, self.oracle + other.oracle, self.proofs + other.proofs)

    @property
    def of_oracle(self) -> float:
        """Requests, as a multiple of those of the oracle."""
        return self.sent / max(1, self.oracle)

    @property
    def ratio(self) -> float:
        """Requests, as a multiple of what is necessary: those of the oracle, and the proofs."""
        return self.sent / max(1, self.oracle + self.proofs)


@attrs.frozen
class Life:
    """How long a consumer lived, and what it had to look at.

    Attributes:
        seconds: How long.
        every: From one look to the next, in seconds.
        complete_within: Within how many seconds late logs are found.
        token_lifetime: How long a token lasts, in seconds.
        devices: How many devices there are of each kind.
    """

    seconds: float
    every: float
    complete_within: float
    token_lifetime: float
    devices: Mapping[str, int]

    @property
    def looks(self) -> int:
        """How often it had to look."""
        return self._times(self.every)

    @property
    def turns(self) -> int:
        """How often it had to read the past of a device again."""
        return self._times(self.complete_within)

    @property
    def pages(self) -> int:
        """Pages of snapshots."""
        return self.looks * sum(-(-count // PAGE_SIZE) for count in self.devices.values())

    @property
    def ended(self) -> int:
        """Lists of ended sub-sessions."""
        return sum(map(self._times, _ENDED_EVERY))

    @property
    def tokens(self) -> int:
        """Tokens."""
        return self._times(self.token_lifetime)

    def _times(self, every: float) -> int:
        # The first time is at the beginning.
        return 1 + int(self.seconds / every)


@attrs.frozen(eq=False)
class _Read:
    """A read of a log of a device."""

    purpose: str
    device_id: str
    log: str


@attrs.define
class _Pages:
    """The pages of a read: how many there were, how many of them an oracle would have read, and the logs in them."""

    sent: int = 0
    useful: int = 0
    logs: set[str] = attrs.field(factory=set[str])


_UNDER_WAY: Final[ContextVar[_Read | None]] = ContextVar("under_way", default=None)


@attrs.define
class Reads:
    """Knows which read of a watch a request belongs to, which the API is not told."""

    _calls: defaultdict[str, list[tuple[int, _Read | None]]] = attrs.field(factory=lambda: defaultdict(list))

    def note(self, target: str, served: int) -> None:
        """Note a call before it is sent, and how many requests had been served."""
        self._calls[target].append((served, _UNDER_WAY.get()))

    def of(self, path: str, index: int) -> _Read | None:
        """Return the read that the request in this place belongs to."""
        calls = self._calls.get(path.removeprefix(PREFIX), ())
        return next((read for served, read in reversed(calls) if served <= index), None)

    @contextmanager
    def told_apart(self) -> Generator[None]:
        """Tell the reads of all watches apart."""
        honest = ReadJob.run
        reads = WeakKeyDictionary[ReadJob, _Read]()

        async def run(job: ReadJob) -> None:
            if job not in reads:
                reads[job] = _Read(_PURPOSES[job.purpose], job.reading.device_id, job.reading.log)
            _UNDER_WAY.set(reads[job])
            await honest(job)

        with patch.object(ReadJob, "run", run):
            yield


def needs_of(
    requests: Iterable[Served],
    reads: Reads,
    delivered: Collection[str],
    shown: Collection[str],
    told: int,
    lives: Collection[Life],
) -> dict[str, Need]:
    """Return the requests by purpose: all that the sandbox has served.

    Args:
        requests: These requests.
        reads: Which reads they belong to.
        delivered: The keys of the logs that were delivered.
        shown: The keys of those that snapshots have shown.
        told: How many ends and revisions of sub-sessions were delivered.
        lives: The lives of the consumer.
    """
    sent, found = Counter[str](), defaultdict[_Read, _Pages](_Pages)
    hidden = set(delivered) - set(shown)
    for index, served in enumerate(requests):
        read = reads.of(served.path, index)
        if served.status not in {IN_FULL, _GONE} or set(served.faults) - HARMLESS:
            sent["faulted"] += 1
        elif read is not None:
            new = {f"{read.device_id}/{read.log}/{at}" for at in served.logs} & hidden
            hidden -= new
            pages = found[read]
            pages.sent += 1
            pages.useful += bool(new)
            pages.logs.update(served.logs)
        else:
            sent[_purpose_of(served)] += 1
    looks = sum(life.looks for life in lives)
    needs = {
        "snapshots": _at_most(sent["snapshots"], sum(life.pages for life in lives)),
        **_needs_of_reads(found, shown, looks, sum(life.turns for life in lives)),
        "look-ups": _at_most(sent["look-ups"], sent["look-ups"]),
        "sub-sessions": _at_most(sent["sub-sessions"], looks + told, sum(life.ended for life in lives)),
        "tokens": _at_most(sent["tokens"], sum(life.tokens for life in lives)),
    }
    # Faults strike whoever asks, in proportion.
    answered = sum(needs.values(), Need())
    struck = sent["faulted"] / answered.sent
    needs["faulted"] = Need(sent["faulted"], round(struck * answered.oracle), round(struck * answered.proofs))
    return needs


def _purpose_of(served: Served) -> str:
    if served.operation is None:
        return "tokens"
    kind, _, verb = served.operation.partition(".")
    if kind == "charging_sub_sessions":
        return "sub-sessions"
    return "snapshots" if verb == "list" else "look-ups"


def _at_most(sent: int, oracle: int, proofs: int = 0) -> Need:
    """Return what was needed of what was sent."""
    return Need(sent, min(sent, oracle), max(0, min(sent - oracle, proofs)))


def _needs_of_reads(reads: Mapping[_Read, _Pages], shown: Iterable[str], looks: int, turns: int) -> dict[str, Need]:
    """Return the needs of reads, of which so many prove something of a device.

    That is one for each log that a snapshot has shown, since others may lie before it; of error logs, which no snapshot
    shows, one in each look; and of the past, all its pages in each turn.
    """
    logs = Counter(key.partition("/")[0] for key in shown)
    needs = dict.fromkeys(_PURPOSES.values(), Need())
    proven = Counter[tuple[str, str]]()
    for read, pages in reads.items():
        place = read.purpose, read.device_id
        least = math.ceil(len(pages.logs) / PAGE_SIZE) if read.purpose == "late rotation" else 1
        proofs = max(0, max(1, least) - pages.useful)
        allowed = {"telemetry": logs[read.device_id], "error logs": looks, "late rotation": turns}[read.purpose]
        proven[place] += bool(proofs)
        needs[read.purpose] += Need(pages.sent, pages.useful, proofs if proven[place] <= allowed else 0)
    return needs
