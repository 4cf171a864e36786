"""The example of each operation: a call as people write it, with values from the document."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Final

from generator import ir
from generator.nodes import is_array, is_object
from generator.normal import Normalised, Operation
from generator.reference.samples import Samples
from generator.types import Type

_MARK: Final = "# example of "
_WIDTH: Final = 88
_MOST_WORDS: Final = 2
_BYTES: Final = 'b"..."'
_DATETIME: Final = "dt.datetime.fromisoformat({})"


def examples(package: ir.Package, normalised: Normalised) -> dict[str, str]:
    """Return the Python code of each operation's example, formatted, by the name of the operation."""
    samples = Samples(normalised.source)
    operations = {operation.name: operation for operation in normalised.operations}
    endpoints = [endpoint for group in package.groups for endpoint in group.endpoints]
    text = "\n".join(f"{_MARK}{e.name}\n{_example(e, operations[e.name], samples)}" for e in endpoints)
    command = [sys.executable, "-m", "ruff", "format", "--isolated", f"--line-length={_WIDTH}", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)  # noqa: S603  # our own tool
    parts = re.split(rf"^{_MARK}(.*)\n", done.stdout, flags=re.MULTILINE)
    return {name: code.strip() for name, code in zip(parts[1::2], parts[2::2], strict=True)}


def responses(package: ir.Package, normalised: Normalised) -> dict[str, str]:
    """Return the JSON of each operation's response by the name of the operation; those without a body are left out."""
    samples = Samples(normalised.source)
    operations = {operation.name: operation for operation in normalised.operations}
    found = {e.name: samples.response(operations[e.name]) for group in package.groups for e in group.endpoints}
    return {name: json.dumps(each, indent=2, ensure_ascii=False) for name, each in found.items() if each is not None}


def _example(endpoint: ir.Endpoint, operation: Operation, samples: Samples) -> str:
    arguments = ", ".join(_arguments(endpoint, operation, samples))
    call = f"ev.{endpoint.name}({arguments})"
    imports = "import datetime as dt\n\n" if "dt." in arguments else ""
    if endpoint.outcome.lists:
        item = _variable(endpoint.outcome.item)
        return f"{imports}async for {item} in {call}:\n    print({item})\n"
    if endpoint.outcome.returns == "None":
        return f"{imports}await {call}\n"
    result = "url" if endpoint.outcome.location else _variable(endpoint.outcome.into)
    return f"{imports}{result} = await {call}\nprint({result})\n"


def _variable(kind: Type | None) -> str:
    """Return a name for a value of a type."""
    kinds = () if kind is None else kind.members
    if not kinds or kinds[0].kind != "model":
        return "result"
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]+|\d+", kinds[0].name)
    return "_".join(words[-_MOST_WORDS:]).lower()


def _arguments(endpoint: ir.Endpoint, operation: Operation, samples: Samples) -> Iterator[str]:
    for parameter in endpoint.placed("path"):
        yield _source(samples.argument(parameter, operation))
    body = endpoint.body
    keys = samples.body(operation, body) if body is not None and body.has_keywords else {}
    fields = {} if body is None else {field.key: field for field in body.fields}
    if body is not None and body.type is not None and not fields:
        is_bytes = body.type == Type("scalar", "bytes")
        whole = keys if body.has_keywords else samples.whole_body(operation, body)
        yield _BYTES if is_bytes else _source(whole)
    for parameter in (*endpoint.placed("query"), *endpoint.placed("header")):
        is_since = endpoint.outcome.lists and parameter.kind == "date-time" and parameter.name.endswith("_gte")
        if parameter.required or (parameter.name == "expand" and parameter.values) or is_since:
            value = _source(samples.argument(parameter, operation))
            yield f"{parameter.name}={_DATETIME.format(value) if parameter.kind == 'date-time' else value}"
    for key, value in keys.items():
        if key in fields:
            is_file = any(each.name == "File" for each in fields[key].type.walk())
            yield f"{fields[key].name}={_BYTES if is_file else _source(value)}"


def _source(value: Any) -> str:
    """Return a value of JSON as Python source, with double quotes."""
    if is_object(value):
        return "{" + ", ".join(f"{_source(key)}: {_source(each)}" for key, each in value.items()) + "}"
    if is_array(value):
        return "[" + ", ".join(map(_source, value)) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
