"""Example values that fit the document's schemas, for resources whose behaviour is not worth simulating.

The same source of chance gives the same values.
"""

import re
from collections.abc import Iterator
from random import Random
from typing import Any, Final

from ev_energy_async.sandbox.protocol.document import Document, Schema, load

_WORDS: Final = ("grid", "night", "charge", "solar", "home", "meter", "saver", "driver", "plug", "volt", "watt")
_LARGEST: Final = 100
_WORDS_IN_A_TEXT: Final = 3
_ID: Final = re.compile(r"\^?\(?(?:(?P<prefix>[a-z]{4})|\[a-z\]\{4\})\[A-Z(?:\\d|0-9)\]\{26\}\)?\$?")
_ID_CHARACTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# The document's few other patterns: a country, a time of day, a place.
_PATTERNED: Final = ("GB", "07:30:00", "51.5,-0.12")
_FIXED: Final = {
    "decimal": "0.25",
    "email": "driver@example.com",
    "uuid": "5f0c6c0e-5c0b-4a55-9a54-0f2f4f0e7c11",
}


def example(name: str, chance: Random, /, **given: Any) -> dict[str, Any]:
    """Return an object of the component schema of that name, without `id`, `url` and references to other resources.

    Args:
        name: The schema.
        chance: What the values are drawn from.
        **given: Members that are to have these values.

    Example:
        >>> example("EVSEFirmwareVersion", Random(1), version="3.4.1")["version"]
        '3.4.1'
    """
    document = load()
    properties: dict[str, Schema] = document.schemas[name]["properties"]
    made = {
        member: example_of(document, schema, chance, member)
        for member, schema in properties.items()
        if member not in given and member not in {"id", "url"} and not _refers(document, schema)
    }
    return made | given


def example_of(document: Document, schema: Schema, chance: Random, name: str = "") -> Any:
    """Return a value of a schema; references to other resources are URLs.

    Args:
        document: Where the schemas are that it refers to.
        schema: The schema.
        chance: What the value is drawn from.
        name: The member's name, which shows in URLs.
    """
    schema = document.resolve(schema)
    if "enum" in schema:
        return chance.choice([value for value in schema["enum"] if value is not None])
    for several in ("oneOf", "anyOf"):
        if several in schema:
            variants: list[Schema] = [variant for variant in schema[several] if variant.get("type") != "null"]
            by_url = [variant for variant in variants if variant.get("items", variant).get("format") == "uri"]
            return example_of(document, (by_url or variants)[0], chance, name)
    parts: list[Schema] = schema.get("allOf", [])
    if len(parts) == 1 and "properties" not in schema:
        return example_of(document, parts[0], chance, name)
    types: str | list[str] = schema.get("type", "object")
    kind = types if isinstance(types, str) else next(kind for kind in sorted(types) if kind != "null")
    match kind:
        case "boolean":
            return chance.random() < 0.5  # noqa: PLR2004  # a coin
        case "integer" | "number":
            return chance.randint(schema.get("minimum", 0), schema.get("maximum", _LARGEST))
        case "array":
            inner = schema.get("items", {})
            return [example_of(document, inner, chance, name) for _ in range(max(1, schema.get("minItems", 1)))]
        case "object":
            return _object(document, schema, chance)
        case _:
            return _text(schema, name, chance)


def _object(document: Document, schema: Schema, chance: Random) -> dict[str, Any]:
    return {member: example_of(document, inner, chance, member) for member, inner in _properties(document, schema)}


def _properties(document: Document, schema: Schema) -> Iterator[tuple[str, Schema]]:
    schema = document.resolve(schema)
    for part in schema.get("allOf", ()):
        yield from _properties(document, part)
    yield from schema.get("properties", {}).items()


def _refers(document: Document, schema: Schema) -> bool:
    """Return whether a member refers to another resource, by URL or in full."""
    variants: list[Schema] = schema.get("oneOf", [])
    return any(document.resolve(variant).get("type") == "object" for variant in variants) and any(
        variant.get("format") == "uri" for variant in variants
    )


def _text(schema: Schema, name: str, chance: Random) -> str:
    format_, pattern = schema.get("format"), schema.get("pattern")
    if pattern is not None:
        return _patterned(pattern, chance)
    match format_:
        case "uri":
            return f"https://www.example.com/{name}/{chance.randrange(10_000)}"
        case "date-time":
            return f"2026-01-{chance.randint(1, 28):02d}T{chance.randrange(24):02d}:00:00.000000Z"
        case "date":
            return f"2026-01-{chance.randint(1, 28):02d}"
        case str() if format_ in _FIXED:
            return _FIXED[format_]
        case _:
            words = " ".join(chance.choice(_WORDS) for _ in range(_WORDS_IN_A_TEXT))
            return words[: schema.get("maxLength", len(words))].strip().capitalize()


def _patterned(pattern: str, chance: Random) -> str:
    if match := _ID.fullmatch(pattern):
        return (match["prefix"] or "anys") + "".join(chance.choice(_ID_CHARACTERS) for _ in range(26))
    return next((text for text in _PATTERNED if re.fullmatch(pattern, text)), "")
