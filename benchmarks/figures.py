"""Arithmetic on samples: medians, ratios with their spread, whether a target is met. Does no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median, quantiles
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Compared", "Kind", "Samples", "Target", "compare", "middle"]

Samples: TypeAlias = "Mapping[str, Sequence[float]]"
"""The measurements of one row: contender to values, in the order of the rounds."""

Kind: TypeAlias = Literal["ratio", "difference", "value"]

_FEW: Final = 4


@dataclass(frozen=True)
class Target:
    """A target of a row.

    Attributes:
        kind: `ratio` divides our value by the other's, `difference` subtracts it, `value` takes ours by itself.
        at_most: The limit; in the unit of the samples unless it is a ratio.
        against: The other contender; of several, the one with the lowest median.
        ours: The contender whose values are ours.
    """

    kind: Kind
    at_most: float
    against: tuple[str, ...] = ()
    ours: str = "ours"


@dataclass(frozen=True)
class Compared:
    """The result for a target.

    Attributes:
        value: The median over the rounds.
        low: The lower quartile; with few rounds the minimum.
        high: The upper quartile; with few rounds the maximum.
        at_most: The target.
    """

    value: float
    low: float
    high: float
    at_most: float

    @property
    def is_met(self) -> bool:
        """Whether the median meets the target."""
        return self.value <= self.at_most

    @property
    def is_far_off(self) -> bool:
        """Whether it exceeds twice the target, which noise does not explain."""
        return self.value > 2 * self.at_most


def middle(values: Sequence[float]) -> tuple[float, float, float]:
    """Return median, lower and upper quartile; with few values, minimum and maximum in place of the quartiles.

    Raises:
        ValueError: There are no values.
    """
    if not values:
        raise ValueError("no samples")
    if len(values) < _FEW:
        return median(values), min(values), max(values)
    low, _, high = quantiles(values, n=4, method="inclusive")
    return median(values), low, high


def compare(target: Target, samples: Samples) -> Compared | None:
    """Compare samples with a target; None if a contender that it needs has none.

    Ratios and differences are taken round by round, since most disturbances of a machine outlast a round.
    """
    ours = samples.get(target.ours, ())
    present = [key for key in target.against if samples.get(key)]
    if not ours or (target.kind != "value" and not present):
        return None
    if target.kind == "value":
        return Compared(*middle(ours), target.at_most)
    other = samples[min(present, key=lambda key: median(samples[key]))]
    pairs = zip(ours, other, strict=False)
    found = [mine / theirs if target.kind == "ratio" else mine - theirs for mine, theirs in pairs]
    return Compared(*middle(found), target.at_most)
