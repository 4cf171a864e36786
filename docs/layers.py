"""Draw `layers.svg`: the packages in the layers of the import contract, and what each imports. `make diagram` runs it.

The layers come from `[tool.importlinter]` in pyproject.toml, the arrows from the import graph. An import that follows
from others (a imports b, b imports c, a imports c) has no arrow. The layout is Sugiyama's: an arrow that crosses layers
gets a point in each, and boxes and points are ordered by the mean position of their neighbours.
"""

from __future__ import annotations

import sys
import tomllib
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import Final, TypeAlias
from xml.sax.saxutils import escape

import grimp

__all__ = ["draw", "main"]

ROOT: Final = Path(__file__).resolve().parents[1]
PACKAGE: Final = "ev_energy_async"

_LEFT_OUT: Final = {"_extras", "_lazy", "_version", "files", "loops", "masking"}
"""Small helpers that packages of all layers import."""

_ROW: Final = 58
_BOX: Final = 26
_LETTER: Final = 7.6
_GAP: Final = 16
_SWEEPS: Final = 60
_FONT: Final = 'font-family="Verdana, DejaVu Sans, sans-serif" font-size="12"'
_ARROWHEAD: Final = (
    '<defs><marker id="end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0L8 4L0 8z" fill="#7d8894"/></marker></defs>'
)

Node: TypeAlias = "str | tuple[str, str, int]"
"""A package, or the point where an arrow between two packages crosses a row."""
Rows: TypeAlias = "list[list[Node]]"


