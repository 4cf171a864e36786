"""Renames that keep the old name for a while: `renames` in corrections.yaml.

    renames:
      - was: vehicles.list_logs          # an operation, as it is called on the client
        now: vehicles.list_status_logs
        since: "0.2"                     # the minor release that still knows the old name, with a warning
        why: The document calls them status logs since 2026-10.
      - was: VehicleLog                  # a model or an enum
        now: VehicleStatusLog
        ...
      - was: Vehicle.vin_number          # a field of a response
        now: Vehicle.vin
        ...

An entry says what a comparison cannot know: that two things are one. Where it finds its old name in the old document
and the new one in the new, a change is reported as a rename, and the contents are compared across it.
"""

from __future__ import annotations

from pathlib import Path

import attrs

from generator.normal import FILE, Corrections, Normalised


@attrs.frozen
class Rename:
    """One entry: what something was called, what it is called now, since when, and why."""

    was: str
    now: str
    since: str
    why: str

    def is_due(self, version: str) -> bool:
        """Whether the minor release that kept the old name is over."""
        return _minor(version) > _minor(self.since)


@attrs.frozen
class Renames:
    """The renames that concern two documents, by what they rename.

    Attributes:
        operations: New name of an operation, by its old one.
        schemas: New name of a schema, by its old one.
        fields: New name of a property, by the old name of its schema and its own.
    """

    operations: dict[str, str] = attrs.field(factory=dict[str, str])
    schemas: dict[str, str] = attrs.field(factory=dict[str, str])
    fields: dict[tuple[str, str], str] = attrs.field(factory=dict[tuple[str, str], str])


def read_renames(path: Path = FILE) -> list[Rename]:
    """Read the entries.

    Raises:
        BadDocument: An entry lacks something, or the corrections cannot be read.
    """
    return [Rename(**entry) for entry in Corrections(path).entries("renames")]


def sort_out(entries: list[Rename], old: Normalised, new: Normalised) -> Renames:
    """Return what the entries mean for two documents; those that name nothing of theirs have no say."""
    made = Renames()
    before, after = {o.name for o in old.operations}, {o.name for o in new.operations}
    for each in entries:
        (was, _, prop), (now, _, new_prop) = each.was.partition("."), each.now.partition(".")
        if each.was in before and each.now in after:
            made.operations[each.was] = each.now
        elif not prop and was in old.schemas and now in new.schemas:
            made.schemas[was] = now
        elif _has(old, was, prop) and not _has(new, now, prop) and _has(new, now, new_prop):
            made.fields[was, prop] = new_prop
    return made


def _has(normal: Normalised, schema: str, prop: str) -> bool:
    return prop in normal.schemas.get(schema, {}).get("properties", {})


def _minor(version: str) -> tuple[int, int]:
    major, minor, *_ = [*(int(each) for each in version.split(".")[:2]), 0]
    return major, minor
