"""Values by columns: tables for people, CSV for spreadsheets."""

from __future__ import annotations

import csv
import io
import re
import shutil
import sys
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from ev_energy_async.masking import printable
from ev_energy_async.values import is_array, is_object

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ev_energy_async.cli.entries import Entry
    from ev_energy_async.cli.session import Session

__all__ = ["Csv", "Table", "record", "width_of"]

_WIDEST: Final = 44
_GAP: Final = "  "
_HEAD: Final = 16
# A time loses its fraction, and a reference all but its ID: both are in the other formats.
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)")
_REFERENCE: Final = re.compile(r"https?://[^\s?#]+/([a-z]{4}[0-9A-Z]{26})/?")


def record(document: bytes) -> dict[str, Any]:
    """Return a JSON value by the paths of its members; a value that is no object stands under `value`."""
    found = msgspec.json.decode(document)
    return dict(_flat(found, "")) if is_object(found) and found else {"value": found}


def _flat(found: Mapping[str, Any], before: str) -> Iterator[tuple[str, Any]]:
    for key, value in found.items():
        if is_object(value) and value:
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _at(document: Any, path: str) -> Any:
    """Return the member of a document that a column shows; None if it has none."""
    for key in path.split("."):
        if not is_object(document):
            return None
        document = document.get(key)
    return document


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def _rows(chunk: Sequence[Entry]) -> list[Any]:
    found = [msgspec.json.decode(each.json) for each in chunk]
    return [each if is_object(each) else {"value": each} for each in found]


class Csv:
    """Comma-separated values (RFC 4180), with a header; objects and lists without columns of their own are JSON."""

    def __init__(self, columns: Sequence[str], *, is_list: bool) -> None:
        self._columns = list(columns)
        self._is_list = is_list
        self._has_header = False

    def write(self, chunk: Sequence[Entry]) -> None:
        """Write rows, after the header."""
        rows = _rows(chunk)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if not self._has_header:
            if not self._columns:
                self._columns = list(dict.fromkeys(key for row in rows for key in row))
            writer.writerow(self._columns)
            self._has_header = True
        for row in rows:
            cells = [_text(_at(row, column)) for column in self._columns]
            writer.writerow([printable(cell, len(cell)) for cell in cells] if sys.stdout.isatty() else cells)
        sys.stdout.write(text.getvalue())

    def close(self) -> None:
        """Write the header at least."""
        if not self._has_header and self._is_list and self._columns:
            self.write([])


