"""What makes a generation fail, and what a maintainer is told when it does not."""

from __future__ import annotations

import attrs


class BadDocument(Exception):
    """The document cannot be generated from; nothing has been written."""


class NotCarriedOver(Exception):
    """The generator would lose or confuse something of the document; nothing has been written."""


@attrs.define
class Report:
    """What was found on the way, each thing once.

    Attributes:
        warnings: Worth a maintainer's look each time; always shown.
        notes: What was brought into another form, with the JSON pointer of its place; shown by `-v`.
    """

    _warnings: dict[str, None] = attrs.field(factory=dict[str, None])
    _notes: dict[str, None] = attrs.field(factory=dict[str, None])

    @property
    def warnings(self) -> tuple[str, ...]:
        """All warnings, in the order in which they were met."""
        return tuple(self._warnings)

    @property
    def notes(self) -> tuple[str, ...]:
        """All notes, by place."""
        return tuple(sorted(self._notes))

    def warn(self, place: str, text: str) -> None:
        """Add a warning."""
        self._warnings[f"{place}: {text}"] = None

    def note(self, place: str, text: str) -> None:
        """Add a note."""
        self._notes[f"{place}: {text}"] = None
