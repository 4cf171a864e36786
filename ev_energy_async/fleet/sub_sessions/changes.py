"""Changes of a charging sub-session: what counts as one. Pure.

Figures do, and where it took place. References count by the ID that they name, expanded or not, so that a vehicle whose
newest log is expanded does not change its sub-session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ev_energy_async.devices import last_segment
from ev_energy_async.values import is_array, is_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ev_energy_async.models import ChargingSubSession

__all__ = ["Change", "changes_between", "facts_of"]

_REFERENCES: Final = frozenset({"vehicle", "evse", "tariff", "carbon_feed", "grid_feeds"})
# What it has below it: figures of its own where they are expanded, else URLs that say nothing.
_PARTS: Final = frozenset({"energy_usage", "flags", "schedules", "assessment", "debug_metadata"})
_IGNORED: Final = frozenset({"id", "url"})


class Change(NamedTuple):
    """A change of a field: values as JSON has them, references as IDs; None for what is absent.

    Attributes:
        old: What it was.
        new: What it is.
    """

    old: Any
    new: Any


def facts_of(session: ChargingSubSession) -> dict[str, Any]:
    """Return what counts of a sub-session, as JSON values."""
    facts: dict[str, Any] = {}
    for name, value in session.to_dict("json").items():
        if name in _IGNORED or (name in _PARTS and not is_mapping(value)):
            continue
        facts[name] = _identity(value) if name in _REFERENCES else value
    if facts.get("end") is None:
        # While it goes on, this is the time that has passed.
        facts.pop("duration_minutes", None)
    return facts


def changes_between(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Change]:
    """Return which fields differ."""
    names = (*old, *(name for name in new if name not in old))
    return {name: Change(old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)}


def _identity(value: Any) -> Any:
    if is_array(value):
        return sorted(map(_identity, value))
    if is_mapping(value):
        return _identity(value.get("id") or value.get("url"))
    return last_segment(value) if isinstance(value, str) else value
