"""The silences of a device: from when its link breaks until it is restored."""

from ev_energy_async.sandbox.instants import Instant

Silence = tuple[Instant, Instant | None]
"""Start and end of each stretch; None is open-ended."""

Silences = tuple[Silence, ...]
"""Oldest first, none overlapping."""


def silent(silences: Silences, at: Instant) -> bool:
    """Return whether the device is silent at a moment."""
    return any(start <= at and (end is None or at < end) for start, end in silences)


def broken_off(silences: Silences, start: Instant, end: Instant) -> Instant | None:
    """Return the first moment between two others at which the link broke."""
    return next((since for since, _ in silences if start < since < end), None)


def break_off(silences: Silences, at: Instant) -> Silences:
    """Return the silences when the link breaks at a moment; broken links stay so."""
    if silent(silences, at):
        start, end = silences[-1]
        return silences if end is None else (*silences[:-1], (start, None))
    return (*silences, (at, None))


def restore(silences: Silences, at: Instant) -> Silences:
    """Return the silences when a broken link is restored at a moment; a link that works stays as it is."""
    if not silences or silences[-1][1] is not None:
        return silences
    return (*silences[:-1], (silences[-1][0], at))
