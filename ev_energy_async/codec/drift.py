"""Drift: a harmless mismatch between a response and the schema.

`codec` and `http` report it, users listen to it (`on_drift`) and find it in `stats()`.
"""

from __future__ import annotations

import msgspec

from ev_energy_async._attributes import WithAttributes

__all__ = ["Drift"]


class Drift(WithAttributes, msgspec.Struct, frozen=True):
    """A place where a response departs from the schema in a way that loses nothing.

    Attributes:
        type: Name of the model.
        path: The key in it; `[]` stands for the items of an array or a map, `$` for the whole document.
        kind: `null`, `missing`, `empty`, `number`, `guessed`, `unknown`, `text` or `undecodable`.
    """

    type: str
    path: str
    kind: str

    def __str__(self) -> str:
        texts = {
            "null": "is null, which the schema does not allow",
            "missing": "is missing, though the schema requires it",
            "empty": "is an empty string in place of a time",
            "number": "is written with a decimal point, though it is an integer",
            "guessed": "is a guess: the object fits several schemas of a union",
            "unknown": "is a key that the schema does not know",
            "text": "has bytes that are not UTF-8, which were replaced",
            "undecodable": "could not be decoded, and was skipped",
        }
        return f"{self.type}{'.' if self.path else ''}{self.path} {texts[self.kind]}"
