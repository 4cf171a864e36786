"""When nothing is heard of a device: stretches that begin when its link breaks and end when it is restored."""

from ev_energy_async.sandbox.instants import Instant

Silence = tuple[Instant, Instant | None]
"""From when, and until when; None is for good, as far as anybody knows."""

Silences = tuple[Silence, ...]
"""Oldest first, none overlapping."""


def silent(silences: Silences, at: Instant) -> bool:
    """Whether nothing is heard at that moment."""
    return any(start <= at and (end is None or at < end) for start, end in silences)


def broken_off(silences: Silences, start: Instant, end: Instant) -> Instant | None:
    """The first moment between two others at which the link broke."""
    return next((since for since, _ in silences if start < since < end), None)


def break_off(silences: Silences, at: Instant) -> Silences:
    """The silences when the link breaks at a moment; broken links stay so."""
    if silent(silences, at):
        start, end = silences[-1]
        return silences if end is None else (*silences[:-1], (start, None))
    return (*silences, (at, None))


def restore(silences: Silences, at: Instant) -> Silences:
    """The silences when a broken link is restored at a moment; a link that works stays as it is."""
    if not silences or silences[-1][1] is not None:
        return silences
    return (*silences[:-1], (silences[-1][0], at))