class Table:
    """A table for people: the columns that have something and fit; one value by its fields, one a line.

    The first rows decide on columns and widths, so that rows can be shown as they come. Where stdout is no terminal,
    nothing is cut.
    """

    def __init__(
        self,
        session: Session,
        columns: Sequence[str],
        first: Sequence[str],
        *,
        is_list: bool,
        is_stream: bool,
        least: Mapping[str, int],
    ) -> None:
        self._session = session
        self._columns = list(dict.fromkeys([*first, *columns]))
        self._first = [*first, *(name for name in ("id",) if name in columns)]
        self._is_list = is_list
        self._is_stream = is_stream
        self._least = least
        self._left_out = 0
        self._widths: dict[str, int] = {}
        # Nothing is cut in a file or a pipe.
        self._room = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0

    def write(self, chunk: Sequence[Entry]) -> None:
        """Write rows, after a header that the first of them decide on."""
        if not chunk:
            return
        if not self._is_list:
            for each in chunk:
                self._write_fields(record(each.json))
            return
        rows = _rows(chunk)
        if not self._columns:
            self._columns = list(dict.fromkeys(key for row in rows for key in row))
        cells = [{name: _cell(_at(row, name)) for name in self._columns} for row in rows]
        if not self._widths:
            self._choose(cells)
            self._write_heads()
        for row in cells:
            shown = [
                _padded(row[name], width if self._room else max(width, width_of(row[name])))
                for name, width in self._widths.items()
            ]
            self._line(_GAP.join(shown).rstrip())

    def close(self) -> None:
        """Say on stderr what is not shown."""
        if self._is_list and not self._widths:
            self._session.note("nothing found")
        if self._left_out:
            self._session.note(f"{self._left_out} more columns do not fit: -o json shows all")

    def _choose(self, rows: list[dict[str, str]]) -> None:
        """Choose columns and widths by the first rows."""
        chosen: dict[str, int] = {}
        used = 0
        for name in self._ranked(rows):
            cells = max([self._least.get(name, 0), *(width_of(row[name]) for row in rows)])
            width = max(min(cells, _WIDEST), *map(len, self._head(name))) if self._room else max(cells, width_of(name))
            if self._room and chosen and used + len(_GAP) + width > self._room:
                self._left_out += 1
                continue
            used += width + (len(_GAP) if chosen else 0)
            chosen[name] = width
        # In the order of the model again, those that were asked for in front.
        self._widths = {name: chosen[name] for name in self._columns if name in chosen}
        if self._room:
            # The last one may take what is left of the line.
            self._widths[next(reversed(self._widths))] += max(self._room - used, 0)

    def _head(self, name: str) -> list[str]:
        """Return the lines of a heading: on a terminal the last part of a path, broken where words end."""
        if not self._room:
            return [printable(name)]
        lines = [""]
        for word in re.findall(r"[^_]*_?", printable(name.rpartition(".")[2]))[:-1]:
            if lines[-1] and len(lines[-1] + word) > _HEAD:
                lines.append("")
            lines[-1] += word
        return lines

    def _write_heads(self) -> None:
        heads = {name: self._head(name) for name in self._widths}
        height = max(map(len, heads.values()), default=0)
        for number in range(height):
            # On the line above the cells stands the end of a heading.
            shown = [("", *[""] * height, *lines)[number - height] for lines in heads.values()]
            cells = [_padded(each, width) for each, width in zip(shown, self._widths.values(), strict=True)]
            self._line(click.style(_GAP.join(cells).rstrip(), bold=True))

    def _ranked(self, rows: list[dict[str, str]]) -> list[str]:
        """Return the columns that have something, the most telling first."""

        def rank(name: str) -> tuple[bool, bool, int]:
            is_long = any(width_of(row[name]) > _WIDEST or row[name].startswith(("[", "{")) for row in rows)
            return name not in self._first, is_long or name.rpartition(".")[2] == "url", self._columns.index(name)

        return sorted((name for name in self._columns if self._is_stream or any(row[name] for row in rows)), key=rank)

    def _write_fields(self, fields: Mapping[str, Any]) -> None:
        width = max(map(width_of, fields), default=0)
        for name, value in fields.items():
            shown = "-" if value is None else printable(value) if name == "url" else _cell(value)
            if set(fields) == {"value"}:
                self._line(shown)
            else:
                self._line(f"{click.style(_padded(printable(name), width), bold=True)}{_GAP}{shown}".rstrip())

    def _line(self, text: str) -> None:
        click.echo(text)


def _cell(value: Any) -> str:
    if is_array(value) and all(isinstance(each, str) for each in value):
        return ", ".join(map(_cell, value))
    text = _text(value)
    time, reference = _TIME.fullmatch(text), _REFERENCE.fullmatch(text)
    if time is not None:
        return f"{time[1]} {time[2]}{time[3].replace('+00:00', 'Z')}"
    return reference[1] if reference is not None else printable(text, max(len(text), 1))


def width_of(text: str) -> int:
    """Return how many cells of a terminal a text takes."""
    from rich.cells import cell_len  # noqa: PLC0415  # rich is slow to import

    return len(text) if text.isascii() else cell_len(text)


def _padded(text: str, width: int) -> str:
    """Return a text in just this width, cut if need be."""
    if (length := width_of(text)) <= width:
        return text + " " * (width - length)
    from rich.cells import set_cell_size  # noqa: PLC0415  # only when it is needed

    return set_cell_size(text, width - 1) + "…"
