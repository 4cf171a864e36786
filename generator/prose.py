"""Descriptions of the document in the words of its Python readers.

The document speaks of HTTP: of `POST /vehicles`, of the `EvEnergy-User` header, of `sampled_at__gte`. Docstrings say
`ev.vehicles.create`, `as_user`, `sampled_at_gte`. Called by `build`, which also leaves to this module what to say of a
class that the document does not name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from generator.document import METHODS
from generator.normal import Operation, Place

_CALL: Final = re.compile(rf"`({'|'.join(m.upper() for m in METHODS)})\s+(/[^`\s]*)`")
_USER: Final = "`EvEnergy-User`"
# One sends a header, and uses a method.
_USER_PHRASES: Final = (
    (re.compile(rf"\b[Tt]he (?:header )?{_USER}(?: header)?"), "`as_user`"),
    (re.compile(rf"\bSend {_USER}"), "Use `as_user`"),
    (re.compile(rf"\bsend {_USER}"), "use `as_user`"),
    (re.compile(rf"{_USER} (is|was|may be|must be|can be) sent"), r"`as_user` \1 used"),
    (re.compile(_USER), "`as_user`"),
)
_SENTENCE: Final = re.compile(r"(?<=[.!?])\s+(?=[A-Z`])")
_MOST_OWNERS: Final = 3


class Prose:
    """Rewrites descriptions for one document."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._calls = {operation.key: f"`ev.{operation.name}`" for operation in operations}

    def of_python(self, text: str, parameters: Sequence[tuple[str, str]] = ()) -> str:
        """Return a description with Python names in place of those on the wire.

        Args:
            text: The description.
            parameters: Name on the wire and in Python of what the operation takes.
        """
        text = _CALL.sub(lambda m: self._calls.get(f"{m[1]} {m[2]}", m[0]), text)
        for pattern, words in _USER_PHRASES:
            text = pattern.sub(words, text)
        for wire, python in parameters:
            if wire != python:
                text = text.replace(f"`{wire}`", f"`{python}`")
        return text


def footer(operation: Operation, said: str) -> str:
    """Return the last line of a docstring: the request, and who may make it as far as the description does not say.

    Args:
        operation: The operation.
        said: Its description, in Python's words.
    """
    parts = [f"`{operation.key}`"]
    if operation.scopes and not all(f"`{scope}`" in said for scope in operation.scopes):
        parts.append(f"scopes: {', '.join(operation.scopes)}")
    if operation.public:
        parts.append("public")
    if operation.user == "required" and "`as_user`" not in said:
        parts.append("needs a user (`as_user`) under client credentials")
    return "; ".join(parts) + "."


def class_text(own: str, places: Sequence[Place]) -> str:
    """Return the description of a class: its own, or that of the place where it is used.

    Args:
        own: The description that the schema has.
        places: Where it stands, if the document does not name it.
    """
    if not places or (own and not all(place.is_value for place in places)):
        return own
    owners = sorted({f"`{place.owner}`" for place in places})
    shown = owners if len(owners) <= _MOST_OWNERS else [*owners[: _MOST_OWNERS - 1], "others"]
    of = " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))
    prop = next((place.prop for place in places if place.prop), "")
    if not prop:
        return f"An item of {of}."
    where = f"The `{prop}` of {of}." if places[0].is_value else f"One of the `{prop}` of {of}."
    said = _without_null(own) if own else ""
    return f"{said}\n\n{where}" if said else where


def _without_null(text: str) -> str:
    """Return a description without what it says of null, which is no instance of a class."""
    kept: list[str] = []
    for sentence in _SENTENCE.split(" ".join(text.split())):
        clauses = [c for c in re.split(r"; (?![^(]*\))", sentence) if not re.search(r"\bnull\b", c, re.IGNORECASE)]
        if clauses:
            told = "; ".join(clauses)
            kept.append(told if told.endswith((".", "!", "?", ":")) else f"{told}.")
    return " ".join(kept)
