"""A document that cannot be generated from: one message that names the place, exit 2, nothing written."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generator import fetch
from generator.__main__ import main
from generator.problems import BadDocument, NotCarriedOver
from tests.generator.small import body, document, item, made, ok, operation, ref, thing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
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
    "an alias of itself": ("openapi: &a [*a]", "stands for nothing, or for what it is part of"),
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
    "a schema that is a keyword": (schema(**{"None": thing(a=STRING)}), "components.schemas.None: 'None' is a keyword"),
    "a schema that is a builtin": (
        schema(ValueError=thing(a=STRING)),
        "components.schemas.ValueError: 'ValueError' is a builtin",
    ),
    "a schema that is a builtin in lower case": (schema(list=thing(a=STRING)), "'list' is a builtin"),
    "a schema that generated code needs": (
        schema(Decimal=thing(a=STRING)),
        "'Decimal' is a name that generated code needs",
    ),
    "a schema with a path for a name": (schema(**{"../../X": thing(a=STRING)}), "'../../X' is no Python identifier"),
    "a schema of another alphabet": (schema(Größe=thing(a=STRING)), "is no Python identifier"),
    "two schemas of one name": (
        document(
            {"/a": item(post=operation(requestBody=body(ref("X"))))}, {"X": thing(a=STRING), "XFields": thing(a=STRING)}
        ),
        "two classes would be called XFields",
    ),
    "a property that is no identifier": (schema(X=thing(**{"a-b": STRING})), "X.a-b: 'a-b' is no Python identifier"),
    "a property that is a keyword": (schema(X=thing(**{"class": STRING})), "X.class: 'class' is a keyword"),
    "a property that hides a type": (schema(X=thing(list=STRING)), "X.list: 'list' cannot be a field"),
    "two members of one name": (schema(X={"enum": ["a-b", "a b"]}), "X: 'a b' and 'a-b' would both be called A_B"),
    "deepObject": (param(style="deepObject"), "GET /things ? p: style 'deepObject', explode false: cannot be sent"),
    "a comma-joined list": (
        param(explode=False, schema={"type": "array", "items": STRING}),
        "explode false: cannot be sent",
    ),
    "a cookie": (param(**{"in": "cookie"}), "GET /things ? p: cookie parameters cannot be sent"),
    "an object as a parameter": (param(schema=thing(a=STRING)), "only text, numbers and lists of them"),
    "a document as a parameter": (param(content={"application/json": {}}), "cannot be sent"),
    "a header of two lines": (param(**{"in": "header", "name": "X\r\nY"}), "no name of a header"),
    "a parameter of no name": (param(name="$"), "is no Python identifier"),
    "a parameter of the function's own": (param(name="sender"), "'sender' cannot be a parameter"),
    "a parameter of every list's own": (
        document(
            {
                "/things": item(
                    get=operation(
                        {
                            "200": {
                                "description": "",
                                "content": {"application/json": {"schema": {"type": "array", "items": STRING}}},
                            }
                        },
                        parameters=[{"in": "query", "name": "on_bad_item", "schema": STRING}],
                    )
                )
            }
        ),
        "GET /things: 'on_bad_item' cannot be a parameter: the function has one of that name",
    ),
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
    "a body without JSON": (
        document({"/a": item(get=operation({"200": {"description": "", "content": {"text/csv": {}}}}))}),
        "/paths/~1a/get/responses/200: a body without a JSON form (text/csv)",
    ),
    "a list as a body": (
        document({"/a": item(post=operation(requestBody=body({"type": "array"})))}),
        "a body that is no object",
    ),
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
        "go on for more than 50 steps",
    ),
    "allOf without an end": (
        schema(**chain(200, lambda r: {"allOf": [r, thing(b=STRING)]})),
        "allOf goes on for 50 steps",
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


def test_an_operation_without_an_id_is_named_after_its_path_and_that_is_said(tmp_path: Path) -> None:
    given_document = document({"/things": {"get": operation(ok(thing(a=STRING)))}})
    found = made(given_document, folder=tmp_path)
    assert found.endpoint("things.get").function == "get_thing"
    assert "paths: no operationId, named after the path: GET /things (things.get)" in found.report.warnings


def test_a_document_of_50_mb_is_refused_unread(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "bad.yaml"
    with spec.open("wb") as file:
        file.truncate(50_000_000)
    started = time.process_time()
    assert "larger than 20 MB" in refused_file(spec, capsys)
    assert time.process_time() - started < 1


def refused_file(spec: Path | str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["--spec", str(spec), "--check"]) == 2
    return capsys.readouterr().err


def test_a_document_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "No such file" in refused_file(tmp_path / "x.yaml", capsys)
    assert "Is a directory" in refused_file(tmp_path, capsys)


class _Host(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/document")
            self.end_headers()
        elif self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "ftp://127.0.0.1/document")
            self.end_headers()
        elif self.path == "/large":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b" " * (fetch.LARGEST + 10))
        else:
            found = self.path == "/document"
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(json.dumps(document(schemas={"Thing": thing(a=STRING)})).encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class names it so
        pass


@pytest.fixture
def host() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Host)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_document_is_downloaded(host: str, tmp_path: Path) -> None:
    assert main(["--spec", f"{host}/moved"], root=tmp_path) == 0
    assert f'"{host}/moved"' in (tmp_path / "ev_energy_async/api/_document.py").read_text()


@pytest.mark.parametrize(
    ("path", "told"), [("/none", "Not Found"), ("/away", "not followed"), ("/large", "larger than 20 MB")]
)
def test_what_is_no_download_is_refused(host: str, path: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert told in refused_file(host + path, capsys)


def test_a_download_from_https_never_goes_on_over_http() -> None:
    request = urllib.request.Request("https://example.org/document")
    with pytest.raises(BadDocument, match="not followed"):
        fetch._NoDowngrade().redirect_request(request, io.BytesIO(), 302, "", {}, "http://example.org/")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportPrivateUsage]  # headers are not looked at


def test_a_server_that_is_not_there_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert "refused" in refused_file("http://127.0.0.1:1/x", capsys)


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
def test_whatever_stands_in_a_document_it_is_taken_or_refused(changes: list[tuple[tuple[Any, ...], Any, bool]]) -> None:
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
