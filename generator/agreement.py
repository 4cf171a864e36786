"""A second opinion: whether openapi-python-client's parser reads the types that the normal form gives.

`types` reads the normal form; the parser reads the same facts by code of its own. Where the two differ, one of them
misreads the document, and the generation fails. Called once a generation; it changes nothing.
"""

from __future__ import annotations

from typing import Any, Final

from openapi_python_client.parser import properties as oai
from openapi_python_client.parser.properties.any import AnyProperty
from openapi_python_client.parser.properties.boolean import BooleanProperty
from openapi_python_client.parser.properties.date import DateProperty
from openapi_python_client.parser.properties.datetime import DateTimeProperty
from openapi_python_client.parser.properties.file import FileProperty
from openapi_python_client.parser.properties.float import FloatProperty
from openapi_python_client.parser.properties.int import IntProperty
from openapi_python_client.parser.properties.list_property import ListProperty
from openapi_python_client.parser.properties.none import NoneProperty
from openapi_python_client.parser.properties.string import StringProperty
from openapi_python_client.parser.properties.union import UnionProperty
from openapi_python_client.parser.properties.uuid import UuidProperty

from generator.normal import Normalised
from generator.parse import Parsed
from generator.problems import NotCarriedOver
from generator.types import Type, type_of

_SCALARS: Final[dict[type[Any], tuple[str, ...]]] = {
    AnyProperty: ("Any",),
    BooleanProperty: ("bool",),
    IntProperty: ("int",),
    FloatProperty: ("float",),
    DateTimeProperty: ("dt.datetime",),
    DateProperty: ("dt.date",),
    UuidProperty: ("UUID",),
    FileProperty: ("File",),
    # It knows no decimals.
    StringProperty: ("str", "Decimal"),
}


def check_agreement(parsed: Parsed, normalised: Normalised) -> None:
    """Compare what the parser read with the normal form it was given.

    Raises:
        NotCarriedOver: They differ; says where.
    """
    differing: list[str] = []

    def compare(at: str, prop: Any, node: dict[str, Any]) -> None:
        kind = type_of(node, normalised.schemas)
        if not _agrees(prop, kind, parsed.classes):
            differing.append(f"{at}: {type(prop).__name__} for {kind.read()}")

    for name, properties in parsed.models.items():
        for key, prop in properties.items():
            compare(f"{name}.{key}", prop, normalised.schemas[name]["properties"][key])
    for operation in normalised.operations:
        found = parsed.parameters[operation.function]
        # What stands in headers is text to the library.
        for parameter in (p for p in operation.parameters if p["in"] != "header"):
            at = parameter["in"], parameter["name"]
            compare(f"{operation.key} ? {parameter['name']}", found[at], parameter["schema"])
    if differing:
        raise NotCarriedOver("\n".join(["openapi-python-client reads another type than the normal form:", *differing]))


def _agrees(prop: Any, kind: Type, classes: dict[str, str]) -> bool:
    if type(prop) in _SCALARS:
        return kind.name in _SCALARS[type(prop)] or kind.name == "Any"
    if isinstance(prop, NoneProperty):
        return kind.kind == "null"
    if isinstance(prop, ListProperty):
        return kind.kind == "list" and _agrees(prop.inner_property, kind.of[0], classes)
    if isinstance(prop, UnionProperty):
        inner = [p for p in prop.inner_properties if not isinstance(p, NoneProperty)]
        nullable = len(inner) < len(prop.inner_properties)
        return kind.name == "Any" or (
            nullable == kind.nullable
            and all(any(_agrees(p, t, classes) for t in kind.members) for p in inner)
            and all(any(_agrees(p, t, classes) for p in inner) for t in kind.members)
        )
    if isinstance(prop, oai.EnumProperty | oai.LiteralEnumProperty):
        return kind.kind == "literal" or (kind.kind == "enum" and kind.name == classes.get(str(prop.class_info.name)))
    if isinstance(prop, oai.ModelProperty):
        return kind.kind == "map" or kind.name in {"Any", classes.get(str(prop.class_info.name))}
    return False
