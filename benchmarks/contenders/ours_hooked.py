"""(f) with a hook for strings, so that every type with a string is decoded tolerantly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.contenders.ours import Ours

if TYPE_CHECKING:
    from cattrs import Converter

__all__ = ["make"]


def _converter() -> Converter:
    from ev_energy_async.codec import make_converter

    def text(value: Any, _: Any) -> Any:
        return value.strip() if isinstance(value, str) else value

    converter = make_converter()
    converter.register_structure_hook_func(lambda into: into is str, text)
    return converter


def make(base_url: str) -> Ours:
    """Make the client."""
    return Ours(base_url, _converter())
