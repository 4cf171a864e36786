"""The document is complete and described, and its examples are valid."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from .openapi import FORMATS, JSON, Document, Node, Operation, document, is_array, is_object

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMAS = sorted(document().schemas)
_TEMPLATED = re.compile(
    r"^(?:the|an?)\s+[\w\s`]{1,30}\s+(?:field|property|parameter|attribute|value|object|schema|header)\W*$",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(r"\b(?:todo|tbd|fixme|xxx|lorem ipsum|not described|no description)\b", re.IGNORECASE)
_E_MAIL = re.compile(r"[\w.+-]+@([\w.-]+\w)")


@pytest.fixture(scope="module")
def doc() -> Document:
    return document()


def media_types(doc: Document) -> Iterator[tuple[str, Node]]:
    """The JSON bodies of all requests, responses and webhooks."""
    for operation in doc.operations:
        holders = {"request": operation.node.get("requestBody", {}), **operation.node["responses"]}
        for name, holder in holders.items():
            media = doc.resolve(holder).get("content", {}).get(JSON)
            if media is not None:
                yield f"{operation} {name}", media
    for name, item in doc.data["webhooks"].items():
        yield name, item["post"]["requestBody"]["content"][JSON]


def texts(doc: Document) -> Iterator[tuple[str, str]]:
    """Every description, with its location."""
    waiting: list[tuple[str, Any]] = [("#", doc.data)]
    while waiting:
        where, node = waiting.pop()
        if is_array(node):
            waiting += [(f"{where}/{i}", each) for i, each in enumerate(node)]
        elif is_object(node):
            if isinstance(node.get("description"), str):
                yield where, node["description"]
            waiting += [(f"{where}/{key}", each) for key, each in node.items() if key != "example"]


def examples(node: Any, where: str = "#") -> Iterator[tuple[str, Any]]:
    """Every example, with its location."""
    if is_array(node):
        for i, each in enumerate(node):
            yield from examples(each, f"{where}/{i}")
    elif is_object(node):
        for key, each in node.items():
            if key == "example":
                yield where, each
            else:
                yield from examples(each, f"{where}/{key}")


def references(node: Any) -> Iterator[str]:
    """Every reference."""
    if is_array(node):
        for each in node:
            yield from references(each)
    elif is_object(node):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for each in node.values():
            yield from references(each)


def test_no_two_operations_share_an_id(doc: Document) -> None:
    ids = Counter(operation.node["operationId"] for operation in doc.operations)
    assert [each for each, count in ids.items() if count > 1] == []


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_example_of_a_schema_is_valid(doc: Document, name: str) -> None:
    schema = doc.schemas[name]
    assert "example" in schema, f"{name} has no example"
    assert doc.problems({"$ref": f"#/components/schemas/{name}"}, schema["example"]) == []


def test_the_examples_of_bodies_are_valid(doc: Document) -> None:
    given = [(where, media) for where, media in media_types(doc) if "example" in media]
    assert given, "there are bodies with an example of their own"
    assert [(where, found) for where, m in given if (found := doc.problems(m["schema"], m["example"]))] == []


def test_each_body_or_its_schema_has_an_example(doc: Document) -> None:
    for where, media in media_types(doc):
        try:
            example = doc.example(media)
        except LookupError:
            pytest.fail(f"{where} has no example")
        assert doc.problems(media["schema"], example) == [], where


def test_a_body_without_its_read_only_keys_is_still_an_example(doc: Document) -> None:
    """The example of a request can be sent: the schema knows everything that remains."""
    for operation in doc.operations:
        body = operation.body
        if is_object(body):
            schema = operation.node["requestBody"]["content"][JSON]["schema"]
            known = doc.properties(schema)
            assert not known or body.keys() <= known.keys(), str(operation)


def test_formats_are_checked(doc: Document) -> None:
    """Without the library for a format, jsonschema accepts everything."""
    wrong = {
        "date": "14.03.2026",
        "date-time": "2026-03-14",
        "email": "nerys",
        "uri": "no uri",
        "uuid": "1",
        "decimal": "1e",
    }
    assert set(FORMATS.checkers) >= wrong.keys()
    for name, value in wrong.items():
        assert doc.problems({"type": "string", "format": name}, value), name


@pytest.mark.parametrize("operation", document().operations, ids=str)
def test_an_operation_is_described(doc: Document, operation: Operation) -> None:
    summary: str = operation.node["summary"]
    assert summary
    assert len(summary) <= 72
    assert not summary.endswith(".")
    assert operation.node["description"].strip()
    assert operation.node["description"].strip().rstrip(".") != summary
    for node in map(doc.resolve, operation.node.get("parameters", ())):
        assert node.get("description", "").strip(), node["name"]
    if "requestBody" in operation.node:
        assert operation.node["requestBody"].get("description", "").strip()
    for status, response in operation.node["responses"].items():
        assert doc.resolve(response).get("description", "").strip(), status
        for name, header in doc.resolve(response).get("headers", {}).items():
            assert doc.resolve(header).get("description", "").strip(), (status, name)


def test_no_two_operations_of_a_path_have_the_same_description(doc: Document) -> None:
    described = Counter(operation.node["description"] for operation in doc.operations)
    assert [text for text, count in described.items() if count > 1] == []


def test_every_schema_and_property_is_described(doc: Document) -> None:
    lacking = [name for name, schema in doc.schemas.items() if not schema.get("description", "").strip()]
    lacking += [
        f"{where}: {name}"
        for where, schema in doc.subschemas()
        for name, node in schema.get("properties", {}).items()
        if not node.get("description", "").strip()
    ]
    assert lacking == []


def test_shared_parts_are_described(doc: Document) -> None:
    for kind in ("parameters", "headers", "responses", "securitySchemes"):
        for name, node in doc.data["components"][kind].items():
            assert node.get("description", "").strip(), f"{kind}/{name}"


def test_descriptions_are_written_not_templated(doc: Document) -> None:
    empty_words = [
        (where, text)
        for where, text in texts(doc)
        if _TEMPLATED.match(text) or _PLACEHOLDER.search(text) or len(text) < 8
    ]
    assert empty_words == []


def test_scopes_are_declared_except_those_that_the_api_omits(doc: Document) -> None:
    flows = doc.data["components"]["securitySchemes"]["oauth2"]["flows"]
    declared = {scope for flow in flows.values() for scope in flow["scopes"]}
    used = {
        scope
        for operation in doc.operations
        for requirement in operation.node.get("security", ())
        for scopes in requirement.values()
        for scope in scopes
    }
    assert used & declared, "what operations need is looked up among what is declared"
    assert used - declared <= {
        "chargingsession:read",
        "programs:write",
        "site:read",
        "support:read",
        "support:write",
        "utility_account:write",
    }


def test_examples_use_only_example_domains(doc: Document) -> None:
    found = [
        (where, match[0])
        for where, example in examples(doc.data)
        for match in _E_MAIL.finditer(str(example))
        if not re.search(r"(?:^|\.)example\.(?:com|org)$", match[1])
    ]
    assert found == []


def test_every_shared_part_is_used_and_every_reference_resolves(doc: Document) -> None:
    pointed = set(references(doc.data))
    for each in pointed:
        assert doc.resolve({"$ref": each}), each
    for kind in ("parameters", "headers", "responses", "schemas"):
        named = {f"#/components/{kind}/{name}" for name in doc.data["components"][kind]}
        assert named <= pointed, "of no use to anybody"
