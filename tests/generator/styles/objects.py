"""Objects that take keys beyond those their schema names, maps, and maps of objects without a name."""

from __future__ import annotations

from tests.generator.small import body, item, ok, operation, ref, thing
from tests.generator.styles.kit import Reply, Style
from tests.generator.styles.unions import NUMBER, STRING, gets, posts

INTEGER = {"type": "integer"}

OBJECTS = {
    "an open object keeps its further keys": Style(
        paths=gets("/open", {**thing(a=STRING), "additionalProperties": True}),
        call="ev.open.get()",
        reply=Reply(body={"a": "x", "b": [1, {"c": 2}]}),
        returns="Open(a='x', additional_properties={'b': [1, {'c': 2}]})",
    ),
    "an open object without further keys": Style(
        paths=gets("/shut", {**thing(a=STRING), "additionalProperties": {}}),
        call="ev.shut.get()",
        reply=Reply(body={"a": "x"}),
        returns="Shut(a='x')",
    ),
    "further keys of a type": Style(
        paths=gets("/typed_keys", {**thing(a=STRING), "additionalProperties": ref("TypedKeysPart")}),
        schemas={"TypedKeysPart": thing(n=INTEGER)},
        call="ev.typed_keys.get()",
        reply=Reply(body={"b": {"n": 1}}),
        returns="TypedKey(additional_properties={'b': TypedKeysPart(n=1)})",
    ),
    "further keys of a wrong type": Style(
        paths=gets("/wrong_keys", {**thing(a=STRING), "additionalProperties": INTEGER}),
        call="ev.wrong_keys.get()",
        reply=Reply(body={"b": "x"}),
        raises="DecodeError: expected an integer, got a string at $.b in the response to GET /wrong_keys",
    ),
    "further keys by a pattern": Style(
        paths=gets(
            "/patterned",
            {**thing(a=STRING), "patternProperties": {"^x-": NUMBER}, "additionalProperties": False},
        ),
        call="ev.patterned.get()",
        reply=Reply(body={"x-b": 1}),
        returns="Patterned(additional_properties={'x-b': 1.0})",
    ),
    "a map by a pattern": Style(
        paths=gets(
            "/pattern_map",
            thing(m={"type": "object", "patternProperties": {".": INTEGER}, "additionalProperties": False}),
        ),
        call="ev.pattern_map.get()",
        reply=Reply(body={"m": {"k": 1}}),
        returns="PatternMap(m={'k': 1})",
    ),
    "an open object that is composed": Style(
        paths=gets("/composed", {"allOf": [ref("ComposedBase"), thing(b=STRING)]}),
        schemas={"ComposedBase": {**thing(a=STRING), "additionalProperties": True}},
        call="ev.composed.get()",
        reply=Reply(body={"b": "x", "z": 0}),
        returns="Composed(b='x', additional_properties={'z': 0})",
    ),
    "a plain object member opens nothing": Style(
        paths=gets("/closed", {"allOf": [{"type": "object"}, thing(b=STRING)]}),
        call="ev.closed.get()",
        reply=Reply(body={"b": "x", "z": 0}),
        returns="Closed(b='x')",
    ),
    "further keys are sent": Style(
        paths=posts("/sent_keys", {**thing(a=STRING), "additionalProperties": INTEGER}),
        call="ev.sent_keys.create({'a': 'x', 'b': 1})",
        sends='POST /sent_keys {"a":"x","b":1}',
        returns="None",
    ),
    "further keys of a model are sent": Style(
        paths=posts("/model_keys", {**thing(a=STRING), "additionalProperties": INTEGER}),
        call="ev.model_keys.create(m.ModelKeyCreate(a='x', additional_properties={'b': 1}))",
        sends='POST /model_keys {"a":"x","b":1}',
        returns="None",
    ),
    "further keys inside of a body": Style(
        paths=posts("/inner_keys", thing(parts={"type": "array", "items": ref("InnerKeysPart")})),
        schemas={"InnerKeysPart": {**thing(a=STRING), "additionalProperties": True}},
        call="ev.inner_keys.create(parts=[m.InnerKeysPart(additional_properties={'b': None}), {'a': 'x', 'c': 2}])",
        sends='POST /inner_keys {"parts":[{"b":null},{"a":"x","c":2}]}',
        returns="None",
    ),
    "a key called as the field of further keys": Style(
        paths=gets("/taken_keys", {**thing(additional_properties=STRING), "additionalProperties": INTEGER}),
        call="ev.taken_keys.get()",
        reply=Reply(body={"additional_properties": "x", "b": 1}),
        returns="TakenKey(additional_properties='x', additional_properties_={'b': 1})",
    ),
    "a map of objects without a name": Style(
        paths=gets("/widgets", {"type": "array", "items": ref("Widget")}),
        schemas={
            "Widget": thing(
                v={"type": "object", "additionalProperties": thing(n=INTEGER)},
                w={
                    "type": "object",
                    "additionalProperties": {"type": "object", "additionalProperties": thing(s=STRING)},
                },
            )
        },
        call="ev.widgets.list().all()",
        reply=Reply(body=[{"v": {"a": {"n": 1}}, "w": {"b": {"c": {"s": "x"}}}}]),
        returns="[Widget(v={'a': WidgetV(n=1)}, w={'b': {'c': WidgetW(s='x')}})]",
    ),
    "a body that is an array": Style(
        paths={"/batch": item(post=operation(requestBody=body({"type": "array", "items": ref("BatchPart")})))},
        schemas={"BatchPart": {**thing(n=INTEGER), "required": ["n"]}},
        call="ev.batch.create([{'n': 1}, m.BatchPart(n=2)])",
        signature="(body: 'Sequence[m.BatchPart | m.BatchPartFields]', /) -> 'None'",
        sends='POST /batch [{"n":1},{"n":2}]',
        returns="None",
    ),
    "a body that is an array of something else": Style(
        paths={"/batch_wrong": item(post=operation(requestBody=body({"type": "array", "items": INTEGER})))},
        call="ev.batch_wrong.create(['x'])",
        raises="InvalidArgument: body: expected list: Expected `int`, got `str` at $[0], got ['x']",
    ),
    "a response that is a map": Style(
        paths={"/counts": item(get=operation(ok({"type": "object", "additionalProperties": INTEGER})))},
        call="ev.counts.get()",
        reply=Reply(body={"a": 1}),
        returns="{'a': 1}",
    ),
}
