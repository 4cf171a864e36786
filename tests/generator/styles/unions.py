"""Unions with a discriminator, a listed value or distinct keys, and texts in them that must not become code."""

from __future__ import annotations

from typing import Any

from tests.generator.small import body, item, ok, operation, ref, thing
from tests.generator.styles.kit import Reply, Style

STRING = {"type": "string"}
NUMBER = {"type": "number"}


def one_of(*members: Any, **rest: Any) -> dict[str, Any]:
    return {"oneOf": list(members), **rest}


def gets(path: str, schema: Any) -> dict[str, Any]:
    return {path: item(get=operation(ok(schema)))}


def posts(path: str, schema: Any) -> dict[str, Any]:
    return {path: item(post=operation(requestBody=body(schema)))}


UNIONS = {
    "a value that looks like code stays a value": Style(
        paths=posts("/hostile", thing(e=one_of(ref("HostileA"), ref("HostileB")))),
        schemas={
            "HostileA": {"enum": ["a | b"]},
            "HostileB": {"enum": ["a | __import__('os').system('touch was-code') #"]},
        },
        call="""ev.hostile.create(e="a | __import__('os').system('touch was-code') #")""",
        sends="""POST /hostile {"e":"a | __import__('os').system('touch was-code') #"}""",
        returns="None",
    ),
    "a discriminator with a mapping": Style(
        paths=gets(
            "/mapped",
            one_of(
                ref("MappedCircle"),
                ref("MappedSquare"),
                discriminator={
                    "propertyName": "kind",
                    "mapping": {"round": "#/components/schemas/MappedCircle", "angular": "MappedSquare"},
                },
            ),
        ),
        schemas={"MappedCircle": thing(kind=STRING, size=NUMBER), "MappedSquare": thing(kind=STRING, size=NUMBER)},
        call="ev.mapped.get()",
        signature="() -> 'm.MappedCircle | m.MappedSquare'",
        sends="GET /mapped",
        reply=Reply(body={"kind": "angular", "size": 2}),
        returns="MappedSquare(kind='angular', size=2.0)",
    ),
    "a discriminator whose values are the names of schemas": Style(
        paths=gets("/named", one_of(ref("NamedA"), ref("NamedB"), discriminator={"propertyName": "type"})),
        schemas={"NamedA": thing(type=STRING), "NamedB": thing(type=STRING)},
        call="ev.named.get()",
        reply=Reply(body={"type": "NamedB"}),
        returns="NamedB(type='NamedB')",
    ),
    "a discriminator of members that are alike": Style(
        paths=gets("/alike", one_of(ref("AlikeBase"), ref("AlikeMore"), discriminator={"propertyName": "type"})),
        schemas={
            "AlikeBase": thing(type=STRING, name=STRING),
            "AlikeMore": {"allOf": [ref("AlikeBase"), thing(more=STRING)]},
        },
        call="ev.alike.get()",
        reply=Reply(body={"type": "AlikeBase", "name": "x"}),
        returns="AlikeBase(name='x', type='AlikeBase')",
    ),
    "a discriminator on a base schema": Style(
        paths=gets("/pets", {"type": "array", "items": ref("Pet")}),
        schemas={
            "Pet": {
                **thing(pet=STRING, name=STRING),
                "required": ["pet"],
                "discriminator": {"propertyName": "pet", "mapping": {"cat": "#/components/schemas/PetCat"}},
            },
            "PetCat": {"allOf": [ref("Pet"), thing(lives={"type": "integer"})]},
            "PetDog": {"allOf": [ref("Pet"), thing(barks={"type": "boolean"})]},
        },
        call="ev.pets.list().all()",
        reply=Reply(body=[{"pet": "cat", "lives": 9}, {"pet": "PetDog", "barks": True}, {"pet": "fish", "name": "x"}]),
        returns="[PetCat(pet='cat', lives=9), PetDog(pet='PetDog', barks=True), Pet(pet='fish', name='x')]",
        drift=("Pet is a guess: the object fits several schemas of a union",),
    ),
    "a discriminator in a body": Style(
        paths=posts(
            "/drawn",
            thing(
                shapes={
                    "type": "array",
                    "items": one_of(ref("DrawnCircle"), ref("DrawnLine"), discriminator={"propertyName": "type"}),
                }
            ),
        ),
        schemas={"DrawnCircle": thing(type=STRING, r=NUMBER), "DrawnLine": thing(type=STRING, r=NUMBER, to=NUMBER)},
        call="ev.drawn.create(shapes=[{'type': 'DrawnLine', 'to': 2}, m.DrawnCircle(type='DrawnCircle', r=1.5)])",
        sends='POST /drawn {"shapes":[{"to":2.0,"type":"DrawnLine"},{"r":1.5,"type":"DrawnCircle"}]}',
        returns="None",
    ),
    "a body that is a union": Style(
        paths=posts("/either", one_of(ref("EitherA"), ref("EitherB"))),
        schemas={
            "EitherA": {**thing(a=STRING), "required": ["a"]},
            "EitherB": {**thing(b=STRING), "required": ["b"]},
        },
        call="ev.either.create({'b': 'x'})",
        signature="(body: 'm.EitherA | m.EitherAFields | m.EitherB | m.EitherBFields', /) -> 'None'",
        sends='POST /either {"b":"x"}',
        returns="None",
    ),
    "a constant that one member lists": Style(
        paths=gets("/geometry", one_of(ref("GeometryPoint"), ref("GeometryLine"))),
        schemas={
            "GeometryLine": thing(type={"const": "Line"}, at={"type": "array", "items": NUMBER}),
            "GeometryPoint": thing(type={"const": "Point"}, at={"type": "array", "items": NUMBER}),
        },
        call="ev.geometry.get()",
        reply=Reply(body={"type": "Point", "at": [1, 2]}),
        returns="GeometryPoint(at=[1.0, 2.0], type=<GeometryPointType.POINT: 'Point'>)",
    ),
    "a listed value, whatever order the members have": Style(
        paths=gets("/listed", one_of(ref("ListedFirst"), ref("ListedSecond"))),
        schemas={
            "ListedFirst": thing(state={"enum": ["ON", "OFF"]}, x=STRING),
            "ListedSecond": thing(state={"enum": ["OPEN", "SHUT"]}, x=STRING),
        },
        call="ev.listed.get()",
        reply=Reply(body={"state": "SHUT"}),
        returns="ListedSecond(state=<ListedSecondState.SHUT: 'SHUT'>)",
    ),
    "the fewest unknown keys": Style(
        paths=gets("/keyed", one_of(ref("KeyedA"), ref("KeyedB"))),
        schemas={"KeyedA": thing(a=STRING), "KeyedB": thing(a=STRING, b=STRING)},
        call="ev.keyed.get()",
        reply=Reply(body={"a": "x", "b": "y"}),
        returns="KeyedB(a='x', b='y')",
    ),
    "a guess": Style(
        paths=gets("/guessed", one_of(ref("GuessedA"), ref("GuessedB"))),
        schemas={"GuessedA": thing(a=STRING), "GuessedB": thing(a=STRING)},
        call="ev.guessed.get()",
        reply=Reply(body={"a": "x"}),
        returns="GuessedA(a='x')",
        drift=("GuessedA is a guess: the object fits several schemas of a union",),
    ),
    "two enums and text": Style(
        paths=gets("/words", thing(w=one_of(ref("WordsA"), ref("WordsB"), STRING))),
        schemas={"WordsA": {"enum": ["A"]}, "WordsB": {"enum": ["B"]}},
        call="ev.words.get()",
        reply=Reply(body={"w": "B"}),
        returns="Word(w=<WordsB.B: 'B'>)",
    ),
    "a time or other text": Style(
        paths=gets("/when", thing(at=one_of({"type": "string", "format": "date-time"}, STRING))),
        call="ev.when.get()",
        reply=Reply(body={"at": "tomorrow"}),
        returns="When(at='tomorrow')",
    ),
    "a URL, a model or null": Style(
        paths=gets(
            "/linked", thing(make=one_of({"type": "string", "format": "uri"}, ref("LinkedMake"), {"type": "null"}))
        ),
        schemas={"LinkedMake": thing(name=STRING)},
        call="ev.linked.get()",
        reply=Reply(body={"make": {"name": "x"}}),
        returns="Linked(make=LinkedMake(name='x'))",
    ),
}
