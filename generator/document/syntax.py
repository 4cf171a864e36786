"""From bytes to plain values: JSON, or YAML as OpenAPI means it, within bounds.

OpenAPI documents are YAML 1.2 in its JSON schema: `NO` and `on` are text, and so are times. The values are built from
the parser's events, which a document cannot make recurse; depth and the size that aliases blow it up to are bounded.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

import attrs
import yaml

from generator.nodes import escaped, is_array, is_object
from generator.problems import BadDocument

# Our document is 18 deep and has 21,000 values.
DEEPEST: Final = 100
MOST_VALUES: Final = 1_000_000
_LONGEST_NUMBER: Final = 60

_CORE: Final = (
    ("null", re.compile(r"(~|null|Null|NULL|)\Z")),
    ("bool", re.compile(r"(true|True|TRUE|false|False|FALSE)\Z")),
    ("int", re.compile(r"[-+]?[0-9]+\Z")),
    ("float", re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")),
)
_TAG: Final = "tag:yaml.org,2002:"
_KINDS: Final = ("null", "bool", "int", "float", "str")


def decode(raw: bytes, name: str) -> Any:
    """Return the decoded document; its content says whether it is JSON or YAML.

    Raises:
        BadDocument: It is neither, or goes beyond the bounds; says where.
    """
    try:
        data = _decode(raw, name)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise BadDocument(f"{name}: neither YAML nor JSON: {error.problem or error.context}{place}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadDocument(f"{name}: neither YAML nor JSON: {' '.join(str(error).split())}") from error
    _check(data, name)
    return data


def _decode(raw: bytes, name: str) -> Any:
    if raw.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
        try:
            return json.loads(raw, object_pairs_hook=_once, parse_constant=_no_number, parse_int=_integer)
        except json.JSONDecodeError as error:
            # YAML has braces too, but its errors about truncated JSON are misleading.
            if not re.match(rb"\s*\{\s*['\w]", raw):
                raise BadDocument(f"{name}: not JSON: {error}") from error
        except RecursionError as error:
            raise BadDocument(f"{name}: nested more than {DEEPEST} deep") from error
        except ValueError as error:
            raise BadDocument(f"{name}: not JSON: {error}") from error
    return _Builder(raw, name).build()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(k for k in keys if keys.count(k) > 1)!r} stands twice in one object")
    return made


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


def _integer(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


@attrs.define
class _Open:
    """An object or array whose end has not come yet."""

    value: Any
    anchor: str | None
    line: int
    key: str | None = None
    size: int = 1
    merged: list[dict[str, Any]] = attrs.field(factory=list[dict[str, Any]])


class _Builder:
    """Builds the value of one YAML document."""

    def __init__(self, raw: bytes, name: str) -> None:
        self._raw = raw
        self._name = name
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._done: list[Any] = []

    def build(self) -> Any:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        for event in yaml.parse(self._raw, Loader=loader):
            if isinstance(event, yaml.ScalarEvent):
                self._scalar(event)
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event)
            elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                self._start(event)
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                self._end()
        if len(self._done) != 1:
            raise BadDocument(f"{self._name}: {len(self._done)} YAML documents in one file; there has to be one")
        return self._done[0]

    def _fail(self, event: Any, text: str) -> BadDocument:
        mark: Any = event.start_mark
        return BadDocument(f"{self._name}: line {mark.line + 1}, column {mark.column + 1}: {text}")

    def _start(self, event: Any) -> None:
        if self._stack and is_object(self._stack[-1].value) and self._stack[-1].key is None:
            raise self._fail(event, "a key that is no text")
        tag = "map" if isinstance(event, yaml.MappingStartEvent) else "seq"
        if event.tag not in {None, "!", _TAG + tag}:
            raise self._fail(event, f"the tag {event.tag!r} has no meaning here")
        if len(self._stack) >= DEEPEST:
            raise self._fail(event, f"nested more than {DEEPEST} deep")
        mark: Any = event.start_mark
        self._stack.append(_Open({} if tag == "map" else [], event.anchor, mark.line))

    def _end(self) -> None:
        closed = self._stack.pop()
        for each in closed.merged:
            for key, value in each.items():
                closed.value.setdefault(key, value)
        self._add(closed.value, closed.anchor, closed.size, closed.line)

    def _scalar(self, event: Any) -> None:
        if self._stack and is_object(self._stack[-1].value) and self._stack[-1].key is None:
            top = self._stack[-1]
            # A key is text, whatever it would be as a value: `200:` and `no:` as well.
            if event.value in top.value:
                raise self._fail(event, f"the key {event.value!r} stands twice in one object")
            top.key = event.value
            return
        self._add(self._value(event), event.anchor, 1, event.start_mark.line)

    def _value(self, event: Any) -> Any:
        text: str = event.value
        kind = (event.tag or "").removeprefix(_TAG)
        if event.tag is None and event.implicit[0]:
            kind = next((k for k, pattern in _CORE if pattern.match(text)), "str")
        elif kind in {"", "!"}:
            kind = "str"
        pattern = dict(_CORE).get(kind)
        if kind not in _KINDS or (pattern is not None and not pattern.match(text)):
            raise self._fail(event, f"the tag {event.tag!r} has no meaning here")
        if kind in {"int", "float"} and len(text) > _LONGEST_NUMBER:
            raise self._fail(event, f"a number of {len(text)} digits")
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        return int(text) if kind == "int" else float(text) if kind == "float" else text

    def _alias(self, event: Any) -> None:
        if event.anchor not in self._anchors:
            raise self._fail(event, f"the alias *{event.anchor} refers to nothing, or to what it is part of")
        value, size = self._anchors[event.anchor]
        if self._stack and is_object(self._stack[-1].value) and self._stack[-1].key is None:
            raise self._fail(event, "an alias as a key")
        self._add(value, None, size, event.start_mark.line)

    def _add(self, value: Any, anchor: str | None, size: int, line: int) -> None:
        if anchor:
            self._anchors[anchor] = value, size
        if not self._stack:
            self._done.append(value)
            return
        top = self._stack[-1]
        top.size += size
        if top.size > MOST_VALUES:
            raise BadDocument(
                f"{self._name}: line {line + 1}: with its aliases in place, more than {MOST_VALUES:,} values"
            )
        if is_array(top.value):
            top.value.append(value)
            return
        key, top.key = top.key, None
        if key == "<<" and (is_object(value) or is_array(value)):
            merged = value if is_array(value) else [value]
            top.merged += [each for each in merged if is_object(each)]
        else:
            top.value[key] = value


def _check(data: Any, name: str) -> None:
    """Make sure of what holds for neither reader by itself: depth, finite numbers, text that can be written."""
    waiting: list[tuple[str, int, Any]] = [("", 0, data)]
    count = 0
    while waiting:
        at, depth, node = waiting.pop()
        count += 1
        if depth > DEEPEST or count > MOST_VALUES:
            raise BadDocument(f"{name}: {at[:200]}: more than {DEEPEST} deep, or more than {MOST_VALUES:,} values")
        if is_object(node):
            for key in node:
                _check_text(key, at, name)
            waiting += [(f"{at}/{escaped(k)}", depth + 1, v) for k, v in node.items()]
        elif is_array(node):
            waiting += [(f"{at}/{i}", depth + 1, v) for i, v in enumerate(node)]
        elif isinstance(node, float) and not math.isfinite(node):
            raise BadDocument(f"{name}: {at}: a number that is too large")
        elif isinstance(node, str):
            _check_text(node, at, name)


def _check_text(text: str, at: str, name: str) -> None:
    if not text.isascii() and re.search("[\ud800-\udfff]", text):
        raise BadDocument(f"{name}: {at}: half of a surrogate pair, which is no text")
