"""A document that cannot be generated from: one message that names the place, exit 2, nothing written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from generator.__main__ import main
from tests.generator.small import document, item, made, ok, operation, ref, thing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STRING = {"type": "string"}
Node = dict[str, Any]


def refused(text: str | bytes, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Generate from a document that is bad; returns the message."""
    spec = folder / "bad.yaml"
    spec.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert main(["--spec", str(spec)], root=folder) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("generator: ")
    assert "Traceback" not in told.err
    assert [p.name for p in folder.iterdir()] == ["bad.yaml"]
    return told.err


def param(**keys: Any) -> Node:
    """A document whose one operation has one parameter."""
    path = item(get=operation(ok(thing(a=STRING)), parameters=[{"in": "query", "name": "p", "schema": STRING, **keys}]))
    return document({"/things": path})


def schema(**schemas: Any) -> Node:
    return document(schemas={"Thing": thing(a=STRING), **schemas})


def chain(length: int, link: Callable[[Node], Node]) -> Node:
    schemas = {f"S{i}": link(ref(f"S{i + 1}")) for i in range(length)}
    return {**schemas, f"S{length}": thing(a=STRING)}


def nested(depth: int, key: str) -> Any:
    made: Node = {"type": "string"}
    for _ in range(depth):
        made = {"type": "object", key: {"a": made} if key == "properties" else made}
    return made


