"""Names that Python, or the generated code, has for something else: the key on the wire stays as it is."""

from __future__ import annotations

from tests.generator.small import body, document, item, ok, operation, ref, thing
from tests.generator.styles.kit import Refused, Reply, Style
from tests.generator.styles.unions import STRING, gets, posts

KEYS = ["self", "request", "body", "fields", "sender", "m", "dt", "class", "from", "list", "_links", "$id", "x-y", "3d"]
CALLED = {"class": "class_", "from": "from_", "list": "list_", "_links": "links", "$id": "id", "x-y": "x_y",
          "3d": "value_3d", "dt": "dt_", "self": "self_"}  # fmt: skip
ORDER = sorted(KEYS)
WIRE = "{" + ",".join(f'"{key}":"{n}"' for n, key in enumerate(sorted(KEYS))) + "}"


def query(*names: str) -> list[dict[str, object]]:
    return [{"in": "query", "name": name, "schema": STRING} for name in names]


NAMING = {
    "properties of every awkward name": Style(
        paths=gets("/awkward", ref("Awkward")),
        schemas={"Awkward": thing(**dict.fromkeys(KEYS, STRING))},
        call="ev.awkward.get()",
        reply=Reply(body={key: str(n) for n, key in enumerate(ORDER)}),
        returns=f"Awkward({', '.join(f'{CALLED.get(key, key)}={str(n)!r}' for n, key in enumerate(ORDER))})",
    ),
    "properties of awkward names in a body": Style(
        paths=posts("/awkward_body", ref("AwkwardBody")),
        schemas={"AwkwardBody": thing(**dict.fromkeys(KEYS, STRING))},
        call="ev.awkward_body.create(m.AwkwardBody(class_='c', x_y='y', value_3d='3', self_='s'))",
        sends='POST /awkward_body {"3d":"3","class":"c","self":"s","x-y":"y"}',
        returns="None",
    ),
    "properties of awkward names as keywords": Style(
        paths=posts("/awkward_keywords", ref("AwkwardKeywords")),
        schemas={"AwkwardKeywords": thing(**dict.fromkeys(KEYS, STRING))},
        call="ev.awkward_keywords.create(sender='a', body='b', self='c', **{'class': 'd', 'x-y': 'e'})",
        sends='POST /awkward_keywords {"body":"b","class":"d","self":"c","sender":"a","x-y":"e"}',
        returns="None",
    ),
    "an awkward name that comes to another's": Style(
        paths=gets("/clashing", thing(**{"id": STRING, "$id": STRING, "x-y": STRING, "x_y": STRING, "x.y": STRING})),
        call="ev.clashing.get()",
        reply=Reply(body={"id": "1", "$id": "2", "x_y": "3", "x-y": "4", "x.y": "5"}),
        returns="Clashing(id='1', id_='2', x_y_='4', x_y__='5', x_y='3')",
    ),
    "parameters of every awkward name": Style(
        paths={"/asked": item(get=operation(parameters=query(*KEYS)))},
        call="ev.asked.get(self='1', request_='2', body_='3', m='4', class_='5', links='6', id='7', x_y='8',"
        " value_3d='9')",
        sends="GET /asked?body=3&class=5&%24id=7&_links=6&m=4&request=2&self=1&3d=9&x-y=8",
        returns="None",
    ),
    "parameters that differ by punctuation": Style(
        paths={"/punctuated": item(get=operation(parameters=query("a-b", "a_b", "A.B")))},
        call="ev.punctuated.get(a_b='1', a_b_='3', a_b__='2')",
        sends="GET /punctuated?a_b=1&A.B=3&a-b=2",
        returns="None",
    ),
    "a parameter of a name that the body has too": Style(
        paths={"/both": item(post=operation(parameters=query("state"), requestBody=body(ref("Both"))))},
        schemas={"Both": thing(state=STRING)},
        call="ev.both.create(state='in the body', state_='in the query')",
        sends='POST /both?state=in%20the%20query {"state":"in the body"}',
        returns="None",
    ),
    "one name in the path and in the query": Style(
        paths={"/twice/{id}": item(get=operation(ok(STRING), "id", parameters=query("id")))},
        call="ev.twice.get('a', id_='b')",
        sends="GET /twice/a?id=b",
        reply=Reply(body="x"),
        returns="'x'",
    ),
    "values that differ by case": Style(
        paths=gets("/cases", thing(f={"enum": ["txt", "TXT", "on", "ON"]}, g={"enum": ["a-b", "a_b", "A b"]})),
        call="ev.cases.get()",
        reply=Reply(body={"f": "txt", "g": "a_b"}),
        returns="Case(f=<CaseF.TXT_: 'txt'>, g=<CaseG.A_B__: 'a_b'>)",
    ),
    "values that are no names": Style(
        paths=gets("/values", thing(v={"enum": ["", "1st", "+", "name", "mro", "class"]})),
        call="ev.values.get()",
        reply=Reply(body={"v": "+"}),
        returns="Value(v=<ValueV.VALUE__: '+'>)",
    ),
    "schemas of awkward names": Style(
        paths=gets("/schemas", thing(a=ref("class"), b=ref("list"), c=ref("Any"), d=ref("x-y.z"), e=ref("3D"))),
        schemas={name: thing(n=STRING) for name in ("class", "list", "Any", "x-y.z", "3D")},
        call="ev.schemas.get()",
        reply=Reply(body={"a": {"n": "1"}, "b": {"n": "2"}, "c": {"n": "3"}, "d": {"n": "4"}, "e": {"n": "5"}}),
        returns="Schema(a=Class(n='1'), b=List(n='2'), c=AnySchema(n='3'), d=XYZ(n='4'), e=Schema3D(n='5'))",
    ),
    "schemas whose names are no names at all": Style(
        paths=gets("/alphabets", thing(a=ref("..~1..~1X"), b=ref("Größe"), c=ref("ValueError"), d=ref("%25"))),
        schemas={name: thing(n=STRING) for name in ("../../X", "Größe", "ValueError", "%")},
        call="ev.alphabets.get()",
        reply=Reply(body={"a": {"n": "1"}, "b": {"n": "2"}, "c": {"n": "3"}, "d": {"n": "4"}}),
        returns="Alphabet(a=X(n='1'), b=GrE(n='2'), c=ValueErrorSchema(n='3'), d=SchemaSchema(n='4'))",
    ),
    "parameters whose names are no names at all": Style(
        paths={"/nameless": item(get=operation(parameters=query("$", "%", "on_bad_item", "sender")))},
        call="ev.nameless.get(value='1', value_='2', on_bad_item_='3', sender_='4')",
        sends="GET /nameless?on_bad_item=3&sender=4&%24=1&%25=2",
        returns="None",
    ),
    "an anonymous schema of a name that is taken": Style(
        paths=gets("/anonymous", ref("Anonymous")),
        schemas={"Anonymous": thing(part=thing(n=STRING)), "AnonymousPart": thing(s=STRING)},
        call="ev.anonymous.get()",
        reply=Reply(body={"part": {"n": "x"}}),
        returns="Anonymous(part=AnonymousPart2(n='x'))",
    ),
    "a schema of the name that the keys of another have": Style(
        paths=posts("/keyed_body", thing(a=ref("KeyedBody"), b=ref("KeyedBodyFields"))),
        schemas={"KeyedBody": thing(n=STRING), "KeyedBodyFields": thing(s=STRING)},
        call="ev.keyed_body.create(a={'n': '1'}, b={'s': '2'})",
        sends='POST /keyed_body {"a":{"n":"1"},"b":{"s":"2"}}',
        returns="None",
    ),
}

NAMING_REFUSED = {
    f"a field that would hide {name}": Refused(
        document=document(gets("/a", thing(**{name: STRING}))),
        told=rf"A\.{name}: a method of every model has this name; give the field another one",
    )
    for name in ("from_dict", "from_json", "to_dict", "to_json")
}
