"""Writes to stdout: one value, or a stream of them, in the chosen format.

An entry is a JSON document first, of which nothing is lost in `json` and `jsonl`. Tables and CSV show it by columns,
Parquet takes the models.
"""

from __future__ import annotations

import re
import sys
import textwrap
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

import attrs
import msgspec

from ev_energy_async import InvalidArgument
from ev_energy_async.cli.columns import columns_of
from ev_energy_async.cli.entries import entries, entry
from ev_energy_async.cli.grids import Csv, Table, record
from ev_energy_async.values import Model, is_list

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType

    from ev_energy_async.cli.entries import Entry
    from ev_energy_async.cli.session import Session

__all__ = ["Output", "View", "show"]

# Whatever a terminal might act on: it stays the same JSON when it is escaped.
_UNSAFE: Final = re.compile(r"[^\x20-\x7e\n]")


@attrs.frozen(kw_only=True)
class View:
    """A description of the output to come.

    Attributes:
        model: The type of each value: it decides on the columns; None for what has no model.
        expand: References that were expanded, for columns of their own.
        first: Columns that a table shows first.
        columns: All columns, for what has no model.
        least: Widths that columns of a table have at least, where the first rows are not like the others.
        is_list: Whether there are many values, or just one.
        is_stream: Whether they come one by one, perhaps without an end.
    """

    model: Any = None
    expand: Sequence[str] = ()
    first: Sequence[str] = ()
    columns: Sequence[str] = ()
    least: Mapping[str, int] = {}
    is_list: bool = True
    is_stream: bool = False


class _Writer(Protocol):
    def write(self, chunk: Sequence[Entry]) -> None: ...
    def close(self) -> None: ...


class Output:
    """Writes entries to stdout. Leaving `with` after an error leaves a document unfinished: nothing takes it for all.

    Args:
        session: The run; it knows the format.
        view: What is going to be written.

    Raises:
        InvalidArgument: The format does not suit what is written, or where it goes.
    """

    def __init__(self, session: Session, view: View) -> None:
        kind = session.chosen_format(is_stream=view.is_stream)
        columns = list(view.columns or columns_of(view.model, view.expand))
        self._writer: _Writer
        if kind == "table":
            self._writer = Table(
                session, columns, view.first, is_list=view.is_list, is_stream=view.is_stream, least=view.least
            )
        elif kind == "csv":
            self._writer = Csv(columns, is_list=view.is_list)
        elif kind == "parquet":
            self._writer = _Parquet(view)
        else:
            self._writer = _Json(is_document=kind == "json", is_list=view.is_list)
        self.count = 0

    def write(self, chunk: Iterable[Entry]) -> None:
        """Write some entries, and flush them."""
        given = list(chunk)
        self.count += len(given)
        self._writer.write(given)
        sys.stdout.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self._writer.close()


class _Json:
    """One document, or one a line."""

    def __init__(self, *, is_document: bool, is_list: bool) -> None:
        self._is_list = is_list and is_document
        # In a pipe a list has an item a line, which suits `diff` and `grep`; the API may send what it likes.
        self._indent = 2 if is_document and (sys.stdout.isatty() or not is_list) else -1
        self._between = "[\n"

    def write(self, chunk: Sequence[Entry]) -> None:
        parts: list[str] = []
        for each in chunk:
            text = msgspec.json.format(each.json, indent=self._indent).decode()
            text = _UNSAFE.sub(_escaped, text)
            if self._is_list and self._indent > 0:
                text = textwrap.indent(text, "  ")
            parts.append(f"{self._between}{text}" if self._is_list else f"{text}\n")
            self._between = ",\n"
        sys.stdout.write("".join(parts))

    def close(self) -> None:
        if self._is_list:
            sys.stdout.write("[]\n" if self._between == "[\n" else "\n]\n")


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    if character.isprintable():
        return character
    # As surrogates beyond 16 bits (RFC 8259, section 7).
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


class _Parquet:
    """One file with the columns of the model."""

    def __init__(self, view: View) -> None:
        if not (isinstance(view.model, type) and issubclass(view.model, Model)):
            raise InvalidArgument("output", "parquet", "another format, since this is no list of resources")
        if sys.stdout.isatty():
            raise InvalidArgument(
                "output", "parquet", "a file or a pipe: parquet is binary, as in `> vehicles.parquet`"
            )
        from ev_energy_async import tables  # noqa: PLC0415  # pyarrow is slow to import, and an extra

        self._tables = tables
        self._model = view.model
        self._schema = tables.schema(view.model)
        from pyarrow import parquet  # noqa: PLC0415  # only when it is needed

        self._file = parquet.ParquetWriter(sys.stdout.buffer, self._schema)

    def write(self, chunk: Sequence[Entry]) -> None:
        models = [each.model for each in chunk if each.model is not None]
        if models:
            self._file.write_table(self._tables.table(models, self._model))

    def close(self) -> None:
        self._file.close()


def show(session: Session, value: object, text: str | None = None) -> None:
    """Write one value: in a table's place a text, if there is one."""
    if text is not None and session.chosen_format() == "table":
        sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
        return
    if is_list(value):
        with Output(session, View()) as output:
            output.write(entries(value))
        return
    shown = entry(value)
    keys = list(record(shown.json)) if shown.json.startswith(b"{") else []
    with Output(session, View(columns=keys or ("value",), is_list=False)) as output:
        output.write([shown])
