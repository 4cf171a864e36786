"""Polygons on the globe (RFC 7946): whether they are sound, how large they are, what lies in them. Pure."""

from collections.abc import Sequence
from itertools import pairwise
from math import cos, radians
from typing import Any, Final

Ring = list[list[float]]
Polygon = list[Ring]

_KILOMETERS_PER_DEGREE: Final = 111.32
_FEWEST: Final = 4  # positions of a closed ring
_LARGEST_TESTED: Final = 400  # segments of a ring up to which crossings are looked for


def polygons(geometries: Sequence[dict[str, Any]]) -> list[Polygon]:
    """Return the polygons of a list of Polygons and MultiPolygons."""
    found: list[Polygon] = []
    for geometry in geometries:
        found += [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    return found


def fault(polygon: Polygon) -> str | None:
    """Return what is wrong with a polygon, or None."""
    for ring in polygon:
        if len(ring) < _FEWEST or ring[0] != ring[-1]:
            return "A ring is not closed: its last position is not its first."
        if any(abs(longitude) > 180 or abs(latitude) > 90 for longitude, latitude in ring):  # noqa: PLR2004  # degrees
            return "A position is not on the globe."
        if _area(ring) == 0:
            return "A ring encloses nothing."
        if len(ring) <= _LARGEST_TESTED and _crosses_itself(ring):
            return "A ring crosses itself."
    return None


def square_kilometers(found: Sequence[Polygon]) -> float:
    """Return the approximate total area of polygons; holes are ignored."""
    return sum(abs(_area(ring)) * (1 if number == 0 else -1) for it in found for number, ring in enumerate(it))


def contains(found: Sequence[Polygon], longitude: float, latitude: float) -> bool:
    """Return whether a point lies inside one of the polygons; a point on a boundary does not."""
    return any(
        _inside(polygon[0], longitude, latitude) and not any(_inside(hole, longitude, latitude) for hole in polygon[1:])
        for polygon in found
    )


def _area(ring: Ring) -> float:
    scale = _KILOMETERS_PER_DEGREE**2 * cos(radians(sum(position[1] for position in ring) / len(ring)))
    return scale * sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring)) / 2


def _inside(ring: Ring, longitude: float, latitude: float) -> bool:
    inside = False
    for (x1, y1), (x2, y2) in pairwise(ring):
        cross = (x2 - x1) * (latitude - y1) - (y2 - y1) * (longitude - x1)
        if cross == 0 and min(x1, x2) <= longitude <= max(x1, x2) and min(y1, y2) <= latitude <= max(y1, y2):
            return False
        if (y1 > latitude) != (y2 > latitude) and longitude < (x2 - x1) * (latitude - y1) / (y2 - y1) + x1:
            inside = not inside
    return inside


def _crosses_itself(ring: Ring) -> bool:
    segments = list(pairwise(ring))
    last = len(segments) - 1
    return any(
        _cross(segments[first], segments[second])
        for first in range(len(segments))
        for second in range(first + 2, len(segments))
        if (first, second) != (0, last)
    )


def _cross(one: tuple[list[float], list[float]], other: tuple[list[float], list[float]]) -> bool:
    (a, b), (c, d) = one, other
    return _side(a, b, c) * _side(a, b, d) < 0 and _side(c, d, a) * _side(c, d, b) < 0


def _side(a: list[float], b: list[float], point: list[float]) -> float:
    return (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0])
