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
from ev_energy_async.sandbox.faults import (
    ArrivalEffect,
    ExpiredToken,
    Latency,
    RateLimited,
    WebhookDelayed,
    WebhookDuplicated,
    WebhookLost,
)
from ev_energy_async.sandbox.oauth.endpoints import TOKEN_PATH
from ev_energy_async.sandbox.server.api import PREFIX

from .judge import HARMLESS, IN_FULL

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Generator, Iterable, Mapping

    from ev_energy_async.sandbox import Rule, Served
    from ev_energy_async.sandbox.faults import Effect

__all__ = ["Life", "Need", "Reads", "Told", "needs_of"]

_GONE: Final = 404
_UNAUTHORIZED: Final = 401
# Effects that spoil no response.
_HARMLESS: Final = (Latency, ArrivalEffect, WebhookDelayed, WebhookDuplicated, WebhookLost)
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


@attrs.frozen(kw_only=True)
class Life:
    """What a consumer had to look at and to endure, in all its lives together: a crash makes nothing new necessary.

    Attributes:
        seconds: How long it lived.
        every: From one look to the next, in seconds.
        complete_within: Within how many seconds late logs are found.
        token_lifetime: How long a token lasts, in seconds.
        devices: How many devices there are of each kind.
        faults: The rules by which the API failed.
        until: When it ceased to fail.
    """

    seconds: float
    every: float
    complete_within: float
    token_lifetime: float
    devices: Mapping[str, int]
    faults: tuple[Rule, ...]
    until: dt.datetime

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

    def faults_per_answer(self, purpose: str, with_a_token: float = 0.0) -> float:
        """Return how many faults come before a full response, while the API fails, to whoever asks again after each.

        Args:
            purpose: What is asked for.
            with_a_token: How many more requests are under way with a token that the API ends.
        """
        rules = [
            rule
            for rule in self.faults
            if not isinstance(rule.effect, _HARMLESS) and (rule.path == TOKEN_PATH) == (purpose == "tokens")
        ]
        passed = math.prod(1 - rule.probability for rule in rules)
        more = sum(rule.probability * _more(rule.effect, with_a_token) for rule in rules)
        return (1 - passed + more) / passed

    def _times(self, every: float) -> int:
        # The first time is at the beginning.
        return 1 + int(self.seconds / every)


def _more(effect: Effect, with_a_token: float) -> float:
    """Return how many more faults an effect is than one."""
    if isinstance(effect, ExpiredToken):
        return with_a_token
    if isinstance(effect, RateLimited):
        # Who waits as long as `Retry-After` says, and asks again, meets a storm more than once.
        return max(0, math.ceil(effect.storm_seconds / max(1, effect.retry_after_seconds)) - 1)
    return 0


@attrs.frozen(kw_only=True)
class Told:
    """What the consumer was told.

    Attributes:
        logs: The keys of the logs.
        shown: The keys of those that snapshots have shown.
        sessions: How many ends and revisions of sub-sessions.
        removed: How many devices were removed, each of which a snapshot was without.
    """

    logs: Collection[str] = ()
    shown: Collection[str] = ()
    sessions: int = 0
    removed: int = 0


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


@attrs.define
class _Tokens:
    """The tokens that the API ended early: how many, and how many more requests were under way with them."""

    ended: int = 0
    under_way: int = 0
    _refused: set[str] | None = None

    def took(self, served: Served) -> bool:
        """Take a request, and return whether such a token took it along: each once, until there is another token."""
        if ExpiredToken.kind in served.faults:
            self.ended += 1
            self._refused = {served.path}
        elif served.operation is None:
            self._refused = None if served.status == IN_FULL else self._refused
        elif served.status == _UNAUTHORIZED and self._refused is not None and served.path not in self._refused:
            self._refused.add(served.path)
            self.under_way += 1
            return True
        return False


def needs_of(requests: Iterable[Served], reads: Reads, told: Told, life: Life) -> dict[str, Need]:
    """Return the requests by purpose: all that the sandbox has served.

    Args:
        requests: These requests.
        reads: Which reads they belong to.
        told: What the consumer was told.
        life: What it had to look at.
    """
    sent, early, found = Counter[str](), Counter[str](), defaultdict[_Read, _Pages](_Pages)
    hidden, ended = set(told.logs) - set(told.shown), _Tokens()
    for index, served in enumerate(requests):
        read = reads.of(served.path, index)
        purpose = _purpose_of(served) if read is None else read.purpose
        is_taken = ended.took(served)
        if served.status not in {IN_FULL, _GONE} or set(served.faults) - HARMLESS:
            sent["faulted" if served.faults or is_taken else "refused"] += 1
            continue
        sent[purpose] += 1
        early[purpose] += served.at < life.until
        if read is not None:
            new = {f"{read.device_id}/{read.log}/{at}" for at in served.logs} & hidden
            hidden -= new
            pages = found[read]
            pages.sent += 1
            pages.useful += bool(new)
            pages.logs.update(served.logs)
    needs = {
        "snapshots": _at_most(sent["snapshots"], life.pages),
        **_needs_of_reads(found, told.shown, life.looks, life.turns),
        "look-ups": _at_most(sent["look-ups"], told.removed),
        "sub-sessions": _at_most(sent["sub-sessions"], life.looks + told.sessions, life.ended),
        "tokens": _at_most(sent["tokens"], life.tokens),
    }
    # The API fails whoever asks, in proportion: to what is asked in vain, and again, nothing is conceded.
    with_a_token = ended.under_way / max(1, ended.ended)
    struck = {name: life.faults_per_answer(name, with_a_token) * early[name] / max(1, sent[name]) for name in needs}
    oracle, proofs = (
        round(sum(struck[name] * getattr(need, part) for name, need in needs.items())) for part in ("oracle", "proofs")
    )
    needs["faulted"] = _at_most(sent["faulted"], oracle, proofs)
    # By the limit, or for a token that had expired by itself: to know better was possible.
    needs["refused"] = Need(sent["refused"])
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
