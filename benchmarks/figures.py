"""Arithmetic on samples: medians, ratios with their spread, and whether a target is met. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median, quantiles
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Compared", "Kind", "Samples", "Target", "compare", "middle"]

Samples: TypeAlias = "Mapping[str, Sequence[float]]"
"""What was measured in one row, by contender, in the order of the rounds."""

Kind: TypeAlias = Literal["ratio", "difference", "value"]

_FEW: Final = 4


@dataclass(frozen=True)
class Target:
    """What is aimed at in a row.

    Attributes:
        kind: Whether ours is divided by the other's, the other's is taken off it, or it stands for itself.
        at_most: What must not be exceeded, in the unit of the row unless it is a ratio.
        against: The other contender; of several the one with the lowest median.
        ours: Whose figures are ours.
    """

    kind: Kind
    at_most: float
    against: tuple[str, ...] = ()
    ours: str = "ours"


@dataclass(frozen=True)
class Compared:
    """How a target was met.

    Attributes:
        value: The median over the rounds.
        low: The lower quartile; of few rounds the least.
        high: The upper quartile; of few rounds the greatest.
        at_most: The target.
    """

    value: float
    low: float
    high: float
    at_most: float

    @property
    def is_met(self) -> bool:
        """Whether the median keeps to the target."""
        return self.value <= self.at_most

    @property
    def is_far_off(self) -> bool:
        """Whether it is beyond twice the target, which noise does not explain."""
        return self.value > 2 * self.at_most


def middle(values: Sequence[float]) -> tuple[float, float, float]:
    """Return median, lower and upper quartile; of few values the least and greatest instead of quartiles.

    Raises:
        ValueError: There are none.
    """
    if not values:
        raise ValueError("no samples")
    if len(values) < _FEW:
        return median(values), min(values), max(values)
    low, _, high = quantiles(values, n=4, method="inclusive")
    return median(values), low, high


def compare(target: Target, samples: Samples) -> Compared | None:
    """Return how a target was met; None if who is needed for that did not take part.

    Ratios and differences are taken round by round, since what disturbs a machine mostly lasts longer than a round.
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
