"""The resource of each model: the prefix of its IDs and its URL, taken from the API's operations."""

from __future__ import annotations

import functools
import importlib
from typing import TYPE_CHECKING, Any, Final

import attrs

from ev_energy_async import api
from ev_energy_async.client import BASE_URL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ev_energy_async.messages import Operation, Param

__all__ = ["Resource", "collection", "resource_named", "resource_of"]

_PREFIX_LENGTH: Final = 4


@attrs.frozen
class Resource:
    """A resource that can be fetched by itself.

    Attributes:
        path: Path template, e.g. `/vehicles/{vehicle_id}/status_logs/{sampled_at}`.
        params: Its parameters.
    """

    path: str
    params: tuple[Param, ...]

    @property
    def prefix(self) -> str | None:
        """The prefix of its IDs; None for a resource without an ID, such as a log."""
        last = self.params[-1] if self.params else None
        if last is None or last.kind != "id" or not self.path.endswith("}"):
            return None
        # The document does not have every prefix; any four letters will do.
        return last.prefix or stem(last).replace("_", "")[:_PREFIX_LENGTH]

    def url(self, values: dict[str, str]) -> str:
        """Return its URL with values for the parameters."""
        path = self.path
        for param in self.params:
            path = path.replace(f"{{{param.wire or param.name}}}", values[param.name])
        return BASE_URL + path


def stem(param: Param) -> str:
    """Return the name of the resource whose ID a parameter is."""
    return param.name.removesuffix("_id")


def _operations() -> Iterator[Operation[Any]]:
    for name in api.__all__:
        function: Any = getattr(api, name)
        operation: Operation[Any] = vars(importlib.import_module(function.__module__))[f"_{name.upper()}"]
        if operation.method == "GET":
            yield operation


@functools.cache
def _tables() -> tuple[dict[type, Resource], dict[str, Resource], dict[str, str]]:
    """Return resources by model, resources by name, and the paths of collections by name."""
    by_model: dict[type, Resource] = {}
    by_name: dict[str, Resource] = {}
    by_path: dict[str, Resource] = {}
    lists: dict[str, type] = {}
    for operation in _operations():
        into: Any = operation.into() if operation.into is not None else None
        if operation.is_list:
            lists[operation.path] = into
        elif isinstance(into, type) and operation.path_params:
            resource = Resource(operation.path, operation.path_params)
            by_model.setdefault(into, resource)
            if resource.prefix is not None:
                by_path[operation.path.rpartition("/")[0]] = resource
                by_name.setdefault(stem(operation.path_params[-1]), resource)
    for path, into in lists.items():
        # Some lists have a model of their own.
        if path in by_path:
            by_model.setdefault(into, by_path[path])
    return by_model, by_name, {path[1:]: path for path in lists if "{" not in path}


def resource_of(model: type) -> Resource | None:
    """Return the resource of a model; None if it is only part of others."""
    return _tables()[0].get(model)


def resource_named(name: str) -> Resource | None:
    """Return a resource by its name in the singular, e.g. `vehicle`; None if it does not exist."""
    return _tables()[1].get(name)


def collection(name: str) -> str | None:
    """Return the URL of a list by its name, e.g. `vehicles`; None if it does not exist."""
    path = _tables()[2].get(name)
    return None if path is None else BASE_URL + path
