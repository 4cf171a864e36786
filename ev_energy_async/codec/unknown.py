"""Keys of a response that its schema does not know: models drop them, `on_drift` can report them.

`codec` calls this when asked to (`report_unknown`), after decoding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from ev_energy_async.codec.types import shape
from ev_energy_async.values import Model, is_array, is_mapping, is_object

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["unknown_keys"]


def unknown_keys(data: bytes, made: object) -> Iterator[tuple[str, str]]:
    """Yield the name of a model and a key for each key of a document that its model does not know.

    Args:
        data: The document.
        made: The value that was decoded from it.
    """
    waiting: list[tuple[object, object]] = [(msgspec.json.decode(data), made)]
    while waiting:
        node, value = waiting.pop()
        if isinstance(value, Model) and is_object(node):
            kind: Any = type(value)
            known = shape(kind)
            if known.more is None:
                yield from ((kind.__name__, key) for key in node if key not in known.keys)
            waiting += [(node[field.key], getattr(value, field.name)) for field in known.fields if field.key in node]
        elif is_array(node) and is_array(value):
            waiting += zip(node, value, strict=False)
        elif is_object(node) and is_mapping(value):
            waiting += [(node[key], value[key]) for key in node if key in value]
