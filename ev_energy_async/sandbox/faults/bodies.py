"""Distorts JSON bodies along the schema of the response, in ways that a client must survive.

Works on plain values that it may change; the caller hands in a copy. No I/O.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from random import Random
from typing import Any, Final, TypeGuard

import attrs

from ev_energy_async.sandbox.faults.effects import (
    DuplicatedLogs,
    Effect,
    LateLogs,
    MissingField,
    NewEnumValue,
    NullField,
    UnknownField,
)
from ev_energy_async.sandbox.instants import SECOND, Instant, parse, text
from ev_energy_async.sandbox.protocol import Document, Schema, mismatches

BODY_EFFECTS: Final = (NewEnumValue, UnknownField, NullField, MissingField, DuplicatedLogs, LateLogs)

_NEW_VALUES: Final = ("BRAND_NEW", "UNHEARD_OF", "FROM_THE_FUTURE")
_LOG_KEYS: Final = ("sampled_at", "logged_at")


@attrs.frozen
class _Member:
    """A member of an object and what the document says of it."""

    owner: dict[str, Any]
    name: str
    schema: Schema
    required: bool


class Oddities:
    """Applies effects to the bodies of responses."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def apply(self, effect: Effect, chance: Random, schema: Schema, body: Any, *, seed: int, now: Instant) -> None:
        """Apply an effect to a body in place, as far as the body offers a place for it.

        Args:
            effect: what to do.
            chance: decides where.
            schema: what the document says of the body.
            body: the body as plain values.
            seed: the plan's; decides which logs are late.
            now: the present.
        """
        match effect:
            case NewEnumValue():
                spots = [member for member in self._members(schema, body) if self._closed(member)]
                for member in _some(spots, effect.members, chance):
                    member.owner[member.name] = chance.choice(_NEW_VALUES)
            case NullField():
                spots = [member for member in self._members(schema, body) if not self._takes_null(member.schema)]
                for member in _some(spots, effect.members, chance):
                    member.owner[member.name] = None
            case MissingField():
                spots = [member for member in self._members(schema, body) if member.required]
                for member in _some(spots, effect.members, chance):
                    member.owner.pop(member.name, None)
            case UnknownField():
                owners = {id(member.owner): member.owner for member in self._members(schema, body)}
                for owner in _some(list(owners.values()), effect.members, chance):
                    owner[f"new_field_{chance.randrange(1_000)}"] = chance.choice((None, 42, "news", [1], {"a": "b"}))
            case DuplicatedLogs():
                logs = _logs(body)
                for log in _some(logs, effect.logs, chance):
                    body.insert(chance.randrange(len(body) + 1), deepcopy(log))
            case LateLogs():
                if _logs(body):
                    body[:] = [log for log in body if _has_come(effect, log, seed, now)]
            case _:
                pass

    def _members(self, schema: Schema, value: Any) -> Iterator[_Member]:
        """Yield every member of every object in a value that the document describes."""
        for part in self._parts(schema, value):
            if _is_object(value):
                required: list[str] = part.get("required", [])
                for name, member in part.get("properties", {}).items():
                    if name in value:
                        yield _Member(value, name, member, name in required)
                        yield from self._members(member, value[name])
            elif _is_array(value):
                for item in value:
                    yield from self._members(part.get("items", {}), item)

    def _parts(self, schema: Schema, value: Any) -> Iterator[Schema]:
        """Yield the schemas that describe a value: references followed, of alternatives the first that fits."""
        if "$ref" in schema:
            yield from self._parts(self._document.resolve(schema), value)
        yield schema
        for part in schema.get("allOf", ()):
            yield from self._parts(part, value)
        for alternatives in (schema.get("oneOf"), schema.get("anyOf")):
            for alternative in alternatives or ():
                if not mismatches(self._document, alternative, value, ""):
                    yield from self._parts(alternative, value)
                    break

    def _closed(self, member: _Member) -> bool:
        value = member.owner[member.name]
        return isinstance(value, str) and any("enum" in part for part in self._parts(member.schema, value))

    def _takes_null(self, schema: Schema) -> bool:
        return not mismatches(self._document, schema, None, "")


def malformed(body: bytes, chance: Random) -> bytes:
    """Return a body that is not JSON any more."""
    # A closing bracket is gone, there is one too many, NaN is no JSON (RFC 8259, section 6), nor is broken UTF-8.
    broken = (body[:-1], body + b"]", b"[NaN, " + body + b"]", b"\xff\xfe" + body, b"", b"null,")
    return chance.choice(broken)


def truncated(body: bytes, chance: Random) -> bytes:
    """Return the beginning of a body, at least its first byte and never all of it."""
    return body[: chance.randrange(1, max(2, len(body)))]


def log_keys(body: object) -> tuple[str, ...]:
    """Return the timestamps that identify the logs on a page, in its order; none if it is no page of logs."""
    return tuple(_log_key(log) for log in _logs(body))


def _log_key(log: dict[str, Any]) -> str:
    """Return the timestamp at the end of a log's URL, else the first timestamp among its members."""
    if "url" in log:
        return str(log["url"]).rpartition("/")[2]
    return next(str(log[key]) for key in _LOG_KEYS if key in log)


def _logs(body: object) -> list[dict[str, Any]]:
    """Return the logs on a page, which are recognised by their timestamps."""
    logs: list[dict[str, Any]] = []
    for item in body if _is_array(body) else ():
        if not _is_object(item) or not any(key in item for key in _LOG_KEYS):
            break
        logs.append(item)
    return logs


def _is_object(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _is_array(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _has_come(effect: LateLogs, log: dict[str, Any], seed: int, now: Instant) -> bool:
    """Return whether a log is visible yet; a delayed one reports the later time as `logged_at`."""
    stamps = [parse(str(log[key])) for key in _LOG_KEYS if log.get(key)]
    name = str(log.get("url", json.dumps(log, sort_keys=True)))
    if not stamps or Random(f"{seed}:{name}").random() >= effect.share:
        return True
    due = max(stamps) + round(effect.seconds * SECOND)
    if now < due:
        return False
    if all(log.get(key) for key in _LOG_KEYS):
        log["logged_at"] = text(due)
    return True


def _some(spots: list[Any], count: int, chance: Random) -> list[Any]:
    return chance.sample(spots, min(count, len(spots)))
