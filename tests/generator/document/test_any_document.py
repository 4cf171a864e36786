"""Any document is either generated from or refused with the errors for that."""

from __future__ import annotations

import contextlib
import copy
import json
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generator.problems import BadDocument, NotCarriedOver
from tests.generator.small import body, document, item, made, ok, operation, ref, thing

if TYPE_CHECKING:
    from collections.abc import Iterator

STRING = {"type": "string"}
Node = dict[str, Any]


_SMALL = document(
    {
        "/things": item(
            get=operation(ok({"type": "array", "items": ref("Thing")}), tags=["T"], security=[{"o": ["a:b"]}]),
            post=operation({"201": ok(ref("Thing"))["200"]}, requestBody=body(ref("Part"))),
        ),
        "/things/{thing_id}": item(
            get=operation(
                ok(ref("Thing")), "thing_id", parameters=[{"in": "query", "name": "q", "schema": {"enum": ["a", "b"]}}]
            )
        ),
    },
    {
        "Thing": {
            "allOf": [
                ref("Part"),
                thing(sub=thing(x={"type": ["integer", "null"]}), tags={"type": "array", "items": STRING}),
            ]
        },
        "Part": {
            **thing(name=STRING, kind={"enum": ["A", None]}, any={"oneOf": [STRING, ref("Part")]}),
            "required": ["name"],
        },
        "Map": {"type": "object", "additionalProperties": ref("Part")},
    },
    tags=[{"name": "T", "description": "Things."}],
    webhooks={"w": item(post=operation(requestBody=body(ref("Thing"))))},
)
SMALL: Node = json.loads(json.dumps(_SMALL))


def places(node: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths to all nodes below a node."""
    children: Any = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # JSON
    for key, value in children:
        yield (*at, key)
        yield from places(value, (*at, key))


PLACES = list(places(SMALL))
SCALARS = (
    st.none() | st.booleans() | st.integers(-3, 10**6) | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "a", "$ref", "object", "array", "null", "string", "date-time", "#/", '"""', "\x00"])
    | st.just("#/components/schemas/Thing")
    | st.text(max_size=5)
)  # fmt: skip
KEYS = st.sampled_from([
    "type", "enum", "allOf", "oneOf", "anyOf", "items", "properties", "required", "$ref", "nullable", "const", "schema",
    "content", "in", "name", "parameters", "format", "additionalProperties", "not", "security", "default", "pattern",
])  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(PLACES), VALUES, st.booleans()), min_size=1, max_size=2))
def test_any_document_is_accepted_or_refused(changes: list[tuple[tuple[Any, ...], Any, bool]]) -> None:
    mutated = copy.deepcopy(SMALL)
    for place, value, is_added in changes:
        node: Any = mutated
        try:
            for key in place[:-1]:
                node = node[key]
            if is_added and isinstance(node[place[-1]], dict) and isinstance(value, dict):
                node[place[-1]].update(value)
            else:
                node[place[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change has taken the place away
    # Whatever else is raised fails the test.
    with contextlib.suppress(BadDocument, NotCarriedOver):
        made(mutated)
