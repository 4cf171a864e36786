"""The columns of a model for tables and CSV: its fields, those of nested models with a dot between. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from ev_energy_async.codec import members, shape
from ev_energy_async.values import Model

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["columns_of"]


def columns_of(model: Any, expand: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names of the columns of a model, none for what is no model.

    They follow from the model and from what is expanded, never from the data: the header of a CSV is always the same.

    Args:
        model: A type.
        expand: References that hold resources, as in `trim.model`: these have columns of their own.
    """
    return tuple(_columns(model, frozenset(expand), "", ()))


def _columns(model: Any, expand: frozenset[str], before: str, within: tuple[Any, ...]) -> Iterator[str]:
    if not _is_model(model):
        return
    for field in shape(model).fields:
        path = f"{before}{field.key}"
        kinds = [get_args(kind)[0] if hasattr(kind, "__metadata__") else kind for kind in members(field.hint)]
        models = [kind for kind in kinds if _is_model(kind)]
        is_expanded = any(each == path or each.startswith(f"{path}.") for each in expand)
        if len(models) == 1 and models[0] not in within and (len(kinds) == 1 or is_expanded):
            yield from _columns(models[0], expand, f"{path}.", (*within, model))
        else:
            yield path


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Model)
