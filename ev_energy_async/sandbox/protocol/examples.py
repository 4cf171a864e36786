"""Makes values up that fit the document's schemas, for what has no behaviour worth simulating.

The same source of chance gives the same values. References to other resources are never made up: who asks gives them.
"""

from random import Random
from typing import Any, Final

from ev_energy_async.sandbox.protocol.document import Document, Schema, load

_WORDS: Final = (
    "grid",
    "night",
    "charge",
    "solar",
    "home",
    "meter",
    "saver",
    "driver",
    "plug",
    "green",
    "volt",
    "watt",
)
_LARGEST: Final = 100
_WORDS_IN_A_TEXT: Final = 3


def example(name: str, chance: Random, /, **given: Any) -> dict[str, Any]:
    """An object of the component schema of that name, without `id`, `url` and what refers to other resources.

    Example:
        >>> example("EVSEFirmwareVersion", Random(1), version="3.4.1")["version"]
        '3.4.1'
    """
    document = load()
    properties: dict[str, Schema] = document.schemas[name]["properties"]
    made = {
        member: _value(document, schema, member, chance)
        for member, schema in properties.items()
        if member not in given and member not in {"id", "url"} and not _refers(document, schema)
    }
    return made | given


def _refers(document: Document, schema: Schema) -> bool:
    """Whether a member is a URL of another resource or that resource itself."""
    variants: list[Schema] = schema.get("oneOf", [])
    return any(document.resolve(variant).get("type") == "object" for variant in variants) and any(
        variant.get("format") == "uri" for variant in variants
    )


def _value(document: Document, schema: Schema, name: str, chance: Random) -> Any:
    schema = document.resolve(schema)
    for several in ("oneOf", "anyOf", "allOf"):
        if several in schema:
            return _value(document, schema[several][0], name, chance)
    if "enum" in schema:
        return chance.choice([value for value in schema["enum"] if value is not None])
    types: str | list[str] = schema.get("type", "object")
    kind = types if isinstance(types, str) else next(kind for kind in sorted(types) if kind != "null")
    match kind:
        case "boolean":
            return chance.random() < 0.5  # noqa: PLR2004 - a coin
        case "integer" | "number":
            return chance.randint(schema.get("minimum", 0), schema.get("maximum", _LARGEST))
        case "array":
            return []
        case "object":
            properties: dict[str, Schema] = schema.get("properties", {})
            return {member: _value(document, inner, member, chance) for member, inner in properties.items()}
        case _:
            return _text(schema, name, chance)


def _text(schema: Schema, name: str, chance: Random) -> str:
    match schema.get("format"):
        case "uri":
            return f"https://www.example.com/{name}/{chance.randrange(10_000)}"
        case "date-time":
            return f"2026-01-{chance.randint(1, 28):02d}T{chance.randrange(24):02d}:00:00.000000Z"
        case "date":
            return f"2026-01-{chance.randint(1, 28):02d}"
        case _:
            words = " ".join(chance.choice(_WORDS) for _ in range(_WORDS_IN_A_TEXT))
            return words[: schema.get("maxLength", len(words))].strip().capitalize()
