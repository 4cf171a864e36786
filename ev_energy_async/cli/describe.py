"""Describes an operation and its parameters, from its row in the table and the docstring of its function."""

from __future__ import annotations

import inspect
import re
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal, get_args, get_origin

import attrs

from ev_energy_async.codec import members, shape, spoken
from ev_energy_async.values import Model

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from ev_energy_async.messages import Operation, Param

__all__ = ["Prose", "description_of", "for_people", "prose_of", "text_of"]

_SECTION: Final = re.compile(r"^(Args|Raises|Returns|Example):\n", re.MULTILINE)
_ITEM: Final = re.compile(r"^    (\w+): ", re.MULTILINE)
_ENDPOINT: Final = re.compile(r"^`(GET|POST|PATCH|PUT|DELETE) ")
_CALL: Final = re.compile(r"`ev\.(\w+)\.(\w+)(?:\(\))?`")
_IN_PYTHON: Final = re.compile(
    r" A model or a mapping; or give its keys as keywords\.| The API sends 25 unless told otherwise; this client asks.*"
)


@attrs.frozen
class Prose:
    """The docstring of an endpoint function.

    Attributes:
        summary: Its first line.
        text: What follows, without the sections.
        arguments: The description of each argument.
    """

    summary: str
    text: str
    arguments: dict[str, str]


def for_people(text: str) -> str:
    """Return a text for programmers as one for the command line."""
    text = _CALL.sub(lambda found: f"`ev-energy api {_dashed(found[1])} {_dashed(found[2])}`", text)
    return _IN_PYTHON.sub("", text).replace("`as_user`", "`--user`")


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def prose_of(function: Callable[..., Any], options: Collection[str] = ()) -> Prose:
    """Return the docstring of an endpoint function by its parts, for the command line.

    Args:
        function: The endpoint function.
        options: Its arguments that are options of the command line.
    """
    head, *sections = _SECTION.split(inspect.getdoc(function) or "")
    named = dict(zip(sections[::2], sections[1::2], strict=True))
    items = _ITEM.split(named.get("Args", ""))[1:]
    summary, _, rest = head.strip().partition("\n\n")
    names = {f"`{name}`": f"`--{_dashed(name)}`" for name in options}

    def spelled(text: str) -> str:
        for name, option in names.items():
            text = text.replace(name, option)
        return for_people(text)

    arguments = {name: spelled(" ".join(said.split())) for name, said in zip(items[::2], items[1::2], strict=True)}
    paragraphs = [each for each in rest.split("\n\n") if each and not _ENDPOINT.match(each)]
    return Prose(spelled(summary), spelled("\n\n".join(paragraphs)), arguments)


def description_of(operation: Operation[Any], function: Callable[..., Any]) -> dict[str, Any]:
    """Return everything that is known of an operation, as JSON values."""
    prose = prose_of(function, [each.name for each in (*operation.query, *operation.headers)])
    found: dict[str, Any] = {
        "operation": operation.name,
        "summary": prose.summary,
        "method": operation.method,
        "path": operation.path,
        "scopes": list(operation.scopes),
        "public": operation.public,
        "user": operation.user,
    }
    if prose.text:
        found["description"] = " ".join(prose.text.split())
    groups = (("path", operation.path_params), ("query", operation.query), ("header", operation.headers))
    found["parameters"] = [
        _parameter(where, each, prose.arguments.get(each.name, "")) for where, params in groups for each in params
    ]
    into = None if operation.body is None else operation.body()
    if into is not None:
        found["body"] = {"type": _type(into), "about": prose.arguments.get("body", ""), "fields": list(_fields(into))}
    returned = None if operation.into is None else operation.into()
    if returned is not None:
        kind = f"list of {_type(returned)}" if operation.is_list and operation.items is None else _type(returned)
        found["returns"] = {"type": kind, "fields": list(_fields(returned))}
    return found


def _parameter(where: str, param: Param, about: str) -> dict[str, Any]:
    found: dict[str, Any] = {"name": param.wire or param.name, "in": where, "type": param.kind}
    if param.kind == "array":
        found["items"] = param.items
    if where != "path":
        found["option"] = f"--{_dashed(param.name)}"
    found["required"] = param.required or where == "path"
    if param.values:
        found["values"] = list(param.values)
    for name in ("minimum", "maximum", "prefix"):
        if (bound := getattr(param, name)) is not None:
            found[name] = bound
    found["about"] = about
    return found


def _fields(into: Any) -> Iterator[dict[str, Any]]:
    """Yield the fields of a model, or of the items of a list."""
    if get_origin(into) is list:
        into = get_args(into)[0]
    if not (isinstance(into, type) and issubclass(into, Model)):
        return
    metadata = {each.name: each.metadata for each in attrs.fields(into)}
    model: Any = into
    for field in shape(model).fields:
        more = metadata[field.name]
        found: dict[str, Any] = {"name": field.key, "type": _type(field.hint), "required": field.required}
        for name in ("unit", "description"):
            if name in more:
                found[name] = more[name]
        yield found


def _type(hint: Any) -> str:
    """Return a type as people say it: `text`, `integer`, `list of Vehicle`."""
    names = {"str": "text", "int": "integer", "float": "number", "bool": "true or false", "datetime": "time"}
    kinds = [get_args(kind)[0] if hasattr(kind, "__metadata__") else kind for kind in members(hint)]
    said: list[str] = []
    for kind in kinds:
        if get_origin(kind) is list:
            said.append(f"list of {_type(get_args(kind)[0])}")
        elif isinstance(kind, type) and issubclass(kind, Enum):
            said.append(f"one of {', '.join(str(each.value) for each in kind)}")
        elif get_origin(kind) is Literal:
            said.append(f"one of {', '.join(map(str, get_args(kind)))}")
        else:
            name = spoken(kind)
            said.append(names.get(name, name))
    return " or ".join(said)


def text_of(description: dict[str, Any]) -> str:
    """Return a description as text for a terminal."""
    return "\n".join(_lines(description))


def _lines(found: dict[str, Any]) -> Iterator[str]:
    yield f"{found['method']} {found['path']}"
    yield found["summary"]
    scopes = ", ".join(found["scopes"]) or "none"
    yield f"scopes: {'none, it is public' if found['public'] else scopes}; user: {found['user']}"
    if "description" in found:
        yield f"\n{found['description']}"
    if found["parameters"]:
        yield "\nParameters:"
    for each in found["parameters"]:
        kind = f"{each['type']} of {each['items']}" if "items" in each else each["type"]
        required = ", required" if each["required"] else ""
        values = f"; one of {', '.join(map(str, each['values']))}" if "values" in each else ""
        yield f"  {each.get('option', each['name'])} ({kind}{required}{values}): {each['about']}"
    for title, part in (("Body", found.get("body")), ("Returns", found.get("returns"))):
        if part is None:
            continue
        yield f"\n{title}: {part['type']}"
        for each in part["fields"]:
            required = ", required" if each["required"] else ""
            unit = f", {each['unit']}" if "unit" in each else ""
            about = f": {each['description']}" if each.get("description") else ""
            yield f"  {each['name']} ({each['type']}{unit}{required}){about}"
