"""Text of a document never becomes code: it stands in constants and docstrings, or in names made of its letters."""

from __future__ import annotations

import ast
import functools
from typing import TYPE_CHECKING, Any

import pytest

from tests.generator.small import Made, body, document, item, made, ok, operation, ref, thing

if TYPE_CHECKING:
    from collections.abc import Iterator

Node = dict[str, Any]
CODE = "__import__('os').system('id')"
HOSTILE = [
    f"a | {CODE} #",
    f"a] | {CODE}\n",
    f'"); {CODE} #',
    f"'); {CODE} #",
    f'"""\n{CODE}\n"""',
    f"\\'); {CODE} #",
    f"{{{{ {CODE} }}}}",
    f"{{% raw %}}{CODE}",
    f"x: {CODE} = 1\n    y",
    f"Literal['a'] | {CODE}",
    f"None\n\n{CODE}",
]


def full_of(text: str, name: str) -> Node:
    """A document with a text wherever it takes any, and with a name made of it where it takes names of its own."""
    string: Node = {"type": "string", "description": text}
    tagged = {
        "propertyName": name,
        "mapping": {text: "#/components/schemas/One", f"{text}2": "#/components/schemas/Two"},
    }
    union = {"oneOf": [ref("One"), ref("Two")], "discriminator": tagged}
    schemas: Node = {
        "One": thing(**{name: string, "e": {"enum": [text, f"{text}!"]}, "u": {"oneOf": [ref("E"), ref("F"), string]}}),
        "Two": {**thing(**{name: string, "f": {"const": text}}), "additionalProperties": string},
        "E": {"enum": [text], "description": text},
        "F": {"enum": [f"{text}?"]},
        "Body": thing(**{name: string, "union": union, "e": ref("E")}),
    }
    parameters = [
        {"in": "query", "name": name, "schema": {"enum": [text, "b"]}, "description": text},
        {"in": "query", "name": "list", "schema": {"type": "array", "items": {"enum": [text]}}},
        {"in": "query", "name": "e", "schema": ref("E")},
    ]
    told: Node = {"summary": text, "description": text, "tags": [text]}
    responses: Node = {**ok(union), "202": {"description": text, "content": {"text/csv": {}}}}
    get = operation(responses, "thing_id", parameters=parameters, security=[{"o": [text]}], deprecated=True, **told)
    post = operation(ok(ref("One")), requestBody={**body(ref("Body")), "description": text}, operationId=text, **told)
    form = {"content": {"multipart/form-data": {"schema": thing(**{name: {"type": "string", "format": "binary"}})}}}
    put = operation(None, "thing_id", requestBody=form, **told)
    paths = {"/things/{thing_id}": item(get=get, put=put), "/things": item(post=post)}
    info = {"title": text, "version": text}
    return {**document(paths, schemas, tags=[{"name": text, "description": text}]), "info": info}


@functools.cache
def in_plain_words() -> Made:
    return made(full_of("Plain words.", "plain-key"))


def code(files: dict[str, str]) -> Iterator[ast.AST]:
    for name, source in files.items():
        if name.endswith(".py"):
            yield from ast.walk(ast.parse(source))


def shapes(found: Made) -> set[str]:
    """Return the statements, imports and calls of generated code, without its names and constants."""
    told: set[str] = set()
    for node in code(found.files):
        if isinstance(node, ast.Import | ast.ImportFrom):
            told |= {f"import {alias.name}" for alias in node.names if not alias.name[0].isupper()}
        elif isinstance(node, ast.Call):
            told.add(f"call {ast.unparse(node.func)}")
        elif isinstance(node, ast.stmt):
            told.add(type(node).__name__)
    return told


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("is_name", [False, True])
def test_hostile_text_does_nothing_that_plain_words_do_not(text: str, is_name: bool) -> None:
    hostile = made(full_of(text, text if is_name else "plain-key"))
    assert shapes(hostile) <= shapes(in_plain_words())
    names = {node.id for node in code(hostile.files) if isinstance(node, ast.Name)}
    assert not names & {"__import__", "os", "system", "eval", "exec"}
    constants = {node.value for node in code(hostile.files) if isinstance(node, ast.Constant)}
    assert {text, f"{text}!", f"{text}2"} <= constants
