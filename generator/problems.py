"""The errors that end a generation, and the warnings and notes of one that succeeds."""

from __future__ import annotations

import attrs


class GenerationError(Exception):
    """Nothing has been generated, and nothing has been written."""


class BadDocument(GenerationError):
    """The document cannot be generated from."""


class NotCarriedOver(GenerationError):
    """The generator would lose or confuse something of the document."""


class UnsuitableTool(GenerationError):
    """A tool has another version than the one that the project pins."""


@attrs.define
class Report:
    """Warnings and notes of one generation, each once.

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
