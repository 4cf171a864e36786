"""Discriminators (OpenAPI 3.1, section 4.8.25): the value of a key that says which schema an object is meant for.

`canonical` asks what a reference to a base schema stands for, and notes the unions it meets; `normalise` keeps
the tags.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from generator.document import SCHEMAS
from generator.nodes import is_object, part

Tags = dict[str, dict[str, set[str]]]


class Discriminators:
    """The discriminators of one document.

    Attributes:
        tags: Values by key, by the schema that they choose.
    """

    def __init__(self, schemas: dict[str, Any]) -> None:
        self._raw = schemas
        self.tags: Tags = {}
        self._extending: dict[str, set[str]] = {}
        for name, node in schemas.items():
            for member in node.get("allOf", ()) if is_object(node) else ():
                reference = member.get("$ref") if is_object(member) else None
                if isinstance(reference, str):
                    self._extending.setdefault(reference.removeprefix(SCHEMAS), set()).add(name)
        for name in schemas:
            if self.extending(name):
                self.note(schemas[name]["discriminator"], [*self.extending(name), name], base=name)

    def extending(self, name: str) -> list[str]:
        """Return the schemas that the discriminator of a base schema chooses from, except itself; none without one."""
        node = self._raw.get(name)
        if not is_object(node) or "discriminator" not in node or node.keys() & {"oneOf", "anyOf"}:
            return []
        found: set[str] = set()
        waiting = [name]
        while waiting:
            new = self._extending.get(waiting.pop(), set()) - found - {name}
            found |= new
            waiting += new
        return sorted(found)

    def note(self, discriminator: dict[str, Any], members: Iterable[str], base: str | None = None) -> None:
        """Note which values choose which members of a union: those of the mapping, else the name of the schema."""
        key = discriminator["propertyName"]
        mapped: dict[str, set[str]] = {}
        for value, target in part(discriminator, "mapping").items():
            mapped.setdefault(str(target).removeprefix(SCHEMAS), set()).add(value)
        for name in members:
            values = mapped.get(name) or (set[str]() if name == base else {name})
            if values:
                self.tags.setdefault(name, {}).setdefault(key, set()).update(values)