def layers() -> list[list[str]]:
    """Return the packages of each layer, the highest layer first."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    [contract] = [each for each in settings["tool"]["importlinter"]["contracts"] if each["id"] == "layers"]
    named = ([name.strip() for name in layer.split("|")] for layer in contract["layers"])
    return [[name for name in layer if name not in _LEFT_OUT] for layer in named]


def imports() -> dict[str, set[str]]:
    """Return what each package imports of the others, without imports that follow from these."""
    graph = grimp.build_graph(PACKAGE)
    direct: dict[str, set[str]] = {name: set() for layer in layers() for name in layer}
    for importer in graph.modules:
        for imported in graph.find_modules_directly_imported_by(importer):
            # The facade itself, `ev_energy_async`, is in no layer.
            if "." in importer and "." in imported:
                direct.setdefault(importer.split(".")[1], set()).add(imported.split(".")[1])

    def reached(package: str) -> set[str]:
        below = direct[package] - {package} - _LEFT_OUT
        return below.union(*map(reached, below))

    shown = {package: found - {package} - _LEFT_OUT for package, found in direct.items()}
    return {
        package: {each for each in found if not any(each in reached(other) for other in found)}
        for package, found in shown.items()
    }


def _width(node: Node) -> float:
    return len(node) * _LETTER + 22 if isinstance(node, str) else 0


def _rows(shown: list[list[str]], arrows: dict[str, set[str]]) -> tuple[Rows, dict[tuple[str, str], list[Node]]]:
    """Return the rows with a point for each arrow that crosses one, and the way of each arrow."""
    rows: Rows = [list(layer) for layer in shown]
    row_of = {name: number for number, layer in enumerate(shown) for name in layer}
    ways: dict[tuple[str, str], list[Node]] = {}
    for upper, row in row_of.items():
        for lower in sorted(arrows.get(upper, ())):
            points: list[Node] = [(upper, lower, number) for number in range(row + 1, row_of[lower])]
            for number, point in enumerate(points, row + 1):
                rows[number].append(point)
            ways[upper, lower] = [upper, *points, lower]
    return rows, ways


def _crossings(rows: Rows, neighbours: dict[Node, list[Node]]) -> int:
    count = 0
    for upper, lower in pairwise(rows):
        place = {node: number for number, node in enumerate(lower)}
        ends = [end for node in upper for end in sorted(place[each] for each in neighbours[node] if each in place)]
        count += sum(later < earlier for number, earlier in enumerate(ends) for later in ends[number + 1 :])
    return count


def _arrange(rows: Rows, ways: dict[tuple[str, str], list[Node]]) -> dict[Node, float]:
    """Return where each node is, from left to right."""
    neighbours: dict[Node, list[Node]] = defaultdict(list)
    for way in ways.values():
        for one, other in pairwise(way):
            neighbours[one].append(other)
            neighbours[other].append(one)
    best, fewest = [list(row) for row in rows], _crossings(rows, neighbours)
    for sweep in range(_SWEEPS):
        numbers = range(len(rows)) if sweep % 2 == 0 else range(len(rows) - 1, -1, -1)
        for number in numbers:
            beside = rows[number - 1] if sweep % 2 == 0 and number else rows[min(number + 1, len(rows) - 1)]
            place = {node: index / max(1, len(beside) - 1) for index, node in enumerate(beside)}
            wanted = {
                node: mean([place[each] for each in neighbours[node] if each in place] or [index / len(rows[number])])
                for index, node in enumerate(rows[number])
            }
            rows[number].sort(key=wanted.__getitem__)
        if (crossings := _crossings(rows, neighbours)) < fewest:
            best, fewest = [list(row) for row in rows], crossings
    return _spread(best, neighbours)


def _spread(rows: Rows, neighbours: dict[Node, list[Node]]) -> dict[Node, float]:
    """Return positions that keep the order of each row, near to the neighbours of each node."""
    at: dict[Node, float] = {node: 90.0 * number for row in rows for number, node in enumerate(row)}
    for sweep in range(_SWEEPS):
        for row in rows if sweep % 2 else reversed(rows):
            wanted = [mean([at[each] for each in neighbours[node]] or [at[node]]) for node in row]
            # From both sides, so that neither is preferred.
            right: list[float] = []
            for number, (node, place) in enumerate(zip(row, wanted, strict=True)):
                right.append(max(place, right[-1] + _apart(row[number - 1], node)) if right else place)
            left: list[float] = []
            for number in range(len(row) - 1, -1, -1):
                place = wanted[number]
                left.append(min(place, left[-1] - _apart(row[number], row[number + 1])) if left else place)
            at.update(zip(row, map(mean, zip(right, reversed(left), strict=True)), strict=True))
    return at


def _apart(one: Node, other: Node) -> float:
    return (_width(one) + _width(other)) / 2 + _GAP


def draw() -> str:
    """Return the picture as SVG."""
    shown = layers()
    rows, ways = _rows(shown, imports())
    at = _arrange(rows, ways)
    first = min(at[node] - _width(node) / 2 for node in at) - _GAP
    width = max(at[node] + _width(node) / 2 for node in at) + _GAP - first
    x = {node: at[node] - first for node in at}
    y = {node: _ROW * number + _ROW / 2 for number, row in enumerate(rows) for node in row}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {_ROW * len(rows)}" {_FONT}>',
        "<title>The packages of ev_energy_async; each imports only packages below its own</title>",
        _ARROWHEAD,
        f'<rect width="{width:.0f}" height="{_ROW * len(rows)}" fill="white"/>',
    ]
    parts += [
        f'<rect y="{_ROW * number}" width="{width:.0f}" height="{_ROW}" fill="#f4f6f8"/>'
        for number in range(0, len(rows), 2)
    ]
    for way in ways.values():
        # Straight down through each row that it crosses, curved between the rows.
        path = f"M{x[way[0]]:.0f} {y[way[0]] + _BOX / 2:.0f}"
        for upper, lower in pairwise(way):
            start = y[upper] + _BOX / 2
            end = y[lower] - _BOX / 2 - (1 if lower is way[-1] else 0)
            middle = (start + end) / 2
            path += f"C{x[upper]:.0f} {middle:.0f} {x[lower]:.0f} {middle:.0f} {x[lower]:.0f} {end:.0f}"
            if lower is not way[-1]:
                path += f"V{y[lower] + _BOX / 2:.0f}"
        parts.append(f'<path d="{path}" fill="none" stroke="#7d8894" stroke-width="1.2" marker-end="url(#end)"/>')
    for row in rows:
        for node in row:
            if not isinstance(node, str):
                continue
            left, top, wide = x[node] - _width(node) / 2, y[node] - _BOX / 2, _width(node)
            parts.append(
                f'<rect x="{left:.0f}" y="{top:.0f}" width="{wide:.0f}" height="{_BOX}" rx="5" fill="white" '
                'stroke="#1a7f5a" stroke-width="1.4"/>'
                f'<text x="{x[node]:.0f}" y="{y[node] + 4:.0f}" text-anchor="middle">{escape(node)}</text>'
            )
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    """Write the picture to the file that an argument names, or to its place in the documentation."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "layers.svg"
    target.write_text(draw(), "utf-8")


if __name__ == "__main__":
    main()
