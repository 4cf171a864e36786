"""Drift: where a response departs from the schema without losing anything."""

from __future__ import annotations

import attrs

__all__ = ["Drift"]


@attrs.frozen
class Drift:
    """Where an answer departed from the schema in a way that lost nothing.

    Attributes:
        type: Name of the model.
        path: The key in it; `[]` stands for the items of an array or a map.
        kind: `null`, `missing`, `empty`, `number`, `guessed`, `unknown` or `undecodable`.
    """

    type: str
    path: str
    kind: str

    def __str__(self) -> str:
        said = {
            "null": "is null, which the schema does not allow",
            "missing": "is missing, though the schema requires it",
            "empty": "is an empty string in place of a time",
            "number": "is written with a decimal point, though it is an integer",
            "guessed": "is a guess: the object fits several schemas of a union",
            "unknown": "is a key that the schema does not know",
            "undecodable": "could not be understood, and was skipped",
        }
        return f"{self.type}{'.' if self.path else ''}{self.path} {said[self.kind]}"
