"""The pages of the reference: one for each group, one for each module of models, one with all operations."""

from __future__ import annotations

import functools
import re
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from generator import ir
from generator.emit import TEMPLATES
from generator.normal import Normalised
from generator.reference.calls import examples, responses
from generator.types import Type

# Methods whose requests the client retries (`http/retry.py`).
_REPEATABLE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
_WORD: Final = re.compile(r"[A-Za-z_]\w*")
_MOST_VALUES: Final = 12


def reference(package: ir.Package, normalised: Normalised) -> dict[str, str]:
    """Return the pages by their path below the folder of the reference."""
    homes = {name: module.name.strip("_") for module in package.modules for name in module.names}
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES / "reference"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  # Markdown comes out; prose goes through `text`, which escapes
    )
    names: dict[str, Any] = environment.globals
    names |= {
        "examples": examples(package, normalised),
        "responses": responses(package, normalised),
        "uses": _uses(package),
        "version": normalised.api_version,
        "safe": _is_safe,
        "heading": _heading,
    }
    filters: dict[str, Any] = environment.filters
    filters |= {"text": text, "cell": cell, "linked": functools.partial(_linked, homes)}
    filters |= {"argument": _argument, "read": Type.read, "write": Type.write, "values": _values}

    def page(template: str, **values: Any) -> str:
        return environment.get_template(template).render(**values)

    pages = {
        "SUMMARY.md": page("summary.md.jinja", groups=package.groups, modules=package.modules),
        "index.md": page("index.md.jinja", groups=package.groups, modules=package.modules),
        "operations.md": page("operations.md.jinja", groups=package.groups),
    }
    pages |= {f"{group.name}.md": page("group.md.jinja", group=group) for group in package.groups if group.endpoints}
    for module in package.modules:
        pages[f"models/{module.name.strip('_')}.md"] = page("models.md.jinja", module=module)
    return pages


def text(said: str) -> str:
    """Return prose of the document as Markdown: paragraphs, in which only code is marked up."""
    paragraphs = [" ".join(each.split()) for each in re.split(r"\n\s*\n", said) if each.strip()]
    return "\n\n".join(_escaped(each) for each in paragraphs)


def cell(said: str) -> str:
    """Return prose as a cell of a table."""
    return text(said).replace("\n\n", "<br>").replace("|", "\\|")


def _escaped(paragraph: str) -> str:
    """Return a paragraph without what Markdown and HTML would read in it, save code."""
    parts = re.split(r"(`[^`]*`)", paragraph)
    return "".join(
        part if place % 2 else re.sub(r"([\\`*_\[\]|#])", r"\\\1", part).replace("&", "&amp;").replace("<", "&lt;")
        for place, part in enumerate(parts)
    )


def _linked(homes: dict[str, str], annotation: str, up: str = "") -> str:
    """Return an annotation as Markdown, with each model linked to its place in the reference."""
    escaped = re.sub(r"([\[\]|*_])", r"\\\1", annotation)

    def link(found: re.Match[str]) -> str:
        name = found[0]
        return f"[{name}]({up}models/{homes[name]}.md#{name})" if name in homes else name

    return _WORD.sub(link, escaped)


def _argument(parameter: ir.Parameter) -> str:
    """Return the annotation of an argument."""
    if parameter.kind == "id":
        return "ID, URL or resource"
    if parameter.kind == "log-time":
        return "datetime | str"
    if parameter.values:
        return "list[str]" if parameter.kind == "array" else "int" if parameter.kind == "integer" else "str"
    return parameter.type.read().replace("dt.", "").replace("AwareDatetime", "datetime")


def _values(parameter: ir.Parameter) -> str:
    """Return the values that a parameter may have, as a sentence."""
    shown = ", ".join(f"`{value}`" for value in parameter.values[:_MOST_VALUES])
    more = len(parameter.values) - _MOST_VALUES
    return f"{'Any' if parameter.kind == 'array' else 'One'} of {shown}{f' and {more} more' if more > 0 else ''}."


def _is_safe(endpoint: ir.Endpoint) -> bool:
    """Whether the client retries it after any transient failure."""
    return endpoint.method in _REPEATABLE or endpoint.idempotent


def _heading(endpoint: ir.Endpoint) -> str:
    """Return a call as people write it, without its optional arguments."""
    given = [parameter.name for parameter in endpoint.placed("path")]
    if endpoint.body is not None and endpoint.body.type is not None:
        given.append("**fields" if endpoint.body.fields else "body")
    needed = [f"{p.name}=..." for p in endpoint.parameters if p.required and p.where != "path"]
    fields = [each for each in given if each == "**fields"]
    return f"ev.{endpoint.name}({', '.join([*(each for each in given if each not in fields), *needed, *fields])})"


def _uses(package: ir.Package) -> dict[str, list[str]]:
    """Return the operations that return or take each model, by the name of the model."""
    found: dict[str, list[str]] = {}
    for endpoint in (endpoint for group in package.groups for endpoint in group.endpoints):
        kinds = [endpoint.outcome.into, endpoint.outcome.item, *(kind for _, kind in endpoint.outcome.by_status)]
        kinds += [endpoint.body.type] if endpoint.body is not None else []
        models = {t.name for kind in kinds if kind is not None for t in kind.walk() if t.kind in {"model", "enum"}}
        for name in models:
            found.setdefault(name, []).append(endpoint.name)
    return found