TEXTS: dict[str, tuple[str | bytes, str]] = {
    "not YAML": ("a: [b\nc: ]d", "neither YAML nor JSON"),
    "not text": (b"\x80\x81\xfe", "neither YAML nor JSON"),
    "nothing": ("", "there has to be one"),
    "half of JSON": ('{"openapi": "3.1.0", "info": {', "not JSON"),
    "no number": ('{"openapi": NaN}', "no number"),
    "a key twice": ('{"openapi": "3.1.0", "openapi": "3.0.0"}', "'openapi' stands twice"),
    "a key twice in YAML": ("openapi: 3.1.0\npaths: {}\npaths: {}\n", "line 3, column 1: the key 'paths'"),
    "two documents": ("openapi: 3.1.0\n---\nopenapi: 3.1.0\n", "2 YAML documents"),
    "a list": ("- openapi", "no object at its root"),
    "a tag": ("openapi: !!python/object/apply:os.system [id]", "has no meaning here"),
    "no OpenAPI": ("hello: world", "openapi: absent"),
    "OpenAPI 4": ("openapi: 4.0.0", "openapi: 4.0.0"),
    "Swagger 2": ("swagger: '2.0'\npaths: {}", "Swagger 2 is not supported"),
    "no paths": ("openapi: 3.1.0\ninfo: {version: 1}", "`paths` is missing"),
    "no version": ("openapi: 3.1.0\ninfo: {}\npaths: {}", "/info/version"),
    "an alias of itself": ("openapi: &a [*a]", "refers to nothing, or to what it is part of"),
    "a YAML bomb": (
        "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}]\n" for i in range(1, 40)),
        "line 13: with its aliases in place, more than 1,000,000 values",
    ),
    "YAML without a floor": ("[" * 100_000, "more than 100 deep"),
    "YAML objects without a floor": ("a: " + "{a: " * 100_000, "more than 100 deep"),
    "JSON without a floor": ('{"a":' * 100_000, "more than 100 deep"),
    "a number without an end": ('{"a": ' + "9" * 10_000 + "}", "a number of 10000 digits"),
    "too large a number": ("a: 1e999", "too large"),
    "half a character": (json.dumps(schema(X={"description": "\ud800"})), "/components/schemas/X/description"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_text_that_is_no_document_is_refused(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, told = TEXTS[name]
    assert told in refused(text, tmp_path, capsys)


DOCUMENTS: dict[str, tuple[Node, str]] = {
    "dangling $ref": (
        schema(X=thing(b=ref("Nowhere"))),
        "/components/schemas/X/properties/b: $ref '#/components/schemas/Nowhere': points to nothing",
    ),
    "$ref elsewhere": (
        schema(X={"$ref": "other.yaml#/X"}),
        "/components/schemas/X: $ref 'other.yaml#/X': only references within",
    ),
    "circular allOf": (
        schema(X={"allOf": [ref("Y"), thing(a=STRING)]}, Y={"allOf": [ref("X"), thing(b=STRING)]}),
        "allOf goes in a circle (X -> Y -> X)",
    ),
    "a list of itself": (schema(X={"type": "array", "items": ref("X")}, Y=thing(x=ref("X"))), "contains itself"),
    "an alias of itself": (schema(X=ref("Y"), Y=ref("X"), Z=thing(x=ref("X"))), "contains itself"),
    "a parameter of itself": (
        {
            **document({"/a": item(get=operation(parameters=[ref("P", "parameters")]))}),
            "components": {"parameters": {"P": ref("P", "parameters")}},
        },
        "points to itself",
    ),
    "duplicate operationId": (
        document({"/a": item(get=operation(operationId="x")), "/b": item(get=operation(operationId="x"))}),
        "GET /a and GET /b have one operationId: 'x'",
    ),
    "two of one name": (
        document({"/a-b": item(get=operation()), "/a_b": item(get=operation())}),
        "GET /a-b and GET /a_b have one name: 'a_b.get'",
    ),
    "deepObject": (param(style="deepObject"), "GET /things ? p: style 'deepObject', explode false: cannot be sent"),
    "a comma-joined list": (
        param(explode=False, schema={"type": "array", "items": STRING}),
        "explode false: cannot be sent",
    ),
    "a cookie": (param(**{"in": "cookie"}), "GET /things ? p: cookie parameters cannot be sent"),
    "an object as a parameter": (param(schema=thing(a=STRING)), "only text, numbers and lists of them"),
    "a document as a parameter": (param(content={"application/json": {}}), "cannot be sent"),
    "a header of two lines": (param(**{"in": "header", "name": "X\r\nY"}), "no name of a header"),
    "a path without its parameter": (
        document({"/things/{id}": item(get=operation())}),
        "GET /things/{id}: the parameters of the path and its template differ",
    ),
    "a path that is none": (document({"things": {}}), "/paths/things: a path starts with a slash"),
    "a path with quotes": (document({'/a"""b': item(get=operation())}), "a path with characters that no URL has"),
    "a group of the client's": (
        document({"/budget": item(get=operation())}),
        "its group 'budget' is a name of the client itself",
    ),
    "a group of the generator's": (
        document({"/groups": item(get=operation())}),
        "its group 'groups' is a name of the client itself",
    ),
    "a group that hides a class": (
        document({"/paginator": item(get=operation())}),
        "'Paginator' is a name that generated code needs",
    ),
    "a path of dots": (document({"/../../etc": item(get=operation())}), "is no Python identifier"),
    "a verb that is a keyword": (document({"/things/import": item(post=operation())}), "'import' is a keyword"),
    "a type that is none": (
        schema(X=thing(a={"type": "strnig"})),
        "/components/schemas/X/properties/a/type: expected one of",
    ),
    "properties that are none": (
        schema(X={"properties": [1]}),
        "/components/schemas/X/properties: expected an object, found [1]",
    ),
    "an operation that is none": (document({"/a": {"get": "x"}}), "/paths/~1a/get: expected an object, found 'x'"),
    "allOf of text": (schema(X={"allOf": [STRING, thing(a=STRING)]}), "allOf of something that is no object"),
    "references without an end": (
        schema(**chain(80, lambda r: {"type": "array", "items": r}), Y=thing(x=ref("S0"))),
        "nested for more than 50 steps",
    ),
    "allOf without an end": (
        schema(**chain(200, lambda r: {"allOf": [r, thing(b=STRING)]})),
        "allOf is nested for 50 steps",
    ),
    "references that multiply": (
        schema(
            **chain(40, lambda r: {"type": "array", "items": {"anyOf": [{"type": "array", "items": r}, r]}}),
            Y=thing(x=ref("S0")),
        ),
        "more than 200,000 schemas",
    ),
    "schemas without a floor": (schema(X=nested(60, "properties")), "more than 100 deep"),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_that_cannot_be_carried_over_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given_document, told = DOCUMENTS[name]
    assert told in refused(json.dumps(given_document), tmp_path, capsys)


def test_schemas_as_deep_as_is_allowed_are_carried_over() -> None:
    deep = nested(40, "additionalProperties")
    assert "A" in made(document(schemas={"Thing": thing(a=STRING), "A": deep})).classes


def test_an_operation_without_an_id_is_named_after_its_path_with_a_warning(tmp_path: Path) -> None:
    given_document = document({"/things": {"get": operation(ok(thing(a=STRING)))}})
    found = made(given_document, folder=tmp_path)
    assert found.endpoint("things.get").function == "get_thing"
    assert "paths: no operationId, named after the path: GET /things (things.get)" in found.report.warnings
