"""Watches that are broken on purpose, one promise each: a judge that calls one of them good is worth nothing."""

# Mutants change the insides of the watch.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ev_energy_async.fleet.coverage import Row
from ev_energy_async.fleet.watch.emitter import Emitter
from ev_energy_async.fleet.watch.journal import Journal
from ev_energy_async.fleet.watch.ledger import Ledger
from ev_energy_async.fleet.watch.rotation import LateRotation
from ev_energy_async.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pytest

    from ev_energy_async.fleet.watch.ledger import Seen
    from ev_energy_async.fleet.watch.look import Step
    from ev_energy_async.models import Vehicle

    Mutant: TypeAlias = Callable[[pytest.MonkeyPatch], object]

__all__ = ["MUTANTS"]

_HALF_AN_HOUR: Final = 1_800 * SECOND


def _nothing(*_: object) -> None: ...


def _nobody(*_: object, **__: object) -> list[str]:
    return []


def _always(*_: object) -> bool:
    return True


def _forgets_late_logs(patch: pytest.MonkeyPatch) -> None:
    """Take what is older than the newest log delivered for delivered."""
    honest = Ledger.unseen

    def unseen(ledger: Ledger, logs: Iterable[Seen]) -> list[bool]:
        logs = list(logs)
        return [new and log.at > ledger.top for new, log in zip(honest(ledger, logs), logs, strict=True)]

    patch.setattr(Ledger, "unseen", unseen)


def _never_rereads(patch: pytest.MonkeyPatch) -> None:
    """Leave the rotation out."""
    patch.setattr(LateRotation, "next", _nobody)


def _begins_late(patch: pytest.MonkeyPatch) -> None:
    """Count the logs of a fleet only from half an hour after the first cycle's beginning."""
    honest = Ledger.after

    def after(at: int, read_at: int) -> Ledger:
        return honest(at + _HALF_AN_HOUR, read_at + _HALF_AN_HOUR)

    patch.setattr(Ledger, "after", after)


def _acknowledges_ahead(patch: pytest.MonkeyPatch) -> None:
    """Write what was given out, acknowledged or not."""
    honest = Journal.acknowledge

    async def acknowledge(journal: Journal, number: int) -> None:
        await honest(journal, max(number, journal._number))  # a mutant of this very class

    patch.setattr(Journal, "acknowledge", acknowledge)


def _writes_nothing(patch: pytest.MonkeyPatch) -> None:
    """Acknowledge without writing."""

    async def advance(*_: Any) -> None: ...

    patch.setattr(Journal, "_advance", advance)


def _never_says_late(patch: pytest.MonkeyPatch) -> None:
    """Deliver logs that are out of order as if they came in order."""
    honest: Callable[..., None] = Emitter._emit  # a mutant of this very class

    def emit(emitter: Emitter, *args: Any, **fields: Any) -> None:
        honest(emitter, *args, **{name: value for name, value in fields.items() if name != "out_of_order"})

    patch.setattr(Emitter, "_emit", emit)


def _hides_departures(patch: pytest.MonkeyPatch) -> None:
    """Say nothing of vehicles that went."""
    patch.setattr(Emitter, "removed", _nothing)


def _hides_arrivals(patch: pytest.MonkeyPatch) -> None:
    """Say nothing of vehicles that came."""
    honest: Callable[..., None] = Emitter._step  # a mutant of this very class

    def step(emitter: Emitter, vehicle: Vehicle, made: Step, *args: Any) -> None:
        honest(emitter, vehicle, made, *args)
        if made.what == "added":
            emitter.events.pop()

    patch.setattr(Emitter, "_step", step)


def _claims_everything(patch: pytest.MonkeyPatch) -> None:
    """Call each interval complete."""
    patch.setattr(Row, "complete", _always)


MUTANTS: Final[dict[str, tuple[Mutant, str]]] = {
    "forgets late logs": (_forgets_late_logs, "lost"),
    "never reads the past again": (_never_rereads, "lost"),
    "begins half an hour late": (_begins_late, "lost"),
    "acknowledges ahead": (_acknowledges_ahead, "lost"),
    "writes nothing": (_writes_nothing, "twice"),
    "never says that a log is late": (_never_says_late, "disorder"),
    "hides vehicles that went": (_hides_departures, "unfit"),
    "hides vehicles that came": (_hides_arrivals, "unfit"),
    "claims that all is complete": (_claims_everything, "doubtful"),
}
"""The mutants by name: each with the finding that the judge must report."""
